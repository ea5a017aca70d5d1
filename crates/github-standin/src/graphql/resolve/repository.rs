//! Repositories and what belongs to them as a whole: branches, labels, milestones.
//!
//! This file must not know the inside of a pull request or an issue.

use std::sync::Arc;

use super::super::cursor::Form;
use super::super::failure::Failure;
use super::super::object::{Answer, Connection, Object, Pull, Row};
use super::super::paging::Paging;
use super::super::plan::Field;
use super::{WEB, account, connection, time, unknown};
use crate::world::index::{Cut, Key, SortBy, Stretch};
use crate::world::model::{Issue, Milestone, RepositoryFacts, State};
use crate::world::{Moment, Repository, Text, ids};

pub fn repository<'w>(repository: &'w Repository, field: &Field) -> Answer<'w> {
    let facts = &repository.facts;
    match field.name.as_str() {
        "defaultBranchRef" => Answer::object((!facts.is_empty).then_some(Object::Ref(repository))),
        "pullRequest" => by_number(field, "PullRequest", |number| {
            let pull = Pull::new(repository, repository.index.get(number)?);
            Some(Object::PullRequest(Box::new(pull)))
        }),
        "issue" => by_number(field, "Issue", |number| {
            Some(Object::Issue(repository, Arc::clone(repository.issues.get(&number)?)))
        }),
        "pullRequests" => pull_requests(repository, field),
        "issues" => issues(repository, field),
        _ => scalars(facts, field),
    }
}

/// A repository outside the world, such as a fork: nothing is known to be in it.
pub fn fork<'w>(name: &str, field: &Field) -> Answer<'w> {
    let facts = RepositoryFacts { name_with_owner: name.into(), is_fork: true, ..<_>::default() };
    match field.name.as_str() {
        "defaultBranchRef" => Answer::Null,
        "pullRequest" => by_number(field, "PullRequest", |_| None),
        "issue" => by_number(field, "Issue", |_| None),
        "pullRequests" | "issues" => connection::page(field, Form::Id, &[], |_| Object::RateLimit),
        _ => scalars(&Repository::new(facts).facts, field),
    }
}

fn scalars<'w>(facts: &RepositoryFacts, field: &Field) -> Answer<'w> {
    let last_change = facts.updated_at.unwrap_or(facts.created_at);
    let (owner, name) = facts.name_with_owner.split_once('/').unwrap_or_default();
    match field.name.as_str() {
        "id" => Answer::text(&facts.id),
        "databaseId" => Answer::database_id(facts.database_id),
        "nameWithOwner" => Answer::text(&facts.name_with_owner),
        "name" => Answer::text(name),
        "owner" => account::owner(owner, facts.owner_type),
        "description" => facts.description.as_ref().map_or(Answer::Null, Answer::of),
        "isPrivate" => Answer::Bool(facts.is_private),
        "isArchived" => Answer::Bool(facts.is_archived),
        "isDisabled" => Answer::Bool(facts.is_disabled),
        "isEmpty" => Answer::Bool(facts.is_empty),
        "isFork" => Answer::Bool(facts.is_fork),
        "isLocked" | "isMirror" | "isTemplate" => Answer::Bool(false),
        "hasIssuesEnabled" => Answer::Bool(true),
        "createdAt" => Answer::text(facts.created_at),
        "updatedAt" => Answer::text(last_change),
        "pushedAt" => time((!facts.is_empty).then_some(facts.pushed_at.unwrap_or(last_change))),
        "url" => Answer::Text(format!("{WEB}/{}", facts.name_with_owner)),
        "resourcePath" => Answer::Text(format!("/{}", facts.name_with_owner)),
        _ => unknown(field),
    }
}

fn by_number<'w>(
    field: &Field,
    kind: &str,
    find: impl FnOnce(u32) -> Option<Object<'w>>,
) -> Answer<'w> {
    let number = field.number("number").unwrap_or(0);
    match u32::try_from(number).ok().and_then(find) {
        Some(object) => Answer::Object(object),
        None => Answer::Failed(Failure::not_found(format!(
            "Could not resolve to {} {kind} with the number of {number}.",
            if kind == "Issue" { "an" } else { "a" },
        ))),
    }
}

/// The order asked for, and whether it descends.
fn order(field: &Field) -> (SortBy, bool) {
    let Some(order) = field.arguments.get("orderBy").filter(|order| order.is_object()) else {
        return (SortBy::Id, false);
    };
    let sort = if order["field"] == "UPDATED_AT" { SortBy::Updated } else { SortBy::Created };
    (sort, order["direction"] == "DESC")
}

