//! A query between its departure and its answer. Must not know who may go.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Governor;

/// What becomes of a query that wants to go out.
pub(crate) enum Departure<'a> {
    /// It is under way.
    Off(Flight<'a>),
    /// There may be room for it then.
    Wait(Timestamp),
}

/// A query under way. What was sent is charged by GitHub whether anybody waits for the answer or
/// not, so one that is dropped is charged as well.
pub(crate) struct Flight<'a> {
    governor: &'a Governor,
    flow: &'a str,
    points: i64,
    departed: Instant,
    is_charged: bool,
}

impl<'a> Flight<'a> {
    /// It departs now.
    pub(super) fn new(governor: &'a Governor, flow: &'a str, points: i64) -> Self {
        Self { governor, flow, points, departed: Instant::now(), is_charged: false }
    }

    /// Since it was sent.
    pub(crate) fn elapsed(&self) -> Duration {
        self.departed.elapsed()
    }

    /// May it be sent once more, in its own place?
    pub(crate) fn may_go_again(&self, floor: i64) -> bool {
        let mut budget = self.governor.budget();
        budget.land();
        let waits = self.governor.waits(&budget, self.points, floor);
        budget.depart();
        matches!(waits, Ok(None))
    }

    /// It was answered, well or badly, and cost so many points.
    pub(crate) fn charge(&mut self, points: i64) {
        self.governor.charge(self.flow, points, self.elapsed().as_secs_f64());
        self.is_charged = true;
    }

    /// It never arrived.
    pub(crate) fn never_arrived(mut self) {
        self.is_charged = true;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.is_charged {
            self.charge(self.points);
        }
        self.governor.budget().land();
    }
}
