//! One HTTP exchange: a request out, a body in. Must not know what is asked, nor what it costs.

use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::Response;
use tokio::time::Instant;

use super::{Client, Spent, certificate};
use crate::error::Error;
use crate::governor::Flight;

/// A connection that breaks before the first byte of an answer, and so fast, never got to
/// running the query: it is sent once more if it still may. Later breaks are a sign of its size.
const QUICK_BREAK: Duration = Duration::from_secs(1);

impl Client {
    pub(super) async fn post(
        &self,
        authorization: &HeaderValue,
        body: &str,
        cleared: impl Fn() -> bool,
        spent: &mut Spent,
    ) -> Result<Response, Error> {
        let started = Instant::now();
        let mut send = || {
            spent.requests += 1;
            self.shared
                .http
                .post(self.shared.endpoint.clone())
                .header(AUTHORIZATION, authorization.clone())
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned())
                .send()
        };
        let first = send().await;
        let quick = started.elapsed() < QUICK_BREAK;
        let response = match first {
            Err(error) if !error.is_timeout() && (error.is_connect() || quick) && cleared() => {
                send().await
            }
            other => other,
        };
        response.map_err(|error| transport_error(error, started.elapsed()))
    }

    pub(super) async fn read_body(
        &self,
        mut response: Response,
        flight: &Flight<'_>,
    ) -> Result<Vec<u8>, Error> {
        let limit_bytes = self.shared.config.max_body_bytes;
        let mut body = Vec::new();
        loop {
            let piece =
                response.chunk().await.map_err(|error| transport_error(error, flight.elapsed()));
            match piece? {
                None => return Ok(body),
                Some(piece) if body.len() + piece.len() > limit_bytes => {
                    return Err(Error::Oversized { limit_bytes, elapsed: flight.elapsed() });
                }
                Some(piece) => body.extend_from_slice(&piece),
            }
        }
    }
}

fn transport_error(error: reqwest::Error, elapsed: Duration) -> Error {
    let error = error.without_url();
    if error.is_timeout() && !error.is_connect() {
        Error::TimedOut { status: None, elapsed }
    } else if error.is_connect() {
        match certificate::wrong(&error) {
            Some(why) => Error::CertificateRefused(why),
            None => Error::Unreachable(error.into()),
        }
    } else {
        Error::Interrupted { elapsed, source: error.into() }
    }
}
