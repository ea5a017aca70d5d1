//! `deletionPolicy: Delete`: the finalizer, and the rows that go with the object.
//!
//! With Retain none of this is ever reached: there is no finalizer at all.

use backfill_api::{ROWS_FINALIZER, Reason, RepositoryBackfill};
use backfill_engine::decide::Rows;
use jiff::SignedDuration;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::backfill::observe::Look;
use crate::backfill::outcome::{Outcome, Shown};
use crate::backfill::{Context, publish};

/// Rows removed in one transaction.
const BATCH: i64 = 1000;
/// How soon to look again while rows are being removed or the database is away.
const LOOK: SignedDuration = SignedDuration::from_secs(5);

/// Puts our finalizer on or takes it off.
pub async fn set_finalizer(look: &Look<'_>, wanted: bool) -> Outcome {
    match patch(look.ctx, look.object, wanted).await {
        // The patch's own watch event brings the next look.
        Ok(()) => Outcome::Silent(Some(look.now() + LOOK)),
        Err(error) => unchanged(look, &error),
    }
}

/// The finalizer could not be changed. Where we may not, somebody has to know.
fn unchanged(look: &Look<'_>, error: &kube::Error) -> Outcome {
    let id = &look.seen.object.id;
    tracing::warn!(namespace = id.namespace, name = id.name, %error, "finalizer not changed");
    let until = look.now() + LOOK;
    match error {
        kube::Error::Api(answer) if answer.code == 403 => {
            let message = format!(
                "the operator's role must allow patch on repositorybackfills, as it does with \
                 operator.allowRowDeletion, to put {ROWS_FINALIZER} on an object or take it off; \
                 without it, spec.deletionPolicy must be Retain and the finalizer go by hand"
            );
            Shown::new(Reason::RowDeletionNotAllowed, message).at(until).outcome()
        }
        _ => Outcome::Silent(Some(until)),
    }
}

/// Removes the rows that the object brought in, or leaves them to their heir, then lets it go.
pub async fn finalize(look: &Look<'_>, rows: Rows) -> Outcome {
    let (ctx, uid) = (look.ctx, look.uid());
    let heir = match rows {
        Rows::Go => None,
        Rows::PassTo(heir) => Some(heir),
        Rows::Wait(fault) => return unremoved(look, fault.reason, &fault.message).await,
    };
    loop {
        let removed = match &heir {
            Some(heir) => ctx.store.hand_over(uid, &heir.uid).await.map(|()| false),
            None => ctx.store.delete_rows(uid, BATCH).await,
        };
        match removed {
            Ok(true) => ctx.memory.removal_goes_on(uid),
            Ok(false) => break,
            Err(error) => {
                let cause = error.to_string();
                return unremoved(look, error.reason(), &cause).await;
            }
        }
    }
    if let Some(heir) = heir {
        let (namespace, name) = (heir.namespace, heir.name);
        let note = format!("the rows stay: they are what {namespace}/{name} has captured, too");
        publish::warn(ctx, look.object, Reason::RepositoryClaimed, &note).await;
    }
    let_go(look).await
}

/// Keeps the object while its rows cannot be removed, but not for ever.
async fn unremoved(look: &Look<'_>, reason: Reason, cause: &str) -> Outcome {
    let failing = look.ctx.memory.removal_failing_for(look.uid());
    let patience = look.ctx.settings.deletion_patience;
    if failing < patience {
        let message = format!("rows are removed once that is possible: {cause}");
        let state = look.seen.own_state().cloned();
        return Shown::new(Reason::Deleting, message).state(state).at(look.now() + LOOK).outcome();
    }
    let seconds = patience.as_secs();
    let note = format!("rows could not be removed for {seconds} s and stay: {cause}");
    publish::warn(look.ctx, look.object, reason, &note).await;
    let_go(look).await
}

async fn let_go(look: &Look<'_>) -> Outcome {
    match patch(look.ctx, look.object, false).await {
        Ok(()) => Outcome::Silent(None),
        Err(error) => unchanged(look, &error),
    }
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
