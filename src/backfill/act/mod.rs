//! Carries out the one step that was decided.
//!
//! It must not know how an outcome is shown.

mod deletion;
mod failing;
mod limits;
mod resolve;
mod watched;

use backfill_api::Reason;
use backfill_engine::decide::{Pause, Step, pause};
use backfill_engine::model::{BackfillState, StateStatus};
use backfill_engine::retry;
use backfill_engine::seen::Fault;
use backfill_store::LEASE_SECONDS;
use jiff::{SignedDuration, Timestamp};

use super::observe::Look;
use super::outcome::{Outcome, Shown};
use crate::faults;
use crate::metrics;
use crate::run_chunks::{Report, Run, Stop, run_chunks};
use failing::{fail, remember};
use limits::keep_limits;

/// Carries out `step`.
pub async fn act(look: &Look<'_>, step: Step) -> Outcome {
    match step {
        Step::Forget => Outcome::Silent(None),
        Step::Finalize(rows) => deletion::finalize(look, rows).await,
        Step::SetFinalizer(wanted) => deletion::set_finalizer(look, wanted).await,
        Step::Suspend { until } => suspend(look, until).await,
        Step::Reject { fault, until } => reject(look, fault, until).await,
        Step::Wait { until, pause } => wait(look, until, pause).await,
        Step::Forgive => forgive(look).await,
        Step::Resolve => resolve::resolve(look).await,
        Step::RunChunks | Step::Verify => Box::pin(run(look)).await,
        Step::Complete { reason, message, until } => {
            look.ctx.memory.forget_trouble(look.uid());
            // A dry run shows nothing of an earlier walk.
            let state = look.seen.own_walk().filter(|_| !look.seen.object.dry_run).cloned();
            Shown::new(reason, message).state(state).at(until).outcome()
        }
    }
}

async fn suspend(look: &Look<'_>, until: Timestamp) -> Outcome {
    let paused = record_pause(look, StateStatus::Paused, "suspended", None).await;
    let state = match paused {
        Ok(state) => state,
        Err(elsewhere) => return elsewhere,
    };
    Shown::new(Reason::Suspended, "suspended; set spec.suspend to false to go on")
        .state(state)
        .at(until)
        .outcome()
}

async fn reject(look: &Look<'_>, fault: Fault, until: Timestamp) -> Outcome {
    let ctx = look.ctx;
    if look.seen.state.is_err() && !ctx.memory.may_speak_of(look.object) {
        return Outcome::Elsewhere(until);
    }
    let (status, pause) = match fault.reason {
        Reason::CircuitOpen => (StateStatus::Paused, "circuit_open"),
        _ => (StateStatus::Failed, fault.reason.as_str()),
    };
    // A refusal that is still to be waited out stays so, whoever looks meanwhile.
    let state = match record_pause(look, status, pause, fault.not_before).await {
        Ok(state) => state,
        Err(elsewhere) => return elsewhere,
    };
    ctx.metrics.count(metrics::FAILURES, &[fault.reason.as_str()], 1);
    Shown::new(fault.reason, fault.message).state(state).at(until).outcome()
}

/// Shows that a limit or a turn is waited for, or a trouble that may pass.
pub async fn wait(look: &Look<'_>, until: Timestamp, pause: Pause) -> Outcome {
    let ctx = look.ctx;
    if look.seen.own_state().is_some_and(|state| ctx.store.is_held_elsewhere(state)) {
        return Outcome::elsewhere(look.now());
    }
    match pause {
        Pause::Unchanged => Outcome::Silent(Some(until)),
        Pause::Breath => {
            let Some(state) = look.seen.own_walk().cloned() else { return Outcome::Again };
            let mut shown = Shown::working(state).at(until);
            shown.turn = true;
            shown.outcome()
        }
        Pause::Turn { reason, message } => {
            let word = pause_word(reason);
            let paused = record_pause(look, StateStatus::Paused, word, Some(until)).await;
            let state = match paused {
                Ok(state) => state,
                Err(elsewhere) => return elsewhere,
            };
            let mut shown = Shown::new(reason, message).state(state).wait(until);
            // Whoever is queued asks again and again until it is its turn.
            (shown.turn, shown.quiet) = (true, reason == Reason::Queued);
            shown.outcome()
        }
        Pause::Standing { fault, is_excused, .. } => {
            let state = look.seen.own_state().cloned();
            let mut shown = Shown::new(fault.reason, fault.message).state(state).at(until);
            (shown.turn, shown.quiet) = (is_excused, true);
            shown.outcome()
        }
        Pause::Trouble(fault) => {
            // No row keeps it: the backoff grows in memory.
            remember(look, &fault, until);
            backs_off(look, fault, until)
        }
        Pause::BackingOff(fault) => backs_off(look, fault, until),
    }
}

