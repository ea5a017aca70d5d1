//! What the tables hold of a repository, as JSON with one object per pull request.
//! Must not know what they should hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sqlx::PgPool;

/// Pull requests by number.
pub type ByNumber = BTreeMap<i64, Value>;

const PULL_REQUESTS: &str = "
    SELECT p.number::bigint, '', jsonb_build_object(
        'github_id', p.github_id, 'title', p.title, 'body', p.body, 'state', p.state,
        'merged', p.merged, 'draft', p.draft, 'author', actor(p.author_id),
        'merged_by', actor(p.merged_by_id), 'created_at', millis(p.created_at),
        'updated_at', millis(p.updated_at), 'closed_at', millis(p.closed_at),
        'merged_at', millis(p.merged_at), 'base_branch', p.base_branch,
        'head_branch', p.head_branch, 'head_sha', p.head_sha,
        'head_repository', p.head_repository, 'additions', p.additions,
        'deletions', p.deletions, 'changed_files', p.changed_files, 'commits', p.commits,
        'labels', p.labels, 'assignees', p.assignees, 'captured', p.captured)
      FROM pull_requests p JOIN repositories r ON r.id = p.repository_id
     WHERE r.full_name = $1 AND p.deleted_at IS NULL";

const REVIEWS: &str = "
    SELECT p.number::bigint, v.github_id::text, jsonb_build_object(
        'author', actor(v.author_id), 'state', v.state, 'body', v.body,
        'submitted_at', millis(v.submitted_at), 'commit_id', v.commit_id)
      FROM reviews v JOIN pull_requests p ON p.id = v.pull_request_id
      JOIN repositories r ON r.id = v.repository_id
     WHERE r.full_name = $1 AND v.deleted_at IS NULL";

const COMMENTS: &str = "
    SELECT p.number::bigint, c.github_id::text, jsonb_build_object(
        'author', actor(c.commenter_id), 'body', c.body, 'created_at', millis(c.created_at),
        'updated_at', millis(c.updated_at))
      FROM comments c JOIN pull_requests p ON p.id = c.pull_request_id
      JOIN repositories r ON r.id = c.repository_id
     WHERE r.full_name = $1 AND c.deleted_at IS NULL AND c.comment_type = 'issue_comment'";

const REVIEW_COMMENTS: &str = "
    SELECT p.number::bigint, c.github_id::text, jsonb_build_object(
        'author', actor(c.commenter_id), 'body', c.body, 'created_at', millis(c.created_at),
        'updated_at', millis(c.updated_at), 'path', c.path, 'position', c.position,
        'diff_hunk', c.diff_hunk, 'in_reply_to_id', c.in_reply_to_id,
        'review', (SELECT v.github_id FROM reviews v WHERE v.id = c.review_id))
      FROM comments c JOIN pull_requests p ON p.id = c.pull_request_id
      JOIN repositories r ON r.id = c.repository_id
     WHERE r.full_name = $1 AND c.deleted_at IS NULL AND c.comment_type = 'review_comment'";

const COMMITS: &str = "
    SELECT p.number::bigint, c.oid, jsonb_build_object(
        'message', c.message, 'authored_at', millis(c.authored_at),
        'author', actor(c.author_id))
      FROM pull_request_commits c JOIN pull_requests p ON p.id = c.pull_request_id
      JOIN repositories r ON r.id = p.repository_id
     WHERE r.full_name = $1 AND c.deleted_at IS NULL";

const FILES: &str = "
    SELECT p.number::bigint, f.path, jsonb_build_object(
        'additions', f.additions, 'deletions', f.deletions, 'change_type', f.change_type)
      FROM pull_request_files f JOIN pull_requests p ON p.id = f.pull_request_id
      JOIN repositories r ON r.id = p.repository_id
     WHERE r.full_name = $1 AND f.deleted_at IS NULL";

/// Short names that the statements above use; they live as long as the connection.
const SHORT_NAMES: &str = "
    CREATE OR REPLACE FUNCTION pg_temp.millis(at timestamptz) RETURNS bigint LANGUAGE sql
        AS $$ SELECT (extract(epoch FROM at) * 1000)::bigint $$;
    CREATE OR REPLACE FUNCTION pg_temp.actor(one uuid) RETURNS jsonb LANGUAGE sql
        AS $$ SELECT jsonb_build_object('id', github_id, 'type', account_type, 'login', username)
                FROM contributors WHERE id = one $$;";

/// The lists of a pull request, each with the statement that reads it.
const LISTS: [(&str, &str); 5] = [
    ("reviews", REVIEWS),
    ("comments", COMMENTS),
    ("review_comments", REVIEW_COMMENTS),
    ("commit_rows", COMMITS),
    ("file_rows", FILES),
];

/// Reads everything that is stored of a repository and not marked as gone.
pub async fn stored(pool: &PgPool, repository: &str) -> ByNumber {
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql(SHORT_NAMES).execute(&mut *connection).await.unwrap();
    let mut read = async |statement: &str| -> Vec<(i64, String, Value)> {
        // Functions of a session are only found by their whole name.
        let statement =
            statement.replace("actor(", "pg_temp.actor(").replace("millis(", "pg_temp.millis(");
        let statement = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(repository.to_owned());
        statement.fetch_all(&mut *connection).await.unwrap()
    };
    let mut by_number = ByNumber::new();
    for (number, _, mut row) in read(PULL_REQUESTS).await {
        for (list, _) in LISTS {
            row[list] = json!(Map::new());
        }
        by_number.insert(number, row);
    }
    for (list, statement) in LISTS {
        for (number, key, row) in read(statement).await {
            let parent = by_number.get_mut(&number);
            let parent = parent.unwrap_or_else(|| panic!("{list} of #{number}, which is gone"));
            parent[list][key] = row;
        }
    }
    by_number
}

/// One number out of the database.
pub async fn number(pool: &PgPool, statement: &str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT ({statement})::bigint"));
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

/// One text out of the database, `""` for null.
pub async fn text(pool: &PgPool, statement: &str) -> String {
    let statement = sqlx::AssertSqlSafe(format!("SELECT ({statement})::text"));
    let text: Option<String> = sqlx::query_scalar(statement).fetch_one(pool).await.unwrap();
    text.unwrap_or_default()
}

/// Which transaction wrote each row of the captured tables: equal before and after means that
/// no row was written in between.
pub async fn writers(pool: &PgPool) -> Vec<(String, String)> {
    let tables = [
        "contributors",
        "pull_requests",
        "reviews",
        "comments",
        "pull_request_commits",
        "pull_request_files",
    ];
    let mut all = Vec::new();
    for table in tables {
        let statement = format!("SELECT '{table} ' || id, xmin::text FROM {table} ORDER BY id");
        let rows: Vec<(String, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_all(pool).await.unwrap();
        all.extend(rows);
    }
    all
}
