//! What happens to an installation while a backfill runs. Must not know how the node came up.

use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pods::{self, NAMESPACE, REPOSITORY};
use super::reach::Reach;
use super::releases::Release;
use super::{Steps, guarded, plain};
use crate::cluster::pki::Pki;
use crate::demo::counts_of;

/// The release's namespace.
pub const SYSTEM: &str = "backfill-system";
/// The release.
pub const RELEASE: &str = "backfill-operator";
/// Its pods.
const PODS: &str = "--selector=app.kubernetes.io/name=backfill-operator";
/// Where the backfill is.
pub const TEAM: &str = "team";
/// Of one step; the whole takes about a minute.
pub const LIMIT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Tells it to the end. Errors with the first thing that is not as it should be.
pub async fn tell(reach: &Reach, releases: &[Release; 2], steps: &Steps) -> anyhow::Result<()> {
    let told = events(reach, releases, steps).await;
    if told.is_err() {
        let look = |args: &[&str]| reach.kubectl(args).unwrap_or_else(|error| format!("{error:#}"));
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

async fn events(
    reach: &Reach,
    [first, second]: &[Release; 2],
    steps: &Steps,
) -> anyhow::Result<()> {
    prepare(reach)?;
    steps.done("Postgres and GitHub run as pods");
    helm(reach, "install", first, &json!({}))?;
    ensure!(pods_ready(reach)? == 1, "helm --wait returned before the operator was ready");
    steps.done("installed: helm install --wait");

    begin(reach)?;
    let begun = progress(reach, 0).await?;
    steps.done(&format!("{begun} pull requests went through: upgrading"));
    helm(reach, "upgrade", second, &guarded::values())?;
    ensure!(running_image(reach)?.ends_with(second.image), "the upgrade left another image");
    guarded::check(reach)?;
    let upgraded = progress(reach, begun).await?;
    steps.done(&format!(
        "{upgraded} with the new image and TLS: deleting its pod without a warning"
    ));

    reach.kubectl(&[
        "delete",
        "pod",
        "--namespace",
        SYSTEM,
        PODS,
        "--force",
        "--grace-period=0",
    ])?;
    let replaced = progress(reach, upgraded).await?;
    steps.done(&format!("{replaced} with another pod: rolling back"));

    reach.helm(&["rollback", RELEASE, "1", "--namespace", SYSTEM, "--wait"])?;
    ensure!(running_image(reach)?.ends_with(first.image), "the rollback left another image");
    let back = progress(reach, replaced).await?;
    steps.done(&format!("{back} with the old image: uninstalling"));

    reach.helm(&["uninstall", RELEASE, "--namespace", SYSTEM, "--wait"])?;
    let kept = processed(reach)?;
    ensure!(kept >= back, "the object lost its progress: {kept} after {back}");
    let [rows] = stored(reach, ["pull_requests"])?;
    ensure!(rows >= back, "{rows} rows are left of {back} pull requests");
    steps.done(&format!("uninstalled: the object is there, and {rows} rows: installing again"));

    helm(reach, "install", second, &guarded::values())?;
    let again = progress(reach, kept).await?;
    steps.done(&format!("{again} after the second installation: plain manifests in its place"));

    reach.helm(&["uninstall", RELEASE, "--namespace", SYSTEM, "--wait"])?;
    plain::install(reach, second.image)?;
    let plain = progress(reach, again).await?;
    steps.done(&format!("{plain} as plain manifests"));
    let name = "repositorybackfill/history";
    let limit = format!("--timeout={}s", LIMIT.as_secs());
    reach.kubectl(&["wait", "--namespace", TEAM, name, "--for=condition=Succeeded", &limit])?;
    steps.done("complete");
    compare(reach, steps)
}

/// Namespaces under PodSecurity `restricted`, what runs beside the operator, its Secrets.
fn prepare(reach: &Reach) -> anyhow::Result<()> {
    let pki = Pki::at(&reach.file("story-pki"));
    pki.make_server("github", pods::GITHUB_NAME)?;
    reach.kubectl(&["create", "namespace", TEAM])?;
    for name in [SYSTEM, NAMESPACE] {
        reach.kubectl(&["create", "namespace", name])?;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        reach.kubectl(&["label", "namespace", name, label])?;
    }
    reach.apply(&pods::manifests(&pki)?)?;
    guarded::prepare(reach)?;
    let authority = pki.file("ca.crt");
    reach.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": [
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
    ]}))?;
    let limit = format!("--timeout={}s", LIMIT.as_secs());
    for name in ["deployment/postgres", "deployment/github"] {
        reach.kubectl(&["rollout", "status", "--namespace", NAMESPACE, name, &limit])?;
    }
    Ok(())
}