fn backs_off(look: &Look<'_>, fault: Fault, until: Timestamp) -> Outcome {
    if look.seen.state.is_err() && !look.ctx.memory.may_speak_of(look.object) {
        return Outcome::Elsewhere(until);
    }
    let state = look.seen.own_state().cloned();
    Shown::new(fault.reason, fault.message).state(state).wait(until).outcome()
}

/// `metadata.pause_reason`, in the words of the schema we follow where it has one.
fn pause_word(reason: Reason) -> &'static str {
    match reason {
        Reason::RateLimited => "graphql_rate_limit_low",
        Reason::Queued => "queued",
        other => other.as_str(),
    }
}

/// Writes status and reason into the own row where they differ; what cannot be written is shown
/// all the same. The row as it is then known, or the outcome where another instance is at it: then
/// it is that one's to say how things stand.
async fn record_pause(
    look: &Look<'_>,
    status: StateStatus,
    reason: &str,
    until: Option<Timestamp>,
) -> Result<Option<BackfillState>, Outcome> {
    let Some(state) = look.seen.own_state().cloned() else { return Ok(None) };
    let same = state.status == status && state.pause_reason.as_deref() == Some(reason);
    // A dry run leaves the row of a walk as it is.
    if same || state.status == StateStatus::Completed || look.seen.object.dry_run {
        return Ok(Some(state));
    }
    match look.ctx.store.record_pause(state.id, look.uid(), status, reason, until).await {
        Err(backfill_store::Error::Fenced) => return Err(Outcome::elsewhere(look.now())),
        Err(error) => {
            let id = &look.seen.object.id;
            let (namespace, name) = (&id.namespace, &id.name);
            tracing::warn!(namespace, name, %error, reason, "pause not recorded");
        }
        Ok(()) => {}
    }
    Ok(Some(state))
}

async fn forgive(look: &Look<'_>) -> Outcome {
    let seen = &look.seen;
    let (Some(state), Some(asked)) = (seen.own_state(), &seen.object.requested_at) else {
        return Outcome::Again;
    };
    match look.ctx.store.forgive(state.id, look.uid(), asked).await {
        Ok(()) => Outcome::Again,
        Err(error) => fail(look, faults::of_store(&error), false).await,
    }
}

async fn run(look: &Look<'_>) -> Outcome {
    let ctx = look.ctx;
    let (Some(github), Some(state)) = (&look.github, look.seen.own_walk()) else {
        return Outcome::Again;
    };
    let run = Run {
        store: &ctx.store,
        github,
        metrics: &ctx.metrics,
        clock: ctx.clock,
        uid: look.uid(),
        spec: &look.object.spec,
        floor: look.floor,
        at_most: ctx.settings.run_time,
    };
    if let Some(permit) = &look.permit {
        permit.begin();
    }
    let Report { state, stop } = Box::pin(run_chunks(&run, state.clone(), look)).await;
    keep_limits(look, github).await;
    if !matches!(stop, Stop::Paused | Stop::Wait(..)) {
        github.governor().leave(run.uid);
    }
    if !matches!(stop, Stop::Failed(..)) {
        ctx.memory.forget_trouble(run.uid);
    }
    after_run(look, state, stop).await
}

/// What follows from the end of a run.
async fn after_run(look: &Look<'_>, state: BackfillState, stop: Stop) -> Outcome {
    let (store, now) = (&look.ctx.store, look.now());
    match stop {
        Stop::Paused => Shown::working(state).at(now).outcome(),
        Stop::Proved => Outcome::Again,
        Stop::Dropped => {
            // Only for people who read the table: whoever takes over does not look at it.
            let (word, paused) = ("object_deleted", StateStatus::Paused);
            let _ = store.record_pause(state.id, look.uid(), paused, word, None).await;
            Outcome::Silent(None)
        }
        Stop::Elsewhere(until) => {
            // By the database's clock, which may be ahead of ours: no lease is longer than this.
            let latest = now + SignedDuration::from_secs(LEASE_SECONDS);
            Outcome::Elsewhere(until.min(latest).max(now + retry::QUEUED_LOOK))
        }
        Stop::Wait(until, reason, message) => {
            let look = look.with_state(state);
            let pause = pause(&look.seen, until, reason, message);
            wait(&look, until, pause).await
        }
        Stop::Failed(fault, nothing_committed) => {
            let counts = nothing_committed && fault.disposition().counts_towards_circuit();
            fail(&look.with_state(state), fault, counts).await
        }
    }
}
