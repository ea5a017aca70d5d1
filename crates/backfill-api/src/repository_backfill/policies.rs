//! The part of a RepositoryBackfill's spec that says when it gives up, is ready and what it leaves.
//!
//! Only fields, bounds and defaults; it must not know how a policy is carried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to stop trying.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailurePolicy {
    /// Runs in a row that failed without storing anything, outages and limits not counted.
    #[serde(default = "default_max_consecutive_errors")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_consecutive_errors: i32,
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self { max_consecutive_errors: default_max_consecutive_errors() }
    }
}

fn default_max_consecutive_errors() -> i32 {
    5
}

/// When the object counts as ready.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadinessPolicy {
    /// Once the history is verified.
    #[default]
    Complete,
    /// As soon as it moves; for Helm's `--wait` and Argo CD's waves.
    Started,
}

/// What happens to the rows when the object is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// They go, but contributors stay.
    Delete,
}
