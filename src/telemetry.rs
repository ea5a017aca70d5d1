//! Logs: JSON lines, one per state change. The only place that sets up a subscriber.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged unless `RUST_LOG` says otherwise: our state changes, and trouble of libraries.
const DEFAULT_FILTER: &str = "info,kube=warn,sqlx=warn,hyper=warn,reqwest=warn,h2=warn";

/// Starts logging to standard output. `RUST_LOG` takes tracing's filter directives.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT_FILTER.into());
    tracing_subscriber::registry()
        .with(filter)
        .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false))
        .init();
}
