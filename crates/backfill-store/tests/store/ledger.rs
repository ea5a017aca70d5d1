//! The ledger as a proof: what it accepts, and each way in which it must not hold.

use backfill_engine::model::{PullRequestNumber, Stage, StateStatus};
use backfill_store::{Error, Lease, Store};
use uuid::Uuid;

use crate::fixtures::{UID, begin, chunk, commit, pull_request, set_aside};
use crate::support::Database;

/// Three chunks: #9 and #8, an empty one that only steps on, #7 with #6 set aside.
async fn walked(store: &Store) -> (Uuid, Lease) {
    let state = begin(store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    commit(store, &lease, &chunk(vec![pull_request(9), pull_request(8)], "c1")).await;
    commit(store, &lease, &chunk(vec![], "c2")).await;
    let mut last = chunk(vec![pull_request(7)], "c3");
    last.quarantined = vec![set_aside(6)];
    last.next_stage = Some(Stage::Verify);
    commit(store, &lease, &last).await;
    (state.id, lease)
}

#[tokio::test]
async fn a_whole_walk_holds() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (id, lease) = walked(&store).await;
    let ledger = store.ledger(id).await.unwrap();
    assert_eq!((ledger.gap.as_deref(), ledger.missing_count, ledger.numbers), (None, 0, 4));
    assert_eq!((ledger.stored, ledger.set_aside.as_slice()), (3, &[PullRequestNumber(6)][..]));
    assert_eq!(ledger.newest, Some((PullRequestNumber(9), pull_request(9).created_at)));

    // A database that was set back is at an earlier stage, whatever its ledger says.
    database.run("UPDATE progressive_backfill_state SET stage = 'Walk'").await;
    let early = store.complete(&lease, &ledger).await;
    assert!(matches!(early, Err(Error::Fenced)), "{early:?}");
    database.end_walks().await;
    let done = store.complete(&lease, &ledger).await.unwrap();
    assert_eq!(done.status, StateStatus::Completed);
    assert_eq!((done.processed_pull_requests, done.stored_pull_requests), (4, 3));
    assert!(done.completed_at.is_some());
    store.release(&lease).await.unwrap();
    let followed = store.acquire(id, UID).await.unwrap();
    assert_eq!(followed.state.status, StateStatus::Completed, "following keeps it completed");
    let late = store.complete(&lease, &ledger).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
}

#[tokio::test]
async fn a_failed_chunk_between_is_no_gap_and_a_walk_without_chunks_holds() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    assert_eq!(store.ledger(state.id).await.unwrap().gap, None);
    let (id, lease) = walked(&store).await;
    store.claim_chunk(&lease).await.unwrap();
    store.fail_chunk(&lease, "no").await.unwrap();
    assert_eq!(store.ledger(id).await.unwrap().gap, None);
    begin(&store, UID).await;
    let anew = store.ledger(id).await.unwrap();
    assert_eq!((anew.gap, anew.numbers), (None, 0));
    assert_eq!(anew.newest, None);
}

#[tokio::test]
async fn each_break_of_the_chain_is_named() {
    for (harm, said) in [
        (
            "DELETE FROM backfill_chunks WHERE chunk_number = 1",
            "chunk 2 begins at \"c1\", not at the top",
        ),
        (
            "DELETE FROM backfill_chunks WHERE chunk_number = 2",
            "chunk 3 begins at \"c2\", not at \"c1\"",
        ),
        (
            "DELETE FROM backfill_chunks WHERE chunk_number = 3",
            "the last chunk ends at \"c2\", the cursor is \"c3\"",
        ),
        ("UPDATE backfill_chunks SET status = 'failed' WHERE chunk_number = 2", "chunk 3 begins"),
        ("UPDATE backfill_chunks SET end_cursor = 'x' WHERE chunk_number = 1", "chunk 2 begins"),
    ] {
        let database = Database::migrated().await;
        let store = database.store("one");
        let (id, _) = walked(&store).await;
        database.run(harm).await;
        let gap = store.ledger(id).await.unwrap().gap.unwrap_or_default();
        assert!(gap.contains(said), "{harm}: {gap}");
    }
}

#[tokio::test]
async fn rows_that_are_lost_are_listed() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (id, lease) = walked(&store).await;
    database
        .run(
            "DELETE FROM comments; DELETE FROM reviews; DELETE FROM pull_requests WHERE number > 7",
        )
        .await;
    let lost = store.ledger(id).await.unwrap();
    assert_eq!(lost.missing, [PullRequestNumber(8), PullRequestNumber(9)]);
    assert_eq!((lost.missing_count, lost.stored), (2, 1));

    // One that GitHub no longer has was dealt with: it is neither missing nor stored.
    store.bury(&lease, &[PullRequestNumber(7)]).await.unwrap();
    let buried = store.ledger(id).await.unwrap();
    assert_eq!((buried.missing_count, buried.stored), (2, 0));
    database.run("UPDATE quarantined_pull_requests SET resolved_at = now()").await;
    let resolved = store.ledger(id).await.unwrap();
    assert_eq!((resolved.missing_count, resolved.set_aside), (3, vec![]));
}

#[tokio::test]
async fn one_that_was_gone_and_came_back_is_missed_when_its_row_is_lost() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (id, lease) = walked(&store).await;
    store.bury(&lease, &[PullRequestNumber(6)]).await.unwrap();
    assert_eq!(store.ledger(id).await.unwrap().missing, [], "it is gone");
    commit(&store, &lease, &chunk(vec![pull_request(6)], "c4")).await;
    let marks = "SELECT resolved_at IS NULL, gone_at IS NULL FROM quarantined_pull_requests";
    assert_eq!(database.text(marks).await, "f,t");
    database.run("DELETE FROM comments; DELETE FROM reviews; DELETE FROM pull_requests").await;
    assert!(store.ledger(id).await.unwrap().missing.contains(&PullRequestNumber(6)));
}
