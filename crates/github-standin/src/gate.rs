//! GitHub's limits over time, one account of them for each credential: points per window,
//! concurrent requests, points and response seconds per minute.
//!
//! Every method takes the time as an argument. This file must not know HTTP, queries or faults.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::clock::moment;
use crate::world::Moment;

/// Minute limits look back this far.
const MINUTE_SECONDS: f64 = 60.0;

/// How much a credential may do. The defaults are GitHub's for a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Points of the primary limit in each window.
    pub points_per_window: u64,
    /// How long a window lasts; it opens with the first charge.
    pub window_seconds: f64,
    /// Requests at once.
    pub concurrent: u64,
    /// Secondary points in 60 seconds; a query counts one.
    pub points_per_minute: u64,
    /// Seconds spent answering in 60 seconds.
    pub response_seconds_per_minute: f64,
    /// Whether answers carry `x-ratelimit-*` headers; an Enterprise Server may not.
    pub headers: bool,
    /// Extra points charged when a fault plan answers with a timeout.
    pub timeout_points: u64,
    /// A request that arrives this soon after it was told to stop may have crossed the answer on
    /// its way: it is refused but is no violation.
    pub grace_seconds: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            points_per_window: 5_000,
            window_seconds: 3_600.0,
            concurrent: 100,
            points_per_minute: 2_000,
            response_seconds_per_minute: 60.0,
            headers: true,
            timeout_points: 0,
            grace_seconds: 0.25,
        }
    }
}

/// The primary budget of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Primary {
    pub limit: u64,
    pub used: u64,
    pub reset: Moment,
}

impl Primary {
    /// Points left in the window.
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// A secondary limit was reached; the client is to wait this many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u64);

/// What a client must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sin {
    /// A request before `Retry-After` had ended.
    BeforeRetryAfter,
    /// A request before the reset, after an answer had said that nothing remains.
    AfterExhaustion,
    /// More requests at once than allowed.
    TooManyAtOnce,
    /// No `User-Agent`.
    NoUserAgent,
    /// A query that GitHub's schema does not allow.
    InvalidQuery,
    /// A query over 500,000 nodes.
    TooManyNodes,
    /// `first` or `last` missing or outside 1..100, or more than 100 ids.
    PageSize,
}

#[derive(Debug, Default)]
struct Account {
    window_opened: Option<f64>,
    used: u64,
    charges: VecDeque<f64>,
    answered: VecDeque<(f64, f64)>,
    in_flight: u64,
    /// Told to stop: when, and until when.
    told_to_wait: Option<(f64, f64)>,
    told_exhausted: Option<(f64, f64)>,
}

/// The accounts of all credentials.
#[derive(Debug, Default)]
pub struct Gate {
    limits: Limits,
    accounts: HashMap<String, Account>,
}

impl Gate {
    /// A gate with these limits and nothing used.
    pub fn new(limits: Limits) -> Self {
        Gate { limits, accounts: HashMap::new() }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Puts other limits in force; windows and minutes start afresh, requests at work stay so.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        for account in self.accounts.values_mut() {
            *account = Account { in_flight: account.in_flight, ..Account::default() };
        }
    }

    /// A request comes in; [`Gate::leave`] must follow. Says whether it is refused and which
    /// sins it is.
    pub fn enter(&mut self, credential: &str, now: f64) -> (Option<Wait>, Vec<Sin>) {
        let limits = self.limits.clone();
        let account = self.account(credential);
        account.in_flight += 1;
        let mut sins = Vec::new();
        if let Some((told, until)) = account.told_to_wait.filter(|(_, until)| now < *until) {
            if now > told + limits.grace_seconds {
                sins.push(Sin::BeforeRetryAfter);
            }
            return (Some(wait(until - now)), sins);
        }
        if account.in_flight > limits.concurrent {
            sins.push(Sin::TooManyAtOnce);
            return (Some(account.told(now, MINUTE_SECONDS)), sins);
        }
        let earliest = now - MINUTE_SECONDS;
        account.charges.retain(|at| *at > earliest);
        account.answered.retain(|(at, _)| *at > earliest);
        let spent: f64 = account.answered.iter().map(|(_, seconds)| seconds).sum();
        let many = account.charges.len() as u64 >= limits.points_per_minute;
        if many || spent >= limits.response_seconds_per_minute {
            let oldest = account.answered.front().map(|(at, _)| *at);
            let oldest = oldest.into_iter().chain(account.charges.front().copied());
            let seconds = oldest.fold(now, f64::min) - earliest;
            return (Some(account.told(now, seconds)), sins);
        }
        account.charges.push_back(now);
        (None, sins)
    }

