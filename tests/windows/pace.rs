//! Chunk sizes, pauses, dry runs and early readiness.

use backfill_api::Stage;
use serde_json::json;

use crate::support::objects::{condition, has, message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::secrecy::metric;
use crate::support::{Setup, Trial, World, plan, reason};

/// Pull requests of each chunk, in order.
const SIZES: &str = "SELECT string_agg(cardinality(pr_numbers)::text, ' ' ORDER BY chunk_number) \
                     FROM backfill_chunks WHERE status = 'completed'";

#[tokio::test]
async fn a_fixed_size_stays_and_an_open_one_grows_to_its_bound() {
    let world = World::of("acme/fixed", 23).and(&World::of("acme/open", 61));
    let trial = Trial::start(world).await;
    let sizes = |repository: &str| {
        format!(
            "{SIZES} AND repository_id = \
                 (SELECT id FROM repositories WHERE full_name = '{repository}')"
        )
    };
    let fixed = json!({"size": 5, "minSize": 5, "maxSize": 5});
    trial.apply("fixed", json!({"repository": "acme/fixed", "chunk": fixed})).await;
    let open = json!({"size": 3, "minSize": 2, "maxSize": 11});
    trial.apply("open", json!({"repository": "acme/open", "chunk": open})).await;
    trial.succeeded("fixed").await;
    assert_eq!(text(&trial.rows, &sizes("acme/fixed")).await, "5 5 5 5 3");
    trial.succeeded("open").await;
    // Three good pages, then five more, up to the bound; slow pages of a busy machine end later.
    let grown = text(&trial.rows, &sizes("acme/open")).await;
    let grown: Vec<i64> = grown.split(' ').map(|size| size.parse().unwrap()).collect();
    assert!(grown.iter().all(|size| (1..=11).contains(size)), "{grown:?}");
    assert!(grown.contains(&11) || grown.contains(&8), "it grew: {grown:?}");
    let lists = |part: &str| format!("backfill_github_request_duration_seconds_{part}");
    let all = lists(r#"count{operation="ListPullRequests"}"#);
    let quick = lists(r#"bucket{operation="ListPullRequests",le="2"}"#);
    let all_quick = metric(&trial, &quick).await >= metric(&trial, &all).await;
    let size = status(&trial.get("open").await).chunk_size.unwrap();
    // One slow page halves it, but not below its other bound.
    let least = if all_quick { 11 } else { 2 };
    assert!((least..=11).contains(&size), "{size} of {least} to 11");
    trial.finish().await;
}

#[tokio::test]
async fn interval_pacing_pauses_between_bursts() {
    let trial = Trial::start(World::of("acme/paced", 20)).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let pacing = json!({"mode": "Interval", "periodSeconds": 3, "maxChunks": 2});
    let spec = json!({"repository": "acme/paced", "chunk": chunk, "pacing": pacing});
    trial.apply("paced", spec).await;
    trial.succeeded("paced").await;
    // However long a chunk takes, no three begin within one period.
    let spread = "SELECT count(*) || ' ' || bool_and(apart >= 2.9) FROM (
        SELECT extract(epoch FROM started_at
            - lag(started_at, 2) OVER (ORDER BY chunk_number)) apart FROM backfill_chunks) c
        WHERE apart IS NOT NULL";
    assert_eq!(text(&trial.rows, spread).await, "3 true");
    // Pauses under a minute are no news.
    assert!(!trial.statuses.reasons("paced").await.contains(&"Paced".to_owned()));
    Oracle::of("acme/paced").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_long_pause_says_until_when_and_ends_with_an_edit() {
    let trial = Trial::start(World::of("acme/paced", 20)).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let pacing = json!({"mode": "Interval", "periodSeconds": 600, "maxChunks": 2});
    let spec = json!({"repository": "acme/paced", "chunk": chunk, "pacing": pacing});
    trial.apply("paced", spec).await;
    let pausing = trial.until_reason("paced", "Paced").await;
    assert_eq!(condition(&pausing, "Ready"), Some("Unknown"));
    let status = status(&pausing);
    assert_eq!(status.chunks_completed, Some(2));
    let pause = status.next_attempt_time.unwrap().0 - status.last_progress_time.unwrap().0;
    assert!((599.0..=601.0).contains(&pause.total(jiff::Unit::Second).unwrap()), "{pause:?}");
    trial.edit("paced", json!({"spec": {"pacing": {"maxChunks": 10}}})).await;
    trial.succeeded("paced").await;
    Oracle::of("acme/paced").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_dry_run_prices_and_stores_nothing() {
    let trial = Trial::start(World::of("acme/priced", 260)).await;
    trial.apply("priced", json!({"repository": "acme/priced", "dryRun": true})).await;
    let object = trial.until_reason("priced", "Planned").await;
    assert!(has(&object, "Ready") && !has(&object, "Succeeded"));
    assert!(message(&object).starts_with("260 pull requests: about"), "{}", message(&object));
    let priced = status(&object);
    assert_eq!((priced.expected_pull_requests, priced.stored_pull_requests), (Some(260), None));
    let plan = priced.plan.unwrap();
    assert_eq!(trial.counts().await["requests"], 1, "one question is enough");
    let stored = "SELECT (SELECT count(*) FROM repositories) + (SELECT count(*) FROM \
                  pull_requests) + (SELECT count(*) FROM progressive_backfill_state)";
    assert_eq!(number(&trial.rows, stored).await, 0);
    trial.edit("priced", json!({"spec": {"window": {"sinceDays": 3}}})).await;
    let at_most = |object: &_| message(object).starts_with("260 pull requests: at most");
    trial.until("priced", "a window takes some of them", at_most).await;
    trial.edit("priced", json!({"spec": {"dryRun": false, "window": null}})).await;
    trial.succeeded("priced").await;
    // What it then took is of the order of the price.
    let requests = trial.counts().await["requests"].as_i64().unwrap() - 2;
    let priced = plan.requests.unwrap();
    assert!((priced / 2..=priced * 2).contains(&requests), "{priced} priced, {requests} sent");
    let points = number(&trial.rows, "SELECT sum(points) FROM backfill_chunks").await;
    let priced = plan.points.unwrap();
    assert!((priced / 2..=priced * 2).contains(&points), "{priced} priced, {points} spent");
    Oracle::of("acme/priced").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn under_started_it_is_ready_as_soon_as_it_moves() {
    let list = json!({"operation": "ListPullRequests"});
    let setup = Setup::from(World::of("acme/early", 16))
        .faults(json!([{"match": list, "answer": "slow:0.4"}]));
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let spec = json!({"repository": "acme/early", "chunk": chunk, "readinessPolicy": "Started"});
    trial.apply("early", spec).await;
    trial.succeeded("early").await;
    let all = trial.statuses.all().await;
    let ready = |one: &crate::support::written::Written| {
        one.status.conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.status.clone())
    };
    let of_walk: Vec<_> = all.iter().filter(|one| one.status.stage == Some(Stage::Walk)).collect();
    let moved = |one: &&&crate::support::written::Written| one.status.chunks_completed > Some(0);
    let early = of_walk.iter().find(|one| !moved(one)).unwrap();
    assert_eq!(ready(early).as_deref(), Some("Unknown"), "nothing is stored yet");
    let moving = of_walk.iter().find(moved).unwrap();
    assert_eq!(ready(moving).as_deref(), Some("True"), "{:?}", moving.status);
    assert_eq!(reason(&trial.get("early").await), "Verified");
    // What another walk has stored does not make the next one ready.
    let resolve = json!({"operation": "ResolveRepository"});
    let limited = json!([{"match": resolve, "answer": "secondary:8"}]);
    trial.standin.set_faults(&plan(limited)).await.unwrap();
    trial.edit("early", json!({"spec": {"maxPullRequests": 9}})).await;
    let waiting = trial.until_reason("early", "SecondaryRateLimited").await;
    assert_eq!(condition(&waiting, "Ready"), Some("Unknown"));
    trial.finish().await;
}
