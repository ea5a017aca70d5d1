//! Metrics over TLS and for a token, as the second release serves them. Must not know what else
//! that release is given.

use anyhow::ensure;
use serde_json::{Value, json};

use super::reach::Reach;
use super::story::{SYSTEM, running};
use crate::cluster::pki::Pki;

const CERTIFICATE: &str = "metrics-certificate";
const TOKEN: &str = "metrics-token";

/// Makes both Secrets.
pub fn prepare(reach: &Reach) -> anyhow::Result<()> {
    let pki = Pki::at(&reach.file("metrics-pki"));
    pki.make_server("metrics", "backfill-operator")?;
    let text = |name: &str| std::fs::read_to_string(pki.file(name));
    let secret = |name: &str, kind: &str, held: Value| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": { "name": name, "namespace": SYSTEM }, "stringData": held,
        })
    };
    let pair = json!({ "tls.crt": text("metrics.crt")?, "tls.key": text("metrics.key")? });
    reach.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": [
        secret(CERTIFICATE, "kubernetes.io/tls", pair),
        secret(TOKEN, "Opaque", json!({ "token": "e2e" })),
    ]}))
}

/// The chart's values for it.
pub fn values() -> Value {
    json!({ "tls": { "existingSecret": CERTIFICATE }, "auth": { "existingSecret": TOKEN } })
}

/// Errors unless the running pod answers over TLS alone, and tells its metrics to nobody who has
/// no token. That it became ready shows that the kubelet was answered.
pub fn check(reach: &Reach) -> anyhow::Result<()> {
    let pod = running(reach, "{.items[0].metadata.name}")?;
    let ask = |scheme: &str, what: &str| {
        let proxy = format!("/api/v1/namespaces/{SYSTEM}/pods/{scheme}{pod}:8080/proxy/{what}");
        reach.kubectl(&["get", "--raw", &proxy])
    };
    let alive = ask("https:", "livez")?;
    ensure!(alive.trim() == "ok", "livez over TLS says {alive:?}");
    ensure!(ask("", "livez").is_err(), "plain HTTP is answered");
    let refused = ask("https:", "metrics").err().map(|error| format!("{error:#}"));
    let refused = refused.unwrap_or_default();
    ensure!(refused.contains("Unauthorized") || refused.contains("logged in"), "{refused:?}");
    Ok(())
}
