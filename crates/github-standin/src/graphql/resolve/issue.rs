//! Issues, and the comments that issues and pull requests have in common.
//!
//! This file must not know reviews.

use std::sync::Arc;

use super::super::cursor::Form;
use super::super::execute::Scene;
use super::super::object::{Answer, Commented, Object, Pull};
use super::super::plan::Field;
use super::pull_request::web;
use super::{WEB, account, association, connection, time, unknown};
use crate::world::Repository;
use crate::world::index::Key;
use crate::world::model::{Comment, Issue, State};

pub fn issue<'w>(
    scene: &Scene<'w>,
    repository: &'w Repository,
    issue: &Arc<Issue>,
    field: &Field,
) -> Answer<'w> {
    let path = format!("/{}/issues/{}", repository.facts.name_with_owner, issue.number);
    match field.name.as_str() {
        "id" => Answer::text(&issue.id),
        "number" => Answer::Int(issue.number.into()),
        "databaseId" => Answer::database_id(issue.database_id),
        "fullDatabaseId" => Answer::text(issue.database_id),
        "title" => Answer::of(&issue.title),
        "body" => Answer::of(&issue.body),
        "state" => Answer::text(if issue.state == State::Open { "OPEN" } else { "CLOSED" }),
        "stateReason" => Answer::texts(issue.state_reason.as_ref()),
        "closed" => Answer::Bool(issue.state != State::Open),
        "locked" => Answer::Bool(false),
        "author" => account::actor(scene, issue.author.as_ref()),
        "authorAssociation" => association(issue.author_association.as_ref()),
        "createdAt" | "publishedAt" => Answer::text(issue.created_at),
        "updatedAt" => Answer::text(issue.updated_at),
        "closedAt" => time(issue.closed_at),
        "url" => Answer::Text(format!("{WEB}{path}")),
        "resourcePath" => Answer::Text(path),
        "repository" => Answer::Object(Object::Repository(repository)),
        "labels" => connection::page_by_place(field, Form::Label, issue.labels.len(), |place| {
            Object::Label(repository, issue.labels[place].clone())
        }),
        "assignees" => {
            let count = issue.assignees.len();
            connection::page_by_place(field, Form::Offset, count, |place| {
                Object::Account(issue.assignees[place].clone())
            })
        }
        "comments" => {
            let keys: Vec<Key> =
                issue.comments.iter().map(|one| (one.created_at, one.full_database_id)).collect();
            connection::page(field, Form::Timed, &keys, |place| {
                let on = Commented::Issue(repository, Arc::clone(issue));
                Object::IssueComment(on, place)
            })
        }
        _ => unknown(field),
    }
}

pub fn comment<'w>(
    scene: &Scene<'w>,
    on: &Commented<'w>,
    place: usize,
    field: &Field,
) -> Answer<'w> {
    let (repository, comment): (&'w Repository, &Comment) = match on {
        Commented::PullRequest(inside) => (inside.repository, &inside.pull.comments[place]),
        Commented::Issue(repository, issue) => (repository, &issue.comments[place]),
    };
    let own = comment.full_database_id;
    match field.name.as_str() {
        "id" => Answer::text(&comment.id),
        "fullDatabaseId" => Answer::text(own),
        "databaseId" => Answer::database_id(own),
        "author" => account::actor(scene, comment.author.as_ref()),
        "authorAssociation" => association(comment.author_association.as_ref()),
        "body" => Answer::of(&comment.body),
        "createdAt" | "publishedAt" => Answer::text(comment.created_at),
        "updatedAt" => Answer::text(comment.updated_at),
        "repository" => Answer::Object(Object::Repository(repository)),
        "url" => {
            let parent = match on {
                Commented::PullRequest(inside) => web(repository, inside.pull.number),
                Commented::Issue(_, issue) => {
                    format!("{WEB}/{}/issues/{}", repository.facts.name_with_owner, issue.number)
                }
            };
            Answer::Text(format!("{parent}#issuecomment-{own}"))
        }
        "pullRequest" => match on {
            Commented::PullRequest(inside) => {
                let entry = repository.index.get(inside.pull.number);
                Answer::object(
                    entry.map(|entry| Object::PullRequest(Box::new(Pull::new(repository, entry)))),
                )
            }
            Commented::Issue(..) => Answer::Null,
        },
        _ => unknown(field),
    }
}
