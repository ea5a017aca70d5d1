//! Images of programs of this machine: the files of a directory or a program, and the shared
//! libraries they need. Must not know how pods use them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use image::{File, Image};

/// What holds a pod open; its only file is that program.
pub const PAUSE: &str = "docker.io/library/pause:e2e";
/// CoreDNS, alone as well.
pub const DNS: &str = "docker.io/library/dns:e2e";

/// Writes an image of these paths, each where it lies on this machine, with the libraries that
/// its programs need, and of these further files.
pub fn write(
    name: &str,
    entrypoint: &[&str],
    paths: &[&Path],
    further: Vec<File>,
    out: &Path,
) -> anyhow::Result<()> {
    let mut found: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    for path in found.keys().cloned().collect::<Vec<_>>() {
        for library in libraries(&path)? {
            found.entry(library.clone()).or_insert(library);
        }
    }
    let mut files = further;
    for (path, source) in found {
        let inside = path.strip_prefix("/").context("a path that is not absolute")?;
        let inside = inside.to_str().context("a path that is no UTF-8")?;
        files.push(file(inside, &source)?);
    }
    let image = Image {
        name: name.to_owned(),
        created_seconds: 0,
        labels: BTreeMap::new(),
        user: "65532:65532".to_owned(),
        entrypoint: entrypoint.iter().map(|&word| word.to_owned()).collect(),
        env: Vec::new(),
        files,
    };
    image::write(&image, out).map(drop)
}

/// A file of this machine at another place of the image.
pub fn file(inside: &str, source: &Path) -> anyhow::Result<File> {
    let read = || -> std::io::Result<(u32, Vec<u8>)> {
        Ok((source.metadata()?.permissions().mode() & 0o777, std::fs::read(source)?))
    };
    let (mode, bytes) = read().with_context(|| format!("reading {}", source.display()))?;
    Ok(File { path: inside.to_owned(), mode: mode | 0o444, bytes })
}

fn collect(path: &Path, found: &mut BTreeMap<PathBuf, PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        found.insert(path.to_owned(), path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        collect(&entry?.path(), found)?;
    }
    Ok(())
}

/// What the loader would load, loader included; nothing for what is no dynamic program.
fn libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut magic = [0; 4];
    let opened = std::fs::File::open(program);
    if opened.and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic)).is_err()
        || magic != *b"\x7fELF"
    {
        return Ok(Vec::new());
    }
    let output = Command::new("ldd").arg(program).output().context("starting ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("not found") {
        bail!("{} lacks a library:\n{text}", program.display());
    }
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.map(|word| plain(Path::new(word))).filter(|path| path.is_file()).collect())
}

/// Without the `..` by which a program finds the libraries beside it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}
