//! What a running operator serves, as the alerts read it. Must not know the rules.

use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::assets;

use crate::support::rows::number;
use crate::support::secrecy::{metric, metrics};
use crate::support::{LIMIT, Trial, World};

/// Panics unless what was done and met so far is counted, and GitHub's limits are told.
async fn assert_counted(trial: &Trial) {
    for series in [
        "backfill_failures_total{reason=\"CredentialsNotFound\"}",
        "backfill_pull_requests_total{result=\"stored\"}",
        "backfill_github_requests_total{operation=\"ListPullRequests\",result=\"ok\"}",
        "backfill_github_points_total",
        "backfill_status_writes_total{result=\"written\"}",
    ] {
        assert!(metric(trial, series).await > Some(0.0), "{series}");
    }
    let rows = "SELECT (SELECT count(*) FROM pull_requests) + (SELECT count(*) FROM reviews)
        + (SELECT count(*) FROM comments)";
    let rows = number(&trial.rows, rows).await;
    let written = metric(trial, "backfill_rows_total{result=\"written\"}").await;
    assert_eq!(written.map(|count| count.to_string()), Some(rows.to_string()), "rows written");
    let text = metrics(trial).await;
    for name in ["remaining", "limit", "reset_timestamp_seconds"] {
        let start = format!("backfill_github_rate_limit_{name}{{identity=\"viewer:");
        let told = text.lines().any(|line| line.starts_with(&start) && !line.ends_with(" 0"));
        assert!(told, "{name}");
    }
}

/// promtool's opinion of a scrape; empty if it has nothing to say.
fn opinion(scrape: &str) -> String {
    let mut promtool = Command::new(assets::promtool().unwrap());
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut promtool = promtool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test]
async fn what_is_served_follows_promtools_rules_and_names_what_stalls() {
    let mut setup = crate::support::Setup::from(World::of("acme/api", 12));
    setup.synthetic.push("acme/more=5".to_owned());
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let lost = json!({"repository": "acme/more", "credentialsRef": {"name": "nowhere"}});
    trial.apply("lost", lost).await;
    trial.succeeded("api").await;
    trial.stalled("lost", "CredentialsNotFound").await;
    assert_counted(&trial).await;
    let namespace = trial.namespace.clone();
    let stalled = |name: &str, reason: &str| {
        format!(
            "backfill_object_stalled{{name=\"{name}\",namespace=\"{namespace}\",reason=\"{reason}\"}}"
        )
    };
    assert_eq!(metric(&trial, &stalled("lost", "CredentialsNotFound")).await, Some(1.0));
    assert_eq!(metric(&trial, &stalled("api", "")).await, Some(0.0));
    for (series, value) in [
        ("backfill_database_up", 1.0),
        ("backfill_watch_errors_total", 0.0),
        ("backfill_panics_total", 0.0),
        ("backfill_runs_max", 8.0),
        ("backfill_github_rate_limit_floor", 500.0),
    ] {
        assert_eq!(metric(&trial, series).await, Some(value), "{series}");
    }
    assert_eq!(opinion(&metrics(&trial).await), "");
    assert_ne!(opinion("a_total{} 1\n"), "", "promtool is content with anything");
    // Mended: what said why is gone, and not only at 0.
    trial.edit("lost", json!({"spec": {"credentialsRef": {"name": "github"}}})).await;
    trial.succeeded("lost").await;
    assert_eq!(metric(&trial, &stalled("lost", "CredentialsNotFound")).await, None);
    assert_eq!(metric(&trial, &stalled("lost", "")).await, Some(0.0));
    trial.finish().await;
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_told_although_nobody_needs_it() {
    let trial = Trial::start(World::of("acme/api", 3)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    let name = trial.database_url.rsplit('/').next().unwrap();
    let mut admin = PgConnection::connect(&trial.cluster.postgres().admin_url()).await.unwrap();
    for (setting, up) in [("on", 0.0), ("off", 1.0)] {
        for statement in [
            format!("ALTER DATABASE {name} SET default_transaction_read_only = {setting}"),
            // Sessions keep what they began with.
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{name}' AND application_name = 'backfill-operator'"
            ),
        ] {
            admin.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        trial
            .within(LIMIT, "the database's state is told", async || {
                (metric(&trial, "backfill_database_up").await == Some(up)).then_some(())
            })
            .await;
    }
    trial.finish().await;
}
