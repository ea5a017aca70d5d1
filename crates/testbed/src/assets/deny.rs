//! cargo-deny: from `PATH`, from the cache, else built from its crate at a pinned version.
//! Must not know what it is asked.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::lock;
use crate::clone;
use crate::supervise::trampoline::tied;

const NAME: &str = "cargo-deny";
const VERSION: &str = "0.20.2";

/// The program. The first time this takes five minutes and says so.
pub fn deny() -> anyhow::Result<PathBuf> {
    if let Some(found) = clone::on_path(NAME) {
        return Ok(found);
    }
    let dir = clone::cache()?.join(format!("{NAME}-{VERSION}"));
    let program = dir.join("bin").join(NAME);
    if program.is_file() {
        return Ok(program);
    }
    let _lock = lock(&dir)?;
    if !program.is_file() {
        eprintln!("building {NAME} {VERSION} once, into {}: about 5 minutes", dir.display());
        // Put in its place whole by cargo itself.
        let status = tied(Path::new("cargo"))?
            .args(["install", NAME, "--version", VERSION, "--locked", "--quiet", "--root"])
            .arg(&dir)
            .status()
            .context("starting cargo")?;
        ensure!(status.success(), "cargo install of {NAME} failed ({status})");
    }
    Ok(program)
}
