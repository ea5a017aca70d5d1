//! A history is called complete only if GitHub counts as many; what changes under way counts.

use backfill_api::RepositoryBackfill;
use serde_json::json;

use crate::support::objects::{condition, message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::world::{created, ordinary};
use crate::support::{LIMIT, Setup, Trial, World, first_page_only, has, plan, reason};

/// A walk of ten pages that has stored the first of them.
async fn under_way() -> Trial {
    let setup = Setup::from(World::of("acme/api", 40)).faults(first_page_only());
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.moves().await;
    trial
}

async fn delete(trial: &Trial, number: i64) {
    let gone = json!({"kind": "delete", "repository": "acme/api", "number": number});
    trial.standin.change_world(&gone).await.unwrap();
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
}

#[tokio::test]
async fn one_that_goes_from_github_after_it_was_stored_is_marked_so() {
    let trial = under_way().await;
    delete(&trial, 40).await;
    let object = trial.succeeded("api").await;
    assert_eq!(message(&object), "39 stored, as many as GitHub counts");
    Oracle::of("acme/api").check(&trial).await;
    let marked = "SELECT number FROM pull_requests WHERE deleted_at IS NOT NULL";
    assert_eq!(number(&trial.rows, marked).await, 40);
    trial.finish().await;
}

#[tokio::test]
async fn one_that_appears_where_the_walk_has_been_keeps_success_away() {
    let trial = under_way().await;
    // As when GitHub gives an account that it had hidden back to the public.
    let fields = json!({"createdAt": created(39).to_string()});
    let mut line = ordinary("acme/api", 1_000);
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    trial.standin.change_world(&line).await.unwrap();
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    let differs = trial.until_reason("api", "TotalsDiffer").await;
    assert!(!has(&differs, "Succeeded") && has(&differs, "Reconciling"));
    assert_eq!(condition(&differs, "Ready"), Some("False"));
    let message = message(&differs);
    assert!(message.contains("counts 41") && message.contains("40 are stored"), "{message}");
    assert!(status(&differs).next_attempt_time.is_some());
    // What is too much at GitHub is not looked for among what it no longer lists.
    let failures = "SELECT failed_attempts::bigint FROM progressive_backfill_state \
                    WHERE lease_holder IS NULL";
    let at_rest = async || {
        let read = sqlx::query_scalar::<_, i64>(failures).fetch_optional(&trial.rows).await;
        read.unwrap()
    };
    let (asked, verified) = trial
        .within(LIMIT, "at rest between two verifications", async || {
            let before = at_rest().await?;
            let asked = trial.asked("IndexPullRequests").await;
            (at_rest().await == Some(before)).then_some((asked, before))
        })
        .await;
    assert_eq!(i64::try_from(asked).unwrap(), verified, "once by each verification");
    // It stays so: no later look calls it complete.
    trial.annotate("api", "requested-at", "look").await;
    trial
        .until("api", "the look is echoed", |object| {
            status(object).last_handled_requested_at.as_deref() == Some("look")
        })
        .await;
    trial.until_reason("api", "TotalsDiffer").await;
    let all = trial.statuses.all().await;
    let called_complete = all.iter().any(|one| one.status.completion_time.is_some());
    assert!(!called_complete, "it was called complete with a difference");
    // A walk from the top over what GitHub has now ends well.
    trial.annotate("api", "restart-requested-at", "anew").await;
    assert_eq!(reason(&trial.succeeded("api").await), "Verified");
    assert_eq!(Oracle::of("acme/api").check(&trial).await, 41);
    trial.finish().await;
}

#[tokio::test]
async fn one_that_goes_before_it_was_reached_is_none_of_the_history() {
    let trial = under_way().await;
    delete(&trial, 2).await;
    let object = trial.succeeded("api").await;
    assert_eq!(message(&object), "39 stored, as many as GitHub counts");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn one_opened_under_way_is_newer_than_the_walk() {
    let trial = under_way().await;
    let newer = ordinary("acme/api", 41);
    trial.standin.change_world(&newer).await.unwrap();
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    let object = trial.succeeded("api").await;
    assert_eq!(reason(&object), "Verified");
    Oracle::of("acme/api").only(|number, _| number <= 40).check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn one_that_was_set_aside_and_goes_from_github_is_waited_for_no_longer() {
    let unreadable = json!([{"match": {"number": 7}, "answer": "502-json"}]);
    let world = World::of("acme/api", 12);
    let trial = Trial::start(Setup::from(world).faults(unreadable)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let quarantined = |object: &RepositoryBackfill| reason(object) == "VerifiedWithQuarantine";
    trial.until_within(LIMIT * 2, "api", "one is set aside", quarantined).await;
    delete(&trial, 7).await;
    trial.annotate("api", "requested-at", "again").await;
    let whole = |object: &RepositoryBackfill| reason(object) == "Verified";
    let object = trial.until("api", "nothing is set aside any more", whole).await;
    assert_eq!(message(&object), "11 stored, as many as GitHub counts");
    assert_eq!(status(&object).quarantined_pull_requests, Some(0));
    assert_eq!(Oracle::of("acme/api").check(&trial).await, 11);
    trial.finish().await;
}

#[tokio::test]
async fn an_edit_is_heeded_while_the_whole_list_is_read() {
    let slow_list = json!({"match": {"operation": "IndexPullRequests"}, "answer": "slow:2"});
    let setup = Setup::from(World::of("acme/api", 350)).faults(first_page_only());
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.moves().await;
    let gone = json!({"kind": "delete", "repository": "acme/api", "number": 350});
    trial.standin.change_world(&gone).await.unwrap();
    trial.standin.set_faults(&plan(json!([slow_list]))).await.unwrap();
    trial
        .within(LIMIT, "the list is read", async || {
            (trial.asked("IndexPullRequests").await > 1).then_some(())
        })
        .await;
    trial.edit("api", json!({"spec": {"suspend": true}})).await;
    trial.until_reason("api", "Suspended").await;
    assert!(trial.asked("IndexPullRequests").await < 4, "the whole list was read first");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.edit("api", json!({"spec": {"suspend": false}})).await;
    assert_eq!(message(&trial.succeeded("api").await), "349 stored, as many as GitHub counts");
    trial.finish().await;
}
