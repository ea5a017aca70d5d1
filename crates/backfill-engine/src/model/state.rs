//! Where a backfill stands: the row of `progressive_backfill_state`, which is the truth.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use uuid::Uuid;

use super::{Cursor, NodeId, Points, PullRequestNumber, RepositoryName};
pub use backfill_api::Stage;
use backfill_api::{Part, Reason};

/// The object that owns a backfill.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// `metadata.uid`: what a recreated object does not share.
    pub uid: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl From<&ObjectMeta> for ObjectRef {
    fn from(metadata: &ObjectMeta) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let ObjectMeta { uid, namespace, name, .. } = metadata;
        Self { uid: text(uid), namespace: text(namespace), name: text(name) }
    }
}

/// `progressive_backfill_state.status`: the four words of the schema we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateStatus {
    /// Walking or verifying.
    Active,
    /// Waits: for a limit, for a person to resume it, for its turn, or with an open circuit.
    Paused,
    /// Only a person can mend it.
    Failed,
    /// Proved complete.
    Completed,
}

/// What a walk covers, fixed when it starts. Also what its fingerprint is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkBounds {
    /// Oldest `createdAt` taken, inclusive.
    pub since: Option<Timestamp>,
    /// Newest `createdAt` taken, exclusive.
    pub until: Option<Timestamp>,
    /// The newest N inside the window.
    pub max_pull_requests: Option<i64>,
    /// The parts read for each pull request, sorted.
    pub parts: Vec<Part>,
}

impl WalkBounds {
    /// True when the walk covers every pull request of the repository, so that GitHub's total
    /// can be held against what is stored.
    pub fn is_whole_history(&self) -> bool {
        !self.has_window() && self.max_pull_requests.is_none()
    }

    /// True when only the walk can tell how many pull requests it covers.
    pub fn has_window(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }
}

/// The last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorRecord {
    /// The cause, in the catalogue's word.
    pub reason: Reason,
    /// For people. Never holds a secret or a response body.
    pub message: String,
    /// When it happened, by the database's clock.
    pub at: Timestamp,
}

/// One backfill as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct BackfillState {
    /// `progressive_backfill_state.id`, the key of the row.
    pub id: Uuid,
    /// `repositories.id`, the key of the row.
    pub repository_id: Uuid,
    /// Node id of the repository.
    pub repository_node_id: NodeId,
    /// Its present name.
    pub repository_name: RepositoryName,
    /// The object that owns the walk.
    pub owner: Option<ObjectRef>,
    /// Status word.
    pub status: StateStatus,
    /// `metadata.pause_reason`, while paused.
    pub pause_reason: Option<String>,
    /// Stage.
    pub stage: Stage,
    /// Number of the walk, from 1; grows with each new walk.
    pub walk: i64,
    /// Fingerprint of what the walk covers: [`crate::fingerprint`].
    pub walk_fingerprint: String,
    /// When the walk started, by the database's clock.
    pub walk_started_at: Timestamp,
    /// What the walk covers.
    pub bounds: WalkBounds,
    /// The words that the window was made of; none in a row that was imported.
    pub window_words: Option<String>,
    /// GitHub's count when the walk started.
    pub total_pull_requests: i64,
    /// Distinct pull requests of this walk: stored plus quarantined.
    pub processed_pull_requests: i64,
    /// Where the next page starts; `None` at the top.
    pub cursor: Option<Cursor>,
    /// The oldest one reached without a gap.
    pub last_number: Option<PullRequestNumber>,
    /// Its `createdAt`.
    pub back_to: Option<Timestamp>,
    /// When the last chunk committed.
    pub last_progress_at: Option<Timestamp>,
    /// Learned page size; `None` before the first chunk.
    pub chunk_size: Option<i64>,
    /// `chunk.size` of the manifest as it was last heeded.
    pub size_asked: Option<i64>,
    /// Good, quick pages in a row at this size (growth rule 3.2).
    pub quick_pages: i64,
    /// Chunks committed in this walk.
    pub chunks_completed: i64,
    /// Of the last 20 chunks, how many failed.
    pub recent_failures: i64,
    /// Chunks of the current pacing period, for `pacing.mode: Interval`.
    pub period_chunks: i64,
    /// Points this walk has cost so far.
    pub points_used: Points,
    /// Runs in a row that failed without a commit for a Poison or Bug cause.
    pub consecutive_errors: i64,
    /// Attempts in a row without a commit, of any cause: the exponent of the backoff.
    pub failed_attempts: i64,
    /// The last error, kept after success for people to read.
    pub last_error: Option<ErrorRecord>,
    /// Not before this instant.
    pub next_attempt_at: Option<Timestamp>,
    /// Who holds or held the lease.
    pub lease_holder: Option<String>,
    /// Until when.
    pub lease_expires_at: Option<Timestamp>,
    /// The database's now when this row was read.
    pub read_at: Timestamp,
    /// When the history was proved complete.
    pub completed_at: Option<Timestamp>,
    /// Pull requests of the repository now stored and not gone from GitHub.
    pub stored_pull_requests: i64,
    /// Pull requests of the repository in quarantine.
    pub quarantined_pull_requests: i64,
    /// Value of the `requested-at` annotation last acted on.
    pub handled_requested_at: Option<String>,
    /// Value of the `restart-requested-at` annotation last acted on.
    pub handled_restart_requested_at: Option<String>,
}
