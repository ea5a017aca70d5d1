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

/// The next chunk's place in Interval mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalPlace {
    /// So many chunks, at least 1, may run now.
    Now(i64),
    /// Not before this instant.
    At(Timestamp),
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

    /// Whether a chunk may start now.
    pub fn place(
        &self,
        counted: i64,
        last_chunk_at: Option<Timestamp>,
        now: Timestamp,
    ) -> IntervalPlace {
        let left = self.chunks.max(1) - self.done_in_burst(counted, last_chunk_at, now);
        match last_chunk_at {
            Some(last) if left <= 0 => {
                // A last commit in the future (a clock went back) must not prolong the pause.
                IntervalPlace::At(later(last.min(now), self.period))
            }
            _ => IntervalPlace::Now(left.max(1)),
        }
    }
}
