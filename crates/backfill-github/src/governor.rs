//! The one place that says whether a query may be sent now.
//!
//! A governor guards the budget of one identity: GitHub pools points by user or installation,
//! so two tokens of one user share one. The rules are the engine's (`backfill_engine::budget`);
//! here they get the clock, a lock, and the words of our errors.

mod flight;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backfill_engine::budget::{Budget, BudgetSnapshot, Figures, Place, RateLimit, Why};
use jiff::{SignedDuration, Timestamp};

use crate::Clock;
use crate::error::Error;
pub(crate) use flight::{Departure, Flight};

/// Guards one identity's budget. Every answer passes through it, every query asks it first.
#[derive(Debug)]
pub struct Governor {
    clock: Clock,
    budget: Mutex<Budget>,
}

impl Governor {
    fn new(clock: Clock) -> Self {
        Self { clock, budget: Mutex::new(Budget::default()) }
    }

    /// May `flow` of this weight start a chunk of about `estimated_cost` points without touching
    /// the last `floor` points? `Now` reserves its place for a minute.
    pub fn place(&self, flow: &str, weight: u32, floor: i64, estimated_cost: i64) -> Place {
        self.budget().place(flow, weight, floor, estimated_cost, self.now())
    }

    /// `flow` ends or waits for something else: its share goes to the others.
    pub fn leave(&self, flow: &str) {
        self.budget().leave(flow, self.now());
    }

    /// The floor leaves nothing of the limit.
    pub fn too_small(&self, floor: i64) -> bool {
        self.budget().too_small(floor, self.now())
    }

    /// The floor left nothing of the limit when GitHub last told one; it may have grown since.
    pub fn was_too_small(&self, floor: i64) -> bool {
        self.budget().was_too_small(floor, self.now())
    }

    /// The primary limit as last told; `None` where GitHub tells none.
    pub fn limits(&self) -> Option<RateLimit> {
        self.budget().rate_limit(self.now())
    }

    /// The figures people watch.
    pub fn figures(&self) -> Figures {
        self.budget().figures(self.now())
    }

    /// What of the budget outlives this process.
    pub fn snapshot(&self) -> BudgetSnapshot {
        self.budget().snapshot(self.now())
    }

    /// Takes over what was stored, where it says more than is known.
    pub fn restore(&self, stored: &BudgetSnapshot) {
        self.budget().restore(stored, self.now());
    }

