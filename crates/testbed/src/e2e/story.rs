//! What happens to an installation while a backfill runs. Must not know how the node came up.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use super::pods::{self, NAMESPACE, REPOSITORY};
use super::{IMAGES, Steps};
use crate::assets;
use crate::chart::CHART;
use crate::clone;
use crate::cluster::pki::Pki;
use crate::demo::asked_for;
use crate::node::Node;

/// The release's namespace.
const SYSTEM: &str = "backfill-system";
const RELEASE: &str = "backfill-operator";
/// Its pods.
const PODS: &str = "--selector=app.kubernetes.io/name=backfill-operator";
/// Where the backfill is.
const TEAM: &str = "default";
/// Of one step; the whole takes about a minute.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Tells it to the end. Errors with the first thing that is not as it should be.
pub async fn tell(node: &Node, steps: &Steps) -> anyhow::Result<()> {
    let told = events(node, steps).await;
    if told.is_err() {
        let look = |args: &[&str]| {
            node.cluster.kubectl_text(args).unwrap_or_else(|error| format!("{error:#}"))
        };
        eprintln!("{}", look(&["get", "pods,jobs,rbf", "--all-namespaces", "--output", "wide"]));
        eprintln!("{}", look(&["get", "rbf", "--all-namespaces", "--output", "yaml"]));
        eprintln!("{}", look(&["get", "events", "--all-namespaces"]));
        eprintln!("{}", look(&["logs", "--namespace", SYSTEM, PODS, "--tail=20"]));
        for name in ["postgres", "github"] {
            let selector = format!("--selector=app={name}");
            eprintln!("{}", look(&["logs", "--namespace", NAMESPACE, &selector, "--tail=20"]));
        }
    }
    told
}

async fn events(node: &Node, steps: &Steps) -> anyhow::Result<()> {
    prepare(node)?;
    steps.done("Postgres and GitHub run as pods");
    helm(node, &["install", RELEASE], IMAGES[0])?;
    ensure!(pods_ready(node)? == 1, "helm --wait returned before the operator was ready");
    steps.done("installed: helm install --wait");

    begin(node)?;
    let first = progress(node, 0).await?;
    steps.done(&format!("{first} pull requests went through: upgrading"));
    helm(node, &["upgrade", RELEASE], IMAGES[1])?;
    ensure!(running_image(node)?.ends_with(IMAGES[1]), "the upgrade left another image");
    let second = progress(node, first).await?;
    steps.done(&format!("{second} with the new image: deleting its pod without a warning"));

    kubectl(node, &["delete", "pod", "--namespace", SYSTEM, PODS, "--force", "--grace-period=0"])?;
    let third = progress(node, second).await?;
    steps.done(&format!("{third} with another pod: rolling back"));

    helm_bare(node, &["rollback", RELEASE, "1", "--namespace", SYSTEM, "--wait"])?;
    ensure!(running_image(node)?.ends_with(IMAGES[0]), "the rollback left another image");
    let fourth = progress(node, third).await?;
    steps.done(&format!("{fourth} with the old image: uninstalling"));

    helm_bare(node, &["uninstall", RELEASE, "--namespace", SYSTEM, "--wait"])?;
    let kept = processed(node)?;
    ensure!(kept >= fourth, "the object lost its progress: {kept} after {fourth}");
    let [rows] = stored(["pull_requests"]).await?;
    ensure!(rows >= fourth, "{rows} rows are left of {fourth} pull requests");
    steps.done(&format!("uninstalled: the object is there, and {rows} rows: installing again"));

    helm(node, &["install", RELEASE], IMAGES[1])?;
    let name = "repositorybackfill/history";
    let limit = format!("--timeout={}s", LIMIT.as_secs());
    kubectl(node, &["wait", "--namespace", TEAM, name, "--for=condition=Succeeded", &limit])?;
    steps.done("complete");
    compare(steps).await
}

/// Namespaces under PodSecurity `restricted`, what runs beside the operator, its Secrets.
fn prepare(node: &Node) -> anyhow::Result<()> {
    for name in [SYSTEM, NAMESPACE] {
        kubectl(node, &["create", "namespace", name])?;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        kubectl(node, &["label", "namespace", name, label])?;
    }
    apply(node, &pods::manifests(&node.cluster)?)?;
    let authority = Pki::at(&node.cluster.dir().join("pki")).file("ca.crt");
    apply(
        node,
        &json!({ "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": { "name": "database", "namespace": SYSTEM },
                "stringData": { "url": pods::database_url() },
            },
            {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": "authority", "namespace": SYSTEM },
                "data": { "ca.crt": std::fs::read_to_string(authority)? },
            },
            {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": { "name": "github", "namespace": TEAM,
                    "labels": { "backfill.contributor.info/credentials": "true" } },
                "stringData": { "token": "ghp_e2e" },
            },
        ]}),
    )?;
    let limit = format!("--timeout={}s", LIMIT.as_secs());
    for name in ["deployment/postgres", "deployment/github"] {
        kubectl(node, &["rollout", "status", "--namespace", NAMESPACE, name, &limit])?;
    }
    Ok(())
}

