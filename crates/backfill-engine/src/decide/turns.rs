//! Waits for a turn: what people are told while a backfill waits for a limit, a place or its pace.
//!
//! It must not know what the turn is good for.

use backfill_api::Reason;
use jiff::{SignedDuration, Timestamp};

use super::failures::{last_failure, only_people_mend};
use super::{Pause, Step};
use crate::model::StateStatus;
use crate::numbers::later;
use crate::retry::{PERSISTENT, STALLED_LOOK};
use crate::seen::{Fault, Seen};

/// A pause that people are shown; a shorter one is part of walking.
const LONG_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// A wait for its turn. Nobody has tried since, so what failed is still what there is to say,
/// unless it may have passed meanwhile and a limit explains the wait.
pub(super) fn turn(seen: &Seen, until: Timestamp, reason: Reason, message: String) -> Step {
    let is_limit = matches!(reason, Reason::RateLimited | Reason::SecondaryRateLimited);
    let stands = |fault: &Fault| only_people_mend(fault) || !is_limit;
    let Some(fault) = last_failure(seen).filter(stands) else {
        return Step::Wait { until, pause: pause(seen, until, reason, message) };
    };
    // The credentials may be replaced, and then the limit is another's.
    let soon = only_people_mend(&fault).then(|| later(seen.now, STALLED_LOOK));
    let until = soon.map_or(until, |soon| until.min(soon));
    let is_queued = reason == Reason::Queued;
    let failed = seen.own_state().map_or(0, |state| state.failed_attempts);
    let is_excused = is_queued && failed < PERSISTENT;
    Step::Wait { until, pause: Pause::Standing { fault, is_queued, is_excused } }
}

/// The same while nothing has failed, or after what has just been done. A short pause inside a walk
/// is no news.
pub fn pause(seen: &Seen, until: Timestamp, reason: Reason, message: String) -> Pause {
    let is_short = until.duration_since(seen.now) < LONG_PAUSE;
    // An edit of one that failed is a new beginning, which the row must know.
    let walks = seen.own_walk().is_some_and(|walk| walk.status != StateStatus::Failed);
    if reason == Reason::Paced && is_short && walks && !seen.object.dry_run {
        return Pause::Breath;
    }
    Pause::Turn { reason, message }
}
