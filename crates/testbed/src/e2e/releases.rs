//! What the story installs and what it upgrades to. Must not know the cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chart::CHART;
use crate::{clone, output};

/// A chart and the image that goes with it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The chart's directory.
    pub chart: PathBuf,
    /// The image's name.
    pub image: &'static str,
}

/// Both, their images written as archives into `state`. With a commit the first is built from
/// it, chart and image; otherwise both are this clone's and only their tags differ.
pub fn build(from: Option<&str>, state: &Path) -> anyhow::Result<[Release; 2]> {
    let root = clone::root()?;
    let first = from.map_or_else(|| Ok(root.clone()), |commit| earlier(&root, commit))?;
    let releases = named([first.join(CHART), root.join(CHART)]);
    for (release, root) in releases.iter().zip([&first, &root]) {
        let (_, tag) = release.image.rsplit_once(':').unwrap_or_default();
        image::archive(root, release.image, &state.join(format!("{tag}.tar")))?;
    }
    Ok(releases)
}

/// These charts with the names that their images get.
pub fn named([first, second]: [PathBuf; 2]) -> [Release; 2] {
    [
        Release { chart: first, image: "backfill-operator:e2e-1" },
        Release { chart: second, image: "backfill-operator:e2e-2" },
    ]
}

/// A clone at an earlier commit, kept in the cache with what is built there.
fn earlier(root: &Path, commit: &str) -> anyhow::Result<PathBuf> {
    let git = |dir: &Path, args: &[&str]| {
        output::text(Command::new("git").current_dir(dir).args(args))
            .map(|text| text.trim().to_owned())
    };
    let commit = git(root, &["rev-parse", "--verify", &format!("{commit}^{{commit}}")])?;
    let clone = clone::cache()?.join(format!("earlier-{commit}"));
    if !clone.exists() {
        let unfinished = clone.with_extension("unfinished");
        let to = unfinished.display().to_string();
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        git(root, &["clone", "--quiet", "--no-checkout", ".", &to])?;
        git(&unfinished, &["checkout", "--quiet", "--detach", &commit])?;
        std::fs::rename(&unfinished, &clone)?;
    }
    Ok(clone)
}
