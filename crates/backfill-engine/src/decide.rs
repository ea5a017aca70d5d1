//! The life cycle of a backfill: one look, one step.
//!
//! ```text
//!            ┌─────────┐ repository ┌────────┐ last page, ┌────────┐ ledger ┌──────────┐
//!  apply ──▶ │ Resolve │ ─────────▶ │  Walk  │ ─────────▶ │ Verify │ ─────▶ │ Complete │
//!            └─────────┘   known    └────────┘ edge, or N └────────┘ proves └──────────┘
//!                 ▲                   │    ▲                │    ▲                │
//!                 │              Wait │    │ limit     Wait │    │ totals         │
//!                 │                   ▼    │ resets         ▼    │ differ         │
//!                 └────────── the spec asks for another walk, or a restart ◀──────┘
//! ```
//!
//! [`CHECKS`] is the whole of it: read from the top, the first that has something to say wins.
//! Pure and total; it must not know how a step is carried out.

mod failures;
mod step;
#[cfg(test)]
mod tests;
mod turns;

use backfill_api::{Disposition, Reason, Stage};
use jiff::{SignedDuration, Timestamp};

use crate::budget::Place;
use crate::model::{BackfillState, StateStatus};
use crate::numbers::later;
use crate::progress::of_secret;
use crate::retry::{CLAIMED_LOOK, LONGEST_BACKOFF, REST_LOOK, STALLED_LOOK, queued_look, spread};
use crate::seen::{Fault, Proved, Seen};
use failures::{backing_off, circuit_open};
pub use step::{Pause, Rows, Step};
pub use turns::pause;
use turns::turn;

type Check = fn(&Seen) -> Option<Step>;

/// The life cycle, first match wins.
pub const CHECKS: [(&str, Check); 20] = [
    ("an object that goes is let go", deleted),
    ("a finalizer stands only where rows go with the object", finalizer),
    ("a suspended object rests", suspended),
    ("a spec that the operator refuses goes no further", refused),
    ("without the store nothing is known", store_down),
    ("a request to look now clears what is in the way", asked_again),
    ("a proved walk stays proved, whatever else is missing", complete),
    ("what succeeded stays so when its row has passed to another object", passed_on),
    ("a plan, and a repository without pull requests, are said once", said),
    ("a window that ends before it begins is no walk", contradictory),
    ("a repository has one owner at a time", claimed),
    ("without credentials nothing can be asked", credentials),
    ("an open circuit waits for a person", circuit_open),
    ("a failure is not repeated at once", backing_off),
    ("no request goes beyond a limit", over_budget),
    ("a walk begins with what GitHub says of the repository", unresolved),
    ("Interval mode pauses between its runs", paced),
    ("only so many run at a time", queued),
    ("a walk goes on until its last page", walk),
    ("a walked history is proved", verify),
];

/// The one step that `seen` calls for.
pub fn decide(seen: &Seen) -> Step {
    CHECKS.iter().find_map(|(_, check)| check(seen)).unwrap_or(Step::Resolve)
}

fn deleted(seen: &Seen) -> Option<Step> {
    let object = &seen.object;
    object.deleting.then_some(match (object.has_finalizer, object.takes_rows_along()) {
        (false, _) => Step::Forget,
        // It was put on under another spec, by another operator or by hand: the rows stay.
        (true, false) => Step::SetFinalizer(false),
        (true, true) => Step::Finalize(rows(seen)),
    })
}

fn rows(seen: &Seen) -> Rows {
    // Whether another object stands on these rows, the row of the walk tells.
    let state = match &seen.state {
        Err(fault) => return Rows::Wait(fault.clone()),
        Ok(state) => state.as_ref(),
    };
    if seen.has_unreadable {
        let cause = "an object that this version cannot read may stand on them";
        return Rows::Wait(Fault::new(Reason::Deleting, cause));
    }
    let is_anothers = seen.own_state().is_none() && state.is_some_and(|it| it.owner.is_some());
    let heir = seen.heir.clone().filter(|_| !is_anothers);
    heir.map_or(Rows::Go, Rows::PassTo)
}

fn finalizer(seen: &Seen) -> Option<Step> {
    let wanted = seen.object.takes_rows_along();
    (wanted != seen.object.has_finalizer).then_some(Step::SetFinalizer(wanted))
}

fn suspended(seen: &Seen) -> Option<Step> {
    // A row that could not be read could not be told either.
    let again = if seen.state.is_ok() { REST_LOOK } else { LONGEST_BACKOFF };
    seen.object.suspended.then(|| Step::Suspend { until: rest(seen, again) })
}

fn refused(seen: &Seen) -> Option<Step> {
    Some(reject(seen, seen.object.refusal.as_ref()?))
}

