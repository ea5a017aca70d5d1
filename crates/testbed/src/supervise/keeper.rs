//! The supervisor's state and what each event changes in it. One event at a time, so it
//! needs no locks. Must not know sockets or signals of its own: `server` brings those.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::protocol::{Answer, Program, Request, Revival, Seen};
use super::{adopt, spawner, trampoline};

/// How long a program may take to end in good order before it is killed.
const END_LIMIT: Duration = Duration::from_secs(5);
/// The pause before a program that ended by itself is started again.
const REVIVAL_DELAY: Duration = Duration::from_secs(1);
/// The same for a program that others may restart: longer than `pg_ctl restart` needs to
/// start its own on a busy machine.
const REVIVAL_DELAY_ADOPTABLE: Duration = Duration::from_secs(5);
/// The same after a clean end of a program that others may restart: whoever stopped it
/// in good order wants to see it down for a while.
const REVIVAL_DELAY_CLEAN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Something that happened.
pub enum Event {
    /// A request with the place for its answer.
    Asked(Request, oneshot::Sender<Answer>),
    /// A process ended.
    Ended { name: String, pid: i32, clean: bool, how: String },
    /// It is time to look whether a program should be started again.
    LookAgain { name: String },
    /// A program had its time to end in good order.
    Overdue { name: String, pid: i32 },
    /// The starter is gone, or a signal asks to end.
    Leave(&'static str),
}

struct Kept {
    program: Program,
    pid: Option<i32>,
    wanted: bool,
    revive_at: Instant,
    last_end: Option<String>,
    awaiting_end: Vec<oneshot::Sender<Answer>>,
    started: u64,
}

/// Everything the supervisor keeps running.
pub struct Keeper {
    trampoline: PathBuf,
    events: mpsc::UnboundedSender<Event>,
    kept: BTreeMap<String, Kept>,
    guards: Vec<std::process::Child>,
    starts: u64,
    /// Whether the end of the starter leaves everything running.
    pub detached: bool,
}

impl Keeper {
    /// Keeps nothing yet. `trampoline` is the testbed's own executable.
    pub fn new(trampoline: PathBuf, events: mpsc::UnboundedSender<Event>) -> Self {
        let (kept, guards) = (BTreeMap::new(), Vec::new());
        Self { trampoline, events, kept, guards, starts: 0, detached: false }
    }

    /// Applies one event. True when the supervisor should end everything and leave.
    pub fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Asked(Request::End, answer) => {
                let _ = answer.send(Answer::Settled(None));
                return true;
            }
            Event::Asked(Request::Stop { name, signal }, answer) => {
                self.stop(&name, signal.as_deref(), answer);
            }
            Event::Asked(request, answer) => {
                let outcome = self.answer(request);
                let refused = |error: anyhow::Error| Answer::Refused(format!("{error:#}"));
                // Nobody to answer means that the caller has gone, which is no concern here.
                let _ = answer.send(outcome.unwrap_or_else(refused));
            }
            Event::Ended { name, pid, clean, how } => self.ended(&name, pid, clean, how),
            Event::LookAgain { name } => self.look_again(&name),
            Event::Overdue { name, pid } => {
                if self.kept.get(&name).is_some_and(|kept| kept.pid == Some(pid)) {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
            Event::Leave(why) => return why != "starter gone" || !self.detached,
        }
        false
    }

    fn answer(&mut self, request: Request) -> anyhow::Result<Answer> {
        match request {
            Request::Start(program) => self.start(*program).map(|pid| Answer::Settled(Some(pid))),
            Request::Resume { name } => {
                let kept = self.find(&name)?;
                kept.wanted = true;
                if kept.pid.is_none() {
                    self.launch(&name)?;
                }
                Ok(Answer::Settled(self.find(&name)?.pid))
            }
            Request::Signal { name, signal } => {
                let pid = self.find(&name)?.pid.with_context(|| format!("{name} is down"))?;
                kill(Pid::from_raw(pid), Signal::from_str(&signal)?)?;
                Ok(Answer::Settled(Some(pid)))
            }
            Request::Status => Ok(Answer::Programs(self.status())),
            Request::Detach => {
                self.detached = true;
                Ok(Answer::Settled(None))
            }
            Request::Stop { .. } | Request::End => bail!("answered elsewhere"),
        }
    }

    fn status(&self) -> Vec<Seen> {
        let seen = |(name, kept): (&String, &Kept)| Seen {
            name: name.clone(),
            pid: kept.pid,
            last_end: kept.last_end.clone(),
        };
        self.kept.iter().map(seen).collect()
    }

    fn find(&mut self, name: &str) -> anyhow::Result<&mut Kept> {
        let known = self.kept.keys().cloned().collect::<Vec<_>>().join(", ");
        self.kept.get_mut(name).ok_or_else(|| anyhow!("no program {name}; there are: {known}"))
    }

    fn start(&mut self, program: Program) -> anyhow::Result<i32> {
        let name = program.name.clone();
        if self.kept.get(&name).is_some_and(|kept| kept.pid.is_some()) {
            bail!("{name} is running already");
        }
        self.starts += 1;
        let kept = Kept {
            program,
            pid: None,
            wanted: true,
            revive_at: Instant::now(),
            last_end: None,
            awaiting_end: Vec::new(),
            started: self.starts,
        };
        self.kept.insert(name.clone(), kept);
        self.launch(&name)
    }

