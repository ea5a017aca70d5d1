//! Everything one reconcile saw, gathered before anything is decided.
//!
//! Facts only: no choice is made here, and nothing here can be asked twice with two answers.

mod object;

use backfill_api::{Disposition, Reason};
use jiff::Timestamp;

use crate::budget::Place;
use crate::model::{BackfillState, ObjectRef};
pub use object::{ObjectSeen, Proved, stands_on, window_words};

/// A trouble that was met, in the words that people are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its cause.
    pub reason: Reason,
    /// What happened and what to do. Never holds a secret or a response body.
    pub message: String,
    /// The other side's wish not to be asked before this instant.
    pub not_before: Option<Timestamp>,
}

impl Fault {
    /// A fault whose end nobody has named.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), not_before: None }
    }

    /// `owner` has the repository: the same words, whether a look or the database finds it out.
    pub fn claimed(owner: &ObjectRef) -> Self {
        let message = format!(
            "RepositoryBackfill {}/{} is already capturing this repository; this one takes over \
             when that one has succeeded or is deleted",
            owner.namespace, owner.name
        );
        Self::new(Reason::RepositoryClaimed, message)
    }

    /// Who can mend it, by the catalogue of reasons. Waiting for points or a lease mends itself.
    pub fn disposition(&self) -> Disposition {
        self.reason.disposition().unwrap_or(Disposition::Transient)
    }
}

/// One reconcile's view of the world.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When it was looked at.
    pub now: Timestamp,
    /// The object.
    pub object: ObjectSeen,
    /// The state row that concerns its repository, whoever owns it; or why it cannot be read.
    pub state: Result<Option<BackfillState>, Fault>,
    /// Another object that owns the row, has not finished and still exists.
    pub claimed_by: Option<ObjectRef>,
    /// Another object that has proved the rows of this row's repository, where this one goes
    /// and would take the rows along.
    pub heir: Option<ObjectRef>,
    /// There are objects that this version cannot read: what they have proved is not known.
    pub has_unreadable: bool,
    /// Why the credentials cannot be used, if so.
    pub credentials: Result<(), Fault>,
    /// Whether the identity's budget has room for this object now.
    pub place: Place,
    /// The floor leaves nothing of the limit: what to say.
    pub budget_too_small: Option<Fault>,
    /// When the present pacing period lets the next chunk start, in Interval mode.
    pub paced_until: Option<Timestamp>,
    /// A permit to run was to be had; else how many of its namespace wait before this object.
    pub permit: Result<(), usize>,
    /// A fraction from 0 to 1, for jitter.
    pub fraction: f64,
    /// When a passing trouble met at this look would be looked at again.
    pub retry_at: Timestamp,
    /// A trouble met before there was a row to keep it in, and when to look again.
    pub unrecorded: Option<(Fault, Timestamp)>,
}

impl Seen {
    /// The state row, if it belongs to this object.
    pub fn own_state(&self) -> Option<&BackfillState> {
        let state = self.state.as_ref().ok()?.as_ref()?;
        let owner = state.owner.as_ref()?;
        (owner.uid == self.object.id.uid).then_some(state)
    }

    /// The own row, if its walk covers what the spec asks for and no other walk was requested.
    pub fn own_walk(&self) -> Option<&BackfillState> {
        self.own_state().filter(|state| self.covers(state))
    }

    /// The walk of this row of the object's covers what the spec asks for and no other walk was
    /// requested.
    pub fn covers(&self, state: &BackfillState) -> bool {
        let same = self.object.fingerprint.as_deref() == Some(state.walk_fingerprint.as_str());
        let restarted = self.object.restart_requested_at.is_none()
            || self.object.restart_requested_at == state.handled_restart_requested_at;
        same && restarted
    }
}
