//! The one integration binary: a module per promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod crash;
mod documents;
mod support;
mod tidy;
mod walk;
mod windows;
