//! The store against a real Postgres: a fresh database per test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chunks;
mod fixtures;
mod support;
