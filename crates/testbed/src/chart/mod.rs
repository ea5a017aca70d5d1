//! The chart's generated files, and the plain manifests rendered from it: what they must hold.
//! `make generate` writes them, a test compares them. Must not know a running cluster.

mod readme;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::{argocd, assets, output};

/// The chart, from the clone's root.
pub const CHART: &str = "charts/backfill-operator";
/// Where the plain manifests are.
const PLAIN: &str = "deploy/kustomize";
/// What the chart carries as it is: (folder, end of the names, folder below the chart's `files/`).
const CARRIED: [(&str, &str, &str); 3] = [
    ("crds", ".yaml", "crds"),
    ("deploy/alerts", ".rules.yaml", "alerts"),
    ("deploy/grafana", ".json", "dashboards"),
];
/// Which plain manifest each template goes into.
const TEMPLATES: [(&str, &str); 5] = [
    ("crds.yaml", "crds.yaml"),
    ("service-account.yaml", "service-account.yaml"),
    ("rbac.yaml", "rbac.yaml"),
    ("user-roles.yaml", "user-roles.yaml"),
    ("deployment.yaml", "deployment.yaml"),
];
/// How the plain manifests differ from the chart's defaults: there are no hooks, so the
/// operator migrates, and nothing is kept because nothing is uninstalled.
const PLAIN_VALUES: [&str; 3] =
    ["database.existingSecret=database", "migrations.mode=AtStart", "crds.keep=false"];
/// Labels that would say that Helm looks after what it does not.
const HELMS_OWN: [&str; 2] = ["helm.sh/chart: ", "app.kubernetes.io/managed-by: "];

/// A file and what it must hold.
#[derive(Debug)]
pub struct Generated {
    /// From the clone's root.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// The files of others that the chart carries, and its README.
pub fn carried(root: &Path) -> anyhow::Result<Vec<Generated>> {
    let mut found = Vec::new();
    for (folder, end, below) in CARRIED {
        for file in files(&root.join(folder))? {
            let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
            if name.ends_with(end) {
                let path = Path::new(CHART).join("files").join(below).join(name);
                found.push(Generated { path, text: std::fs::read_to_string(&file)? });
            }
        }
    }
    let path = Path::new(CHART).join("README.md");
    let values = std::fs::read_to_string(root.join(CHART).join("values.yaml"))?;
    let text = readme::with_values(&std::fs::read_to_string(root.join(&path))?, &values)?;
    found.push(Generated { path, text });
    Ok(found)
}

/// What lies below the chart's `files/`, from the clone's root; all of it is generated.
pub fn present(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for (_, _, below) in CARRIED {
        let folder = Path::new(CHART).join("files").join(below);
        let names = files(&root.join(&folder))?;
        found.extend(names.iter().filter_map(|file| Some(folder.join(file.file_name()?))));
    }
    Ok(found)
}

/// The plain manifests, rendered from the chart as it lies there.
pub fn plain(root: &Path) -> anyhow::Result<Vec<Generated>> {
    let mut helm = Command::new(assets::helm()?);
    helm.args(["template", "backfill-operator", CHART, "--namespace", "backfill-system"]);
    helm.args(PLAIN_VALUES.iter().flat_map(|value| ["--set", value]));
    let mut parts = by_template(&output::text(helm.current_dir(root))?);
    let mut found = Vec::new();
    for (template, file) in TEMPLATES {
        let text =
            parts.remove(template).with_context(|| format!("{template} rendered nothing"))?;
        let head = format!("# Rendered from {CHART} by `make generate`.\n");
        found.push(Generated { path: Path::new(PLAIN).join(file), text: head + &text });
    }
    if let Some(template) = parts.keys().next() {
        bail!("{template} renders something that no plain manifest takes");
    }
    Ok(found)
}

/// Writes all of it and names what was written.
pub fn generate(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let carried = carried(root)?;
    for stale in present(root)? {
        std::fs::remove_file(root.join(stale))?;
    }
    let mut written = write(root, carried)?;
    written.extend(write(root, plain(root)?)?);
    written.extend(write(root, vec![argocd::config_map(root)?])?);
    Ok(written)
}

fn write(root: &Path, all: Vec<Generated>) -> anyhow::Result<Vec<PathBuf>> {
    for Generated { path, text } in &all {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(root))?;
        std::fs::write(file, text)?;
    }
    Ok(all.into_iter().map(|file| file.path).collect())
}

/// The documents of each template, without what only Helm has a use for.
fn by_template(rendered: &str) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    for document in rendered.split("---\n").filter(|document| !document.trim().is_empty()) {
        let source = document.lines().find_map(|line| line.strip_prefix("# Source: "));
        let template = source.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let kept = document.lines().filter(|line| {
            let text = line.trim_start();
            !line.starts_with("# Source: ") && !HELMS_OWN.iter().any(|own| text.starts_with(own))
        });
        let text: Vec<&str> = kept.collect();
        let part = parts.entry(template.to_owned()).or_default();
        if !part.is_empty() {
            part.push_str("---\n");
        }
        part.push_str(text.join("\n").trim());
        part.push('\n');
    }
    parts
}

/// The files of a folder in order; none if it is not there.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder)?.collect();
    let mut found: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::by_template;

    #[test]
    fn rendered_documents_are_parted_by_their_template() {
        let rendered = "---\n# Source: c/templates/a.yaml\nkind: A\nhelm.sh/chart: c-1\n\n\
                        ---\n# Source: c/templates/b.yaml\n# Why.\nkind: B\n\
                        ---\n# Source: c/templates/a.yaml\nkind: A2\n";
        let parts = by_template(rendered);
        assert_eq!(parts["a.yaml"], "kind: A\n---\nkind: A2\n");
        assert_eq!(parts["b.yaml"], "# Why.\nkind: B\n");
    }
}
