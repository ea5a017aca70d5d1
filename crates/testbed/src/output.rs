//! A program run to its end: what it printed, or what it said when it failed. Must not know any.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// What it prints. Errors with what it says where it fails, or with its name where it is not there.
pub fn text(command: &mut Command) -> anyhow::Result<String> {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", args.join(" "), said.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
