//! An OCI registry, built from the Go module that `tools/registry` pins. Must not know what is
//! pushed to it.

use std::path::PathBuf;

use super::go_build::{self, GoProgram};

/// The program and the folder of `tools` that pins it.
const NAME: &str = "registry";

/// The program. Made apart from [`super::Assets`]: only what is about a release needs it.
pub fn registry() -> anyhow::Result<PathBuf> {
    let release = go_build::pinned(NAME, "github.com/distribution/distribution/v3")?;
    let announced = format!("the registry {release}, about a minute on 2 cores");
    let (package, ldflags) = (".".to_owned(), "-s -w".to_owned());
    let program = GoProgram { name: NAME, package, ldflags, tags: "" };
    Ok(go_build::built(NAME, &[program], &announced)?.join(NAME))
}
