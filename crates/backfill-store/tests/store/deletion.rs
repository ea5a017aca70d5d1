//! Rows go with their object: all of them, in batches, and nobody else's.

use backfill_store::Error;

use crate::fixtures::{
    UID, begin_on, chunk, claimed, commit, pull_request, repository, whole_pull_request,
};
use crate::support::Database;

const OTHER: &str = "6f1c2b34-0000-4000-8000-000000000002";
const LEFT: &str = "SELECT (SELECT count(*) FROM repositories), \
    (SELECT count(*) FROM pull_requests), (SELECT count(*) FROM comments), \
    (SELECT count(*) FROM backfill_chunks), (SELECT count(*) FROM progressive_backfill_state), \
    (SELECT count(*) FROM contributors)";

#[tokio::test]
async fn an_objects_rows_go_in_batches_and_others_stay() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    let page = chunk(vec![whole_pull_request(9), whole_pull_request(8)], "c1");
    store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    let other = begin_on(&store, OTHER, &repository(43, "acme/web")).await.unwrap();
    let lease = store.acquire(other.id, OTHER).await.unwrap().lease;
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    assert_eq!(database.text(LEFT).await, "2,3,6,2,2,4");

    assert!(!store.delete_rows("no uuid", 3).await.unwrap());
    assert_eq!(database.text(LEFT).await, "2,3,6,2,2,4");
    let mut batches = 1;
    while store.delete_rows(UID, 3).await.unwrap() {
        batches += 1;
    }
    assert!((4..10).contains(&batches), "{batches}");
    assert_eq!(database.text(LEFT).await, "1,1,2,1,1,4", "contributors are never deleted");
    let late = store.claim_chunk(&acquired.lease).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
    assert!(!store.delete_rows(UID, 3).await.unwrap());
}

#[tokio::test]
async fn a_repository_that_another_object_captures_now_stays() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, _) = claimed(&store).await;
    let ledger = store.ledger(acquired.state.id).await.unwrap();
    database.end_walks().await;
    store.complete(&acquired.lease, &ledger).await.unwrap();
    let taken = begin_on(&store, OTHER, &repository(42, "acme/api")).await.unwrap();
    let lease = store.acquire(taken.id, OTHER).await.unwrap().lease;
    assert!(!store.delete_rows(UID, 100).await.unwrap());
    assert!(!store.delete_rows(OTHER, 100).await.unwrap(), "it did not bring the repository in");
    store.renew(&lease).await.unwrap();
    assert_eq!(database.text("SELECT count(*) FROM repositories").await, "1");
}
