//! The rules of the budget: examples and tables by subject, simulated hours in `shares`.

mod holds;
mod points;
mod shares;
mod simulation;
mod told;
mod turns;
mod waits;

use backfill_api::Reason;
use jiff::{SignedDuration, Timestamp};

use super::*;

const FLOW: &str = "acme/api";

fn at(seconds: i64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000 + seconds))
}

fn told(remaining: i64, reset: i64) -> RateLimit {
    RateLimit { limit: 5_000, remaining, reset_at: Some(at(reset)) }
}

fn with(remaining: i64, reset: i64) -> Budget {
    let mut budget = Budget::default();
    budget.observe(told(remaining, reset), at(0));
    budget
}

fn remaining(budget: &Budget, now: i64) -> Option<i64> {
    budget.rate_limit(at(now)).map(|told| told.remaining)
}

fn seconds_to_wait(place: Place, now: i64) -> i64 {
    match place {
        Place::Now => 0,
        Place::At { until, .. } => until.duration_since(at(now)).as_secs(),
    }
}
