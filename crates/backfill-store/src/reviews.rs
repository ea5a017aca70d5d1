//! The table `reviews`. Must not know comments, which point at reviews and come after them.

use std::collections::BTreeMap;

use backfill_engine::model::{Part, PullRequest, Review};
use uuid::Uuid;

use crate::error::Error;
use crate::rows::{at, column};
use crate::transaction::Tx;

/// Stores the reviews of those pull requests that were read with them, and buries the reviews
/// that are no longer there. Returns how many rows were really written.
pub(crate) async fn replace(
    tx: &mut Tx,
    repository_id: Uuid,
    host: &str,
    pull_requests: &[&PullRequest],
) -> Result<i64, Error> {
    let whole: Vec<&PullRequest> =
        pull_requests.iter().copied().filter(|it| it.captured.contains(&Part::Reviews)).collect();
    if whole.is_empty() {
        return Ok(0);
    }
    let mut by_id: BTreeMap<i64, (i64, &Review)> = BTreeMap::new();
    for pull_request in &whole {
        for review in &pull_request.reviews {
            by_id.insert(review.github_id, (pull_request.number.get(), review));
        }
    }
    let rows: Vec<(i64, &Review)> = by_id.into_values().collect();
    let written = upsert(tx, repository_id, host, &rows).await?;
    let query = tx
        .query(BURY)
        .bind(repository_id)
        .bind(column(&whole, |it| it.number.get()))
        .bind(column(&rows, |(_, row)| row.github_id));
    Ok(written + tx.execute(query).await?)
}

async fn upsert(
    tx: &mut Tx,
    repository_id: Uuid,
    host: &str,
    rows: &[(i64, &Review)],
) -> Result<i64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let query = tx
        .query(UPSERT)
        .bind(repository_id)
        .bind(host)
        .bind(column(rows, |(number, _)| *number))
        .bind(column(rows, |(_, row)| row.github_id))
        .bind(column(rows, |(_, row)| row.author.as_ref().map(|actor| actor.github_id)))
        .bind(column(rows, |(_, row)| row.state.as_str()))
        .bind(column(rows, |(_, row)| row.body.as_str()))
        .bind(column(rows, |(_, row)| row.submitted_at.map(at)))
        .bind(column(rows, |(_, row)| row.updated_at.map(at)))
        .bind(column(rows, |(_, row)| row.commit_id.as_deref()))
        .bind(column(rows, |(_, row)| row.html_url.as_deref()));
    tx.execute(query).await
}

const UPSERT: &str = "-- upsert_reviews\n\
    INSERT INTO reviews AS r (repository_id, pull_request_id, github_id, author_id, state, body, \
        submitted_at, updated_at, commit_id, html_url) \
    SELECT $1, \
        (SELECT parent.id FROM pull_requests parent \
            WHERE parent.repository_id = $1 AND parent.number = e.number), \
        e.github_id, \
        (SELECT author.id FROM contributors author \
            WHERE author.host = $2 AND author.github_id = e.author_github_id), \
        e.state, e.body, e.submitted_at, e.updated_at, \
        e.commit_id, e.html_url \
    FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], \
            $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[]) \
        AS e(number, github_id, author_github_id, state, body, submitted_at, updated_at, \
            commit_id, html_url) \
    ORDER BY e.github_id \
    ON CONFLICT (repository_id, github_id) DO UPDATE SET \
        pull_request_id = excluded.pull_request_id, author_id = excluded.author_id, \
        state = excluded.state, body = excluded.body, submitted_at = excluded.submitted_at, \
        updated_at = excluded.updated_at, commit_id = excluded.commit_id, \
        html_url = excluded.html_url, stored_at = now(), deleted_at = NULL \
    WHERE r.deleted_at IS NOT NULL OR \
        (r.pull_request_id, r.author_id, r.state, r.body, r.submitted_at, r.updated_at, \
            r.commit_id, r.html_url) IS DISTINCT FROM \
        (excluded.pull_request_id, excluded.author_id, excluded.state, excluded.body, \
            excluded.submitted_at, excluded.updated_at, excluded.commit_id, excluded.html_url)";

const BURY: &str = "-- bury_reviews\n\
    UPDATE reviews r SET deleted_at = now(), stored_at = now() FROM pull_requests parent \
    WHERE parent.repository_id = $1 AND parent.number = ANY($2::bigint[]) \
      AND r.pull_request_id = parent.id AND r.deleted_at IS NULL \
      AND r.github_id <> ALL($3::bigint[])";
