//! A real Kubernetes control plane, a real Postgres, the stand-in GitHub and the operator
//! as processes on loopback, for `make up`, `make demo` and the tests. Must not know how
//! the operator works inside: it starts it, disturbs it and looks at what it left.
#![expect(
    clippy::disallowed_methods,
    reason = "the bans keep the operator pure; a testbed is made of time, tasks and processes"
)]

pub mod argocd;
pub mod assets;
pub mod bench;
pub mod chart;
pub mod clone;
pub mod cluster;
pub mod demo;
pub mod e2e;
pub mod gates;
pub mod node;
pub mod operator;
mod output;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod run_dir;
pub mod standin;
pub mod supervise;
mod until;
pub mod up;

pub use cluster::Cluster;
pub use cluster::programs::Choices;
pub use operator::{Operator, OperatorOptions};
pub use standin::{StandIn, StandInArgs};

/// Chooses the TLS implementation of this binary, once.
pub fn use_ring() {
    // The second call finds the first one's choice, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// An HTTP client for loopback: no proxy of the environment, a minute per request.
pub fn http() -> reqwest::Client {
    use_ring();
    // Nobody on loopback needs the system's authorities, which take a while to read.
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    // Building fails only for settings that are fixed here.
    builder.timeout(std::time::Duration::from_mins(1)).build().unwrap_or_default()
}
