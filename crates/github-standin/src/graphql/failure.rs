//! One entry of an answer's `errors`, with the keys in GitHub's order.
//!
//! This file must not decide when something fails.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A step of a path: a response key or a place in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A response key, or a part of the document for errors found before execution.
    Key(String),
    /// A place in a list, from 0.
    Place(usize),
}

/// Where in the query's text, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are GraphQL's own")]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// An error as a client sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Failure {
    /// GitHub's own class of error, absent for invalid documents.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Where in the answer or the document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Step>,
    /// More for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Value>,
    /// Where in the query's text.
    #[serde(
        rename = "locations",
        serialize_with = "list",
        skip_serializing_if = "Option::is_none"
    )]
    pub position: Option<Position>,
    /// For people, and for many a client.
    pub message: String,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn list<S: Serializer>(position: &Option<Position>, output: S) -> Result<S::Ok, S::Error> {
    output.collect_seq(position)
}

impl Failure {
    /// A failure with a class and a message; path and position are added where it happens.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Failure { kind: Some(kind), message: message.into(), ..Failure::default() }
    }

    /// GitHub could not find something.
    pub fn not_found(message: impl Into<String>) -> Self {
        Failure::new("NOT_FOUND", message)
    }
}
