//! The stand-in as a whole: a world, the limits over it, the fault plan, and the ledger.
//!
//! One GraphQL call goes through here in order: may it come in, is it a query, what does it cost,
//! what is the answer, does the plan spoil it. This file must not know HTTP.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::clock::Clock;
use crate::faults::{Hit, Plan, Request, Wrong};
use crate::gate::{Gate, Limits, Primary, Sin, Wait};
use crate::graphql::document::{Documents, Planned};
use crate::graphql::execute::{Blast, Budget, Outcome, Scene, execute};
use crate::graphql::failure::Failure;
use crate::graphql::paging;
use crate::graphql::plan::Field;
use crate::ledger::{Ledger, Violation};
use crate::world::model::Account;
use crate::world::{World, ids};

/// Everything a running stand-in shares.
pub struct Standin {
    /// The state that is served.
    pub world: RwLock<World>,
    /// The limits of each credential.
    pub gate: Mutex<Gate>,
    /// The fault plan in force.
    pub plan: Mutex<Plan>,
    /// What clients did.
    pub ledger: Mutex<Ledger>,
    /// The time.
    pub clock: Clock,
    documents: Documents,
    tokens: HashSet<String>,
}

/// A GraphQL request's body.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// The document.
    #[serde(default, rename = "query")]
    pub text: Option<String>,
    /// The variables.
    #[serde(default)]
    pub variables: Option<Map<String, Value>>,
    /// Which operation of the document.
    #[serde(default)]
    pub operation_name: Option<String>,
}

/// How a call ends, before it is put into HTTP.
#[derive(Debug)]
pub enum Reply {
    /// A GraphQL answer: `data` if there is any, and the errors.
    Answer { data: Option<String>, failures: Vec<Failure> },
    /// Nothing remains of the primary limit.
    Exhausted,
    /// A secondary limit was reached.
    Secondary(Option<Wait>),
    /// The plan spoils the answer that would have been this.
    Spoiled { answer: Wrong, data: String, failures: Vec<Failure> },
}

/// One call as the log and the HTTP layer need to know it.
#[derive(Debug)]
pub struct Call {
    pub reply: Reply,
    pub operation: String,
    pub cost: u64,
    pub nodes: u64,
    pub wrong: Option<String>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Standin {
    /// A stand-in over a world. No tokens means that any token will do.
    pub fn new(
        world: World,
        limits: Limits,
        tokens: &[String],
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Standin {
            world: RwLock::new(world),
            gate: Mutex::new(Gate::new(limits)),
            plan: Mutex::default(),
            ledger: Mutex::default(),
            clock,
            documents: Documents::new()?,
            tokens: tokens.iter().cloned().collect(),
        })
    }

    /// Puts a fault plan in force.
    pub fn set_plan(&self, plan: Plan) {
        *lock(&self.plan) = plan;
    }

    /// Whether a token is one of the configured set.
    pub fn knows(&self, token: &str) -> bool {
        self.tokens.is_empty() || self.tokens.contains(token)
    }

    /// Notes a sin.
    pub fn note(&self, kind: Sin, operation: &str, message: impl Into<String>) {
        let operation = operation.to_owned();
        let violation =
            Violation { kind, operation, message: message.into(), at: self.clock.now() };
        lock(&self.ledger).violation(violation);
    }

