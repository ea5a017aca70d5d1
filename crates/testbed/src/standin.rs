//! The stand-in GitHub as a program: its command line, and a handle on one for tests.
//! Must not import the stand-in: its command line and its HTTP pages are all it knows.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::supervise::protocol::Program;
use crate::supervise::{spawner, trampoline};
use crate::{clone, cluster, ports};

/// Name by which the supervisor knows it.
pub const STANDIN: &str = "github-standin";
/// A world of 100,000 pull requests takes a while to make.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Counting a large world takes as long as making it.
pub const PAGE_LIMIT: Duration = Duration::from_mins(2);

/// What a stand-in serves and how it behaves.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct StandInArgs {
    /// World files, NDJSON, optionally gzip.
    pub world: Vec<PathBuf>,
    /// Repositories to make up: `owner/name=COUNT` or `owner/name=COUNT:SEED`.
    pub synthetic: Vec<String>,
    /// Milliseconds that each answer takes longer.
    pub latency_ms: u32,
    /// A fault plan.
    pub faults: Option<PathBuf>,
    /// Limits other than GitHub's own.
    pub limits: Option<PathBuf>,
    /// Where each request is written as a line of JSON.
    pub log: Option<PathBuf>,
    /// The only tokens that are good; without any, every token is.
    pub tokens: Vec<String>,
}

impl StandInArgs {
    /// The command line, listening on a loopback port.
    pub fn command_line(&self, port: u16) -> Vec<String> {
        let mut line = vec!["--listen".to_owned(), format!("127.0.0.1:{port}")];
        let mut flag = |name: &str, value: String| line.extend([name.to_owned(), value]);
        for file in &self.world {
            flag("--world", file.display().to_string());
        }
        for repository in &self.synthetic {
            flag("--synthetic", repository.clone());
        }
        for token in &self.tokens {
            flag("--token", token.clone());
        }
        if self.latency_ms > 0 {
            flag("--latency-ms", self.latency_ms.to_string());
        }
        let files = [("--faults", &self.faults), ("--limits", &self.limits), ("--log", &self.log)];
        for (name, file) in files {
            if let Some(file) = file {
                flag(name, file.display().to_string());
            }
        }
        line
    }
}

/// A running stand-in of a test. Killed when dropped and when this process ends.
#[derive(Debug)]
pub struct StandIn {
    url: String,
    http: reqwest::Client,
    child: Child,
    log: tempfile::TempPath,
}

impl StandIn {
    /// Starts one and waits until it answers.
    pub async fn start(args: &StandInArgs) -> anyhow::Result<Self> {
        Self::start_from(&clone::binary(STANDIN)?, args).await
    }

    /// The same with a binary of another profile.
    pub async fn start_from(path: &Path, args: &StandInArgs) -> anyhow::Result<Self> {
        let port = ports::free()?;
        let log = tempfile::NamedTempFile::new()?.into_temp_path();
        let dir = crate::run_dir::RunDir::at(&std::env::temp_dir());
        let program = Program {
            log: log.to_path_buf(),
            ..cluster::programs::program(&dir, STANDIN, path, args.command_line(port))
        };
        let child = spawner::spawn(trampoline::command(&clone::binary("testbed")?, &program)?)?;
        let url = format!("http://127.0.0.1:{port}");
        let mut standin = Self { url, http: crate::http(), child, log };
        standin.await_ready().await?;
        Ok(standin)
    }

    async fn await_ready(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        while let Err(error) = self.requests().await {
            let ended = self.child.try_wait()?;
            if ended.is_some() || tokio::time::Instant::now() > deadline {
                bail!("the stand-in is not there: {error:#}; it says: {}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Its address; the GraphQL endpoint is `/graphql` below it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its counts of requests, points and violations since its start or the last reset.
    pub async fn requests(&self) -> anyhow::Result<Value> {
        get(&self.http, &self.url, "requests").await
    }

    /// Starts its counts again from zero.
    pub async fn reset_requests(&self) -> anyhow::Result<()> {
        let url = format!("{}/_standin/requests", self.url);
        self.http.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// What it holds, counted per repository.
    pub async fn totals(&self) -> anyhow::Result<Value> {
        get(&self.http, &self.url, "totals").await
    }

    /// Replaces its fault plan.
    pub async fn set_faults(&self, plan: &Value) -> anyhow::Result<()> {
        self.post("faults", plan).await
    }

    /// Replaces its limits.
    pub async fn set_limits(&self, limits: &Value) -> anyhow::Result<()> {
        self.post("limits", limits).await
    }

    /// Changes its world while it runs.
    pub async fn change_world(&self, change: &Value) -> anyhow::Result<()> {
        self.post("world", change).await
    }

    async fn post(&self, page: &str, body: &Value) -> anyhow::Result<()> {
        let url = format!("{}/_standin/{page}", self.url);
        let answer = self.http.post(&url).json(body).send().await?;
        let status = answer.status();
        if !status.is_success() {
            bail!("{url} answers {status}: {}", answer.text().await?);
        }
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the stand-in's own pages, `/_standin/PAGE`, as JSON.
pub async fn get(http: &reqwest::Client, url: &str, page: &str) -> anyhow::Result<Value> {
    let url = format!("{url}/_standin/{page}");
    let answer = http.get(&url).timeout(PAGE_LIMIT).send().await?.error_for_status()?;
    answer.json().await.with_context(|| format!("reading {url}"))
}
