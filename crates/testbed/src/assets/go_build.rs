//! Programs built once from a pinned Go module of `tools/`, into the cache outside the
//! clone. Must not know which programs those are or what they are for.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::lock;
use crate::clone;
use crate::supervise::trampoline::tied;

/// Raised when the way of building changes, so that old cache entries are not used.
const RECIPE: &str = "1";
/// A line of progress is printed this often while the compiler says nothing.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// A program and how it is built.
#[derive(Debug, Clone)]
pub struct GoProgram {
    /// Name of the executable.
    pub name: &'static str,
    /// Its main package: an import path, or `./folder` of the module itself.
    pub package: String,
    /// What the linker is told, such as a version to stamp in.
    pub ldflags: String,
    /// Build tags, separated by commas; empty without any.
    pub tags: &'static str,
}

/// The cache directory of the module `tools/<module>` once `programs` are in it. Those that
/// are missing are built; `announced` then says what is built and how long that takes.
/// The entry's key is a hash of everything in the module: other pins are another entry.
pub fn built(module: &str, programs: &[GoProgram], announced: &str) -> anyhow::Result<PathBuf> {
    let source = clone::root()?.join("tools").join(module);
    let dir = clone::cache()?.join(format!("{module}-{:016x}", key(&source)?));
    let missing = || programs.iter().filter(|program| !dir.join(program.name).is_file());
    if missing().next().is_none() {
        return Ok(dir);
    }
    let _lock = lock(&dir)?;
    let missing: Vec<&GoProgram> = missing().collect();
    if missing.is_empty() {
        return Ok(dir);
    }
    std::fs::create_dir_all(&dir)?;
    let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
    let names = names.join(", ");
    let oldest = pinned(module, "go")?;
    let go = clone::on_path("go").with_context(|| {
        format!("no Go compiler on PATH to build {names} with: install Go {oldest} or newer")
    })?;
    eprintln!("building {names} once, into {}: {announced}", dir.display());
    for program in missing {
        build(&go, &source, program, &dir)?;
    }
    Ok(dir)
}

/// The version at which `tools/<module>` pins the Go module `path`; for `go` the oldest compiler.
pub fn pinned(module: &str, path: &str) -> anyhow::Result<String> {
    let file = clone::root()?.join("tools").join(module).join("go.mod");
    let text = std::fs::read_to_string(&file)?;
    version_of(&text, path).with_context(|| format!("{} names no {path}", file.display()))
}

fn version_of(go_mod: &str, path: &str) -> Option<String> {
    let mut lines = go_mod.lines().map(|line| line.trim().trim_start_matches("require "));
    let version = lines.find_map(|line| line.strip_prefix(path)?.strip_prefix(' '))?;
    version.split_whitespace().next().map(str::to_owned)
}

/// A hash of `go.mod`, `go.sum` and the module's own source, if it has any.
fn key(source: &Path) -> anyhow::Result<u64> {
    let mut digest = Sha256::new();
    for name in ["go.mod", "go.sum"] {
        let file = source.join(name);
        let text = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        digest.update(text);
    }
    digest.update(RECIPE);
    for file in own_files(source)? {
        digest.update(std::fs::read(file)?);
    }
    Ok(digest.finalize().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
}

/// Every `.go` file below `dir`, in order.
fn own_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(own_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "go") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn build(go: &Path, source: &Path, program: &GoProgram, dir: &Path) -> anyhow::Result<()> {
    // Built beside its place and moved there whole: a build that was ended leaves nothing.
    let unfinished = dir.join(format!("{}.unfinished", program.name));
    let began = Instant::now();
    let child = tied(go)?
        .args(["build", "-trimpath", "-tags", program.tags, "-ldflags", &program.ldflags, "-o"])
        .arg(&unfinished)
        .arg(&program.package)
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .spawn()
        .context("starting go")?;
    wait_reporting(child, program.name, began)?;
    std::fs::rename(&unfinished, dir.join(program.name))?;
    eprintln!("  {} built in {} s", program.name, began.elapsed().as_secs());
    Ok(())
}

fn wait_reporting(mut child: Child, name: &str, began: Instant) -> anyhow::Result<()> {
    let mut reported = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if reported.elapsed() > REPORT_EVERY {
            reported = Instant::now();
            eprintln!("  {name}: building for {} s", began.elapsed().as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!("go build of {name} failed ({status}); its output is above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{key, version_of};

    #[test]
    fn a_pinned_version_is_read_from_either_form_of_a_requirement() {
        let go_mod =
            "require (\n\tk8s.io/kubernetes v1.36.3 // indirect\n)\nrequire a.b/c v2.0.0\n";
        assert_eq!(version_of(go_mod, "k8s.io/kubernetes").as_deref(), Some("v1.36.3"));
        assert_eq!(version_of(go_mod, "a.b/c").as_deref(), Some("v2.0.0"));
        assert_eq!(version_of(go_mod, "k8s.io/kube"), None);
        // The oldest compiler stands there in the same form.
        assert_eq!(version_of("module m\n\ngo 1.26.3\n", "go").as_deref(), Some("1.26.3"));
    }

    #[test]
    fn other_pins_and_other_source_are_other_entries() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("go.mod", "module a");
        write("go.sum", "");
        let first = key(dir.path()).unwrap();
        assert_eq!(key(dir.path()).unwrap(), first);
        write("go.sum", "b v1.0.0 h1:");
        let second = key(dir.path()).unwrap();
        assert_ne!(second, first);
        write("main.go", "package main");
        assert_ne!(key(dir.path()).unwrap(), second);
    }
}
