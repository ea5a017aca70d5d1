//! The operator as plain manifests, by the overlay that docs/install.md shows. Must not know what
//! is in the manifests beyond what the story's own GitHub needs.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::pods;
use super::reach::Reach;
use super::story::{LIMIT, RELEASE, SYSTEM};
use crate::clone;

const MANIFESTS: &str = "deploy/kustomize";

/// Installs it with this image and waits until it is ready.
pub fn install(reach: &Reach, image: &str) -> anyhow::Result<()> {
    let root = clone::root()?;
    let copies = reach.file(MANIFESTS);
    std::fs::create_dir_all(&copies)?;
    for file in std::fs::read_dir(root.join(MANIFESTS))? {
        let file = file?;
        std::fs::copy(file.path(), copies.join(file.file_name()))?;
    }
    let overlay = overlay(reach);
    std::fs::create_dir_all(&overlay)?;
    let text = shown(&std::fs::read_to_string(root.join("docs/install.md"))?, image)?;
    let text = format!("{text}patches: {}\n", json!([patch()]));
    std::fs::write(overlay.join("kustomization.yaml"), text)?;
    reach.kubectl(&["apply", "--server-side", "-k", &overlay.display().to_string()])?;
    let limit = format!("--timeout={}s", LIMIT.as_secs());
    let deployment = format!("deployment/{RELEASE}");
    reach.kubectl(&["--namespace", SYSTEM, "rollout", "status", &deployment, &limit]).map(drop)
}

/// Removes everything that it installed, the kind included.
pub fn remove(reach: &Reach) -> anyhow::Result<()> {
    let overlay = overlay(reach);
    if !overlay.exists() {
        return Ok(());
    }
    reach.kubectl(&["delete", "--ignore-not-found", "-k", &overlay.display().to_string()]).map(drop)
}

fn overlay(reach: &Reach) -> PathBuf {
    reach.file("overlay")
}

/// The overlay as people are shown it, with this image.
fn shown(document: &str, image: &str) -> anyhow::Result<String> {
    let (name, tag) = image.rsplit_once(':').context("an image without a tag")?;
    let mut blocks = document.split("```yaml\n").filter_map(|rest| rest.split_once("```"));
    let is_overlay = |block: &&str| block.contains("kind: Kustomization");
    let block = blocks.find_map(|(block, _)| Some(block).filter(is_overlay));
    let lines = block.context("docs/install.md shows no overlay")?.lines().map(|line| {
        let (indent, key) = line.split_at(line.len() - line.trim_start().len());
        match key.split_once(':') {
            Some(("newName", _)) => format!("{indent}newName: {name}\n"),
            Some(("newTag", _)) => format!("{indent}newTag: {tag}\n"),
            _ => format!("{line}\n"),
        }
    });
    Ok(lines.collect())
}

/// What the chart has values for: the GitHub of the story, and the authority that it goes by.
fn patch() -> Value {
    let spec = "/spec/template/spec";
    let container = format!("{spec}/containers/0");
    let mount = json!([{ "name": "authority", "mountPath": "/authority", "readOnly": true }]);
    let volume = json!([{ "name": "authority", "configMap": { "name": "authority" } }]);
    let trust = json!({ "name": "SSL_CERT_FILE", "value": "/authority/ca.crt" });
    let github = format!("--github-url={}", pods::github_url());
    let (was, argument) = ("--github-url=https://api.github.com", format!("{container}/args/2"));
    let operations = json!([
        { "op": "test", "path": argument, "value": was },
        { "op": "replace", "path": argument, "value": github },
        { "op": "add", "path": format!("{container}/env/-"), "value": trust },
        { "op": "add", "path": format!("{container}/volumeMounts"), "value": mount },
        { "op": "add", "path": format!("{spec}/volumes"), "value": volume },
    ]);
    json!({
        "target": { "kind": "Deployment", "name": RELEASE },
        "patch": operations.to_string(),
    })
}
