//! The one parent of everything in a testbed: starts programs, revives them, ends them.
//! Must not know what the programs are; `cluster`, `standin` and `operator` describe them.

pub mod adopt;
mod keeper;
pub mod protocol;
mod server;
pub mod spawner;
pub mod trampoline;

pub use keeper::Keeper;
pub use server::{SuperviseArgs, supervise};
