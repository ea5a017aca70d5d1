//! Runs a plan over a world and writes the answer, keys in the order asked for.
//!
//! A failure makes its field null, or the nearest parent that may be null, and the rest is
//! answered. This file must not know what single fields mean.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::failure::{Failure, Step};
use super::object::{Answer, Object};
use super::plan::Field;
use super::resolve;
use crate::world::World;
use crate::world::model::Account;

/// What an answer says of the caller's budget.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Budget {
    pub cost: u64,
    pub limit: u64,
    pub node_count: u64,
    pub remaining: u64,
    pub used: u64,
    pub reset_at: crate::world::Moment,
}

/// What an answer is made from.
pub struct Scene<'w> {
    /// The world as it is now.
    pub world: &'w World,
    /// The caller's budget after this query was charged.
    pub budget: Budget,
    /// Who asks.
    pub viewer: Account,
    /// What the query asks of the schema itself, by response key.
    pub introspected: &'w serde_json::Map<String, serde_json::Value>,
    /// Pull requests that fail on purpose.
    pub blast: Option<Blast>,
}

/// Makes pull requests null, each with an error.
#[derive(Clone, Debug)]
pub struct Blast {
    /// Only this number.
    pub number: Option<u32>,
    /// Only the first one met.
    pub first_only: bool,
    /// The error; its path is added.
    pub failure: Failure,
}

/// A finished answer.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The `data` object as JSON.
    pub written: String,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Numbers of pull requests of which more than index fields were read.
    pub heavy: BTreeSet<u32>,
    /// Pages of `pullRequests` that were cut: the repository's name, and the cursor.
    pub pages: Vec<(String, String)>,
}

/// Fields of a pull request that a light list reads; reading any other is heavy.
const INDEX_FIELDS: &[&str] =
    &["id", "number", "fullDatabaseId", "databaseId", "createdAt", "updatedAt", "__typename"];

/// Runs a query's root fields.
pub fn execute<'w, 'p>(scene: &Scene<'w>, fields: impl Iterator<Item = &'p Field>) -> Outcome {
    let mut run = Run { scene, outcome: Outcome::default(), path: Vec::new() };
    let mut nulled = false;
    run.outcome.written.push('{');
    for (place, field) in fields.enumerate() {
        nulled |= !run.field(place, field, "Query", |run| resolve::query(run.scene, field));
    }
    run.outcome.written.push('}');
    if nulled {
        run.outcome.written = "null".into();
    }
    run.outcome
}

struct Run<'s, 'w, 'p> {
    scene: &'s Scene<'w>,
    outcome: Outcome,
    path: Vec<PathPart<'p>>,
}

#[derive(Clone, Copy)]
enum PathPart<'p> {
    Key(&'p str),
    Place(usize),
}

impl<'w, 'p> Run<'_, 'w, 'p> {
    /// Writes `"key":value`; false if the value failed and its parent must be null.
    fn field(
        &mut self,
        place: usize,
        field: &'p Field,
        type_name: &str,
        answer: impl FnOnce(&mut Self) -> Answer<'w>,
    ) -> bool {
        if place > 0 {
            self.outcome.written.push(',');
        }
        push_text(&mut self.outcome.written, &field.key);
        self.outcome.written.push(':');
        self.path.push(PathPart::Key(&field.key));
        let answer =
            if field.name == "__typename" { Answer::text(type_name) } else { answer(self) };
        let start = self.outcome.written.len();
        let written = self.value(field, answer);
        self.path.pop();
        if !written {
            self.outcome.written.truncate(start);
            self.outcome.written.push_str("null");
        }
        written || field.nullable
    }

    fn value(&mut self, field: &'p Field, answer: Answer<'w>) -> bool {
        let out = &mut self.outcome.written;
        match answer {
            Answer::Null => out.push_str("null"),
            Answer::Bool(truth) => out.push_str(if truth { "true" } else { "false" }),
            Answer::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Answer::Text(text) => push_text(out, &text),
            Answer::Literal(json) => out.push_str(&json),
            Answer::Object(object) => return self.object(field, &object),
            Answer::Failed(failure) => {
                self.fail(failure, field);
                return false;
            }
            Answer::List(list) => {
                self.list(field, list.into_iter().map(|one| one.map(Ok)));
            }
            Answer::Partial(list) => self.list(field, list.into_iter().map(Some)),
        }
        true
    }

    /// Writes a list; GitHub's lists of objects all may hold null.
    fn list(
        &mut self,
        field: &'p Field,
        list: impl Iterator<Item = Option<Result<Object<'w>, Failure>>>,
    ) {
        self.outcome.written.push('[');
        for (place, one) in list.enumerate() {
            if place > 0 {
                self.outcome.written.push(',');
            }
            self.path.push(PathPart::Place(place));
            let start = self.outcome.written.len();
            let written = match one {
                None => false,
                Some(Ok(object)) => self.object(field, &object),
                Some(Err(failure)) => {
                    self.fail(failure, field);
                    false
                }
            };
            self.path.pop();
            if !written {
                self.outcome.written.truncate(start);
                self.outcome.written.push_str("null");
            }
        }
        self.outcome.written.push(']');
    }

    fn object(&mut self, field: &'p Field, object: &Object<'w>) -> bool {
        let Some((type_name, children)) = field.children_of(object.type_name()) else {
            self.outcome.written.push_str("{}");
            return true;
        };
        if let Object::PullRequest(pull) = object {
            let number = pull.entry.number;
            if children.iter().any(|child| !INDEX_FIELDS.contains(&child.name.as_str())) {
                self.outcome.heavy.insert(number);
            }
            if let Some(failure) = self.blasted(number) {
                self.fail(failure, field);
                return false;
            }
        }
        let mut whole = true;
        self.outcome.written.push('{');
        for (place, child) in children.iter().enumerate() {
            whole &= self.field(place, child, type_name, |run| {
                if child.name == "pullRequests" {
                    run.note_page(object, child);
                }
                resolve::field(run.scene, object, child)
            });
        }
        self.outcome.written.push('}');
        whole
    }

    fn blasted(&self, number: u32) -> Option<Failure> {
        let blast = self.scene.blast.as_ref()?;
        let hit = blast.number.is_none_or(|wanted| wanted == number);
        let spent = blast.first_only && !self.outcome.failures.is_empty();
        (hit && !spent).then(|| blast.failure.clone())
    }

    fn note_page(&mut self, object: &Object<'w>, field: &Field) {
        let Object::Repository(repository) = object else { return };
        if field.only_counts() {
            return;
        }
        let name = &repository.facts.name_with_owner;
        let after = match (field.text("after"), field.text("before")) {
            (Some(after), _) => after.to_owned(),
            (None, Some(before)) => format!("before:{before}"),
            (None, None) if field.number("last").is_some() => "before:null".into(),
            (None, None) => "null".into(),
        };
        self.outcome.pages.push((name.clone(), after));
    }

    fn fail(&mut self, mut failure: Failure, field: &Field) {
        failure.path = self
            .path
            .iter()
            .map(|part| match part {
                PathPart::Key(key) => Step::Key((*key).into()),
                PathPart::Place(place) => Step::Place(*place),
            })
            .collect();
        failure.position = Some(field.position);
        self.outcome.failures.push(failure);
    }
}

/// Writes a text as a JSON string.
fn push_text(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}
