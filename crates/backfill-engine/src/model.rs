//! What GitHub's history looks like to us: the values that travel from `backfill-github` to
//! `backfill-store`. Plain data, already sanitised; must not know GraphQL, SQL or Kubernetes.

mod history;
mod ids;
mod state;

pub use history::{
    AccountType, Actor, ChangedFile, Comment, Commit, IndexEntry, Part, PullRequest, Repository,
    Review, ReviewComment,
};
pub use ids::{Cursor, Epoch, NodeId, Points, PullRequestNumber, RepositoryName};
pub use state::{BackfillState, ErrorRecord, ObjectRef, Stage, StateStatus, WalkBounds};
