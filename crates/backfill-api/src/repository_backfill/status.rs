//! What the operator writes in a RepositoryBackfill: a projection of the database.
//!
//! Nothing resumes from it, so every field is optional. It must not know how a figure is computed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::de::value::{Error as WordError, StringDeserializer};
use serde::de::{Deserializer, IntoDeserializer};
use serde::{Deserialize, Serialize};

use crate::conditions;

/// How far the backfill is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryBackfillStatus {
    /// The generation of the spec this status speaks of; -1 until the operator has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = conditions::MAX_GENERATION))]
    pub observed_generation: Option<i64>,

    /// Ready, Reconciling, Stalled and Succeeded; the middle two only while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::schema")]
    pub conditions: Vec<Condition>,

    /// The part of the work at hand.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub stage: Option<Stage>,

    /// How many GitHub counts, or `maxPullRequests` if that is smaller. Absent under a window until
    /// its edge is met.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub expected_pull_requests: Option<i64>,

    /// Distinct pull requests this walk has dealt with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub processed_pull_requests: Option<i64>,

    /// Pull requests of this repository in the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub stored_pull_requests: Option<i64>,

    /// Pull requests set aside because GitHub cannot deliver them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub quarantined_pull_requests: Option<i64>,

    /// Processed of expected, such as `41250/83012 (49%)` or `118/?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub progress: Option<String>,

    /// The day, in UTC, of the oldest pull request reached without a gap, such as `2020-03-04`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub back_to: Option<String>,

    /// GitHub's cursor after the last stored chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub cursor: Option<String>,

    /// Pull requests that the next chunk asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub chunk_size: Option<i32>,

    /// Chunks stored by this walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub chunks_completed: Option<i64>,

    /// The credential's budget as GitHub last told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitStatus>,

    /// When this walk started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When a chunk was last stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_progress_time: Option<Time>,

    /// When the operator looks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,

    /// When the walk ends at the present pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_completion_time: Option<Time>,

    /// When the history was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// The start of the proved walk: each row is as GitHub had it then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_as_of: Option<Time>,

    /// Number of this walk, from 1: each over the repository's rows counts, whoever asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub walk: Option<i64>,

    /// Hash of what the proved walk covers: an edit that leaves it the same restarts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub walk_fingerprint: Option<String>,

    /// Runs in a row that failed without storing anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub consecutive_errors: Option<i32>,

    /// The last error, kept after it has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,

    /// What the whole walk costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,

    /// The value of the annotation `requested-at` that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_requested_at: Option<String>,

    /// The value of the annotation `restart-requested-at` that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_restart_requested_at: Option<String>,
}

/// The word, if this version knows it: after a rollback a newer one's may be left.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Stage>, D::Error> {
    let Some(word) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let word: StringDeserializer<WordError> = word.into_deserializer();
    Ok(Stage::deserialize(word).ok())
}

/// The part of the work at hand.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The repository is looked up.
    Resolve,
    /// Pull requests are fetched, newest first.
    Walk,
    /// What is stored is compared with what GitHub counts.
    Verify,
}

impl Stage {
    /// The word as it is published.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "Resolve",
            Self::Walk => "Walk",
            Self::Verify => "Verify",
        }
    }
}

/// A credential's budget at GitHub's GraphQL API, in points per hour.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitStatus {
    /// Points left until the reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub remaining: Option<i64>,

    /// Points after a reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub limit: Option<i64>,

    /// When the points are given anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_time: Option<Time>,
}

/// An error as it was last seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// The reason, one word of the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,

    /// What happened and what mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,

    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// Bound of a planned figure.
const MAX_PLANNED: i64 = 1_000_000_000;

/// What a walk costs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Requests to GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_PLANNED))]
    pub requests: Option<i64>,

    /// Points of the credential's budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_PLANNED))]
    pub points: Option<i64>,

    /// Seconds from start to end, waits for the budget included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_PLANNED))]
    pub duration_seconds: Option<i64>,
}

impl PlanStatus {
    /// A plan in these figures, cut to what the schema allows.
    pub fn new(requests: i64, points: i64, seconds: i64) -> Self {
        let figure = |value: i64| Some(value.clamp(0, MAX_PLANNED));
        Self {
            requests: figure(requests),
            points: figure(points),
            duration_seconds: figure(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stage_of_a_newer_version_is_none_of_ours() {
        let read = |stage: &str| {
            let status = serde_json::json!({"stage": stage, "processedPullRequests": 7});
            serde_json::from_value::<RepositoryBackfillStatus>(status).unwrap()
        };
        assert_eq!((read("CatchUp").stage, read("Walk").stage), (None, Some(Stage::Walk)));
        assert_eq!(read("CatchUp").processed_pull_requests, Some(7));
    }

    #[test]
    fn a_plan_is_never_beyond_what_the_schema_allows() {
        let plan = PlanStatus::new(7, -1, 5_019_235_200);
        assert_eq!(
            (plan.requests, plan.points, plan.duration_seconds),
            (Some(7), Some(0), Some(MAX_PLANNED))
        );
    }
}
