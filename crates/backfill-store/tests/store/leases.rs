//! Who may write: holders, expiry, epochs, abandoned chunks, and a COMMIT whose answer was lost.

use backfill_engine::model::Cursor;
use backfill_store::{Error, Store};

use crate::fixtures::{HOST, UID, begin, chunk, claimed, commit, pull_request};
use crate::relay::{OnCommit, Relay};
use crate::support::Database;

#[tokio::test]
async fn the_same_holder_acquires_at_once_and_another_after_expiry() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let state = begin(&one, UID).await;
    let first = one.acquire(state.id, UID).await.unwrap();
    let again = database.store("one").acquire(state.id, UID).await.unwrap();
    assert_eq!(again.lease.epoch.get(), first.lease.epoch.get() + 1);

    let held = [&one, &two].map(|store| store.is_held_elsewhere(&again.state));
    assert_eq!(held, [false, true]);

    let refused = two.acquire(state.id, UID).await;
    let Err(Error::LeaseHeld { holder, until }) = refused else { panic!("{refused:?}") };
    let seconds = until.duration_since(again.state.read_at).as_secs();
    assert_eq!((holder.as_str(), (25..=30).contains(&seconds)), ("one", true), "{seconds}");

    database.run("UPDATE progressive_backfill_state SET lease_expires_at = now()").await;
    let late = two.find_state(UID, HOST, "acme/api").await.unwrap().unwrap();
    assert!(!two.is_held_elsewhere(&late), "it has run out");
    let taken = two.acquire(state.id, UID).await.unwrap();
    assert_eq!(taken.state.lease_holder.as_deref(), Some("two"));
    assert!(matches!(one.renew(&again.lease).await, Err(Error::Fenced)));
    two.renew(&taken.lease).await.unwrap();

    one.release(&again.lease).await.unwrap();
    assert!(matches!(one.acquire(state.id, UID).await, Err(Error::LeaseHeld { .. })));
    two.release(&taken.lease).await.unwrap();
    one.acquire(state.id, UID).await.unwrap();
}

#[tokio::test]
async fn another_object_acquires_nothing() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let refused = store.acquire(state.id, "another").await;
    let Err(Error::Claimed { owner }) = refused else { panic!("{refused:?}") };
    assert_eq!((owner.uid.as_str(), owner.namespace.as_str()), (UID, "team"));
    let nothing = store.acquire(uuid::Uuid::nil(), UID).await;
    assert!(matches!(nothing, Err(Error::Inconsistent(_))), "{nothing:?}");
}

#[tokio::test]
async fn of_two_that_acquire_together_one_writes() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let state = begin(&one, UID).await;
    let (a, b) = tokio::join!(one.acquire(state.id, UID), two.acquire(state.id, UID));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    let (Ok(won), Err(lost)) = (if a.is_ok() { (a, b) } else { (b, a) }) else { panic!() };
    assert!(matches!(lost, Error::LeaseHeld { .. }), "{lost:?}");

    // Two claims under one lease get different numbers.
    let (first, second) = tokio::join!(one.claim_chunk(&won.lease), two.claim_chunk(&won.lease));
    assert_ne!(first.unwrap().number, second.unwrap().number);
}

#[tokio::test]
async fn abandoned_chunks_are_closed_and_counted() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, _) = claimed(&store).await;
    let id = acquired.lease.state_id;
    for retries in 1..=3 {
        let lease = store.acquire(id, UID).await.unwrap().lease;
        let claim = store.claim_chunk(&lease).await.unwrap();
        assert_eq!(
            (claim.abandoned, claim.number, claim.first_cursor),
            (retries, retries + 1, None)
        );
    }
    let lease = store.acquire(id, UID).await.unwrap().lease;
    store.claim_chunk(&lease).await.unwrap();
    store.fail_chunk(&lease, "GitHub says 502").await.unwrap();
    let again = store.claim_chunk(&lease).await.unwrap();
    assert_eq!(again.abandoned, 4, "what fails otherwise is none of them");
    store.fail_chunk(&lease, "GitHub says 502").await.unwrap();
    let chunks =
        "SELECT status, error, count(*) FROM backfill_chunks GROUP BY 1, 2 ORDER BY 3 DESC";
    assert_eq!(database.text(chunks).await, "failed,abandoned,4;failed,\"GitHub says 502\",2");

    let state = commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await.state;
    assert_eq!((state.recent_failures, state.chunks_completed), (6, 1));
    let fresh = store.claim_chunk(&lease).await.unwrap();
    assert_eq!((fresh.abandoned, fresh.first_cursor), (0, Some(Cursor::from("c1"))));
}

/// Commits one chunk through a relay that breaks at COMMIT, then settles it as a caller must.
async fn settle(on_commit: OnCommit) -> (Database, Store, Option<Cursor>) {
    let database = Database::migrated().await;
    let relay = Relay::to(database.server()).await;
    let store = database.through(relay.port).store("one");
    let (acquired, claim) = claimed(&store).await;
    relay.on_commit(on_commit);
    let page = chunk(vec![pull_request(9)], "c1");
    let lost = store.commit_chunk(&acquired.lease, &claim, &page).await;
    assert!(matches!(lost, Err(Error::OutcomeUnknown(_))), "{lost:?}");
    let settled = store.acquire(acquired.lease.state_id, UID).await.unwrap();
    (database, store, settled.state.cursor)
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_by_the_next_acquire() {
    let (database, _store, cursor) = settle(OnCommit::LoseAnswer).await;
    assert_eq!(cursor, Some(Cursor::from("c1")));
    assert_eq!(database.text("SELECT number FROM pull_requests").await, "9");
    assert_eq!(database.text("SELECT status FROM backfill_chunks").await, "completed");
}

#[tokio::test]
async fn a_commit_that_never_arrived_left_nothing() {
    let (database, _store, cursor) = settle(OnCommit::LoseCommit).await;
    assert_eq!(cursor, None);
    assert_eq!(database.text("SELECT number FROM pull_requests").await, "");
    assert_eq!(
        database.text("SELECT status, error FROM backfill_chunks").await,
        "failed,abandoned"
    );
}

#[tokio::test]
async fn acquire_waits_for_a_transaction_that_still_holds_the_row() {
    use sqlx::Executor;
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let mut late = database.connection().await;
    late.execute("BEGIN; UPDATE progressive_backfill_state SET last_processed_cursor = 'late'")
        .await
        .unwrap();
    let commit = async {
        while database.text(WAITING).await != "1" {
            tokio::task::yield_now().await;
        }
        late.execute("COMMIT").await.unwrap();
    };
    let (acquired, ()) = tokio::join!(store.acquire(state.id, UID), commit);
    assert_eq!(acquired.unwrap().state.cursor, Some(Cursor::from("late")));
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
