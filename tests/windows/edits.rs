//! Edits, suspension and requests take effect under way.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::objects::{condition, message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text, writers};
use crate::support::{Setup, Trial, World, first_page_only, plan, reason, secrecy};

#[tokio::test]
async fn a_wider_window_walks_anew_and_rewrites_nothing_that_is_equal() {
    let trial = Trial::start(World::of("acme/api", 30)).await;
    trial.apply("api", json!({"repository": "acme/api", "maxPullRequests": 10})).await;
    trial.succeeded("api").await;
    Oracle::of("acme/api").only(|number, _| number > 20).check(&trial).await;
    let before: BTreeMap<_, _> = writers(&trial.rows).await.into_iter().collect();
    trial.edit("api", json!({"spec": {"maxPullRequests": 20}})).await;
    assert_eq!(status(&trial.succeeded("api").await).stored_pull_requests, Some(20));
    Oracle::of("acme/api").only(|number, _| number > 10).check(&trial).await;
    trial.edit("api", json!({"spec": {"maxPullRequests": null}})).await;
    assert_eq!(reason(&trial.succeeded("api").await), "Verified");
    Oracle::of("acme/api").check(&trial).await;
    let after: BTreeMap<_, _> = writers(&trial.rows).await.into_iter().collect();
    for (row, writer) in &before {
        assert_eq!(after.get(row), Some(writer), "{row} was rewritten");
    }
    assert_eq!(number(&trial.rows, "SELECT walk FROM progressive_backfill_state").await, 3);
    let unchanged = "SELECT sum(prs_unchanged) FROM backfill_chunks WHERE walk = 3";
    assert_eq!(number(&trial.rows, unchanged).await, 20);
    trial.finish().await;
}