fn states(field: &Field) -> Vec<State> {
    let none = Vec::new();
    let names = field.arguments.get("states").and_then(|one| one.as_array()).unwrap_or(&none);
    names.iter().filter_map(|name| serde_json::from_value(name.clone()).ok()).collect()
}

fn form(sort: SortBy) -> Form {
    if sort == SortBy::Id { Form::Id } else { Form::Timed }
}

fn pull_requests<'w>(repository: &'w Repository, field: &Field) -> Answer<'w> {
    let (sort, descending) = order(field);
    let form = form(sort);
    let paging = match Paging::of(field, form) {
        Ok(paging) => paging,
        Err(failure) => return Answer::Failed(failure),
    };
    let states = states(field);
    let Paging { from_end, size, after, before, foreign } = paging;
    let cut = if foreign {
        Cut { entries: Vec::new(), more_before: false, more_after: false }
    } else {
        let states = &states;
        let stretch = Stretch { sort, descending, after, before, from_end, size, states };
        repository.index.cut(&stretch)
    };
    let row = |entry: crate::world::index::Entry| Row {
        key: entry.key(sort),
        form,
        node: Object::PullRequest(Box::new(Pull::new(repository, entry))),
    };
    Answer::Object(Object::Connection(Box::new(Connection {
        total: repository.index.count(&states),
        rows: cut.entries.into_iter().map(row).collect(),
        more_before: cut.more_before,
        more_after: cut.more_after,
    })))
}

fn issues<'w>(repository: &'w Repository, field: &Field) -> Answer<'w> {
    let (sort, descending) = order(field);
    let states = states(field);
    let since = field.arguments.get("filterBy").and_then(|filter| filter["since"].as_str());
    let since: Option<Moment> = since.and_then(|since| since.parse().ok());
    let key = |issue: &Issue| -> Key {
        let time = match sort {
            SortBy::Id => Moment::default(),
            SortBy::Created => issue.created_at,
            SortBy::Updated => issue.updated_at,
        };
        (time, issue.database_id)
    };
    let mut found: Vec<&Arc<Issue>> = repository
        .issues
        .values()
        .filter(|issue| states.is_empty() || states.contains(&issue.state))
        .filter(|issue| since.is_none_or(|since| issue.updated_at >= since))
        .collect();
    found.sort_by_key(|issue| key(issue));
    let node = |place: usize| Object::Issue(repository, Arc::clone(found[place]));
    let keys: Vec<Key> = found.iter().map(|issue| key(issue)).collect();
    if descending {
        return descending_page(field, form(sort), &keys, node);
    }
    connection::page(field, form(sort), &keys, node)
}

/// A page of a list that is shown backwards: the ascending page of the mirrored arguments.
fn descending_page<'w>(
    field: &Field,
    form: Form,
    keys: &[Key],
    node: impl Fn(usize) -> Object<'w>,
) -> Answer<'w> {
    let mut paging = match Paging::of(field, form) {
        Ok(paging) => paging,
        Err(failure) => return Answer::Failed(failure),
    };
    paging.from_end = !paging.from_end;
    std::mem::swap(&mut paging.after, &mut paging.before);
    let range = paging.cut(keys);
    let connection = Connection {
        total: keys.len(),
        more_before: !paging.foreign && range.end < keys.len(),
        more_after: !paging.foreign && range.start > 0,
        rows: range.rev().map(|place| Row { key: keys[place], form, node: node(place) }).collect(),
    };
    Answer::Object(Object::Connection(Box::new(connection)))
}

pub fn branch<'w>(repository: &Repository, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "id" => Answer::Text(ids::inside("REF", repository.facts.database_id, 1)),
        "name" => Answer::text(repository.facts.default_branch.as_deref().unwrap_or("main")),
        "prefix" => Answer::text("refs/heads/"),
        _ => unknown(field),
    }
}

pub fn label<'w>(repository: &Repository, name: &Text, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "id" => {
            let own = ids::hashed(name.literal());
            Answer::Text(ids::inside("LA", repository.facts.database_id, own))
        }
        "name" => Answer::of(name),
        "color" => Answer::text("ededed"),
        _ => unknown(field),
    }
}

pub fn milestone<'w>(repository: &Repository, milestone: &Milestone, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "id" => {
            let own = u64::from(milestone.number);
            Answer::Text(ids::inside("MI", repository.facts.database_id, own))
        }
        "number" => Answer::Int(milestone.number.into()),
        "title" => Answer::of(&milestone.title),
        _ => unknown(field),
    }
}
