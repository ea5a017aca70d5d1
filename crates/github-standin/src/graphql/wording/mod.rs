//! Says in GitHub's words (those of graphql-ruby) what is wrong with a document.
//!
//! Whether a document is valid is decided elsewhere; this only words it. What it has no words for
//! keeps those of the validator.

mod arguments;
mod selections;
mod usages;

use std::collections::HashMap;

use apollo_compiler::Schema;
use apollo_compiler::ast::{Definition, Document, FragmentDefinition, OperationType, Selection};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::validation::{DiagnosticList, Valid};
use serde_json::{Value, json};

use super::failure::{Failure, Position, Step};

/// The failures of an invalid document, never empty.
pub fn failures(schema: &Valid<Schema>, text: &str, wrong: &DiagnosticList) -> Vec<Failure> {
    let Ok(document) = Document::parse(text, "query.graphql") else {
        return unparsable(text, wrong);
    };
    let mut walk = Walk::new(schema, &document);
    walk.document(&document);
    if walk.failures.is_empty() { validators_words(wrong) } else { walk.failures }
}

fn validators_words(wrong: &DiagnosticList) -> Vec<Failure> {
    let worded = wrong.iter().map(|one| {
        let error = one.to_json();
        let at = error.locations.first();
        let position = at.map(|at| Position { line: at.line, column: at.column });
        Failure { message: error.message, position, ..Failure::default() }
    });
    worded.collect()
}

/// GitHub stops at the first token it cannot place.
fn unparsable(text: &str, wrong: &DiagnosticList) -> Vec<Failure> {
    let mut first = validators_words(wrong);
    first.truncate(1);
    for failure in &mut first {
        let Some(at) = failure.position else { continue };
        let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let rest: String = line.chars().skip(at.column.saturating_sub(1)).collect();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let token = if end > 0 { &rest[..end] } else { rest.get(..1).unwrap_or_default() };
        failure.message = if token.is_empty() {
            "Unexpected end of document".into()
        } else {
            format!("Parse error on \"{token}\" at [{}, {}]", at.line, at.column)
        };
    }
    first
}

/// A walk over a document that collects what is wrong with it.
struct Walk<'d> {
    schema: &'d Schema,
    sources: &'d SourceMap,
    fragments: HashMap<&'d str, &'d FragmentDefinition>,
    path: Vec<String>,
    failures: Vec<Failure>,
}

impl<'d> Walk<'d> {
    fn new(schema: &'d Schema, document: &'d Document) -> Self {
        let fragments = document.definitions.iter().filter_map(|definition| match definition {
            Definition::FragmentDefinition(fragment) => Some((fragment.name.as_str(), &**fragment)),
            _ => None,
        });
        Walk {
            schema,
            sources: &document.sources,
            fragments: fragments.collect(),
            path: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn document(&mut self, document: &'d Document) {
        let mut spread = Vec::new();
        for definition in &document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => {
                    let kind = operation.operation_type;
                    let name = operation.name.as_ref();
                    let title =
                        name.map_or_else(|| kind.to_string(), |name| format!("{kind} {name}"));
                    spread_names(&operation.selection_set, &mut spread);
                    self.within(title, |walk| {
                        if kind == OperationType::Query {
                            walk.selections("Query", &operation.selection_set);
                        } else {
                            walk.fail(
                                format!("Schema is not configured for {kind}s"),
                                operation.location(),
                                json!({"code": unserved_code(kind)}),
                            );
                        }
                        walk.usages(operation);
                    });
                }
                Definition::FragmentDefinition(fragment) => {
                    spread_names(&fragment.selection_set, &mut spread);
                    self.within(format!("fragment {}", fragment.name), |walk| {
                        if walk.composite(fragment.type_condition.as_str(), fragment.location()) {
                            walk.selections(
                                fragment.type_condition.as_str(),
                                &fragment.selection_set,
                            );
                        }
                    });
                }
                _ => {}
            }
        }
        self.unused_fragments(document, &spread);
    }

    fn unused_fragments(&mut self, document: &'d Document, spread: &[String]) {
        for definition in &document.definitions {
            let Definition::FragmentDefinition(fragment) = definition else { continue };
            if !spread.iter().any(|name| *name == fragment.name.as_str()) {
                self.within(format!("fragment {}", fragment.name), |walk| {
                    walk.fail(
                        format!("Fragment {} was defined, but not used", fragment.name),
                        fragment.location(),
                        json!({
                            "code": "useAndDefineFragment",
                            "fragmentName": fragment.name.as_str(),
                        }),
                    );
                });
            }
        }
    }

    fn within(&mut self, part: impl Into<String>, inside: impl FnOnce(&mut Self)) {
        self.path.push(part.into());
        inside(self);
        self.path.pop();
    }

    fn fail(&mut self, message: String, at: Option<SourceSpan>, extensions: Value) {
        let place = at.and_then(|span| span.line_column(self.sources));
        self.failures.push(Failure {
            kind: None,
            path: self.path.iter().cloned().map(Step::Key).collect(),
            extensions: Some(extensions),
            position: place.map(|at| Position { line: at.line, column: at.column }),
            message,
        });
    }
}

fn unserved_code(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "missingQueryConfiguration",
        OperationType::Mutation => "missingMutationConfiguration",
        OperationType::Subscription => "missingSubscriptionConfiguration",
    }
}

/// The names of all fragments that selections spread, at any depth.
fn spread_names(selections: &[Selection], names: &mut Vec<String>) {
    for selection in selections {
        match selection {
            Selection::Field(field) => spread_names(&field.selection_set, names),
            Selection::InlineFragment(inline) => spread_names(&inline.selection_set, names),
            Selection::FragmentSpread(spread) => names.push(spread.fragment_name.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
