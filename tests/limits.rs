//! No request goes beyond what GitHub allows, and every wait ends by itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::objects::{condition, message, status};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::{Setup, Trial, World, reason};

const PAUSE: &str =
    "SELECT status || ' ' || (metadata->>'pause_reason') FROM progressive_backfill_state";

fn pages_of(size: i64) -> Value {
    json!({"size": size, "minSize": size, "maxSize": size})
}

/// GitHub's limits in a window of a few seconds.
fn window(points: i64, seconds: i64) -> Value {
    json!({"points_per_window": points, "window_seconds": seconds})
}

#[tokio::test]
async fn at_the_floor_it_waits_for_the_reset_and_goes_on_by_itself() {
    let setup = Setup::from(World::of("acme/api", 36))
        .args(&["--min-rate-limit-points=10"])
        .limits(window(25, 30));
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api", "chunk": pages_of(3)})).await;
    let waiting = trial.until_reason("api", "RateLimited").await;
    assert_eq!(condition(&waiting, "Ready"), Some("Unknown"));
    assert_eq!(condition(&waiting, "Reconciling"), Some("True"));
    assert_eq!(text(&trial.rows, PAUSE).await, "paused graphql_rate_limit_low");
    let status = status(&waiting);
    let limits = status.rate_limit.unwrap();
    assert_eq!(limits.limit, Some(25));
    // A chunk costs two points at most here, and begins only where the floor leaves them.
    assert!(limits.remaining >= Some(10), "{:?} left", limits.remaining);
    assert!(status.next_attempt_time.unwrap().0 >= limits.reset_time.unwrap().0);
    trial.succeeded("api").await;
    assert_eq!(
        text(&trial.rows, "SELECT status FROM progressive_backfill_state").await,
        "completed"
    );
    let spent = number(&trial.rows, "SELECT sum(points) FROM backfill_chunks").await;
    assert!(spent > 15, "more than one window was needed: {spent}");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn used_up_by_somebody_else_it_waits_for_the_reset() {
    let answers = ["rate-limit-old", "rate-limit-new"];
    for (answer, headers) in answers.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let mut limits = window(5_000, 6);
        limits["headers"] = headers.into();
        let list = json!({"operation": "ListPullRequests", "after_requests": 3, "times": 1});
        let setup = Setup::from(World::of("acme/api", 12))
            .limits(limits)
            .faults(json!([{"match": list, "answer": answer}]));
        let trial = Trial::start(setup).await;
        trial.apply("api", json!({"repository": "acme/api", "chunk": pages_of(3)})).await;
        trial.succeeded("api").await;
        met(&trial, "api", "RateLimited").await;
        assert_eq!(trial.counts().await["by_answer"][answer], 1);
        Oracle::of("acme/api").check(&trial).await;
        trial.finish().await;
    }
}

