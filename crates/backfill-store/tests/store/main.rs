//! The store against a real Postgres: a fresh database per test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chunks;
mod connections;
mod credentials;
mod deletion;
mod errors;
mod fixtures;
mod history;
mod leases;
mod ledger;
mod migrations;
mod plans;
mod recovery;
mod relay;
mod seeds;
mod states;
mod support;
mod walks;
