//! promtool: from `PATH` if it is new enough, from the cache, else built from the Go module that
//! `tools/promtool` pins. Must not know any rule.

use std::path::PathBuf;

use super::go_build::{self, GoProgram};
use super::{output_of, version_in};
use crate::clone;

const NAME: &str = "promtool";
/// The folder of `tools` that pins it.
const MODULE: &str = "promtool";
/// Oldest release taken from the machine: in the one before, a range began a sample earlier.
const MAJOR_MIN: u32 = 3;

/// The program. Made apart from [`super::Assets`]: only what is about alerts needs it.
pub fn promtool() -> anyhow::Result<PathBuf> {
    if let Some(found) = clone::on_path(NAME) {
        let version = output_of(&found, &["--version"]).and_then(|text| version_in(&text));
        if version.is_some_and(|(major, _)| major >= MAJOR_MIN) {
            return Ok(found);
        }
    }
    let release = go_build::pinned(MODULE, "github.com/prometheus/prometheus")?;
    let program = GoProgram {
        name: NAME,
        package: "github.com/prometheus/prometheus/cmd/promtool".to_owned(),
        ldflags: format!("-s -w -X github.com/prometheus/common/version.Version={release}"),
        // Discovery of targets in clouds: most of the code, and nothing of it is used here.
        tags: "remove_all_sd",
    };
    let announced = format!("promtool {release}, about 3 minutes on 2 cores");
    Ok(go_build::built(MODULE, &[program], &announced)?.join(NAME))
}
