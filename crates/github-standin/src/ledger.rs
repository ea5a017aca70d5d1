//! What clients did: counts that tests assert on, and violations that must not be.
//!
//! This file must not decide what an answer or a violation is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gate::Sin;
use crate::world::Moment;

/// Violations kept; more are only counted.
const KEPT_VIOLATIONS: usize = 1_000;

/// One violation.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    /// Which.
    pub kind: Sin,
    /// The operation's name.
    pub operation: String,
    /// What exactly was wrong.
    pub message: String,
    /// When.
    pub at: Moment,
}

/// Counts since the start or the last `DELETE /_standin/requests`.
#[derive(Debug, Default, Serialize)]
pub struct Ledger {
    /// GraphQL requests, refused ones too.
    pub requests: u64,
    /// Points charged.
    pub points: u64,
    /// How many violations there were, those not kept too.
    pub violation_count: u64,
    /// The first violations.
    pub violations: Vec<Violation>,
    /// Requests by operation name; `anonymous` where there is none.
    pub by_operation: BTreeMap<String, u64>,
    /// Answers by HTTP status; `reset` where there was none.
    pub by_status: BTreeMap<String, u64>,
    /// Answers of the fault plan by name.
    pub by_answer: BTreeMap<String, u64>,
    /// Pages of `pullRequests` served whole, by `owner/name operation cursor`.
    pub pages_by_cursor: BTreeMap<String, u64>,
}

impl Ledger {
    /// Notes a violation.
    pub fn violation(&mut self, violation: Violation) {
        self.violation_count += 1;
        if self.violations.len() < KEPT_VIOLATIONS {
            self.violations.push(violation);
        }
    }

    /// Counts one of something.
    pub fn count(map: &mut BTreeMap<String, u64>, name: &str) {
        match map.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                map.insert(name.to_owned(), 1);
            }
        }
    }
}
