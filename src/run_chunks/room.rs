//! Whether another chunk may start: the caller's wish, the pace, the time, the budget.
//!
//! It must not start one.

use std::time::Instant;

use backfill_api::{PacingMode, Reason, RepositoryBackfillSpec};
use backfill_engine::budget::{Place, weight};
use backfill_engine::interval::Interval;
use backfill_engine::model::BackfillState;
use backfill_engine::plan::chunk_points;
use backfill_engine::progress;
use jiff::Timestamp;

use super::{Run, Signals, Stop, Wish};

/// What speaks against another chunk.
pub(super) fn before_chunk(
    run: &Run<'_>,
    state: &BackfillState,
    signals: &impl Signals,
    committed: u32,
    started: Instant,
) -> Option<Stop> {
    if let Some(stop) = wished(signals) {
        return Some(stop);
    }
    if committed == 0 {
        return None;
    }
    if let Some(until) = paced_until(run.spec, state, (run.clock)()) {
        return Some(Stop::Wait(until, Reason::Paced, progress::paced(until)));
    }
    if started.elapsed() >= run.at_most {
        return Some(Stop::Paused);
    }
    over_budget(run, estimated_points(state))
}

/// The wait for the credential's budget, if it has no room for `cost` points now.
pub(super) fn over_budget(run: &Run<'_>, cost: i64) -> Option<Stop> {
    let weight = weight(run.spec.priority);
    match run.github.governor().place(run.uid, weight, run.floor, cost) {
        Place::Now => None,
        Place::At { until, why } => {
            let message = progress::of_secret(run.spec.secret(), &why.text(until));
            Some(Stop::Wait(until, why.reason(), message))
        }
    }
}

/// The end that the caller wishes, if so.
pub(super) fn wished(signals: &impl Signals) -> Option<Stop> {
    match signals.wish() {
        Wish::Drop => Some(Stop::Dropped),
        Wish::Finish => Some(Stop::Paused),
        Wish::GoOn => None,
    }
}

/// What the next chunk will cost, as far as one can tell.
pub fn estimated_points(state: &BackfillState) -> i64 {
    chunk_points(state.chunk_size.unwrap_or(1), &state.bounds.parts)
}

/// When Interval pacing lets the next chunk start, if not now; nothing in Budget mode.
pub fn paced_until(
    spec: &RepositoryBackfillSpec,
    state: &BackfillState,
    now: Timestamp,
) -> Option<Timestamp> {
    if spec.pacing.mode == PacingMode::Budget {
        return None;
    }
    let interval = Interval::of(&spec.pacing, spec.priority);
    // The last commit was at an instant of the database's clock, and the row is fresh.
    let until = interval.pause_until(state.period_chunks, state.last_progress_at, state.read_at)?;
    Some(now + until.duration_since(state.read_at))
}
