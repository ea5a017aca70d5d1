//! The table `pull_request_commits`. Must not know the repository's own history.

use std::collections::BTreeMap;

use backfill_engine::model::{Commit, Part, PullRequest};

use crate::error::Error;
use crate::parents::Parents;
use crate::rows::{at, column, new_id};
use crate::transaction::{Query, Tx};

/// Stores the commits of those pull requests that were read with them, and buries those that a
/// force-push took away. Returns how many rows were really written.
pub(crate) async fn replace(
    tx: &mut Tx,
    parents: &Parents,
    pull_requests: &[&PullRequest],
) -> Result<i64, Error> {
    let whole: Vec<&PullRequest> =
        pull_requests.iter().copied().filter(|it| it.captured.contains(&Part::Commits)).collect();
    if whole.is_empty() {
        return Ok(0);
    }
    let mut by_key: BTreeMap<(i64, &str), &Commit> = BTreeMap::new();
    for pull_request in &whole {
        for commit in &pull_request.commits {
            by_key.insert((pull_request.number.get(), &commit.oid), commit);
        }
    }
    let rows: Vec<(i64, &Commit)> =
        by_key.into_iter().map(|((number, _), row)| (number, row)).collect();
    let written = tx.execute_for(&rows, |some| upsert(parents, some)).await?;
    let earlier = parents.earlier(&whole);
    if earlier.is_empty() {
        return Ok(written);
    }
    let query = Tx::query(BURY)
        .bind(earlier)
        .bind(column(&rows, |(number, _)| parents.pull_requests.of(*number)))
        .bind(column(&rows, |(_, row)| row.oid.as_str()));
    Ok(written + tx.execute(query).await?)
}

fn upsert(parents: &Parents, rows: &[(i64, &Commit)]) -> Query {
    Tx::query(UPSERT)
        .bind(column(rows, |(number, _)| parents.pull_requests.of(*number)))
        .bind(column(rows, |(_, row)| row.oid.as_str()))
        .bind(column(rows, |(_, row)| row.message.as_str()))
        .bind(column(rows, |(_, row)| row.authored_at.map(at)))
        .bind(column(rows, |(_, row)| {
            row.author.as_ref().and_then(|actor| parents.accounts.of(actor.github_id))
        }))
        .bind(column(rows, |_| new_id()))
}

const UPSERT: &str = "-- upsert_pull_request_commits\n\
    INSERT INTO pull_request_commits AS c \
        (pull_request_id, oid, message, authored_at, author_id, id) \
    SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), \
        unnest($4::timestamptz[]), unnest($5::uuid[]), unnest($6::uuid[]) \
    ON CONFLICT (pull_request_id, oid) DO UPDATE SET \
        message = excluded.message, authored_at = excluded.authored_at, \
        author_id = excluded.author_id, stored_at = now(), deleted_at = NULL \
    WHERE c.deleted_at IS NOT NULL OR (c.message, c.authored_at, c.author_id) IS DISTINCT FROM \
        (excluded.message, excluded.authored_at, excluded.author_id)";

// As for files: a hash, whatever joins are off.
const BURY: &str = "-- bury_pull_request_commits\n\
    UPDATE pull_request_commits c SET deleted_at = now(), stored_at = now() \
    WHERE c.pull_request_id = ANY($1::uuid[]) AND c.deleted_at IS NULL \
      AND (c.pull_request_id, c.oid) NOT IN (SELECT * FROM unnest($2::uuid[], $3::text[]))";
