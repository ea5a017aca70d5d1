//! Chunks that are stuck, chunks that are old, and the proof that both leave whole.

use backfill_engine::model::Stage;
use backfill_store::{ChunkStatistics, Recovered, Recovery};

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

    database.run("UPDATE backfill_chunks SET completed_at = now() - interval '1 year'").await;
    assert_eq!(store.recover(ASKED).await.unwrap().folded, 1);
    assert_eq!(store.ledger(state.id).await.unwrap(), before);
    let claim = store.claim_chunk(&lease).await.unwrap();
    assert_eq!(claim.number, 6, "numbers go on after folding");
}
