//! The table `comments`: those in the conversation and those on lines of the change.
//! Must not know threads beyond their node id.

use std::collections::BTreeMap;

use backfill_engine::model::{Actor, Comment, Part, PullRequest, ReviewComment};
use jiff::Timestamp;

use crate::error::Error;
use crate::parents::{Ids, Parents};
use crate::reviews;
use crate::rows::{at, column, new_id};
use crate::transaction::{Query, Tx};

/// Both kinds of comments as one row.
#[derive(Default)]
struct Row<'a> {
    number: i64,
    kind: &'static str,
    github_id: i64,
    author: Option<&'a Actor>,
    body: &'a str,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    html_url: Option<&'a str>,
    line: Option<&'a ReviewComment>,
}

const IN_CONVERSATION: &str = "issue_comment";
const ON_LINE: &str = "review_comment";

/// Stores the comments of those pull requests that were read with them, and buries those that are
/// no longer there; each kind for itself. Returns how many rows were really written.
pub(crate) async fn replace(
    tx: &mut Tx,
    parents: &Parents,
    pull_requests: &[&PullRequest],
) -> Result<i64, Error> {
    let kinds = [(Part::Comments, IN_CONVERSATION), (Part::ReviewComments, ON_LINE)];
    let mut by_key: BTreeMap<(i64, &str), Row<'_>> = BTreeMap::new();
    for pull_request in pull_requests {
        for row in rows(pull_request) {
            by_key.insert((row.github_id, row.kind), row);
        }
    }
    let rows: Vec<Row<'_>> = by_key.into_values().collect();
    let reviews = reviews_of(tx, parents, &rows).await?;
    let mut written = tx.execute_for(&rows, |some| upsert(parents, &reviews, some)).await?;
    for (part, kind) in kinds {
        let whole: Vec<&PullRequest> =
            pull_requests.iter().copied().filter(|it| it.captured.contains(&part)).collect();
        let earlier = parents.earlier(&whole);
        if earlier.is_empty() {
            continue;
        }
        let seen: Vec<i64> =
            rows.iter().filter(|row| row.kind == kind).map(|row| row.github_id).collect();
        let query = Tx::query(BURY).bind(earlier).bind(seen).bind(kind);
        written += tx.execute(query).await?;
    }
    Ok(written)
}

/// The comments that were asked for.
fn rows(pull_request: &PullRequest) -> impl Iterator<Item = Row<'_>> {
    let number = pull_request.number.get();
    let asked = |part| if pull_request.captured.contains(&part) { usize::MAX } else { 0 };
    let conversation = pull_request.comments.iter().take(asked(Part::Comments));
    let lines = pull_request.review_comments.iter().take(asked(Part::ReviewComments));
    conversation
        .map(move |comment| in_conversation(number, comment))
        .chain(lines.map(move |comment| on_line(number, comment)))
}

fn in_conversation(number: i64, comment: &Comment) -> Row<'_> {
    Row {
        number,
        kind: IN_CONVERSATION,
        github_id: comment.github_id,
        author: comment.author.as_ref(),
        body: &comment.body,
        created_at: comment.created_at,
        updated_at: comment.updated_at,
        html_url: comment.html_url.as_deref(),
        line: None,
    }
}

fn on_line(number: i64, comment: &ReviewComment) -> Row<'_> {
    Row {
        number,
        kind: ON_LINE,
        github_id: comment.github_id,
        author: comment.author.as_ref(),
        body: &comment.body,
        created_at: comment.created_at,
        updated_at: comment.updated_at,
        html_url: comment.html_url.as_deref(),
        line: Some(comment),
    }
}

