//! When a failed attempt is looked at again.
//!
//! The caller brings the time and a random fraction. It must not know what failed, only what
//! kind of fault it was.

use backfill_api::Disposition;
use jiff::{SignedDuration, Timestamp};

use crate::numbers::{later, span};

/// First backoff.
pub const FIRST_BACKOFF: SignedDuration = SignedDuration::from_secs(5);
/// Longest backoff.
pub const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(5);
/// How often something only a person can mend is looked at.
pub const STALLED_LOOK: SignedDuration = SignedDuration::from_secs(60);
/// How often a broken invariant of ours is looked at.
pub const BUG_LOOK: SignedDuration = SignedDuration::from_mins(5);
/// How often a backfill that waits for a free place, or for the store, asks again.
pub const QUEUED_LOOK: SignedDuration = SignedDuration::from_secs(5);
/// The longest wait that the other side may ask for.
pub const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The wait after `failed_attempts` in a row (1 for the first): 5 s doubling to 5 min, of which
/// `fraction` (0 to 1, random) picks a point in the upper half, so that backfills that failed
/// together do not come back together.
pub fn backoff(failed_attempts: i64, fraction: f64) -> SignedDuration {
    // 5 s times 2^6 is beyond 5 min already.
    let doublings = u32::try_from((failed_attempts - 1).clamp(0, 6)).unwrap_or(0);
    let whole = (FIRST_BACKOFF * 2_i32.pow(doublings)).min(LONGEST_BACKOFF);
    let fraction = if fraction.is_nan() { 1.0 } else { fraction.clamp(0.0, 1.0) };
    span(whole.as_secs_f64() * (0.5 + fraction / 2.0))
}

/// When to look again after a fault of this kind. `not_before` is the instant the other side
/// named (Retry-After); it wins over the backoff, up to an hour from `now`.
pub fn next_look(
    disposition: Disposition,
    failed_attempts: i64,
    not_before: Option<Timestamp>,
    fraction: f64,
    now: Timestamp,
) -> Timestamp {
    match disposition {
        Disposition::Transient | Disposition::Poison => match not_before {
            Some(at) => at
                .max(later(now, SignedDuration::from_secs(1)))
                .min(later(now, LONGEST_RETRY_AFTER)),
            None => later(now, backoff(failed_attempts, fraction)),
        },
        Disposition::UserFix => later(now, STALLED_LOOK),
        Disposition::Bug => later(now, BUG_LOOK),
    }
}
