//! What the supervisor is asked and answers, one JSON line each way over a unix socket.
//! Must not know what the programs are: it names them, it never reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// When a program that ended without being asked to is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revival {
    /// Never: its end is what somebody wants to look at.
    Never,
    /// One second after any end, with the same command line and so on the same port.
    Always,
}

/// One program to run and how it is ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// Unique within the testbed; also the name of its log file.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables set on top of the supervisor's own environment.
    pub env: BTreeMap<String, String>,
    /// User id to run under; `None` is the supervisor's own.
    pub uid: Option<u32>,
    /// Where its output is appended.
    pub log: PathBuf,
    /// Whether it comes back when it ends by itself.
    pub revival: Revival,
    /// Signal that ends it in good order, such as `SIGTERM`.
    pub end_signal: String,
    /// Signal the kernel sends it when the supervisor dies.
    pub death_signal: String,
    /// A file whose first line is the pid of a replacement that somebody else
    /// may start (`pg_ctl restart`). The supervisor then watches that one.
    pub pid_file: Option<PathBuf>,
}

/// A request to the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Starts a program; replaces an ended one of the same name.
    Start(Box<Program>),
    /// Ends a program with a signal, waits until it is gone, keeps it down.
    Stop {
        /// Its name.
        name: String,
        /// `None`: its own `end_signal`.
        signal: Option<String>,
    },
    /// Starts a stopped program again with the command line it had.
    Resume {
        /// Its name.
        name: String,
    },
    /// Sends a signal and changes nothing else: an end from outside.
    Signal {
        /// Its name.
        name: String,
        /// Such as `SIGKILL`, `SIGSTOP`, `SIGCONT`.
        signal: String,
    },
    /// Lists the programs.
    Status,
    /// From now on the end of the starter does not end the supervisor.
    Detach,
    /// Ends every program and then the supervisor.
    End,
}

/// One program as the supervisor sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// `None` while it is not running.
    pub pid: Option<i32>,
    /// How it ended last, in words.
    pub last_end: Option<String>,
}

/// The supervisor's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// It is as asked; the pid, where a program was started.
    Settled(Option<i32>),
    /// The answer to `Status`.
    Programs(Vec<Seen>),
    /// Why it could not be done.
    Refused(String),
}

/// The caller's side: one connection per request, so it belongs to no runtime.
#[derive(Debug, Clone)]
pub struct Control {
    socket: PathBuf,
}

impl Control {
    /// A control of the supervisor that listens on this socket.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks once. Errors if nobody listens or the supervisor refuses.
    pub async fn ask(&self, request: &Request) -> anyhow::Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("no testbed answers on {}", self.socket.display()))?;
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await?;
        match serde_json::from_str(&answer).context("the supervisor ended without an answer")? {
            Answer::Refused(why) => bail!("{why}"),
            settled => Ok(settled),
        }
    }

    /// Starts a program and returns its pid.
    pub async fn start(&self, program: Program) -> anyhow::Result<i32> {
        match self.ask(&Request::Start(Box::new(program))).await? {
            Answer::Settled(Some(pid)) => Ok(pid),
            other => bail!("the supervisor answered {other:?} to a start"),
        }
    }

    /// The pid of a running program, `None` while it is down.
    pub async fn pid(&self, name: &str) -> anyhow::Result<Option<i32>> {
        Ok(self.seen(name).await?.and_then(|seen| seen.pid))
    }

    /// A program by its name, `None` if it was never started.
    pub async fn seen(&self, name: &str) -> anyhow::Result<Option<Seen>> {
        match self.ask(&Request::Status).await? {
            Answer::Programs(all) => Ok(all.into_iter().find(|seen| seen.name == name)),
            other => bail!("the supervisor answered {other:?} to a status request"),
        }
    }
}
