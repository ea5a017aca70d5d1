//! The checks that every test relies on find what they are there to find.

use backfill_api::RepositoryBackfillStatus;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::oracle::{ALL_PARTS, Oracle};
use crate::support::written::{Written, broken};
use crate::support::{Trial, World};

/// Each spoils a pull request of a lower number than the one before, so that its difference is
/// the first. The second text is what the oracle must say.
const SPOILED: [(&str, &str); 12] = [
    ("UPDATE pull_requests SET title = 'x' WHERE number = 20", "#20.title"),
    ("UPDATE pull_requests SET merged = NOT merged WHERE number = 19", "#19.merged"),
    ("UPDATE pull_requests SET labels = '{}' WHERE number = 18", "#18.labels"),
    ("UPDATE pull_requests SET author_id = merged_by_id WHERE number = 16", "#16.author"),
    ("UPDATE comments SET in_reply_to_id = NULL WHERE in_reply_to_id = 15000", "in_reply_to_id"),
    (
        "UPDATE pull_requests SET created_at = created_at + interval '1 ms' WHERE number = 14",
        "#14.created_at",
    ),
    ("UPDATE reviews SET state = 'COMMENTED' WHERE github_id = 13900", "#13.reviews.13900.state"),
    ("DELETE FROM reviews WHERE github_id = 12900", "#12.reviews.12900: GitHub has it"),
    (
        "UPDATE comments SET body = 'x' WHERE pull_request_id = \
      (SELECT id FROM pull_requests WHERE number = 11)",
        "#11.comments",
    ),
    ("UPDATE comments SET review_id = NULL WHERE github_id = 10000", "#10.review_comments.10000"),
    (
        "UPDATE pull_request_files SET additions = 99 WHERE pull_request_id = \
      (SELECT id FROM pull_requests WHERE number = 9)",
        "#9.file_rows",
    ),
    (
        "INSERT INTO reviews (github_id, repository_id, pull_request_id, state) \
      SELECT 1, repository_id, id, 'APPROVED' FROM pull_requests WHERE number = 8",
        "#8.reviews.1: stored, but GitHub has no such",
    ),
];

#[tokio::test]
async fn the_oracle_names_whatever_differs() {
    let trial = Trial::start(World::of("acme/api", 21)).await;
    trial.apply("api", json!({"repository": "acme/api", "include": ALL_PARTS})).await;
    trial.succeeded("api").await;
    let oracle = Oracle::of("acme/api").parts(&ALL_PARTS);
    assert_eq!(oracle.compare(&trial).await, Ok(21));
    let one_less = Oracle::of("acme/api").parts(&ALL_PARTS).only(|number, _| number != 5);
    assert!(one_less.compare(&trial).await.unwrap_err().starts_with("stored [1, 2, 3, 4, 5,"));
    for (statement, expected) in SPOILED {
        let changed = sqlx::query(AssertSqlSafe(statement)).execute(&trial.rows).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{statement}");
        let said = oracle.compare(&trial).await.unwrap_err();
        assert!(said.contains(expected), "{statement}: {said}");
    }
    trial.finish().await;
}

fn status(conditions: &[Value]) -> Written {
    let status = json!({"observedGeneration": 1, "conditions": conditions});
    let status: RepositoryBackfillStatus = serde_json::from_value(status).unwrap();
    let (uid, name) = ("one".to_owned(), "one".to_owned());
    Written { uid, name, generation: 1, status, after_gap: false }
}

fn condition(type_: &str, status: &str, minute: u8) -> Value {
    let at = format!("2026-01-01T00:{minute:02}:00Z");
    json!({
        "type": type_, "status": status, "reason": "Walking", "message": "",
        "observedGeneration": 1, "lastTransitionTime": at,
    })
}

#[test]
fn a_status_against_the_contract_is_found() {
    let running = |minute| {
        status(&[condition("Ready", "Unknown", 0), condition("Reconciling", "True", minute)])
    };
    assert_eq!(broken(&[running(0), running(0)]), Vec::<String>::new());
    assert!(broken(&[running(0), running(1)])[0].contains("moved its lastTransitionTime"));
    let unseen = Written { after_gap: true, ..running(1) };
    assert_eq!(broken(&[running(0), unseen]), Vec::<String>::new());
    let alone = status(&[condition("Ready", "Unknown", 0)]);
    assert!(broken(&[alone])[0].contains("Ready=Unknown must stand with Reconciling"));
    let early = Written { generation: 0, ..running(0) };
    assert!(broken(&[early])[0].contains("observed before it was there"));
}
