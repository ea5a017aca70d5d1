//! The stand-in as a whole: a world, the limits over it, the fault plan, and the ledger.
//!
//! One GraphQL call goes through here in order: may it come in, is it a query, what does it cost,
//! what is the answer, does the plan spoil it. This file must not know HTTP.

mod call;
mod spoil;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::Error;
use crate::clock::Clock;
use crate::faults::{Plan, Request, Wrong};
use crate::gate::{Gate, Limits, Primary, Sin, Wait};
use crate::graphql::document::{Documents, Planned};
use crate::graphql::execute::{Blast, Budget, Outcome, Scene, execute};
use crate::graphql::paging;
use crate::graphql::plan::Field;
use crate::ledger::{Ledger, Violation};
use crate::world::model::Account;
use crate::world::{World, ids};

use call::operation_name;
pub use call::{Call, Query, Reply};

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
                Reply::Answer { written: None, failures }
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
            return Reply::Answer { written: Some(outcome.written), failures: outcome.failures };
        }
        if let Some(failure) = planned.price.refusal() {
            self.note(Sin::TooManyNodes, &call.operation, failure.message.as_str());
            return Reply::Answer { written: None, failures: vec![failure] };
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
            None => Reply::Answer { written: Some(outcome.written), failures: outcome.failures },
            Some(hit) => self.spoil(credential, planned, budget, hit, outcome, call),
        }
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
            introspected: &planned.introspected,
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
