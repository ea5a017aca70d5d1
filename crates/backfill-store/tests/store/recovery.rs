//! Chunks that are stuck, chunks that are old, and the proof that both leave whole.

use std::time::Duration;

use backfill_engine::model::Stage;
use backfill_store::{ChunkStatistics, Error, Options, Recovered, Recovery, Store};
use sqlx::{Connection, Executor};

use crate::fixtures::{UID, begin, chunk, claimed, commit, pull_request};
use crate::support::Database;

const ASKED: Recovery = Recovery { stuck_minutes: 30, cleanup_days: 90, dry_run: false };
const AGE: &str = "UPDATE backfill_chunks SET started_at = started_at - interval '91 days', \
    completed_at = completed_at - interval '91 days'";

#[tokio::test]
async fn only_stuck_chunks_without_a_live_lease_are_closed() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    let processing = ChunkStatistics { processing: 1, completed: 0, failed: 0 };
    assert_eq!(store.chunk_statistics().await.unwrap(), processing);
    database.run("UPDATE backfill_chunks SET started_at = now() - interval '31 minutes'").await;
    assert_eq!(store.recover(ASKED).await.unwrap(), Recovered::default(), "the lease is live");
    store.release(&acquired.lease).await.unwrap();
    let dry = store.recover(Recovery { dry_run: true, ..ASKED }).await.unwrap();
    assert_eq!((dry.failed, dry.completed), (1, 0));
    assert_eq!(database.text("SELECT status FROM backfill_chunks").await, "processing");
    assert_eq!(store.recover(ASKED).await.unwrap(), dry);
    assert_eq!(
        database.text("SELECT status, error FROM backfill_chunks").await,
        "failed,abandoned"
    );
    assert_eq!(claim.number, 1);
}

#[tokio::test]
async fn a_stuck_chunk_counts_as_done_only_if_all_of_it_is_stored() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let page = (1..=5).map(pull_request).collect();
    commit(&store, &lease, &chunk(page, "c1")).await;
    store.release(&lease).await.unwrap();
    database
        .run(
            "INSERT INTO backfill_chunks (repository_id, backfill_state_id, chunk_number, status, \
                 pr_numbers, started_at) \
             SELECT s.repository_id, s.id, n.number, 'processing', n.numbers, \
                 now() - interval '1 hour' \
             FROM progressive_backfill_state s, \
                 (VALUES (7, '{1,2,3,4,5}'::int[]), (8, '{1,2,3,4,6}')) AS n(number, numbers)",
        )
        .await;
    let recovered = store.recover(ASKED).await.unwrap();
    assert_eq!((recovered.completed, recovered.failed), (1, 1));
    let rows = "SELECT chunk_number, status FROM backfill_chunks WHERE chunk_number > 6 ORDER BY 1";
    assert_eq!(database.text(rows).await, "7,completed;8,failed");
}

/// The first query of the document after these words.
fn documented(words: &str) -> String {
    let document = include_str!("../../../../docs/database.md");
    let (_, rest) = document.split_once(words).unwrap();
    let (_, query) = rest.split_once("```sql\n").unwrap();
    query.split_once(";\n```").unwrap().0.to_owned()
}

#[tokio::test]
async fn old_chunks_are_folded_and_the_ledger_still_proves() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    for (number, cursor) in [(9, "c1"), (8, "c2")] {
        commit(&store, &lease, &chunk(vec![pull_request(number)], cursor)).await;
    }
    store.claim_chunk(&lease).await.unwrap();
    store.fail_chunk(&lease, "no").await.unwrap();
    commit(&store, &lease, &chunk(vec![pull_request(7)], "c3")).await;
    database.run(AGE).await;
    let mut page = chunk(vec![pull_request(6)], "c4");
    page.next_stage = Some(Stage::Verify);
    commit(&store, &lease, &page).await;

    let before = store.ledger(state.id).await.unwrap();
    let recovered = store.recover(ASKED).await.unwrap();
    assert_eq!((recovered.folded, recovered.removed), (2, 1));
    assert_eq!(store.ledger(state.id).await.unwrap(), before);
    assert_eq!(before.gap, None);
    let rows = "SELECT chunk_number, pr_numbers, first_cursor, end_cursor, chunks, points, \
        prs_written FROM backfill_chunks ORDER BY 1";
    let expected = "4,\"{9,8,7}\",,c3,3,9,3;5,{6},c3,c4,1,3,1";
    assert_eq!(database.text(rows).await, expected);
    assert_eq!(store.recover(ASKED).await.unwrap(), Recovered::default());
    let summary = "SELECT chunks, completed_chunks FROM backfill_progress_summary";
    assert_eq!(database.text(summary).await, "4,4");
    let took = "UPDATE backfill_chunks SET completed_at = started_at + interval '7 ms' \
        WHERE chunks = 1";
    database.run(took).await;
    let cost = database.text(&documented("What a walk cost")).await;
    assert_eq!(cost, "acme/api,1,4,8,12,4,0,7", "folded or not");

    database.run("UPDATE backfill_chunks SET completed_at = now() - interval '1 year'").await;
    assert_eq!(store.recover(ASKED).await.unwrap().folded, 1);
    assert_eq!(store.ledger(state.id).await.unwrap(), before);
    let claim = store.claim_chunk(&lease).await.unwrap();
    assert_eq!(claim.number, 6, "numbers go on after folding");
}

