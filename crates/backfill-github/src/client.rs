//! The one path to GitHub: every request of this crate is sent from here, and nowhere else.
//!
//! It asks the governor before each query and tells it of each answer. It must not know what a
//! query means; `repository` and `chunk` do.

mod certificate;
mod patience;
mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use backfill_engine::budget::{BudgetSnapshot, RateLimit};
use http::HeaderMap;
use reqwest::{Response, Url};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::auth::Token;
use crate::config::{Config, Exchange};
use crate::decode::answer::{Answer, open};
use crate::decode::envelope::{Told, told};
use crate::decode::limits::{LimitHeaders, to_our_clock};
use crate::decode::refusal::{Answered, Refusal};
use crate::decode::sanitise::sanitise;
use crate::error::Error;
use crate::governor::{Departure, Flight, Governor, Identities};
use crate::queries::WideInt;
use crate::queries::resolve::Viewer;

/// How long a query waits for response seconds before it goes out all the same.
const LONGEST_CLEARANCE: Duration = Duration::from_mins(3);

/// HTTP status of a token that GitHub does not know.
const UNKNOWN_CREDENTIAL: u16 = 401;

/// Everything that clients of one GitHub share: connections and governors.
#[derive(Clone, Debug)]
pub struct GitHub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    http: reqwest::Client,
    endpoint: Url,
    identities: Identities,
}

impl GitHub {
    /// Sets up the connections. Nothing is sent. A rustls provider must be installed.
    pub fn new(config: Config) -> Result<Self, Error> {
        let endpoint = config.endpoint()?;
        let http = config.connections(&endpoint)?;
        let identities = Identities::new(config.clock);
        let shared = Shared { config, http, endpoint, identities };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A client with this credential; cheap.
    pub fn client(&self, token: SecretString) -> Client {
        let token = Token::new(token);
        let shared = Arc::clone(&self.shared);
        let waited_ms = Arc::default();
        Client { shared, token, secret: None, flow: String::new(), floor: 0, waited_ms }
    }
}

/// One credential's way to GitHub.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    token: Token,
    secret: Option<String>,
    flow: String,
    floor: i64,
    waited_ms: Arc<AtomicU64>,
}

/// A query ready to be sent.
pub(crate) struct Query<'a> {
    /// Its name, by which logs and the stand-in know it.
    pub(crate) operation: &'static str,
    pub(crate) text: &'a str,
    pub(crate) variables: serde_json::Value,
    /// What it will cost by GitHub's formula.
    pub(crate) points: i64,
    /// Points that must be left after it.
    pub(crate) floor: i64,
}

/// What was spent on a piece of work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) requests: i64,
    pub(crate) points: i64,
    pub(crate) removed_characters: i64,
}

impl Client {
    /// Spends for `flow` (the backfill, as the governor's fair queue knows it), and starts no
    /// chunk that would touch the last `floor` points.
    #[must_use]
    pub fn spending_for(mut self, flow: impl Into<String>, floor: i64) -> Self {
        self.flow = flow.into();
        self.floor = floor;
        self
    }

    /// Where the token is kept, as `namespace/name`. All installations of an app are one account
    /// to GitHub, each with points of its own, and their tokens change by the hour. A new token
    /// starts with the hold of the one before it.
    #[must_use]
    pub fn kept_in(mut self, secret: impl Into<String>) -> Self {
        let secret = secret.into();
        self.shared.identities.kept_in(self.token.hash(), &secret);
        self.secret = Some(secret);
        self
    }

    /// Names the token without telling it.
    pub fn token_hash(&self) -> &str {
        self.token.hash()
    }

    /// Whose budget is spent: `viewer:<id>` once [`Client::resolve`] told it, of an installation
    /// of an app `app:<id>:<secret>`, else `token:<hash>`.
    pub fn identity(&self) -> String {
        self.shared.identities.of(self.token.hash())
    }

    /// The governor of that budget, shared with all clients of the identity.
    pub fn governor(&self) -> Arc<Governor> {
        self.shared.identities.governor(self.token.hash())
    }