fn begin(node: &Node) -> anyhow::Result<()> {
    apply(
        node,
        &json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": { "name": "history", "namespace": TEAM },
            "spec": { "repository": REPOSITORY, "credentialsRef": { "name": "github" } },
        }),
    )
}

/// Waits until more pull requests went through than `before`, and says how many.
async fn progress(node: &Node, before: i64) -> anyhow::Result<i64> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let now = processed(node)?;
        if now > before {
            ensure!(now < pods::PULL_REQUESTS.into(), "complete before everything had happened");
            return Ok(now);
        }
        ensure!(Instant::now() < deadline, "no progress beyond {before} pull requests");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn processed(node: &Node) -> anyhow::Result<i64> {
    let path = "jsonpath={.status.processedPullRequests}";
    let args = ["get", "rbf", "history", "--namespace", TEAM, "--output", path];
    let text = kubectl(node, &args)?;
    if text.is_empty() { Ok(0) } else { text.parse().context("processedPullRequests") }
}

fn pods_ready(node: &Node) -> anyhow::Result<i64> {
    let path = "jsonpath={.status.readyReplicas}";
    let args = ["get", "deployment", RELEASE, "--namespace", SYSTEM, "--output", path];
    kubectl(node, &args)?.parse().context("readyReplicas")
}

fn running_image(node: &Node) -> anyhow::Result<String> {
    let path = "jsonpath={.items[*].spec.containers[0].image}";
    kubectl(
        node,
        &[
            "get",
            "pods",
            "--namespace",
            SYSTEM,
            PODS,
            "--output",
            path,
            "--field-selector=status.phase=Running",
        ],
    )
}

/// Rows of these tables.
async fn stored<const N: usize>(tables: [&str; N]) -> anyhow::Result<[i64; N]> {
    let mut connection = PgConnection::connect(&pods::database_url()).await?;
    let mut counts = [0; N];
    for (count, table) in counts.iter_mut().zip(tables) {
        let statement = format!("SELECT count(*) FROM {table}");
        *count =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut connection).await?;
    }
    Ok(counts)
}

/// Every table against the stand-in's own count.
async fn compare(steps: &Steps) -> anyhow::Result<()> {
    let github = pods::plain_github_url();
    let [pull_requests, reviews, on_lines, comments] =
        asked_for(&github, REPOSITORY, &json!({})).await?;
    let expected = [pull_requests, reviews, on_lines + comments];
    let found = stored(["pull_requests", "reviews", "comments"]).await?;
    ensure!(found == expected, "the tables hold {found:?}, the world {expected:?}");
    let [pull_requests, reviews, comments] = found;
    steps.done(&format!(
        "equal to the world: {pull_requests} pull requests, {reviews} reviews, {comments} comments"
    ));
    Ok(())
}

fn kubectl(node: &Node, args: &[&str]) -> anyhow::Result<String> {
    node.cluster.kubectl_text(args)
}

fn apply(node: &Node, manifest: &Value) -> anyhow::Result<()> {
    let file = node.cluster.dir().join("e2e.json");
    std::fs::write(&file, manifest.to_string())?;
    kubectl(node, &["apply", "--filename", &file.display().to_string()]).map(drop)
}

/// Installs or upgrades with this image.
fn helm(node: &Node, action: &[&str], image: &str) -> anyhow::Result<()> {
    let chart = clone::root()?.join(CHART).display().to_string();
    let values = node.cluster.dir().join("values.json");
    let (repository, tag) = image.rsplit_once(':').context("an image without a tag")?;
    let mount = json!({ "name": "authority", "mountPath": "/authority", "readOnly": true });
    std::fs::write(
        &values,
        json!({
            "image": { "repository": repository, "tag": tag, "pullPolicy": "Never" },
            "database": { "existingSecret": "database" },
            "operator": { "githubUrl": pods::github_url() },
            "extraEnv": [{ "name": "SSL_CERT_FILE", "value": "/authority/ca.crt" }],
            "extraVolumes": [{ "name": "authority", "configMap": { "name": "authority" } }],
            "extraVolumeMounts": [mount],
        })
        .to_string(),
    )?;
    let values = values.display().to_string();
    let limit = format!("{}s", LIMIT.as_secs());
    let always =
        [&chart, "--namespace", SYSTEM, "--values", &values, "--wait", "--timeout", &limit];
    helm_bare(node, &[action, &always].concat())
}

fn helm_bare(node: &Node, args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(assets::helm()?)
        .args(args)
        .env("KUBECONFIG", node.cluster.kubeconfig_path())
        .env("HELM_CACHE_HOME", node.cluster.dir().join("helm"))
        .output()
        .context("starting helm")?;
    if !output.status.success() {
        bail!("helm {}: {}", args[0], String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
