//! `make e2e`: the chart and the image on a real node, from installing to removing, while a
//! backfill runs. Must not know how the operator works inside.

mod pods;
mod story;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;

use crate::assets::{self, Assets, NodeAssets};
use crate::node::{Node, images, sandbox};
use crate::{clone, up};

/// The operator's image under two names, so that an upgrade has one to go to.
const IMAGES: [&str; 2] = ["backfill-operator:e2e-1", "backfill-operator:e2e-2"];

/// What the part inside the namespaces is told.
#[derive(Debug, Clone, clap::Args)]
pub struct InsideArgs {
    /// A directory of its own, with the images in it.
    #[arg(long)]
    state: PathBuf,
}

/// Prints what has happened, and when.
#[derive(Debug)]
struct Steps(Instant);

impl Steps {
    fn done(&self, what: &str) {
        println!("{:6.1} s  {what}", self.0.elapsed().as_secs_f64());
    }
}

/// Builds everything, then runs the story on a node of its own. Where this machine cannot have
/// one it errors, unless the variable `OPTIONAL` is set: then it says so and that is all.
pub fn e2e() -> anyhow::Result<()> {
    if let Some(reason) = sandbox::refusal() {
        if std::env::var("OPTIONAL").is_ok_and(|value| !value.is_empty()) {
            eprintln!("\n*** make e2e DID NOT RUN: this machine cannot have a node: {reason}\n");
            return Ok(());
        }
        bail!("this machine cannot have a node of its own: {reason}");
    }
    Assets::find()?;
    assets::helm()?;
    let node = assets::node()?;
    up::build_release()?;
    let steps = Steps(Instant::now());
    // Below /var/tmp: layers of containers cannot lie in an overlay, as /tmp may be one.
    let state = tempfile::Builder::new().prefix("backfill-e2e-").tempdir_in("/var/tmp")?;
    write_images(&node, state.path())?;
    steps.done("the images are built");
    let state = state.path().display().to_string();
    sandbox::run(&["e2e-inside", "--state", &state])
}

/// The story, inside the namespaces.
pub async fn inside(args: &InsideArgs) -> anyhow::Result<()> {
    let steps = Steps(Instant::now());
    let node = Node::start(assets::node()?, &args.state).await?;
    let mut archives: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&args.state)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tar") {
            archives.push(path);
        }
    }
    for archive in archives {
        node.import(&archive)?;
    }
    node.join().await?;
    steps.done("the node is ready");
    story::tell(&node, &steps).await
}

fn write_images(node: &NodeAssets, state: &Path) -> anyhow::Result<()> {
    let root = clone::root()?;
    for name in IMAGES {
        let (_, tag) = name.rsplit_once(':').unwrap_or_default();
        image::archive(&root, name, &state.join(format!("{tag}.tar")))?;
    }
    let pause = images::file("pause", &node.containerd.join("pause"))?;
    images::write(images::PAUSE, &["/pause"], &[], vec![pause], &state.join("pause.tar"))?;
    pods::write_images(node, state)
}
