//! The credential a request carries, and its name where the token itself must not appear.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Hexadecimal digits of the hash that names a token: 128 bits.
const HASH_DIGITS: usize = 32;

/// A token: a person's, or an installation's. Opaque, of any length (GitHub's newer ones are
/// about 520 characters).
#[derive(Clone, Debug)]
pub(crate) struct Token {
    secret: SecretString,
    hash: String,
}

impl Token {
    pub(crate) fn new(secret: SecretString) -> Self {
        let digest = Sha256::digest(secret.expose_secret().trim().as_bytes());
        let digits = digest.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}"));
        let hash = digits.collect();
        Self { secret, hash }
    }

    /// Names the token without telling it.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// The `Authorization` header, marked so that no log shows it.
    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        let text = format!("bearer {}", self.secret.expose_secret().trim());
        // A text that no header can hold is no token GitHub ever gave out.
        let mut value = HeaderValue::from_str(&text).map_err(|_| Error::BadCredentials)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(SecretString::from("ghp_secretsecret\n"));
        let shown = format!("{token:?} {:?}", token.header().unwrap());
        assert!(!shown.contains("secretsecret"), "{shown}");
        assert_eq!(token.header().unwrap().to_str().unwrap(), "bearer ghp_secretsecret");
        assert_eq!(token.hash(), Token::new(SecretString::from("ghp_secretsecret")).hash());
        assert_eq!(token.hash().len(), HASH_DIGITS);
    }

    #[test]
    fn what_no_header_can_hold_is_no_credential() {
        let token = Token::new(SecretString::from("two\nlines"));
        assert!(matches!(token.header(), Err(Error::BadCredentials)));
    }
}
