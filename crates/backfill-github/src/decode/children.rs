//! From the nodes under a pull request to the engine's children of it.
//!
//! A child without any id fails its pull request: without an id it could not be told from
//! another one when it is read again.

use backfill_engine::model::{ChangedFile, Comment, Commit, Review, ReviewComment};

use super::actors::{actor, user_account};
use crate::error::Error;
use crate::queries::BigInt;
use crate::queries::children as asked;

/// The number that GitHub tells it by.
pub(crate) fn id(full: Option<BigInt>, number: i64, what: &'static str) -> Result<i64, Error> {
    full.map(|full| full.0).ok_or(Error::Unidentified { number, what })
}

/// GitHub's word for what its author has not published yet: it is counted and shown to them alone,
/// so what is read with their token has it, too.
const PENDING: &str = "PENDING";

pub(crate) fn is_published(review: &Review) -> bool {
    review.state != PENDING
}

/// A review comment, and whether its author has published it.
#[derive(Clone, Debug)]
pub(crate) struct Remark {
    pub(crate) comment: ReviewComment,
    pub(crate) is_published: bool,
}

pub(crate) fn review(from: asked::PullRequestReview, number: i64) -> Result<Review, Error> {
    Ok(Review {
        github_id: id(from.full_database_id, number, "a review")?,
        author: actor(from.author),
        state: from.state.into_word(),
        body: from.body,
        submitted_at: from.submitted_at,
        updated_at: Some(from.updated_at),
        commit_id: from.commit.map(|commit| commit.oid.0),
        html_url: Some(from.url.0),
    })
}

/// The comment without what its thread knows.
pub(crate) fn review_comment(
    from: asked::PullRequestReviewComment,
    number: i64,
) -> Result<Remark, Error> {
    let is_published = from.state.into_word() != PENDING;
    let review = from.pull_request_review;
    let answered = from.reply_to;
    let comment = ReviewComment {
        github_id: id(from.full_database_id, number, "a review comment")?,
        author: actor(from.author),
        body: from.body,
        created_at: from.created_at,
        updated_at: Some(from.updated_at),
        review_github_id: review
            .map(|review| id(review.full_database_id, number, "a review"))
            .transpose()?,
        in_reply_to: answered
            .map(|one| id(one.full_database_id, number, "a review comment"))
            .transpose()?,
        thread_id: None,
        is_resolved: false,
        path: Some(from.path),
        position: from.position.map(i64::from),
        line: None,
        side: None,
        diff_hunk: Some(from.diff_hunk),
        commit_id: from.commit.map(|commit| commit.oid.0),
        html_url: Some(from.url.0),
    };
    Ok(Remark { comment, is_published })
}

pub(crate) fn comment(from: asked::IssueComment, number: i64) -> Result<Comment, Error> {
    Ok(Comment {
        github_id: id(from.full_database_id, number, "a comment")?,
        author: actor(from.author),
        body: from.body,
        created_at: from.created_at,
        updated_at: Some(from.updated_at),
        html_url: Some(from.url.0),
    })
}

pub(crate) fn commit(from: asked::PullRequestCommit) -> Commit {
    let commit = from.commit;
    Commit {
        oid: commit.oid.0,
        message: commit.message,
        authored_at: commit.authored_date.0,
        author: commit.author.and_then(|author| author.user).and_then(user_account),
    }
}

pub(crate) fn file(from: asked::PullRequestChangedFile) -> ChangedFile {
    ChangedFile {
        path: from.path,
        additions: from.additions.into(),
        deletions: from.deletions.into(),
        change_type: from.change_type.into_word(),
    }
}
