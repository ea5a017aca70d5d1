//! The probes: is the event loop alive, and has the operator seen its objects once.
//!
//! A database or GitHub that is down is no reason to restart this process, so neither probe asks
//! them; the objects' conditions tell that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

/// What the probes answer from.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
}

impl Health {
    /// The objects were listed once: from now on `/readyz` answers 200.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether the objects were listed once.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

/// `GET /livez`: 200 as long as the event loop runs.
pub async fn live() -> &'static str {
    "ok"
}

/// `GET /readyz`: 200 once the objects were listed.
pub async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    if health.is_ready() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the objects have not been listed yet")
    }
}
