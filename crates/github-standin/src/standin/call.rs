//! One GraphQL call: what came in and how it ends. This file must not decide either.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::faults::Wrong;
use crate::gate::Wait;
use crate::graphql::failure::Failure;

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
    Answer { written: Option<String>, failures: Vec<Failure> },
    /// Nothing remains of the primary limit.
    Exhausted,
    /// A secondary limit was reached.
    Secondary(Option<Wait>),
    /// The plan spoils the answer that would have been this.
    Spoiled { answer: Wrong, written: String, failures: Vec<Failure> },
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

/// The operation's name: the one asked for, else the first in the text, else `anonymous`.
pub(super) fn operation_name(asked: Option<&str>, text: &str) -> String {
    let name_start = |rest: &str| -> Option<String> {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].to_owned())
    };
    let words =
        || text.trim_start().strip_prefix("query").or(text.trim_start().strip_prefix("mutation"));
    asked.map(str::to_owned).or_else(|| name_start(words()?)).unwrap_or_else(|| "anonymous".into())
}
