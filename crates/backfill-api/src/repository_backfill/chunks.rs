//! The part of a RepositoryBackfill's spec that says how large chunks are and how often they run.
//!
//! Only fields, bounds and defaults; it must not know how a size or a share is computed.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds on the pull requests that a chunk asks for. All three equal: a fixed size. A chunk ends
/// earlier where its pull requests have about 1,500 reviews, threads and comments.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("self.minSize <= self.maxSize")
        .message("minSize (1 unless set) must not be greater than maxSize (50 unless set)")
        .field_path(".minSize"),
    validation = Rule::new(
        "!has(self.size) || (self.minSize <= self.size && self.size <= self.maxSize)"
    )
    .message("size must lie between minSize (1 unless set) and maxSize (50 unless set)")
    .field_path(".size")
)]
#[serde(rename_all = "camelCase")]
pub struct ChunkSpec {
    /// The size to start with. Absent: chosen by the repository's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub size: Option<i32>,

    /// Never fewer, except at the end of maxPullRequests and where so many cannot be had.
    #[serde(default = "default_min_size")]
    #[schemars(range(min = 1, max = 100))]
    pub min_size: i32,

    /// Never more.
    #[serde(default = "default_max_size")]
    #[schemars(range(min = 1, max = 100))]
    pub max_size: i32,
}

impl Default for ChunkSpec {
    fn default() -> Self {
        Self { size: None, min_size: default_min_size(), max_size: default_max_size() }
    }
}

fn default_min_size() -> i32 {
    1
}

fn default_max_size() -> i32 {
    50
}

/// How chunks are spread over time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("self.mode == 'Interval' || !has(self.periodSeconds)")
        .message("periodSeconds must only be set with mode Interval")
        .field_path(".periodSeconds"),
    validation = Rule::new("self.mode == 'Interval' || !has(self.maxChunks)")
        .message("maxChunks must only be set with mode Interval")
        .field_path(".maxChunks")
)]
#[serde(rename_all = "camelCase")]
pub struct PacingSpec {
    /// Budget: whenever the credential's budget has room. Interval: in bursts with pauses.
    #[serde(default)]
    pub mode: PacingMode,

    /// Interval only: seconds of pause after a burst. Absent: 900 at priority High, else 1800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub period_seconds: Option<i32>,

    /// Interval only: chunks in one burst. Absent: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_chunks: Option<i32>,
}

impl PacingSpec {
    /// Chunks in one burst under `mode: Interval`.
    ///
    /// The default of 10 is no default of the schema: the server would then fill it in under
    /// `mode: Budget` too, where it must not be set.
    pub fn chunks_per_burst(&self) -> i32 {
        self.max_chunks.unwrap_or(10)
    }
}

/// How chunks are spread over time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PacingMode {
    /// Whenever the credential's budget has room.
    #[default]
    Budget,
    /// Bursts with pauses of a fixed length.
    Interval,
}

/// The share of a credential's budget.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Weight 4.
    High,
    /// Weight 2.
    #[default]
    Normal,
    /// Weight 1.
    Low,
}
