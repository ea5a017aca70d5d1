//! A step that failed: its fault is kept where it survives a restart, and the next look computed.
//!
//! It must not know what was tried.

use backfill_api::RepositoryBackfill;
use backfill_api::conditions::State;
use backfill_engine::model::StateStatus;
use backfill_engine::retry;
use backfill_engine::seen::Fault;
use backfill_store::Failure;
use jiff::Timestamp;
use kube::ResourceExt;

use super::Context;
use super::memory::Trouble;
use super::observe::Observed;
use super::outcome::{Outcome, Shown};
use crate::faults;

/// Keeps a fault where it survives a restart, and says when to look again.
pub async fn fail(
    ctx: &Context,
    object: &RepositoryBackfill,
    observed: &Observed,
    fault: Fault,
    counts: bool,
) -> Outcome {
    let fault = faults::about(fault, &object.spec);
    let now = (ctx.clock)();
    let uid = &observed.seen.object.id.uid;
    // A dry run leaves the row of an earlier walk as it is.
    let state = observed.seen.own_state().filter(|_| !object.spec.dry_run).cloned();
    // What is proved stays so until another walk begins.
    let row = state.as_ref().filter(|state| state.status != StateStatus::Completed);
    let wish = Observed::wish(object);
    let before = ctx.memory.trouble(uid, &wish).map_or(0, |trouble| trouble.attempts);
    let attempts = row.map_or(before, |state| state.failed_attempts.max(before));
    let until =
        retry::next_look(fault.disposition(), attempts + 1, fault.not_before, (ctx.random)(), now);
    tell(ctx, object, &fault, until);
    let recorded = match row {
        Some(state) => {
            let failure = failure(&fault, counts, until);
            match ctx.store.record_failure(state.id, uid, &failure).await {
                Err(backfill_store::Error::Fenced) => return Outcome::elsewhere(now),
                recorded => recorded.is_ok(),
            }
        }
        None => false,
    };
    if recorded {
        ctx.memory.forget_trouble(uid);
    } else {
        keep_in_memory(ctx, object, observed, &fault, until);
    }
    let mut shown = Shown::new(fault.reason, fault.message).state(state).wait(until);
    if shown.summary.state == State::Stalled {
        shown.waits = false;
    }
    shown.outcome()
}

/// Counts what went wrong, with a line of the log.
fn tell(ctx: &Context, object: &RepositoryBackfill, fault: &Fault, until: Timestamp) {
    ctx.metrics.count("backfill_failures_total", &[fault.reason.as_str()], 1);
    tracing::warn!(
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any(),
        repository = object.spec.repository,
        reason = %fault.reason,
        detail = fault.message,
        next_look = %until,
        "failed"
    );
}

/// A trouble that a look met and no row can keep.
pub fn remember(
    ctx: &Context,
    object: &RepositoryBackfill,
    observed: &Observed,
    fault: &Fault,
    until: Timestamp,
) {
    tell(ctx, object, fault, until);
    keep_in_memory(ctx, object, observed, fault, until);
}

fn keep_in_memory(
    ctx: &Context,
    object: &RepositoryBackfill,
    observed: &Observed,
    fault: &Fault,
    until: Timestamp,
) {
    let (uid, wish) = (&observed.seen.object.id.uid, Observed::wish(object));
    let before = ctx.memory.trouble(uid, &wish).map_or(0, |trouble| trouble.attempts);
    let trouble = Trouble { wish, fault: fault.clone(), attempts: before + 1, until };
    ctx.memory.keep_trouble(uid, trouble);
}

fn failure(fault: &Fault, counts: bool, until: Timestamp) -> Failure {
    Failure {
        reason: fault.reason,
        message: fault.message.clone(),
        counts_towards_circuit: counts,
        next_attempt_at: Some(until),
        status: match fault.disposition().state() {
            State::Stalled => StateStatus::Failed,
            _ => StateStatus::Active,
        },
        pause_reason: None,
    }
}
