//! Killed at any instant, the operator loses nothing and doubles nothing.
//!
//! The instants are those at which the world outside can tell one crash from another: each
//! request to GitHub, each COMMIT and each write to Kubernetes, before and after the server
//! has taken it. It must not know how the operator is made.

mod points;
mod random;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::oracle::ALL_PARTS;
use crate::support::rows::number;
use crate::support::{Trial, World};

/// The object of every test here.
const NAME: &str = "crash";
/// Its repository.
const REPOSITORY: &str = "acme/crash";

/// Nine pull requests with everything on them: threads, more comments than one page holds, and
/// authors whose accounts are gone.
fn world() -> World {
    let comments: Vec<Value> =
        (0..60).map(|n| json!({"author": null, "body": format!("Comment {n}.")})).collect();
    let bot = json!({"__typename": "Bot", "login": "a-bot", "databaseId": 77});
    World::of(REPOSITORY, 6)
        .pull(7, json!({"author": null, "comments": comments}))
        .pull(8, json!({"author": bot, "mergedBy": null}))
        .pull(9, json!({"commits": [{"message": "Ghostly", "author": null}]}))
}

/// A spec with chunks of `size` and every part.
fn spec(size: u32) -> Value {
    let chunk = json!({"size": size, "minSize": size, "maxSize": size});
    json!({"repository": REPOSITORY, "chunk": chunk, "include": ALL_PARTS})
}

/// Panics unless the chunks tell one unbroken walk and none is left half done.
async fn assert_ledger(rows: &PgPool, kills: i64) {
    let left = "SELECT count(*) FROM backfill_chunks WHERE status NOT IN ('completed', 'failed')";
    assert_eq!(number(rows, left).await, 0, "chunks left half done");
    let failed = "SELECT count(*) FROM backfill_chunks WHERE status = 'failed'";
    let failed = number(rows, failed).await;
    assert!(failed <= kills, "{failed} chunks given up for {kills} kills");
    let broken = "SELECT count(*) FROM (
            SELECT first_cursor, lag(end_cursor) OVER (ORDER BY chunk_number) AS before
              FROM backfill_chunks WHERE status = 'completed' AND stage = 'Walk') AS chain
         WHERE first_cursor IS DISTINCT FROM before";
    assert_eq!(number(rows, broken).await, 0, "places where the ledger is not chained");
    let twice = "SELECT count(*) FROM (
            SELECT unnest(pr_numbers) AS number FROM backfill_chunks WHERE status = 'completed'
             GROUP BY 1 HAVING count(*) > 1) AS twice";
    assert_eq!(number(rows, twice).await, 0, "pull requests in two chunks");
}

/// Panics if GitHub was asked for a page more often than once and once more for each kill.
async fn assert_pages(trial: &Trial, kills: u64) {
    let counts = trial.counts().await;
    let pages = counts["pages_by_cursor"].as_object().unwrap();
    assert!(!pages.is_empty(), "no page was counted");
    for (page, times) in pages {
        assert!(times.as_u64().unwrap() <= 1 + kills, "{page} was served {times} times");
    }
}