#[tokio::test]
async fn a_requested_restart_walks_again_and_rewrites_only_what_github_changed() {
    let trial = Trial::start(World::of("acme/api", 30)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    let before: BTreeMap<_, _> = writers(&trial.rows).await.into_iter().collect();
    let changed = json!({
        "kind": "pullRequest", "repository": "acme/api", "number": 7, "title": "Another title",
        // One review less: the one stored has gone from GitHub.
        "reviews": [],
    });
    trial.standin.change_world(&changed).await.unwrap();
    trial.annotate("api", "restart-requested-at", "one").await;
    trial
        .until("api", "the restart is echoed and done", |object| {
            let echo = status(object).last_handled_restart_requested_at;
            echo.as_deref() == Some("one") && reason(object) == "Verified"
        })
        .await;
    Oracle::of("acme/api").check(&trial).await;
    let after = writers(&trial.rows).await;
    let rewritten: Vec<_> = after
        .iter()
        .filter(|(row, writer)| before.get(row) != Some(writer))
        .map(|(row, _)| row.split(' ').next().unwrap())
        .collect();
    assert_eq!(rewritten, ["pull_requests", "reviews"]);
    let buried = "SELECT count(*) FROM reviews WHERE deleted_at IS NOT NULL";
    assert_eq!(number(&trial.rows, buried).await, 1);
    // The same value again is no new request.
    trial.annotate("api", "restart-requested-at", "one").await;
    trial.annotate("api", "requested-at", "now").await;
    trial
        .until("api", "the look is echoed", |object| {
            status(object).last_handled_requested_at.as_deref() == Some("now")
        })
        .await;
    assert_eq!(number(&trial.rows, "SELECT walk FROM progressive_backfill_state").await, 2);
    trial.finish().await;
}

/// Some pages, of which all but the first take a while.
fn slow() -> Setup {
    Setup::from(World::of("acme/slow", 40)).faults(first_page_only())
}

/// Waits until the edit is seen, then lets the walk run.
async fn heeded(trial: &Trial) {
    trial
        .until("slow", "the edit is seen", |object| {
            status(object).observed_generation == object.metadata.generation
        })
        .await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
}

fn pages_of_4() -> serde_json::Value {
    json!({"size": 4, "minSize": 4, "maxSize": 4})
}

#[tokio::test]
async fn suspended_under_way_it_rests_and_resumes_where_it_was() {
    let trial = Trial::start(slow()).await;
    trial.apply("slow", json!({"repository": "acme/slow", "chunk": pages_of_4()})).await;
    trial.moves().await;
    trial.edit("slow", json!({"spec": {"suspend": true}})).await;
    let resting = trial.until_reason("slow", "Suspended").await;
    assert_eq!(condition(&resting, "Ready"), Some("True"));
    assert_eq!(condition(&resting, "Reconciling").or(condition(&resting, "Stalled")), None);
    let row = "SELECT status || ' ' || (metadata->>'pause_reason') FROM progressive_backfill_state";
    assert_eq!(text(&trial.rows, row).await, "paused suspended");
    let processed = status(&resting).processed_pull_requests.unwrap();
    assert!((4..40).contains(&processed), "{processed}");
    let requests = trial.counts().await["requests"].clone();
    // A look at a suspended object does nothing at all.
    let looks = "backfill_reconciles_total{step=\"suspend\"}";
    let before = secrecy::metric(&trial, looks).await;
    trial.annotate("slow", "requested-at", "now").await;
    trial
        .within(crate::support::LIMIT, "another look", async || {
            (secrecy::metric(&trial, looks).await > before).then_some(())
        })
        .await;
    assert_eq!(trial.counts().await["requests"], requests);
    assert_eq!(status(&trial.get("slow").await).processed_pull_requests, Some(processed));
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.edit("slow", json!({"spec": {"suspend": false}})).await;
    trial.succeeded("slow").await;
    Oracle::of("acme/slow").check(&trial).await;
    let pages = trial.counts().await["pages_by_cursor"].clone();
    let all = pages.as_object().unwrap().iter();
    let lists: Vec<_> = all.filter(|(page, _)| page.contains(" ListPullRequests ")).collect();
    assert!(lists.len() >= 10, "{pages}");
    for (page, times) in lists {
        assert_eq!(times, 1, "{page} was fetched again");
    }
    trial.finish().await;
}

#[tokio::test]
async fn created_suspended_it_says_so_and_asks_nothing() {
    let trial = Trial::start(World::of("acme/api", 3)).await;
    trial.apply("api", json!({"repository": "acme/api", "suspend": true})).await;
    let resting = trial.until_reason("api", "Suspended").await;
    assert_eq!(condition(&resting, "Ready"), Some("True"));
    assert_eq!(trial.counts().await["requests"], 0);
    trial.edit("api", json!({"spec": {"suspend": false}})).await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn an_edit_under_way_starts_the_new_walk_at_once() {
    let trial = Trial::start(slow()).await;
    trial.apply("slow", json!({"repository": "acme/slow", "chunk": pages_of_4()})).await;
    trial.moves().await;
    trial.edit("slow", json!({"spec": {"maxPullRequests": 6}})).await;
    heeded(&trial).await;
    let object = trial.succeeded("slow").await;
    assert_eq!(reason(&object), "WindowVerified");
    assert_eq!(status(&object).processed_pull_requests, Some(6));
    let lists = trial.asked("ListPullRequests").await;
    assert!(lists < 10, "the first walk did not go on to its end: {lists} pages");
    trial.finish().await;
}

#[tokio::test]
async fn an_edited_size_counts_from_the_next_chunk_and_restarts_nothing() {
    let trial = Trial::start(slow()).await;
    trial.apply("slow", json!({"repository": "acme/slow", "chunk": {"size": 3}})).await;
    trial.moves().await;
    trial.edit("slow", json!({"spec": {"chunk": {"size": 10}}})).await;
    heeded(&trial).await;
    trial.succeeded("slow").await;
    let sizes = "SELECT string_agg(cardinality(pr_numbers)::text, ' ' ORDER BY chunk_number) \
                 FROM backfill_chunks WHERE status = 'completed'";
    let sizes = text(&trial.rows, sizes).await;
    let sizes: Vec<i64> = sizes.split(' ').map(|size| size.parse().unwrap()).collect();
    assert_eq!(sizes[0], 3);
    // From 3 it would grow to 8 and 13, never to 10.
    assert!(sizes.contains(&10), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<i64>(), 40);
    assert_eq!(number(&trial.rows, "SELECT walk FROM progressive_backfill_state").await, 1);
    Oracle::of("acme/slow").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_window_that_ends_before_it_begins_is_refused_by_name() {
    let trial = Trial::start(World::of("acme/api", 6)).await;
    let window = json!({"sinceDays": 30, "until": "2020-01-01T00:00:00Z"});
    trial.apply("api", json!({"repository": "acme/api", "window": window})).await;
    let refused = trial.stalled("api", "SpecInvalid").await;
    let told = message(&refused);
    assert!(told.contains("spec.window.until must be later than"), "{told}");
    assert_eq!(trial.counts().await["requests"], 0);
    let window = json!({"sinceDays": null, "since": "2010-01-01T00:00:00Z"});
    trial.edit("api", json!({"spec": {"window": window}})).await;
    trial.succeeded("api").await;
    // It is refused to an edit as well, for the walk that would follow.
    let requests = trial.counts().await["requests"].clone();
    let window = json!({"sinceDays": 30, "since": null});
    trial.edit("api", json!({"spec": {"window": window}})).await;
    let refused = trial.stalled("api", "SpecInvalid").await;
    let told = message(&refused);
    assert!(told.contains("spec.window.until must be later than"), "{told}");
    assert_eq!(trial.counts().await["requests"], requests);
    let window = json!({"until": null});
    trial.edit("api", json!({"spec": {"window": window}})).await;
    trial.succeeded("api").await;
    trial.finish().await;
}
