//! Everything that goes wrong at GitHub at once, to an operator that is killed every few
//! requests.

use serde_json::json;
use sqlx::Row;

use crate::support::objects::status;
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::{LIMIT, Setup, Trial, World, has, reason};

const UNREADABLE: i64 = 23;
const KILLS: u32 = 8;
/// Requests at least from a start to the next kill.
const BETWEEN_KILLS: u64 = 4;

#[tokio::test]
async fn only_what_cannot_be_read_is_set_aside_whatever_else_fails() {
    let rules = json!([
        {"match": {"operation": "ListPullRequests", "first_over": 10}, "answer": "502-json"},
        {"match": {"number": UNREADABLE}, "answer": "502-json"},
        {"match": {"probability": 0.2}, "answer": "504-json"},
    ]);
    let setup = Setup::from(World::of("acme/heavy", 80)).faults(rules).latency_ms(50);
    let mut trial = Trial::start(setup).await;
    let chunk = json!({"size": 20, "maxSize": 40});
    trial.apply("heavy", json!({"repository": "acme/heavy", "chunk": chunk})).await;
    for _ in 0..KILLS {
        let before = trial.counts().await["requests"].as_u64().unwrap();
        trial
            .within(LIMIT, "a few more requests", async || {
                let sent = trial.counts().await["requests"].as_u64().unwrap() - before;
                (sent >= BETWEEN_KILLS).then_some(())
            })
            .await;
        assert!(!has(&trial.get("heavy").await, "Succeeded"), "it was over before the last kill");
        trial.restart("one").await;
    }
    let done = |object: &_| has(object, "Succeeded");
    let object = trial.until_within(LIMIT * 2, "heavy", "Succeeded", done).await;

    assert_eq!(reason(&object), "VerifiedWithQuarantine");
    let status = status(&object);
    assert_eq!((status.processed_pull_requests, status.stored_pull_requests), (Some(80), Some(79)));
    let set_aside = "SELECT number FROM quarantined_pull_requests
                     WHERE quarantined_at IS NOT NULL AND resolved_at IS NULL";
    let set_aside = sqlx::query(set_aside).fetch_all(&trial.rows).await.unwrap();
    let set_aside: Vec<_> = set_aside.iter().map(|row| i64::from(row.get::<i32, _>(0))).collect();
    assert_eq!(set_aside, [UNREADABLE]);
    let largest = "SELECT max(cardinality(pr_numbers)) FROM backfill_chunks
                   WHERE status = 'completed'";
    assert!(number(&trial.rows, largest).await <= 10);
    let met = trial.counts().await["by_answer"].clone();
    assert!(met["504-json"].as_u64() > Some(3) && met["502-json"].as_u64() > Some(3), "{met}");
    Oracle::of("acme/heavy").only(|number, _| number != UNREADABLE).check(&trial).await;
    trial.finish().await;
}
