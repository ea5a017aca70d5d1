//! Kind `RepositoryBackfill`: one repository's pull-request history.

mod spec;
mod status;

pub use spec::{
    ChunkSpec, CredentialsRef, DeletionPolicy, FailurePolicy, PacingMode, PacingSpec, Part,
    Priority, ReadinessPolicy, RepositoryBackfill, RepositoryBackfillSpec, WindowSpec,
};
pub use status::{LastError, PlanStatus, RateLimitStatus, RepositoryBackfillStatus, Stage};
