//! What an object says, in spec, annotations and status, reduced to what decisions need.
//!
//! It must not ask anybody: the row that concerns the object is given.

use backfill_api::annotations::{REQUESTED_AT, RESTART_REQUESTED_AT, request};
use backfill_api::conditions::{READY, SUCCEEDED};
use backfill_api::{DeletionPolicy, Reason, RepositoryBackfill, RepositoryBackfillStatus};
use backfill_engine::fingerprint::{bounds, fingerprint};
use backfill_engine::model::{BackfillState, ObjectRef, WalkBounds};
use backfill_engine::seen::{Fault, ObjectSeen};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::Context;
use crate::faults;

/// Who an object is.
pub fn id_of(object: &RepositoryBackfill) -> ObjectRef {
    ObjectRef {
        uid: object.uid().unwrap_or_default(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

/// A request by annotation, if there is one.
pub fn requested(object: &RepositoryBackfill, key: &str) -> Option<String> {
    request(object.metadata.annotations.as_ref(), key)
}

/// What decisions need of it.
pub fn object_seen(
    ctx: &Context,
    object: &RepositoryBackfill,
    state: Option<&BackfillState>,
    now: Timestamp,
) -> ObjectSeen {
    let spec = &object.spec;
    let deletes_rows = spec.deletion_policy == DeletionPolicy::Delete;
    let refused = deletes_rows && !ctx.settings.allow_row_deletion;
    let restart_requested_at = requested(object, RESTART_REQUESTED_AT);
    let fingerprint = state.map(|state| fingerprint(&state.repository_node_id, spec));
    let proved_walk = object.status.as_ref().and_then(|status| {
        let handled = status.last_handled_restart_requested_at.as_ref();
        let proved = proved_walk(status, fingerprint.as_deref(), object.metadata.generation);
        proved.filter(|_| is_answered(object, RESTART_REQUESTED_AT, handled))
    });
    ObjectSeen {
        id: id_of(object),
        deleting: object.metadata.deletion_timestamp.is_some(),
        has_finalizer: object.finalizers().iter().any(|name| name == backfill_api::ROWS_FINALIZER),
        deletes_rows,
        suspended: spec.suspend,
        dry_run: spec.dry_run,
        refusal: refused.then(row_deletion_refused),
        contradiction: contradiction(&bounds(spec, now), start_that_stays(object, state)),
        said: object.status.as_ref().and_then(|status| said(status, object)),
        fingerprint,
        requested_at: requested(object, REQUESTED_AT),
        restart_requested_at,
        secret: spec.secret().map(str::to_owned),
        edited: object
            .status
            .as_ref()
            .is_some_and(|status| status.observed_generation != object.metadata.generation),
        max_consecutive_errors: i64::from(spec.failure_policy.max_consecutive_errors),
        proved_walk,
    }
}

/// The walk that proved what the spec asks for, as a status tells it: by the fingerprint of that
/// walk, which edits of anything else leave as it is; or by its words on this generation, 0 then.
fn proved_walk(
    status: &RepositoryBackfillStatus,
    wanted: Option<&str>,
    generation: Option<i64>,
) -> Option<i64> {
    if wanted.is_some() && status.walk_fingerprint.as_deref() == wanted {
        return status.walk;
    }
    let reached = |condition: &Condition| {
        condition.type_ == SUCCEEDED
            && condition.status == "True"
            && condition.observed_generation == generation
    };
    // Succeeded stays while a restart is under way, which has a stage.
    let is_said = status.stage.is_none() && status.conditions.iter().any(reached);
    is_said.then_some(0)
}

/// Whether nothing is asked for by this annotation, or what was handled last.
fn is_answered(object: &RepositoryBackfill, key: &str, handled: Option<&String>) -> bool {
    requested(object, key).is_none_or(|asked| handled == Some(&asked))
}

/// What is said of an object that needs no row, of this generation and after every request: it
/// stays true until somebody asks again.
fn said(
    status: &RepositoryBackfillStatus,
    object: &RepositoryBackfill,
) -> Option<(Reason, String)> {
    let restart_handled = status.last_handled_restart_requested_at.as_ref();
    let is_current = status.observed_generation == object.metadata.generation
        && is_answered(object, REQUESTED_AT, status.last_handled_requested_at.as_ref())
        && is_answered(object, RESTART_REQUESTED_AT, restart_handled);
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY)?;
    let reason = ready.reason.parse().ok()?;
    (is_current && matches!(reason, Reason::RepositoryEmpty | Reason::Planned))
        .then(|| (reason, ready.message.clone()))
}

/// The words of the window, by which a walk that follows knows that its start stays: see ADR 10.
pub fn window_words(object: &RepositoryBackfill) -> String {
    serde_json::to_string(&object.spec.window).unwrap_or_default()
}

/// The start of the window that the walk before leaves to the next one, while its words stay.
fn start_that_stays(
    object: &RepositoryBackfill,
    state: Option<&BackfillState>,
) -> Option<Timestamp> {
    let state = state.filter(|state| {
        let handled = state.handled_restart_requested_at.as_ref();
        state.owner.as_ref().map(|owner| &owner.uid) == object.uid().as_ref()
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
        faults::new(Reason::SpecInvalid, message)
    })
}

fn row_deletion_refused() -> Fault {
    faults::new(
        Reason::RowDeletionNotAllowed,
        "spec.deletionPolicy must be Retain, or the operator must run with --allow-row-deletion",
    )
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_window_ends_after_its_beginning_the_one_that_stays_or_else_the_new_one() {
        let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        for (since, until, stays, refused) in [
            (Some(30), Some(20), None, true),
            (Some(30), Some(30), None, true),
            (Some(30), Some(31), None, false),
            (Some(30), Some(20), Some(10), false),
            (Some(30), Some(20), Some(20), true),
            (None, Some(20), None, false),
            (Some(30), None, None, false),
        ] {
            let (since, until) = (since.map(day), until.map(day));
            let asked = WalkBounds { since, until, ..WalkBounds::default() };
            let found = contradiction(&asked, stays.map(day));
            assert_eq!(found.is_some(), refused, "{since:?} {until:?} {stays:?}");
        }
    }
}
