//! `make bench`: what the operator takes for a history, in time, processor, memory and
//! budget, beside a plain loop that makes the same requests one after the other and throws
//! the answers away; the median of five runs. Must not know the operator's queries: it records
//! them on the way.

mod measure;
mod replay;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use crate::cluster::Cluster;
use crate::operator::OPERATOR;
use crate::proxy::GitHubProxy;
use crate::standin::STANDIN;
use crate::up::{build_release, release_binary};
use crate::{Choices, Operator, OperatorOptions, StandIn, StandInArgs};
use measure::{Cost, Measured};

const SIZES: [u32; 2] = [1_000, 10_000];
const REPOSITORY: &str = "bench/history";
const RUN_LIMIT: Duration = Duration::from_mins(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// One run differs from the next by a fifth on a small machine, so the median of some is told.
const RUNS: usize = 5;

/// Measures each size and prints a table.
pub async fn bench() -> anyhow::Result<()> {
    build_release()?;
    let cluster = Cluster::start(Choices::default()).await?;
    cluster.apply_manifests().await?;
    println!("{}", measure::HEADER);
    for count in SIZES {
        // A run of its own for the recording, so that the proxy costs the others nothing.
        let recorded = standin(count).await?;
        let proxy = GitHubProxy::open(recorded.url())?;
        proxy.record();
        operator(&cluster, &recorded, &proxy.url()).await?;

        let (mut measured, mut walls) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let standin = standin(count).await?;
            measured.push(operator(&cluster, &standin, standin.url()).await?);
            walls.push(replay::replay(&self::standin(count).await?, &proxy.recorded()).await?);
        }
        walls.sort();
        let median = measure::median(measured);
        println!("{}", median.line(count));
        println!("{}", median.beside(count, walls[RUNS / 2]));
    }
    cluster.end().await
}

/// A stand-in whose budget never ends: what is measured is the work, not GitHub's patience.
async fn standin(count: u32) -> anyhow::Result<StandIn> {
    let args =
        StandInArgs { synthetic: vec![format!("{REPOSITORY}={count}:1")], ..Default::default() };
    let standin = StandIn::start_from(&release_binary(STANDIN)?, &args).await?;
    standin
        .set_limits(&json!({
            "points_per_window": 1_000_000, "points_per_minute": 1_000_000,
            "response_seconds_per_minute": 100_000, "concurrent": 100, "headers": true,
        }))
        .await?;
    Ok(standin)
}

/// One whole history by an operator and a database of its own.
async fn operator(
    cluster: &Cluster,
    standin: &StandIn,
    github_url: &str,
) -> anyhow::Result<Measured> {
    let namespace = cluster.create_namespace().await?;
    let database_url = cluster.create_database().await?;
    let options = OperatorOptions {
        database_url: database_url.clone(),
        github_url: github_url.to_owned(),
        kubeconfig: cluster.operator_kubeconfig(None).await?,
        namespace: Some(namespace.clone()),
        instance_id: "bench".to_owned(),
        args: Vec::new(),
        env: [].into(),
        log: cluster.dir().log(&namespace),
    };
    let operator = Operator::start_from(&release_binary(OPERATOR)?, &options).await?;
    let before = Cost::of(operator.pid())?;
    apply(cluster, &namespace)?;
    await_complete(cluster, &namespace, &operator).await?;
    let cost = Cost::of(operator.pid())?.since(&before);
    let requests = standin.requests().await?;
    Measured::read(&database_url, cost, &requests).await
}

fn apply(cluster: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let manifest = json!({
        "apiVersion": "backfill.contributor.info/v1alpha1",
        "kind": "RepositoryBackfill",
        "metadata": { "name": "history", "namespace": namespace },
        "spec": { "repository": REPOSITORY, "credentialsRef": { "name": "github" } },
    });
    let file: PathBuf = cluster.dir().join(&format!("{namespace}.json"));
    std::fs::write(&file, manifest.to_string())?;
    cluster.kubectl_text(&["apply", "-f", &file.display().to_string()])?;
    Ok(())
}

async fn await_complete(
    cluster: &Cluster,
    namespace: &str,
    operator: &Operator,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + RUN_LIMIT;
    loop {
        for object in cluster.backfills(namespace).await? {
            if crate::cluster::is_condition(&object, "Ready", "True") {
                return Ok(());
            }
            if crate::cluster::is_condition(&object, "Stalled", "True") {
                bail!("the backfill stalled: {}", object.data["status"]["conditions"]);
            }
        }
        if tokio::time::Instant::now() > deadline || operator.ended()?.is_some() {
            bail!("the backfill did not complete; the operator says:\n{}", operator.log());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