    /// The request that came in at `entered` is answered.
    pub fn leave(&mut self, credential: &str, entered: f64, now: f64) {
        let account = self.account(credential);
        account.in_flight = account.in_flight.saturating_sub(1);
        account.answered.push_back((now, now - entered));
    }

    /// Whether a request now goes on after exhaustion although it was told.
    pub fn goes_on(&mut self, credential: &str, now: f64) -> bool {
        let grace = self.limits.grace_seconds;
        let told = self.account(credential).told_exhausted;
        told.is_some_and(|(told, reset)| now > told + grace && now < reset)
    }

    /// Charges points before the work; `Err` if nothing remains, and then nothing is charged.
    /// The last query of a window may cost more than remains.
    pub fn charge(&mut self, credential: &str, points: u64, now: f64) -> Result<Primary, Primary> {
        let budget = self.primary(credential, now);
        if budget.remaining() == 0 {
            return Err(budget);
        }
        let account = self.account(credential);
        account.window_opened.get_or_insert(now);
        account.used = (account.used + points).min(budget.limit);
        Ok(self.primary(credential, now))
    }

    /// Gives points back, for an answer that GitHub does not charge.
    pub fn refund(&mut self, credential: &str, points: u64) {
        let account = self.account(credential);
        account.used = account.used.saturating_sub(points);
    }

    /// Uses the whole window up.
    pub fn exhaust(&mut self, credential: &str, now: f64) {
        let limit = self.limits.points_per_window;
        self.primary(credential, now);
        let account = self.account(credential);
        account.window_opened.get_or_insert(now);
        account.used = limit;
    }

    /// The client is being told to wait.
    pub fn tell_to_wait(&mut self, credential: &str, now: f64, seconds: f64) -> Wait {
        self.account(credential).told(now, seconds)
    }

    /// An answer is leaving; if it shows that nothing remains, the client knows from now on.
    pub fn tell_budget(&mut self, credential: &str, now: f64) -> Primary {
        let budget = self.primary(credential, now);
        let window = self.limits.window_seconds;
        let account = self.account(credential);
        if budget.remaining() == 0 && account.told_exhausted.is_none() {
            account.told_exhausted = account.window_opened.map(|opened| (now, opened + window));
        }
        budget
    }

    /// The budget now; a window that has ended is closed.
    pub fn primary(&mut self, credential: &str, now: f64) -> Primary {
        let (limit, seconds) = (self.limits.points_per_window, self.limits.window_seconds);
        let account = self.account(credential);
        if account.window_opened.is_some_and(|opened| now >= opened + seconds) {
            account.window_opened = None;
            account.told_exhausted = None;
            account.used = 0;
        }
        let ends = account.window_opened.unwrap_or(now) + seconds;
        Primary { limit, used: account.used, reset: moment(ends.ceil()) }
    }

    fn account(&mut self, credential: &str) -> &mut Account {
        self.accounts.entry(credential.to_owned()).or_default()
    }
}

impl Account {
    fn told(&mut self, now: f64, seconds: f64) -> Wait {
        let wait = wait(seconds);
        #[expect(clippy::cast_precision_loss, reason = "waits are short")]
        let until = now + wait.0 as f64;
        self.told_to_wait = Some((now, until));
        wait
    }
}

/// Whole seconds, rounded up, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits are positive and short"
)]
fn wait(seconds: f64) -> Wait {
    Wait(seconds.ceil().max(1.0) as u64)
}

#[cfg(test)]
mod tests;
