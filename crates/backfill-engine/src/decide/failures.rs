//! What failed last: how it holds back the next attempt, and how long it is what there is to say.
//!
//! It must not know what was tried.

use backfill_api::annotations::REQUESTED_AT;
use backfill_api::{Disposition, Reason};
use jiff::Timestamp;

use super::{Pause, Step, reject};
use crate::model::StateStatus;
use crate::retry::is_pending;
use crate::seen::{Fault, Seen};

pub(super) fn circuit_open(seen: &Seen) -> Option<Step> {
    // A dry run asks for a price, not for the walk.
    let state = seen.own_walk().filter(|_| !seen.object.dry_run)?;
    if state.consecutive_errors < seen.object.max_consecutive_errors {
        return None;
    }
    let last = state.last_error.as_ref().map_or("", |error| error.message.as_str());
    let message = format!(
        "{} runs in a row failed without storing anything; the last said: {last}. \
         Set the annotation {REQUESTED_AT} to a new value to try again",
        state.consecutive_errors
    );
    Some(reject(seen, &Fault::new(Reason::CircuitOpen, message)))
}

pub(super) fn backing_off(seen: &Seen) -> Option<Step> {
    let is_pending =
        |failure: &(Fault, Timestamp)| is_pending(failure.0.disposition(), failure.1, seen.now);
    let unrecorded = seen.unrecorded.clone().filter(is_pending);
    let (fault, until) = unrecorded.or_else(|| recorded_failure(seen).filter(is_pending))?;
    Some(trouble(fault, until))
}

/// What the last attempt failed with. Of what was met beside a row, such as a database that could
/// not be read, this look has shown the contrary.
pub(super) fn last_failure(seen: &Seen) -> Option<Fault> {
    let failure =
        if seen.own_walk().is_some() { recorded_failure(seen) } else { seen.unrecorded.clone() };
    failure.map(|(fault, _)| fault)
}

fn recorded_failure(seen: &Seen) -> Option<(Fault, Timestamp)> {
    let state = seen.own_walk()?;
    let until = state.next_attempt_at?;
    let error = state.last_error.as_ref()?;
    let (reason, message) = (error.reason, error.message.clone());
    let fault = Fault { reason, message, not_before: Some(until) };
    // What was edited since may be what mends it.
    if seen.object.edited && only_people_mend(&fault) {
        return None;
    }
    // While it is paused the instant is that of the pause, which the check of its cause knows.
    let failed = state.failed_attempts > 0 || state.status == StateStatus::Failed;
    (failed && state.status != StateStatus::Paused).then_some((fault, until))
}

pub(super) fn only_people_mend(fault: &Fault) -> bool {
    matches!(fault.disposition(), Disposition::UserFix | Disposition::Bug)
}

fn trouble(fault: Fault, until: Timestamp) -> Step {
    if only_people_mend(&fault) {
        Step::Reject { fault, until }
    } else {
        Step::Wait { until, pause: Pause::BackingOff(fault) }
    }
}
