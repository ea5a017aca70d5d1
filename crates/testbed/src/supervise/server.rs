//! `testbed supervise`: the process around the keeper. Listens on the run directory's
//! socket, ends on SIGTERM, SIGINT or the end of its starter, and removes the directory.
//! Must not know what a program needs to be ready.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::keeper::{Event, Keeper};
use super::protocol::{Answer, Request};
use crate::run_dir::RunDir;

/// Arguments of `testbed supervise`.
#[derive(Debug, clap::Args)]
pub struct SuperviseArgs {
    /// The run directory; removed at the end.
    #[arg(long)]
    dir: PathBuf,
}

/// Runs until asked to end.
pub async fn supervise(args: &SuperviseArgs) -> anyhow::Result<()> {
    let dir = RunDir::at(&args.dir);
    let _claim = dir.claim()?;
    let (events, mut inbox) = mpsc::unbounded_channel();
    let listener = UnixListener::bind(dir.socket()).context("listening for requests")?;
    tokio::spawn(accept(listener, events.clone()));
    watch_starter(events.clone());
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let (mut stream, events) = (signal(kind)?, events.clone());
        tokio::spawn(async move {
            stream.recv().await;
            let _ = events.send(Event::Leave("signal"));
        });
    }
    let mut keeper = Keeper::new(std::env::current_exe()?, events);
    while let Some(event) = inbox.recv().await {
        if keeper.apply(event) {
            break;
        }
    }
    keeper.end_all(&mut inbox).await;
    remove(&args.dir);
    Ok(())
}

fn remove(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        eprintln!("{} stays: {error}", dir.display());
    }
}

/// The starter holds our standard input open; its end, however it came, closes it.
fn watch_starter(events: mpsc::UnboundedSender<Event>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0) {}
        let _ = events.send(Event::Leave("starter gone"));
    });
}

async fn accept(listener: UnixListener, events: mpsc::UnboundedSender<Event>) {
    while let Ok((stream, _)) = listener.accept().await {
        let events = events.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, events).await {
                eprintln!("a request failed: {error:#}");
            }
        });
    }
}

async fn converse(stream: UnixStream, events: mpsc::UnboundedSender<Event>) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    let (answer, outcome) = oneshot::channel();
    events.send(Event::Asked(request, answer)).ok().context("the supervisor is leaving")?;
    let answer =
        outcome.await.unwrap_or_else(|_| Answer::Refused("the supervisor is leaving".into()));
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}
