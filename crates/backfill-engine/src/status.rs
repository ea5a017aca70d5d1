//! From what is known to the object's status: a projection, never a source.
//!
//! Pure. It must not know how a status is written, nor read anything back from one except what
//! the database cannot tell at the moment.

use backfill_api::conditions::{READY, State, conditions};
use backfill_api::{
    LastError, PlanStatus, RateLimitStatus, RepositoryBackfillSpec, RepositoryBackfillStatus,
    Stage, Summary,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::budget::RateLimit;
use crate::model::{BackfillState, StateStatus};
use crate::plan::put_off_for_points;
use crate::progress;

/// All that a status is made of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The spec it speaks of.
    pub spec: &'a RepositoryBackfillSpec,
    /// `metadata.generation` of that spec.
    pub generation: i64,
    /// When it is written.
    pub now: Timestamp,
    /// What is to be said.
    pub summary: Summary,
    /// The status before: its conditions' times stay where nothing flips, and its counters stay
    /// while the store cannot be read.
    pub previous: &'a RepositoryBackfillStatus,
    /// The state row, where it belongs to this object.
    pub state: Option<&'a BackfillState>,
    /// The walk of that row is the one that the spec asks for.
    pub is_asked: bool,
    /// The store could not be read: whether there is a row, and in which stage, is not known.
    pub store_unread: bool,
    /// The credential's budget.
    pub limits: Option<RateLimit>,
    /// Points of it that are never spent.
    pub floor: i64,
    /// When the operator looks again because of a wait.
    pub next_attempt: Option<Timestamp>,
    /// GitHub's count, where there is no row to tell it (dry run, empty repository).
    pub counted: Option<i64>,
    /// The price, where this look has worked it out.
    pub plan: Option<PlanStatus>,
    /// The `requested-at` annotation, acted on by this look.
    pub requested_at: Option<String>,
    /// The `restart-requested-at` annotation, acted on by this look.
    pub restart_requested_at: Option<String>,
}

/// The whole status.
pub fn project(facts: Facts<'_>) -> RepositoryBackfillStatus {
    let moved = facts.is_asked && facts.state.is_some_and(|state| state.chunks_completed > 0);
    let summary = facts.summary.clone().under(facts.spec.readiness_policy, moved);
    let mut status = RepositoryBackfillStatus {
        conditions: conditions(&summary, &facts.previous.conditions, facts.generation, facts.now),
        observed_generation: Some(facts.generation),
        stage: stage(&facts),
        rate_limit: facts
            .limits
            .filter(|_| !rests(&facts))
            .map(rate_limit)
            .or_else(|| facts.previous.rate_limit.clone()),
        next_attempt_time: facts.next_attempt.map(Time),
        plan: facts.plan.clone().or_else(|| facts.previous.plan.clone()),
        ..facts.previous.clone()
    };
    if let Some(state) = facts.state {
        from_state(&mut status, state);
        let is_still = rests_or_is_stalled(&facts);
        status.estimated_completion_time = estimate(&facts, state).filter(|_| !is_still).map(Time);
    } else if let Some(counted) = facts.counted {
        from_count(&mut status, counted, facts.spec.dry_run, facts.now);
    }
    status.last_handled_requested_at = match facts.state {
        Some(state) => state.handled_requested_at.clone(),
        None if facts.store_unread => facts.previous.last_handled_requested_at.clone(),
        None => facts.requested_at,
    };
    // A walk answers a restart by its row; where nothing is walked, the count does.
    let handled = facts.state.and_then(|state| state.handled_restart_requested_at.clone());
    let is_answer = facts.counted.is_some_and(|counted| counted == 0 || facts.spec.dry_run);
    let counted = facts.restart_requested_at.filter(|_| is_answer);
    let before = facts.previous.last_handled_restart_requested_at.clone();
    status.last_handled_restart_requested_at = handled.or(counted).or(before);
    status
}

/// Nothing goes on that would come to an end by itself.
fn rests_or_is_stalled(facts: &Facts<'_>) -> bool {
    facts.summary.state.is_at_rest() || facts.summary.state == State::Stalled
}

