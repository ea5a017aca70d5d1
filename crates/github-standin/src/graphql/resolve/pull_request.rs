//! Pull requests. A field that the index knows does not make the whole of it.
//!
//! This file must not know the inside of reviews, comments and commits.

use super::super::cursor::Form;
use super::super::execute::Scene;
use super::super::object::{Answer, Commented, Commit, Inside, Object, Pull};
use super::super::plan::Field;
use super::{WEB, account, association, connection, review, time, unknown};
use crate::world::index::Key;
use crate::world::model::{Account, State};
use crate::world::{Repository, threads};

pub fn pull_request<'w>(scene: &Scene<'w>, pull: &Pull<'w>, field: &Field) -> Answer<'w> {
    let entry = &pull.entry;
    match field.name.as_str() {
        "id" => Answer::Text(pull.repository.pull_request_id(entry)),
        "number" => Answer::Int(entry.number.into()),
        "fullDatabaseId" => Answer::text(entry.database_id),
        "databaseId" => Answer::database_id(entry.database_id),
        "createdAt" | "publishedAt" => Answer::text(entry.created),
        "updatedAt" => Answer::text(entry.updated),
        "state" => Answer::text(entry.state.name()),
        "merged" => Answer::Bool(entry.state == State::Merged),
        "closed" => Answer::Bool(entry.state != State::Open),
        "url" | "permalink" => Answer::Text(web(pull.repository, entry.number)),
        "resourcePath" => Answer::Text(web(pull.repository, entry.number).split_off(WEB.len())),
        "repository" => Answer::Object(Object::Repository(pull.repository)),
        _ => scalars(scene, pull, field),
    }
}

/// The address of a pull request.
pub fn web(repository: &Repository, number: u32) -> String {
    format!("{WEB}/{}/pull/{number}", repository.facts.name_with_owner)
}

fn scalars<'w>(scene: &Scene<'w>, pull: &Pull<'w>, field: &Field) -> Answer<'w> {
    let whole = pull.whole();
    let repository = pull.repository;
    match field.name.as_str() {
        "title" => Answer::of(&whole.title),
        "body" => Answer::of(&whole.body),
        "isDraft" => Answer::Bool(whole.is_draft),
        "locked" => Answer::Bool(whole.locked),
        "author" => account::actor(scene, whole.author.as_ref()),
        "authorAssociation" => association(whole.author_association.as_ref()),
        "closedAt" => time(whole.closed_at),
        "mergedAt" => time(whole.merged_at),
        "mergedBy" => account::actor(scene, whole.merged_by.as_ref()),
        "mergeCommit" => Answer::object(whole.merge_commit_oid.as_ref().map(|oid| {
            Object::Commit(Commit { inside: pull.inside(), place: None, oid: oid.clone() })
        })),
        "baseRefName" => Answer::text(&whole.base_ref_name),
        "baseRefOid" => Answer::text(&whole.base_ref_oid),
        "headRefName" => Answer::text(&whole.head_ref_name),
        "headRefOid" => Answer::text(&whole.head_ref_oid),
        "headRepository" => head_repository(scene, whole.head_repository.as_deref()),
        "headRepositoryOwner" => match whole.head_repository.as_deref() {
            Some(name) => account::owner(name.split('/').next().unwrap_or_default(), None),
            None => Answer::Null,
        },
        "isCrossRepository" => Answer::Bool(
            whole.head_repository.as_deref() != Some(&repository.facts.name_with_owner),
        ),
        "additions" => Answer::Int(whole.additions.into()),
        "deletions" => Answer::Int(whole.deletions.into()),
        "changedFiles" => Answer::Int(whole.changed_files.into()),
        "milestone" => Answer::object(
            whole.milestone.clone().map(|milestone| Object::Milestone(repository, milestone)),
        ),
        "totalCommentsCount" => Answer::count(whole.comments.len() + whole.review_comments.len()),
        _ => connections(scene, &pull.inside(), field),
    }
}

/// A head repository in the world, or one of which only the name is known.
fn head_repository<'w>(scene: &Scene<'w>, name: Option<&str>) -> Answer<'w> {
    let Some(name) = name else { return Answer::Null };
    match scene.world.repository(name, true) {
        Some((_, repository)) => Answer::Object(Object::Repository(repository)),
        None => Answer::Object(Object::Fork(name.into())),
    }
}

fn connections<'w>(scene: &Scene<'w>, inside: &Inside<'w>, field: &Field) -> Answer<'w> {
    let pull = &inside.pull;
    let own = || inside.clone();
    match field.name.as_str() {
        "labels" => connection::page_by_place(field, Form::Label, pull.labels.len(), |place| {
            Object::Label(inside.repository, pull.labels[place].clone())
        }),
        "assignees" => {
            let living = |one: &&Account| scene.world.living(Some(one)).is_some();
            let list: Vec<&Account> = pull.assignees.iter().filter(living).collect();
            connection::page_by_place(field, Form::Offset, list.len(), |place| {
                Object::Account(list[place].clone())
            })
        }
        "reviewRequests" => {
            let count = pull.review_requests.len();
            connection::page_by_place(field, Form::Offset, count, |place| {
                Object::ReviewRequest(own(), place)
            })
        }
        "closingIssuesReferences" => {
            let issues = &inside.repository.issues;
            let closed = pull.closing_issues.iter().filter_map(|number| issues.get(number));
            let list: Vec<_> = closed.cloned().collect();
            connection::page_by_place(field, Form::Offset, list.len(), |place| {
                Object::Issue(inside.repository, list[place].clone())
            })
        }
        "commits" => connection::page_by_place(field, Form::Offset, pull.commits.len(), |place| {
            Object::PullRequestCommit(own(), place)
        }),
        "files" => connection::page_by_place(field, Form::Offset, pull.files.len(), |place| {
            Object::ChangedFile(own(), place)
        }),
        "comments" => {
            let on = Commented::PullRequest(own());
            let keys: Vec<Key> =
                pull.comments.iter().map(|one| (one.created_at, one.full_database_id)).collect();
            connection::page(field, Form::Timed, &keys, |place| {
                Object::IssueComment(on.clone(), place)
            })
        }
        "reviews" => review::reviews(inside, field),
        "reviewThreads" => {
            let threads = threads(pull);
            let root = |place: usize| &pull.review_comments[threads[place].comments[0]];
            let key = |place| (root(place).created_at, root(place).full_database_id);
            let mut order: Vec<usize> = (0..threads.len()).collect();
            order.sort_by_key(|place| key(*place));
            let keys: Vec<Key> = order.iter().map(|place| key(*place)).collect();
            connection::page(field, Form::Timed, &keys, |place| {
                Object::Thread(own(), threads[order[place]].clone())
            })
        }
        _ => unknown(field),
    }
}
