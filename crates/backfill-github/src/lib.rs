//! The one path to GitHub.
//!
//! It asks GitHub's GraphQL API for repositories and their pull requests, whole, within what
//! GitHub allows, and names the cause when it cannot. It must not know Postgres or Kubernetes,
//! and its own HTTP and query types stay inside.

mod alone;
mod auth;
mod chunk;
mod client;
mod config;
mod cost;
mod decode;
mod error;
mod governor;
mod queries;
mod repository;

pub use alone::Depth;
pub use chunk::{Chunk, ChunkRequest};
pub use client::{Client, GitHub};
pub use config::{Clock, Config, Exchange, OnAnswer, Proxy};
pub use error::Error;
pub use governor::Governor;
pub use repository::{Index, Resolved};

/// The variables of an operation as JSON.
fn variables_of<Fragment, Variables: serde::Serialize>(
    operation: &cynic::Operation<Fragment, Variables>,
) -> Result<serde_json::Value, Error> {
    serde_json::to_value(&operation.variables).map_err(|error| Error::Unreadable(error.into()))
}
