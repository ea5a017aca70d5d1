//! `GET /metrics`: what Prometheus scrapes, for everybody or for those who know the token.
//!
//! Must not know what the figures mean.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::metrics::Metrics;

/// The metrics, and who may read them.
pub struct Scrapes {
    metrics: Arc<Metrics>,
    /// The file that holds the token; everybody may read without one.
    token: Option<PathBuf>,
}

impl Scrapes {
    /// Errors if there is a file and no token in it.
    pub async fn new(metrics: Arc<Metrics>, token: Option<PathBuf>) -> anyhow::Result<Self> {
        let scrapes = Self { metrics, token };
        scrapes.is_allowed(&HeaderMap::new()).await?;
        Ok(scrapes)
    }

    /// Whether a request brings the token. Read anew each time: a Secret that was rotated counts
    /// at once, and a scrape comes every few seconds at most.
    async fn is_allowed(&self, headers: &HeaderMap) -> anyhow::Result<bool> {
        let Some(path) = &self.token else { return Ok(true) };
        let token = tokio::fs::read(path).await;
        let token = token.with_context(|| format!("{} cannot be read", path.display()))?;
        let token = token.trim_ascii();
        ensure!(!token.is_empty(), "{} is empty", path.display());
        let brought = headers.get(AUTHORIZATION).map(|value| value.as_bytes().trim_ascii());
        let brought = brought.and_then(|value| value.split_at_checked(SCHEME.len()));
        // By their hashes, so that the time it takes tells nothing of the token.
        Ok(brought.is_some_and(|(scheme, value)| {
            scheme.eq_ignore_ascii_case(SCHEME)
                && Sha256::digest(value.trim_ascii()) == Sha256::digest(token)
        }))
    }
}

const SCHEME: &[u8] = b"Bearer ";

/// 200 with the text format, 401 without the token, 503 while the token cannot be read.
pub async fn scrape(State(scrapes): State<Arc<Scrapes>>, headers: HeaderMap) -> Response {
    match scrapes.is_allowed(&headers).await {
        Ok(true) => match scrapes.metrics.render() {
            Ok(text) => text.into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Ok(false) => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response(),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "nobody may read the metrics");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
