//! The table `pull_requests`. Must not know their children.

use backfill_engine::model::{Actor, PullRequest};
use uuid::Uuid;

use crate::error::Error;
use crate::parents::{Ids, Parents};
use crate::rows::{at, column, texts};
use crate::transaction::Tx;

/// The mapping that writes these rows. Raise it when a column is filled differently: rows of an
/// older version are then rewritten although GitHub changed nothing.
const FIELDS_VERSION: i32 = 1;

/// Stores pull requests, sorted by number and without doubles, and returns how many rows were
/// really written.
pub(crate) async fn upsert(
    tx: &mut Tx,
    parents: &Parents,
    rows: &[&PullRequest],
) -> Result<i64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    let account = |actor: Option<&Actor>| actor.and_then(|it| parents.accounts.of(it.github_id));
    let query = Tx::query(UPSERT)
        .bind(parents.repository_id)
        .bind(FIELDS_VERSION)
        .bind(column(rows, |row| row.github_id))
        .bind(column(rows, |row| row.node_id.as_str()))
        .bind(column(rows, |row| row.number.get()))
        .bind(column(rows, |row| row.title.as_str()))
        .bind(column(rows, |row| row.body.as_str()))
        .bind(column(rows, |row| if row.is_open { "open" } else { "closed" }))
        .bind(column(rows, |row| account(row.author.as_ref())))
        .bind(column(rows, |row| row.author_association.as_deref()))
        .bind(column(rows, |row| row.base_branch.as_str()))
        .bind(column(rows, |row| row.head_branch.as_str()))
        .bind(column(rows, |row| row.base_sha.as_deref()))
        .bind(column(rows, |row| row.head_sha.as_str()))
        .bind(column(rows, |row| row.merge_commit_sha.as_deref()))
        .bind(column(rows, |row| {
            row.head_repository.as_ref().map(backfill_engine::model::RepositoryName::as_str)
        }))
        .bind(column(rows, |row| row.is_draft))
        .bind(column(rows, |row| row.is_merged))
        .bind(column(rows, |row| account(row.merged_by.as_ref())))
        .bind(column(rows, |row| at(row.created_at)))
        .bind(column(rows, |row| at(row.updated_at)))
        .bind(column(rows, |row| row.closed_at.map(at)))
        .bind(column(rows, |row| row.merged_at.map(at)))
        .bind(column(rows, |row| row.additions))
        .bind(column(rows, |row| row.deletions))
        .bind(column(rows, |row| row.changed_files))
        .bind(column(rows, |row| row.commit_count))
        .bind(column(rows, |row| row.review_count))
        .bind(column(rows, |row| row.comment_count))
        .bind(column(rows, |row| row.milestone.as_deref()))
        .bind(column(rows, |row| texts(row.labels.iter().map(String::as_str))))
        .bind(column(rows, |row| texts(row.assignees.iter().map(String::as_str))))
        .bind(column(rows, |row| row.html_url.as_str()))
        .bind(column(rows, |row| texts(row.captured.iter().map(|part| part.as_str()))))
        .bind(column(rows, |row| parents.pull_requests.of(row.number.get())));
    tx.execute(query).await
}

/// The rows of those of these pull requests that are stored already. One look-up for each, and the
/// repository no constant to the planner: one that the last ANALYZE has not seen is empty to it,
/// and it would take any index that begins with the repository and read all of it. Before version
/// 17 of Postgres it may do so for a list even where there is only one index.
pub(crate) async fn ids(
    tx: &mut Tx,
    repository_id: Uuid,
    rows: &[&PullRequest],
) -> Result<Ids, Error> {
    let query = Tx::query(
        "-- pull_request_ids\n\
         SELECT n AS number, p.id FROM unnest($2::bigint[]) AS n JOIN LATERAL ( \
             SELECT id FROM pull_requests \
             WHERE repository_id = (SELECT $1::uuid) AND number = n OFFSET 0) AS p ON true",
    )
    .bind(repository_id)
    .bind(column(rows, |row| row.number.get()));
    Ids::from_rows(&tx.fetch_all(query).await?)
}