/// A walk of `chunks` old chunks over a repository of its own, with `failures` old failures
/// between them.
async fn imported(database: &Database, number: i64, chunks: i64, failures: i64) {
    database
        .run(&format!(
            "WITH r AS (INSERT INTO repositories (github_id, node_id, owner, name, full_name) \
                     VALUES ({number}, 'R', 'acme', 'r{number}', 'acme/r{number}') RETURNING id), \
                 s AS (INSERT INTO progressive_backfill_state (repository_id, total_prs) \
                     SELECT id, 0 FROM r RETURNING id, repository_id) \
             INSERT INTO backfill_chunks (repository_id, backfill_state_id, chunk_number, status, \
                 pr_numbers, started_at, completed_at) \
             SELECT s.repository_id, s.id, n, \
                 CASE WHEN n <= {chunks} THEN 'completed' ELSE 'failed' END, \
                 ARRAY(SELECT generate_series(n * 25, n * 25 + 24)), \
                 now() - interval '91 days', \
                 CASE WHEN n <= {chunks} THEN now() - interval '91 days' END \
             FROM s, generate_series(1, {chunks} + {failures}) AS n"
        ))
        .await;
}

#[tokio::test]
async fn a_backlog_of_many_backfills_is_put_in_order_one_after_the_other() {
    let database = Database::migrated().await;
    for (number, chunks, failures) in [(1, 1, 0), (2, 2000, 10), (3, 3000, 20)] {
        imported(&database, number, chunks, failures).await;
    }
    let store = database.store("one");
    let expected = Recovered { completed: 0, failed: 0, folded: 4998, removed: 30 };
    let rows = "SELECT count(*) FROM backfill_chunks";

    // Somebody writes a chunk: a dry run that took locks would wait for it in vain.
    let mut writer = database.connection().await;
    let hold = "BEGIN; SELECT FROM backfill_chunks WHERE chunk_number = 2999 FOR UPDATE";
    writer.execute(hold).await.unwrap();
    let short = Options { lock_timeout: Duration::from_millis(200), ..database.options("one") };
    let impatient = Store::connect(&short).unwrap();
    let dry = impatient.recover(Recovery { dry_run: true, ..ASKED }).await.unwrap();
    assert_eq!((dry, database.text(rows).await.as_str()), (expected, "5031"));

    // What comes before the one that cannot be folded is done all the same.
    let stopped = impatient.recover(ASKED).await.unwrap_err();
    assert!(matches!(stopped, Error::Timeout(_)), "{stopped:?}");
    writer.close().await.unwrap();
    let again = store.recover(ASKED).await.unwrap();
    let whole = "SELECT r.name, c.chunks, cardinality(c.pr_numbers), c.status \
        FROM backfill_chunks c JOIN repositories r ON r.id = c.repository_id ORDER BY 1";
    assert_eq!(
        database.text(whole).await,
        "r1,1,25,completed;r2,2000,50000,completed;r3,3000,75000,completed"
    );
    assert_eq!((again.folded, again.removed), (2999, 20));
    assert_eq!(store.recover(ASKED).await.unwrap(), Recovered::default());
}

#[tokio::test]
async fn a_dry_run_counts_what_a_run_then_does() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, _) = claimed(&store).await;
    store.release(&acquired.lease).await.unwrap();
    imported(&database, 1, 4, 2).await;
    database.run("UPDATE backfill_chunks SET started_at = now() - interval '91 days'").await;
    let dry = store.recover(Recovery { dry_run: true, ..ASKED }).await.unwrap();
    assert_eq!(dry, Recovered { completed: 0, failed: 1, folded: 3, removed: 3 });
    assert_eq!(store.recover(ASKED).await.unwrap(), dry);
}
