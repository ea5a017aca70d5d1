//! What was spent in the last minute: response seconds and points.
//!
//! GitHub counts at most 60 seconds of processor time a minute for GraphQL and names the total
//! response time as its estimate (docs.github.com, secondary rate limits); we stay at 45.
//! It must not know who spent.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::numbers::later;

/// Response seconds that may be spent in every rolling minute.
pub const RESPONSE_SECONDS_PER_MINUTE: f64 = 45.0;
/// The minute.
pub(super) const ROLLING: SignedDuration = SignedDuration::from_secs(60);

/// One answered query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spent {
    pub(super) at: Timestamp,
    pub(super) seconds: f64,
    pub(super) points: i64,
}

/// The answered queries of the last minute, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spending {
    log: VecDeque<Spent>,
}

impl Spending {
    pub(super) fn add(&mut self, spent: Spent) {
        let place = self.log.iter().rposition(|other| other.at <= spent.at).map_or(0, |at| at + 1);
        self.log.insert(place, spent);
    }

    pub(super) fn forget_before_last_minute(&mut self, now: Timestamp) {
        while self.log.front().is_some_and(|oldest| later(oldest.at, ROLLING) <= now) {
            self.log.pop_front();
        }
    }

    /// What seems to be spent in times to come was spent before the clock went back.
    fn last_minute(&self, now: Timestamp) -> impl Iterator<Item = &Spent> {
        let is_in_it =
            move |spent: &Timestamp| later(*spent, ROLLING) > now && *spent <= later(now, ROLLING);
        self.log.iter().filter(move |spent| is_in_it(&spent.at))
    }

    pub(super) fn seconds(&self, now: Timestamp) -> f64 {
        self.last_minute(now).map(|spent| spent.seconds).sum()
    }

    pub(super) fn points(&self, now: Timestamp) -> i64 {
        self.last_minute(now).map(|spent| spent.points).sum()
    }

    /// The first instant from `now` on at which less than `most` seconds are in the last minute,
    /// if nothing more is spent. A minute from now at the latest.
    pub(super) fn falls_below(&self, most: f64, now: Timestamp) -> Timestamp {
        let mut left = self.seconds(now);
        if left < most {
            return now;
        }
        for spent in self.last_minute(now) {
            left -= spent.seconds;
            if left < most {
                return later(spent.at, ROLLING).max(now);
            }
        }
        later(now, ROLLING)
    }

    /// The log as `(instant, seconds)`, for the store.
    pub(super) fn entries(&self, now: Timestamp) -> Vec<(Timestamp, f64)> {
        self.last_minute(now).map(|spent| (spent.at, spent.seconds)).collect()
    }
}
