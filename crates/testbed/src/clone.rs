//! Where things are: the clone, its target directory, the cache outside it.
//! Must not make or change any of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The root of the clone: the nearest directory above with `tools/controlplane`, seen from
/// the crate that cargo runs, or else from the working directory.
pub fn root() -> anyhow::Result<PathBuf> {
    let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(crate_dir) => PathBuf::from(crate_dir),
        None => std::env::current_dir()?,
    };
    let is_root = |dir: &&Path| dir.join("tools/controlplane/go.mod").is_file();
    let found = start.ancestors().find(is_root).map(Path::to_owned);
    found.with_context(|| format!("{} is not inside a clone of the project", start.display()))
}

/// `$XDG_CACHE_HOME/backfill-operator`, or below `$HOME/.cache`.
pub fn cache() -> anyhow::Result<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || var("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let parent = var("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let cache = parent.context("neither XDG_CACHE_HOME nor HOME is set")?.join("backfill-operator");
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("making the cache {}", cache.display()))?;
    Ok(cache)
}

/// The directory of the binaries of the profile this executable was built in:
/// `target/debug` for `target/debug/testbed` and `target/debug/deps/some_test-0123` alike.
pub fn profile_dir() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let dir = exe.parent().context("the executable has no directory")?;
    let is_deps = dir.file_name().is_some_and(|name| name == "deps");
    Ok(if is_deps { dir.parent().context("deps has no parent")? } else { dir }.to_owned())
}

/// One of our binaries beside this executable. Errors name the command that builds it.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    binary_in(&profile_dir()?, name)
}

/// One of our binaries in a profile's directory. Errors name the command that builds it.
pub fn binary_in(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join(name);
    if !path.is_file() {
        bail!("{} is not built: run `make test` (it builds every binary first)", path.display());
    }
    Ok(path)
}

/// Finds an executable file in `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}
