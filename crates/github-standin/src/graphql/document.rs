//! From a query's text to a plan: parsed, validated, remembered by its text.
//!
//! This file must not know worlds, prices over time or HTTP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use apollo_compiler::executable::Operation;
use apollo_compiler::introspection::partial_execute;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::plan::{Field, Planner};
use super::price::Price;
use super::{variables, wording};
use crate::Error;

/// The schema that is served.
const SCHEMA: &str = include_str!("../../schema.graphql");
/// Texts remembered before all are forgotten; queries with other aliases are other texts.
const REMEMBERED: usize = 512;

/// A validated document, or what is wrong with it.
type Prepared = Arc<Result<Valid<ExecutableDocument>, Vec<Failure>>>;

/// All documents seen so far, and the schema they are checked against.
pub struct Documents {
    schema: Valid<Schema>,
    seen: Mutex<HashMap<String, Prepared>>,
}

/// A query that can be run.
#[derive(Debug)]
pub struct Planned {
    /// The root fields.
    pub fields: Vec<Field>,
    /// What it costs.
    pub price: Price,
    /// The answers to `__schema` and `__type`, by response key.
    pub introspected: Map<String, Value>,
}

impl Planned {
    /// `rateLimit(dryRun: true)` is asked: price the query, answer nothing else.
    pub fn dry_run(&self) -> bool {
        let dry = |field: &&Field| field.name == "rateLimit";
        let dry = self.fields.iter().find(dry).and_then(|field| field.arguments.get("dryRun"));
        dry.and_then(Value::as_bool).unwrap_or(false)
    }

    /// Nothing but the budget is asked, which costs nothing.
    pub fn only_budget(&self) -> bool {
        self.fields.iter().all(|field| matches!(field.name.as_str(), "rateLimit" | "__typename"))
    }
}

impl Documents {
    /// Reads the built-in schema.
    pub fn new() -> Result<Self, Error> {
        let schema = Schema::parse_and_validate(SCHEMA, "schema.graphql")
            .map_err(|wrong| Error::Schema(wrong.errors.to_string()))?;
        Ok(Documents { schema, seen: Mutex::default() })
    }

    /// Plans an operation of a document, or says what is wrong with it.
    pub fn plan(
        &self,
        text: &str,
        operation: Option<&str>,
        given: &Map<String, Value>,
    ) -> Result<Planned, Vec<Failure>> {
        let prepared = self.prepare(text);
        let document = prepared.as_ref().as_ref().map_err(Vec::clone)?;
        let operation = document.operations.get(operation).map_err(|_| {
            let message = match operation {
                Some(name) => format!("No operation named \"{name}\""),
                None => "An operation name is required".to_owned(),
            };
            vec![Failure { message, ..Failure::default() }]
        })?;
        let variables = variables::coerce(&self.schema, operation, given, &document.sources)?;
        let planner = Planner { schema: &self.schema, document, variables: &variables };
        let root = operation.object_type().as_str();
        let fields = planner.fields(&[&operation.selection_set], root);
        let price = Price::of(&fields);
        let about_schema = |field: &Field| matches!(field.name.as_str(), "__schema" | "__type");
        let introspected = if fields.iter().any(about_schema) {
            self.introspect(document, operation, &variables).unwrap_or_default()
        } else {
            Map::new()
        };
        Ok(Planned { fields, price, introspected })
    }

    fn introspect(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        variables: &Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let given = serde_json::from_value(Value::from(variables.clone())).ok()?;
        let given = coerce_variable_values(&self.schema, operation, &given).ok()?;
        let implementers = self.schema.implementers_map();
        let answer = partial_execute(&self.schema, &implementers, document, operation, &given);
        serde_json::from_value(serde_json::to_value(answer.ok()?.data).ok()?).ok()
    }

    fn prepare(&self, text: &str) -> Prepared {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(text) {
            return Arc::clone(known);
        }
        let valid = ExecutableDocument::parse_and_validate(&self.schema, text, "query.graphql");
        let prepared =
            Arc::new(valid.map_err(|wrong| wording::failures(&self.schema, text, &wrong.errors)));
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(text.to_owned(), Arc::clone(&prepared));
        prepared
    }
}
