//! What the rules make of a running operator whose figures stay as they are: a wait calls nobody,
//! a failing attempt and a stalled object do.
//!
//! A scrape of it becomes the series of a scenario. Must not know what the rules read.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ALERTS, files, promtool};
use crate::support::secrecy::{metric, metrics};
use crate::support::{Setup, Trial, World};

/// The series of a scrape, each kept as it is for two hours. Instants count from now.
#[expect(clippy::disallowed_methods, reason = "the operator runs by the same clock")]
fn frozen(scrape: &str) -> Vec<Value> {
    let now = Timestamp::now().as_duration().as_secs_f64();
    let lines = scrape.lines().filter(|line| line.starts_with("backfill_"));
    let series = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut value: f64 = value.parse().unwrap();
        if name.ends_with("_timestamp_seconds") {
            value -= now;
        }
        let comma = if labels == "}" { "" } else { "," };
        let series = format!("{name}{{job=\"j\",instance=\"i\"{comma}{labels}");
        json!({"series": series, "values": format!("{value:.0}x120")})
    });
    series.collect()
}

/// Fails unless at these times after the scrape these critical alerts fire, and no other.
fn assert_paged(scrape: &str, expected: &[(&str, &[(&str, &str)])], namespace: &str) {
    let check = |(time, alerts): &(&str, &[(&str, &str)])| {
        let firing = alerts.iter().map(|(alert, name)| {
            let mut labels = String::from("{");
            write!(labels, "alertname=\"{alert}\",namespace=\"{namespace}\",name=\"{name}\"}}")
                .unwrap();
            json!({"labels": labels, "value": 1})
        });
        json!({
            "expr": "sum by (alertname, namespace, name) \
                     (ALERTS{alertstate=\"firing\", severity=\"critical\"})",
            "eval_time": time, "exp_samples": firing.collect::<Vec<_>>(),
        })
    };
    let scenario = json!({
        "rule_files": files(ALERTS, ".rules.yaml"),
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m", "input_series": frozen(scrape),
            "promql_expr_test": expected.iter().map(check).collect::<Vec<_>>(),
        }],
    });
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), scenario.to_string()).unwrap();
    promtool(&["test", "rules"], &[file.path().to_owned()]);
}

/// When the object `api` says that it goes on.
async fn next_attempt(trial: &Trial) -> Option<f64> {
    let labels = format!("{{name=\"api\",namespace=\"{}\"}}", trial.namespace);
    metric(trial, &format!("backfill_object_next_attempt_timestamp_seconds{labels}")).await
}

#[tokio::test]
async fn a_wait_for_the_limit_calls_nobody_and_what_stalls_does_within_a_quarter_of_an_hour() {
    let mut setup = Setup::from(World::of("acme/api", 36))
        .args(&["--min-rate-limit-points=10"])
        .limits(json!({"points_per_window": 25, "window_seconds": 7_200}));
    setup.synthetic.push("acme/lost=5".to_owned());
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 3, "minSize": 3, "maxSize": 3});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    let lost = json!({"repository": "acme/lost", "credentialsRef": {"name": "nowhere"}});
    trial.apply("lost", lost).await;
    trial.until_reason("api", "RateLimited").await;
    trial.stalled("lost", "CredentialsNotFound").await;
    assert!(next_attempt(&trial).await.is_some());
    let called: &[(&str, &str)] = &[("BackfillTerminal", "lost")];
    let expected = [("9m", &[][..]), ("15m", called), ("1h", called)];
    assert_paged(&metrics(&trial).await, &expected, &trial.namespace);
    trial.finish().await;
}

#[tokio::test]
async fn attempts_that_fail_are_no_wait() {
    let outage = json!([{"match": {"after_requests": 3}, "answer": "reset"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 36)).faults(outage)).await;
    let chunk = json!({"size": 3, "minSize": 3, "maxSize": 3});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.until_reason("api", "GitHubUnavailable").await;
    // Each failure has its pause; shown as a wait, it would be renewed for ever and call nobody.
    assert_eq!(next_attempt(&trial).await, None);
    let called: &[(&str, &str)] = &[("BackfillStalled", "api")];
    let expected = [("9m", &[][..]), ("15m", called), ("1h", called)];
    assert_paged(&metrics(&trial).await, &expected, &trial.namespace);
    trial.finish().await;
}
