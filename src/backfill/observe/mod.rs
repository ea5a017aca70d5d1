//! Everything one look needs to know, gathered by reads only.
//!
//! It must not decide anything: what is missing is a fact like any other.

mod credentials;

use std::sync::atomic::Ordering;

use backfill_api::annotations::{REQUESTED_AT, request};
use backfill_api::{Disposition, Priority, Reason, RepositoryBackfill};
use backfill_engine::budget::{Place, weight};
use backfill_engine::model::{BackfillState, ObjectRef, StateStatus};
use backfill_engine::retry::next_look;
use backfill_engine::seen::{Fault, ObjectSeen, Seen, stands_on};
use backfill_github::Client;
use jiff::Timestamp;
use kube::{Api, ResourceExt};

use super::permits::Permit;
use super::{Context, HOST};
use crate::{faults, run_chunks};

/// One look at one object: the facts, and the means that go with them.
pub struct Look<'a> {
    pub ctx: &'a Context,
    pub object: &'a RepositoryBackfill,
    /// What the decision is made from.
    pub seen: Seen,
    /// The way to GitHub, where the credentials could be read.
    pub github: Option<Client>,
    /// The right to run; given back when the look ends.
    pub permit: Option<Permit>,
    /// Points that are never spent for this object.
    pub floor: i64,
}

impl Look<'_> {
    /// The same, after a run: decisions of this look that follow go by the newer row.
    pub fn with_state(&self, state: BackfillState) -> Self {
        let seen = Seen { now: self.now(), state: Ok(Some(state)), ..self.seen.clone() };
        Self { seen, github: self.github.clone(), permit: None, ..*self }
    }

    /// The time by now; the facts are as of `seen.now`.
    pub fn now(&self) -> Timestamp {
        (self.ctx.clock)()
    }

    /// The object's uid.
    pub fn uid(&self) -> &str {
        &self.seen.object.id.uid
    }
}

/// What the user last asked for: a change of it forgets troubles that no row keeps.
pub fn wish(object: &RepositoryBackfill) -> (i64, Option<String>) {
    let asked = request(object.metadata.annotations.as_ref(), REQUESTED_AT);
    (object.metadata.generation.unwrap_or(0), asked)
}

/// Gathers the facts.
pub async fn observe<'a>(ctx: &'a Context, object: &'a RepositoryBackfill) -> Look<'a> {
    let (now, fraction) = ((ctx.clock)(), (ctx.random)());
    let id = ObjectRef::from(&object.metadata);
    let spec = &object.spec;
    let floor = spec.min_rate_limit_points.unwrap_or(0).max(ctx.settings.min_rate_limit_points);
    let state = state(ctx, &id, &spec.repository).await;
    let token = credentials::token(ctx, object).await;
    let secret = format!("{}/{}", id.namespace, spec.secret().unwrap_or_default());
    let github = token.as_ref().ok().map(|token| {
        ctx.github.client(token.clone()).kept_in(secret).spending_for(id.uid.clone(), floor)
    });
    if let Some(github) = &github {
        recall(ctx, github).await;
    }
    let known = state.as_ref().ok().and_then(Option::as_ref);
    let asked = ObjectSeen::of(object, known, ctx.settings.allow_row_deletion, now);
    let cost = known.map_or(1, run_chunks::estimated_points);
    let unrecorded = ctx.memory.trouble(&id.uid, &wish(object));
    let attempts = unrecorded.as_ref().map_or(0, |trouble| trouble.attempts);
    let wants_to_run = asked.wants_to_run(known);
    let permit = if wants_to_run { ctx.permits.take(&id.namespace, &id.uid) } else { Err(0) };
    let (place, budget_too_small) = match &github {
        // Who is queued takes no share of the budget from those who run.
        Some(github) if wants_to_run && permit.is_err() => {
            github.governor().leave(&id.uid);
            (Place::Now, None)
        }
        Some(github) => place(github, spec.priority, &id, floor, cost),
        None => (Place::Now, None),
    };
    let seen = Seen {
        now,
        claimed_by: claimed_by(ctx, &id, &spec.repository, known).await,
        heir: known.filter(|_| asked.asks_for_heir()).and_then(|state| heir(ctx, &id, state)),
        has_unreadable: ctx.memory.has_unreadable(),
        paced_until: known.and_then(|state| run_chunks::paced_until(spec, state, now)),
        object: asked,
        credentials: token.map(|_| ()),
        place,
        budget_too_small,
        permit: permit.as_ref().map(|_| ()).map_err(|ahead| *ahead),
        fraction,
        retry_at: next_look(Disposition::Transient, attempts + 1, None, fraction, now),
        unrecorded: unrecorded.map(|trouble| (trouble.fault, trouble.until)),
        state,
    };
    Look { ctx, object, seen, github, permit: permit.ok(), floor }
}

