//! Helm: from `PATH` if it is new enough, from the cache, else built from the Go module that
//! `tools/helm` pins. Must not know the chart.

use std::path::PathBuf;

use super::go_build::{self, GoProgram};
use super::{output_of, version_in};
use crate::clone;

const NAME: &str = "helm";
/// The folder of `tools` that pins it.
const MODULE: &str = "helm";
/// Oldest release taken from the machine: the first that waits by kstatus, as Flux does.
const MAJOR_MIN: u32 = 4;

/// The program. Made apart from [`super::Assets`]: only what is about the chart needs it.
pub fn helm() -> anyhow::Result<PathBuf> {
    if let Some(found) = clone::on_path(NAME) {
        let version = output_of(&found, &["version", "--short"]);
        let version = version.and_then(|text| version_in(&text));
        if version.is_some_and(|(major, _)| major >= MAJOR_MIN) {
            return Ok(found);
        }
    }
    let release = go_build::pinned(MODULE, "helm.sh/helm/v4")?;
    // The module's own version constant has no patch level.
    let ldflags = format!("-s -w -X helm.sh/helm/v4/internal/version.version={release}");
    let package = "helm.sh/helm/v4/cmd/helm".to_owned();
    let announced = format!("Helm {release}, about 4 minutes on 2 cores");
    let program = GoProgram { name: NAME, package, ldflags, tags: "" };
    Ok(go_build::built(MODULE, &[program], &announced)?.join(NAME))
}