    /// A query goes out at once if its pre-flight check lets it: no two take one place.
    pub(crate) fn depart<'a>(
        &'a self,
        flow: &'a str,
        points: i64,
        floor: i64,
    ) -> Result<Departure<'a>, Error> {
        let mut budget = self.budget();
        if let Some(until) = self.waits(&budget, points, floor)? {
            return Ok(Departure::Wait(until));
        }
        budget.depart();
        drop(budget);
        Ok(Departure::Off(Flight::new(self, flow, points)))
    }

    /// A query that has waited long enough goes out all the same.
    pub(crate) fn depart_late<'a>(&'a self, flow: &'a str, points: i64) -> Flight<'a> {
        self.budget().depart();
        Flight::new(self, flow, points)
    }

    /// The pre-flight check of one query: when the response seconds of the last minute leave room
    /// for it, if not now.
    fn waits(&self, budget: &Budget, points: i64, floor: i64) -> Result<Option<Timestamp>, Error> {
        if budget.too_small(floor, self.now()) {
            let limit = budget.rate_limit(self.now()).map_or(0, |told| told.limit);
            return Err(Error::BudgetTooSmall { limit, floor });
        }
        match budget.check(points, floor, self.now()) {
            Place::Now => Ok(None),
            Place::At { until, why: Why::ResponseSeconds | Why::Share } => Ok(Some(until)),
            Place::At { until, why: Why::Hold } => Err(Error::SecondaryLimit { until }),
            Place::At { until, why: Why::RateLimit { remaining, floor, .. } } => {
                if remaining > 0 {
                    Err(Error::BelowFloor { remaining, floor, until })
                } else {
                    Err(Error::PrimaryLimit { until })
                }
            }
        }
    }

    /// What an answer tells of the primary limit.
    pub(crate) fn observe(&self, told: RateLimit) {
        self.budget().observe(told, self.now());
    }

    fn charge(&self, flow: &str, points: i64, seconds: f64) {
        self.budget().charge(flow, points, seconds, self.now());
    }

    /// GitHub says that the points are used up, whatever else the answer says: nothing is sent
    /// before the reset, or for a minute and longer where no reset is known, nor before
    /// `retry_after`.
    pub(crate) fn exhausted(&self, retry_after: Option<SignedDuration>) -> Error {
        let now = self.now();
        let mut budget = self.budget();
        if let Some(told) = budget.rate_limit(now).filter(|told| told.reset_at.is_some()) {
            budget.observe(RateLimit { remaining: 0, ..told }, now);
        }
        budget.exhausted(now);
        if let Some(until) = retry_after.and_then(|wait| now.checked_add(wait).ok()) {
            budget.hold(until, now);
        }
        // The end of a hold may lie before the reset.
        let until = Self::blocked_until(&budget, now);
        Error::PrimaryLimit { until: Self::blocked_until(&budget, until) }
    }

    /// GitHub asks to slow down.
    pub(crate) fn slow_down(&self, retry_after: Option<SignedDuration>) -> Error {
        let now = self.now();
        let mut budget = self.budget();
        budget.secondary_limited(retry_after, now);
        Error::SecondaryLimit { until: Self::blocked_until(&budget, now) }
    }

    fn blocked_until(budget: &Budget, now: Timestamp) -> Timestamp {
        match budget.check(1, 0, now) {
            Place::At { until, .. } => until,
            Place::Now => now,
        }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which governor guards which token: one for all tokens of an identity.
#[derive(Debug)]
pub(crate) struct Identities {
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_token: HashMap<String, String>,
    governors: HashMap<String, Arc<Governor>>,
    /// The token that a Secret held last.
    by_secret: HashMap<String, String>,
}

impl Identities {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// The identity of a token as far as it is known.
    pub(crate) fn of(&self, token_hash: &str) -> String {
        let known = self.known();
        known.by_token.get(token_hash).cloned().unwrap_or_else(|| format!("token:{token_hash}"))
    }

    /// The governor of a token's identity.
    pub(crate) fn governor(&self, token_hash: &str) -> Arc<Governor> {
        let identity = self.of(token_hash);
        let new = || Arc::new(Governor::new(self.clock));
        Arc::clone(self.known().governors.entry(identity).or_insert_with(new))
    }

    /// The token is what this Secret holds now. As long as nobody knows whose it is, it may be that
    /// of the token before: what holds the one holds the other.
    pub(crate) fn kept_in(&self, token_hash: &str, secret: &str) {
        let before = self.known().by_secret.insert(secret.to_owned(), token_hash.to_owned());
        let before = before.filter(|before| before != token_hash);
        let (Some(before), false) = (before, self.known().by_token.contains_key(token_hash)) else {
            return;
        };
        let BudgetSnapshot { hold_until, hold_strikes, .. } = self.governor(&before).snapshot();
        let held = BudgetSnapshot { hold_until, hold_strikes, ..BudgetSnapshot::default() };
        self.governor(token_hash).restore(&held);
    }

    /// The token turns out to belong to `identity`: what its own governor knew is kept.
    pub(crate) fn learn(&self, token_hash: &str, identity: &str) {
        let before = self.of(token_hash);
        if before == identity {
            return;
        }
        let mut known = self.known();
        let own = known.governors.remove(&before);
        known.by_token.insert(token_hash.to_owned(), identity.to_owned());
        match (known.governors.get(identity), own) {
            (Some(shared), Some(own)) => shared.restore(&own.snapshot()),
            (None, Some(own)) => {
                known.governors.insert(identity.to_owned(), own);
            }
            (_, None) => {}
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
