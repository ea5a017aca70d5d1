//! Brings up the testbed of this clone. Must not know how its parts are kept running.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};

use super::session::{Session, choose, claim, link};
use crate::cluster::Cluster;
use crate::standin::StandInArgs;
use crate::supervise::trampoline::tied;
use crate::{Choices, clone};

/// The world of whoever names none: its names are those of `examples/`.
const WORLD: [&str; 3] = ["octo/widgets=1000", "octo/gadgets=2000", "octo/gizmos=5000"];

/// What `make up` takes, each also as a variable of that name.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct UpArgs {
    /// World files for the stand-in.
    #[arg(long, env = "WORLD", value_delimiter = ' ')]
    pub world: Vec<String>,
    /// Repositories the stand-in makes up: owner/name=COUNT. Without any, and without a world file,
    /// those of `examples/`.
    #[arg(long, env = "SYNTHETIC", value_delimiter = ' ')]
    pub synthetic: Vec<String>,
    /// Milliseconds that each of the stand-in's answers takes longer.
    #[arg(long, env = "LATENCY_MS")]
    pub latency_ms: Option<String>,
    /// A fault plan for the stand-in.
    #[arg(long, env = "FAULTS")]
    pub faults: Option<String>,
    /// Limits for the stand-in.
    #[arg(long, env = "LIMITS")]
    pub limits: Option<String>,
    /// 0: everything but the operator.
    #[arg(long, env = "OPERATOR")]
    pub operator: Option<String>,
    /// A token of the real GitHub, used instead of the stand-in.
    #[arg(skip)]
    pub github_token: Option<String>,
}

impl UpArgs {
    fn wants_operator(&self) -> bool {
        self.operator.as_deref() != Some("0")
    }

    /// Empty values count as absent: that is what an unset make variable becomes.
    fn standin(&self) -> anyhow::Result<Option<StandInArgs>> {
        if self.github_token.is_some() {
            return Ok(None);
        }
        let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let file = |value: &str| -> anyhow::Result<PathBuf> {
            std::fs::canonicalize(value).with_context(|| format!("no file {value}"))
        };
        let latency = given(&self.latency_ms).map(|text| text.parse().context("LATENCY_MS"));
        let words = |list: &[String]| -> Vec<String> {
            list.iter().filter(|word| !word.is_empty()).cloned().collect()
        };
        let world: Vec<_> = words(&self.world).iter().map(|f| file(f)).collect::<Result<_, _>>()?;
        let mut synthetic = words(&self.synthetic);
        if world.is_empty() && synthetic.is_empty() {
            synthetic = WORLD.map(str::to_owned).to_vec();
        }
        Ok(Some(StandInArgs {
            world,
            synthetic,
            latency_ms: latency.transpose()?.unwrap_or(0),
            faults: given(&self.faults).map(|f| file(&f)).transpose()?,
            limits: given(&self.limits).map(|f| file(&f)).transpose()?,
            log: None,
            tokens: Vec::new(),
        }))
    }
}

/// Brings one up that ends with the returned value, or with this process, until it is
/// detached. Where one is up already it is left as it is, but for an operator that has
/// ended: that is started again.
pub async fn up(args: &UpArgs) -> anyhow::Result<Session> {
    if let Ok(session) = Session::attach().await {
        eprintln!("a testbed is up already; `make down` first for one with other choices");
        if args.wants_operator() {
            session.start_operator().await?;
        }
        session.write_env().await?;
        return Ok(session);
    }
    let standin = args.standin()?;
    let claim = claim()?;
    build_release()?;
    let began = Instant::now();
    let report = |what: &str| eprintln!("{:5.1} s  {what}", began.elapsed().as_secs_f32());
    let cluster = Cluster::start(Choices::default()).await?;
    link(cluster.dir().path())?;
    report("Kubernetes and Postgres are ready");
    cluster.apply_manifests().await?;
    let token = args.github_token.as_deref().unwrap_or("stand-in-token");
    cluster.create_credentials("default", "github", token).await?;
    report("kinds, permissions and the Secret default/github are applied");
    let settings = choose(&cluster, standin).await?;
    let session = Session::record(cluster, settings)?;
    if session.settings().standin.is_some() {
        session.start_standin().await?;
        report("the stand-in GitHub answers");
    }
    if args.wants_operator() {
        session.start_operator().await?;
        report("the operator is ready");
    }
    session.write_env().await?;
    drop(claim);
    Ok(session)
}

/// Builds the operator and the stand-in as users get them.
pub fn build_release() -> anyhow::Result<()> {
    eprintln!("building (about ten minutes the first time, then seconds)");
    // Always both: another choice of packages would build what they share once more.
    let status = tied(Path::new("cargo"))?
        .args(["build", "--release", "--quiet", "--bins"])
        .args(["-p", "backfill-operator", "-p", "github-standin"])
        .current_dir(clone::root()?)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the build failed ({status})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_no_world_is_given_the_repositories_of_the_examples() {
        let examples = clone::root().unwrap().join("examples");
        let mut named = 0;
        for entry in std::fs::read_dir(examples).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let name = text.lines().find_map(|line| line.trim().strip_prefix("repository: "));
            let start = format!("{}=", name.unwrap());
            assert!(WORLD.iter().any(|one| one.starts_with(&start)), "{start}");
            named += 1;
        }
        assert_eq!(named, WORLD.len());
        // What is unset reaches it as an empty word.
        let empty = UpArgs { synthetic: vec![String::new()], ..UpArgs::default() };
        for nothing in [UpArgs::default(), empty] {
            assert_eq!(nothing.standin().unwrap().unwrap().synthetic, WORLD);
        }
        let own = UpArgs { synthetic: vec!["acme/rocket=3".to_owned()], ..UpArgs::default() };
        assert_eq!(own.standin().unwrap().unwrap().synthetic, ["acme/rocket=3"]);
    }
}
