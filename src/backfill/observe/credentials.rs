//! From a Secret to a token: read at each look, so that a rotation needs no restart.
//!
//! The Secret must be in the object's namespace and carry the opt-in label: whoever may create
//! an object must not thereby read out any Secret.

use backfill_api::annotations::{CREDENTIALS_LABEL, opens_credentials};
use backfill_api::{Reason, RepositoryBackfill};
use backfill_engine::seen::Fault;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use secrecy::SecretString;

use crate::backfill::{API_TIMEOUT, Context};
use crate::faults;

/// The token of the object's credentials, or why there is none.
pub async fn token(ctx: &Context, object: &RepositoryBackfill) -> Result<SecretString, Fault> {
    let Some(reference) = &object.spec.credentials_ref else {
        let message = "spec.credentialsRef must name a Secret of this namespace with a token";
        return Err(Fault::new(Reason::CredentialsRequired, message));
    };
    let namespace = object.namespace().unwrap_or_default();
    let secrets: Api<Secret> = Api::namespaced(ctx.client.clone(), &namespace);
    let name = &reference.name;
    let secret = tokio::time::timeout(API_TIMEOUT, secrets.get_opt(name))
        .await
        .map_err(|_| faults::secret_timed_out(name))?
        .map_err(|error| faults::of_secret(&namespace, name, &error))?
        .ok_or_else(|| {
            let message =
                format!("secret {name} does not exist in namespace {namespace}; create it");
            Fault::new(Reason::CredentialsNotFound, message)
        })?;
    if !opens_credentials(secret.metadata.labels.as_ref()) {
        let message = format!("secret {name} must carry the label {CREDENTIALS_LABEL}: \"true\"");
        return Err(Fault::new(Reason::CredentialsNotLabelled, message));
    }
    read(&secret).ok_or_else(|| {
        let message =
            format!("secret {name} must hold a GitHub token, on one line, under key token");
        Fault::new(Reason::CredentialsMalformed, message)
    })
}

/// The token inside, without the white space that editors and `echo` leave around it.
fn read(secret: &Secret) -> Option<SecretString> {
    let bytes = &secret.data.as_ref()?.get("token")?.0;
    let token = std::str::from_utf8(bytes).ok()?.trim();
    // A header value; anything else would be refused by the HTTP client with the value in hand.
    let usable = !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic());
    usable.then(|| SecretString::from(token))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use k8s_openapi::ByteString;
    use secrecy::ExposeSecret;
    use std::collections::BTreeMap;

    fn secret(key: &str, value: &[u8]) -> Secret {
        let data = BTreeMap::from([(key.to_owned(), ByteString(value.to_vec()))]);
        Secret { data: Some(data), ..Secret::default() }
    }

    #[test]
    fn a_token_is_trimmed_and_anything_else_refused() {
        for good in [&b"ghp_abc"[..], b"ghp_abc\n", b" ghp_abc\r\n"] {
            assert_eq!(read(&secret("token", good)).unwrap().expose_secret(), "ghp_abc");
        }
        for bad in [&b""[..], b"\n", b"two words", b"a\nb", b"\xff\xfe", "tök".as_bytes()] {
            assert!(read(&secret("token", bad)).is_none(), "{bad:?}");
        }
        assert!(read(&secret("Token", b"ghp_abc")).is_none());
        assert!(read(&Secret::default()).is_none());
    }
}
