//! The stand-in over HTTP, a module per promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changes;
mod client;
mod contract;
mod errors;
mod faults;
mod fields;
mod limits;
mod paging;
mod synthetic;
