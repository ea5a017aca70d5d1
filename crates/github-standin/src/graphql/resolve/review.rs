//! Reviews, review threads and review comments.
//!
//! This file must not know other children of a pull request.

use super::super::cursor::Form;
use super::super::execute::Scene;
use super::super::object::{Answer, Commit, Inside, Object, Pull};
use super::super::plan::Field;
use super::pull_request::web;
use super::{account, association, connection, time, unknown};
use crate::world::index::Key;
use crate::world::model::{PullRequest, ReviewComment, ReviewState};
use crate::world::{Thread, ids};

/// The reviews of a pull request.
pub fn reviews<'w>(inside: &Inside<'w>, field: &Field) -> Answer<'w> {
    let all = &inside.pull.reviews;
    let none = Vec::new();
    let states = field.arguments.get("states").and_then(|one| one.as_array()).unwrap_or(&none);
    let wanted =
        |state: ReviewState| states.is_empty() || states.iter().any(|one| one == state.name());
    let places: Vec<usize> = (0..all.len()).filter(|place| wanted(all[*place].state)).collect();
    let keys: Vec<Key> =
        places.iter().map(|place| (all[*place].created_at, all[*place].full_database_id)).collect();
    connection::page(field, Form::Review, &keys, |place| {
        Object::Review(inside.clone(), places[place])
    })
}

/// The parent, as `pullRequest` and `repository` show it.
fn parent<'w>(inside: &Inside<'w>, field: &Field) -> Answer<'w> {
    if field.name == "repository" {
        return Answer::Object(Object::Repository(inside.repository));
    }
    let entry = inside.repository.index.get(inside.pull.number);
    Answer::object(
        entry.map(|entry| Object::PullRequest(Box::new(Pull::new(inside.repository, entry)))),
    )
}

fn commit<'w>(inside: &Inside<'w>, oid: Option<&String>) -> Answer<'w> {
    let place = |oid| inside.pull.commits.iter().position(|commit| &commit.oid == oid);
    Answer::object(oid.map(|oid| {
        let inside_of = inside.clone();
        Object::Commit(Commit { inside: inside_of, place: place(oid), oid: oid.clone() })
    }))
}

/// A page of review comments, given their places in the pull request's list.
fn comments<'w>(inside: &Inside<'w>, places: &[usize], field: &Field) -> Answer<'w> {
    let all = &inside.pull.review_comments;
    let keys: Vec<Key> =
        places.iter().map(|place| (all[*place].created_at, all[*place].full_database_id)).collect();
    connection::page(field, Form::Timed, &keys, |place| {
        Object::ReviewComment(inside.clone(), places[place])
    })
}

pub fn review<'w>(
    scene: &Scene<'w>,
    inside: &Inside<'w>,
    place: usize,
    field: &Field,
) -> Answer<'w> {
    let review = &inside.pull.reviews[place];
    let own = review.full_database_id;
    match field.name.as_str() {
        "id" => Answer::text(&review.id),
        "fullDatabaseId" => Answer::text(own),
        "databaseId" => Answer::database_id(own),
        "author" => account::actor(scene, review.author.as_ref()),
        "authorAssociation" => association(review.author_association.as_ref()),
        "state" => Answer::text(review.state.name()),
        "body" => Answer::of(&review.body),
        "submittedAt" | "publishedAt" => time(review.submitted_at),
        "createdAt" => Answer::text(review.created_at),
        "updatedAt" => Answer::text(review.updated_at),
        "commit" => commit(inside, review.commit_oid.as_ref()),
        "url" => {
            let web = web(inside.repository, inside.pull.number);
            Answer::Text(format!("{web}#pullrequestreview-{own}"))
        }
        "comments" => {
            let all = inside.pull.review_comments.iter().enumerate();
            let of_it = all.filter(|(_, comment)| comment.review == Some(own));
            let places: Vec<usize> = of_it.map(|(place, _)| place).collect();
            comments(inside, &places, field)
        }
        "pullRequest" | "repository" => parent(inside, field),
        _ => unknown(field),
    }
}

