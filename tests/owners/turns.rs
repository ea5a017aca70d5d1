//! Two objects for one repository, an object made anew, and a row reset by hand.

use backfill_api::conditions::conditions;
use backfill_api::{Reason, RepositoryBackfill, Summary};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::objects::{message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text, writers};
use crate::support::{LIMIT, Setup, Trial, World, first_page_only, has, plan, secrecy};

/// Ten pages, of which all but the first take a while.
fn slow() -> Setup {
    Setup::from(World::of("acme/api", 40)).faults(first_page_only())
}

fn spec() -> Value {
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    json!({"repository": "acme/api", "chunk": chunk})
}

fn restarted(object: &RepositoryBackfill) -> bool {
    status(object).last_handled_restart_requested_at.as_deref() == Some("now")
}

const OWNER: &str = "SELECT object_name FROM progressive_backfill_state";
const WALKS: &str = "SELECT walk FROM progressive_backfill_state";

#[tokio::test]
async fn the_second_waits_and_takes_over_without_rewriting() {
    let mut trial = Trial::start(slow()).await;
    trial.apply("first", spec()).await;
    trial.moves().await;
    trial.apply("second", spec()).await;
    let claimed = trial.stalled("second", "RepositoryClaimed").await;
    let names = format!("{}/first", trial.namespace);
    assert!(message(&claimed).contains(&names), "{}", message(&claimed));
    assert_eq!(text(&trial.rows, OWNER).await, "first");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("first").await;
    let before = writers(&trial.rows).await;
    // It is looked at again every 15 seconds; a request makes that now.
    trial.annotate("second", "requested-at", "now").await;
    let second = trial.succeeded("second").await;
    assert_eq!(status(&second).last_handled_requested_at.as_deref(), Some("now"));
    assert_eq!(text(&trial.rows, OWNER).await, "second");
    assert_eq!(number(&trial.rows, WALKS).await, 2);
    assert_eq!(writers(&trial.rows).await, before, "equal rows were rewritten");
    Oracle::of("acme/api").check(&trial).await;
    // Looked at again, both have what they asked for: neither takes it from the other.
    trial.restart("one").await;
    trial
        .within(LIMIT, "both have been looked at again", async || {
            let looks = secrecy::metric(&trial, "backfill_reconcile_duration_seconds_count").await;
            (looks >= Some(2.0)).then_some(())
        })
        .await;
    trial.succeeded("first").await;
    trial.succeeded("second").await;
    assert_eq!(number(&trial.rows, WALKS).await, 2, "a restart is no reason to walk");
    trial.finish().await;
}

#[tokio::test]
async fn a_restart_that_has_to_wait_for_the_owner_is_not_forgotten() {
    let trial = Trial::start(World::of("acme/api", 40)).await;
    trial.apply("first", spec()).await;
    trial.succeeded("first").await;
    trial.standin.set_faults(&plan(first_page_only())).await.unwrap();
    trial.apply("second", spec()).await;
    trial.moves().await;
    trial.annotate("first", "restart-requested-at", "now").await;
    let claimed = trial.stalled("first", "RepositoryClaimed").await;
    assert_eq!(status(&claimed).last_handled_restart_requested_at, None, "nothing has begun");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("second").await;
    trial.until("first", "its restart", restarted).await;
    trial.succeeded("first").await;
    assert_eq!(text(&trial.rows, OWNER).await, "first");
    assert_eq!(number(&trial.rows, WALKS).await, 3);
    trial.finish().await;
}