/// The object does nothing and has said so: others' points are no news of it.
fn rests(facts: &Facts<'_>) -> bool {
    rests_or_is_stalled(facts)
        && facts.previous.observed_generation == Some(facts.generation)
        && facts.previous.conditions.iter().any(|condition| {
            condition.type_ == READY && condition.reason == facts.summary.reason.as_str()
        })
}

/// The stage that the row tells. Where none does, because the walk asked for has not begun, it is
/// Resolve; while the store cannot be read, the one before.
fn stage(facts: &Facts<'_>) -> Option<Stage> {
    let is_done = |state: &BackfillState| state.status == StateStatus::Completed;
    match facts.state {
        Some(state) if !is_done(state) => Some(state.stage),
        Some(_) if facts.is_asked => None,
        _ if facts.summary.state.is_at_rest() => None,
        _ if facts.store_unread => facts.previous.stage,
        _ => Some(Stage::Resolve),
    }
}

fn rate_limit(limits: RateLimit) -> RateLimitStatus {
    RateLimitStatus {
        remaining: Some(limits.remaining),
        limit: Some(limits.limit),
        reset_time: limits.reset_at.map(Time),
    }
}

/// When the walk ends at its own pace, put off by the limits that it has not met yet.
fn estimate(facts: &Facts<'_>, state: &BackfillState) -> Option<Timestamp> {
    let expected = expected(state).filter(|_| state.status != StateStatus::Completed)?;
    let (processed, now) = (state.processed_pull_requests, facts.now);
    let paced = progress::estimated_completion(state.walk_started_at, processed, expected, now)?;
    let Some(limits) = facts.limits else { return Some(paced) };
    let (done, used) = ((processed, expected), state.points_used.get());
    Some(put_off_for_points(paced, done, used, limits, facts.floor, now))
}

fn from_state(status: &mut RepositoryBackfillStatus, state: &BackfillState) {
    let done = state.status == StateStatus::Completed;
    let expected = expected(state);
    let processed = state.processed_pull_requests;
    status.walk = Some(state.walk);
    status.walk_fingerprint = done.then(|| state.walk_fingerprint.clone());
    status.expected_pull_requests = expected;
    status.processed_pull_requests = Some(processed);
    status.stored_pull_requests = Some(state.stored_pull_requests);
    status.quarantined_pull_requests = Some(state.quarantined_pull_requests);
    status.progress = Some(progress::text(processed, expected));
    status.back_to = state.back_to.map(|at| at.strftime("%Y-%m-%d").to_string());
    status.cursor = state.cursor.as_ref().map(|cursor| cursor.0.clone());
    status.chunk_size = state.chunk_size.and_then(|size| i32::try_from(size).ok());
    status.chunks_completed = Some(state.chunks_completed);
    status.start_time = Some(Time(state.walk_started_at));
    status.last_progress_time = state.last_progress_at.map(Time);
    status.consecutive_errors = i32::try_from(state.consecutive_errors).ok();
    status.last_error = state.last_error.as_ref().map(|error| LastError {
        reason: Some(error.reason.to_string()),
        message: Some(error.message.chars().take(1024).collect()),
        time: Some(Time(error.at)),
    });
    status.completion_time = state.completed_at.filter(|_| done).map(Time);
    status.verified_as_of = done.then_some(Time(state.walk_started_at));
}

fn from_count(status: &mut RepositoryBackfillStatus, counted: i64, dry_run: bool, now: Timestamp) {
    status.expected_pull_requests = Some(counted);
    if dry_run {
        // What an earlier walk came to is no part of the plan.
        status.progress = None;
        (status.completion_time, status.verified_as_of) = (None, None);
        status.walk_fingerprint = None;
        status.estimated_completion_time = None;
    } else {
        status.processed_pull_requests = Some(0);
        status.stored_pull_requests = Some(0);
        status.quarantined_pull_requests = Some(0);
        status.progress = Some(progress::text(0, Some(counted)));
        let since = status.completion_time.clone().unwrap_or(Time(now));
        status.completion_time = Some(since.clone());
        status.verified_as_of = Some(since);
    }
}

