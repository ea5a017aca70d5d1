//! 64-bit ids: GitHub's `BigInt` travels as a JSON string; a world file may also hold a number.
//!
//! This file must not know which record an id belongs to.

use serde::{Deserialize, Deserializer, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u64),
    Text(String),
}

impl Either {
    fn number<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Either::Number(number) => Ok(number),
            Either::Text(text) => text
                .parse()
                .map_err(|_| E::custom(format_args!("expected an unsigned id, found {text:?}"))),
        }
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    match Option::<Either>::deserialize(input)? {
        None => Ok(0),
        Some(either) => either.number(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub fn serialize<S: Serializer>(id: &u64, output: S) -> Result<S::Ok, S::Error> {
    output.collect_str(id)
}

/// The same for an id that may be absent.
pub mod option {
    use super::{Deserialize, Deserializer, Either, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
        Option::<Either>::deserialize(input)?.map(Either::number).transpose()
    }

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(id: &Option<u64>, output: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => output.collect_str(id),
            None => output.serialize_none(),
        }
    }
}
