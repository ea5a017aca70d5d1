//! Counts, and at the k-th runs an action instead of letting the answer (or the request
//! itself) through. Must not know what is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;

/// On which side of the k-th request the action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The server never sees the request.
    BeforeForward,
    /// The server has answered; the client never sees the answer.
    AfterForward,
}

type Action = Box<dyn FnOnce() + Send>;

/// An action that waits for its request.
pub(super) struct Trap {
    at: u64,
    when: When,
    action: Action,
}

impl Trap {
    pub(super) fn when(&self) -> When {
        self.when
    }

    pub(super) fn spring(self, wire: &Tripwire) {
        (self.action)();
        wire.sprung.fetch_add(1, Ordering::SeqCst);
    }
}

/// The counter of one proxy and what was set to happen.
#[derive(Default)]
pub struct Tripwire {
    counted: AtomicU64,
    sprung: AtomicU64,
    trap: Mutex<Option<Trap>>,
}

impl Tripwire {
    /// Requests counted since the start or the last [`Tripwire::reset`].
    pub fn count(&self) -> u64 {
        self.counted.load(Ordering::SeqCst)
    }

    /// Counts from zero again and forgets an action that has not run.
    pub fn reset(&self) {
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.sprung.store(0, Ordering::SeqCst);
        self.counted.store(0, Ordering::SeqCst);
    }

    /// Runs `action` once, at the k-th request counted (the first is 1). The connection is
    /// then closed without an answer; later requests pass as before.
    pub fn trip_at(&self, k: u64, when: When, action: impl FnOnce() + Send + 'static) {
        let trap = Trap { at: k, when, action: Box::new(action) };
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(trap);
    }

    /// Whether an action has run since the last reset.
    pub fn tripped(&self) -> bool {
        self.sprung.load(Ordering::SeqCst) > 0
    }

    /// Waits until the action has run. Errors after `limit`.
    pub async fn await_trip(&self, limit: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + limit;
        while !self.tripped() {
            if tokio::time::Instant::now() > deadline {
                bail!("nothing tripped within {limit:?}; {} counted", self.count());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Counts one request; the trap, if it was set for this one.
    pub(super) fn arrive(&self) -> Option<Trap> {
        // Counted under the lock, so that no two requests can both be the k-th.
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.counted.fetch_add(1, Ordering::SeqCst) + 1;
        trap.take_if(|trap| trap.at == count)
    }
}

impl std::fmt::Debug for Tripwire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tripwire").field("counted", &self.count()).finish_non_exhaustive()
    }
}
