//! What an object says, in spec, annotations and status, reduced to what decisions need.
//!
//! It must not ask anybody: the row that concerns the object is given.

use backfill_api::annotations::{REQUESTED_AT, RESTART_REQUESTED_AT, request};
use backfill_api::conditions::{READY, SUCCEEDED};
use backfill_api::{DeletionPolicy, ROWS_FINALIZER, Reason, RepositoryBackfill};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::Fault;
use crate::fingerprint::{bounds, fingerprint};
use crate::model::{BackfillState, NodeId, ObjectRef, StateStatus, WalkBounds};

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
    /// The walk that proved what it asks for, as its status has it, unless a restart was asked for
    /// since.
    pub proved: Option<Proved>,
    /// The words in which its status gives the price, or says that the repository is empty, which
    /// no row keeps; none once it was edited or asked for something since.
    pub said: Option<(Reason, String)>,
}

/// A walk that was proved complete, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Its number; 0 if that was of another repository than the row is, or of none.
    pub walk: i64,
    /// Pull requests stored.
    pub stored: i64,
    /// Pull requests that GitHub could not deliver.
    pub set_aside: i64,
    /// Pull requests inside its bounds.
    pub inside: i64,
    /// It had no bounds.
    pub is_whole: bool,
}

impl Proved {
    /// As the row of the walk has it.
    pub fn by(state: &BackfillState) -> Self {
        Self {
            walk: state.walk,
            stored: state.stored_pull_requests,
            set_aside: state.quarantined_pull_requests,
            inside: state.processed_pull_requests,
            is_whole: state.bounds.is_whole_history(),
        }
    }

    /// What is said of it.
    pub fn words(&self) -> (Reason, String) {
        let Self { stored, set_aside, inside, .. } = self;
        if *set_aside > 0 {
            let message = format!(
                "{stored} stored, {set_aside} set aside because GitHub cannot deliver them: see \
                 quarantined_pull_requests"
            );
            (Reason::VerifiedWithQuarantine, message)
        } else if self.is_whole {
            (Reason::Verified, format!("{stored} stored, as many as GitHub counts"))
        } else {
            (Reason::WindowVerified, format!("all {inside} that were asked for are stored"))
        }
    }
}

impl ObjectSeen {
    /// What `object` says at `now`, beside the row that concerns it.
    pub fn of(
        object: &RepositoryBackfill,
        state: Option<&BackfillState>,
        allows_row_deletion: bool,
        now: Timestamp,
    ) -> Self {
        let (spec, metadata) = (&object.spec, &object.metadata);
        let deletes_rows = spec.deletion_policy == DeletionPolicy::Delete;
        let refused = deletes_rows && !allows_row_deletion;
        let fingerprint = state.map(|state| fingerprint(&state.repository_node_id, spec));
        let observed = object.status.as_ref().map(|status| status.observed_generation);
        Self {
            id: metadata.into(),
            deleting: metadata.deletion_timestamp.is_some(),
            has_finalizer: metadata.finalizers.iter().flatten().any(|name| name == ROWS_FINALIZER),
            deletes_rows,
            suspended: spec.suspend,
            dry_run: spec.dry_run,
            refusal: refused.then(row_deletion_refused),
            contradiction: contradiction(&bounds(spec, now), start_that_stays(object, state)),
            proved: proved(object, fingerprint.as_deref(), now),
            said: said(object),
            fingerprint,
            requested_at: requested(object, REQUESTED_AT),
            restart_requested_at: requested(object, RESTART_REQUESTED_AT),
            secret: spec.secret().map(str::to_owned),
            edited: observed.is_some_and(|observed| observed != metadata.generation),
            max_consecutive_errors: i64::from(spec.failure_policy.max_consecutive_errors),
        }
    }

    /// Both the spec and the operator want its rows deleted with it.
    pub fn takes_rows_along(&self) -> bool {
        self.deletes_rows && self.refusal.is_none()
    }

    /// Whether it matters who else stands on its rows: they would go now.
    pub fn asks_for_heir(&self) -> bool {
        self.deleting && self.has_finalizer && self.takes_rows_along()
    }

    /// Whether a place to run is worth asking for: only a walk of its own that is not done yet
    /// runs.
    pub fn wants_to_run(&self, state: Option<&BackfillState>) -> bool {
        let owns = |state: &BackfillState| owner_uid(state) == Some(self.id.uid.as_str());
        let is_open = |state: &BackfillState| state.status != StateStatus::Completed;
        !self.suspended && !self.deleting && state.is_some_and(|it| owns(it) && is_open(it))
    }
}

