//! What the fault plan makes of a good answer. This file must not know how it looks in HTTP.

use serde_json::{Map, Value};

use super::{Call, Reply, Standin, lock};
use crate::faults::{Hit, Wrong};
use crate::gate::Primary;
use crate::graphql::document::Planned;
use crate::graphql::execute::{Blast, Outcome};
use crate::graphql::failure::{Failure, Step};
use crate::graphql::missing;
use crate::graphql::plan::Field;
use crate::ledger::Ledger;

impl Standin {
    /// Spoils an answer and settles what that costs.
    pub(super) fn spoil(
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
        let (written, failures) = match blast(&hit) {
            Some(blast) => {
                let outcome = self.answer(credential, planned, budget, Some(blast), |_| true);
                (outcome.written, outcome.failures)
            }
            None if hit.answer == Wrong::NotFound => not_found(&planned.fields),
            None => (outcome.written, outcome.failures),
        };
        Reply::Spoiled { answer: hit.answer, written, failures }
    }
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
    let nulls: Map<String, Value> =
        objects.iter().map(|field| (field.key.clone(), Value::Null)).collect();
    let failures = objects.iter().map(|field| {
        let mut failure = missing(field);
        failure.path = vec![Step::Key(field.key.clone())];
        failure.position = Some(field.position);
        failure
    });
    (Value::from(nulls).to_string(), failures.collect())
}
