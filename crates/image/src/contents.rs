//! The files of the operator's image: its binary and the certificate authorities it trusts.
//! Must not know in what form an image is stored.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A file of an image. Directories above it are implied.
#[derive(Debug)]
pub struct File {
    /// From the root of the image, without a leading `/`.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Everything in the operator's image.
pub fn operator(binary: &Path) -> anyhow::Result<Vec<File>> {
    let bytes = std::fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    Ok(vec![
        File { path: "backfill-operator".to_owned(), mode: 0o555, bytes },
        // Where rustls-native-certs looks first; SSL_CERT_FILE names another.
        File {
            path: "etc/ssl/certs/ca-certificates.crt".to_owned(),
            mode: 0o444,
            bytes: authorities().into_bytes(),
        },
    ])
}

/// Mozilla's certificate authorities as PEM. They come by Cargo.lock, so that the bundle does
/// not depend on the machine that builds.
fn authorities() -> String {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(certificate.as_ref());
        for line in text.as_bytes().chunks(64) {
            // Base64 is ASCII, so that any cut is one between characters.
            let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