/// Whether the rows of this repository are what `object` has proved, and it stays.
pub fn stands_on(object: &RepositoryBackfill, repository: &NodeId) -> bool {
    let proved = object.status.as_ref().and_then(|status| status.walk_fingerprint.as_deref());
    // The hash comes last: every object is asked.
    object.metadata.deletion_timestamp.is_none()
        && proved.is_some_and(|proved| proved == fingerprint(repository, &object.spec))
}

/// The words of the window, by which a walk that follows knows that its start stays: see ADR 10.
pub fn window_words(object: &RepositoryBackfill) -> String {
    serde_json::to_string(&object.spec.window).unwrap_or_default()
}

fn owner_uid(state: &BackfillState) -> Option<&str> {
    state.owner.as_ref().map(|owner| owner.uid.as_str())
}

/// A request by annotation, if there is one.
fn requested(object: &RepositoryBackfill, key: &str) -> Option<String> {
    request(object.metadata.annotations.as_ref(), key)
}

/// Whether nothing is asked for by this annotation, or what was handled last.
fn is_answered(object: &RepositoryBackfill, key: &str, handled: Option<&String>) -> bool {
    requested(object, key).is_none_or(|asked| handled == Some(&asked))
}

fn proved(object: &RepositoryBackfill, wanted: Option<&str>, now: Timestamp) -> Option<Proved> {
    let status = object.status.as_ref()?;
    let walk = proved_walk(object, wanted)?;
    let handled = status.last_handled_restart_requested_at.as_ref();
    is_answered(object, RESTART_REQUESTED_AT, handled).then(|| Proved {
        walk,
        stored: status.stored_pull_requests.unwrap_or(0),
        set_aside: status.quarantined_pull_requests.unwrap_or(0),
        inside: status.processed_pull_requests.unwrap_or(0),
        is_whole: bounds(&object.spec, now).is_whole_history(),
    })
}

/// The walk that proved what the spec asks for, as a status tells it: by the fingerprint of that
/// walk, which edits of anything else leave as it is; or by its words on this generation, 0 then.
fn proved_walk(object: &RepositoryBackfill, wanted: Option<&str>) -> Option<i64> {
    let status = object.status.as_ref()?;
    if wanted.is_some() && status.walk_fingerprint.as_deref() == wanted {
        return status.walk;
    }
    let reached = |condition: &Condition| {
        condition.type_ == SUCCEEDED
            && condition.status == "True"
            && condition.observed_generation == object.metadata.generation
    };
    // Succeeded stays while a restart is under way, which has a stage.
    let is_said = status.stage.is_none() && status.conditions.iter().any(reached);
    is_said.then_some(0)
}

/// What is said of an object that needs no row, of this generation and after every request: it
/// stays true until somebody asks again.
fn said(object: &RepositoryBackfill) -> Option<(Reason, String)> {
    let status = object.status.as_ref()?;
    let restart_handled = status.last_handled_restart_requested_at.as_ref();
    let is_current = status.observed_generation == object.metadata.generation
        && is_answered(object, REQUESTED_AT, status.last_handled_requested_at.as_ref())
        && is_answered(object, RESTART_REQUESTED_AT, restart_handled);
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY)?;
    let reason = ready.reason.parse().ok()?;
    (is_current && matches!(reason, Reason::RepositoryEmpty | Reason::Planned))
        .then(|| (reason, ready.message.clone()))
}

/// The start of the window that the walk before leaves to the next one, while its words stay.
fn start_that_stays(
    object: &RepositoryBackfill,
    state: Option<&BackfillState>,
) -> Option<Timestamp> {
    let state = state.filter(|state| {
        let handled = state.handled_restart_requested_at.as_ref();
        owner_uid(state) == object.metadata.uid.as_deref()
            && state.window_words.as_ref() == Some(&window_words(object))
            && is_answered(object, RESTART_REQUESTED_AT, handled)
    });
    state.and_then(|state| state.bounds.since)
}

/// The walk to come would end before it begins: `sinceDays` becomes an instant when a walk begins,
/// unless one `stays`.
fn contradiction(asked: &WalkBounds, stays: Option<Timestamp>) -> Option<Fault> {
    let since = stays.or(asked.since)?;
    asked.until.filter(|until| *until <= since).map(|_| {
        let message = format!(
            "spec.window.until must be later than the beginning of the window, which \
             spec.window.sinceDays makes {since}"
        );
        Fault::new(Reason::SpecInvalid, message)
    })
}

fn row_deletion_refused() -> Fault {
    Fault::new(
        Reason::RowDeletionNotAllowed,
        "spec.deletionPolicy must be Retain, or the operator must run with --allow-row-deletion",
    )
}

#[cfg(test)]
mod tests;
