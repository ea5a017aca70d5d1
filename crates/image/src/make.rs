//! `make image`: the image by the engine that is there, or as an archive by ourselves.
//! Must not know the form of either.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::archive::{Image, Written, write};
use crate::engine::Engine;
use crate::{binary, contents};

/// Nobody in particular, and far from the accounts of any node.
const USER: &str = "65532:65532";
const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Large buffers go back to the system when they are freed. By itself glibc stops mapping them
/// once it has freed one (mallopt(3), `M_MMAP_THRESHOLD`), and keeps a third more. With one arena
/// for all threads the smaller ones are used again by whichever thread is next: a tenth less.
pub const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "1")];

/// What an image says about where it comes from.
struct Origin {
    created_seconds: i64,
    /// The commit; empty outside git and where files differ from it.
    revision: String,
}

/// Builds the image of the clone at `root` as the variables of make ask for it.
pub fn make(root: &Path) -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let name = Some(variable("IMAGE")).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("backfill-operator:{VERSION}"));
    if !variable("CHECK").is_empty() {
        return check(root);
    }
    if let Some(engine) = Engine::choose(&variable("ENGINE"))? {
        let origin = Origin::of(root)?;
        engine.build(root, &name, &origin.options())?;
        eprintln!("{engine} has {name}");
        return Ok(());
    }
    let out = root.join("target/image.tar");
    let written = archive(root, &name, &out)?;
    let kilobytes = written.layer_bytes / 1000;
    eprintln!("no container engine: {name} is an archive, {kilobytes} kB, {}", written.digest);
    // In quotes, for a path with spaces.
    let file = format!("'{}'", out.display());
    eprintln!("  docker load --input {file}");
    eprintln!("  podman load --input {file}");
    eprintln!("  kind load image-archive {file}");
    eprintln!("  ctr --namespace k8s.io images import {file}");
    Ok(())
}

/// Writes the operator's image to the file `out`, without an engine.
pub fn archive(root: &Path, name: &str, out: &Path) -> anyhow::Result<Written> {
    write(&image(root, name, &binary::build(root)?)?, out)
}

fn image(root: &Path, name: &str, binary: &Path) -> anyhow::Result<Image> {
    let origin = Origin::of(root)?;
    Ok(Image {
        name: name.to_owned(),
        created_seconds: origin.created_seconds,
        labels: labels(&origin.revision),
        user: USER.to_owned(),
        entrypoint: vec!["/backfill-operator".to_owned()],
        env: ALLOCATOR.map(|(name, value)| format!("{name}={value}")).to_vec(),
        files: contents::operator(binary)?,
    })
}

/// Builds it once more from the last commit, in another directory and with another home of
/// cargo, and compares. Errors if one byte differs.
fn check(root: &Path) -> anyhow::Result<()> {
    let elsewhere = tempfile::tempdir()?;
    let clone = elsewhere.path().join("clone");
    if Origin::of(root)?.revision.is_empty() {
        bail!("CHECK=1 compares commits: commit first");
    }
    git(root, &["clone", "--quiet", ".", &clone.display().to_string()])?;
    let home = elsewhere.path().join("cargo");
    std::fs::create_dir(&home)?;
    for entry in std::fs::read_dir(binary::cargo_home()?)? {
        let entry = entry?;
        std::os::unix::fs::symlink(entry.path(), home.join(entry.file_name()))?;
    }
    let first = archive(root, "check", &elsewhere.path().join("first.tar"))?;
    let binary = binary::build_with(&clone, &home)?;
    let second = write(&image(&clone, "check", &binary)?, &elsewhere.path().join("second.tar"))?;
    if first.digest != second.digest {
        bail!("two builds of one commit differ: {} and {}", first.digest, second.digest);
    }
    eprintln!("two builds of one commit in two places are the same, {}", first.digest);
    Ok(())
}

fn labels(revision: &str) -> BTreeMap<String, String> {
    let labels = [
        ("title", "backfill-operator"),
        ("description", "Captures the pull-request history of GitHub repositories into Postgres"),
        ("source", SOURCE),
        ("licenses", "Apache-2.0"),
        ("version", VERSION),
        ("revision", revision),
    ];
    let named =
        |(name, text): (&str, &str)| (format!("org.opencontainers.image.{name}"), text.to_owned());
    labels.into_iter().map(named).collect()
}

impl Origin {
    /// The last commit, unless `SOURCE_DATE_EPOCH` names another time; outside git 1970.
    /// <https://reproducible-builds.org/specs/source-date-epoch/>
    fn of(root: &Path) -> anyhow::Result<Self> {
        let commit = git(root, &["log", "-1", "--format=%H %ct"]).unwrap_or_default();
        let (revision, seconds) = commit.split_once(' ').unwrap_or(("", "0"));
        let is_clean =
            git(root, &["status", "--porcelain"]).is_ok_and(|changes| changes.is_empty());
        let seconds = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| seconds.to_owned());
        let created_seconds = seconds.parse();
        Ok(Self {
            created_seconds: created_seconds
                .with_context(|| format!("SOURCE_DATE_EPOCH is {seconds:?}, not seconds"))?,
            revision: if is_clean { revision.to_owned() } else { String::new() },
        })
    }

    /// What an engine is told of it. The revision is a label and not an argument of the
    /// Dockerfile: podman takes a label from an earlier build although the argument in it has
    /// changed since. <https://github.com/containers/buildah/issues/5501>
    fn options(&self) -> [(&'static str, String); 2] {
        [
            ("--build-arg", format!("SOURCE_DATE_EPOCH={}", self.created_seconds)),
            ("--label", format!("org.opencontainers.image.revision={}", self.revision)),
        ]
    }
}

/// What git prints. Errors with what it says.
fn git(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git").args(args).current_dir(root).output()?;
    if !output.status.success() {
        bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_told_the_revision_where_no_layer_of_an_earlier_one_serves() {
        let origin = Origin { created_seconds: 7, revision: "abc".to_owned() };
        let label = "org.opencontainers.image.revision=abc".to_owned();
        assert!(origin.options().contains(&("--label", label)));
    }
}
