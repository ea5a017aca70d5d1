//! The Kubernetes API of the backfill operator: kinds, conditions and reasons.
//!
//! Everything here is a value or a pure function. This crate must not know GitHub's API, the
//! database or a Kubernetes client, and it never reads the clock.

pub mod annotations;
pub mod conditions;
pub mod crd;
pub mod reason;
pub mod repository_backfill;

pub use conditions::{State, Summary, conditions, violations};
pub use reason::{Disposition, Reason};
pub use repository_backfill::{
    ChunkSpec, CredentialsRef, DeletionPolicy, FailurePolicy, LastError, PacingMode, PacingSpec,
    Part, PlanStatus, Priority, RateLimitStatus, ReadinessPolicy, RepositoryBackfill,
    RepositoryBackfillSpec, RepositoryBackfillStatus, Stage, WindowSpec,
};

/// API group of every kind.
pub const GROUP: &str = "backfill.contributor.info";
/// Field manager of every write the operator makes.
pub const FIELD_MANAGER: &str = "backfill-operator";
/// Finalizer of an object whose rows go with it; only set under `deletionPolicy: Delete`.
pub const ROWS_FINALIZER: &str = "backfill.contributor.info/rows";
