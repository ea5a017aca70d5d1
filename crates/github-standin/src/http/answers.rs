//! Every shape an answer can have on the wire, the right ones and GitHub's wrong ones.
//!
//! The wrong ones are copied from answers that people met (github-api.md sections 2.1 to 2.4).
//! This file must not decide who gets which.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::faults::Wrong;
use crate::gate::Wait;
use crate::graphql::failure::Failure;
use crate::world::Moment;

const JSON: &str = "application/json; charset=utf-8";
const DOCS: &str = "https://docs.github.com";
/// A body is sent in pieces of this size when it is huge.
const PIECE: usize = 64 * 1024;
/// Long enough for half a body to leave.
const FLUSH: Duration = Duration::from_millis(20);

/// A JSON answer.
pub fn json(status: StatusCode, body: String) -> Response<Body> {
    typed(status, JSON, body)
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A GraphQL answer.
pub fn graphql(written: Option<&str>, failures: &[Failure]) -> Response<Body> {
    json(StatusCode::OK, graphql_body(written, failures))
}

fn graphql_body(written: Option<&str>, failures: &[Failure]) -> String {
    let mut parts = Vec::new();
    if let Some(written) = written {
        parts.push(format!("\"data\":{written}"));
    }
    if !failures.is_empty() {
        let list = serde_json::to_string(failures).unwrap_or_else(|_| "[]".into());
        parts.push(format!("\"errors\":{list}"));
    }
    format!("{{{}}}", parts.join(","))
}

/// No `User-Agent`.
pub fn forbidden() -> Response<Body> {
    let body = "\r\nRequest forbidden by administrative rules. Please make sure your request has \
                a User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-\
                rest-api#user-agent-required). Check https://developer.github.com for other \
                possible causes.\r\n";
    typed(StatusCode::FORBIDDEN, "text/html", body)
}

/// A token that is not, or no longer, good.
pub fn unauthorized(message: &str) -> Response<Body> {
    let body = json!({"message": message, "documentation_url": DOCS, "status": "401"});
    json(StatusCode::UNAUTHORIZED, body.to_string())
}

/// A body that is no GraphQL request.
pub fn bad_request(body: &serde_json::Value) -> Response<Body> {
    json(StatusCode::BAD_REQUEST, body.to_string())
}

/// A secondary limit; GitHub may leave `Retry-After` out.
pub fn secondary(wait: Option<Wait>, request_id: &str) -> Response<Body> {
    let body = json!({
        "documentation_url": format!(
            "{DOCS}/graphql/overview/rate-limits-and-node-limits-for-the-graphql-api\
             #secondary-rate-limits"
        ),
        "message": format!(
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try \
             again. If you reach out to GitHub Support for help, please include the request ID \
             {request_id}."
        ),
    });
    let mut response = json(StatusCode::FORBIDDEN, body.to_string());
    if let Some(Wait(seconds)) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The primary limit, in the form seen since late 2025.
pub fn exhausted(user: u64) -> Response<Body> {
    let body = json!({"errors": [{
        "type": "RATE_LIMIT",
        "code": "graphql_rate_limit",
        "message": format!("API rate limit already exceeded for user ID {user}."),
    }]});
    json(StatusCode::OK, body.to_string())
}

fn exhausted_old(user: u64) -> Response<Body> {
    let body = json!({"errors": [{
        "type": "RATE_LIMITED",
        "message": format!("API rate limit exceeded for user ID {user}."),
    }]});
    json(StatusCode::OK, body.to_string())
}

/// What a wrong answer is made from.
pub struct Spoiled<'a> {
    pub answer: &'a Wrong,
    pub written: &'a str,
    pub failures: &'a [Failure],
    pub user: u64,
    pub request_id: &'a str,
    pub now: Moment,
}

/// A wrong answer; `slow` is only late, and `reset` never gets this far.
pub fn wrong(spoiled: &Spoiled<'_>) -> Response<Body> {
    match spoiled.answer {
        Wrong::BadGatewayJson => json(StatusCode::BAD_GATEWAY, timeout_body(spoiled)),
        Wrong::TimeoutUnder200 => json(StatusCode::OK, timeout_body(spoiled)),
        Wrong::BadGatewayHtml => {
            let body = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                        <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\
                        \r\n</body>\r\n</html>\r\n";
            typed(StatusCode::BAD_GATEWAY, "text/html", body)
        }
        Wrong::GatewayTimeoutJson => {
            let message = "We couldn't respond to your request in time. Sorry about that. Please \
                           try resubmitting your request and contact us if the problem persists.";
            json(StatusCode::GATEWAY_TIMEOUT, json!({"message": message}).to_string())
        }
        Wrong::GatewayTimeoutPlain => {
            typed(StatusCode::GATEWAY_TIMEOUT, "text/plain", "504 Gateway Timeout")
        }
        Wrong::RateLimitOld => exhausted_old(spoiled.user),
        Wrong::RateLimitNew => exhausted(spoiled.user),
        Wrong::Secondary { seconds } => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a plan's seconds lie between 0 and 3,600"
            )]
            let wait = Wait(seconds.ceil().max(1.0) as u64);
            secondary(Some(wait), spoiled.request_id)
        }
        Wrong::SecondaryNoRetryAfter => secondary(None, spoiled.request_id),
        Wrong::Unauthorized => unauthorized("Bad credentials"),
        Wrong::Html => typed(StatusCode::OK, "text/html", UNICORN),
        Wrong::Huge { bytes } => huge(*bytes),
        Wrong::Truncate => truncated(graphql_body(Some(spoiled.written), spoiled.failures)),
        Wrong::Slow { .. }
        | Wrong::Reset
        | Wrong::ResourceLimits
        | Wrong::NullNode
        | Wrong::NotFound => graphql(Some(spoiled.written), spoiled.failures),
    }
}

