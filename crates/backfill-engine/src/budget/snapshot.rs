//! What of a budget outlives the operator, and what people watch of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hold::Hold;
use super::spending::Spent;
use super::{Budget, RateLimit};
use crate::numbers::{float, whole};

/// The part of a budget that is stored, so that a restart and other processes know of it. Turns
/// are not: they begin anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetSnapshot {
    /// The primary limit as last told.
    pub rate_limit: Option<RateLimit>,
    /// Nothing is sent before.
    pub hold_until: Option<Timestamp>,
    /// How often in a row a secondary limit was met without a quiet minute between: the exponent
    /// of the next hold.
    pub hold_strikes: u32,
    /// The answers of the last minute: when each came and how many seconds it took.
    pub response_seconds: Vec<(Timestamp, f64)>,
}

/// The figures of one identity's budget. `None` while GitHub tells no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Points of a whole window.
    pub limit: Option<i64>,
    /// Points left.
    pub remaining: Option<i64>,
    /// Points used, in percent of the limit.
    pub percentage_used: Option<f64>,
    /// Points a query costs, a moving average; at least 1.
    pub average_cost_per_query: f64,
    /// Queries of the average cost until the points are used up.
    pub queries_remaining: Option<i64>,
    /// When the points are given anew.
    pub reset_at: Option<Timestamp>,
}

impl Budget {
    /// What to store.
    pub fn snapshot(&self, now: Timestamp) -> BudgetSnapshot {
        BudgetSnapshot {
            rate_limit: self.open_window(now).map(|window| window.told()),
            hold_until: self.hold.active(now),
            hold_strikes: self.hold.strikes,
            response_seconds: self.spending.entries(now),
        }
    }

    /// The figures people watch: product rule 3.4.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let told = self.rate_limit(now);
        let used = told.map(|told| told.limit - told.remaining);
        let average_cost = self.average_cost.unwrap_or(1.0).max(1.0);
        Figures {
            limit: told.map(|told| told.limit),
            remaining: told.map(|told| told.remaining),
            percentage_used: told
                .zip(used)
                .map(|(told, used)| 100.0 * float(used) / float(told.limit.max(1))),
            average_cost_per_query: average_cost,
            queries_remaining: told
                .map(|told| whole((float(told.remaining) / average_cost).floor())),
            reset_at: told.and_then(|told| told.reset_at),
        }
    }

    /// Takes over what was stored, where it says more than is known. Meant for the start: the
    /// stored response seconds are taken only while none are known.
    pub fn restore(&mut self, stored: &BudgetSnapshot, now: Timestamp) {
        if let Some(told) = stored.rate_limit {
            self.observe(told, now);
        }
        if self.hold.strikes < stored.hold_strikes {
            self.hold = Hold::restored(self.hold.until, stored.hold_strikes);
        }
        if let Some(until) = Hold::restored(stored.hold_until, 0).active(now) {
            self.hold.extend(until, now);
        }
        if self.spending.entries(now).is_empty() {
            for (at, seconds) in &stored.response_seconds {
                if seconds.is_finite() && *at <= now {
                    let seconds = seconds.max(0.0);
                    self.spending.add(Spent { at: *at, seconds, points: 0 });
                }
            }
        }
    }
}
