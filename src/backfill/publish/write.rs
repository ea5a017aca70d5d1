//! Writes a status: one patch, and what follows from the answer.
//!
//! The patch tests `metadata.uid` first, because server-side apply would land on a recreated
//! object. It must not know what the status tells.

use std::time::Duration;

use backfill_api::{RepositoryBackfill, RepositoryBackfillStatus};
use kube::api::{Patch, PatchParams};
use kube::core::Status;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use serde_json::json;

use super::events::announce;
use crate::backfill::memory::{Written, text};
use crate::backfill::{API_TIMEOUT, Context};
use crate::metrics;

/// A write that the API server did not take is tried again after this.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// One that another operator, or an edit, was quicker than.
const OVERTAKEN_AGAIN: Duration = Duration::from_secs(1);
/// One that its schema did not allow, which only another definition or another operator mends.
const INVALID_AGAIN: Duration = Duration::from_mins(1);
/// A watch that shows a write later than this is broken, and then looks do not come either.
const WATCH_LAG: Duration = Duration::from_secs(30);

/// The API server did not take a status.
pub struct NotTaken {
    /// When to try again.
    pub again: Duration,
}

/// Writes a status that differs from the last one written.
pub async fn write(
    ctx: &Context,
    object: &RepositoryBackfill,
    status: RepositoryBackfillStatus,
) -> Result<(), NotTaken> {
    let uid = object.uid().unwrap_or_default();
    let written = ctx.memory.written(&uid);
    let last = written.as_ref().map(|written| &written.status).or(object.status.as_ref());
    let is_lost = |written| is_lost(ctx, object, written);
    if last == Some(&status) && !written.as_ref().is_some_and(is_lost) {
        return Ok(());
    }
    debug_assert_eq!(
        backfill_api::conditions::violations(&status, object.metadata.generation.unwrap_or(0)),
        Vec::<String>::new()
    );
    let transition = last.is_none_or(|last| is_transition(last, &status));
    // Who has said nothing of it yet may not know what another operator has just said.
    let is_first = written.is_none();
    let result = tokio::time::timeout(API_TIMEOUT, patch(ctx, object, &status, is_first)).await;
    match result {
        Ok(Ok(())) => {
            ctx.metrics.count(metrics::STATUS_WRITES, &["written"], 1);
            if transition {
                announce(ctx, object, last, &status).await;
            }
            ctx.memory.note_written(&uid, status);
            Ok(())
        }
        Ok(Err(kube::Error::Api(answer))) if is_gone(ctx, object, &answer).await => {
            // Gone, or another object of the same name: nobody is left to tell.
            tracing::debug!(answer = %answer, "status not taken");
            ctx.metrics.count(metrics::STATUS_WRITES, &["refused"], 1);
            Ok(())
        }
        Ok(Err(kube::Error::Api(answer)))
            if is_first && is_overtaken(ctx, object, &answer).await =>
        {
            tracing::debug!(answer = %answer, "status not taken");
            Err(NotTaken { again: OVERTAKEN_AGAIN })
        }
        Ok(Err(error)) => {
            let is_invalid = matches!(&error, kube::Error::Api(answer) if answer.is_invalid());
            let again = if is_invalid { INVALID_AGAIN } else { WRITE_AGAIN };
            Err(failed(ctx, object, &error.to_string(), again))
        }
        Err(_) => Err(failed(ctx, object, "no answer in time", WRITE_AGAIN)),
    }
}

/// Whether somebody has changed or removed what we wrote: what the watch shows is another status,
/// long after it must have shown ours.
fn is_lost(ctx: &Context, object: &RepositoryBackfill, written: &Written) -> bool {
    let shown = ctx.objects.get(&ObjectRef::from_obj(object));
    let shown = shown.filter(|shown| shown.metadata.uid == object.metadata.uid);
    written.at.elapsed() > WATCH_LAG
        && shown.is_some_and(|shown| shown.status.as_ref().map(text) != Some(text(&written.status)))
}

/// Whether the object that the status speaks of is no more. Another of its name, and a status that
/// the schema does not allow, are both answered 422.
async fn is_gone(ctx: &Context, object: &RepositoryBackfill, answer: &Status) -> bool {
    answer.is_not_found() || (answer.is_invalid() && stored(ctx, object).await == Some(None))
}

/// Whether the object is another by now than the one that was looked at; what it says is noted.
async fn is_overtaken(ctx: &Context, object: &RepositoryBackfill, answer: &Status) -> bool {
    let stored = if answer.is_invalid() { stored(ctx, object).await.flatten() } else { None };
    let newer =
        stored.filter(|it| it.metadata.resource_version != object.metadata.resource_version);
    if let Some(status) = newer.as_ref().and_then(|newer| newer.status.clone()) {
        ctx.memory.note_seen(&object.uid().unwrap_or_default(), status);
    }
    newer.is_some()
}

/// The object as the API server has it now, `Some(None)` where it is gone; `None` where it cannot
/// be read.
pub async fn stored(
    ctx: &Context,
    object: &RepositoryBackfill,
) -> Option<Option<RepositoryBackfill>> {
    let api: Api<RepositoryBackfill> =
        Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let found = tokio::time::timeout(API_TIMEOUT, api.get_opt(&name)).await.ok()?.ok()?;
    Some(found.filter(|found| found.metadata.uid == object.metadata.uid))
}

/// Whether it was written is not known.
fn failed(ctx: &Context, object: &RepositoryBackfill, error: &str, again: Duration) -> NotTaken {
    ctx.memory.forget_written(&object.uid().unwrap_or_default());
    ctx.metrics.count(metrics::STATUS_WRITES, &["failed"], 1);
    tracing::warn!(
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any(),
        error,
        "status not written, will be tried again"
    );
    NotTaken { again }
}

async fn patch(
    ctx: &Context,
    object: &RepositoryBackfill,
    status: &RepositoryBackfillStatus,
    is_first: bool,
) -> kube::Result<()> {
    let api: Api<RepositoryBackfill> =
        Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let test = |path: &str, value| json!({"op": "test", "path": path, "value": value});
    let mut operations = vec![test("/metadata/uid", &object.metadata.uid)];
    if is_first {
        operations.push(test("/metadata/resourceVersion", &object.metadata.resource_version));
    }
    operations.push(json!({"op": "add", "path": "/status", "value": status}));
    let operations = serde_json::from_value(operations.into()).map_err(kube::Error::SerdeError)?;
    let params = PatchParams {
        field_manager: Some(backfill_api::FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    api.patch_status(&object.name_any(), &params, &Patch::<()>::Json(operations)).await.map(|_| ())
}

/// Whether people would call it news: another state, reason, stage or generation, or a request
/// that is answered.
pub fn is_transition(last: &RepositoryBackfillStatus, next: &RepositoryBackfillStatus) -> bool {
    let told = |status: &RepositoryBackfillStatus| {
        let conditions: Vec<_> = status
            .conditions
            .iter()
            .map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone()))
            .collect();
        let handled = (
            status.last_handled_requested_at.clone(),
            status.last_handled_restart_requested_at.clone(),
        );
        (conditions, status.stage, status.observed_generation, handled)
    };
    told(last) != told(next)
}