#[tokio::test]
async fn a_walk_begun_since_the_look_is_not_taken_over() {
    let trial = Trial::start(World::of("acme/api", 40)).await;
    trial.apply("first", spec()).await;
    trial.succeeded("first").await;
    // The second sees a finished walk and asks what the repository is; while it waits for the
    // answer the first begins again.
    let resolve = json!({"operation": "ResolveRepository"});
    let slow = plan(json!([{"match": resolve, "answer": "slow:10"}]));
    trial.standin.set_faults(&slow).await.unwrap();
    trial.apply("second", spec()).await;
    trial
        .within(LIMIT, "the second asks", async || {
            (trial.asked("ResolveRepository").await == 2).then_some(())
        })
        .await;
    trial.standin.set_faults(&plan(first_page_only())).await.unwrap();
    trial.annotate("first", "restart-requested-at", "now").await;
    trial.moves().await;
    let claimed = trial.stalled("second", "RepositoryClaimed").await;
    assert!(message(&claimed).contains("first"), "{}", message(&claimed));
    assert_eq!(text(&trial.rows, OWNER).await, "first");
    assert_eq!(number(&trial.rows, WALKS).await, 2);
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.until("first", "its restart", |object| restarted(object) && has(object, "Ready")).await;
    // It is looked at again every minute; a request makes that now.
    trial.annotate("second", "requested-at", "now").await;
    let second = trial.succeeded("second").await;
    let answered = status(&second).last_handled_restart_requested_at;
    assert_eq!(answered, None, "the first was asked, not the second");
    trial.finish().await;
}

#[tokio::test]
async fn what_succeeded_stays_so_after_its_row_has_passed_on() {
    let trial = Trial::start(World::of("acme/api", 40)).await;
    trial.apply("first", spec()).await;
    trial.succeeded("first").await;
    trial.apply("second", spec()).await;
    trial.succeeded("second").await;
    trial.edit("first", json!({"spec": {"suspend": true}})).await;
    trial.until_reason("first", "Suspended").await;
    trial.edit("first", json!({"spec": {"suspend": false, "priority": "High"}})).await;
    trial.succeeded("first").await;
    trial.annotate("first", "requested-at", "now").await;
    let heard = trial
        .until("first", "the request is echoed", |object| {
            status(object).last_handled_requested_at.as_deref() == Some("now")
        })
        .await;
    assert_eq!(message(&heard), "40 stored, as many as GitHub counts");
    assert!(has(&heard, "Ready") && has(&heard, "Succeeded"));
    assert_eq!(text(&trial.rows, OWNER).await, "second");
    assert_eq!(number(&trial.rows, WALKS).await, 2, "nothing else was asked for");
    trial.edit("first", json!({"spec": {"maxPullRequests": 7}})).await;
    let fewer = trial.succeeded("first").await;
    assert_eq!(message(&fewer), "all 7 that were asked for are stored");
    assert_eq!(number(&trial.rows, WALKS).await, 3);
    trial.finish().await;
}

