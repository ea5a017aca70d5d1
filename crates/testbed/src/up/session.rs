//! The testbed of this clone: what was chosen for it, and its operator. Must not know how
//! it was brought up.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};

use super::env_file;
use crate::cluster::Cluster;
use crate::cluster::programs::{APISERVER, ETCD};
use crate::operator::{OPERATOR, OperatorOptions, is_ready};
use crate::postgres::POSTGRES;
use crate::run_dir::tail;
use crate::standin::{STANDIN, StandInArgs};
use crate::{clone, ports};

/// What was chosen at `up` and stays while the testbed runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// What the stand-in serves; none where the real GitHub is used.
    pub standin: Option<StandInArgs>,
    /// Its port.
    pub standin_port: u16,
    /// GitHub's address: the stand-in's, or the real one's.
    pub github_url: String,
    /// The operator's database.
    pub database_url: String,
    /// The operator's port.
    pub operator_port: u16,
    /// The operator's identity in the cluster.
    pub operator_kubeconfig: PathBuf,
    /// The name under which it holds leases.
    pub instance_id: String,
}

/// The running testbed of this clone.
#[derive(Debug)]
pub struct Session {
    cluster: Cluster,
    settings: Settings,
}

impl Session {
    /// The one that runs. Errors if none does.
    pub async fn attach() -> anyhow::Result<Self> {
        let link = dir()?.join("run");
        let run_dir = std::fs::read_link(&link).context("no testbed is up: run `make up`")?;
        let cluster = Cluster::attach(&run_dir).await?;
        let text = std::fs::read(cluster.dir().join("settings.json"))
            .context("the testbed is still coming up, or its start failed: run `make down`")?;
        Ok(Self { cluster, settings: serde_json::from_slice(&text)? })
    }

    /// Records a new testbed as the one of this clone.
    pub fn record(cluster: Cluster, settings: Settings) -> anyhow::Result<Self> {
        let text = serde_json::to_vec_pretty(&settings)?;
        std::fs::write(cluster.dir().join("settings.json"), text)?;
        Ok(Self { cluster, settings })
    }

    /// Its cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What was chosen for it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives up everything but the cluster.
    pub fn into_cluster(self) -> Cluster {
        self.cluster
    }

    /// Leaves it running after this process.
    pub async fn detach(&mut self) -> anyhow::Result<()> {
        self.cluster.detach().await
    }

    /// Address of the operator's metrics and probes.
    pub fn operator_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.settings.operator_port)
    }

    /// Starts the operator unless it runs, and waits until it is ready.
    pub async fn start_operator(&self) -> anyhow::Result<()> {
        let control = self.cluster.control();
        let settings = &self.settings;
        let options = OperatorOptions {
            database_url: settings.database_url.clone(),
            github_url: settings.github_url.clone(),
            kubeconfig: settings.operator_kubeconfig.clone(),
            namespace: None,
            instance_id: settings.instance_id.clone(),
            args: Vec::new(),
            env: [].into(),
            log: self.cluster.dir().log(OPERATOR),
        };
        if control.pid(OPERATOR).await?.is_none() {
            let path = release_binary(OPERATOR)?;
            control.start(options.program(&path, settings.operator_port)).await?;
        }
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while !is_ready(&self.operator_url()).await {
            let running = control.pid(OPERATOR).await?.is_some();
            if !running || tokio::time::Instant::now() > deadline {
                bail!("the operator is not ready; it says:\n{}", tail(&options.log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts the stand-in and waits until it answers.
    pub async fn start_standin(&self) -> anyhow::Result<()> {
        let Some(args) = &self.settings.standin else { return Ok(()) };
        let line = args.command_line(self.settings.standin_port);
        let dir = self.cluster.dir();
        let program =
            crate::cluster::programs::program(dir, STANDIN, &release_binary(STANDIN)?, line);
        let log = program.log.clone();
        self.cluster.control().start(program).await?;
        let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
        let http = crate::http();
        while crate::standin::get(&http, &self.settings.github_url, "requests").await.is_err() {
            let seen = self.cluster.control().seen(STANDIN).await?;
            let ended = seen.and_then(|seen| seen.last_end);
            if ended.is_some() || tokio::time::Instant::now() > deadline {
                bail!("the stand-in did not start; it says:\n{}", tail(&log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Writes `.testbed/env` anew.
    pub async fn write_env(&self) -> anyhow::Result<()> {
        let operator_pid = self.cluster.pid(OPERATOR).await?;
        let text = env_file::text(&self.cluster, &self.settings, operator_pid);
        env_file::write(&dir()?.join("env"), &text)
    }

    /// Prints where everything is and what to try.
    pub async fn print_next(&self) -> anyhow::Result<()> {
        let mut pids = Vec::new();
        for name in [OPERATOR, STANDIN, APISERVER, ETCD, POSTGRES] {
            if let Some(pid) = self.cluster.pid(name).await? {
                pids.push(format!("{name} {pid}"));
            }
        }
        println!("{}", env_file::next_steps(&self.cluster, &self.settings, &pids.join(", ")));
        Ok(())
    }
}

/// Held while a testbed of this clone comes up or goes down, so that no two commands do
/// either at once. Errors at once if another command does.
pub fn claim() -> anyhow::Result<Flock<File>> {
    std::fs::create_dir_all(dir()?)?;
    let path = dir()?.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| error)
        .context("another command is bringing up the testbed of this clone: wait or end it")
}

/// Makes `.testbed/` point to a run directory.
pub fn link(run_dir: &Path) -> anyhow::Result<()> {
    unlink()?;
    Ok(symlink(run_dir, dir()?.join("run"))?)
}

/// Makes `.testbed/` empty but for the lock of [`claim`], which others may be looking at.
pub fn unlink() -> anyhow::Result<()> {
    for name in ["run", "env"] {
        match std::fs::remove_file(dir()?.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Settings for a new testbed: fresh ports and a fresh database.
pub async fn choose(cluster: &Cluster, standin: Option<StandInArgs>) -> anyhow::Result<Settings> {
    let standin_port = ports::free()?;
    let github_url = match standin {
        Some(_) => format!("http://127.0.0.1:{standin_port}"),
        None => "https://api.github.com".to_owned(),
    };
    Ok(Settings {
        standin,
        standin_port,
        github_url,
        database_url: cluster.postgres().create_database("backfill").await?,
        operator_port: ports::free()?,
        operator_kubeconfig: cluster.operator_kubeconfig(None).await?,
        instance_id: format!("testbed-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]),
    })
}

fn dir() -> anyhow::Result<PathBuf> {
    Ok(clone::root()?.join(".testbed"))
}

/// One of our binaries as users get them.
pub fn release_binary(name: &str) -> anyhow::Result<PathBuf> {
    let profile = clone::profile_dir()?;
    let target = profile.parent().context("the profile directory has no parent")?;
    clone::binary_in(&target.join("release"), name)
}
