//! Shows what a look came to: the status that tells it, metrics, the next look.
//!
//! It must not know why an outcome is what it is.

mod events;
mod write;

use std::time::Duration;

use backfill_api::{RepositoryBackfill, RepositoryBackfillStatus};
use backfill_engine::model::BackfillState;
use backfill_engine::seen::Fault;
use backfill_engine::status::{Facts, project};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;

use super::Context;
use super::memory::Written;
use super::observe::Look;
use super::outcome::{Outcome, Shown};
use crate::metrics::{Metrics, ObjectFigures};
use write::{NotTaken, is_transition, stored, write};

pub use events::warn;

/// Between two transitions a status is written at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// Progress that the API server did not take is shown again after this.
const UNTAKEN_PROGRESS: Duration = Duration::from_mins(1);

/// Shows `outcome` and says when to look again.
pub async fn publish(look: &Look<'_>, outcome: Outcome) -> Action {
    let (ctx, uid) = (look.ctx, look.uid());
    let shown = match outcome {
        Outcome::Again => return Action::requeue(Duration::ZERO),
        Outcome::Silent(None) => return Action::await_change(),
        Outcome::Silent(Some(next)) => return Action::requeue(until(ctx, next)),
        Outcome::Elsewhere(next) => {
            ctx.metrics.forget_object(uid);
            return Action::requeue(until(ctx, next));
        }
        Outcome::Shown(shown) => shown,
    };
    let status = status_of(ctx, look.object, Some(look), &shown).await;
    let last = ctx.memory.written(uid);
    // Hundreds may be queued or wait a moment, and what others use up of the points is no news.
    let is_short = shown.next.is_some_and(|next| until(ctx, next) < WRITE_EVERY);
    let can_wait = shown.quiet || (is_short && is_recent(last.as_ref()));
    let ends_wait = status.next_attempt_time.is_none()
        && last.as_ref().is_some_and(|last| last.status.next_attempt_time.is_some());
    let written = if can_wait && !ends_wait && !is_news(last.as_ref(), &status) {
        Ok(())
    } else {
        write(ctx, look.object, status).await
    };
    let next = shown.next.map(|next| until(ctx, next));
    let again = written.err().map(|NotTaken { again }| again);
    next.into_iter().chain(again).min().map_or_else(Action::await_change, Action::requeue)
}

/// Shows how far a run is, at most every 5 s, and once a minute while the API server takes nothing:
/// the walk must not wait for it after each chunk. True if it was time to.
pub async fn progress(look: &Look<'_>, state: &BackfillState) -> bool {
    let (memory, uid) = (&look.ctx.memory, look.uid());
    if memory.failed_within(uid, UNTAKEN_PROGRESS) {
        return false;
    }
    let shown = Shown::working(state.clone());
    let status = status_of(look.ctx, look.object, Some(look), &shown).await;
    let last = memory.written(uid);
    let is_due = !is_recent(last.as_ref()) || is_news(last.as_ref(), &status);
    if is_due {
        let _ = write(look.ctx, look.object, status).await;
    }
    is_due
}

fn is_recent(last: Option<&Written>) -> bool {
    last.is_some_and(|written| written.at.elapsed() < WRITE_EVERY)
}

fn is_news(last: Option<&Written>, status: &RepositoryBackfillStatus) -> bool {
    last.is_none_or(|written| is_transition(&written.status, status))
}

/// Shows a fault that was met outside the four verbs.
pub async fn fault_alone(ctx: &Context, object: &RepositoryBackfill, fault: &Fault) {
    let shown = Shown::new(fault.reason, fault.message.clone());
    let status = status_of(ctx, object, None, &shown).await;
    let _ = write(ctx, object, status).await;
}

fn until(ctx: &Context, next: Timestamp) -> Duration {
    Duration::try_from(next.duration_since((ctx.clock)())).unwrap_or(Duration::ZERO)
}

/// The status that tells `shown`. It goes by what was last written: by us, as the watch may lag
/// behind that, or, before our first write and after an unsure one, by whoever was at it.
async fn status_of(
    ctx: &Context,
    object: &RepositoryBackfill,
    look: Option<&Look<'_>>,
    shown: &Shown,
) -> RepositoryBackfillStatus {
    let uid = object.uid().unwrap_or_default();
    let watched = object.status.clone().unwrap_or_default();
    let ours = ctx.memory.written(&uid).map(|written| written.status);
    let previous = ours.as_ref().unwrap_or(&watched);
    let mut status = projected(ctx, object, look, shown, previous);
    if ours.is_none()
        && status != watched
        && let Some(theirs) = stored(ctx, object).await.flatten().and_then(|stored| stored.status)
    {
        status = projected(ctx, object, look, shown, &theirs);
        ctx.memory.note_seen(&uid, theirs);
    }
    show_object(&ctx.metrics, object, shown, &status);
    status
}

fn projected(
    ctx: &Context,
    object: &RepositoryBackfill,
    look: Option<&Look<'_>>,
    shown: &Shown,
    previous: &RepositoryBackfillStatus,
) -> RepositoryBackfillStatus {
    let github = look.and_then(|look| look.github.as_ref());
    let seen = look.map(|look| &look.seen);
    let asked = seen.map(|seen| &seen.object);
    project(Facts {
        spec: &object.spec,
        generation: object.metadata.generation.unwrap_or(0),
        now: (ctx.clock)(),
        summary: shown.summary.clone(),
        previous,
        state: shown.state.as_ref(),
        is_asked: seen.zip(shown.state.as_ref()).is_some_and(|(seen, state)| seen.covers(state)),
        store_unread: seen.is_none_or(|seen| seen.state.is_err()),
        limits: github.and_then(|github| github.governor().limits()),
        floor: look.map_or(0, |look| look.floor),
        next_attempt: shown.next.filter(|_| shown.waits && !shown.quiet),
        counted: shown.counted,
        plan: shown.plan.clone(),
        requested_at: asked.and_then(|asked| asked.requested_at.clone()),
        restart_requested_at: asked.and_then(|asked| asked.restart_requested_at.clone()),
    })
}

/// The object's six series.
fn show_object(
    metrics: &Metrics,
    object: &RepositoryBackfill,
    shown: &Shown,
    status: &RepositoryBackfillStatus,
) {
    let summary = &shown.summary;
    #[expect(clippy::cast_precision_loss, reason = "counts and seconds are far below 2^52")]
    let number = |value: Option<i64>| value.map(|value| value as f64);
    let seconds = |time: Option<Timestamp>| number(time.map(Timestamp::as_second));
    let figures = ObjectFigures {
        state: Some(summary.state),
        reason: Some(summary.reason),
        processed: number(status.processed_pull_requests),
        expected: number(status.expected_pull_requests),
        last_progress: seconds(status.last_progress_time.as_ref().map(|time| time.0)),
        next_attempt: seconds(shown.next.filter(|_| shown.turn)),
    };
    let uid = object.uid().unwrap_or_default();
    metrics.show_object(
        &uid,
        &object.namespace().unwrap_or_default(),
        &object.name_any(),
        &figures,
    );
}
