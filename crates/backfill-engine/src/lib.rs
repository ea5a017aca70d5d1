//! The rules of a backfill, as pure functions and plain values.
//!
//! No async, no clock, no randomness, no I/O: whoever calls brings the time and the facts.
//! This crate must not know Postgres, HTTP or the Kubernetes client; it knows the kinds
//! (`backfill-api`) because it decides about them.

pub mod budget;
pub mod chunk;
pub mod decide;
pub mod fingerprint;
pub mod interval;
pub mod model;
mod numbers;
pub mod plan;
pub mod progress;
pub mod retry;
pub mod seen;
pub mod status;
