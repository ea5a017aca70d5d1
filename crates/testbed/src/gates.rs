//! `make test`, `make check`, `make generate`: cargo with everything it needs beside it.
//! Must not test anything itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::assets::{self, Assets};
use crate::supervise::trampoline::tied;
use crate::{chart, clone, output};

/// Every binary of the workspace beside this one. All at once: another choice of packages would
/// build what they share once more.
pub fn build_binaries() -> anyhow::Result<()> {
    cargo(&["build", "--workspace", "--bins"])
}

/// Builds every binary, then runs every test. Errors if one fails.
pub fn test() -> anyhow::Result<()> {
    Assets::find()?;
    assets::helm()?;
    assets::judges()?;
    assets::promtool()?;
    assets::registry()?;
    build_binaries()?;
    image::build_binary(&clone::root()?)?;
    // The tests wait for servers more than they work: four at a time keep two cores busy.
    cargo(&["test", "--workspace", "--", "--test-threads=4"])
}

/// Formatting, lints as errors, the rules of the house, and what may come into the dependencies.
pub fn check() -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["test", "-q", "-p", "backfill-operator", "--test", "it", "tidy::"])?;
    dependencies()
}

/// `deny.toml` on every dependency. Known holes are looked up in a database that lies at GitHub:
/// where that cannot be fetched it says so, and the rest counts.
fn dependencies() -> anyhow::Result<()> {
    let deny = assets::deny()?;
    let run = |args: &[&str]| -> anyhow::Result<bool> {
        let mut command = Command::new(&deny);
        command.args(args).current_dir(clone::root()?);
        Ok(command.status().context("starting cargo-deny")?.success())
    };
    if !run(&["check", "bans", "licenses", "sources"])? {
        bail!("a dependency is not allowed: see above and deny.toml");
    }
    if !run(&["fetch", "db"])? {
        eprintln!("\n*** Known holes in dependencies WERE NOT LOOKED UP: see above\n");
        return Ok(());
    }
    if !run(&["check", "--disable-fetch", "advisories"])? {
        bail!("a dependency has a known hole: see above");
    }
    Ok(())
}

/// The files that the operator's binary writes, by the subcommand: its kinds and its catalogues.
pub const GENERATED: [(&str, &str); 5] = [
    ("crd", "crds/repositorybackfills.backfill.contributor.info.yaml"),
    ("fields", "docs/reference/fields.md"),
    ("flags", "docs/reference/flags.md"),
    ("reasons", "docs/reference/reasons.md"),
    ("metrics", "docs/reference/metrics.md"),
];

/// Writes every generated file anew.
pub fn generate() -> anyhow::Result<()> {
    cargo(&["build", "-q", "-p", "backfill-operator", "--bins"])?;
    let root = clone::root()?;
    let operator = clone::binary("backfill-operator")?;
    for (subcommand, file) in GENERATED {
        let text = output::text(Command::new(&operator).arg(subcommand))?;
        let file = root.join(file);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(&file, text)?;
        eprintln!("wrote {}", file.display());
    }
    for file in chart::generate(&root)? {
        eprintln!("wrote {}", root.join(file).display());
    }
    Ok(())
}

/// Runs cargo in the clone. Its exit code becomes ours by way of an error.
fn cargo(args: &[&str]) -> anyhow::Result<()> {
    eprintln!("cargo {}", args.join(" "));
    let status = tied(Path::new("cargo"))?.args(args).current_dir(clone::root()?).status();
    let status = status.context("starting cargo")?;
    if !status.success() {
        bail!("cargo {} failed ({status})", args.join(" "));
    }
    Ok(())
}
