//! Proxies between the operator and its three servers. Each counts the requests that
//! change something, can run an action (a SIGKILL) at exactly the k-th of them, and can
//! cut or slow the way. Each runs on a thread of its own, so that a test that blocks does
//! not stop it. Must not know what the requests mean.

mod api;
mod frames;
mod gate;
mod github;
mod http_forward;
mod postgres;
mod tripwire;

pub use api::ApiProxy;
pub use github::GitHubProxy;
pub use postgres::PostgresProxy;
pub use tripwire::{Tripwire, When};
