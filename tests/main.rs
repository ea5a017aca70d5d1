//! The one integration binary: a module per promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alerts;
mod api;
mod chart;
mod checks;
mod crash;
mod credentials;
mod crowd;
mod documents;
mod examples;
mod faults;
mod gitops;
mod image;
mod limits;
mod outage;
mod owners;
mod reach;
mod secrecy;
mod serving;
mod support;
mod tidy;
mod walk;
mod windows;
