//! The directory that holds everything one testbed writes, and the sweep of those whose
//! supervisor was killed. It lies below /var/tmp, because Postgres runs there as an
//! ordinary user even when the testbed runs as root and the clone is closed to others.
//! Must not know what the programs write into it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};

/// A directory is left alone for this long: its supervisor may be starting.
const START_GRACE: Duration = Duration::from_mins(2);

/// One testbed's directory. A plain path: it removes nothing by itself.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// An existing run directory.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes a new one and sweeps away what killed supervisors left.
    pub fn create() -> anyhow::Result<Self> {
        let parent = shared_dir()?;
        sweep(&parent);
        let name = uuid::Uuid::new_v4().simple().to_string();
        let path = parent.join(format!("run-{}", &name[..12]));
        make_dir(&path, 0o711)?;
        for (inner, mode) in [("log", 0o700), ("pki", 0o700), ("etcd", 0o700)] {
            make_dir(&path.join(inner), mode)?;
        }
        Ok(Self { path })
    }

    /// Takes the lock that says a supervisor lives here; held while the result lives.
    pub fn claim(&self) -> anyhow::Result<Flock<File>> {
        self.lock(OpenOptions::new().create(true).truncate(false))
    }

    fn lock(&self, options: &mut OpenOptions) -> anyhow::Result<Flock<File>> {
        let file = options.write(true).open(self.path.join("lock"))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| error)
            .context("another supervisor lives in this directory")
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or directory inside it.
    pub fn join(&self, inner: &str) -> PathBuf {
        self.path.join(inner)
    }

    /// Where the supervisor listens.
    pub fn socket(&self) -> PathBuf {
        self.join("control.sock")
    }

    /// The log of a program.
    pub fn log(&self, program: &str) -> PathBuf {
        self.join(&format!("log/{program}.log"))
    }
}

/// `/var/tmp/backfill-testbed-UID`, ours alone, passable for the user Postgres runs as.
pub fn shared_dir() -> anyhow::Result<PathBuf> {
    let uid = nix::unistd::geteuid();
    let path = PathBuf::from(format!("/var/tmp/backfill-testbed-{uid}"));
    make_dir(&path, 0o711)?;
    let found = std::fs::symlink_metadata(&path)?;
    if !found.is_dir() || found.uid() != uid.as_raw() {
        bail!("{} exists and is not ours: remove it", path.display());
    }
    Ok(path)
}

/// Makes a directory with exactly this mode; one that exists already stays as it is.
pub fn make_dir(path: &Path, mode: u32) -> anyhow::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        // The mode once more: the umask took its part of the first.
        Ok(()) => std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("making {}", path.display())),
    }
    Ok(())
}

/// The last lines of a log, for an error: the log itself goes with its directory.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let named_so = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("run-"));
        let age = std::fs::metadata(&path).and_then(|found| found.modified());
        let young = age.ok().and_then(|at| at.elapsed().ok()).is_none_or(|age| age < START_GRACE);
        // A lock file alone says nothing: its supervisor makes it first and locks it then.
        if !named_so || young {
            continue;
        }
        let claim = RunDir::at(&path).lock(&mut OpenOptions::new());
        if claim.is_err() && path.join("lock").exists() {
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(&path) {
            eprintln!("{} stays: {error}", path.display());
        }
        drop(claim);
    }
}
