//! What stays and what goes when an object is deleted.

use kube::ResourceExt;
use serde_json::json;

use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::{LIMIT, Setup, Trial, World, secrecy};

#[tokio::test]
async fn under_retain_the_rows_stay_and_the_metrics_go() {
    let trial = Trial::start(World::of("acme/kept", 6)).await;
    trial.apply("kept", json!({"repository": "acme/kept"})).await;
    assert!(trial.succeeded("kept").await.finalizers().is_empty());
    let series = format!(
        "backfill_object_processed_pull_requests{{name=\"kept\",namespace=\"{}\"}}",
        trial.namespace
    );
    assert_eq!(secrecy::metric(&trial, &series).await, Some(6.0));
    trial.delete("kept").await;
    Oracle::of("acme/kept").check(&trial).await;
    trial
        .within(LIMIT, "its series are gone", async || {
            secrecy::metric(&trial, &series).await.is_none().then_some(())
        })
        .await;
    trial.finish().await;
}

#[tokio::test]
async fn delete_is_refused_unless_the_operator_allows_it() {
    let trial = Trial::start(World::of("acme/api", 3)).await;
    trial.apply("api", json!({"repository": "acme/api", "deletionPolicy": "Delete"})).await;
    let refused = trial.stalled("api", "RowDeletionNotAllowed").await;
    assert!(refused.finalizers().is_empty(), "nothing may hold up its deletion");
    assert_eq!(trial.counts().await["requests"], 0);
    trial.edit("api", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    trial.succeeded("api").await;
    trial.edit("api", json!({"spec": {"deletionPolicy": "Delete"}})).await;
    trial.stalled("api", "RowDeletionNotAllowed").await;
    trial.delete("api").await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn what_was_edited_to_retain_stays_though_the_finalizer_is_still_on() {
    let setup = Setup::from(World::of("acme/kept", 6)).args(&["--allow-row-deletion"]);
    let mut trial = Trial::start(setup).await;
    trial.apply("kept", json!({"repository": "acme/kept", "deletionPolicy": "Delete"})).await;
    trial.succeeded("kept").await;
    trial.operator.kill_9();
    trial.edit("kept", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    let nothing = kube::api::DeleteParams::default();
    trial.objects().delete("kept", &nothing).await.unwrap();
    assert_eq!(trial.get("kept").await.finalizers(), [backfill_api::ROWS_FINALIZER]);
    trial.restart("one").await;
    trial
        .within(LIMIT, "the object is gone", async || {
            trial.objects().get_opt("kept").await.unwrap().is_none().then_some(())
        })
        .await;
    Oracle::of("acme/kept").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn rows_that_another_object_stands_on_stay() {
    let setup = Setup::from(World::of("acme/api", 8)).args(&["--allow-row-deletion"]);
    let trial = Trial::start(setup).await;
    let spec = json!({"repository": "acme/api", "deletionPolicy": "Delete"});
    trial.apply("first", spec.clone()).await;
    trial.succeeded("first").await;
    trial.apply("second", spec).await;
    trial.succeeded("second").await;
    // The row is the first's again, and the second has what it asked for.
    trial.annotate("first", "restart-requested-at", "now").await;
    let walks = "SELECT walk FROM progressive_backfill_state WHERE status = 'completed'";
    trial
        .within(LIMIT, "it has walked again", async || {
            let walk = sqlx::query_scalar::<_, i32>(walks).fetch_optional(&trial.rows).await;
            (walk.unwrap() == Some(3)).then_some(())
        })
        .await;
    trial.delete("first").await;
    Oracle::of("acme/api").check(&trial).await;
    let events = trial.events("first").await;
    assert!(events.iter().any(|(reason, _)| reason == "RepositoryClaimed"), "{events:?}");
    // It stays complete over the row that is nobody's now, and the rows go with it.
    trial.edit("second", json!({"spec": {"priority": "High"}})).await;
    trial.succeeded("second").await;
    let walk = "SELECT walk FROM progressive_backfill_state WHERE object_uid IS NULL";
    assert_eq!(number(&trial.rows, walk).await, 3, "nothing is walked again");
    trial.delete("second").await;
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 0);
    trial.finish().await;
}

#[tokio::test]
async fn rows_go_with_the_last_that_stands_on_them() {
    let setup = Setup::from(World::of("acme/api", 8)).args(&["--allow-row-deletion"]);
    let trial = Trial::start(setup).await;
    let spec = json!({"repository": "acme/api", "deletionPolicy": "Delete"});
    for name in ["first", "second", "third"] {
        trial.apply(name, spec.clone()).await;
        trial.succeeded(name).await;
    }
    // The row is the first's again, and with it nobody's.
    trial.annotate("first", "restart-requested-at", "now").await;
    let again = "SELECT count(*) FROM progressive_backfill_state \
        WHERE status = 'completed' AND walk = 4";
    trial
        .within(LIMIT, "it has walked again", async || {
            (number(&trial.rows, again).await == 1).then_some(())
        })
        .await;
    for name in ["first", "second"] {
        trial.delete(name).await;
        Oracle::of("acme/api").check(&trial).await;
    }
    trial.delete("third").await;
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 0);
    trial.finish().await;
}

#[tokio::test]
async fn delete_takes_the_rows_of_its_own_repository_and_no_account() {
    let world = World::of("acme/going", 30).and(&World::of("acme/staying", 8));
    let trial = Trial::start(Setup::from(world).args(&["--allow-row-deletion"])).await;
    trial.apply("going", json!({"repository": "acme/going", "deletionPolicy": "Delete"})).await;
    trial.apply("staying", json!({"repository": "acme/staying"})).await;
    trial.succeeded("staying").await;
    let going = trial.succeeded("going").await;
    assert_eq!(going.finalizers(), [backfill_api::ROWS_FINALIZER]);
    // A later object for a repository that another one brought in may not delete its rows.
    trial.delete("staying").await;
    let spec = json!({"repository": "acme/staying", "deletionPolicy": "Delete"});
    trial.apply("guest", spec).await;
    trial.succeeded("guest").await;
    let accounts = "SELECT count(*) FROM contributors";
    let before = number(&trial.rows, accounts).await;
    trial.delete("guest").await;
    Oracle::of("acme/staying").check(&trial).await;
    let repository = "SELECT id::text FROM repositories WHERE full_name = 'acme/going'";
    let repository = text(&trial.rows, repository).await;
    let tables = ["pull_requests", "reviews", "comments", "backfill_chunks"];
    let tables = tables.iter().chain(&["progressive_backfill_state", "repository_names"]);
    let counts = tables
        .map(|table| format!("SELECT count(*) FROM {table} WHERE repository_id = '{repository}'"));
    let counts: Vec<String> = counts.collect();
    for count in &counts {
        assert_ne!(number(&trial.rows, count).await, 0, "{count}");
    }
    trial.delete("going").await;
    for count in &counts {
        assert_eq!(number(&trial.rows, count).await, 0, "{count}");
    }
    let known = format!("SELECT count(*) FROM repositories WHERE id = '{repository}'");
    assert_eq!(number(&trial.rows, &known).await, 0);
    assert_eq!(number(&trial.rows, accounts).await, before);
    Oracle::of("acme/staying").check(&trial).await;
    // Made anew it brings everything back.
    trial.apply("going", json!({"repository": "acme/going"})).await;
    trial.succeeded("going").await;
    Oracle::of("acme/going").check(&trial).await;
    trial.finish().await;
}