    /// How long queries waited for room in the minute, those that still wait included.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Relaxed))
    }

    /// Points that are kept back when a chunk starts.
    pub(crate) fn floor(&self) -> i64 {
        self.floor
    }

    /// The token turned out to be this account's.
    fn learn_viewer(&self, viewer: Viewer) {
        let Viewer { database_id: Some(WideInt(github_id)), login } = viewer else { return };
        let identity = match &self.secret {
            Some(secret) if login.ends_with("[bot]") => format!("app:{github_id}:{secret}"),
            None if login.ends_with("[bot]") => return,
            _ => format!("viewer:{github_id}"),
        };
        self.shared.identities.learn(self.token.hash(), &identity);
    }

    /// No answer has told yet, here or to an earlier process, whose token it is.
    pub fn is_stranger(&self) -> bool {
        self.identity().starts_with("token:")
    }

    /// What an earlier process knew of the token: whose it is, and the state of that budget.
    pub fn recall(&self, identity: &str, budget: &BudgetSnapshot) {
        self.shared.identities.learn(self.token.hash(), identity);
        self.governor().restore(budget);
    }

    /// Sends a query when the governor lets it, and returns its data if all of it came.
    pub(crate) async fn send(&self, query: Query<'_>, spent: &mut Spent) -> Result<Answer, Error> {
        let governor = self.governor();
        let authorization = self.token.header()?;
        let flight = self.depart(&governor, &query).await?;
        let body = serde_json::json!({
            "operationName": query.operation, "query": query.text, "variables": query.variables,
        });
        let (started, before) = (Instant::now(), spent.points);
        let cleared = || flight.may_go_again(query.floor);
        let response = self.post(&authorization, &body.to_string(), cleared, spent).await;
        let result = match response {
            Ok(response) => self.receive(response, flight, &governor, &query, spent).await,
            Err(error) => {
                if matches!(error, Error::Unreachable(_) | Error::CertificateRefused(_)) {
                    flight.never_arrived();
                }
                Err(error)
            }
        };
        if let Err(error) = &result {
            tracing::debug!(operation = query.operation, %error, "GitHub query failed");
        }
        self.shared.config.on_answer.tell(Exchange {
            operation: query.operation,
            result: result.as_ref().err().map_or("ok", |error| error.reason().as_str()),
            seconds: started.elapsed().as_secs_f64(),
            points: spent.points - before,
        });
        result
    }

    /// Waits for room in the minute, but not for ever.
    async fn depart<'a>(
        &'a self,
        governor: &'a Governor,
        query: &Query<'_>,
    ) -> Result<Flight<'a>, Error> {
        let deadline = Instant::now() + LONGEST_CLEARANCE;
        loop {
            match governor.depart(&self.flow, query.points, query.floor)? {
                Departure::Off(flight) => return Ok(flight),
                Departure::Wait(_) if Instant::now() > deadline => {
                    return Ok(governor.depart_late(&self.flow, query.points));
                }
                Departure::Wait(until) => {
                    let wait = until.duration_since((self.shared.config.clock)());
                    let wait: Duration = wait.try_into().unwrap_or_default();
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    self.waited_ms.fetch_add(wait_ms, Relaxed);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn receive(
        &self,
        response: Response,
        mut flight: Flight<'_>,
        governor: &Governor,
        query: &Query<'_>,
        spent: &mut Spent,
    ) -> Result<Answer, Error> {
        let status = response.status().as_u16();
        let arrived = (self.shared.config.clock)();
        let headers = LimitHeaders::read(response.headers(), arrived, flight.elapsed());
        let request_id = request_id(response.headers());
        // Whom GitHub does not know, it tells the limit of the address that asks.
        if let Some(told) = headers.rate_limit.filter(|_| status != UNKNOWN_CREDENTIAL) {
            governor.observe(told);
        }
        let body = self.read_body(response, &flight).await;
        let elapsed = flight.elapsed();
        let mut beside = Told::default();
        let opened = body.and_then(|body| {
            let (text, removed) = sanitise(body);
            spent.removed_characters += removed;
            beside = told(&text);
            open(text, &Answered { status, headers: &headers, elapsed })
                .map_err(|refusal| settle(refusal, governor, &headers))
        });
        let price = beside.rate_limit.filter(|_| opened.is_ok());
        let points = price.as_ref().map_or(query.points, |price| price.cost.into());
        spent.points += points;
        flight.charge(points);
        if let Some(price) = price {
            governor.observe(RateLimit {
                limit: price.limit.into(),
                remaining: price.remaining.into(),
                reset_at: Some(to_our_clock(price.reset_at, headers.skew)),
            });
        }
        // At last, so that what was learned of the budget goes with the token.
        if let Some(viewer) = beside.viewer {
            self.learn_viewer(viewer);
        }
        tracing::debug!(
            operation = query.operation,
            status,
            points,
            seconds = elapsed.as_secs_f64(),
            remaining = headers.remaining,
            request_id,
            "GitHub query"
        );
        Ok(Answer { found: opened?, seconds: elapsed.as_secs_f64() })
    }
}

/// Lets the governor say until when a limit holds.
fn settle(refusal: Refusal, governor: &Governor, headers: &LimitHeaders) -> Error {
    match refusal {
        Refusal::Primary => governor.exhausted(headers.retry_after),
        Refusal::Secondary => governor.slow_down(headers.retry_after),
        Refusal::Other(error) => error,
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get("x-github-request-id");
    id.and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}
