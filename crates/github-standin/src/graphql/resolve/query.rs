//! The root fields and `RateLimit`.
//!
//! This file must not know the fields of what it finds.

use std::sync::Arc;

use super::super::execute::Scene;
use super::super::failure::Failure;
use super::super::object::{Answer, Commented, Inside, Object, Pull};
use super::super::plan::Field;
use super::unknown;
use crate::world::{NodeKind, threads};

/// The most ids `nodes` takes.
const MOST_IDS: usize = 100;

/// Answers one root field.
pub fn query<'w>(scene: &Scene<'w>, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "repository" => repository(scene, field),
        "node" => {
            let id = field.text("id").unwrap_or_default();
            node(scene, id).map_or_else(|| Answer::Failed(no_node(id)), Answer::Object)
        }
        "nodes" => nodes(scene, field),
        "rateLimit" => Answer::Object(Object::RateLimit),
        "viewer" => Answer::Object(Object::Account(scene.viewer.clone())),
        "__schema" | "__type" => match scene.introspected.get(&field.key) {
            Some(answer) => Answer::Literal(answer.to_string()),
            None => Answer::Null,
        },
        _ => unknown(field),
    }
}

fn repository<'w>(scene: &Scene<'w>, field: &Field) -> Answer<'w> {
    let (owner, name) = (field.text("owner"), field.text("name"));
    let full = format!("{}/{}", owner.unwrap_or_default(), name.unwrap_or_default());
    let follow = field.arguments.get("followRenames").and_then(serde_json::Value::as_bool);
    match scene.world.repository(&full, follow.unwrap_or(true)) {
        Some((_, repository)) => Answer::Object(Object::Repository(repository)),
        None => Answer::Failed(no_repository(&full)),
    }
}

/// GitHub's refusal of a repository that is not there or not for the caller.
pub fn no_repository(name: &str) -> Failure {
    Failure::not_found(format!("Could not resolve to a Repository with the name '{name}'."))
}

/// GitHub's refusal of a node id.
pub fn no_node(id: &str) -> Failure {
    Failure::not_found(format!("Could not resolve to a node with the global id of '{id}'"))
}

fn nodes<'w>(scene: &Scene<'w>, field: &Field) -> Answer<'w> {
    let none = Vec::new();
    let ids = field.arguments.get("ids").and_then(|ids| ids.as_array()).unwrap_or(&none);
    if ids.len() > MOST_IDS {
        let message = format!(
            "You may not provide more than {MOST_IDS} node ids; you provided {}.",
            ids.len()
        );
        return Answer::Failed(Failure::new("ARGUMENT_LIMIT", message));
    }
    let ids = ids.iter().map(|id| id.as_str().unwrap_or_default());
    Answer::Partial(ids.map(|id| node(scene, id).ok_or_else(|| no_node(id))).collect())
}

fn node<'w>(scene: &Scene<'w>, id: &str) -> Option<Object<'w>> {
    let place = scene.world.node(id)?;
    let repository = scene.world.slot(place.slot)?;
    match place.kind {
        NodeKind::Repository => return Some(Object::Repository(repository)),
        NodeKind::Issue => {
            let issue = repository.issues.get(&place.number)?;
            return Some(Object::Issue(repository, Arc::clone(issue)));
        }
        NodeKind::IssueComment(own) => {
            if let Some(issue) = repository.issues.get(&place.number) {
                let at = issue.comments.iter().position(|one| one.full_database_id == own)?;
                let on = Commented::Issue(repository, Arc::clone(issue));
                return Some(Object::IssueComment(on, at));
            }
        }
        _ => {}
    }
    let pull = Pull::new(repository, repository.index.get(place.number)?);
    child(pull, place.kind)
}

/// A pull request, or what hangs on it.
fn child(pull: Pull<'_>, kind: NodeKind) -> Option<Object<'_>> {
    if kind == NodeKind::PullRequest {
        return Some(Object::PullRequest(Box::new(pull)));
    }
    let inside: Inside<'_> = pull.inside();
    let whole = &pull.whole();
    let comment_at = |own| whole.review_comments.iter().position(|one| one.full_database_id == own);
    match kind {
        NodeKind::Review(own) => {
            let at = whole.reviews.iter().position(|one| one.full_database_id == own)?;
            Some(Object::Review(inside, at))
        }
        NodeKind::ReviewComment(own) => Some(Object::ReviewComment(inside, comment_at(own)?)),
        NodeKind::Thread(own) => {
            let root = comment_at(own)?;
            let thread = threads(whole).into_iter().find(|one| one.comments[0] == root)?;
            Some(Object::Thread(inside, thread))
        }
        NodeKind::IssueComment(own) => {
            let at = whole.comments.iter().position(|one| one.full_database_id == own)?;
            Some(Object::IssueComment(Commented::PullRequest(inside), at))
        }
        NodeKind::Repository | NodeKind::PullRequest | NodeKind::Issue => None,
    }
}

pub fn rate_limit<'w>(scene: &Scene<'w>, field: &Field) -> Answer<'w> {
    let budget = &scene.budget;
    let number = |number: u64| Answer::Int(i64::try_from(number).unwrap_or(i64::MAX));
    match field.name.as_str() {
        "cost" => number(budget.cost),
        "limit" => number(budget.limit),
        "nodeCount" => number(budget.node_count),
        "remaining" => number(budget.remaining),
        "used" => number(budget.used),
        "resetAt" => Answer::text(budget.reset_at),
        _ => unknown(field),
    }
}
