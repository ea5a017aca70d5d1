//! Limits survive a restart, for every token of an identity; the token itself is never stored.

use backfill_engine::budget::{BudgetSnapshot, RateLimit};
use backfill_store::StoredCredential;

use crate::fixtures::at;
use crate::support::Database;

fn credential(token_hash: &str, identity: &str, remaining: i64) -> StoredCredential {
    StoredCredential {
        identity: identity.to_owned(),
        token_hash: token_hash.to_owned(),
        namespace: "team".to_owned(),
        secret: "github".to_owned(),
        budget: BudgetSnapshot {
            rate_limit: Some(RateLimit {
                limit: 5000,
                remaining,
                reset_at: Some(at("2099-01-01T00:00:00Z")),
            }),
            hold_until: Some(at("2098-01-01T00:00:00Z")),
            hold_strikes: 2,
            response_seconds: vec![(at("2024-01-01T00:00:00Z"), 1.5)],
        },
    }
}

#[tokio::test]
async fn what_is_recorded_is_found_by_every_token_of_the_identity() {
    let database = Database::migrated().await;
    let store = database.store("one");
    assert_eq!(store.credential("a").await.unwrap(), None);
    store.record_credential(&credential("a", "viewer:1", 4000)).await.unwrap();
    store.record_credential(&credential("b", "viewer:1", 3000)).await.unwrap();
    store.record_credential(&credential("c", "viewer:2", 10)).await.unwrap();
    for hash in ["a", "b"] {
        let (identity, found) = store.credential(hash).await.unwrap().unwrap();
        assert_eq!(identity, "viewer:1");
        assert_eq!(found, credential("b", "viewer:1", 3000).budget, "the newest is told");
    }
    store.record_credential(&credential("a", "viewer:1", 2999)).await.unwrap();
    let (_, found) = store.credential("b").await.unwrap().unwrap();
    assert_eq!(found.rate_limit.unwrap().remaining, 2999);
}

#[tokio::test]
async fn tokens_unused_for_a_week_are_forgotten_and_unknown_fields_do_no_harm() {
    let database = Database::migrated().await;
    let store = database.store("one");
    store.record_credential(&credential("old", "installation:7", 1)).await.unwrap();
    database.run("UPDATE github_credentials SET updated_at = now() - interval '8 days'").await;
    store.record_credential(&credential("new", "installation:7", 2)).await.unwrap();
    assert_eq!(store.credential("old").await.unwrap(), None);
    database.run("UPDATE github_credentials SET response_window = '[1]', hold_until = NULL").await;
    let (_, found) = store.credential("new").await.unwrap().unwrap();
    assert_eq!((found.rate_limit.unwrap().remaining, found.hold_until), (2, None));
    let unlimited =
        StoredCredential { budget: BudgetSnapshot::default(), ..credential("ghes", "token:x", 0) };
    store.record_credential(&unlimited).await.unwrap();
    let told = Some(("token:x".to_owned(), BudgetSnapshot::default()));
    assert_eq!(store.credential("ghes").await.unwrap(), told);
}
