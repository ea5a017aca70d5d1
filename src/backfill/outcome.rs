//! What a step came to, and what is to be shown of it.
//!
//! It must not know how it is shown.

use backfill_api::{PlanStatus, Reason, Stage, Summary};
use backfill_engine::model::BackfillState;
use backfill_engine::retry;
use jiff::Timestamp;

/// What a step came to.
#[derive(Debug)]
pub enum Outcome {
    /// There is nothing of ours to say; look again then, or on the next event.
    Silent(Option<Timestamp>),
    /// Another instance is at it, or the row has gone to another object: the object is not ours
    /// to show. Look again then.
    Elsewhere(Timestamp),
    /// The world has changed under the decision: look again at once.
    Again,
    /// To be shown.
    Shown(Box<Shown>),
}

/// What is to be shown of an object.
#[derive(Debug)]
pub struct Shown {
    pub summary: Summary,
    pub state: Option<BackfillState>,
    /// When to look again.
    pub next: Option<Timestamp>,
    /// `next` is a wait that people should see, not the next stretch of work.
    pub waits: bool,
    /// `next` is the turn that it waits for: until then it need not make progress.
    pub turn: bool,
    /// Nobody can foretell `next`, and nothing but a transition is worth a write meanwhile.
    pub quiet: bool,
    pub counted: Option<i64>,
    pub plan: Option<PlanStatus>,
}

impl Outcome {
    /// Elsewhere, for now.
    pub fn elsewhere(now: Timestamp) -> Self {
        Self::Elsewhere(now + retry::QUEUED_LOOK)
    }
}

impl Shown {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let summary = Summary::new(reason, message);
        let (state, next, counted, plan) = (None, None, None, None);
        let (waits, turn, quiet) = (false, false, false);
        Self { summary, state, next, waits, turn, quiet, counted, plan }
    }

    /// What is said of an object that is at work in its stage.
    pub fn working(state: BackfillState) -> Self {
        let (reason, message) = match state.stage {
            Stage::Verify => (Reason::Verifying, "compares what is stored with what GitHub counts"),
            _ => (Reason::Walking, "fetches pull requests, newest first"),
        };
        Self::new(reason, message).state(Some(state))
    }

    pub fn state(mut self, state: Option<BackfillState>) -> Self {
        self.state = state;
        self
    }

    pub fn wait(mut self, until: Timestamp) -> Self {
        (self.next, self.waits) = (Some(until), true);
        self
    }

    pub fn at(mut self, next: Timestamp) -> Self {
        self.next = Some(next);
        self
    }

    pub fn outcome(self) -> Outcome {
        Outcome::Shown(Box::new(self))
    }
}
