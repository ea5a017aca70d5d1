//! A run: work under one lease, chunk after chunk or the proof, until something says stop.
//!
//! The one path by which history gets from GitHub into Postgres. It must not know Kubernetes:
//! whoever calls brings the signals and is told the progress.

mod chunk;
mod isolate;
mod room;
mod verify;

use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use backfill_api::{Reason, RepositoryBackfillSpec, Stage};
use backfill_engine::model::BackfillState;
use backfill_engine::progress;
use backfill_engine::seen::Fault;
use backfill_github::Client;
use backfill_store::{Lease, Store};
use jiff::Timestamp;

use crate::faults;
use crate::metrics::{self, Metrics};
use chunk::Attempt;
use room::before_chunk;
pub use room::{estimated_points, paced_until};

/// How long one chunk may take before it is given up and the next is made smaller.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(15);
/// How often a lease is renewed; it runs out after 30 s.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// What a run may use and where it must stop.
pub struct Run<'a> {
    pub store: &'a Store,
    pub github: &'a Client,
    pub metrics: &'a Metrics,
    pub clock: fn() -> Timestamp,
    /// The object's uid: who owns the walk, and the flow in the credential's budget.
    pub uid: &'a str,
    pub spec: &'a RepositoryBackfillSpec,
    /// Points that are never spent.
    pub floor: i64,
    /// No further chunk starts after this.
    pub at_most: Duration,
}

/// What the caller wants of a run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    GoOn,
    /// Finish the chunk in flight, start no other: suspended or edited.
    Finish,
    /// Commit nothing more: the object is gone.
    Drop,
}

/// The caller's side of a run.
pub trait Signals {
    /// Asked between chunks and before each commit.
    fn wish(&self) -> Wish;
    /// Told after each commit; returns quickly or throttles itself.
    fn progress(&self, state: &BackfillState) -> impl Future<Output = ()> + Send;
}

/// Why a run ended.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Its time is up, or the caller wished so; there is more to do.
    Paused,
    /// The object is gone.
    Dropped,
    /// The walk is proved complete.
    Proved,
    /// Not before this instant, for this reason.
    Wait(Timestamp, Reason, String),
    /// Another instance is at it.
    Elsewhere(Timestamp),
    /// A fault; `true` if no chunk was committed.
    Failed(Fault, bool),
}

/// Why a piece of work did not come to its end.
enum Halt {
    /// The caller wished so.
    Wished(Stop),
    /// A fault.
    Fault(Fault),
}

impl From<backfill_store::Error> for Halt {
    fn from(error: backfill_store::Error) -> Self {
        Self::Fault(faults::of_store(&error))
    }
}

impl From<backfill_github::Error> for Halt {
    fn from(error: backfill_github::Error) -> Self {
        Self::Fault(faults::of_github(&error))
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// The state after the last commit.
    pub state: BackfillState,
    /// Why it ended.
    pub stop: Stop,
}

/// Works on `state`'s walk until something says stop: fetches its chunks, and proves it when
/// it has reached its end. Never returns early with a chunk of its own in flight, unless the lease
/// was lost: then nothing of it can be committed.
pub async fn run_chunks(run: &Run<'_>, state: BackfillState, signals: &impl Signals) -> Report {
    let (lease, mut state) = match run.store.acquire(state.id, run.uid).await {
        Ok(acquired) => (acquired.lease, acquired.state),
        Err(error) => return Report { stop: stop_of(run, faults::of_store(&error), true), state },
    };
    let active = Active::begin(run.metrics);
    let stop = tokio::select! {
        stop = work(run, &lease, &mut state, signals) => stop,
        stop = keep(run, &lease) => stop,
    };
    drop(active);
    if !matches!(stop, Stop::Elsewhere(_)) {
        // A lease that cannot be released runs out by itself.
        let _ = run.store.release(&lease).await;
    }
    Report { state, stop }
}

/// A run that is counted as active, however it ends.
struct Active<'a>(&'a Metrics);

impl<'a> Active<'a> {
    fn begin(metrics: &'a Metrics) -> Self {
        metrics.add(metrics::RUNS_ACTIVE, &[], 1.0);
        Self(metrics)
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.add(metrics::RUNS_ACTIVE, &[], -1.0);
    }
}

