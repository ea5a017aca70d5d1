//! The operator's binary for an image: linked statically, and the same wherever it is built.
//! Must not know what is made of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

const NAME: &str = "backfill-operator";

/// Builds it in the clone at `root`, or finds it built. Returns where it is.
pub fn build(root: &Path) -> anyhow::Result<PathBuf> {
    build_with(root, &cargo_home()?)
}

/// The same with the sources of dependencies in this home of cargo.
pub fn build_with(root: &Path, cargo_home: &Path) -> anyhow::Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // With a target named, the flags are not those of build scripts and macros, which cannot be
    // linked statically.
    let mut cargo = Command::new("cargo");
    // What the outer cargo sets about this crate must not reach the inner build: it would build
    // ring, and everything above it, anew.
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in std::env::vars_os() {
        if ours.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--locked", "--release", "--target", &target])
        .args(["--package", NAME, "--bin", NAME])
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, cargo_home)?.join("\u{1f}"))
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_HOME", cargo_home)
        .current_dir(root)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the build of the image's binary failed ({status})");
    }
    Ok(root.join("target").join(target).join("release").join(NAME))
}

/// What the compiler is told: everything into the binary, and no path of this machine.
fn flags(root: &Path, cargo_home: &Path) -> anyhow::Result<Vec<String>> {
    let mut sysroot = Command::new("rustc");
    let sysroot = sysroot.args(["--print", "sysroot"]).current_dir(root).output()?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let paths = [(cargo_home, "/cargo"), (root, "/src"), (Path::new(sysroot.trim()), "/rust")];
    for (from, to) in paths {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    Ok(flags)
}

/// Where cargo keeps the sources of dependencies.
pub fn cargo_home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(PathBuf::from(home));
    }
    Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"))
}