// captured grows as long as GitHub changes nothing: a reduced read does not make an earlier, whole
// read of the same state incomplete. What was read of an older state, or buried, is not kept.
// content_hash goes with the text it was made of, so that a changed text is embedded again.
const UPSERT: &str = "-- upsert_pull_requests\n\
    INSERT INTO pull_requests AS p (repository_id, fields_version, github_id, node_id, number, \
        title, body, state, author_id, author_association, base_branch, head_branch, base_sha, \
        head_sha, merge_commit_sha, head_repository, draft, merged, merged_by_id, created_at, \
        updated_at, closed_at, merged_at, additions, deletions, changed_files, commits, \
        review_count, comment_count, milestone, labels, assignees, html_url, captured, id) \
    SELECT $1, $2, e.github_id, e.node_id, e.number, e.title, e.body, e.state, \
        e.author_id, e.author_association, e.base_branch, e.head_branch, e.base_sha, \
        e.head_sha, e.merge_commit_sha, e.head_repository, e.draft, e.merged, e.merged_by_id, \
        e.created_at, e.updated_at, e.closed_at, e.merged_at, e.additions, e.deletions, \
        e.changed_files, e.commits, e.review_count, e.comment_count, e.milestone, \
        ARRAY(SELECT jsonb_array_elements_text(e.labels)), \
        ARRAY(SELECT jsonb_array_elements_text(e.assignees)), e.html_url, \
        ARRAY(SELECT DISTINCT part FROM jsonb_array_elements_text(e.captured) part ORDER BY part), \
        e.id \
    FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], \
            $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], \
            $15::text[], $16::text[], $17::boolean[], $18::boolean[], $19::uuid[], \
            $20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], \
            $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], \
            $29::bigint[], $30::text[], $31::jsonb[], $32::jsonb[], $33::text[], $34::jsonb[], \
            $35::uuid[]) \
        AS e(github_id, node_id, number, title, body, state, author_id, \
            author_association, base_branch, head_branch, base_sha, head_sha, merge_commit_sha, \
            head_repository, draft, merged, merged_by_id, created_at, updated_at, closed_at, \
            merged_at, additions, deletions, changed_files, commits, review_count, \
            comment_count, milestone, labels, assignees, html_url, captured, id) \
    ON CONFLICT (repository_id, number) DO UPDATE SET \
        fields_version = excluded.fields_version, github_id = excluded.github_id, \
        node_id = excluded.node_id, title = excluded.title, body = excluded.body, \
        state = excluded.state, author_id = excluded.author_id, \
        author_association = excluded.author_association, base_branch = excluded.base_branch, \
        head_branch = excluded.head_branch, base_sha = excluded.base_sha, \
        head_sha = excluded.head_sha, merge_commit_sha = excluded.merge_commit_sha, \
        head_repository = excluded.head_repository, draft = excluded.draft, \
        merged = excluded.merged, merged_by_id = excluded.merged_by_id, \
        created_at = excluded.created_at, updated_at = excluded.updated_at, \
        closed_at = excluded.closed_at, merged_at = excluded.merged_at, \
        additions = excluded.additions, deletions = excluded.deletions, \
        changed_files = excluded.changed_files, commits = excluded.commits, \
        review_count = excluded.review_count, comment_count = excluded.comment_count, \
        milestone = excluded.milestone, labels = excluded.labels, \
        assignees = excluded.assignees, html_url = excluded.html_url, \
        captured = CASE WHEN p.deleted_at IS NOT NULL OR p.updated_at <> excluded.updated_at \
            THEN excluded.captured ELSE ARRAY(SELECT DISTINCT part \
                FROM unnest(p.captured || excluded.captured) part ORDER BY part) END, \
        content_hash = CASE WHEN (p.title, p.body) IS DISTINCT FROM \
            (excluded.title, excluded.body) THEN NULL ELSE p.content_hash END, \
        stored_at = now(), deleted_at = NULL \
    WHERE p.deleted_at IS NOT NULL OR NOT excluded.captured <@ p.captured OR \
        (p.fields_version, p.github_id, p.node_id, p.title, p.body, p.state, p.author_id, \
            p.author_association, p.base_branch, p.head_branch, p.base_sha, p.head_sha, \
            p.merge_commit_sha, p.head_repository, p.draft, p.merged, p.merged_by_id, \
            p.created_at, p.updated_at, p.closed_at, p.merged_at, p.additions, p.deletions, \
            p.changed_files, p.commits, p.review_count, p.comment_count, p.milestone, p.labels, \
            p.assignees, p.html_url) IS DISTINCT FROM \
        (excluded.fields_version, excluded.github_id, excluded.node_id, excluded.title, \
            excluded.body, excluded.state, excluded.author_id, excluded.author_association, \
            excluded.base_branch, excluded.head_branch, excluded.base_sha, excluded.head_sha, \
            excluded.merge_commit_sha, excluded.head_repository, excluded.draft, \
            excluded.merged, excluded.merged_by_id, excluded.created_at, excluded.updated_at, \
            excluded.closed_at, excluded.merged_at, excluded.additions, excluded.deletions, \
            excluded.changed_files, excluded.commits, excluded.review_count, \
            excluded.comment_count, excluded.milestone, excluded.labels, excluded.assignees, \
            excluded.html_url)";
