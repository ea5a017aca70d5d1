//! Stage Resolve: what GitHub says the repository is, and the start of its walk.
//!
//! A dry run and an empty repository end here.

use std::collections::BTreeMap;

use backfill_api::{PacingMode, PlanStatus, Reason, RepositoryBackfill};
use backfill_engine::chunk::{SizeBounds, start_size};
use backfill_engine::decide::pause;
use backfill_engine::fingerprint::{bounds, fingerprint};
use backfill_engine::interval::Interval;
use backfill_engine::model::{BackfillState, WalkBounds};
use backfill_engine::plan::{PlanFacts, plan};
use backfill_engine::progress::of_secret;
use backfill_engine::seen::window_words;
use backfill_github::{Client, Resolved};
use backfill_store::BeginWalk;

use super::failing::fail;
use super::limits::keep_limits;
use super::wait;
use crate::backfill::observe::{Look, still_exists};
use crate::backfill::outcome::{Outcome, Shown};
use crate::backfill::{Context, HOST};
use crate::faults;

/// Resolves the repository and starts its walk.
pub async fn resolve(look: &Look<'_>) -> Outcome {
    let Some(github) = &look.github else { return Outcome::Again };
    let name = look.object.spec.repository.clone().into();
    let resolved = github.resolve(&name).await;
    keep_limits(look, github).await;
    // A dry run asks for nothing more, and a walk asks anew: nobody waits for either.
    github.governor().leave(look.uid());
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(error) => {
            let fault = faults::of_github(&error);
            let Some(until) = faults::limit_ends(&fault) else {
                return fail(look, fault, false).await;
            };
            let message = of_secret(look.object.spec.secret(), &fault.message);
            let pause = pause(&look.seen, until, fault.reason, message);
            return wait(look, until, pause).await;
        }
    };
    look.ctx.memory.forget_trouble(look.uid());
    let counted = resolved.repository.pull_request_count;
    let bounds = bounds(&look.object.spec, look.seen.now);
    let price = price(look, &resolved, &bounds, github);
    if look.object.spec.dry_run {
        let roughly = if bounds.has_window() { "at most" } else { "about" };
        let message = format!(
            "{counted} pull requests: {roughly} {} requests, {} points, {} s",
            price.requests.unwrap_or(0),
            price.points.unwrap_or(0),
            price.duration_seconds.unwrap_or(0)
        );
        let mut shown = Shown::new(Reason::Planned, message);
        (shown.counted, shown.plan) = (Some(counted), Some(price));
        return shown.outcome();
    }
    if counted == 0 {
        return empty(look, &resolved).await;
    }
    begin(look, &resolved, &bounds, price).await
}

/// An empty repository is complete at once and leaves no state row.
async fn empty(look: &Look<'_>, resolved: &Resolved) -> Outcome {
    let recorded = look.ctx.store.record_repository(&resolved.repository, HOST, look.uid()).await;
    if let Err(error) = recorded {
        return fail(look, faults::of_store(&error), false).await;
    }
    let mut shown = Shown::new(Reason::RepositoryEmpty, "the repository has no pull request");
    shown.counted = Some(0);
    shown.outcome()
}

async fn begin(
    look: &Look<'_>,
    resolved: &Resolved,
    bounds: &WalkBounds,
    price: PlanStatus,
) -> Outcome {
    let (object, seen) = (look.object, &look.seen);
    let walk = BeginWalk {
        repository: &resolved.repository,
        host: HOST,
        owner: &seen.object.id,
        bounds,
        fingerprint: &fingerprint(&resolved.repository.node_id, &object.spec),
        handled_requested_at: seen.object.requested_at.as_deref(),
        handled_restart_requested_at: seen.object.restart_requested_at.as_deref(),
        take_over_from: None,
        seen_walk: Some(seen.own_state().map_or(0, |state| state.walk)),
        chunk_size: first_size(look.object, resolved),
        size_asked: object.spec.chunk.size.map(i64::from),
        metadata: BTreeMap::from([("window".to_owned(), window_words(object))]),
    };
    match begin_or_take_over(look.ctx, &walk).await {
        // A walk begun here has no holder yet: another instance was quicker.
        Ok(state) if state.lease_holder.is_some() => Outcome::Again,
        Ok(state) => {
            tracing::info!(
                namespace = seen.object.id.namespace,
                name = seen.object.id.name,
                repository = %resolved.repository.name,
                walk = state.walk,
                pull_requests = resolved.repository.pull_request_count,
                "walk started"
            );
            let mut shown = Shown::working(state).at(seen.now);
            shown.plan = Some(price);
            shown.outcome()
        }
        Err(error) => fail(look, faults::of_store(&error), false).await,
    }
}

/// Begins a walk, also over a row whose owner has not finished it but is gone. Only the row that
/// GitHub's id leads to tells who that is: the repository may have another name than it had then.
async fn begin_or_take_over(
    ctx: &Context,
    walk: &BeginWalk<'_>,
) -> Result<BackfillState, backfill_store::Error> {
    match ctx.store.begin_walk(walk).await {
        Err(backfill_store::Error::Claimed { owner }) if !still_exists(ctx, &owner).await => {
            let take_over_from = Some(owner.uid.as_str());
            ctx.store.begin_walk(&BeginWalk { take_over_from, ..walk.clone() }).await
        }
        begun => begun,
    }
}

/// Rule 3.2's size of the first chunk.
fn first_size(object: &RepositoryBackfill, resolved: &Resolved) -> i64 {
    let sizes = SizeBounds::from(&object.spec.chunk);
    start_size(resolved.repository.pull_request_count, resolved.mean_changed_files, sizes)
}

/// Rule 3.5, for what the spec covers at most.
fn price(look: &Look<'_>, resolved: &Resolved, bounds: &WalkBounds, github: &Client) -> PlanStatus {
    let spec = &look.object.spec;
    let total = resolved.repository.pull_request_count;
    let facts = PlanFacts {
        pull_requests: spec.max_pull_requests.map_or(total, |most| most.min(total)),
        size: first_size(look.object, resolved),
        parts: &bounds.parts,
        limits: github.governor().limits(),
        floor: look.floor,
        interval: (spec.pacing.mode == PacingMode::Interval)
            .then(|| Interval::of(&spec.pacing, spec.priority)),
    };
    let plan = plan(&facts, look.seen.now);
    PlanStatus::new(plan.requests, plan.points, plan.duration.as_secs())
}
