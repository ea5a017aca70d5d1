//! `pacing.mode: Interval`: a burst of chunks, then a pause. Product rule 3.3.
//!
//! It must not know what limits the chunks inside a burst.

use backfill_api::{PacingSpec, Priority};
use jiff::{SignedDuration, Timestamp};

use crate::numbers::later;

/// The pause between two bursts: as asked for, else 15 minutes at priority High and 30 at the
/// others (the seed document large-repository-prd.md).
pub fn period(priority: Priority, period_seconds: Option<i32>) -> SignedDuration {
    match (period_seconds, priority) {
        (Some(seconds), _) => SignedDuration::from_secs(i64::from(seconds.max(1))),
        (None, Priority::High) => SignedDuration::from_mins(15),
        (None, Priority::Normal | Priority::Low) => SignedDuration::from_mins(30),
    }
}

/// A burst's length and the pause after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Pause, counted from the last chunk's commit.
    pub period: SignedDuration,
    /// Chunks in one burst, at least 1.
    pub chunks: i64,
}

impl Interval {
    /// As the spec asks.
    pub fn of(pacing: &PacingSpec, priority: Priority) -> Self {
        Self {
            period: period(priority, pacing.period_seconds),
            chunks: i64::from(pacing.chunks_per_burst().max(1)),
        }
    }

    /// Chunks done in the present burst. A pause of a whole period, for whatever reason, ends a
    /// burst.
    ///
    /// `counted` is what the state row says, `last_chunk_at` when the last chunk committed. The
    /// chunk that commits at `now` is number `done_in_burst(..) + 1`.
    pub fn done_in_burst(
        &self,
        counted: i64,
        last_chunk_at: Option<Timestamp>,
        now: Timestamp,
    ) -> i64 {
        match last_chunk_at {
            Some(last) if now < later(last, self.period) => counted.max(0),
            _ => 0,
        }
    }

    /// When the next chunk may start; `None` if that is now.
    pub fn pause_until(
        &self,
        counted: i64,
        last_chunk_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let is_over = self.done_in_burst(counted, last_chunk_at, now) >= self.chunks;
        // A last commit in the future (a clock went back) must not prolong the pause.
        last_chunk_at.filter(|_| is_over).map(|last| later(last.min(now), self.period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000 + second))
    }

    #[test]
    fn the_pause_follows_the_priority_unless_named() {
        for (priority, named, minutes) in [
            (Priority::High, None, 15),
            (Priority::Normal, None, 30),
            (Priority::Low, None, 30),
            (Priority::High, Some(120), 2),
            (Priority::Low, Some(7_200), 120),
        ] {
            assert_eq!(period(priority, named), SignedDuration::from_mins(minutes));
        }
        assert_eq!(period(Priority::Normal, Some(-5)), SignedDuration::from_secs(1));
    }

    #[test]
    fn a_burst_ends_after_its_chunks_and_begins_anew_after_the_pause() {
        let interval = Interval { period: SignedDuration::from_secs(900), chunks: 10 };
        for (counted, last, now, until) in [
            (0, None, 0, None),
            (9, Some(0), 1, None),
            (10, Some(0), 0, Some(900)),
            (10, Some(0), 899, Some(900)),
            (10, Some(0), 900, None),
            (11, Some(0), 1, Some(900)),
            (4, Some(0), 900, None),
            (4, Some(0), 899, None),
            // The clock went back by an hour: the pause stays one period.
            (10, Some(3_600), 0, Some(900)),
        ] {
            let paused = interval.pause_until(counted, last.map(at), at(now));
            assert_eq!(paused, until.map(at), "{counted} chunks, last {last:?}, at {now}");
        }
    }

    #[test]
    fn the_spec_is_taken_as_written() {
        let written = PacingSpec { max_chunks: Some(3), ..PacingSpec::default() };
        let interval = Interval::of(&written, Priority::High);
        assert_eq!(interval, Interval { period: SignedDuration::from_mins(15), chunks: 3 });
        assert_eq!(Interval::of(&PacingSpec::default(), Priority::Low).chunks, 10);
    }

    #[test]
    fn an_undisturbed_walk_pauses_after_every_burst() {
        let interval = Interval { period: SignedDuration::from_secs(100), chunks: 3 };
        let (mut now, mut counted, mut last, mut started) = (at(0), 0, None, Vec::new());
        while started.len() < 9 {
            if let Some(until) = interval.pause_until(counted, last, now) {
                now = until;
            }
            started.push(now.duration_since(at(0)).as_secs());
            now = later(now, SignedDuration::from_secs(5));
            counted = interval.done_in_burst(counted, last, now) + 1;
            last = Some(now);
        }
        assert_eq!(started, [0, 5, 10, 115, 120, 125, 230, 235, 240]);
    }
}
