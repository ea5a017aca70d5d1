//! `backfill-operator wait`: ends once objects have come to a condition, for a Job that waits.
//!
//! Reads objects and nothing else. It must not know the database, GitHub, or who waits.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backfill_api::RepositoryBackfill;
use backfill_api::conditions::{READY, STALLED, SUCCEEDED};
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, ResourceExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::api_server;
use crate::args::{WaitArgs, WaitFor};

/// How the wait ends; the number is the exit code. `--help` says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reached = 0,
    Stalled = 3,
    Missing = 4,
    TimedOut = 5,
    Interrupted = 130,
    Terminated = 143,
}

/// A look at the objects when nothing has happened, for what only time changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// An object whose reason stays the same is told of this often.
const TELL_EVERY: Duration = Duration::from_secs(30);
/// Answers of the API server that a wait does not mend: not known, not allowed.
const REFUSED: [u16; 2] = [401, 403];

/// Waits as `args` say. Errors where the API server cannot be found or refuses.
pub async fn wait(args: &WaitArgs) -> anyhow::Result<ExitCode> {
    // First of all: as a container's first process it would not be ended by a signal otherwise.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let end = tokio::select! {
        end = watch(args) => end?,
        _ = term.recv() => End::Terminated,
        _ = int.recv() => End::Interrupted,
    };
    Ok(ExitCode::from(end as u8))
}

async fn watch(args: &WaitArgs) -> anyhow::Result<End> {
    let started = Instant::now();
    let client = api_server::client().await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    say(&format!("waiting for {} in {namespace}", args.target.name()))?;
    let api: Api<RepositoryBackfill> = Api::namespaced(client, &namespace);
    let (objects, writer) = reflector::store();
    let mut events =
        pin!(watcher(api, watcher::Config::default()).default_backoff().reflect(writer));
    let deadline = started + Duration::from_secs(args.timeout_seconds.into());
    let grace = Duration::from_secs(args.grace_seconds.into());
    let (mut listed, mut whole_at, mut teller) = (false, started, Teller::default());
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => listed |= matches!(event, watcher::Event::InitDone),
                // Where the kind is not served there are no objects.
                Some(Err(error)) => listed |= trouble(error)? == Some(404),
                None => anyhow::bail!("the watch ended"),
            },
            () = sleep_until(Instant::now() + LOOK_EVERY) => {}
        }
        let now = Instant::now();
        if listed {
            let standing = standing(&objects.state(), args);
            standing.present.iter().try_for_each(|object| teller.tell(object, now))?;
            if standing.missing.is_empty() {
                whole_at = now;
            }
            match standing.end() {
                Some(end) => return Ok(end),
                None if now >= whole_at + grace => {
                    say(&format!("not there: {}", standing.missing.join(", ")))?;
                    return Ok(End::Missing);
                }
                None => {}
            }
        }
        if now >= deadline {
            say(&format!("not {} within {} s", args.target.name(), args.timeout_seconds))?;
            return Ok(End::TimedOut);
        }
    }
}

/// Says what kept the watch from going on; the code of an answer, if there was one. Errors where
/// trying again does not help.
fn trouble(error: watcher::Error) -> anyhow::Result<Option<u16>> {
    let code = match &error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    };
    if code.is_some_and(|code| REFUSED.contains(&code)) {
        return Err(error).context("the API server refuses");
    }
    say(&format!("still trying: {error}"))?;
    Ok(code)
}

/// How the objects that are waited for stand.
struct Standing {
    present: Vec<Arc<RepositoryBackfill>>,
    missing: Vec<String>,
    stalled: bool,
    reached: bool,
}

impl Standing {
    fn end(&self) -> Option<End> {
        match self {
            Self { stalled: true, .. } => Some(End::Stalled),
            Self { reached: true, .. } => Some(End::Reached),
            _ => None,
        }
    }
}

/// An object that is being deleted counts as gone.
fn standing(all: &[Arc<RepositoryBackfill>], args: &WaitArgs) -> Standing {
    let asked_for = |object: &RepositoryBackfill| {
        args.names.is_empty() || args.names.contains(&object.name_any())
    };
    let stays = |object: &RepositoryBackfill| object.metadata.deletion_timestamp.is_none();
    let mut present: Vec<_> = all.iter().filter(|o| stays(o) && asked_for(o)).cloned().collect();
    present.sort_by_key(|object| object.name_any());
    let is_there = |name: &String| present.iter().any(|object| object.name_any() == *name);
    let mut missing: Vec<_> = args.names.iter().filter(|name| !is_there(name)).cloned().collect();
    if present.is_empty() && missing.is_empty() {
        missing.push("any RepositoryBackfill".to_owned());
    }
    let stalled = present.iter().any(|object| holds(object, STALLED));
    let reached = missing.is_empty() && present.iter().all(|o| has_come_to(o, args.target));
    Standing { present, missing, stalled, reached }
}

/// A dry run never succeeds: it has come to its end once it is ready.
fn has_come_to(object: &RepositoryBackfill, target: WaitFor) -> bool {
    match target {
        WaitFor::Ready => holds(object, READY),
        WaitFor::Succeeded if object.spec.dry_run => holds(object, READY) && !object.spec.suspend,
        WaitFor::Succeeded => holds(object, SUCCEEDED),
    }
}

/// Whether the condition is True of the object's present generation.
fn holds(object: &RepositoryBackfill, type_: &str) -> bool {
    condition(object, type_).is_some_and(|found| found.status == "True")
}

/// The condition, if it speaks of the object's present generation.
fn condition<'o>(object: &'o RepositoryBackfill, type_: &str) -> Option<&'o Condition> {
    let mut conditions = object.status.iter().flat_map(|status| &status.conditions);
    conditions.find(|condition| {
        condition.type_ == type_ && condition.observed_generation == object.metadata.generation
    })
}

/// Tells of each object when its reason changes, and now and then how far it is.
#[derive(Default)]
struct Teller {
    /// By name: the reason, the whole line, and when it was told.
    told: BTreeMap<String, (String, String, Instant)>,
}

impl Teller {
    fn tell(&mut self, object: &RepositoryBackfill, now: Instant) -> io::Result<()> {
        let name = object.name_any();
        let (reason, line) = told_of(object);
        let is_new = self.told.get(&name).is_none_or(|(before, text, at)| {
            *before != reason || (*text != line && now >= *at + TELL_EVERY)
        });
        if is_new {
            say(&format!("{name}: {line}"))?;
            self.told.insert(name, (reason, line, now));
        }
        Ok(())
    }
}

/// The reason of Ready, and a line with how far it is and what stands against it.
fn told_of(object: &RepositoryBackfill) -> (String, String) {
    let Some(ready) = condition(object, READY) else {
        let text = "no operator has looked at it yet".to_owned();
        return (String::new(), text);
    };
    let progress = object.status.as_ref().and_then(|status| status.progress.as_ref());
    let mut line = ready.reason.clone();
    if let Some(progress) = progress {
        line = format!("{line} {progress}");
    }
    if ready.status == "False" {
        let words: Vec<&str> = ready.message.split(char::is_control).collect();
        line = format!("{line}: {}", words.join(" "));
    }
    (ready.reason.clone(), line)
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