const UNICORN: &str = "<!DOCTYPE html>\n<html>\n<head><title>Unicorn! &middot; GitHub</title>\
    </head>\n<body>\n<p><strong>We had issues producing the response to your request.</strong>\
    </p>\n</body>\n</html>\n";

fn timeout_body(spoiled: &Spoiled<'_>) -> String {
    let message = format!(
        "Something went wrong while executing your query on {}. This may be the result of a \
         timeout, or it could be a GitHub bug. Please include `{}` when reporting this issue.",
        spoiled.now.to_string().replace('Z', "+00:00"),
        spoiled.request_id,
    );
    json!({"data": null, "errors": [{"message": message}]}).to_string()
}

/// Announces the whole body, sends half of it and hangs up.
fn truncated(body: String) -> Response<Body> {
    let length = body.len();
    let mut half = body.into_bytes();
    half.truncate(length / 2);
    // The error must come later than the half, or hyper drops what it has not flushed yet.
    let cut = async {
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
    };
    let pieces = stream::iter([Ok(Bytes::from(half))]).chain(stream::once(cut));
    let mut response = typed(StatusCode::OK, JSON, Body::from_stream(pieces));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

/// A valid answer of exactly this size (at least that of its frame), sent in pieces.
fn huge(bytes: u64) -> Response<Body> {
    const HEAD: &str = "{\"data\":{\"padding\":\"";
    const TAIL: &str = "\"}}";
    let filling = usize::try_from(bytes).unwrap_or(usize::MAX)
        - (HEAD.len() + TAIL.len()).min(usize::try_from(bytes).unwrap_or(usize::MAX));
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let whole = (0..filling / PIECE).map(move |_| piece.clone());
    let rest = Bytes::from(vec![b'x'; filling % PIECE]);
    let pieces = [Bytes::from_static(HEAD.as_bytes())].into_iter().chain(whole);
    let pieces = pieces.chain([rest, Bytes::from_static(TAIL.as_bytes())]);
    let stream = stream::iter(pieces.map(Ok::<Bytes, Infallible>));
    let mut response = typed(StatusCode::OK, JSON, Body::from_stream(stream));
    let length = HEAD.len() + filling + TAIL.len();
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}
