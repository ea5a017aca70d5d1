//! `deletionPolicy: Delete`: the finalizer, and the rows that go with the object.
//!
//! With Retain none of this is ever reached: there is no finalizer at all.

use backfill_api::{ROWS_FINALIZER, Reason, RepositoryBackfill};
use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::outcome::{Outcome, Shown};
use super::{Context, events};

/// Rows removed in one transaction.
const BATCH: i64 = 1000;
/// How long the removal may fail without a break before the object goes and the rows stay.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How soon to look again while rows are being removed or the database is away.
const LOOK: SignedDuration = SignedDuration::from_secs(5);

/// Puts our finalizer on or takes it off.
pub async fn set_finalizer(ctx: &Context, object: &RepositoryBackfill, wanted: bool) -> Outcome {
    match patch(ctx, object, wanted).await {
        // The patch's own watch event brings the next look.
        Ok(()) => Outcome::Silent(Some((ctx.clock)() + LOOK)),
        Err(error) => {
            tracing::warn!(error = %error, "finalizer not changed");
            Outcome::Silent(Some((ctx.clock)() + LOOK))
        }
    }
}

/// Removes the rows that the object brought in, then lets it go.
pub async fn finalize(ctx: &Context, object: &RepositoryBackfill) -> Outcome {
    let uid = object.uid().unwrap_or_default();
    if let Some(other) = other_of_repository(ctx, object) {
        let note = format!("the rows stay: {other} captures this repository too");
        events::warn(ctx, object, Reason::RepositoryClaimed, &note).await;
        return let_go(ctx, object).await;
    }
    loop {
        let removed = ctx.store.delete_rows(&uid, BATCH).await;
        let now = (ctx.clock)();
        match removed {
            Ok(true) => ctx.memory.deletion_goes_on(&uid),
            Ok(false) => break,
            Err(error) => {
                let since = ctx.memory.deletion_failing_since(&uid, now);
                if now.duration_since(since) < GIVE_UP_AFTER {
                    let message = format!("rows are removed once the database lets us: {error}");
                    return Shown::new(Reason::Deleting, message).at(now + LOOK).outcome();
                }
                let note = format!("rows could not be removed for 10 minutes and stay: {error}");
                events::warn(ctx, object, error.reason(), &note).await;
                break;
            }
        }
    }
    let_go(ctx, object).await
}

/// Another object that stands on the same rows, whichever of them a row names as its owner.
fn other_of_repository(ctx: &Context, object: &RepositoryBackfill) -> Option<String> {
    let others = ctx.objects.state();
    let other = others.iter().find(|other| {
        other.metadata.uid != object.metadata.uid
            && other.metadata.deletion_timestamp.is_none()
            && !other.spec.dry_run
            && other.spec.repository.eq_ignore_ascii_case(&object.spec.repository)
    })?;
    Some(format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

async fn let_go(ctx: &Context, object: &RepositoryBackfill) -> Outcome {
    let failed = patch(ctx, object, false).await.is_err();
    Outcome::Silent(failed.then(|| (ctx.clock)() + LOOK))
}

/// One patch that fails on a recreated object, and leaves other finalizers alone.
async fn patch(ctx: &Context, object: &RepositoryBackfill, wanted: bool) -> kube::Result<()> {
    let api: Api<RepositoryBackfill> =
        Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let mut finalizers: Vec<&String> =
        object.finalizers().iter().filter(|name| *name != ROWS_FINALIZER).collect();
    let ours = ROWS_FINALIZER.to_owned();
    if wanted {
        finalizers.push(&ours);
    }
    let version = &object.metadata.resource_version;
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": object.metadata.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
    ]);
    let patch: Patch<()> =
        Patch::Json(serde_json::from_value(operations).map_err(kube::Error::SerdeError)?);
    api.patch(&object.name_any(), &PatchParams::default(), &patch).await.map(|_| ())
}
