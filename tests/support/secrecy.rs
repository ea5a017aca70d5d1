//! Where a token must not be: logs, events, objects, metrics, the database.
//! Must not know how the operator keeps it.

use k8s_openapi::api::core::v1::Event;
use kube::Api;
use kube::api::ListParams;

use super::Trial;

/// Panics where the token of the trial stands in anything that people or machines read.
pub async fn check(trial: &Trial) {
    for (place, text) in outputs(trial).await {
        assert!(!text.contains(&trial.token), "the token is in the {place}");
    }
}

/// Everything that comes out of the operator, as text, by where it stands.
pub async fn outputs(trial: &Trial) -> Vec<(&'static str, String)> {
    let events: Api<Event> = Api::namespaced(trial.client.clone(), &trial.namespace);
    let events = events.list(&ListParams::default()).await.unwrap().items;
    let objects = trial.objects().list(&ListParams::default()).await.unwrap().items;
    let written = trial.statuses.all().await;
    let statuses: Vec<_> = written.iter().map(|one| &one.status).collect();
    vec![
        ("log", trial.operator.log()),
        ("stand-in's output", trial.standin.output()),
        ("events", serde_json::to_string(&events).unwrap()),
        ("objects", serde_json::to_string(&objects).unwrap()),
        ("statuses", serde_json::to_string(&statuses).unwrap()),
        ("metrics", metrics(trial).await),
        ("state rows", rows(trial, "progressive_backfill_state").await),
        ("chunk rows", rows(trial, "backfill_chunks").await),
        ("credential rows", rows(trial, "github_credentials").await),
        ("quarantine rows", rows(trial, "quarantined_pull_requests").await),
    ]
}

/// What Prometheus would scrape; empty while the operator is down.
pub async fn metrics(trial: &Trial) -> String {
    let url = format!("{}/metrics", trial.operator.url());
    match testbed::http().get(url).send().await {
        Ok(answer) => answer.text().await.unwrap(),
        Err(_) => String::new(),
    }
}

async fn rows(trial: &Trial, table: &str) -> String {
    let statement = format!("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM {table} t");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&trial.rows).await.unwrap()
}

/// The value of a metric without labels, or with these in its name.
pub async fn metric(trial: &Trial, series: &str) -> Option<f64> {
    let text = metrics(trial).await;
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(s, _)| s == series));
    line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.parse().unwrap())
}
