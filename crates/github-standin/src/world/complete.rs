//! Fills in what a world line left out: ids, times and names, each derived from what is there.
//!
//! This file must not know where the records are kept or who asks for them.

use super::Moment;
use super::ids;
use super::model::{Account, Comment, Issue, PullRequest, RepositoryFacts};
use crate::Error;

/// Derived pull-request ids are the repository's id times this, plus the number.
const NUMBERS_PER_REPOSITORY: u64 = 1_000_000;

/// Fills in a repository's facts.
pub fn repository(facts: &mut RepositoryFacts) {
    if facts.database_id == 0 {
        facts.database_id = ids::hashed(&facts.name_with_owner);
    }
    if facts.id.is_empty() {
        facts.id = ids::alone("R", facts.database_id);
    }
}

/// Fills in a pull request and everything on it, and sorts its lists by time and id.
pub fn pull_request(pull: &mut PullRequest, repository: u64) -> Result<(), Error> {
    required(&pull.repository, pull.number, pull.created_at)?;
    let number = u64::from(pull.number);
    fill_id(&mut pull.full_database_id, repository * NUMBERS_PER_REPOSITORY + number);
    fill_text(&mut pull.id, || ids::inside("PR", repository, pull.full_database_id));
    fill_time(&mut pull.updated_at, pull.created_at);
    fill_text(&mut pull.base_ref_name, || "main".into());
    fill_text(&mut pull.head_ref_name, || format!("branch-{number}"));
    let place = format!("{repository}/{number}");
    fill_text(&mut pull.head_ref_oid, || ids::oid(&format!("{place}/head")));
    fill_text(&mut pull.base_ref_oid, || ids::oid(&format!("{place}/base")));
    accounts(pull.author.iter_mut().chain(&mut pull.merged_by));
    accounts(pull.assignees.iter_mut().chain(&mut pull.review_requests));
    reviews(pull, repository);
    review_comments(pull, repository);
    comments(&mut pull.comments, repository, pull.full_database_id, pull.created_at);
    for (place_in_list, commit) in pull.commits.iter_mut().enumerate() {
        accounts(commit.author.iter_mut());
        fill_time(&mut commit.authored_date, pull.created_at);
        fill_text(&mut commit.oid, || ids::oid(&format!("{place}/{place_in_list}")));
    }
    Ok(())
}

/// Fills in an issue and its comments.
pub fn issue(issue: &mut Issue, repository: u64) -> Result<(), Error> {
    required(&issue.repository, issue.number, issue.created_at)?;
    let derived = repository * NUMBERS_PER_REPOSITORY + u64::from(issue.number);
    fill_id(&mut issue.database_id, derived);
    fill_text(&mut issue.id, || ids::inside("I", repository, issue.database_id));
    fill_time(&mut issue.updated_at, issue.created_at);
    accounts(issue.author.iter_mut().chain(&mut issue.assignees));
    comments(&mut issue.comments, repository, derived, issue.created_at);
    Ok(())
}

fn required(repository: &str, number: u32, created_at: Moment) -> Result<(), Error> {
    let missing = match () {
        () if repository.is_empty() => "repository",
        () if number == 0 => "number",
        () if created_at == Moment::default() => "createdAt",
        () => return Ok(()),
    };
    Err(Error::Missing { field: missing, of: format!("{repository}#{number}") })
}

fn reviews(pull: &mut PullRequest, repository: u64) {
    for (id, review) in child_ids(pull.full_database_id).zip(&mut pull.reviews) {
        fill_id(&mut review.full_database_id, id);
        fill_text(&mut review.id, || ids::inside("PRR", repository, review.full_database_id));
        let first_known = review.submitted_at.unwrap_or(pull.created_at);
        fill_time(&mut review.created_at, first_known);
        fill_time(&mut review.updated_at, review.created_at);
        if review.submitted_at.is_none() && review.state != super::model::ReviewState::Pending {
            review.submitted_at = Some(review.created_at);
        }
        accounts(review.author.iter_mut());
    }
    pull.reviews.sort_by_key(|review| (review.created_at, review.full_database_id));
}

fn review_comments(pull: &mut PullRequest, repository: u64) {
    for (id, comment) in child_ids(pull.full_database_id).zip(&mut pull.review_comments) {
        fill_id(&mut comment.full_database_id, id);
        fill_text(&mut comment.id, || ids::inside("PRRC", repository, comment.full_database_id));
        fill_time(&mut comment.created_at, pull.created_at);
        fill_time(&mut comment.updated_at, comment.created_at);
        accounts(comment.author.iter_mut());
    }
    pull.review_comments.sort_by_key(|comment| (comment.created_at, comment.full_database_id));
}

fn comments(list: &mut [Comment], repository: u64, parent: u64, created_at: Moment) {
    for (id, comment) in child_ids(parent).zip(list.iter_mut()) {
        fill_id(&mut comment.full_database_id, id);
        fill_text(&mut comment.id, || ids::inside("IC", repository, comment.full_database_id));
        fill_time(&mut comment.created_at, created_at);
        fill_time(&mut comment.updated_at, comment.created_at);
        accounts(comment.author.iter_mut());
    }
    list.sort_by_key(|comment| (comment.created_at, comment.full_database_id));
}

/// The ids that children without one get, in the order of their list.
fn child_ids(parent: u64) -> impl Iterator<Item = u64> {
    let first = parent.saturating_mul(ids::CHILDREN_PER_PULL_REQUEST) + 1;
    // Those of a longer list lie in a range of their own, which no parent's reaches.
    let beyond = first.saturating_mul(ids::CHILDREN_PER_PULL_REQUEST).saturating_add(1 << 62);
    (first..first + ids::CHILDREN_PER_PULL_REQUEST).chain(beyond..=u64::MAX)
}

fn accounts<'a>(list: impl Iterator<Item = &'a mut Account>) {
    for account in list {
        fill_id(&mut account.database_id, ids::hashed(&account.login));
    }
}

fn fill_id(id: &mut u64, derived: u64) {
    if *id == 0 {
        *id = derived;
    }
}

fn fill_time(time: &mut Moment, known: Moment) {
    if *time == Moment::default() {
        *time = known;
    }
}

fn fill_text(text: &mut String, derive: impl FnOnce() -> String) {
    if text.is_empty() {
        *text = derive();
    }
}
