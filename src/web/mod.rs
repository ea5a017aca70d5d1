//! What the operator serves over HTTP. Loopback or the pod's network; no writes of any kind.

mod health;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

pub use health::Health;

use crate::metrics::Metrics;

/// The routes: probes and metrics.
pub fn routes(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(health)
        .route("/metrics", get(scrape).with_state(metrics))
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Result<String, StatusCode> {
    metrics.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
