//! `make demo`: a backfill from its manifest to the proof that nothing is missing.
//! Must not know how the testbed comes up.

mod progress;
mod proof;

pub use proof::counts_of;

use anyhow::{Context, bail};

use crate::clone;
use crate::cluster::Cluster;
use crate::up::{Session, UpArgs, forget_ended, up};

/// Slow enough to watch; GitHub itself takes several times that.
const LATENCY_MS: &str = "150";

/// What `make demo` takes, each also as a variable of that name.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// 1: leave everything running at the end.
    #[arg(long, env = "KEEP")]
    keep: Option<String>,
    /// A token for the real GitHub. Needs REPOSITORY too.
    #[arg(long, env = "GITHUB_TOKEN", hide_env_values = true)]
    github_token: Option<String>,
    /// owner/name on the real GitHub.
    #[arg(long, env = "REPOSITORY")]
    repository: Option<String>,
}

/// Runs the demo. Whatever happens, the testbed is down afterwards unless it is to be kept.
pub async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    if Session::attach().await.is_ok() {
        bail!("a testbed is up: `make down` first, the demo brings its own");
    }
    let keep = args.keep.as_deref().is_some_and(|keep| !keep.is_empty() && keep != "0");
    let real = real_github(args)?;
    let interrupted = async {
        tokio::signal::ctrl_c().await?;
        bail!("interrupted")
    };
    let outcome = tokio::select! {
        outcome = run(real.as_ref()) => outcome,
        outcome = interrupted => outcome,
    };
    match outcome {
        Ok(mut session) if keep => {
            session.detach().await?;
            session.print_next().await
        }
        Ok(session) => {
            drop(session);
            forget_ended().await?;
            println!("`make demo KEEP=1` leaves it running to look around.");
            Ok(())
        }
        Err(error) => {
            forget_ended().await?;
            Err(error)
        }
    }
}

/// A token and a repository of the real GitHub.
struct RealGitHub {
    token: String,
    repository: String,
}

/// Only if both are given: a token alone is in many people's environment.
fn real_github(args: &DemoArgs) -> anyhow::Result<Option<RealGitHub>> {
    let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
    match (given(&args.github_token), given(&args.repository)) {
        (Some(token), Some(repository)) => Ok(Some(RealGitHub { token, repository })),
        (None, Some(_)) => bail!("REPOSITORY is on the real GitHub: set GITHUB_TOKEN too"),
        (_, None) => Ok(None),
    }
}

async fn run(real: Option<&RealGitHub>) -> anyhow::Result<Session> {
    let up_args = match real {
        Some(real) => UpArgs { github_token: Some(real.token.clone()), ..UpArgs::default() },
        None => UpArgs { latency_ms: Some(LATENCY_MS.to_owned()), ..UpArgs::default() },
    };
    let session = up(&up_args).await?;
    apply(session.cluster(), real)?;
    progress::watch(session.cluster()).await?;
    println!();
    match real {
        Some(_) => proof::against_github(&session).await?,
        None => proof::against_standin(&session).await?,
    }
    println!("\n$ kubectl get rbf\n{}", session.cluster().kubectl_text(&["get", "rbf"])?);
    Ok(session)
}

fn apply(cluster: &Cluster, real: Option<&RealGitHub>) -> anyhow::Result<()> {
    let root = clone::root()?;
    let file = match real {
        None => root.join("examples"),
        Some(real) => {
            let manifest = serde_json::json!({
                "apiVersion": "backfill.contributor.info/v1alpha1",
                "kind": "RepositoryBackfill",
                "metadata": { "name": "demo", "namespace": "default" },
                "spec": { "repository": real.repository, "credentialsRef": { "name": "github" } },
            });
            let file = cluster.dir().join("demo.yaml");
            std::fs::write(&file, serde_yaml_ng::to_string(&manifest)?)?;
            file
        }
    };
    let text = file.to_str().context("the clone's path is not text")?;
    println!("\n$ kubectl apply -f {}", if real.is_some() { text } else { "examples/" });
    println!("{}", cluster.kubectl_text(&["apply", "-f", text])?);
    Ok(())
}
