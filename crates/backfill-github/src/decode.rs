//! From bytes to the engine's model, and from refusals to causes. Nothing here sends anything.

pub(crate) mod actors;
pub(crate) mod answer;
pub(crate) mod children;
pub(crate) mod envelope;
pub(crate) mod gathered;
pub(crate) mod limits;
pub(crate) mod pull_request;
pub(crate) mod refusal;
pub(crate) mod sanitise;
pub(crate) mod thread;
