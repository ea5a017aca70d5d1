//! Commits, changed files and review requests of a pull request.
//!
//! This file must not know reviews and comments.

use super::super::cursor::Form;
use super::super::execute::Scene;
use super::super::object::{Answer, Commit, Inside, Object};
use super::super::plan::Field;
use super::pull_request::web;
use super::{WEB, account, connection, unknown};
use crate::world::ids;
use crate::world::model::{self, AccountKind};

pub fn pull_request_commit<'w>(inside: &Inside<'w>, place: usize, field: &Field) -> Answer<'w> {
    let oid = &inside.pull.commits[place].oid;
    match field.name.as_str() {
        "id" => {
            let commit = ids::commit(inside.repository.facts.database_id, oid);
            Answer::Text(format!("PURC_{}_{commit}", inside.pull.number))
        }
        "commit" => Answer::Object(Object::Commit(Commit {
            inside: inside.clone(),
            place: Some(place),
            oid: oid.clone(),
        })),
        "url" => {
            let web = web(inside.repository, inside.pull.number);
            Answer::Text(format!("{web}/commits/{oid}"))
        }
        _ => unknown(field),
    }
}

/// The commit's record, if the pull request lists it.
fn record<'c>(commit: &'c Commit<'_>) -> Option<&'c model::Commit> {
    commit.inside.pull.commits.get(commit.place?)
}

pub fn commit<'w>(commit: &Commit<'w>, field: &Field) -> Answer<'w> {
    let repository = commit.inside.repository;
    let record = record(commit);
    let authored = record.map_or(commit.inside.pull.updated_at, |record| record.authored_date);
    match field.name.as_str() {
        "id" => Answer::Text(ids::commit(repository.facts.database_id, &commit.oid)),
        "oid" => Answer::text(&commit.oid),
        "message" => record.map_or_else(|| Answer::text(""), |record| Answer::of(&record.message)),
        "messageHeadline" => {
            let message = record.map(|record| record.message.decoded()).unwrap_or_default();
            Answer::text(message.lines().next().unwrap_or_default())
        }
        "authoredDate" => Answer::text(authored),
        "committedDate" => {
            Answer::text(record.and_then(|record| record.committed_date).unwrap_or(authored))
        }
        "author" => Answer::object(record.is_some().then(|| Object::CommitAuthor(commit.clone()))),
        "authors" => {
            let count = usize::from(record.is_some());
            connection::page_by_place(field, Form::Offset, count, |_| {
                Object::CommitAuthor(commit.clone())
            })
        }
        "url" => Answer::Text(format!(
            "{WEB}/{}/commit/{}",
            repository.facts.name_with_owner, commit.oid
        )),
        _ => unknown(field),
    }
}

pub fn commit_author<'w>(scene: &Scene<'w>, commit: &Commit<'w>, field: &Field) -> Answer<'w> {
    let Some(record) = record(commit) else { return Answer::Null };
    let author = scene.world.living(record.author.as_ref());
    match field.name.as_str() {
        "name" => match (&record.author_name, author) {
            (Some(name), _) => Answer::of(name),
            (None, author) => Answer::texts(author.map(|author| &author.login)),
        },
        "email" => record.author_email.as_ref().map_or(Answer::Null, Answer::of),
        "date" => Answer::text(record.authored_date),
        "user" => {
            let user = author.filter(|author| author.kind == AccountKind::User);
            account::actor(scene, user)
        }
        "avatarUrl" => {
            let id = author.map_or(0, |author| author.database_id);
            Answer::Text(format!("https://avatars.githubusercontent.com/u/{id}?v=4"))
        }
        _ => unknown(field),
    }
}

pub fn changed_file<'w>(inside: &Inside<'w>, place: usize, field: &Field) -> Answer<'w> {
    let file = &inside.pull.files[place];
    match field.name.as_str() {
        "path" => Answer::of(&file.path),
        "additions" => Answer::Int(file.additions.into()),
        "deletions" => Answer::Int(file.deletions.into()),
        "changeType" => Answer::text(file.change_type.as_deref().unwrap_or("MODIFIED")),
        _ => unknown(field),
    }
}

pub fn review_request<'w>(
    scene: &Scene<'w>,
    inside: &Inside<'w>,
    place: usize,
    field: &Field,
) -> Answer<'w> {
    let asked = &inside.pull.review_requests[place];
    match field.name.as_str() {
        "id" => {
            let own = inside.pull.full_database_id + asked.database_id;
            Answer::Text(ids::inside("RR", inside.repository.facts.database_id, own))
        }
        "asCodeOwner" => Answer::Bool(false),
        "requestedReviewer" => account::actor(scene, Some(asked)),
        _ => unknown(field),
    }
}