    fn launch(&mut self, name: &str) -> anyhow::Result<i32> {
        let (trampoline, events) = (self.trampoline.clone(), self.events.clone());
        let kept = self.find(name)?;
        let mut child = spawner::spawn(trampoline::command(&trampoline, &kept.program)?)?;
        let pid = i32::try_from(child.id())?;
        kept.pid = Some(pid);
        let name = name.to_owned();
        std::thread::spawn(move || {
            let status = child.wait();
            let clean = status.as_ref().is_ok_and(std::process::ExitStatus::success);
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            // The receiver is gone only while the supervisor itself leaves.
            let _ = events.send(Event::Ended { name, pid, clean, how });
        });
        Ok(pid)
    }

    fn stop(&mut self, name: &str, signal: Option<&str>, answer: oneshot::Sender<Answer>) {
        let Some(kept) = self.kept.get_mut(name) else {
            let _ = answer.send(Answer::Refused(format!("no program {name}")));
            return;
        };
        kept.wanted = false;
        let Some(pid) = kept.pid else {
            let _ = answer.send(Answer::Settled(None));
            return;
        };
        let signal = signal.unwrap_or(&kept.program.end_signal);
        kept.awaiting_end.push(answer);
        send(pid, signal);
        self.later(END_LIMIT, Event::Overdue { name: name.to_owned(), pid });
    }

    fn ended(&mut self, name: &str, pid: i32, clean: bool, how: String) {
        let Some(kept) = self.kept.get_mut(name).filter(|kept| kept.pid == Some(pid)) else {
            return;
        };
        eprintln!("{name} ({pid}) ended: {how}");
        kept.pid = None;
        kept.last_end = Some(how);
        for answer in kept.awaiting_end.drain(..) {
            let _ = answer.send(Answer::Settled(None));
        }
        if kept.wanted && kept.program.revival == Revival::Always {
            let delay = match (&kept.program.pid_file, clean) {
                (None, _) => REVIVAL_DELAY,
                (Some(_), false) => REVIVAL_DELAY_ADOPTABLE,
                (Some(_), true) => REVIVAL_DELAY_CLEAN,
            };
            kept.revive_at = Instant::now() + delay;
            self.later(LOOK_EVERY, Event::LookAgain { name: name.to_owned() });
        }
    }

    fn look_again(&mut self, name: &str) {
        let Some(kept) = self.kept.get_mut(name).filter(|kept| kept.wanted && kept.pid.is_none())
        else {
            return;
        };
        let found = kept.program.pid_file.as_ref();
        let found = found.and_then(|file| adopt::replacement(file, &kept.program.path));
        let again = Event::LookAgain { name: name.to_owned() };
        if let Some(pid) = found {
            kept.pid = Some(pid);
            self.watch_adopted(name, pid);
        } else if kept.revive_at > Instant::now() {
            self.later(LOOK_EVERY, again);
        } else if let Err(error) = self.launch(name) {
            eprintln!("{name} could not be started again: {error:#}");
            self.later(REVIVAL_DELAY, again);
        }
    }

    fn watch_adopted(&mut self, name: &str, pid: i32) {
        eprintln!("{name} was restarted by somebody else, now {pid}");
        let signal = self.kept.get(name).map_or("SIGKILL", |kept| &kept.program.death_signal);
        match adopt::guard(&self.trampoline, pid, signal) {
            Ok(guard) => self.guards.push(guard),
            Err(error) => eprintln!("no guard for {name}: {error}"),
        }
        let (name, events) = (name.to_owned(), self.events.clone());
        std::thread::spawn(move || {
            while adopt::alive(pid) {
                std::thread::sleep(LOOK_EVERY);
            }
            let how = "ended (it was started by somebody else)".to_owned();
            let _ = events.send(Event::Ended { name, pid, clean: false, how });
        });
    }

    fn later(&self, delay: Duration, event: Event) {
        let events = self.events.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = events.send(event);
        });
    }

    /// Ends everything, the last started first: each in good order, or killed after 5 s.
    pub async fn end_all(&mut self, inbox: &mut mpsc::UnboundedReceiver<Event>) {
        let mut order: Vec<_> = self.kept.iter().map(|(n, k)| (k.started, n.clone())).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        for kept in self.kept.values_mut() {
            kept.wanted = false;
        }
        for (_, name) in order {
            let Some(pid) = self.kept.get(&name).and_then(|kept| kept.pid) else { continue };
            // A stopped process takes no other signal before it continues.
            send(pid, "SIGCONT");
            send(pid, &self.kept[&name].program.end_signal);
            self.later(END_LIMIT, Event::Overdue { name: name.clone(), pid });
            while self.kept.get(&name).is_some_and(|kept| kept.pid.is_some()) {
                let Some(event) = inbox.recv().await else { return };
                self.apply(event);
            }
        }
        for mut guard in self.guards.drain(..) {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

fn send(pid: i32, signal: &str) {
    let sent = Signal::from_str(signal).and_then(|signal| kill(Pid::from_raw(pid), signal));
    if let Err(error) = sent {
        eprintln!("{signal} to {pid}: {error}");
    }
}
