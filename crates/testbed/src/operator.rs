//! The operator as a program: its command line, and a handle on one for tests. Must not
//! import the operator: its command line and its probes are all it knows.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::supervise::protocol::{Program, Revival};
use crate::supervise::{spawner, trampoline};
use crate::{clone, ports};

/// Name by which the supervisor knows it; its binary's name too.
pub const OPERATOR: &str = "backfill-operator";
const START_LIMIT: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Whoever does not say by then that it is ready is asked again.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// How an operator is started.
#[derive(Debug, Clone)]
pub struct OperatorOptions {
    /// Its database. It migrates it at the start.
    pub database_url: String,
    /// GitHub's address; the GraphQL endpoint is `/graphql` below it.
    pub github_url: String,
    /// The identity and the server it uses.
    pub kubeconfig: PathBuf,
    /// The only namespace it watches; all of them without one.
    pub namespace: Option<String>,
    /// The stable name under which it holds leases.
    pub instance_id: String,
    /// Further arguments.
    pub args: Vec<String>,
    /// Further variables.
    pub env: BTreeMap<String, String>,
    /// Where its output is appended.
    pub log: PathBuf,
}

impl OperatorOptions {
    /// The program, listening on a loopback port.
    pub fn program(&self, path: &Path, port: u16) -> Program {
        let mut args = vec![
            "operator".to_owned(),
            format!("--github-url={}", self.github_url),
            format!("--listen=127.0.0.1:{port}"),
            format!("--instance-id={}", self.instance_id),
        ];
        args.extend(self.namespace.iter().map(|name| format!("--watch-namespace={name}")));
        args.extend(self.args.iter().cloned());
        let mut env = self.env.clone();
        env.extend(image::ALLOCATOR.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // By the environment, so that whoever migrates by himself can say no.
        env.entry("MIGRATE".to_owned()).or_insert_with(|| "true".to_owned());
        // By the environment, because a command line can be read by every user.
        env.insert("DATABASE_URL".to_owned(), self.database_url.clone());
        env.insert("KUBECONFIG".to_owned(), self.kubeconfig.display().to_string());
        Program {
            name: OPERATOR.to_owned(),
            path: path.to_owned(),
            args,
            env,
            uid: None,
            log: self.log.clone(),
            revival: Revival::Never,
            end_signal: "SIGTERM".to_owned(),
            death_signal: "SIGKILL".to_owned(),
            pid_file: None,
        }
    }
}

/// A running operator of a test. Killed when dropped and when this process ends.
#[derive(Debug)]
pub struct Operator {
    url: String,
    pid: Pid,
    child: Mutex<Child>,
    log: PathBuf,
}

impl Operator {
    /// Starts one and waits until it is ready.
    pub async fn start(options: &OperatorOptions) -> anyhow::Result<Self> {
        Self::start_from(&clone::binary(OPERATOR)?, options).await
    }

    /// The same with a binary of another profile.
    pub async fn start_from(path: &Path, options: &OperatorOptions) -> anyhow::Result<Self> {
        let operator = Self::launch_from(path, options)?;
        operator.await_ready().await?;
        Ok(operator)
    }

    /// Starts one and does not wait: for tests that kill it before it is ready.
    pub fn launch(options: &OperatorOptions) -> anyhow::Result<Self> {
        Self::launch_from(&clone::binary(OPERATOR)?, options)
    }

    fn launch_from(path: &Path, options: &OperatorOptions) -> anyhow::Result<Self> {
        let port = ports::free()?;
        let program = options.program(path, port);
        let child = spawner::spawn(trampoline::command(&clone::binary("testbed")?, &program)?)?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { url, pid, child: Mutex::new(child), log: options.log.clone() })
    }

    /// Waits until `/readyz` is 200. Errors with its log if it ends or takes a minute.
    pub async fn await_ready(&self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        while !is_ready(&self.url).await {
            let ended = self.ended()?;
            if ended.is_some() || tokio::time::Instant::now() > deadline {
                bail!("the operator is not ready (ended: {ended:?}):\n{}", self.log());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Address of `/metrics`, `/livez` and `/readyz`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All that it has logged, with what earlier ones wrote to the same file.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it at once. It may have ended already.
    pub fn kill_9(&self) {
        let _ = self.signal(Signal::SIGKILL);
    }

    /// Asks it to end in good order.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Sends a signal. Errors if it has ended and was reaped.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        // While it is not reaped its pid belongs to nobody else.
        let mut child = self.child.lock().map_err(|_| anyhow!("a waiting thread panicked"))?;
        if child.try_wait()?.is_some() {
            bail!("the operator has ended already");
        }
        kill(self.pid, signal).context("sending a signal to the operator")
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&self) -> anyhow::Result<Option<ExitStatus>> {
        let mut child = self.child.lock().map_err(|_| anyhow!("a waiting thread panicked"))?;
        Ok(child.try_wait()?)
    }

    /// Waits for its end; errors after `limit`.
    pub async fn wait(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the operator still runs after {limit:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether it was killed, as opposed to having ended by itself.
    pub fn was_killed(&self) -> anyhow::Result<bool> {
        Ok(self.ended()?.is_some_and(|status| status.signal() == Some(9)))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill_9();
        if let Ok(mut child) = self.child.lock() {
            let _ = child.wait();
        }
    }
}

/// Whether an operator at this address says that it is ready.
pub async fn is_ready(url: &str) -> bool {
    let question = crate::http().get(format!("{url}/readyz")).timeout(READY_LIMIT);
    let answer = question.send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
