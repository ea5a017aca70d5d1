//! A step that failed: its fault is kept where it survives a restart, and the next look computed.
//!
//! It must not know what was tried.

use backfill_api::conditions::State;
use backfill_engine::model::StateStatus;
use backfill_engine::retry;
use backfill_engine::seen::Fault;
use backfill_store::Failure;
use jiff::Timestamp;

use crate::backfill::memory::Trouble;
use crate::backfill::observe::{Look, wish};
use crate::backfill::outcome::{Outcome, Shown};
use crate::faults;
use crate::metrics;

/// Keeps a fault where it survives a restart, and says when to look again.
pub async fn fail(look: &Look<'_>, fault: Fault, counts: bool) -> Outcome {
    let (ctx, now, uid) = (look.ctx, look.now(), look.uid());
    let fault = faults::about(fault, &look.object.spec);
    // A dry run leaves the row of an earlier walk as it is.
    let state = look.seen.own_state().filter(|_| !look.object.spec.dry_run).cloned();
    // What is proved stays so until another walk begins.
    let row = state.as_ref().filter(|state| state.status != StateStatus::Completed);
    let before = failed_before(look);
    let attempts = row.map_or(before, |state| state.failed_attempts.max(before));
    let until =
        retry::next_look(fault.disposition(), attempts + 1, fault.not_before, (ctx.random)(), now);
    tell(look, &fault, until);
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
        keep_in_memory(look, &fault, until);
    }
    let mut shown = Shown::new(fault.reason, fault.message).state(state).wait(until);
    if shown.summary.state == State::Stalled {
        shown.waits = false;
    }
    shown.outcome()
}

/// Counts what went wrong, with a line of the log when it is new.
fn tell(look: &Look<'_>, fault: &Fault, until: Timestamp) {
    let id = &look.seen.object.id;
    look.ctx.metrics.count(metrics::FAILURES, &[fault.reason.as_str()], 1);
    if failed_so_before(look, fault) {
        return;
    }
    tracing::warn!(
        namespace = id.namespace,
        name = id.name,
        repository = look.object.spec.repository,
        reason = %fault.reason,
        detail = fault.message,
        next_look = %until,
        "failed"
    );
}

/// The failure just before, without a success since, was the same.
fn failed_so_before(look: &Look<'_>, fault: &Fault) -> bool {
    let same = |reason, message: &str| (reason, message) == (fault.reason, fault.message.as_str());
    let row = look.seen.own_state().filter(|state| state.failed_attempts > 0);
    let recorded = row.and_then(|state| state.last_error.as_ref());
    recorded.is_some_and(|error| same(error.reason, &error.message))
        || remembered(look).is_some_and(|Trouble { fault, .. }| same(fault.reason, &fault.message))
}

/// A trouble that a look met and no row can keep.
pub fn remember(look: &Look<'_>, fault: &Fault, until: Timestamp) {
    tell(look, fault, until);
    keep_in_memory(look, fault, until);
}

fn keep_in_memory(look: &Look<'_>, fault: &Fault, until: Timestamp) {
    let (wish, attempts) = (wish(look.object), failed_before(look) + 1);
    let trouble = Trouble { wish, fault: fault.clone(), attempts, until };
    look.ctx.memory.keep_trouble(look.uid(), trouble);
}

/// How often in a row it has failed so that only the memory knows.
fn failed_before(look: &Look<'_>) -> i64 {
    remembered(look).map_or(0, |trouble| trouble.attempts)
}

fn remembered(look: &Look<'_>) -> Option<Trouble> {
    look.ctx.memory.trouble(look.uid(), &wish(look.object))
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
