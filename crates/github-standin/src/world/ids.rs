//! Derives the ids that a world file leaves out, in the form GitHub gives them today.
//!
//! A node id is a prefix and the URL-safe base64 of a MessagePack array, for example
//! `PR_kwDO…` = `[0, repository id, pull request id]`. This file must not look anything up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::model::AccountKind;
use crate::msgpack::{Scalar, decode, encode};

/// Children of one pull request share its id times this, plus their place from 1 on.
pub const CHILDREN_PER_PULL_REQUEST: u64 = 4096;

/// A node id of something inside a repository.
pub fn inside(prefix: &str, repository: u64, id: u64) -> String {
    let packed = encode(&[0_u64.into(), repository.into(), id.into()]);
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(packed))
}

/// A node id of something that stands alone: a repository or an account.
pub fn alone(prefix: &str, id: u64) -> String {
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(encode(&[0_u64.into(), id.into()])))
}

/// The node id of a commit.
pub fn commit(repository: u64, oid: &str) -> String {
    let packed = encode(&[0_u64.into(), repository.into(), Scalar::Text(oid.into())]);
    format!("C_{}", URL_SAFE_NO_PAD.encode(packed))
}

/// The node id of an account.
pub fn account(kind: AccountKind, id: u64) -> String {
    let prefix = match kind {
        AccountKind::User => "U",
        AccountKind::Bot => "BOT",
        AccountKind::Organization => "O",
        AccountKind::Mannequin => "M",
        AccountKind::EnterpriseUserAccount => "EUA",
    };
    alone(prefix, id)
}

/// Reads a derived id of something inside a repository: prefix, repository id, own id.
pub fn read_inside(id: &str) -> Option<(&str, u64, u64)> {
    let (prefix, packed) = id.split_once('_')?;
    match decode(&URL_SAFE_NO_PAD.decode(packed).ok()?)?.as_slice() {
        [Scalar::Number(0), Scalar::Number(repository), Scalar::Number(own)] => {
            Some((prefix, *repository, *own))
        }
        _ => None,
    }
}

/// A number that depends only on the text: 31-bit FNV-1a, never 0.
pub fn hashed(text: &str) -> u64 {
    let full = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (full ^ (full >> 32)) & 0x7fff_ffff | 1
}

/// A commit id that depends only on its parts: 40 hexadecimal digits.
pub fn oid(of: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(40);
    for salt in 0..5_u8 {
        let _ = write!(text, "{:08x}", hashed(&format!("{of}/{salt}")));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn node_ids_look_like_githubs_and_can_be_read_back() {
        let id = inside("PR", 17_512_112, 2_362_920_014);
        assert!(id.starts_with("PR_kwDO"), "{id}");
        assert_eq!(read_inside(&id), Some(("PR", 17_512_112, 2_362_920_014)));
        assert!(alone("R", 17_512_112).starts_with("R_kgDO"));
        assert_eq!(read_inside("MDExOlB1bGxSZXF1ZXN0MTQ4OTk2MTM="), None);
        assert_eq!(oid("x").len(), 40);
    }
}
