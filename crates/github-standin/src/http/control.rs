//! The routes under `/_standin/` that tests and people steer a stand-in with, and GitHub's own
//! `GET /rate_limit`.
//!
//! This file must not know GraphQL.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Server, answers, graphql};
use crate::Error;
use crate::faults::Plan;
use crate::gate::Limits;
use crate::ledger::Ledger;
use crate::standin::lock;
use crate::world::Totals;

/// Lines of a dump that are made at a time.
const DUMP_PIECE: usize = 64;

/// What a dump is asked for.
#[derive(Deserialize)]
pub struct Which {
    repository: Option<String>,
    #[serde(default)]
    kind: Dumped,
}

/// What a dump shows.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Dumped {
    #[default]
    PullRequest,
    Issue,
}

fn fine(body: &Value) -> Response<Body> {
    answers::json(StatusCode::OK, body.to_string())
}

fn refused(error: &Error) -> Response<Body> {
    answers::bad_request(&json!({"message": error.to_string()}))
}

/// `GET /_standin/requests`.
pub async fn requests(State(server): State<Arc<Server>>) -> Response<Body> {
    fine(&json!(*lock(&server.standin.ledger)))
}

/// `DELETE /_standin/requests`.
pub async fn forget(State(server): State<Arc<Server>>) -> Response<Body> {
    let before = std::mem::take(&mut *lock(&server.standin.ledger));
    fine(&json!(before))
}

/// `POST /_standin/faults`.
pub async fn faults(State(server): State<Arc<Server>>, body: String) -> Response<Body> {
    match Plan::parse(&body) {
        Ok(plan) => {
            *lock(&server.standin.plan) = plan;
            fine(&json!({}))
        }
        Err(error) => refused(&error),
    }
}

/// `GET /_standin/limits`.
pub async fn limits(State(server): State<Arc<Server>>) -> Response<Body> {
    fine(&json!(lock(&server.standin.gate).limits()))
}

/// `POST /_standin/limits`.
pub async fn set_limits(State(server): State<Arc<Server>>, body: String) -> Response<Body> {
    match serde_json::from_str::<Limits>(&body) {
        Ok(limits) => {
            lock(&server.standin.gate).set_limits(limits);
            fine(&json!({}))
        }
        Err(source) => refused(&Error::Line { place: "limits".into(), source }),
    }
}

/// `POST /_standin/world`: one change a line; those before a refused one stay done.
pub async fn change(State(server): State<Arc<Server>>, body: String) -> Response<Body> {
    let now = server.standin.clock.now();
    let mut world = server.standin.world.write().unwrap_or_else(PoisonError::into_inner);
    let mut changed = 0;
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        if let Err(error) = world.change(line, now) {
            let message = error.to_string();
            return answers::bad_request(&json!({"message": message, "changed": changed}));
        }
        changed += 1;
    }
    fine(&json!({"changed": changed}))
}

/// `GET /_standin/world?repository=owner/name[&kind=issue]`: the pull requests (by database id)
/// or issues (by number) as they are now, one world line each.
pub async fn dump(State(server): State<Arc<Server>>, Query(which): Query<Which>) -> Response<Body> {
    let Some(name) = which.repository else {
        return answers::bad_request(&json!({"message": "`?repository=owner/name` is missing"}));
    };
    let numbers: Vec<u32> = {
        let world = server.standin.world.read().unwrap_or_else(PoisonError::into_inner);
        let Some((_, repository)) = world.repository(&name, true) else {
            return refused(&Error::Absent(format!("repository {name}")));
        };
        match which.kind {
            Dumped::PullRequest => repository.index.all().map(|entry| entry.number).collect(),
            Dumped::Issue => repository.issues.keys().copied().collect(),
        }
    };
    let pieces: Vec<Vec<u32>> = numbers.chunks(DUMP_PIECE).map(<[u32]>::to_vec).collect();
    let lines = stream::iter(pieces.into_iter().map(move |numbers| {
        let world = server.standin.world.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let repository = world.repository(&name, true).map(|(_, repository)| repository);
        for (repository, number) in
            repository.into_iter().flat_map(|one| numbers.iter().map(move |number| (one, *number)))
        {
            let line = match which.kind {
                Dumped::PullRequest => world.pull_request_line(repository, number),
                Dumped::Issue => world.issue_line(repository, number),
            };
            text.extend(line.map(|line| line + "\n"));
        }
        Ok::<Bytes, Infallible>(text.into())
    }));
    let mut response = Response::new(Body::from_stream(lines));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// `GET /_standin/totals`: how much each repository holds.
pub async fn totals(State(server): State<Arc<Server>>) -> Response<Body> {
    let world = server.standin.world.read().unwrap_or_else(PoisonError::into_inner);
    let totals: BTreeMap<&str, Totals> = world
        .repositories()
        .map(|repository| (repository.facts.name_with_owner.as_str(), repository.totals()))
        .collect();
    fine(&json!(totals))
}

/// `GET /rate_limit`, which is free.
pub async fn rate_limit(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<Body> {
    let standin = &server.standin;
    let Some(token) = graphql::token(&headers).filter(|token| standin.knows(token)) else {
        return answers::unauthorized("Bad credentials");
    };
    let now = standin.clock.seconds();
    let budget = lock(&standin.gate).primary(&token, now);
    let graphql = json!({
        "limit": budget.limit,
        "used": budget.used,
        "remaining": budget.remaining(),
        "reset": budget.reset.0,
        "resource": "graphql",
    });
    let reset = crate::clock::moment(now).0 + 3_600;
    let core = json!({"limit": 5_000, "used": 0, "remaining": 5_000, "reset": reset});
    Ledger::count(&mut lock(&standin.ledger).by_operation, "GET /rate_limit");
    fine(&json!({"resources": {"core": core, "graphql": graphql}, "rate": core}))
}