pub fn thread<'w>(inside: &Inside<'w>, thread: &Thread, field: &Field) -> Answer<'w> {
    let root = &inside.pull.review_comments[thread.comments[0]];
    match field.name.as_str() {
        "id" => {
            let repository = inside.repository.facts.database_id;
            Answer::Text(ids::inside("PRRT", repository, root.full_database_id))
        }
        "isResolved" | "isCollapsed" => Answer::Bool(root.is_resolved),
        "isOutdated" => Answer::Bool(root.position.is_none()),
        "path" => Answer::of(&root.path),
        "line" => root.line.or(root.position).map_or(Answer::Null, Answer::Int),
        "diffSide" => Answer::text(root.diff_side.as_deref().unwrap_or("RIGHT")),
        "comments" => {
            let mut places = thread.comments.clone();
            let all = &inside.pull.review_comments;
            places.sort_by_key(|place| (all[*place].created_at, all[*place].full_database_id));
            comments(inside, &places, field)
        }
        "pullRequest" | "repository" => parent(inside, field),
        _ => unknown(field),
    }
}

/// The place of the review that a comment belongs to.
fn review_of(pull: &PullRequest, comment: &ReviewComment) -> Option<usize> {
    pull.reviews.iter().position(|review| Some(review.full_database_id) == comment.review)
}

/// The comments of a review that its author has not published yet are not published, either.
fn comment_state(pull: &PullRequest, comment: &ReviewComment) -> &'static str {
    let review = review_of(pull, comment).map(|place| pull.reviews[place].state);
    if review == Some(ReviewState::Pending) { "PENDING" } else { "SUBMITTED" }
}

pub fn comment<'w>(
    scene: &Scene<'w>,
    inside: &Inside<'w>,
    place: usize,
    field: &Field,
) -> Answer<'w> {
    let pull = &inside.pull;
    let comment = &pull.review_comments[place];
    let own = comment.full_database_id;
    match field.name.as_str() {
        "id" => Answer::text(&comment.id),
        "fullDatabaseId" => Answer::text(own),
        "databaseId" => Answer::database_id(own),
        "author" => account::actor(scene, comment.author.as_ref()),
        "authorAssociation" => association(comment.author_association.as_ref()),
        "body" => Answer::of(&comment.body),
        "state" => Answer::text(comment_state(pull, comment)),
        "path" => Answer::of(&comment.path),
        "position" => comment.position.map_or(Answer::Null, Answer::Int),
        "line" => comment.line.or(comment.position).map_or(Answer::Null, Answer::Int),
        "outdated" => Answer::Bool(comment.position.is_none()),
        "diffHunk" => Answer::of(&comment.diff_hunk),
        "createdAt" | "publishedAt" => Answer::text(comment.created_at),
        "updatedAt" => Answer::text(comment.updated_at),
        "url" => Answer::Text(format!("{}#discussion_r{own}", web(inside.repository, pull.number))),
        "commit" => commit(inside, comment.commit_oid.as_ref()),
        "originalCommit" => {
            let original = comment.original_commit_oid.as_ref();
            commit(inside, original.or(comment.commit_oid.as_ref()))
        }
        "replyTo" => {
            let answered = |one: &&usize| {
                Some(pull.review_comments[**one].full_database_id) == comment.reply_to
            };
            let places: Vec<usize> = (0..pull.review_comments.len()).collect();
            let found = places.iter().find(answered);
            Answer::object(found.map(|place| Object::ReviewComment(inside.clone(), *place)))
        }
        "pullRequestReview" => {
            let place = review_of(pull, comment);
            Answer::object(place.map(|place| Object::Review(inside.clone(), place)))
        }
        "pullRequest" | "repository" => parent(inside, field),
        _ => unknown(field),
    }
}
