//! What each field of each type answers with, a file per family of types.
//!
//! Nothing here may write an answer or know limits and faults.

mod account;
mod connection;
mod issue;
mod lists;
mod pull_request;
mod query;
mod repository;
mod review;

use super::execute::Scene;
use super::object::{Answer, Object};
use super::plan::Field;
use crate::world::Moment;

pub use query::{no_node, no_repository, query};

/// Where the objects of the world live on the web.
const WEB: &str = "https://github.com";

/// Answers one field of an object.
pub fn field<'w>(scene: &Scene<'w>, object: &Object<'w>, field: &Field) -> Answer<'w> {
    match object {
        Object::RateLimit => query::rate_limit(scene, field),
        Object::Repository(repository) => repository::repository(repository, field),
        Object::Fork(name) => repository::fork(name, field),
        Object::Ref(repository) => repository::branch(repository, field),
        Object::Label(repository, name) => repository::label(repository, name, field),
        Object::Milestone(repository, milestone) => {
            repository::milestone(repository, milestone, field)
        }
        Object::PullRequest(pull) => pull_request::pull_request(scene, pull, field),
        Object::PullRequestCommit(inside, place) => {
            lists::pull_request_commit(inside, *place, field)
        }
        Object::Commit(commit) => lists::commit(commit, field),
        Object::CommitAuthor(commit) => lists::commit_author(scene, commit, field),
        Object::ChangedFile(inside, place) => lists::changed_file(inside, *place, field),
        Object::ReviewRequest(inside, place) => lists::review_request(scene, inside, *place, field),
        Object::Review(inside, place) => review::review(scene, inside, *place, field),
        Object::Thread(inside, thread) => review::thread(inside, thread, field),
        Object::ReviewComment(inside, place) => review::comment(scene, inside, *place, field),
        Object::IssueComment(on, place) => issue::comment(scene, on, *place, field),
        Object::Issue(repository, issue) => issue::issue(scene, repository, issue, field),
        Object::Account(account) => account::account(account, field),
        Object::Connection(page) => connection::connection(page, field),
        Object::Edge(row) => connection::edge(row, field),
        Object::PageEnds(facts) => connection::page_ends(facts, field),
    }
}

/// A time, or null.
fn time<'w>(moment: Option<Moment>) -> Answer<'w> {
    Answer::texts(moment)
}

/// `authorAssociation`, NONE unless the world says otherwise.
fn association<'w>(given: Option<&String>) -> Answer<'w> {
    Answer::text(given.map_or("NONE", String::as_str))
}

/// A field that the schema has and no resolver knows: a defect of the stand-in, shown as one.
fn unknown<'w>(field: &Field) -> Answer<'w> {
    Answer::Failed(super::failure::Failure::new(
        "STANDIN_DEFECT",
        format!("the stand-in has no answer for `{}`", field.name),
    ))
}
