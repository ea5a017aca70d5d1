//! Backfills against a modelled GitHub, in simulated time.

use jiff::{SignedDuration, Timestamp};

use crate::budget::{Budget, Place, RateLimit};
use crate::numbers::{later, seconds_between, span};

/// A backfill: asks, fetches a page, commits it, and asks again.
#[derive(Clone, Debug)]
pub(super) struct Walker {
    pub(super) weight: u32,
    pub(super) page_seconds: f64,
    pub(super) page_points: i64,
    pub(super) commit_seconds: f64,
    /// Seconds from the start between which it exists.
    pub(super) lives: (f64, f64),
}

pub(super) fn walker(weight: u32) -> Walker {
    Walker {
        weight,
        page_seconds: 2.5,
        page_points: 2,
        commit_seconds: 0.2,
        lives: (0.0, f64::INFINITY),
    }
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Ask(Timestamp),
    Answer(Timestamp),
    Gone,
}

/// What happened to one walker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Had {
    pub(super) seconds: f64,
    pub(super) points: i64,
    pub(super) longest_without: f64,
    pub(super) last_answer: Option<Timestamp>,
}

pub(super) struct Run {
    pub(super) walkers: Vec<Walker>,
    /// Points of an hour, `None` for a GitHub without limits.
    pub(super) limit: Option<i64>,
    pub(super) floor: i64,
    pub(super) seconds: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Result {
    pub(super) had: Vec<Had>,
    pub(super) most_in_a_minute: f64,
    pub(super) lowest_remaining: i64,
    /// How often somebody was told to wait although the last minute was less than half used and
    /// points were plenty.
    pub(super) idle_refusals: u32,
    /// How often anybody asked.
    pub(super) asks: usize,
    /// Every answer: seconds from the start, walker, response seconds.
    pub(super) log: Vec<(f64, usize, f64)>,
}

fn at(seconds: f64) -> Timestamp {
    later(later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000)), span(seconds))
}

pub(super) fn run(run: &Run) -> Result {
    let mut budget = Budget::default();
    let mut result = Result {
        had: vec![Had::default(); run.walkers.len()],
        lowest_remaining: run.limit.unwrap_or(0),
        ..Result::default()
    };
    let mut next: Vec<Next> =
        run.walkers.iter().map(|walker| Next::Ask(at(walker.lives.0))).collect();
    let (mut window_end, mut remaining) = (at(3_600.0), run.limit.unwrap_or(0));
    loop {
        let due = next.iter().enumerate().filter_map(|(who, next)| match next {
            Next::Ask(at) | Next::Answer(at) => Some((*at, who)),
            Next::Gone => None,
        });
        let Some((now, who)) = due.min() else { break };
        if now > at(run.seconds) {
            break;
        }
        if now >= window_end {
            (window_end, remaining) =
                (later(window_end, SignedDuration::from_hours(1)), run.limit.unwrap_or(0));
        }
        let (walker, id) = (&run.walkers[who], format!("walker-{who}"));
        let elapsed = seconds_between(at(0.0), now);
        next[who] = match next[who] {
            Next::Ask(_) if elapsed >= walker.lives.1 => {
                budget.leave(&id, now);
                Next::Gone
            }
            Next::Ask(_) => {
                result.asks += 1;
                let place = budget.place(&id, walker.weight, run.floor, walker.page_points, now);
                match place {
                    Place::Now => Next::Answer(later(now, span(walker.page_seconds))),
                    Place::At { until, .. } => {
                        let used = budget.spending.seconds(now);
                        let flights = next.iter().any(|next| matches!(next, Next::Answer(_)));
                        if run.limit.is_none() && used == 0.0 && !flights {
                            result.idle_refusals += 1;
                        }
                        assert!(until > now, "a wait that is none");
                        assert!(seconds_between(now, until) <= 3_960.0, "an unbounded wait");
                        Next::Ask(until)
                    }
                }
            }
            Next::Answer(_) => {
                remaining -= walker.page_points;
                budget.charge(&id, walker.page_points, walker.page_seconds, now);
                if let Some(limit) = run.limit {
                    let told = RateLimit { limit, remaining, reset_at: Some(window_end) };
                    budget.observe(told, now);
                }
                note(&mut result, who, walker, now, remaining, &budget);
                Next::Ask(later(now, span(walker.commit_seconds)))
            }
            Next::Gone => Next::Gone,
        };
    }
    result
}

fn note(
    result: &mut Result,
    who: usize,
    walker: &Walker,
    now: Timestamp,
    remaining: i64,
    budget: &Budget,
) {
    let had = &mut result.had[who];
    let since = had.last_answer.unwrap_or(at(walker.lives.0));
    had.longest_without = had.longest_without.max(seconds_between(since, now));
    had.last_answer = Some(now);
    had.seconds += walker.page_seconds;
    had.points += walker.page_points;
    result.lowest_remaining = result.lowest_remaining.min(remaining);
    result.most_in_a_minute = result.most_in_a_minute.max(budget.spending.seconds(now));
    result.log.push((seconds_between(at(0.0), now), who, walker.page_seconds));
}

impl Result {
    /// Response seconds of each walker from `from` to `to`.
    pub(super) fn between(&self, from: f64, to: f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.had.len()];
        for (when, who, seconds) in &self.log {
            if (from..to).contains(when) {
                sums[*who] += seconds;
            }
        }
        sums
    }

    /// Each walker's part of what all had in that time.
    pub(super) fn shares(&self, from: f64, to: f64) -> Vec<f64> {
        let sums = self.between(from, to);
        let whole: f64 = sums.iter().sum();
        sums.iter().map(|sum| sum / whole).collect()
    }
}