#[tokio::test]
async fn a_floor_at_the_limit_is_refused_with_what_to_change() {
    let trial = Trial::start(World::of("acme/api", 3)).await;
    let spec = json!({"repository": "acme/api", "minRateLimitPoints": 5_000});
    trial.apply("api", spec).await;
    let refused = trial.stalled("api", "BudgetTooSmall").await;
    assert!(message(&refused).contains("minRateLimitPoints"), "{}", message(&refused));
    trial.edit("api", json!({"spec": {"minRateLimitPoints": 4_000}})).await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn a_limit_that_has_grown_is_noticed_and_what_is_kept_back_is_not_spent_for_it() {
    let setup = Setup::from(World::of("acme/api", 3)).limits(window(400, 6));
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.stalled("api", "BudgetTooSmall").await;
    let asked_anew = async |word: &str| {
        // The window in which the limit was told is over.
        tokio::time::sleep(Duration::from_secs(8)).await;
        trial.annotate("api", "requested-at", word).await;
    };
    for word in ["once", "twice"] {
        asked_anew(word).await;
        trial
            .until("api", "it is refused again", |object| {
                let heard = status(object).last_handled_requested_at.as_deref() == Some(word);
                heard && reason(object) == "BudgetTooSmall"
            })
            .await;
    }
    assert_eq!(trial.asked("ListPullRequests").await, 0, "all points are kept back");
    assert!(trial.asked("ResolveRepository").await > 1, "nobody asked for the limit");
    let mut larger = window(5_000, 6);
    larger["grace_seconds"] = 3.into();
    trial.standin.set_limits(&larger).await.unwrap();
    asked_anew("at last").await;
    trial.succeeded("api").await;
    trial.finish().await;
}

/// The object has said so, however shortly, and has called it a wait.
async fn met(trial: &Trial, name: &str, reason: &str) {
    let all = trial.statuses.all().await;
    let conditions = all.iter().filter(|one| one.name == name).flat_map(|it| &it.status.conditions);
    let mut said = conditions.filter(|one| one.type_ == "Ready" && one.reason == reason);
    let first = said.next().unwrap_or_else(|| panic!("{name} was never {reason}"));
    assert_eq!(first.status, "Unknown", "{first:?}");
}

/// The second page of `acme/api` meets a secondary limit.
fn secondary(answer: &str) -> Setup {
    let world = World::of("acme/api", 20).and(&World::of("acme/other", 20));
    let list = json!({"operation": "ListPullRequests", "after_requests": 3, "times": 1});
    Setup::from(world).faults(json!([{"match": list, "answer": answer}]))
}

#[tokio::test]
async fn a_secondary_limit_holds_every_backfill_of_the_credential() {
    let trial = Trial::start(secondary("secondary:8")).await;
    trial.apply("api", json!({"repository": "acme/api", "chunk": pages_of(3)})).await;
    trial.apply("other", json!({"repository": "acme/other", "chunk": pages_of(3)})).await;
    trial.succeeded("api").await;
    trial.succeeded("other").await;
    met(&trial, "api", "SecondaryRateLimited").await;
    met(&trial, "other", "SecondaryRateLimited").await;
    // A request before the eight seconds were over would be a sin: finish() finds it.
    for repository in ["acme/api", "acme/other"] {
        Oracle::of(repository).check(&trial).await;
    }
    trial.finish().await;
}

#[tokio::test]
async fn a_limit_at_the_first_question_is_a_wait_and_no_failure() {
    let first = json!({"operation": "ResolveRepository", "times": 1});
    let rules = json!([{"match": first, "answer": "secondary:8"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 3)).faults(rules)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    met(&trial, "api", "SecondaryRateLimited").await;
    let failures = "backfill_failures_total{reason=\"SecondaryRateLimited\"}";
    let failures = crate::support::secrecy::metric(&trial, failures).await;
    assert!(failures.is_none_or(|count| count < 1.0), "{failures:?}");
    trial.finish().await;
}

#[tokio::test]
async fn a_hold_outlives_the_operator() {
    let mut trial = Trial::start(secondary("secondary:40")).await;
    trial.apply("api", json!({"repository": "acme/api", "chunk": pages_of(3)})).await;
    trial.until_reason("api", "SecondaryRateLimited").await;
    let held = "SELECT count(*) FROM github_credentials WHERE hold_until > now()";
    assert_eq!(number(&trial.rows, held).await, 1);
    let before = trial.counts().await["requests"].clone();
    trial.restart("one").await;
    trial.annotate("api", "requested-at", "now").await;
    trial
        .until("api", "the new one has looked", |object| {
            status(object).last_handled_requested_at.as_deref() == Some("now")
        })
        .await;
    assert_eq!(number(&trial.rows, held).await, 1, "the hold lasts still");
    assert_eq!(trial.counts().await["requests"], before);
    // The new one knows whose token it is, so that a second token of that account shares its hold.
    let shared = "SELECT count(*) FROM github_credentials WHERE identity LIKE 'viewer:%'";
    trial.succeeded("api").await;
    assert_eq!(number(&trial.rows, shared).await, 1);
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_secondary_limit_without_retry_after_is_a_minute() {
    let trial = Trial::start(secondary("secondary-no-retry-after")).await;
    trial.apply("api", json!({"repository": "acme/api", "chunk": pages_of(3)})).await;
    trial.until_reason("api", "SecondaryRateLimited").await;
    let hold = "SELECT extract(epoch FROM hold_until - updated_at) FROM github_credentials";
    let hold = number(&trial.rows, hold).await;
    assert!((50..=66).contains(&hold), "held for {hold} s");
    let requests = trial.counts().await["requests"].clone();
    let limit = Duration::from_secs(150);
    trial.until_within(limit, "api", "goes on", |o| condition(o, "Ready") == Some("True")).await;
    assert!(trial.counts().await["requests"].as_u64() > requests.as_u64());
    let gap = "SELECT max(gap) FROM (SELECT extract(epoch FROM started_at \
               - lag(started_at) OVER (ORDER BY chunk_number)) gap FROM backfill_chunks) g";
    assert!(number(&trial.rows, gap).await >= 55, "it went on too early");
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}
