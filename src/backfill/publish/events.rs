//! What people are told beside the status: an event and a line of the log at each transition.
//!
//! It must not know why things stand as they do.

use backfill_api::conditions::READY;
use backfill_api::{Reason, RepositoryBackfill, RepositoryBackfillStatus};
use kube::runtime::events::{Event, EventType};
use kube::{Resource, ResourceExt};

use crate::backfill::{API_TIMEOUT, Context};

/// An event and a log line for a transition of Ready's reason.
pub async fn announce(
    ctx: &Context,
    object: &RepositoryBackfill,
    last: Option<&RepositoryBackfillStatus>,
    next: &RepositoryBackfillStatus,
) {
    let ready = |status: &RepositoryBackfillStatus| {
        status.conditions.iter().find(|condition| condition.type_ == READY).cloned()
    };
    let Some(now) = ready(next) else { return };
    if last.and_then(ready).is_some_and(|before| before.reason == now.reason) {
        return;
    }
    tracing::info!(
        namespace = object.namespace().unwrap_or_default(),
        name = object.name_any(),
        repository = object.spec.repository,
        reason = now.reason,
        ready = now.status,
        detail = now.message,
        "state changed"
    );
    let type_ = if now.status == "False" { EventType::Warning } else { EventType::Normal };
    event(ctx, object, type_, &now.reason, &now.message).await;
}

/// A Warning event that stands for itself.
pub async fn warn(ctx: &Context, object: &RepositoryBackfill, reason: Reason, note: &str) {
    let namespace = object.namespace().unwrap_or_default();
    tracing::warn!(namespace, name = object.name_any(), %reason, note, "warning");
    event(ctx, object, EventType::Warning, reason.as_str(), note).await;
}

async fn event(
    ctx: &Context,
    object: &RepositoryBackfill,
    type_: EventType,
    reason: &str,
    note: &str,
) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note.chars().take(1000).collect()),
        action: "Backfill".to_owned(),
        secondary: None,
    };
    let about = object.object_ref(&());
    let publishing = ctx.recorder.publish(&event, &about);
    // Events are a courtesy: an API server that is away keeps nobody from working.
    if let Ok(Err(error)) = tokio::time::timeout(API_TIMEOUT, publishing).await {
        tracing::debug!(error = %error, "event not published");
    }
}
