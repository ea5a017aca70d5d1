//! The proof at the end of the demo: what the database holds against what GitHub holds.
//! Must not trust the operator's own figures where others can be had.

use anyhow::{Context, bail};
use jiff::{Span, Timestamp};
use kube::api::DynamicObject;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

use crate::cluster::is_condition;
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
/// Columns of [`ROWS`].
const TABLES: [&str; 4] = ["pull_requests", "reviews", "review_comments", "comments"];

/// Counts in the order of [`TABLES`].
pub type Counts = [i64; 4];

/// Compares with the stand-in's own world. Errors where the two differ.
pub async fn against_standin(session: &Session) -> anyhow::Result<()> {
    let github = &session.settings().github_url;
    let mut wrong = Vec::new();
    println!("{:<16} {:<16} {:>9} {:>9}", "REPOSITORY", "TABLE", "ASKED FOR", "STORED");
    for object in session.cluster().backfills("default").await? {
        let repository = repository(&object)?;
        let spec = &object.data["spec"];
        let is_dry = spec["dryRun"] == true;
        let asked = if is_dry { [0; 4] } else { asked_for(github, &repository, spec).await? };
        let stored = stored(session, &repository).await?;
        for (table, (asked, stored)) in TABLES.into_iter().zip(asked.into_iter().zip(stored)) {
            let is_equal = asked == stored;
            let verdict = if is_equal { "" } else { "  DIFFERENT" };
            println!("{repository:<16} {table:<16} {asked:>9} {stored:>9}{verdict}");
            wrong.extend((!is_equal).then(|| format!("{repository} {table}")));
        }
    }
    let requests = standin::get(&crate::http(), github, "requests").await?;
    println!(
        "\n{} requests and {} points used, {} breaches of GitHub's rules",
        requests["requests"], requests["points"], requests["violation_count"]
    );
    if !wrong.is_empty() {
        bail!("the database differs from the world: {}", wrong.join(", "));
    }
    Ok(())
}

/// Against the real GitHub only the operator's own comparison can be shown.
pub async fn against_github(session: &Session) -> anyhow::Result<()> {
    for object in session.cluster().backfills("default").await? {
        let repository = repository(&object)?;
        let expected = &object.data["status"]["expectedPullRequests"];
        println!("{repository} on GitHub: {expected} pull requests");
        let stored = stored(session, &repository).await?;
        for (table, stored) in TABLES.into_iter().zip(stored) {
            println!("  {table:<16} {stored:>9} rows");
        }
        if !is_condition(&object, "Succeeded", "True") {
            bail!("{repository} is not complete: {}", object.data["status"]["conditions"]);
        }
    }
    Ok(())
}

fn repository(object: &DynamicObject) -> anyhow::Result<String> {
    object.data["spec"]["repository"].as_str().map(str::to_owned).context("no spec.repository")
}

/// What a spec asks for, counted in the stand-in's dump of its world.
async fn asked_for(github: &str, repository: &str, spec: &Value) -> anyhow::Result<Counts> {
    let url = format!("{github}/_standin/world?repository={repository}");
    let dump = crate::http().get(url).timeout(standin::PAGE_LIMIT).send().await?;
    counts_of(&dump.error_for_status()?.text().await?, spec)
}

/// Rows per table that a backfill of `spec` asks for of a repository that the stand-in dumped.
pub fn counts_of(dump: &str, spec: &Value) -> anyhow::Result<Counts> {
    let lines: Result<Vec<Value>, _> = dump.lines().map(serde_json::from_str).collect();
    selected(lines?, spec, Timestamp::now())
}

/// Counts the newest `maxPullRequests` inside the window.
fn selected(lines: Vec<Value>, spec: &Value, now: Timestamp) -> anyhow::Result<Counts> {
    let instant = |value: &Value| -> anyhow::Result<Option<Timestamp>> {
        Ok(value.as_str().map(str::parse).transpose()?)
    };
    let window = &spec["window"];
    let since_days = window["sinceDays"].as_i64();
    let since = match since_days {
        Some(days) => Some(now.checked_sub(Span::new().try_hours(days * 24)?)?),
        None => instant(&window["since"])?,
    };
    let until = instant(&window["until"])?;
    let mut inside = Vec::new();
    for pull in lines {
        let created = instant(&pull["createdAt"])?.context("a pull request without createdAt")?;
        if since.is_none_or(|since| created >= since) && until.is_none_or(|until| created < until) {
            inside.push((created, pull));
        }
    }
    inside.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    let most = spec["maxPullRequests"].as_u64().unwrap_or(u64::MAX);
    inside.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let mut counts = [i64::try_from(inside.len())?, 0, 0, 0];
    for (_, pull) in &inside {
        for (count, key) in counts[1..].iter_mut().zip(["reviews", "reviewComments", "comments"]) {
            *count += i64::try_from(pull[key].as_array().map_or(0, Vec::len))?;
        }
    }
    Ok(counts)
}

/// Rows per table; none where the repository is unknown.
async fn stored(session: &Session, repository: &str) -> anyhow::Result<Counts> {
    let mut connection = PgConnection::connect(&session.settings().database_url).await?;
    let row = sqlx::query(ROWS).bind(repository).fetch_optional(&mut connection).await?;
    let mut counts = [0; 4];
    if let Some(row) = row {
        for (count, column) in counts.iter_mut().zip(TABLES) {
            *count = row.try_get(column)?;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::selected;
    use serde_json::{Value, json};

    fn world() -> Vec<Value> {
        let pull = |day: u8, reviews: usize| {
            let reviews = vec![0; reviews];
            json!({"createdAt": format!("2015-02-{day:02}T00:00:00Z"), "reviews": reviews})
        };
        vec![pull(1, 1), pull(2, 10), pull(3, 100)]
    }

    #[test]
    fn the_newest_inside_the_window_are_counted() {
        let counted = |spec: Value| {
            let now = "2015-02-04T00:00:00Z".parse().unwrap();
            selected(world(), &spec, now).unwrap()[..2].to_vec()
        };
        assert_eq!(counted(json!({})), [3, 111]);
        assert_eq!(counted(json!({"window": {"since": "2015-02-02T00:00:00Z"}})), [2, 110]);
        assert_eq!(counted(json!({"window": {"until": "2015-02-02T00:00:00Z"}})), [1, 1]);
        assert_eq!(counted(json!({"window": {"sinceDays": 2}})), [2, 110]);
        assert_eq!(counted(json!({"maxPullRequests": 1})), [1, 100]);
    }
}
