//! Each wrong answer of GitHub's, once or twice, or by chance, or above a size.

use serde_json::json;

use crate::support::objects::{message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::secrecy::metric;
use crate::support::{LIMIT, Setup, Trial, World, first_page_only, plan, reason};

/// Wrong answers that pass by themselves.
const ANSWERS: [&str; 15] = [
    "502-json",
    "502-html",
    "504-json",
    "504-plain",
    "200-timeout",
    "reset",
    "truncate",
    "slow:0.5",
    "resource-limits",
    "null-node",
    "rate-limit-old",
    "rate-limit-new",
    "secondary:8",
    "html",
    "huge:70000000",
];

#[tokio::test]
async fn each_wrong_answer_met_twice_leaves_a_whole_history() {
    // One repository for each, with numbers that no other has, so that rules can tell them apart.
    let repository = |place: usize| format!("acme/answer-{place}");
    let mut world = World::empty("acme/none");
    let mut rules = Vec::new();
    for (place, answer) in ANSWERS.iter().enumerate() {
        let first = i64::try_from(place).unwrap() * 100;
        let own = (1..=6).fold(World::empty(&repository(place)), |own, number| {
            own.pull(first + number, json!({}))
        });
        world = world.and(&own);
        rules.push(json!({"match": {"number": first + 3, "times": 2}, "answer": answer}));
    }
    let setup = Setup::from(world)
        .limits(json!({"window_seconds": 5, "points_per_window": 5_000}))
        .faults(json!(rules));
    let trial = Trial::start(setup).await;
    for place in 0..ANSWERS.len() {
        let spec = json!({"repository": repository(place)});
        trial.apply(&format!("answer-{place}"), spec).await;
    }
    for (place, answer) in ANSWERS.iter().enumerate() {
        let name = format!("answer-{place}");
        let what = format!("whole in spite of {answer}");
        let object = trial
            .until_within(LIMIT * 2, &name, &what, |o| crate::support::has(o, "Succeeded"))
            .await;
        assert_eq!(reason(&object), "Verified", "{answer}");
        assert_eq!(status(&object).quarantined_pull_requests, Some(0), "{answer}");
        Oracle::of(&repository(place)).check(&trial).await;
    }
    let met = trial.counts().await["by_answer"].clone();
    for answer in ANSWERS {
        assert_eq!(met[answer], 2, "{answer} was met");
    }
    trial.finish().await;
}

#[tokio::test]
async fn pages_that_fail_above_a_size_become_small_enough_and_stay_so() {
    let over = json!({"operation": "ListPullRequests", "first_over": 10});
    let setup = Setup::from(World::of("acme/heavy", 60))
        .faults(json!([{"match": over, "answer": "502-json"}]));
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 40, "maxSize": 40});
    trial.apply("heavy", json!({"repository": "acme/heavy", "chunk": chunk})).await;
    let object = trial.succeeded("heavy").await;
    assert_eq!(reason(&object), "Verified");
    let largest = "SELECT max(cardinality(pr_numbers)) FROM backfill_chunks";
    assert_eq!(number(&trial.rows, largest).await, 10);
    let failed = trial.counts().await["by_status"]["502"].as_u64().unwrap();
    assert!(failed <= 12, "the size that works is remembered: {failed} failures");
    assert_eq!(
        number(&trial.rows, "SELECT max(error_count) FROM progressive_backfill_state").await,
        0
    );
    Oracle::of("acme/heavy").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn one_answer_in_five_lost_costs_time_and_nothing_else() {
    let setup = Setup::from(World::of("acme/flaky", 60))
        .faults(json!([{"match": {"probability": 0.2}, "answer": "504-json"}]));
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("flaky", json!({"repository": "acme/flaky", "chunk": chunk})).await;
    let object = trial
        .until_within(LIMIT * 2, "flaky", "Succeeded", |object| {
            crate::support::has(object, "Succeeded")
        })
        .await;
    assert_eq!(reason(&object), "Verified");
    assert!(trial.counts().await["by_answer"]["504-json"].as_u64() > Some(3));
    Oracle::of("acme/flaky").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_cursor_that_github_does_not_take_waits_for_a_person_and_a_new_walk() {
    let setup = Setup::from(World::of("acme/api", 24)).faults(first_page_only());
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.moves().await;
    trial.edit("api", json!({"spec": {"suspend": true}})).await;
    trial.until_reason("api", "Suspended").await;
    let spoil = "UPDATE progressive_backfill_state SET last_processed_cursor = 'abc'";
    sqlx::query(spoil).execute(&trial.rows).await.unwrap();
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.edit("api", json!({"spec": {"suspend": false}})).await;
    let stalled = trial.stalled("api", "CursorRejected").await;
    assert!(message(&stalled).contains("restart-requested-at"), "{}", message(&stalled));
    assert_eq!(status(&stalled).consecutive_errors, Some(0));
    trial.annotate("api", "restart-requested-at", "now").await;
    assert_eq!(reason(&trial.succeeded("api").await), "Verified");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn an_outage_of_github_is_said_and_passes() {
    let everything = json!([{"match": {}, "answer": "502-html"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 5)).faults(everything)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let away = trial.until_reason("api", "GitHubUnavailable").await;
    assert_eq!(crate::support::objects::condition(&away, "Ready"), Some("False"));
    assert!(crate::support::has(&away, "Reconciling"));
    assert!(status(&away).next_attempt_time.is_some());
    let failures = "backfill_failures_total{reason=\"GitHubUnavailable\"}";
    let counted = async || metric(&trial, failures).await.filter(|count| *count > 2.0);
    trial.within(LIMIT, "three failures", counted).await;
    let log = trial.operator.log();
    let told = log.lines().filter(|line| line.contains("\"message\":\"failed\"")).count();
    assert_eq!(told, 1, "the same again is no news");
    trial.standin.set_faults(&crate::support::plan(json!([]))).await.unwrap();
    trial.succeeded("api").await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}
