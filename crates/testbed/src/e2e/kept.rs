//! `make e2e KEEP=1`: a shell inside the node's namespaces once the story has ended, however it
//! did. Must not know what is typed there.

use std::process::Command;

use anyhow::Context;

use crate::{Cluster, assets};

/// Runs the person's shell to its end, with kubectl and helm for this cluster first on its PATH.
pub fn shell(cluster: &Cluster) -> anyhow::Result<()> {
    println!(
        "
The node stays up as long as this shell. kubectl and helm are its own, the images are
`backfill-operator:e2e-1` and `backfill-operator:e2e-2`; `exit` ends all of it.
"
    );
    let variable = |name| std::env::var(name).unwrap_or_default();
    let beside = [&cluster.assets().kubectl, &assets::helm()?];
    let mut path: Vec<String> =
        beside.iter().filter_map(|program| Some(program.parent()?.display().to_string())).collect();
    path.push(variable("PATH"));
    let shell = Some(variable("SHELL")).filter(|shell| !shell.is_empty());
    Command::new(shell.as_deref().unwrap_or("/bin/sh"))
        .env("KUBECONFIG", cluster.kubeconfig_path())
        .env("PATH", path.join(":"))
        .status()
        .context("starting a shell")
        .map(drop)
}
