//! `POST /graphql`: from a request to an answer with GitHub's headers.
//!
//! This file must not know what queries mean or how wrong answers look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::{Value, json};

use super::Server;
use super::answers::{self, Spoiled};
use super::wire::Scissors;
use crate::faults::Wrong;
use crate::gate::{Sin, Wait};
use crate::ledger::Ledger;
use crate::standin::{Call, Query, Reply, Standin, lock, viewer};
use crate::world::ids;

/// A request that is at work; it leaves the gate even if the client hangs up.
struct AtWork<'s> {
    standin: &'s Standin,
    credential: &'s str,
    entered: f64,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let now = self.standin.clock.seconds();
        lock(&self.standin.gate).leave(self.credential, self.entered, now);
    }
}

/// Answers one GraphQL request.
pub async fn graphql(
    State(server): State<Arc<Server>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let standin = &server.standin;
    let request_id = request_id();
    let token = token(&headers);
    let entered = standin.clock.seconds();
    lock(&standin.ledger).requests += 1;
    let (mut response, call) = if headers.get(USER_AGENT).is_none_or(HeaderValue::is_empty) {
        standin.note(Sin::NoUserAgent, "", "no User-Agent header");
        (answers::forbidden(), None)
    } else if let Some(token) = token.as_deref().filter(|token| standin.knows(token)) {
        admitted(&server, &scissors, token, &body, &request_id).await
    } else if token.is_some() {
        (answers::unauthorized("Bad credentials"), None)
    } else {
        (answers::unauthorized("This endpoint requires you to be authenticated."), None)
    };
    finish(standin, token.as_deref(), &request_id, &mut response);
    let reset = call.as_ref().and_then(|call| call.wrong.as_deref()) == Some("reset");
    let status = if reset { "reset".to_owned() } else { response.status().as_u16().to_string() };
    Ledger::count(&mut lock(&standin.ledger).by_status, &status);
    if let Some(log) = &server.log {
        log.write(&line(standin, token.as_deref(), &status, call.as_ref(), &body, entered));
    }
    response
}

async fn admitted(
    server: &Server,
    scissors: &Scissors,
    token: &str,
    body: &[u8],
    request_id: &str,
) -> (Response<Body>, Option<Call>) {
    let standin = &server.standin;
    let entered = standin.clock.seconds();
    let (refused, sins) = lock(&standin.gate).enter(token, entered);
    let _at_work = AtWork { standin, credential: token, entered };
    let query = match read(body) {
        Ok(query) => query,
        Err(wrong) => {
            note_sins(standin, &sins, "", refused);
            return (answers::bad_request(&wrong), None);
        }
    };
    let call = standin.call(token, &query, refused);
    note_sins(standin, &sins, &call.operation, refused);
    let slow = match &call.reply {
        Reply::Spoiled { answer: Wrong::Slow { seconds }, .. } => *seconds,
        _ => 0.0,
    };
    let wait = server.latency + Duration::try_from_secs_f64(slow).unwrap_or_default();
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let user = viewer(token).database_id;
    let response = match &call.reply {
        Reply::Answer { written, failures } => answers::graphql(written.as_deref(), failures),
        Reply::Exhausted => answers::exhausted(user),
        Reply::Secondary(wait) => answers::secondary(*wait, request_id),
        Reply::Spoiled { answer, written, failures } => {
            if *answer == Wrong::Reset {
                scissors.cut();
            }
            let now = standin.clock.now();
            answers::wrong(&Spoiled { answer, written, failures, user, request_id, now })
        }
    };
    (response, Some(call))
}

fn note_sins(standin: &Standin, sins: &[Sin], operation: &str, refused: Option<Wait>) {
    for sin in sins {
        let left = refused.map_or(0, |wait| wait.0);
        standin.note(*sin, operation, format!("refused, {left} s to wait"));
    }
}

/// Reads a body, or gives the body of GitHub's refusal.
fn read(body: &[u8]) -> Result<Query, Value> {
    let parsed = serde_json::from_slice::<Value>(body)
        .map_err(|_| json!({"message": "Problems parsing JSON"}))?;
    let query: Option<Query> = serde_json::from_value(parsed).ok();
    query.filter(|query| query.text.is_some()).ok_or_else(|| {
        let message = "A query attribute must be specified and must be a string.";
        json!({"errors": [{"message": message}]})
    })
}

/// The bearer token of a request.
pub fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Adds the headers that every answer carries.
fn finish(standin: &Standin, token: Option<&str>, request_id: &str, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-github-request-id", request_id.to_owned());
    put("x-github-media-type", "github.v4; format=json".into());
    if standin.clock.is_set() {
        let now = standin.clock.now();
        let at = jiff::Timestamp::from_second(now.0).unwrap_or_default();
        put("date", at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    }
    let mut gate = lock(&standin.gate);
    if gate.limits().headers {
        let budget = gate.tell_budget(token.unwrap_or_default(), standin.clock.seconds());
        put("x-ratelimit-limit", budget.limit.to_string());
        put("x-ratelimit-remaining", budget.remaining().to_string());
        put("x-ratelimit-used", budget.used.to_string());
        put("x-ratelimit-reset", budget.reset.0.to_string());
        put("x-ratelimit-resource", "graphql".into());
    }
}

fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("5AFE:{:04X}:{:06X}:{:06X}:0", next & 0xffff, next >> 16, next)
}

/// A line of the log. The token is only there as a number that stands for it.
fn line(
    standin: &Standin,
    token: Option<&str>,
    status: &str,
    call: Option<&Call>,
    body: &[u8],
    entered: f64,
) -> Value {
    let query: Option<Query> = serde_json::from_slice(body).ok();
    json!({
        "at": crate::clock::moment(entered),
        "milliseconds": (standin.clock.seconds() - entered) * 1_000.0,
        "credential": token.map(ids::hashed),
        "operation": call.map(|call| &call.operation),
        "variables": query.and_then(|query| query.variables),
        "status": status,
        "answer": call.and_then(|call| call.wrong.as_ref()),
        "cost": call.map(|call| call.cost),
        "nodes": call.map(|call| call.nodes),
    })
}
