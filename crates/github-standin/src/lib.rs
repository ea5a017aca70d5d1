//! A GitHub made of state: its GraphQL API over a world of repositories, with its limits, its
//! errors and, by plan, its failures. It imports no other crate of this repository.

pub mod clock;
mod error;
pub mod faults;
pub mod gate;
pub mod graphql;
pub mod http;
pub mod ledger;
mod msgpack;
mod standin;
mod synthetic;
pub mod world;

pub use error::Error;
pub use standin::Standin;
pub use synthetic::Synthetic;
