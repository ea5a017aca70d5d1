//! A pull request that fails even alone is set aside by itself; runs that only fail open the
//! circuit.

use backfill_api::RepositoryBackfill;
use serde_json::json;
use sqlx::Row;

use crate::support::objects::{message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::secrecy::metric;
use crate::support::{LIMIT, Setup, Trial, World, has, plan, reason};

async fn succeeded_slowly(trial: &Trial, name: &str) -> RepositoryBackfill {
    // Three failures over time: two backoffs of up to five and ten seconds lie between.
    trial.until_within(LIMIT * 2, name, "Succeeded", |object| has(object, "Succeeded")).await
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_alone_and_read_once_it_can_be() {
    let world = World::of("acme/bad-gateway", 12)
        .and(&(101..=112).fold(World::empty("acme/null-node"), |all, n| all.pull(n, json!({}))))
        .and(&(201..=212).fold(World::empty("acme/newest"), |all, n| all.pull(n, json!({}))));
    let rules = json!([
        {"match": {"number": 7}, "answer": "502-json"},
        {"match": {"number": 107}, "answer": "null-node"},
        {"match": {"number": 212}, "answer": "502-json"},
    ]);
    let trial = Trial::start(Setup::from(world).faults(rules)).await;
    let bad = [("bad-gateway", 7_i64), ("null-node", 107), ("newest", 212)];
    for (name, _) in bad {
        trial.apply(name, json!({"repository": format!("acme/{name}")})).await;
    }
    for (name, without) in bad {
        let object = succeeded_slowly(&trial, name).await;
        assert_eq!(reason(&object), "VerifiedWithQuarantine", "{name}");
        assert!(message(&object).starts_with("11 stored, 1 set aside"), "{}", message(&object));
        let log = trial.operator.log();
        let told = log.lines().find(|line| {
            line.contains("\"quarantined\",") && line.contains(&format!("\"number\":{without},"))
        });
        let repository = format!("\"repository\":\"acme/{name}\"");
        assert!(told.is_some_and(|line| line.contains(&repository)), "{name}: {told:?}");
        let status = status(&object);
        assert_eq!(status.quarantined_pull_requests, Some(1));
        assert_eq!(
            (status.processed_pull_requests, status.stored_pull_requests),
            (Some(12), Some(11))
        );
        let others = Oracle::of(&format!("acme/{name}")).only(move |number, _| number != without);
        assert_eq!(others.check(&trial).await, 11);
    }
    let rows = "SELECT q.number, q.reason, q.attempts, q.node_id IS NOT NULL, q.message \
                FROM quarantined_pull_requests q \
                WHERE q.quarantined_at IS NOT NULL AND q.resolved_at IS NULL ORDER BY q.number";
    let rows = sqlx::query(rows).fetch_all(&trial.rows).await.unwrap();
    assert_eq!(rows.len(), 3);
    let series = "backfill_pull_requests_total{result=\"quarantined\"}";
    assert_eq!(metric(&trial, series).await, Some(3.0));
    for (row, (name, set_aside)) in rows.iter().zip(bad) {
        assert_eq!(i64::from(row.get::<i32, _>(0)), set_aside);
        assert_eq!(row.get::<&str, _>(1), "PullRequestUnreadable", "{name}");
        assert_eq!((row.get::<i32, _>(2), row.get::<bool, _>(3)), (3, true), "{name}");
        assert!(!row.get::<&str, _>(4).is_empty());
    }
    // GitHub can deliver them again, and somebody asks for it.
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    for (name, _) in bad {
        trial.annotate(name, "requested-at", "again").await;
        let whole = |object: &RepositoryBackfill| reason(object) == "Verified";
        let object = trial.until(name, "nothing is set aside any more", whole).await;
        assert_eq!(status(&object).quarantined_pull_requests, Some(0));
        Oracle::of(&format!("acme/{name}")).check(&trial).await;
    }
    trial.finish().await;
}

#[tokio::test]
async fn what_can_only_be_read_in_part_is_kept_in_part_after_three_tries() {
    let whole = json!({"operation": "CompletePullRequests", "number": 10});
    // After three reads of the whole, the first of a part meets a limit: no fault of #10.
    let read = |times| json!({"operation": "ReadPullRequest", "number": 10, "times": times});
    let setup = Setup::from(World::of("acme/api", 12)).faults(json!([
        {"match": whole, "answer": "502-json"},
        {"match": read(3), "answer": "502-json"},
        {"match": read(1), "answer": "secondary:2"},
    ]));
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let object = succeeded_slowly(&trial, "api").await;
    assert_eq!(reason(&object), "VerifiedWithQuarantine");
    assert_eq!(status(&object).stored_pull_requests, Some(12));
    let row = "SELECT q.reason || ' ' || q.attempts || ' ' || p.title || ' '
                   || ('ReviewComments' = ANY (p.captured))
                 FROM quarantined_pull_requests q
                 JOIN pull_requests p USING (repository_id, number)
                WHERE q.resolved_at IS NULL";
    let row = crate::support::rows::text(&trial.rows, row).await;
    assert_eq!(row, "PageTooLarge 4 Change 10 false");
    assert_eq!(trial.counts().await["by_answer"]["secondary:2"], 1);
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.annotate("api", "requested-at", "again").await;
    trial.until("api", "it is whole", |object| reason(object) == "Verified").await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn runs_that_only_fail_open_the_circuit_and_a_request_closes_it() {
    let rules = json!([{"match": {"number": 12}, "answer": "502-json"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 12)).faults(rules)).await;
    let policy = json!({"maxConsecutiveErrors": 2});
    trial.apply("api", json!({"repository": "acme/api", "failurePolicy": policy})).await;
    let open = trial.stalled("api", "CircuitOpen").await;
    assert!(message(&open).starts_with("2 runs in a row failed"), "{}", message(&open));
    assert!(message(&open).contains("#12"), "{}", message(&open));
    let requests = trial.counts().await["requests"].clone();
    // A new generation brings a look, and its priority leaves the walk as it is.
    trial.edit("api", json!({"spec": {"priority": "High"}})).await;
    trial.stalled("api", "CircuitOpen").await;
    assert_eq!(trial.counts().await["requests"], requests, "an open circuit asks nothing");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.annotate("api", "requested-at", "mended").await;
    let object = trial.succeeded("api").await;
    assert_eq!(reason(&object), "Verified");
    assert_eq!(status(&object).consecutive_errors, Some(0));
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_keeps_the_proof_waiting_and_opens_no_circuit() {
    let index = json!({"operation": "IndexPullRequests"});
    let rules = json!([{"match": index, "answer": "resource-limits"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 6)).faults(rules)).await;
    let policy = json!({"maxConsecutiveErrors": 1});
    trial.apply("api", json!({"repository": "acme/api", "failurePolicy": policy})).await;
    let waits = trial.until_reason("api", "GitHubUnavailable").await;
    assert_eq!(status(&waits).processed_pull_requests, Some(6));
    let failed = "SELECT failed_attempts::bigint FROM progressive_backfill_state";
    trial
        .within(LIMIT, "it fails again", async || {
            (number(&trial.rows, failed).await > 1).then_some(())
        })
        .await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    assert_eq!(reason(&trial.succeeded("api").await), "Verified");
    trial.finish().await;
}

#[tokio::test]
async fn the_last_of_a_history_are_set_aside_too_if_another_can_be_read() {
    let two = World::empty("acme/two").pull(101, json!({})).pull(102, json!({}));
    let rules = json!([
        {"match": {"number": 1}, "answer": "502-json"},
        {"match": {"number": 2}, "answer": "502-json"},
        {"match": {"number": 101}, "answer": "502-json"},
        {"match": {"number": 102}, "answer": "502-json"},
    ]);
    let setup = Setup::from(World::of("acme/api", 8).and(&two)).faults(rules);
    let trial = Trial::start(setup).await;
    for name in ["api", "two"] {
        trial.apply(name, json!({"repository": format!("acme/{name}")})).await;
    }
    let object = succeeded_slowly(&trial, "api").await;
    assert!(message(&object).starts_with("6 stored, 2 set aside"), "{}", message(&object));
    // Nothing of the other can be read: that may be GitHub, however often it is tried.
    let away = trial.until_reason("two", "GitHubUnavailable").await;
    assert!(has(&away, "Reconciling"));
    let of_two = "SELECT count(*) FROM quarantined_pull_requests WHERE number > 100";
    assert_eq!(number(&trial.rows, of_two).await, 0);
    trial.finish().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_opens_no_circuit() {
    let rules = json!([
        {"match": {"operation": "ListPullRequests"}, "answer": "502-json"},
        {"match": {"operation": "IndexPullRequests"}, "answer": "resource-limits"},
    ]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 8)).faults(rules)).await;
    let policy = json!({"maxConsecutiveErrors": 1});
    let spec = json!({"repository": "acme/api", "failurePolicy": policy});
    trial.apply("walks", spec).await;
    let away = trial.until_reason("walks", "GitHubUnavailable").await;
    assert!(message(&away).starts_with("the list of pull requests"), "{}", message(&away));
    assert_eq!(status(&away).consecutive_errors, Some(0));
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    assert_eq!(reason(&trial.succeeded("walks").await), "Verified");
    trial.finish().await;
}

#[tokio::test]
async fn three_in_a_row_are_an_outage_and_no_poison() {
    let all: Vec<_> =
        (1..=8).map(|number| json!({"match": {"number": number}, "answer": "null-node"})).collect();
    let trial = Trial::start(Setup::from(World::of("acme/api", 8)).faults(json!(all))).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let away = trial.until_reason("api", "GitHubUnavailable").await;
    assert!(has(&away, "Reconciling"));
    assert_eq!(status(&away).consecutive_errors, Some(0), "an outage opens no circuit");
    let set_aside = "SELECT count(*) FROM quarantined_pull_requests";
    assert_eq!(number(&trial.rows, set_aside).await, 0);
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    assert_eq!(reason(&trial.succeeded("api").await), "Verified");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}