/// How many pull requests the walk will meet; unknown under a window until its edge is met.
fn expected(state: &BackfillState) -> Option<i64> {
    let bounds = &state.bounds;
    if state.stage != Stage::Walk {
        let windowed = !bounds.is_whole_history();
        let processed = state.processed_pull_requests;
        return Some(if windowed { processed } else { state.total_pull_requests.max(processed) });
    }
    if bounds.has_window() {
        return None;
    }
    let total = state.total_pull_requests;
    Some(bounds.max_pull_requests.map_or(total, |most| most.min(total)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use backfill_api::Reason;

    use super::*;

    /// What is shown of an object without a row, for this reason.
    fn without_row(
        reason: Reason,
        store_unread: bool,
        previous: &RepositoryBackfillStatus,
    ) -> RepositoryBackfillStatus {
        let spec = serde_json::from_str(r#"{"repository": "octo/widgets"}"#).unwrap();
        let summary = Summary::new(reason, "said");
        project(Facts { summary, store_unread, ..facts(&spec, previous) })
    }

    fn facts<'a>(
        spec: &'a RepositoryBackfillSpec,
        previous: &'a RepositoryBackfillStatus,
    ) -> Facts<'a> {
        Facts {
            spec,
            generation: 1,
            now: Timestamp::UNIX_EPOCH,
            summary: Summary::new(Reason::Walking, "said"),
            previous,
            state: None,
            is_asked: false,
            store_unread: false,
            limits: None,
            floor: 0,
            next_attempt: None,
            counted: None,
            plan: None,
            requested_at: None,
            restart_requested_at: None,
        }
    }

    #[test]
    fn until_a_walk_has_begun_the_stage_is_resolve() {
        let before = RepositoryBackfillStatus::default();
        for reason in [
            Reason::RateLimited,
            Reason::GitHubUnavailable,
            Reason::CredentialsNotFound,
            Reason::RepositoryClaimed,
        ] {
            assert_eq!(without_row(reason, false, &before).stage, Some(Stage::Resolve), "{reason}");
        }
        for reason in [Reason::Suspended, Reason::Planned, Reason::RepositoryEmpty] {
            assert_eq!(without_row(reason, false, &before).stage, None, "{reason}");
        }
    }

    #[test]
    fn while_the_store_cannot_be_read_the_last_words_stay() {
        let before = RepositoryBackfillStatus {
            stage: Some(Stage::Verify),
            processed_pull_requests: Some(7),
            progress: Some("7/7 (100%)".to_owned()),
            ..RepositoryBackfillStatus::default()
        };
        let shown = without_row(Reason::StoreUnavailable, true, &before);
        assert_eq!(shown.stage, Some(Stage::Verify));
        assert_eq!((shown.processed_pull_requests, shown.progress), (Some(7), before.progress));
        let new = RepositoryBackfillStatus::default();
        assert_eq!(without_row(Reason::StoreUnavailable, true, &new).stage, None);
    }

    #[test]
    fn of_an_object_at_rest_others_points_are_no_news() {
        let spec = serde_json::from_str(r#"{"repository": "octo/widgets"}"#).unwrap();
        let limits = |remaining| RateLimit { limit: 5_000, remaining, reset_at: None };
        let shown = |reason, remaining, previous: &RepositoryBackfillStatus| {
            let summary = Summary::new(reason, "said");
            project(Facts { limits: Some(limits(remaining)), summary, ..facts(&spec, previous) })
        };
        let first = shown(Reason::Suspended, 4_000, &RepositoryBackfillStatus::default());
        assert_eq!(first.rate_limit.as_ref().unwrap().remaining, Some(4_000));
        assert_eq!(shown(Reason::Suspended, 3_000, &first), first);
        let stalled = shown(Reason::RepositoryClaimed, 4_000, &first);
        assert_eq!(shown(Reason::RepositoryClaimed, 2_000, &stalled), stalled);
        let moving = shown(Reason::RateLimited, 3_000, &first);
        assert_eq!(moving.rate_limit.unwrap().remaining, Some(3_000));
    }
}
