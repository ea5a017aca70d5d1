//! When a failed attempt is looked at again.
//!
//! The caller brings the time and a random fraction. It must not know what failed, only what
//! kind of fault it was.

use backfill_api::Disposition;
use jiff::{SignedDuration, Timestamp};

use crate::numbers::{later, span};

/// First backoff.
const FIRST_BACKOFF: SignedDuration = SignedDuration::from_secs(5);
/// Longest backoff.
pub const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(5);
/// How often something only a person can mend is looked at.
pub const STALLED_LOOK: SignedDuration = SignedDuration::from_secs(60);
/// How often a broken invariant of ours is looked at.
pub const BUG_LOOK: SignedDuration = SignedDuration::from_mins(5);
/// How often a repository that another object captures is looked at: its owner may finish, or
/// go, and tells nobody.
pub const CLAIMED_LOOK: SignedDuration = SignedDuration::from_secs(15);
/// How often a backfill that waits for a free place, or for the store, asks again.
pub const QUEUED_LOOK: SignedDuration = SignedDuration::from_secs(2);
/// How often one asks that has many of its namespace before it: its place lapses after 15 s.
const LONGEST_QUEUED_LOOK: SignedDuration = SignedDuration::from_secs(10);
/// How often an object is looked at that has nothing left to do: the database under it may have
/// been set back.
pub const REST_LOOK: SignedDuration = SignedDuration::from_hours(1);
/// The longest wait that the other side may ask for.
pub const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How far the clocks of two instances may differ before a wait that one has set seems too long
/// to the other.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// So many failures in a row are no accident: from then on a wait for a place among others is no
/// excuse for a lack of progress.
pub(crate) const PERSISTENT: i64 = 3;

/// The wait after `failed_attempts` in a row (1 for the first): 5 s doubling to 5 min, [`spread`]
/// by `fraction`.
pub fn backoff(failed_attempts: i64, fraction: f64) -> SignedDuration {
    // 5 s times 2^6 is beyond 5 min already.
    let doublings = u32::try_from((failed_attempts - 1).clamp(0, 6)).unwrap_or(0);
    spread((FIRST_BACKOFF * 2_i32.pow(doublings)).min(LONGEST_BACKOFF), fraction)
}

/// The point in the upper half of `whole` that `fraction` (0 to 1, random) picks, so that what
/// began together does not come back together.
pub fn spread(whole: SignedDuration, fraction: f64) -> SignedDuration {
    let fraction = if fraction.is_nan() { 1.0 } else { fraction.clamp(0.0, 1.0) };
    span(whole.as_secs_f64() * (0.5 + fraction / 2.0))
}

/// The wait of a backfill with `ahead` others of its namespace before it in the queue. Which
/// namespace is next may change at any time, so the first of each asks often enough for a free
/// place not to wait longer than [`QUEUED_LOOK`]; the hundreds behind it do not ask all the time.
pub fn queued_look(ahead: usize) -> SignedDuration {
    let more = SignedDuration::from_secs(i64::try_from(ahead / 8).unwrap_or(i64::MAX));
    QUEUED_LOOK.saturating_add(more).min(LONGEST_QUEUED_LOOK)
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

/// Whether an attempt after a fault of this kind is still to be waited for. None is put off so far:
/// it was before the clock went back, and its time has come.
pub fn is_pending(disposition: Disposition, at: Timestamp, now: Timestamp) -> bool {
    let longest = match disposition {
        Disposition::Transient | Disposition::Poison => LONGEST_RETRY_AFTER,
        Disposition::UserFix => STALLED_LOOK,
        Disposition::Bug => BUG_LOOK,
    };
    at > now && at <= later(now, longest + SKEW)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000))
    }

    fn seconds_until(at: Timestamp) -> f64 {
        at.duration_since(now()).as_secs_f64()
    }

    #[test]
    fn the_backoff_doubles_from_five_seconds_to_five_minutes() {
        for (attempts, longest) in [
            (-1, 5.0),
            (0, 5.0),
            (1, 5.0),
            (2, 10.0),
            (3, 20.0),
            (6, 160.0),
            (7, 300.0),
            (8, 300.0),
            (i64::MAX, 300.0),
        ] {
            for (fraction, part) in [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0), (9.0, 1.0)] {
                let wait = backoff(attempts, fraction).as_secs_f64();
                assert!((wait - longest * part).abs() < 1e-6, "{attempts} {fraction}: {wait}");
            }
        }
    }

    #[test]
    fn the_longer_the_queue_the_rarer_its_looks() {
        for (ahead, seconds) in [(0, 2), (7, 2), (8, 3), (63, 9), (64, 10), (usize::MAX, 10)] {
            assert_eq!(queued_look(ahead).as_secs(), seconds, "{ahead}");
        }
    }

    #[test]
    fn each_kind_of_fault_has_its_own_look() {
        let named = |seconds| Some(later(now(), SignedDuration::from_secs(seconds)));
        for (disposition, not_before, seconds) in [
            (Disposition::Transient, None, 10.0),
            (Disposition::Transient, named(600), 600.0),
            (Disposition::Transient, named(2), 2.0),
            (Disposition::Transient, named(-50), 1.0),
            (Disposition::Transient, named(3_599), 3_599.0),
            (Disposition::Transient, named(90_000), 3_600.0),
            (Disposition::Poison, None, 10.0),
            (Disposition::Poison, named(30), 30.0),
            (Disposition::UserFix, None, 60.0),
            (Disposition::UserFix, named(600), 60.0),
            (Disposition::Bug, None, 300.0),
        ] {
            let wait = seconds_until(next_look(disposition, 2, not_before, 1.0, now()));
            assert!((wait - seconds).abs() < 1e-6, "{disposition:?} {not_before:?}: {wait}");
        }
    }

    #[test]
    fn an_attempt_is_waited_for_unless_the_clock_went_back() {
        use Disposition::{Bug, Poison, Transient, UserFix};
        for (disposition, longest) in
            [(Transient, 3_600), (Poison, 3_600), (UserFix, 60), (Bug, 300)]
        {
            let beyond = longest + SKEW.as_secs();
            for (seconds, expected) in
                [(-1, false), (0, false), (1, true), (longest, true), (beyond + 1, false)]
            {
                let at = later(now(), SignedDuration::from_secs(seconds));
                assert_eq!(is_pending(disposition, at, now()), expected, "{disposition:?} {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_wait_is_bounded(
            attempts in any::<i64>(),
            fraction in any::<f64>(),
            named in proptest::option::of(-1_000_000i64..1_000_000_000),
        ) {
            let at = named.map(|seconds| later(now(), SignedDuration::from_secs(seconds)));
            for disposition in [
                Disposition::Transient,
                Disposition::UserFix,
                Disposition::Poison,
                Disposition::Bug,
            ] {
                let wait = seconds_until(next_look(disposition, attempts, at, fraction, now()));
                prop_assert!((1.0..=3_600.0).contains(&wait), "{}", wait);
            }
        }
    }
}