#[tokio::test]
async fn set_back_to_before_its_walk_it_walks_again() {
    let trial = Trial::start(World::of("acme/api", 40)).await;
    let mut fewer = spec();
    fewer["maxPullRequests"] = json!(7);
    trial.apply("first", fewer).await;
    trial.succeeded("first").await;
    let backup = "CREATE TABLE backup AS SELECT * FROM progressive_backfill_state";
    sqlx::query(backup).execute(&trial.rows).await.unwrap();
    trial.apply("second", spec()).await;
    trial.succeeded("second").await;
    // As a restored backup has it: the row of the first, and seven pull requests.
    for statement in [
        "DELETE FROM comments",
        "DELETE FROM reviews",
        "DELETE FROM backfill_chunks",
        "DELETE FROM progressive_backfill_state",
        "INSERT INTO progressive_backfill_state SELECT * FROM backup",
        "DELETE FROM pull_requests WHERE number <= 33",
    ] {
        sqlx::query(statement).execute(&trial.rows).await.unwrap();
    }
    trial.annotate("second", "requested-at", "now").await;
    trial
        .until("second", "it has walked again", |object| {
            let asked = status(object).last_handled_requested_at.as_deref() == Some("now");
            asked && has(object, "Succeeded") && has(object, "Ready")
        })
        .await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_restart_cut_short_whose_row_has_passed_on_is_made_up_for() {
    let mut trial = Trial::start(World::of("acme/api", 40)).await;
    trial.apply("first", spec()).await;
    trial.succeeded("first").await;
    trial.apply("second", spec()).await;
    trial.succeeded("second").await;
    trial.operator.kill_9();
    // What an operator leaves that dies between the end of a restarted walk and its last status.
    let mut cut = status(&trial.get("first").await);
    let walking = Summary::new(Reason::Walking, "fetches pull requests, newest first");
    let then = cut.completion_time.as_ref().unwrap().0;
    cut.conditions = conditions(&walking, &cut.conditions, 1, then);
    let mut cut = json!(cut);
    (cut["stage"], cut["walkFingerprint"]) = (json!("Walk"), Value::Null);
    let patch = Patch::Merge(json!({"status": cut}));
    trial.objects().patch_status("first", &PatchParams::default(), &patch).await.unwrap();
    trial.restart("one").await;
    trial.succeeded("first").await;
    assert_eq!(text(&trial.rows, OWNER).await, "first");
    assert_eq!(number(&trial.rows, WALKS).await, 3);
    trial.succeeded("second").await;
    trial.finish().await;
}

#[tokio::test]
async fn the_next_takes_over_from_one_that_is_gone() {
    let trial = Trial::start(slow()).await;
    trial.apply("first", spec()).await;
    trial.moves().await;
    trial.apply("second", spec()).await;
    trial.stalled("second", "RepositoryClaimed").await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.delete("first").await;
    trial.annotate("second", "requested-at", "now").await;
    trial.succeeded("second").await;
    assert_eq!(text(&trial.rows, OWNER).await, "second");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn deleted_and_made_anew_in_mid_chunk_the_old_run_commits_nothing_more() {
    let trial = Trial::start(slow()).await;
    trial.apply("api", spec()).await;
    trial.moves().await;
    // A chunk that has only just been claimed: half a second passes before it could commit.
    let claimed = "SELECT count(*) FROM backfill_chunks WHERE status = 'processing' \
                   AND started_at > clock_timestamp() - interval '200 milliseconds'";
    trial
        .within(LIMIT, "a chunk has just been claimed", async || {
            (number(&trial.rows, claimed).await > 0).then_some(())
        })
        .await;
    trial.delete("api").await;
    let gone_at = text(&trial.rows, "SELECT clock_timestamp()").await;
    trial.apply("api", spec()).await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("api").await;
    let late = format!(
        "SELECT count(*) FROM backfill_chunks \
         WHERE walk = 1 AND status = 'completed' AND completed_at > '{gone_at}'"
    );
    assert_eq!(number(&trial.rows, &late).await, 0);
    assert_eq!(number(&trial.rows, WALKS).await, 2);
    let left = "SELECT count(*) FROM backfill_chunks WHERE status IN ('processing', 'pending')";
    assert_eq!(number(&trial.rows, left).await, 0);
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_reset_by_hand_closes_an_open_circuit() {
    // The newest pull request cannot be read, and one such run is enough.
    let rules = json!([{"match": {"number": 40}, "answer": "502-json"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 40)).faults(rules)).await;
    let mut spec = spec();
    spec["failurePolicy"] = json!({"maxConsecutiveErrors": 1});
    trial.apply("api", spec).await;
    // The circuit opens at the look after the failure.
    trial.until("api", "a failure", |o| status(o).consecutive_errors == Some(1)).await;
    trial.edit("api", json!({"spec": {"priority": "High"}})).await;
    let open = trial.stalled("api", "CircuitOpen").await;
    assert!(message(&open).contains("requested-at"), "{}", message(&open));
    let row = "SELECT status || ' ' || (metadata->>'pause_reason') FROM progressive_backfill_state";
    assert_eq!(text(&trial.rows, row).await, "paused circuit_open");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    // As contributor.info's guide has it.
    let reset = "UPDATE progressive_backfill_state SET consecutive_errors = 0, status = 'active' \
                 WHERE status = 'paused'";
    assert_eq!(sqlx::query(reset).execute(&trial.rows).await.unwrap().rows_affected(), 1);
    trial.edit("api", json!({"spec": {"priority": "Low"}})).await;
    trial.succeeded("api").await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn one_that_is_queued_says_so_once_and_runs_when_a_place_is_free() {
    let world = World::of("acme/api", 40).and(&World::of("acme/next", 6));
    let setup = Setup::from(world).faults(first_page_only());
    let trial = Trial::start(setup.args(&["--max-concurrent-runs", "1"])).await;
    trial.apply("api", spec()).await;
    trial.moves().await;
    trial.apply("next", json!({"repository": "acme/next"})).await;
    let queued = trial.until_reason("next", "Queued").await;
    assert_eq!(status(&queued).next_attempt_time, None, "nobody can foretell its turn");
    trial.annotate("next", "requested-at", "heard").await;
    trial
        .until("next", "the request is echoed from the queue", |object| {
            let heard = status(object).last_handled_requested_at.as_deref() == Some("heard");
            heard && crate::support::reason(object) == "Queued"
        })
        .await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("next").await;
    trial.succeeded("api").await;
    // It asked every two seconds; each of its answers was the same.
    let all = trial.statuses.all().await;
    let said = all.iter().filter(|one| one.name == "next" && told(&one.status, "Queued")).count();
    assert!(said <= 2, "{said} times, though only the request was news");
    trial.finish().await;
}

#[tokio::test]
async fn what_failed_stays_to_be_said_while_its_next_attempt_is_queued() {
    let world = World::of("acme/api", 40).and(&World::of("acme/next", 6));
    let setup = Setup::from(world).args(&["--max-concurrent-runs", "1"]);
    let trial = Trial::start(setup).await;
    let broken = format!("{}2", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "broken", &broken).await.unwrap();
    let resolves = json!({"match": {"operation": "ResolveRepository"}, "answer": "slow:0"});
    let fails = json!({"match": {"credential": broken}, "answer": "502-json"});
    trial.standin.set_faults(&plan(json!([resolves, fails]))).await.unwrap();
    let next = json!({"repository": "acme/next", "credentialsRef": {"name": "broken"}});
    trial.apply("next", next).await;
    trial.until_reason("next", "GitHubUnavailable").await;
    // The other takes the only place for longer than the first backoff.
    let slow = json!({"match": {"operation": "ListPullRequests"}, "answer": "slow:3"});
    trial.standin.set_faults(&plan(json!([resolves, fails, slow]))).await.unwrap();
    trial.apply("api", spec()).await;
    trial
        .within(LIMIT, "the next attempt is queued", async || {
            (secrecy::metric(&trial, "backfill_runs_queued").await == Some(1.0)).then_some(())
        })
        .await;
    let waits = async || {
        let wait = "backfill_object_next_attempt_timestamp_seconds{name=\"next\"";
        secrecy::metrics(&trial).await.contains(wait)
    };
    trial.within(LIMIT, "a wait that is in order", async || waits().await.then_some(())).await;
    sqlx::query(
        "UPDATE progressive_backfill_state SET failed_attempts = 3 WHERE failed_attempts > 0",
    )
    .execute(&trial.rows)
    .await
    .unwrap();
    trial.within(LIMIT, "no excuse any more", async || (!waits().await).then_some(())).await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("next").await;
    trial.succeeded("api").await;
    let reasons = trial.statuses.reasons("next").await;
    let since = reasons.iter().skip_while(|reason| *reason != "GitHubUnavailable");
    assert!(!since.clone().any(|reason| reason == "Queued"), "{reasons:?}");
    trial.finish().await;
}

fn told(status: &backfill_api::RepositoryBackfillStatus, reason: &str) -> bool {
    status.conditions.iter().any(|it| it.type_ == "Ready" && it.reason == reason)
}
