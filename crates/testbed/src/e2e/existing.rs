//! The story in a cluster that was there before: looks first whether anything of ours is in it,
//! loads the images, and removes everything afterwards. Must not know what happens in between.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::pods::NAMESPACE;
use super::reach::Reach;
use super::releases::Release;
use super::story::{self, RELEASE, SYSTEM, TEAM};
use super::{Steps, archives, plain};
use crate::output;

const CRD: &str = "customresourcedefinition/repositorybackfills.backfill.contributor.info";

/// A cluster that the story may use.
pub struct Existing {
    reach: Reach,
    /// A command that gets the path of an image archive as its last argument.
    load: Vec<String>,
}

impl Existing {
    /// The cluster of this context. Errors if something of ours is in it, or without `load`,
    /// such as `kind load image-archive`.
    pub fn find(context: &str, load: Option<&str>, dir: &Path) -> anyhow::Result<Self> {
        let load: Vec<String> =
            load.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        ensure!(
            !load.is_empty(),
            "E2E_LOAD is not set: the command that loads an image archive into the cluster, such \
             as 'kind load image-archive'"
        );
        let reach = Reach::context(context, dir)?;
        let names = ours();
        let get = [&["get", "--ignore-not-found", "--output", "name"], &texts(&names)[..]].concat();
        let there = reach.kubectl(&get)?;
        ensure!(
            there.is_empty(),
            "{context} has these already, remove them or choose another cluster:\n{there}"
        );
        Ok(Self { reach, load })
    }

    /// Tells it there and removes everything, however it ended.
    pub async fn tell(&self, releases: &[Release; 2], steps: &Steps) -> anyhow::Result<()> {
        for archive in archives(&self.reach.file(""))? {
            output::text(Command::new(&self.load[0]).args(&self.load[1..]).arg(&archive))?;
        }
        steps.done("the images are loaded");
        let told = story::tell(&self.reach, releases, steps).await;
        let uninstall = ["uninstall", RELEASE, "--namespace", SYSTEM, "--ignore-not-found"];
        let uninstalled = self.reach.helm(&uninstall);
        let plain = plain::remove(&self.reach);
        let names = ours();
        let delete = [&["delete", "--ignore-not-found"], &texts(&names)[..]].concat();
        let removed = self.reach.kubectl(&delete);
        told?;
        uninstalled?;
        plain?;
        removed?;
        steps.done("everything is removed from the cluster");
        Ok(())
    }
}

/// What the story makes outside of namespaces.
fn ours() -> Vec<String> {
    let mut names: Vec<String> =
        [SYSTEM, NAMESPACE, TEAM].iter().map(|name| format!("namespace/{name}")).collect();
    names.push(CRD.to_owned());
    names
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
