//! What two runs over one world have in common: every history table, row by row, without the
//! ids and instants that are made up here. Must not know what the rows should hold.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

/// Tables whose rows others refer to, each with what identifies a row outside this database.
const NAMED: [(&str, &str); 4] = [
    ("repositories", "full_name"),
    ("contributors", "github_id"),
    ("pull_requests", "number"),
    ("reviews", "github_id"),
];

/// Every table of history.
const TABLES: [&str; 11] = [
    "repositories",
    "repository_names",
    "contributors",
    "pull_requests",
    "issues",
    "discussions",
    "reviews",
    "comments",
    "pull_request_commits",
    "pull_request_files",
    "quarantined_pull_requests",
];

/// Columns that are ours and differ from run to run.
const OURS: [&str; 9] = [
    "id",
    "stored_at",
    "first_tracked_at",
    "last_updated_at",
    "created_by_object",
    "seen_from",
    "first_seen_at",
    "last_seen_at",
    "quarantined_at",
];

/// The chunks that were stored, oldest first, and where the walk came to.
const WALK: &str = "
    SELECT 'chunk ' || jsonb_build_object('stage', stage, 'walk', walk, 'from', first_cursor,
           'to', end_cursor, 'numbers', pr_numbers, 'written', prs_written,
           'unchanged', prs_unchanged)::text
      FROM backfill_chunks WHERE status = 'completed'
     UNION ALL
    SELECT 'walk ' || jsonb_build_object('status', status, 'stage', stage, 'walk', walk,
           'total', total_prs, 'gone_through', processed_prs, 'stored', stored_prs,
           'chunks', chunks_completed, 'cursor', last_processed_cursor,
           'last', last_processed_pr_number, 'back_to', back_to, 'size', chunk_size)::text
      FROM progressive_backfill_state ORDER BY 1";

/// All rows as lines, sorted. Equal for two databases that hold the same history.
pub async fn history(pool: &PgPool) -> Vec<String> {
    let mut names = HashMap::new();
    for (table, key) in NAMED {
        let statement = format!("SELECT id::text, '{table} ' || {key} FROM {table}");
        let rows: Vec<(String, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_all(pool).await.unwrap();
        names.extend(rows);
    }
    let mut lines = Vec::new();
    for table in TABLES {
        let ours: Vec<String> = OURS.iter().map(|&column| column.to_owned()).collect();
        let statement = format!("SELECT to_jsonb(t) - $1::text[] FROM {table} t");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).bind(ours);
        let rows: Vec<Value> = query.fetch_all(pool).await.unwrap();
        for mut row in rows {
            if table == "contributors" {
                // When we first met the account; elsewhere the column is GitHub's.
                row.as_object_mut().unwrap().remove("created_at");
            }
            name_references(&mut row, &names);
            lines.push(format!("{table} {row}"));
        }
    }
    lines.extend(sqlx::query_scalar::<_, String>(WALK).fetch_all(pool).await.unwrap());
    lines.sort();
    lines
}

fn name_references(row: &mut Value, names: &HashMap<String, String>) {
    for (column, value) in row.as_object_mut().unwrap() {
        let Some(id) = value.as_str().filter(|text| Uuid::parse_str(text).is_ok()) else {
            continue;
        };
        let name = names.get(id).unwrap_or_else(|| panic!("{column} refers to nothing: {id}"));
        *value = Value::String(name.clone());
    }
}

/// Panics with the first few lines that only one of two histories holds.
pub fn assert_equal(found: &[String], expected: &[String]) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).take(5).cloned().collect()
    };
    assert_eq!(only(found, expected), only(expected, found), "only in one of two histories");
    assert_eq!(found.len(), expected.len(), "rows");
}