/// The row that concerns the repository. As long as this process is still to bring the schema up
/// to date, a half-made one is neither read nor held against anybody.
async fn state(
    ctx: &Context,
    id: &ObjectRef,
    repository: &str,
) -> Result<Option<BackfillState>, Fault> {
    let schema_ready = ctx.schema_ready.load(Ordering::Acquire);
    let found = ctx.store.find_state(&id.uid, HOST, repository).await;
    match found.map_err(|error| faults::of_store(&error)) {
        Err(fault) if fault.reason != Reason::StoreNotMigrated => Err(fault),
        _ if !schema_ready => Err(faults::migrating()),
        found => found,
    }
}

/// What the database remembers of the credential, so that a restart keeps GitHub's holds, and
/// tokens of one account go on sharing one budget.
async fn recall(ctx: &Context, github: &Client) {
    if github.governor().limits().is_some() {
        return;
    }
    // Unknown is no hindrance: GitHub says its limits with the first answer.
    if let Ok(Some((identity, budget))) = ctx.store.credential(github.token_hash()).await {
        github.recall(&identity, &budget);
    }
}

fn place(
    github: &Client,
    priority: Priority,
    id: &ObjectRef,
    floor: i64,
    cost: i64,
) -> (Place, Option<Fault>) {
    let governor = github.governor();
    let told = governor.limits().filter(|_| governor.too_small(floor));
    let too_small = told.map(|limits| {
        Fault::new(
            Reason::BudgetTooSmall,
            format!(
                "{floor} points are to be left to others, but the limit is {}; lower \
                 spec.minRateLimitPoints or the operator's --min-rate-limit-points",
                limits.limit
            ),
        )
    });
    (governor.place(&id.uid, weight(priority), floor, cost), too_small)
}

/// The other object that owns the row, has not finished and still exists. A row found by a former
/// name may be that of another repository, which only GitHub can tell.
async fn claimed_by(
    ctx: &Context,
    id: &ObjectRef,
    repository: &str,
    state: Option<&BackfillState>,
) -> Option<ObjectRef> {
    let state = state.filter(|state| {
        state.status != StateStatus::Completed
            && state.repository_name.as_str().eq_ignore_ascii_case(repository)
    })?;
    let owner = state.owner.as_ref().filter(|owner| owner.uid != id.uid)?;
    still_exists(ctx, owner).await.then(|| owner.clone())
}

/// Another object whose proved history the rows of this repository are.
fn heir(ctx: &Context, id: &ObjectRef, state: &BackfillState) -> Option<ObjectRef> {
    let others = ctx.objects.state();
    let others = others.iter().filter(|other| stands_on(other, &state.repository_node_id));
    let mut others = others.map(|other| ObjectRef::from(&other.metadata));
    others.find(|other| other.uid != id.uid)
}

/// Whether the object is still there; unsure counts as yes.
pub async fn still_exists(ctx: &Context, owner: &ObjectRef) -> bool {
    let api: Api<RepositoryBackfill> = Api::namespaced(ctx.client.clone(), &owner.namespace);
    match api.get_opt(&owner.name).await {
        Ok(found) => found.is_some_and(|object| {
            object.uid().as_deref() == Some(owner.uid.as_str())
                && object.metadata.deletion_timestamp.is_none()
        }),
        Err(_) => true,
    }
}
