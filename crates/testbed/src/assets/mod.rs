//! The programs a testbed runs that are not ours: found where the machine has them, else
//! made once and cached outside the clone. Must not start any of them for longer than a
//! `--version`.

mod controlplane;
mod deny;
mod go_build;
mod helm;
mod judges;
mod node;
mod postgres;
mod promtool;
mod registry;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::fcntl::{Flock, FlockArg};

pub use deny::deny;
pub use helm::helm;
pub use judges::{judge, judges};
pub use node::{NodeAssets, front, node};
pub use promtool::promtool;
pub use registry::registry;

/// Oldest Kubernetes release whose programs are taken from the machine: the oldest one
/// that our Kubernetes client supports.
const KUBERNETES_MINOR_MIN: u32 = 33;

/// Where each program is.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Assets {
    /// The key-value store behind the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controllers: namespaces, ServiceAccounts, garbage collection.
    pub kube_controller_manager: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
    /// The directory with `postgres`, `initdb`, `psql`, `pg_ctl`.
    pub postgres_bin: PathBuf,
}

impl Assets {
    /// Finds or makes all of them. The first time this can take ten minutes and says so.
    pub fn find() -> anyhow::Result<Self> {
        let programs = controlplane::find()?;
        let [etcd, kube_apiserver, kube_controller_manager, kubectl] = programs;
        let postgres_bin = postgres::find()?;
        Ok(Self { etcd, kube_apiserver, kube_controller_manager, kubectl, postgres_bin })
    }
}

/// Holds a lock file beside a cache entry, so that two runs never make it at once.
fn lock(entry: &Path) -> anyhow::Result<Flock<File>> {
    let path = beside(entry, "lock");
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    match Flock::lock(open()?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, _)) => {
            eprintln!("waiting for another run that is making {}", entry.display());
            let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error);
            lock.with_context(|| format!("locking {}", path.display()))
        }
    }
}

/// `entry.suffix`, in the same directory.
fn beside(entry: &Path, suffix: &str) -> PathBuf {
    let mut path = entry.as_os_str().to_owned();
    path.push(".");
    path.push(suffix);
    path.into()
}

/// What a program prints to `args`, or `None` if it cannot be run.
fn output_of(program: &Path, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first `MAJOR.MINOR` in a text such as `Kubernetes v1.36.3`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).find_map(|word| {
        let mut parts = word.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_read_out_of_what_programs_print() {
        assert_eq!(version_in("Kubernetes v1.36.3\n"), Some((1, 36)));
        assert_eq!(version_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0)"), Some((15, 18)));
        assert_eq!(version_in("Client Version: v1.32.4-dispatcher"), Some((1, 32)));
        assert_eq!(version_in("etcd Version: 3.6.8\nGit SHA: Not"), Some((3, 6)));
        assert_eq!(version_in("no version"), None);
    }
}
