//! The life of a chunk: claim, commit, no-op commit, and what is refused.

use backfill_api::Disposition;
use backfill_engine::model::{Cursor, PullRequestNumber, Stage, StateStatus};
use backfill_store::Error;

use crate::fixtures::{
    HOST, UID, chunk, claimed, commit, leased, pull_request, whole_pull_request,
};
use crate::support::Database;

#[tokio::test]
async fn a_chunk_and_the_cursor_commit_together() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    assert_eq!((claim.number, claim.first_cursor.clone(), claim.abandoned), (1, None, 0));

    let page = chunk(vec![pull_request(9), pull_request(8)], "c1");
    let committed = store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    assert_eq!((committed.written, committed.unchanged, committed.child_rows_written), (2, 0, 6));

    let state = committed.state;
    assert_eq!(state.cursor, Some(Cursor::from("c1")));
    assert_eq!(state.last_number, Some(PullRequestNumber(8)));
    assert_eq!(state.back_to, Some(pull_request(8).created_at));
    assert_eq!((state.processed_pull_requests, state.stored_pull_requests), (2, 2));
    assert_eq!((state.chunk_size, state.quick_pages, state.chunks_completed), (Some(25), 1, 1));
    assert_eq!((state.stage, state.status), (Stage::Walk, StateStatus::Active));
    let found = store.find_state(UID, HOST, "nobody/nothing").await.unwrap().unwrap();
    assert_eq!(found.cursor, state.cursor);

    let row = database
        .text(
            "SELECT status, pr_numbers, first_cursor, end_cursor, prs_written, api_calls_made, \
             points, rate_limit_remaining, processing_time_ms >= 0 FROM backfill_chunks",
        )
        .await;
    assert_eq!(row, r#"completed,"{9,8}",,c1,2,2,3,4990,t"#);
}

#[tokio::test]
async fn an_equal_chunk_rewrites_no_row() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let page = chunk(vec![whole_pull_request(9), whole_pull_request(8)], "c1");
    let first = commit(&store, &lease, &page).await;
    assert_eq!((first.written, first.child_rows_written), (2, 10));

    let versions = "SELECT string_agg(v, ' ') FROM (\
        SELECT xmin::text || ctid::text AS v FROM pull_requests UNION ALL \
        SELECT xmin::text || ctid::text FROM reviews UNION ALL \
        SELECT xmin::text || ctid::text FROM comments UNION ALL \
        SELECT xmin::text || ctid::text FROM pull_request_commits UNION ALL \
        SELECT xmin::text || ctid::text FROM pull_request_files UNION ALL \
        SELECT xmin::text || ctid::text FROM contributors) AS versions(v)";
    let before = database.text(versions).await;
    let second = commit(&store, &lease, &page).await;
    assert_eq!((second.written, second.unchanged, second.child_rows_written), (0, 2, 0));
    assert_eq!(database.text(versions).await, before);
    assert_eq!(second.state.stored_pull_requests, 2);
    let counted = "SELECT prs_written, prs_unchanged FROM backfill_chunks WHERE chunk_number = 2";
    assert_eq!(database.text(counted).await, "0,2");
}

#[tokio::test]
async fn a_late_writer_loses_and_leaves_nothing() {
    let database = Database::migrated().await;
    let (old, new) = (database.store("same"), database.store("same"));
    let (acquired, claim) = claimed(&old).await;
    let taken = new.acquire(acquired.lease.state_id, UID).await.unwrap();
    assert_eq!(taken.lease.epoch.get(), acquired.lease.epoch.get() + 1);

    let page = chunk(vec![pull_request(9)], "c1");
    let late = old.commit_chunk(&acquired.lease, &claim, &page).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
    let claim_again = old.claim_chunk(&acquired.lease).await;
    assert!(matches!(claim_again, Err(Error::Fenced)), "{claim_again:?}");
    assert!(matches!(old.renew(&acquired.lease).await, Err(Error::Fenced)));
    let left = "SELECT (SELECT count(*) FROM pull_requests), (SELECT count(*) FROM contributors), \
        (SELECT last_processed_cursor FROM progressive_backfill_state)";
    assert_eq!(database.text(left).await, "0,0,");

    let claim = new.claim_chunk(&taken.lease).await.unwrap();
    assert_eq!((claim.number, claim.first_cursor.clone(), claim.abandoned), (2, None, 1));
    new.commit_chunk(&taken.lease, &claim, &page).await.unwrap();
    let chunks = "SELECT string_agg(chunk_number || ':' || status || ':' || COALESCE(error, ''), \
        ' ' ORDER BY chunk_number) FROM backfill_chunks";
    assert_eq!(database.text(chunks).await, "\"1:failed:abandoned 2:completed:\"");
}

#[tokio::test]
async fn a_chunk_that_was_given_up_leaves_a_smaller_size() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    store.set_chunk_size(&acquired.lease, 12).await.unwrap();
    store.fail_chunk(&acquired.lease, "took too long").await.unwrap();
    let state = store.find_state(UID, HOST, "acme/api").await.unwrap().unwrap();
    assert_eq!((state.chunk_size, state.quick_pages, state.recent_failures), (Some(12), 0, 1));
    let page = chunk(vec![pull_request(9)], "c1");
    let given_up = store.commit_chunk(&acquired.lease, &claim, &page).await;
    let Err(given_up) = given_up else { panic!("a chunk that is closed was committed") };
    assert!(matches!(given_up, Error::ClaimLost(1)), "{given_up:?}");
    assert_eq!(given_up.disposition(), Disposition::Transient, "the state is read anew");
    assert_eq!(database.text("SELECT count(*) FROM pull_requests").await, "0");

    store.acquire(acquired.lease.state_id, UID).await.unwrap();
    let late = store.set_chunk_size(&acquired.lease, 1).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
}

#[tokio::test]
async fn a_size_that_is_asked_for_anew_wins_over_the_learned_one_once() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, _) = claimed(&store).await;
    store.fail_chunk(&acquired.lease, "for the test").await.unwrap();
    let now = async || store.find_state(UID, HOST, "acme/api").await.unwrap().unwrap();
    let learned = now().await.chunk_size;
    store.heed_chunk_size(&acquired.lease, Some(9)).await.unwrap();
    assert_eq!((now().await.chunk_size, now().await.size_asked), (Some(9), Some(9)));
    // No longer asked for: what was there stays.
    store.heed_chunk_size(&acquired.lease, None).await.unwrap();
    assert_eq!((now().await.chunk_size, now().await.size_asked), (Some(9), None));
    assert!(learned != Some(9));
    store.acquire(acquired.lease.state_id, UID).await.unwrap();
    let late = store.heed_chunk_size(&acquired.lease, Some(2)).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
}
