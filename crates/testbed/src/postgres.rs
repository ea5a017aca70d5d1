//! One PostgreSQL server of a testbed: its directory, its command line, its URLs.
//! Must not know the operator's tables.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use sqlx::{Connection, Executor, PgConnection};

use crate::cluster::programs::{Choices, program};
use crate::output;
use crate::run_dir::{RunDir, make_dir};
use crate::supervise::protocol::Program;

/// Name by which the supervisor knows it.
pub const POSTGRES: &str = "postgres";
/// Who runs it when the testbed runs as root: `nobody`. Postgres refuses root.
const UNPRIVILEGED: u32 = 65_534;
const START_LIMIT: Duration = Duration::from_mins(1);

/// Where a server is and how it is reached.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Postgres {
    /// Its loopback port.
    pub port: u16,
    /// Its data directory (`PGDATA`).
    pub directory: PathBuf,
    password: String,
}

impl Postgres {
    /// Makes the data directory. Blocks for about two seconds.
    pub fn make(dir: &RunDir, bin: &Path, port: u16) -> anyhow::Result<Self> {
        let directory = dir.join("pgdata");
        make_dir(&directory, 0o700)?;
        if let Some(uid) = uid() {
            std::os::unix::fs::chown(&directory, Some(uid), Some(uid))?;
        }
        let password = uuid::Uuid::new_v4().simple().to_string();
        let password_file = dir.join("postgres-password");
        std::fs::write(&password_file, &password)?;
        if let Some(uid) = uid() {
            std::os::unix::fs::chown(&password_file, Some(uid), Some(uid))?;
        }
        let mut initdb = Command::new(bin.join("initdb"));
        initdb.arg("-D").arg(&directory).arg("--pwfile").arg(&password_file);
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync", "--no-instructions"]).current_dir("/");
        // The password is random, so that stretching it only costs every connection of every test.
        initdb.args(["--set", "scram_iterations=1"]);
        if let Some(uid) = uid() {
            initdb.uid(uid).gid(uid);
        }
        let initialised = output::text(&mut initdb);
        std::fs::remove_file(&password_file)?;
        initialised?;
        Ok(Self { port, directory, password })
    }

    /// The server's command line. `pg_ctl restart` keeps it.
    pub fn program(&self, dir: &RunDir, bin: &Path, choices: &Choices) -> Program {
        let mut args =
            vec!["-D".to_owned(), self.directory.display().to_string(), format!("-p{}", self.port)];
        let mut settings = vec![
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "timezone=UTC",
            "log_timezone=UTC",
        ];
        if !choices.durable {
            settings.extend(["fsync=off", "full_page_writes=off"]);
        }
        for setting in settings {
            args.extend(["-c".to_owned(), setting.to_owned()]);
        }
        Program {
            uid: uid(),
            // Fast shutdown; and at the supervisor's death an immediate one, which unlike
            // SIGKILL also ends the server's children and frees its shared memory.
            end_signal: "SIGINT".to_owned(),
            death_signal: "SIGQUIT".to_owned(),
            pid_file: Some(self.directory.join("postmaster.pid")),
            ..program(dir, POSTGRES, &bin.join("postgres"), args)
        }
    }

    /// URL of a database, as the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// URL of the maintenance database.
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// The same as [`Postgres::url`] through a proxy on another port.
    pub fn url_through(&self, port: u16, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{port}/{database}", self.password)
    }

    /// Makes an empty database and returns its URL.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<String> {
        self.copy_database("template1", name).await
    }

    /// Makes a database with everything that is in another, to which nobody may be connected.
    pub async fn copy_database(&self, of: &str, name: &str) -> anyhow::Result<String> {
        let mut connection = PgConnection::connect(&self.admin_url()).await?;
        let statement = format!("CREATE DATABASE \"{name}\" TEMPLATE \"{of}\"");
        connection.execute(sqlx::AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(self.url(name))
    }

    /// Waits until it answers; errors after a minute.
    pub async fn await_ready(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        loop {
            match PgConnection::connect(&self.admin_url()).await {
                Ok(connection) => return Ok(connection.close().await?),
                Err(error) if tokio::time::Instant::now() > deadline => {
                    return Err(error).context("Postgres does not answer");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// The user the server runs as where that is not our own.
fn uid() -> Option<u32> {
    nix::unistd::geteuid().is_root().then_some(UNPRIVILEGED)
}