fn upsert(parents: &Parents, reviews: &Ids, rows: &[Row<'_>]) -> Query {
    Tx::query(UPSERT)
        .bind(parents.repository_id)
        .bind(column(rows, |row| parents.pull_requests.of(row.number)))
        .bind(column(rows, |row| row.kind))
        .bind(column(rows, |row| row.github_id))
        .bind(column(rows, |row| row.author.and_then(|actor| parents.accounts.of(actor.github_id))))
        .bind(column(rows, |row| row.body))
        .bind(column(rows, |row| at(row.created_at)))
        .bind(column(rows, |row| row.updated_at.map(at)))
        .bind(column(rows, |row| row.html_url))
        .bind(column(rows, |row| review_of(row).and_then(|review| reviews.of(review))))
        .bind(column(rows, |row| row.line.and_then(|line| line.in_reply_to)))
        .bind(column(rows, |row| {
            row.line
                .and_then(|line| line.thread_id.as_ref())
                .map(backfill_engine::model::NodeId::as_str)
        }))
        .bind(column(rows, |row| row.line.map(|line| line.is_resolved)))
        .bind(column(rows, |row| row.line.and_then(|line| line.path.as_deref())))
        .bind(column(rows, |row| row.line.and_then(|line| line.position)))
        .bind(column(rows, |row| row.line.and_then(|line| line.line)))
        .bind(column(rows, |row| row.line.and_then(|line| line.side.as_deref())))
        .bind(column(rows, |row| row.line.and_then(|line| line.diff_hunk.as_deref())))
        .bind(column(rows, |row| row.line.and_then(|line| line.commit_id.as_deref())))
        .bind(column(rows, |_| new_id()))
}

fn review_of(row: &Row<'_>) -> Option<i64> {
    row.line.and_then(|line| line.review_github_id)
}

/// The reviews that the comments are part of. From the table, so that a read without reviews finds
/// the row of an earlier one.
async fn reviews_of(tx: &mut Tx, parents: &Parents, rows: &[Row<'_>]) -> Result<Ids, Error> {
    let mut github_ids: Vec<i64> = rows.iter().filter_map(review_of).collect();
    github_ids.sort_unstable();
    github_ids.dedup();
    reviews::ids(tx, parents.repository_id, &github_ids).await
}

const UPSERT: &str = "-- upsert_comments\n\
    INSERT INTO comments AS c (repository_id, pull_request_id, comment_type, github_id, \
        commenter_id, body, created_at, updated_at, html_url, review_id, in_reply_to_id, \
        thread_id, is_resolved, path, position, line, side, diff_hunk, commit_id, id) \
    SELECT $1, unnest($2::uuid[]), unnest($3::text[]), unnest($4::bigint[]), unnest($5::uuid[]), \
        unnest($6::text[]), unnest($7::timestamptz[]), unnest($8::timestamptz[]), \
        unnest($9::text[]), unnest($10::uuid[]), unnest($11::bigint[]), unnest($12::text[]), \
        unnest($13::boolean[]), unnest($14::text[]), unnest($15::bigint[]), \
        unnest($16::bigint[]), unnest($17::text[]), unnest($18::text[]), unnest($19::text[]), \
        unnest($20::uuid[]) \
    ON CONFLICT (repository_id, github_id, comment_type) DO UPDATE SET \
        pull_request_id = excluded.pull_request_id, commenter_id = excluded.commenter_id, \
        body = excluded.body, created_at = excluded.created_at, \
        updated_at = excluded.updated_at, html_url = excluded.html_url, \
        review_id = excluded.review_id, in_reply_to_id = excluded.in_reply_to_id, \
        thread_id = excluded.thread_id, is_resolved = excluded.is_resolved, \
        path = excluded.path, position = excluded.position, line = excluded.line, \
        side = excluded.side, diff_hunk = excluded.diff_hunk, commit_id = excluded.commit_id, \
        stored_at = now(), deleted_at = NULL \
    WHERE c.deleted_at IS NOT NULL OR \
        (c.pull_request_id, c.commenter_id, c.body, c.created_at, c.updated_at, c.html_url, \
            c.review_id, c.in_reply_to_id, c.thread_id, c.is_resolved, c.path, c.position, \
            c.line, c.side, c.diff_hunk, c.commit_id) IS DISTINCT FROM \
        (excluded.pull_request_id, excluded.commenter_id, excluded.body, excluded.created_at, \
            excluded.updated_at, excluded.html_url, excluded.review_id, \
            excluded.in_reply_to_id, excluded.thread_id, excluded.is_resolved, excluded.path, \
            excluded.position, excluded.line, excluded.side, excluded.diff_hunk, \
            excluded.commit_id)";

const BURY: &str = "-- bury_comments\n\
    UPDATE comments SET deleted_at = now(), stored_at = now() \
    WHERE pull_request_id = ANY($1::uuid[]) AND comment_type = $3 AND deleted_at IS NULL \
      AND github_id <> ALL($2::bigint[])";
