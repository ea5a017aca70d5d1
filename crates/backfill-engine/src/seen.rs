//! Everything one reconcile saw, gathered before anything is decided.
//!
//! Facts only: no choice is made here, and nothing here can be asked twice with two answers.

use backfill_api::{Disposition, Reason};
use jiff::Timestamp;

use crate::budget::Place;
use crate::model::{BackfillState, ObjectRef};

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
    /// Who can mend it, by the catalogue of reasons. Waiting for points or a lease mends itself.
    pub fn disposition(&self) -> Disposition {
        self.reason.disposition().unwrap_or(Disposition::Transient)
    }
}

/// What the object says, reduced to what decisions need.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectSeen {
    /// Who it is.
    pub id: ObjectRef,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub has_finalizer: bool,
    /// Its rows shall go with it: `deletionPolicy: Delete`.
    pub deletes_rows: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.dryRun`.
    pub dry_run: bool,
    /// What only the operator can refuse in this spec.
    pub refusal: Option<Fault>,
    /// What in this spec contradicts itself, though each field is allowed. It keeps a walk from
    /// beginning.
    pub contradiction: Option<Fault>,
    /// Fingerprint of what the spec asks a walk to cover; the repository's node id is part of
    /// it, so it exists only once a state row does.
    pub fingerprint: Option<String>,
    /// The `requested-at` annotation.
    pub requested_at: Option<String>,
    /// The `restart-requested-at` annotation.
    pub restart_requested_at: Option<String>,
    /// Name of the Secret with its credentials.
    pub secret: Option<String>,
    /// `spec.failurePolicy.maxConsecutiveErrors`.
    pub max_consecutive_errors: i64,
    /// The spec was edited since the status was last written.
    pub edited: bool,
    /// The walk that proved what it asks for, says its status, and no restart was asked for since;
    /// 0 if that was of another repository than the row is, or of none.
    pub proved_walk: Option<i64>,
    /// The words in which its status gives the price, or says that the repository is empty, which
    /// no row keeps; none once it was edited or asked for something since.
    pub said: Option<(Reason, String)>,
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
    /// Why the credentials cannot be used, if so.
    pub credentials: Result<(), Fault>,
    /// Whether the identity's budget has room for this object now.
    pub place: Place,
    /// The floor leaves nothing of the limit: what to say.
    pub budget_too_small: Option<Fault>,
    /// When the present pacing period lets the next chunk start, in Interval mode.
    pub paced_until: Option<Timestamp>,
    /// A permit to run was to be had; else how many wait for one before this object.
    pub permit: Result<(), usize>,
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
