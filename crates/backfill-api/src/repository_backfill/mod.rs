//! Kind `RepositoryBackfill`: one repository's pull-request history.
//!
//! A file for what people write, split by subject, and one for what the operator writes.

mod chunks;
mod policies;
mod spec;
mod status;

pub use chunks::{ChunkSpec, PacingMode, PacingSpec, Priority};
pub use policies::{DeletionPolicy, FailurePolicy, ReadinessPolicy};
pub use spec::{CredentialsRef, Part, RepositoryBackfill, RepositoryBackfillSpec, WindowSpec};
pub use status::{LastError, PlanStatus, RateLimitStatus, RepositoryBackfillStatus, Stage};
