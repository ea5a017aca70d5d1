//! The table `pull_request_files`. Must not know what is inside a file.

use std::collections::BTreeMap;

use backfill_engine::model::{ChangedFile, Part, PullRequest};

use crate::error::Error;
use crate::parents::Parents;
use crate::rows::{column, new_id};
use crate::transaction::{Query, Tx};

/// Stores the files that were read, and buries those that are no longer changed where all were
/// read. Returns how many rows were really written.
pub(crate) async fn replace(
    tx: &mut Tx,
    parents: &Parents,
    pull_requests: &[&PullRequest],
) -> Result<i64, Error> {
    let mut by_key: BTreeMap<(i64, &str), &ChangedFile> = BTreeMap::new();
    for pull_request in pull_requests {
        for file in &pull_request.files {
            by_key.insert((pull_request.number.get(), &file.path), file);
        }
    }
    let rows: Vec<(i64, &ChangedFile)> =
        by_key.into_iter().map(|((number, _), row)| (number, row)).collect();
    let written = tx.execute_for(&rows, |some| upsert(parents, some)).await?;
    let whole: Vec<&PullRequest> =
        pull_requests.iter().copied().filter(|it| it.captured.contains(&Part::Files)).collect();
    let earlier = parents.earlier(&whole);
    if earlier.is_empty() {
        return Ok(written);
    }
    let query = Tx::query(BURY)
        .bind(earlier)
        .bind(column(&rows, |(number, _)| parents.pull_requests.of(*number)))
        .bind(column(&rows, |(_, row)| row.path.as_str()));
    Ok(written + tx.execute(query).await?)
}

fn upsert(parents: &Parents, rows: &[(i64, &ChangedFile)]) -> Query {
    Tx::query(UPSERT)
        .bind(column(rows, |(number, _)| parents.pull_requests.of(*number)))
        .bind(column(rows, |(_, row)| row.path.as_str()))
        .bind(column(rows, |(_, row)| row.additions))
        .bind(column(rows, |(_, row)| row.deletions))
        .bind(column(rows, |(_, row)| row.change_type.as_str()))
        .bind(column(rows, |_| new_id()))
}

const UPSERT: &str = "-- upsert_pull_request_files\n\
    INSERT INTO pull_request_files AS f \
        (pull_request_id, path, additions, deletions, change_type, id) \
    SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::bigint[]), \
        unnest($5::text[]), unnest($6::uuid[]) \
    ON CONFLICT (pull_request_id, hashtextextended(path, 0)) DO UPDATE SET \
        path = excluded.path, additions = excluded.additions, deletions = excluded.deletions, \
        change_type = excluded.change_type, stored_at = now(), deleted_at = NULL \
    WHERE f.deleted_at IS NOT NULL OR (f.path, f.additions, f.deletions, f.change_type) \
        IS DISTINCT FROM \
        (excluded.path, excluded.additions, excluded.deletions, excluded.change_type)";

// NOT IN is looked up in a hash of what was seen, whatever joins are off.
const BURY: &str = "-- bury_pull_request_files\n\
    UPDATE pull_request_files f SET deleted_at = now(), stored_at = now() \
    WHERE f.pull_request_id = ANY($1::uuid[]) AND f.deleted_at IS NULL \
      AND (f.pull_request_id, f.path) NOT IN (SELECT * FROM unnest($2::uuid[], $3::text[]))";