    /// Answers a call. `refused` is what the gate said when the request came in.
    pub fn call(&self, credential: &str, query: &Query, refused: Option<Wait>) -> Call {
        let text = query.text.as_deref().unwrap_or_default();
        let operation = operation_name(query.operation_name.as_deref(), text);
        Ledger::count(&mut lock(&self.ledger).by_operation, &operation);
        let none = Map::new();
        let variables = query.variables.as_ref().unwrap_or(&none);
        let planned = self.documents.plan(text, query.operation_name.as_deref(), variables);
        let mut call = Call { reply: Reply::Exhausted, operation, cost: 0, nodes: 0, wrong: None };
        let only_budget = planned.as_ref().is_ok_and(Planned::only_budget);
        let now = self.clock.seconds();
        if !only_budget && lock(&self.gate).goes_on(credential, now) {
            self.note(Sin::AfterExhaustion, &call.operation, "request before the reset");
        }
        call.reply = match (refused, planned) {
            (Some(wait), _) => Reply::Secondary(Some(wait)),
            (None, Err(failures)) => {
                let message = failures.first().map_or("", |failure| failure.message.as_str());
                self.note(Sin::InvalidQuery, &call.operation, message);
                Reply::Answer { data: None, failures }
            }
            (None, Ok(planned)) => self.run(credential, &planned, &mut call),
        };
        call
    }

    fn run(&self, credential: &str, planned: &Planned, call: &mut Call) -> Reply {
        let now = self.clock.seconds();
        call.nodes = planned.price.nodes;
        if planned.dry_run() {
            let budget = lock(&self.gate).primary(credential, now);
            let only = |field: &&Field| field.name == "rateLimit";
            let outcome = self.answer(credential, planned, budget, None, only);
            return Reply::Answer { data: Some(outcome.data), failures: outcome.failures };
        }
        if let Some(failure) = planned.price.refusal() {
            self.note(Sin::TooManyNodes, &call.operation, failure.message.as_str());
            return Reply::Answer { data: None, failures: vec![failure] };
        }
        let cost = if planned.only_budget() { 0 } else { planned.price.points() };
        let charged = lock(&self.gate).charge(credential, cost, now);
        let Ok(budget) = charged else { return Reply::Exhausted };
        call.cost = cost;
        lock(&self.ledger).points += cost;
        let outcome = self.answer(credential, planned, budget, None, |_| true);
        for failure in outcome.failures.iter().filter(|failure| paging::is_sin(failure)) {
            self.note(Sin::PageSize, &call.operation, failure.message.as_str());
        }
        let request = Request {
            operation: &call.operation,
            largest_page: largest_page(&planned.fields),
            heavy: &outcome.heavy,
            credential,
        };
        let hit = lock(&self.plan).hit(&request);
        let served = match &hit {
            None => true,
            Some(hit) => matches!(hit.answer, Wrong::Slow { .. }),
        };
        if served {
            self.count_pages(&call.operation, &outcome.pages);
        }
        match hit {
            None => Reply::Answer { data: Some(outcome.data), failures: outcome.failures },
            Some(hit) => self.spoil(credential, planned, budget, hit, outcome, call),
        }
    }

    fn spoil(
        &self,
        credential: &str,
        planned: &Planned,
        budget: Primary,
        hit: Hit,
        outcome: Outcome,
        call: &mut Call,
    ) -> Reply {
        let now = self.clock.seconds();
        Ledger::count(&mut lock(&self.ledger).by_answer, &hit.name);
        call.wrong = Some(hit.name.clone());
        let mut gate = lock(&self.gate);
        match hit.answer {
            Wrong::RateLimitOld | Wrong::RateLimitNew => gate.exhaust(credential, now),
            Wrong::Secondary { seconds } => {
                gate.tell_to_wait(credential, now, seconds);
            }
            Wrong::Unauthorized => {
                gate.refund(credential, call.cost);
                lock(&self.ledger).points -= call.cost;
            }
            Wrong::BadGatewayJson
            | Wrong::GatewayTimeoutJson
            | Wrong::GatewayTimeoutPlain
            | Wrong::TimeoutUnder200 => {
                let extra = gate.limits().timeout_points;
                let _ = gate.charge(credential, extra, now);
            }
            _ => {}
        }
        drop(gate);
        let (data, failures) = match blast(&hit) {
            Some(blast) => {
                let outcome = self.answer(credential, planned, budget, Some(blast), |_| true);
                (outcome.data, outcome.failures)
            }
            None if hit.answer == Wrong::NotFound => not_found(&planned.fields),
            None => (outcome.data, outcome.failures),
        };
        Reply::Spoiled { answer: hit.answer, data, failures }
    }