/// Renews the lease for as long as it is polled; ends only when it is lost.
async fn keep(run: &Run<'_>, lease: &Lease) -> Stop {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match run.store.renew(lease).await {
            Ok(()) => last = Instant::now(),
            Err(error) => {
                let fault = faults::of_store(&error);
                // While the database is away nobody else can take the lease either; what is in
                // flight fails by its own query, and the epoch guards every commit.
                if fault.reason == Reason::Fenced || last.elapsed() > CHUNK_TIMEOUT {
                    let (reason, detail) = (fault.reason.as_str(), fault.message.as_str());
                    tracing::warn!(reason, detail, "lease lost, the chunk under way is left");
                    return stop_of(run, fault, false);
                }
            }
        }
    }
}

async fn work(
    run: &Run<'_>,
    lease: &Lease,
    state: &mut BackfillState,
    signals: &impl Signals,
) -> Stop {
    if run.github.is_stranger() || run.github.governor().was_too_small(run.floor) {
        // Whose token it is decides which budget is spent, and how large that is whether anything
        // may be. One point tells both; what else it says the first page says.
        let _ = run.github.resolve(&state.repository_name).await;
    }
    match chunks(run, lease, state, signals).await {
        Err(stop) => stop,
        Ok(committed) => verify::prove(run, lease, state, signals, committed).await,
    }
}

/// Walks on; what stops it, or at the end of the walk how many chunks were committed.
async fn chunks(
    run: &Run<'_>,
    lease: &Lease,
    state: &mut BackfillState,
    signals: &impl Signals,
) -> Result<u32, Stop> {
    let started = Instant::now();
    let mut committed = 0_u32;
    while state.stage != Stage::Verify {
        if let Some(stop) = before_chunk(run, state, signals, committed, started) {
            return Err(stop);
        }
        if let Err(error) = heed_asked_size(run, lease, state).await {
            return Err(stop_of(run, faults::of_store(&error), committed == 0));
        }
        let begun = Instant::now();
        let attempt = Attempt { run, lease, state, signals, asked: AtomicI64::default() };
        let result = match run.github.in_time(CHUNK_TIMEOUT, attempt.finish()).await {
            Some(result) => result,
            None => attempt.give_up().await,
        };
        match result {
            Ok(next) => {
                committed += 1;
                *state = next;
                run.metrics.count(metrics::CHUNKS, &["committed"], 1);
                let seconds = begun.elapsed().as_secs_f64();
                run.metrics.observe(metrics::CHUNK_DURATION, &[], seconds);
                signals.progress(state).await;
            }
            Err(Halt::Wished(stop)) => return Err(stop),
            Err(Halt::Fault(fault)) => return Err(stop_of(run, fault, committed == 0)),
        }
    }
    Ok(committed)
}

/// An edit of `chunk.size` counts from the next chunk on, over what was learned until then.
async fn heed_asked_size(
    run: &Run<'_>,
    lease: &Lease,
    state: &mut BackfillState,
) -> Result<(), backfill_store::Error> {
    let asked = run.spec.chunk.size.map(i64::from);
    if asked != state.size_asked {
        run.store.heed_chunk_size(lease, asked).await?;
        (state.size_asked, state.quick_pages) = (asked, 0);
        state.chunk_size = asked.or(state.chunk_size);
    }
    Ok(())
}

/// A fault as the end of a run: limits and other instances' leases are waits, not failures.
fn stop_of(run: &Run<'_>, fault: Fault, nothing_committed: bool) -> Stop {
    if let Some(until) = faults::limit_ends(&fault) {
        let message = progress::of_secret(run.spec.secret(), &fault.message);
        return Stop::Wait(until, fault.reason, message);
    }
    match fault.reason {
        Reason::LeaseHeld | Reason::Fenced => {
            if fault.reason == Reason::Fenced {
                // Nobody shows it: the object is the other's.
                run.metrics.count(metrics::FAILURES, &[fault.reason.as_str()], 1);
            }
            Stop::Elsewhere(fault.not_before.unwrap_or(Timestamp::MIN))
        }
        _ => Stop::Failed(fault, nothing_committed),
    }
}
