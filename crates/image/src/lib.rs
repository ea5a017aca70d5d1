//! The operator's container image: what is in it, and how it is built with an engine and
//! without one. Must not know how the image is run.
#![expect(clippy::disallowed_methods, reason = "a build is asked for by variables of make")]

mod archive;
mod binary;
mod contents;
mod engine;
mod make;

pub use archive::{Image, Written, write};
pub use binary::build as build_binary;
pub use contents::{File, operator as operator_files};
pub use make::{ALLOCATOR, archive, make};
