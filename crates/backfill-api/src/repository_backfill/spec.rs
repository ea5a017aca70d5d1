//! What a person writes in a RepositoryBackfill, with every bound and every rule between fields.
//!
//! It must not know how a field is carried out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chunks::{ChunkSpec, PacingSpec, Priority};
use super::policies::{DeletionPolicy, FailurePolicy, ReadinessPolicy};
use super::status::RepositoryBackfillStatus;

/// Captures the pull-request history of one GitHub repository into Postgres.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "backfill.contributor.info",
    version = "v1alpha1",
    kind = "RepositoryBackfill",
    plural = "repositorybackfills",
    shortname = "rbf",
    category = "backfill",
    namespaced,
    status = "RepositoryBackfillStatus",
    derive = "PartialEq",
    doc = "Captures the pull-request history of one GitHub repository into Postgres."
)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryBackfillSpec {
    /// The repository as owner/name. It cannot change; create another object instead.
    #[schemars(length(min = 3, max = 140))]
    #[x_kube(
        validation = Rule::new(
            "self.matches('^[A-Za-z0-9_-]{1,39}/[A-Za-z0-9._-]{1,100}$') \
             && !self.endsWith('/.') && !self.endsWith('/..')"
        ).message("must be owner/name as on GitHub, such as kubernetes/kubernetes"),
        validation = Rule::new("self == oldSelf")
            .message("must not change; create another RepositoryBackfill for another repository")
    )]
    pub repository: String,

    /// The Secret with the GitHub credentials. Without one the object stalls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<CredentialsRef>,

    /// Bounds on when a pull request was created. Absent: the whole history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSpec>,

    /// Only the newest this many inside the window, fixed when the walk starts. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_pull_requests: Option<i64>,

    /// What is captured of each pull request beside itself.
    #[serde(default = "default_include")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub include: Vec<Part>,

    /// How many pull requests make one chunk.
    #[serde(default)]
    pub chunk: ChunkSpec,

    /// How chunks are spread over time.
    #[serde(default)]
    pub pacing: PacingSpec,

    /// The share of the credential's budget: High 4, Normal 2, Low 1.
    #[serde(default)]
    pub priority: Priority,

    /// GitHub points that are never spent. It may only raise the operator's floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub min_rate_limit_points: Option<i64>,

    /// When to stop trying.
    #[serde(default)]
    pub failure_policy: FailurePolicy,

    /// When the object counts as ready: Complete once the history is verified, Started as soon as
    /// it moves.
    #[serde(default)]
    pub readiness_policy: ReadinessPolicy,

    /// What happens to the rows when the object is deleted. Delete needs an operator that allows
    /// it, and removes only rows of a repository that this object brought in.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Resolve the repository and price the walk; store nothing.
    #[serde(default)]
    pub dry_run: bool,

    /// Nothing happens while this is true.
    #[serde(default)]
    pub suspend: bool,
}

/// Names a Secret of the object's own namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsRef {
    /// Name of a Secret with the label `backfill.contributor.info/credentials: "true"`.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
}

/// Bounds on `createdAt` of a pull request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("!has(self.sinceDays) || !has(self.since)")
        .message("sinceDays must not be set beside since")
        .field_path(".sinceDays"),
    validation = Rule::new("!has(self.since) || !has(self.until) || self.since < self.until")
        .message("until must be later than since")
        .field_path(".until")
)]
#[serde(rename_all = "camelCase")]
pub struct WindowSpec {
    /// Created at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 35), regex(pattern = INSTANT))]
    pub since: Option<Time>,

    /// Created before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 35), regex(pattern = INSTANT))]
    pub until: Option<Time>,

    /// Created at or after this many days before the window was set or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub since_days: Option<i32>,
}

/// What the server's `date-time` lets through beyond RFC 3339 (an offset of 99 hours, a fraction of
/// twenty digits) or beyond jiff's range (the last day of 9999) could not be read back, and one
/// unreadable object fails a whole list. So the instants of a spec are held to this as well.
const INSTANT: &str = concat!(
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,9})?",
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
);

/// A part of a pull request that is captured on request.
#[derive(
    JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
)]
pub enum Part {
    /// Reviews.
    Reviews,
    /// Comments on lines of the diff.
    ReviewComments,
    /// Comments of the conversation.
    Comments,
    /// Commits.
    Commits,
    /// Changed files.
    Files,
}

impl RepositoryBackfillSpec {
    /// Name of the Secret that holds the token.
    pub fn secret(&self) -> Option<&str> {
        self.credentials_ref.as_ref().map(|reference| reference.name.as_str())
    }
}

impl Part {
    /// All parts, in the order of the schema.
    pub const ALL: [Self; 5] =
        [Self::Reviews, Self::ReviewComments, Self::Comments, Self::Commits, Self::Files];

    /// The word as it is published.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reviews => "Reviews",
            Self::ReviewComments => "ReviewComments",
            Self::Comments => "Comments",
            Self::Commits => "Commits",
            Self::Files => "Files",
        }
    }
}

/// The three parts that are captured unless the spec says otherwise.
fn default_include() -> Vec<Part> {
    vec![Part::Reviews, Part::ReviewComments, Part::Comments]
}
