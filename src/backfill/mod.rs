//! The controller of RepositoryBackfill: observe, decide, act, publish.
//!
//! A wake-up carries nothing: a watch event, a timer and a restart all mean "look again".

mod act;
mod credentials;
mod deletion;
mod events;
mod failing;
mod kept;
mod limits;
mod memory;
mod observe;
mod outcome;
mod permits;
mod publish;
mod resolve;
mod says;
mod watched;
mod write;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use backfill_api::{Reason, RepositoryBackfill};
use backfill_engine::decide::{Pause, Step, decide};
use backfill_engine::retry;
use backfill_github::GitHub;
use backfill_store::Store;
use futures::FutureExt;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::controller::Action;
use kube::runtime::events::Recorder;
use kube::runtime::reflector;
use tokio_util::sync::CancellationToken;

use crate::faults;
use crate::metrics::Metrics;
pub use kept::keep;
pub use memory::Memory;
pub use permits::Permits;

/// What a look may use. Built once, by the wiring.
pub struct Context {
    pub client: Client,
    pub store: Store,
    /// False while this process still has the schema to bring up to date.
    pub schema_ready: Arc<AtomicBool>,
    pub github: GitHub,
    pub metrics: Arc<Metrics>,
    pub objects: reflector::Store<RepositoryBackfill>,
    pub recorder: Recorder,
    pub permits: Permits,
    pub settings: Settings,
    pub memory: Memory,
    pub clock: fn() -> Timestamp,
    /// A fraction from 0 to 1, for jitter.
    pub random: fn() -> f64,
    /// Cancelled when the operator is told to stop.
    pub stopping: CancellationToken,
}

/// The operator's own settings, from its command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Points of each credential that are left to others.
    pub min_rate_limit_points: i64,
    /// `deletionPolicy: Delete` is allowed.
    pub allow_row_deletion: bool,
    /// How long the removal of rows may fail without a break before the object goes without them.
    pub deletion_patience: Duration,
    /// No further chunk starts in a run after this.
    pub run_time: Duration,
}

/// The host of every repository: the one that `--github-url` stands for.
pub const HOST: &str = "github.com";

/// One look at one object. Never fails: whatever goes wrong is an outcome with a next look.
pub async fn reconcile(
    object: Arc<RepositoryBackfill>,
    ctx: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    let started = Instant::now();
    // A look that runs chunks is a large future; tens of them wait in the controller.
    let looked = AssertUnwindSafe(Box::pin(look(&object, &ctx))).catch_unwind().await;
    ctx.metrics.observe(
        "backfill_reconcile_duration_seconds",
        &[],
        started.elapsed().as_secs_f64(),
    );
    if let Ok(action) = looked {
        return Ok(action);
    }
    // One object's panic is contained here; kube would end the whole controller.
    let reason = Reason::InternalError;
    ctx.metrics.count("backfill_panics_total", &[], 1);
    ctx.metrics.count("backfill_failures_total", &[reason.as_str()], 1);
    let fault = faults::new(reason, "a look at this object panicked; see the operator's log");
    publish::fault_alone(&ctx, &object, &fault).await;
    Ok(Action::requeue(retry::BUG_LOOK.unsigned_abs()))
}

async fn look(object: &RepositoryBackfill, ctx: &Context) -> Action {
    let observed = observe::observe(ctx, object).await;
    let step = decide(&observed.seen);
    ctx.metrics.count("backfill_reconciles_total", &[word(&step)], 1);
    let uses_its_place = matches!(
        step,
        Step::Resolve
            | Step::RunChunks
            | Step::Verify
            | Step::Wait { pause: Pause::Turn { .. } | Pause::Standing { .. }, .. }
    );
    if let Some(github) = observed.github.as_ref().filter(|_| !uses_its_place) {
        // Observing asked for a place in the credential's budget; others can have it.
        github.governor().leave(&observed.seen.object.id.uid);
    }
    let is_queued = matches!(
        step,
        Step::Wait {
            pause: Pause::Turn { reason: Reason::Queued, .. }
                | Pause::Standing { is_queued: true, .. },
            ..
        }
    );
    if !is_queued {
        ctx.permits.forget(&observed.seen.object.id.uid);
    }
    let outcome = Box::pin(act::act(ctx, object, &observed, step)).await;
    publish::publish(ctx, object, &observed, outcome).await
}

/// The step's word in metrics.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Forget => "forget",
        Step::Finalize => "finalize",
        Step::SetFinalizer(_) => "set_finalizer",
        Step::Suspend => "suspend",
        Step::Reject { .. } => "reject",
        Step::Wait { .. } => "wait",
        Step::Forgive => "forgive",
        Step::Resolve => "resolve",
        Step::RunChunks => "run_chunks",
        Step::Verify => "verify",
        Step::Complete => "complete",
    }
}
