//! The proof at the end of the demo: what the database holds against what GitHub holds.
//! Must not trust the operator's own figures where others can be had.

use anyhow::{Context, bail};
use kube::api::DynamicObject;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

use crate::standin;
use crate::up::Session;

/// Rows that are not gone from GitHub, per table, of one repository.
const ROWS: &str = "-- demo_rows
    SELECT (SELECT count(*) FROM pull_requests p WHERE p.repository_id = r.id
                AND p.deleted_at IS NULL) AS pull_requests,
           (SELECT count(*) FROM reviews v WHERE v.repository_id = r.id
                AND v.deleted_at IS NULL) AS reviews,
           (SELECT count(*) FROM comments c WHERE c.repository_id = r.id
                AND c.deleted_at IS NULL AND c.comment_type = 'review_comment') AS review_comments,
           (SELECT count(*) FROM comments c WHERE c.repository_id = r.id
                AND c.deleted_at IS NULL AND c.comment_type = 'issue_comment') AS comments
      FROM repositories r WHERE r.full_name = $1";
/// Column of [`ROWS`], key of the stand-in's totals.
const TABLES: [(&str, &str); 4] = [
    ("pull_requests", "pullRequests"),
    ("reviews", "reviews"),
    ("review_comments", "reviewComments"),
    ("comments", "comments"),
];

/// Compares with the stand-in, which knows what it holds. Errors where a whole history
/// is not whole.
pub async fn against_standin(session: &Session) -> anyhow::Result<()> {
    let http = crate::http();
    let github = &session.settings().github_url;
    let totals = standin::get(&http, github, "totals").await?;
    let mut missing = Vec::new();
    println!("{:<16} {:<16} {:>10} {:>10}", "REPOSITORY", "ROWS", "STORED", "ON GITHUB");
    for object in session.cluster().backfills("default").await? {
        let repository = repository(&object)?;
        let stored = stored(session, &repository).await?;
        for ((table, key), stored) in TABLES.into_iter().zip(stored) {
            let held = totals[&repository][key].as_i64();
            let held = held.with_context(|| format!("the stand-in counts no {key}"))?;
            let verdict = verdict(&object.data["spec"], stored, held);
            println!("{repository:<16} {table:<16} {stored:>10} {held:>10}  {verdict}");
            if verdict == MISSING {
                missing.push(format!("{repository} {table}"));
            }
        }
    }
    let requests = standin::get(&http, github, "requests").await?;
    println!(
        "\n{} requests and {} points used; {} breaches of GitHub's rules",
        requests["requests"], requests["points"], requests["violation_count"]
    );
    if !missing.is_empty() {
        bail!("not whole: {}", missing.join(", "));
    }
    Ok(())
}

/// Against the real GitHub only the operator's own comparison can be shown.
pub async fn against_github(session: &Session) -> anyhow::Result<()> {
    for object in session.cluster().backfills("default").await? {
        let repository = repository(&object)?;
        let status = &object.data["status"];
        println!("{repository} on GitHub: {} pull requests", status["expectedPullRequests"]);
        let stored = stored(session, &repository).await?;
        for ((table, _), stored) in TABLES.into_iter().zip(stored) {
            println!("  {table:<16} {stored:>10} rows");
        }
    }
    Ok(())
}

const MISSING: &str = "MISSING";

fn verdict(spec: &Value, stored: i64, held: i64) -> &'static str {
    let is_part = spec.get("window").is_some() || spec.get("maxPullRequests").is_some();
    if spec["dryRun"] == true {
        return if stored == 0 { "nothing, as asked (dryRun)" } else { MISSING };
    }
    match (stored == held, is_part) {
        (true, _) => "all",
        (false, true) => "the part asked for",
        (false, false) => MISSING,
    }
}

fn repository(object: &DynamicObject) -> anyhow::Result<String> {
    object.data["spec"]["repository"].as_str().map(str::to_owned).context("no spec.repository")
}

/// Rows per table in the order of [`TABLES`]; none where the repository is unknown.
async fn stored(session: &Session, repository: &str) -> anyhow::Result<[i64; 4]> {
    let mut connection = PgConnection::connect(&session.settings().database_url).await?;
    let row = sqlx::query(ROWS).bind(repository).fetch_optional(&mut connection).await?;
    let mut counts = [0; 4];
    if let Some(row) = row {
        for (count, (column, _)) in counts.iter_mut().zip(TABLES) {
            *count = row.try_get(column)?;
        }
    }
    Ok(counts)
}
