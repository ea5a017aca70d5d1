//! The manifests for Argo CD, Flux, cert-manager and the Prometheus operator against the kinds
//! that these install, whose definitions their Go modules carry. Must not know what is in the
//! manifests.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::{Cluster, clone};

use super::{argocd, rendered};
use crate::documents::blocks;
use crate::support::LIMIT;

const HELM_CONTROLLER: &str = "github.com/fluxcd/helm-controller@v1.4.0";
const SOURCE_CONTROLLER: &str = "github.com/fluxcd/source-controller@v1.7.0";
const PROMETHEUS_OPERATOR: &str = "github.com/prometheus-operator/prometheus-operator@v0.93.1";
const CERTIFICATES: &str = "github.com/cert-manager/cert-manager@v1.21.2";
/// The version is that of `tools/judges`.
const ARGO_CD: &str = "github.com/argoproj/argo-cd/v3";

/// A file of a Go module, fetched if it is not there yet.
fn file_of(module: &str, path: &str) -> PathBuf {
    let listed = Command::new("go")
        .args(["mod", "download", "-json", module])
        .current_dir(clone::root().unwrap().join("tools/judges"))
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed["Error"].is_null(), "{listed}");
    PathBuf::from(listed["Dir"].as_str().unwrap()).join(path)
}

fn define(cluster: &Cluster, definition: &std::path::Path) {
    let definition = definition.display().to_string();
    let taken = cluster.kubectl_text(&["apply", "--server-side", "--filename", &definition]);
    taken.unwrap();
}

/// The manifest is taken by a strict API server, and no longer once this word is another.
async fn assert_strictly_taken(cluster: &Cluster, manifest: PathBuf, word: &str) {
    let mut text = std::fs::read_to_string(manifest).unwrap();
    for namespace in ["argocd", "backfill-system"] {
        text = text.replace(&format!("namespace: {namespace}\n"), "namespace: default\n");
    }
    let create = async |text: &str| {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().display().to_string();
        let args = ["create", "--dry-run=server", "--validate=strict", "--filename", &path];
        cluster.kubectl_text(&args).map_err(|error| format!("{error:#}"))
    };
    let deadline = Instant::now() + LIMIT;
    while let Err(said) = create(&text).await {
        assert!(Instant::now() < deadline, "{said}");
        // The kind is served a moment after it is defined, and a moment after it is discovered.
        let unserved =
            ["no matches for kind", "not found", "could not find the requested resource"];
        assert!(unserved.iter().any(|words| said.contains(words)), "{said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(text.contains(word), "{word}");
    let said = create(&text.replace(word, "misspelt:")).await.unwrap_err();
    assert!(said.contains("misspelt"), "{said}");
}

#[tokio::test]
async fn argo_cds_own_schema_takes_the_application() {
    let cluster = Cluster::shared().await.unwrap();
    define(cluster, &file_of(ARGO_CD, "manifests/crds/application-crd.yaml"));
    assert_strictly_taken(cluster, argocd("application.yaml"), "targetRevision:").await;
}

#[tokio::test]
async fn fluxs_own_schemas_take_the_release_and_its_source() {
    let cluster = Cluster::shared().await.unwrap();
    let at = |kind: &str| format!("config/crd/bases/{kind}.yaml");
    define(cluster, &file_of(HELM_CONTROLLER, &at("helm.toolkit.fluxcd.io_helmreleases")));
    define(cluster, &file_of(SOURCE_CONTROLLER, &at("source.toolkit.fluxcd.io_gitrepositories")));
    let manifest = clone::root().unwrap().join("deploy/flux/helm-release.yaml");
    assert_strictly_taken(cluster, manifest, "reconcileStrategy:").await;
}

#[tokio::test]
async fn the_prometheus_operators_own_schema_takes_the_pod_monitor_with_all_that_it_can_have() {
    let cluster = Cluster::shared().await.unwrap();
    let definition = "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml";
    define(cluster, &file_of(PROMETHEUS_OPERATOR, definition));
    let values = [
        "metrics.podMonitor.enabled=true",
        "metrics.podMonitor.scrapeTimeout=10s",
        "metrics.tls.existingSecret=pair,metrics.tls.serverName=operator.example.com",
        "metrics.auth.existingSecret=scraper",
    ];
    let set: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let api = ["--api-versions", "monitoring.coreos.com/v1"];
    let objects = rendered(&[&set[..], &api].concat());
    let monitor = objects.iter().find(|one| one["kind"] == "PodMonitor").unwrap();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), serde_yaml_ng::to_string(monitor).unwrap()).unwrap();
    for word in ["scheme:", "serverName:", "credentials:"] {
        assert_strictly_taken(cluster, file.path().to_owned(), word).await;
    }
}

#[tokio::test]
async fn cert_managers_own_schema_takes_the_certificate_in_the_documents() {
    let cluster = Cluster::shared().await.unwrap();
    define(cluster, &file_of(CERTIFICATES, "deploy/crds/cert-manager.io_certificates.yaml"));
    let shown = blocks("yaml").into_iter().filter(|(_, text)| text.contains("cert-manager.io/"));
    let shown: Vec<_> = shown.map(|(_, text)| text).collect();
    let [certificate] = shown.as_slice() else { panic!("{shown:?}") };
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let certificate = certificate.replace("backfill-system}", "default}");
    std::fs::write(file.path(), certificate).unwrap();
    for word in ["secretName:", "dnsNames:", "issuerRef:"] {
        assert_strictly_taken(cluster, file.path().to_owned(), word).await;
    }
}
