//! The table `reviews`. Must not know comments, which point at reviews and come after them.

use std::collections::BTreeMap;

use backfill_engine::model::{Part, PullRequest, Review};
use uuid::Uuid;

use crate::error::Error;
use crate::parents::{Ids, Parents};
use crate::rows::{at, column, new_id};
use crate::transaction::{Query, Tx};

/// Stores the reviews of those pull requests that were read with them, and buries the reviews
/// that are no longer there. Returns how many rows were really written.
pub(crate) async fn replace(
    tx: &mut Tx,
    parents: &Parents,
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
    let written = tx.execute_for(&rows, |some| upsert(parents, some)).await?;
    let earlier = parents.earlier(&whole);
    if earlier.is_empty() {
        return Ok(written);
    }
    let query = Tx::query(BURY).bind(earlier).bind(column(&rows, |(_, row)| row.github_id));
    Ok(written + tx.execute(query).await?)
}

/// The rows of these reviews, as far as they are stored; looked up as pull requests are.
pub(crate) async fn ids(
    tx: &mut Tx,
    repository_id: Uuid,
    github_ids: &[i64],
) -> Result<Ids, Error> {
    let query = Tx::query(
        "-- review_ids\n\
         SELECT n AS number, r.id FROM unnest($2::bigint[]) AS n JOIN LATERAL ( \
             SELECT id FROM reviews \
             WHERE repository_id = (SELECT $1::uuid) AND github_id = n OFFSET 0) AS r ON true",
    )
    .bind(repository_id)
    .bind(github_ids);
    Ids::from_rows(&tx.fetch_all(query).await?)
}

fn upsert(parents: &Parents, rows: &[(i64, &Review)]) -> Query {
    Tx::query(UPSERT)
        .bind(parents.repository_id)
        .bind(column(rows, |(number, _)| parents.pull_requests.of(*number)))
        .bind(column(rows, |(_, row)| row.github_id))
        .bind(column(rows, |(_, row)| {
            row.author.as_ref().and_then(|actor| parents.accounts.of(actor.github_id))
        }))
        .bind(column(rows, |(_, row)| row.state.as_str()))
        .bind(column(rows, |(_, row)| row.body.as_str()))
        .bind(column(rows, |(_, row)| row.submitted_at.map(at)))
        .bind(column(rows, |(_, row)| row.updated_at.map(at)))
        .bind(column(rows, |(_, row)| row.commit_id.as_deref()))
        .bind(column(rows, |(_, row)| row.html_url.as_deref()))
        .bind(column(rows, |_| new_id()))
}

const UPSERT: &str = "-- upsert_reviews\n\
    INSERT INTO reviews AS r (repository_id, pull_request_id, github_id, author_id, state, body, \
        submitted_at, updated_at, commit_id, html_url, id) \
    SELECT $1, unnest($2::uuid[]), unnest($3::bigint[]), unnest($4::uuid[]), unnest($5::text[]), \
        unnest($6::text[]), unnest($7::timestamptz[]), unnest($8::timestamptz[]), \
        unnest($9::text[]), unnest($10::text[]), unnest($11::uuid[]) \
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
    UPDATE reviews SET deleted_at = now(), stored_at = now() \
    WHERE pull_request_id = ANY($1::uuid[]) AND deleted_at IS NULL \
      AND github_id <> ALL($2::bigint[])";