fn begin(reach: &Reach) -> anyhow::Result<()> {
    reach.apply(&json!({
        "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
        "metadata": { "name": "history", "namespace": TEAM },
        "spec": { "repository": REPOSITORY, "credentialsRef": { "name": "github" } },
    }))
}

/// Waits until more pull requests went through than `before`, and says how many.
async fn progress(reach: &Reach, before: i64) -> anyhow::Result<i64> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let now = processed(reach)?;
        if now > before {
            ensure!(now < pods::PULL_REQUESTS.into(), "complete before everything had happened");
            return Ok(now);
        }
        ensure!(Instant::now() < deadline, "no progress beyond {before} pull requests");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn processed(reach: &Reach) -> anyhow::Result<i64> {
    let path = "jsonpath={.status.processedPullRequests}";
    let args = ["get", "rbf", "history", "--namespace", TEAM, "--output", path];
    let text = reach.kubectl(&args)?;
    if text.is_empty() { Ok(0) } else { text.parse().context("processedPullRequests") }
}

fn pods_ready(reach: &Reach) -> anyhow::Result<i64> {
    let path = "jsonpath={.status.readyReplicas}";
    let args = ["get", "deployment", RELEASE, "--namespace", SYSTEM, "--output", path];
    reach.kubectl(&args)?.parse().context("readyReplicas")
}

fn running_image(reach: &Reach) -> anyhow::Result<String> {
    running(reach, "{.items[*].spec.containers[0].image}")
}

/// What this path holds of the operator's pods that run.
pub fn running(reach: &Reach, path: &str) -> anyhow::Result<String> {
    let path = format!("jsonpath={path}");
    let running = "--field-selector=status.phase=Running";
    reach.kubectl(&["get", "pods", "--namespace", SYSTEM, PODS, "--output", &path, running])
}

/// Rows of these tables.
fn stored<const N: usize>(reach: &Reach, tables: [&str; N]) -> anyhow::Result<[i64; N]> {
    let counted = tables.map(|table| format!("(SELECT count(*) FROM {table})"));
    let psql = pods::psql(&format!("SELECT concat_ws(' ', {})", counted.join(", ")))?;
    let psql: Vec<&str> = psql.iter().map(String::as_str).collect();
    let exec = ["exec", "--namespace", NAMESPACE, "deployment/postgres", "--"];
    let text = reach.kubectl(&[&exec, &psql[..]].concat())?;
    let counts: Result<Vec<i64>, _> = text.split_whitespace().map(str::parse).collect();
    counts?.try_into().map_err(|_| anyhow!("psql says {text:?}"))
}

/// Every table against the stand-in's own count.
fn compare(reach: &Reach, steps: &Steps) -> anyhow::Result<()> {
    let dump = reach.kubectl(&["get", "--raw", &pods::world_path()])?;
    let [pull_requests, reviews, on_lines, comments] = counts_of(&dump, &json!({}))?;
    let expected = [pull_requests, reviews, on_lines + comments];
    let found = stored(reach, ["pull_requests", "reviews", "comments"])?;
    ensure!(found == expected, "the tables hold {found:?}, the world {expected:?}");
    let [pull_requests, reviews, comments] = found;
    steps.done(&format!(
        "equal to the world: {pull_requests} pull requests, {reviews} reviews, {comments} comments"
    ));
    Ok(())
}

/// Installs or upgrades with this image and these values of `metrics`.
fn helm(reach: &Reach, action: &str, release: &Release, metrics: &Value) -> anyhow::Result<()> {
    let chart = release.chart.display().to_string();
    let values = reach.file("values.json");
    let (repository, tag) = release.image.rsplit_once(':').context("an image without a tag")?;
    let mount = json!({ "name": "authority", "mountPath": "/authority", "readOnly": true });
    std::fs::write(
        &values,
        json!({
            "image": { "repository": repository, "tag": tag, "pullPolicy": "Never" },
            "database": { "existingSecret": "database" },
            "metrics": metrics,
            "operator": { "githubUrl": pods::github_url() },
            "extraEnv": [{ "name": "SSL_CERT_FILE", "value": "/authority/ca.crt" }],
            "extraVolumes": [{ "name": "authority", "configMap": { "name": "authority" } }],
            "extraVolumeMounts": [mount],
        })
        .to_string(),
    )?;
    let values = values.display().to_string();
    let limit = format!("{}s", LIMIT.as_secs());
    let all = ["--namespace", SYSTEM, "--values", &values, "--wait", "--timeout", &limit];
    reach.helm(&[&[action, RELEASE, &chart], &all[..]].concat()).map(drop)
}
