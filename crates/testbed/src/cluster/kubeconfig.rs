//! Kubeconfig files. Must not talk to the API server.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use super::pki::Pki;

/// How the holder of a kubeconfig proves who it is.
pub enum Identity<'a> {
    /// The client certificate `NAME.crt` and `NAME.key` of the PKI.
    Certificate(&'a str),
    /// A bearer token.
    Token(&'a str),
}

/// Writes a kubeconfig for `server` that needs no other file but those of the PKI.
pub fn write(file: &Path, server: &str, pki: &Pki, identity: &Identity<'_>) -> anyhow::Result<()> {
    let user = match identity {
        Identity::Certificate(name) => json!({
            "client-certificate": pki.file(&format!("{name}.crt")),
            "client-key": pki.file(&format!("{name}.key")),
        }),
        Identity::Token(token) => json!({ "token": token }),
    };
    let mut cluster = json!({ "server": server });
    if server.starts_with("https:") {
        cluster["certificate-authority"] = Value::from(pki.file("ca.crt").display().to_string());
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "testbed", "cluster": cluster }],
        "users": [{ "name": "testbed", "user": user }],
        "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": "testbed" } }],
        "current-context": "testbed",
    });
    std::fs::write(file, serde_yaml_ng::to_string(&config)?)
        .with_context(|| format!("writing {}", file.display()))
}