    fn answer(
        &self,
        credential: &str,
        planned: &Planned,
        budget: Primary,
        blast: Option<Blast>,
        wanted: impl Fn(&&Field) -> bool,
    ) -> Outcome {
        let world = self.world.read().unwrap_or_else(PoisonError::into_inner);
        let scene = Scene {
            world: &world,
            budget: Budget {
                cost: planned.price.points(),
                limit: budget.limit,
                node_count: planned.price.nodes,
                remaining: budget.remaining(),
                used: budget.used,
                reset_at: budget.reset,
            },
            viewer: viewer(credential),
            blast,
        };
        execute(&scene, planned.fields.iter().filter(wanted))
    }

    fn count_pages(&self, operation: &str, pages: &[(String, String)]) {
        let mut ledger = lock(&self.ledger);
        for (repository, cursor) in pages {
            let key = format!("{repository} {operation} {cursor}");
            Ledger::count(&mut ledger.pages_by_cursor, &key);
        }
    }
}

/// The account behind a token: the same token is always the same user.
pub fn viewer(credential: &str) -> Account {
    let id = ids::hashed(credential);
    Account { login: format!("viewer-{id}"), database_id: id, ..Account::default() }
}

/// The operation's name: the one asked for, else the first in the text, else `anonymous`.
fn operation_name(asked: Option<&str>, text: &str) -> String {
    let name_start = |rest: &str| -> Option<String> {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].to_owned())
    };
    let words =
        || text.trim_start().strip_prefix("query").or(text.trim_start().strip_prefix("mutation"));
    asked.map(str::to_owned).or_else(|| name_start(words()?)).unwrap_or_else(|| "anonymous".into())
}

/// The largest `pullRequests` page or `nodes` list of a query.
fn largest_page(fields: &[Field]) -> u64 {
    let own = |field: &Field| -> u64 {
        let size = match field.name.as_str() {
            "pullRequests" => field.number("first").or(field.number("last")),
            "nodes" => {
                let ids = field.arguments.get("ids").and_then(Value::as_array);
                ids.and_then(|ids| i64::try_from(ids.len()).ok())
            }
            _ => None,
        };
        u64::try_from(size.unwrap_or(0)).unwrap_or(0)
    };
    let inner = |field: &Field| field.children.iter().map(|(_, all)| largest_page(all)).max();
    fields.iter().map(|field| own(field).max(inner(field).unwrap_or(0))).max().unwrap_or(0)
}

/// Which pull requests an answer of the plan makes null.
fn blast(hit: &Hit) -> Option<Blast> {
    let (failure, first_only) = match hit.answer {
        Wrong::ResourceLimits => {
            let message = "Resource limits for this query exceeded.";
            (Failure::new("RESOURCE_LIMITS_EXCEEDED", message), false)
        }
        Wrong::NullNode => {
            let message = "Something went wrong while executing your query. Please include \
                           `5AFE:0000` when reporting this issue.";
            (Failure { message: message.into(), ..Failure::default() }, hit.number.is_none())
        }
        _ => return None,
    };
    Some(Blast { number: hit.number, first_only, failure })
}

/// Every root object gone.
fn not_found(fields: &[Field]) -> (String, Vec<Failure>) {
    let objects = fields.iter().filter(|field| !field.children.is_empty());
    let objects: Vec<&Field> = objects.filter(|field| field.name != "rateLimit").collect();
    let data: Map<String, Value> =
        objects.iter().map(|field| (field.key.clone(), Value::Null)).collect();
    let failures = objects.iter().map(|field| {
        let mut failure = crate::graphql::missing(field);
        failure.path = vec![crate::graphql::failure::Step::Key(field.key.clone())];
        failure.position = Some(field.position);
        failure
    });
    (Value::from(data).to_string(), failures.collect())
}
