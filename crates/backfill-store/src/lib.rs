//! The one path to Postgres: named transactions over the tables of `migrations/`, nothing else.
//!
//! A chunk is two transactions, [`Store::claim_chunk`] and [`Store::commit_chunk`], both guarded
//! by the epoch of a [`Lease`]; everything a look wants to know is one row, [`Store::find_state`].
//! This crate must not know GitHub's API or Kubernetes; its callers never see SQL or the driver.

mod chunks;
mod comments;
mod commit;
mod commits;
mod connect;
mod contributors;
mod credentials;
mod deletion;
mod error;
mod failures;
mod files;
mod leases;
mod ledger;
mod migrations;
mod parents;
mod pull_requests;
mod quarantine;
mod recovery;
mod repositories;
mod requests;
mod reviews;
mod rows;
mod states;
mod transaction;
mod walks;
mod workspaces;

pub use chunks::ChunkClaim;
pub use commit::{ChunkCommit, Committed};
pub use connect::{Options, Store};
pub use credentials::StoredCredential;
pub use error::Error;
pub use failures::Failure;
pub use leases::{Acquired, LEASE_SECONDS, Lease};
pub use ledger::Ledger;
pub use quarantine::Quarantined;
pub use recovery::{ChunkStatistics, Recovered, Recovery};
pub use walks::BeginWalk;
