//! A repository is known by its id, not by its name.

use serde_json::json;
use sqlx::AssertSqlSafe;
use testbed::clone;

use crate::support::objects::message;
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::{Setup, Trial, World, first_page_only, has, plan};

async fn rename(trial: &Trial, from: &str, to: &str) {
    let change = json!({"kind": "rename", "repository": from, "to": to});
    trial.standin.change_world(&change).await.unwrap();
}

/// Another repository takes the freed name `acme/api`, with one pull request.
async fn reuse_name(trial: &Trial) {
    let facts = json!({
        "kind": "repository", "nameWithOwner": "acme/api", "databaseId": 4242,
        "createdAt": "2024-06-01T00:00:00Z",
    });
    trial.standin.change_world(&facts).await.unwrap();
    trial.standin.change_world(&crate::support::world::ordinary("acme/api", 77)).await.unwrap();
}

const NAMES: &str = "SELECT string_agg(full_name, ' ' ORDER BY full_name) FROM repositories";

/// A world of pull requests that do not name their repository a second time.
fn forkless(count: i64) -> World {
    (1..=count).fold(World::empty("acme/api"), |world, number| {
        world.pull(number, json!({"headRepository": null}))
    })
}

#[tokio::test]
async fn renamed_under_way_it_is_walked_to_its_end() {
    let trial = Trial::start(Setup::from(forkless(40)).faults(first_page_only())).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.moves().await;
    rename(&trial, "acme/api", "acme/renamed").await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("api").await;
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 40);
    // The next walk learns the new name and keeps the old one.
    trial.annotate("api", "restart-requested-at", "now").await;
    trial
        .until("api", "it has walked again", |object| {
            let status = object.status.clone().unwrap_or_default();
            status.last_handled_restart_requested_at.as_deref() == Some("now")
                && crate::support::has(object, "Succeeded")
                && status.completion_time.is_some()
        })
        .await;
    assert_eq!(text(&trial.rows, NAMES).await, "acme/renamed");
    let before = "SELECT string_agg(full_name, ' ') FROM repository_names \
                  WHERE full_name = 'acme/api'";
    assert_eq!(text(&trial.rows, before).await, "acme/api");
    Oracle::of("acme/renamed").check(&trial).await;
    trial.finish().await;
}

/// The object `api` is complete, and walks again once another repository has its name.
async fn replaced(trial: &Trial) {
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    rename(trial, "acme/api", "acme/moved").await;
    reuse_name(trial).await;
    trial.annotate("api", "restart-requested-at", "now").await;
    let replaced = trial.stalled("api", "RepositoryReplaced").await;
    assert!(message(&replaced).contains("acme/api"), "{}", message(&replaced));
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 6);
}

/// The object `api` goes on with the repository that has its name now.
async fn goes_on(trial: &Trial) {
    trial.annotate("api", "requested-at", "now").await;
    trial
        .until("api", "it has walked the other repository", |object| {
            let status = object.status.clone().unwrap_or_default();
            status.last_handled_restart_requested_at.as_deref() == Some("now")
                && has(object, "Succeeded")
                && status.completion_time.is_some()
        })
        .await;
    assert_eq!(Oracle::of("acme/api").check(trial).await, 1);
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 7);
}

#[tokio::test]
async fn another_repository_under_a_freed_name_is_not_mixed_in() {
    let trial = Trial::start(World::of("acme/api", 6)).await;
    replaced(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_name_is_free_once_the_renamed_repository_has_an_object_of_its_own() {
    let trial = Trial::start(forkless(6)).await;
    replaced(&trial).await;
    trial.apply("moved", json!({"repository": "acme/moved"})).await;
    trial.succeeded("moved").await;
    goes_on(&trial).await;
    assert_eq!(text(&trial.rows, NAMES).await, "acme/api acme/moved");
    trial.finish().await;
}

#[tokio::test]
async fn the_statement_that_people_are_shown_frees_a_name() {
    let trial = Trial::start(World::of("acme/api", 6)).await;
    replaced(&trial).await;
    let page = clone::root().unwrap().join("docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, shown) = page.split_once("\n### A name that another repository has\n").unwrap();
    let (_, statement) = shown.split_once("```sql\nWITH ").unwrap();
    let (statement, _) = statement.split_once("```").unwrap();
    let statement = format!("WITH {statement}").replace("octo/widgets", "acme/api");
    sqlx::query(AssertSqlSafe(statement)).execute(&trial.rows).await.unwrap();
    goes_on(&trial).await;
    let names = text(&trial.rows, NAMES).await;
    assert!(names.starts_with("acme/api acme/api#"), "{names}");
    trial.finish().await;
}

#[tokio::test]
async fn what_a_gone_object_left_is_taken_over_under_the_new_name() {
    let trial = Trial::start(Setup::from(forkless(40)).faults(first_page_only())).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("old", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.moves().await;
    trial.delete("old").await;
    rename(&trial, "acme/api", "acme/renamed").await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.apply("new", json!({"repository": "acme/renamed"})).await;
    trial.succeeded("new").await;
    let owner = "SELECT object_name || ' ' || walk FROM progressive_backfill_state";
    assert_eq!(text(&trial.rows, owner).await, "new 2");
    Oracle::of("acme/renamed").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_former_name_is_no_claim_on_the_repository_that_has_it_now() {
    let trial = Trial::start(World::of("acme/api", 6)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    trial.delete("api").await;
    rename(&trial, "acme/api", "acme/legacy").await;
    let list = json!({"operation": "ListPullRequests"});
    let slow = json!([{"match": list, "answer": "slow:2"}]);
    trial.standin.set_faults(&plan(slow)).await.unwrap();
    let chunk = json!({"size": 1, "minSize": 1, "maxSize": 1});
    trial.apply("legacy", json!({"repository": "acme/legacy", "chunk": chunk})).await;
    trial.until_reason("legacy", "Walking").await;
    trial.edit("legacy", json!({"spec": {"suspend": true}})).await;
    trial.until_reason("legacy", "Suspended").await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    reuse_name(&trial).await;
    trial.apply("fresh", json!({"repository": "acme/api"})).await;
    trial.succeeded("fresh").await;
    assert_eq!(Oracle::of("acme/api").check(&trial).await, 1);
    let owner = "SELECT string_agg(object_name, ' ' ORDER BY object_name) \
                 FROM progressive_backfill_state";
    assert_eq!(text(&trial.rows, owner).await, "fresh legacy");
    trial.finish().await;
}
