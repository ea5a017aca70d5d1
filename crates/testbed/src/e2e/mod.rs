//! `make e2e`: the chart and the image on a real node, from installing to removing, while a
//! backfill runs. Must not know how the operator works inside.

mod existing;
mod guarded;
mod kept;
mod plain;
mod pods;
mod reach;
mod releases;
mod story;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{bail, ensure};

use crate::assets::{self, Assets};
use crate::gates;
use crate::node::{Node, images, sandbox};
use existing::Existing;
use reach::Reach;

/// Where a node's images are, one archive each. Below /var/tmp: layers of containers cannot lie
/// in an overlay, as /tmp may be one.
const ARCHIVES: &str = "/var/tmp";

/// What the part inside the namespaces is told.
#[derive(Debug, Clone, clap::Args)]
pub struct InsideArgs {
    /// A directory of its own, with the images in it.
    #[arg(long)]
    state: PathBuf,
    /// The chart that is installed first.
    #[arg(long)]
    first: PathBuf,
    /// The chart of the upgrade.
    #[arg(long)]
    second: PathBuf,
    /// Whether a shell follows.
    #[arg(long)]
    keep: bool,
}

/// Prints what has happened, and when.
#[derive(Debug)]
struct Steps(Instant);

impl Steps {
    fn done(&self, what: &str) {
        println!("{:6.1} s  {what}", self.0.elapsed().as_secs_f64());
    }
}

/// Builds everything, then runs the story: in the cluster of the context `E2E_CONTEXT` where that
/// is set, otherwise on a node of its own. `E2E_FROM` names the commit whose chart and image are
/// upgraded from, and `KEEP` asks for a shell at the end, which needs a terminal. Where this
/// machine cannot have a node it errors, unless the variable `OPTIONAL` is set: then it says so and
/// that is all.
pub async fn e2e() -> anyhow::Result<()> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (asked, context) = (variable("KEEP"), variable("E2E_CONTEXT"));
    let keep = keeps(asked.as_deref(), context.as_deref(), std::io::stdin().is_terminal())?;
    let state = tempfile::Builder::new().prefix("backfill-e2e-").tempdir_in(ARCHIVES)?;
    let find =
        |context: String| Existing::find(&context, variable("E2E_LOAD").as_deref(), state.path());
    let existing = context.map(find).transpose()?;
    if existing.is_none()
        && let Some(reason) = sandbox::refusal()
    {
        if variable("OPTIONAL").is_some() {
            eprintln!("\n*** make e2e DID NOT RUN: this machine cannot have a node: {reason}\n");
            return Ok(());
        }
        bail!("this machine cannot have a node of its own: {reason}");
    }
    Assets::find()?;
    assets::helm()?;
    let front = assets::front()?;
    gates::build_binaries()?;
    let steps = Steps(Instant::now());
    let releases = releases::build(variable("E2E_FROM").as_deref(), state.path())?;
    pods::write_images(&front, state.path())?;
    let Some(existing) = existing else {
        write_node_images(state.path())?;
        steps.done("the images are built");
        let state = state.path().display().to_string();
        let charts = releases.map(|release| release.chart.display().to_string());
        let [first, second] = &charts;
        let paths = ["e2e-inside", "--state", &state, "--first", first, "--second", second];
        return sandbox::run(&[&paths[..], if keep { &["--keep"] } else { &[] }].concat());
    };
    steps.done("the images are built");
    existing.tell(&releases, &steps).await
}

/// Whether a shell follows, as `KEEP` asks; `terminal` is whether somebody can type into it.
fn keeps(asked: Option<&str>, context: Option<&str>, terminal: bool) -> anyhow::Result<bool> {
    let keep = asked.is_some_and(|asked| asked != "0");
    let both = "KEEP=1 keeps a node of its own, and E2E_CONTEXT names another";
    ensure!(!keep || context.is_none(), both);
    let nobody = "KEEP=1 ends with a shell, and standard input is no terminal: leave KEEP out";
    ensure!(!keep || terminal, nobody);
    Ok(keep)
}

/// The story, inside the namespaces.
pub async fn inside(args: &InsideArgs) -> anyhow::Result<()> {
    let steps = Steps(Instant::now());
    let node = Node::start(assets::node()?, &args.state).await?;
    for archive in archives(&args.state)? {
        node.import(&archive)?;
    }
    node.join().await?;
    steps.done("the node is ready");
    let releases = releases::named([args.first.clone(), args.second.clone()]);
    let told = story::tell(&Reach::own(&node.cluster), &releases, &steps).await;
    if args.keep {
        if let Err(error) = &told {
            eprintln!("error: {error:#}");
        }
        kept::shell(&node.cluster)?;
    }
    told
}

/// The archives of a directory.
fn archives(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(dir)?.collect();
    let mut found: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "tar"));
    Ok(found)
}

fn write_node_images(state: &Path) -> anyhow::Result<()> {
    let built = assets::node()?.containerd;
    for (image, name) in [(images::PAUSE, "pause"), (images::DNS, "dns")] {
        let file = images::file(name, &built.join(name))?;
        let entrypoint = format!("/{name}");
        let archive = state.join(format!("{name}.tar"));
        images::write(image, &[&entrypoint], &[], vec![file], &archive)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::keeps;

    #[test]
    fn a_shell_is_refused_where_nobody_can_type_or_the_node_is_not_ours() {
        for (asked, context, terminal, expected) in [
            (None, None, false, Ok(false)),
            (Some("0"), Some("kind-a"), false, Ok(false)),
            (Some("1"), None, true, Ok(true)),
            (Some("1"), None, false, Err("is no terminal")),
            (Some("yes"), None, false, Err("is no terminal")),
            (Some("1"), Some("kind-a"), true, Err("E2E_CONTEXT")),
            (Some("1"), Some("kind-a"), false, Err("E2E_CONTEXT")),
        ] {
            match (keeps(asked, context, terminal), expected) {
                (Ok(keep), expected) => assert_eq!(Ok(keep), expected, "{asked:?} {context:?}"),
                (Err(error), Ok(_)) => panic!("{error}"),
                (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error}"),
            }
        }
    }
}