fn contradictory(seen: &Seen) -> Option<Step> {
    // A walk that has begun has its instants already.
    let fault = seen.object.contradiction.as_ref().filter(|_| seen.own_walk().is_none())?;
    Some(reject(seen, fault))
}

fn store_down(seen: &Seen) -> Option<Step> {
    let fault = seen.state.as_ref().err()?;
    Some(if seen.object.proved.is_some() {
        Step::Wait { until: later(seen.now, LONGEST_BACKOFF), pause: Pause::Unchanged }
    } else if fault.disposition() == Disposition::Transient {
        Step::Wait { until: seen.retry_at, pause: Pause::Trouble(fault.clone()) }
    } else {
        reject(seen, fault)
    })
}

fn asked_again(seen: &Seen) -> Option<Step> {
    let state = seen.own_state()?;
    let asked = seen.object.requested_at.as_ref()?;
    (state.handled_requested_at.as_ref() != Some(asked)).then_some(Step::Forgive)
}

fn complete(seen: &Seen) -> Option<Step> {
    let state = seen.own_walk()?;
    let is_over = state.status == StateStatus::Completed && !seen.object.dry_run;
    is_over.then(|| done(seen, Proved::by(state).words()))
}

fn passed_on(seen: &Seen) -> Option<Step> {
    let state = seen.state.as_ref().ok()?.as_ref()?;
    let is_other = seen.own_state().is_none();
    // An earlier walk of another's is no heir: the database has been set back.
    let proved = seen.object.proved.as_ref().filter(|proved| state.walk > proved.walk)?;
    // What its last words counted still holds.
    let words = || seen.object.said.clone().unwrap_or_else(|| proved.words());
    (is_other && !seen.object.dry_run).then(|| done(seen, words()))
}

fn said(seen: &Seen) -> Option<Step> {
    let has_row = !matches!(seen.state, Ok(None));
    let words = seen.object.said.clone().filter(|_| seen.object.dry_run || !has_row)?;
    Some(done(seen, words))
}

fn claimed(seen: &Seen) -> Option<Step> {
    // A dry run stores nothing that could be in the way.
    let owner = seen.claimed_by.as_ref().filter(|_| !seen.object.dry_run)?;
    Some(Step::Reject { fault: Fault::claimed(owner), until: later(seen.now, CLAIMED_LOOK) })
}

fn credentials(seen: &Seen) -> Option<Step> {
    seen.credentials.as_ref().err().map(|fault| match fault.disposition() {
        Disposition::Transient => {
            Step::Wait { until: seen.retry_at, pause: Pause::Trouble(fault.clone()) }
        }
        _ => reject(seen, fault),
    })
}

fn over_budget(seen: &Seen) -> Option<Step> {
    if let Some(fault) = &seen.budget_too_small {
        return Some(reject(seen, fault));
    }
    match &seen.place {
        Place::Now => None,
        Place::At { until, why } => {
            let message = of_secret(seen.object.secret.as_deref(), &why.text(*until));
            Some(turn(seen, *until, why.reason(), message))
        }
    }
}

fn unresolved(seen: &Seen) -> Option<Step> {
    (seen.object.dry_run || seen.own_walk().is_none()).then_some(Step::Resolve)
}

fn paced(seen: &Seen) -> Option<Step> {
    // Chunks are what is paced: the proof asks for a point or two.
    let until = seen.paced_until.filter(|at| *at > seen.now && in_stage(seen, Stage::Walk))?;
    Some(turn(seen, until, Reason::Paced, crate::progress::paced(until)))
}

fn queued(seen: &Seen) -> Option<Step> {
    let Err(ahead) = seen.permit else { return None };
    let message = "waits for one of the operator's running backfills to give way".to_owned();
    Some(turn(seen, later(seen.now, queued_look(ahead)), Reason::Queued, message))
}

fn walk(seen: &Seen) -> Option<Step> {
    in_stage(seen, Stage::Walk).then_some(Step::RunChunks)
}

fn verify(seen: &Seen) -> Option<Step> {
    in_stage(seen, Stage::Verify).then_some(Step::Verify)
}

fn in_stage(seen: &Seen, stage: Stage) -> bool {
    seen.own_walk().is_some_and(|state: &BackfillState| state.stage == stage)
}

fn done(seen: &Seen, (reason, message): (Reason, String)) -> Step {
    Step::Complete { reason, message, until: rest(seen, REST_LOOK) }
}

/// When something that rests is looked at again.
fn rest(seen: &Seen, longest: SignedDuration) -> Timestamp {
    later(seen.now, spread(longest, seen.fraction))
}

fn reject(seen: &Seen, fault: &Fault) -> Step {
    Step::Reject { fault: fault.clone(), until: later(seen.now, STALLED_LOOK) }
}
