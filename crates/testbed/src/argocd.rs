//! What Argo CD is taught about the kind: the scripts of `deploy/argocd` as the `argocd-cm` that
//! holds them. `make generate` writes it, a test compares it. Must not know what a script says.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

use crate::chart::Generated;

/// The scripts, in the folders of Argo CD's own repository.
pub const SCRIPTS: &str =
    "deploy/argocd/resource_customizations/backfill.contributor.info/RepositoryBackfill";
/// The same as a ConfigMap.
const CONFIG_MAP: &str = "deploy/argocd/argocd-cm.yaml";
/// The kind as Argo CD's keys have it.
const KIND: &str = "backfill.contributor.info_RepositoryBackfill";
/// The actions, in the order in which they are offered.
pub const ACTIONS: [&str; 3] = ["look-now", "suspend", "resume"];

const HEAD: &str = "\
# Rendered from resource_customizations by `make generate`. It is a patch, as docs/gitops.md has it:
# that adds the two keys and leaves all others as they are. Applied, it would remove what Argo CD's
# own installation applied.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
";

/// The ConfigMap as it must be.
pub fn config_map(root: &Path) -> anyhow::Result<Generated> {
    let script = |name: &str, margin: usize| {
        let file = root.join(SCRIPTS).join(name);
        let text = std::fs::read_to_string(&file);
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        let margin = " ".repeat(margin);
        anyhow::Ok(text.lines().fold(String::new(), |all, line| match line {
            "" => all + "\n",
            line => format!("{all}{margin}{line}\n"),
        }))
    };
    let mut text = HEAD.to_owned();
    let health = script("health.lua", 4)?;
    write!(text, "  resource.customizations.health.{KIND}: |\n{health}")?;
    let discovery = script("actions/discovery.lua", 6)?;
    writeln!(text, "  resource.customizations.actions.{KIND}: |")?;
    write!(text, "    discovery.lua: |\n{discovery}    definitions:\n")?;
    for action in ACTIONS {
        let script = script(&format!("actions/{action}/action.lua"), 10)?;
        write!(text, "      - name: {action}\n        action.lua: |\n{script}")?;
    }
    Ok(Generated { path: CONFIG_MAP.into(), text })
}
