//! GitHub's wrong answers, limits and changes under the hand, against the stand-in.
//!
//! Every test ends with a look at the stand-in's ledger: a violation fails it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use std::time::{Duration, Instant};

use backfill_api::{Disposition, Reason};
use backfill_engine::model::{Part, PullRequest, Repository};
use backfill_github::{Chunk, Client, Depth, Error};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use served::{
    ALL_PARTS, Served, USUAL_PARTS, chunk, pull_line, repository_line, resolve, review_comments,
    walk,
};

const WORLD: &[&str] = &["--synthetic", "acme/api=60:5"];

async fn begin(served: &Served) -> (Client, Repository) {
    let client = served.client();
    let repository = resolve(&client, "acme/api").await;
    (client, repository)
}

fn name(error: &Error) -> String {
    let shown = format!("{error:?}");
    shown.split([' ', '(', '{']).next().unwrap().to_owned()
}

async fn fails(client: &Client, repository: &Repository, answer: &str) -> Error {
    match chunk(client, repository, None, 20, &USUAL_PARTS).await {
        Ok(read) => panic!("{answer}: {} were read", read.pull_requests.len()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn each_wrong_answer_becomes_its_cause_and_costs_no_row() {
    let served = Served::start(WORLD);
    let (client, repository) = begin(&served).await;
    let cases = [
        ("502-json", "TimedOut", Reason::GitHubUnavailable, true),
        ("502-html", "TimedOut", Reason::GitHubUnavailable, true),
        ("504-json", "TimedOut", Reason::GitHubUnavailable, true),
        ("504-plain", "TimedOut", Reason::GitHubUnavailable, true),
        ("200-timeout", "TimedOut", Reason::GitHubUnavailable, true),
        ("truncate", "Interrupted", Reason::GitHubUnavailable, true),
        ("html", "NotJson", Reason::GitHubUnavailable, true),
        ("huge:70000000", "Oversized", Reason::PageTooLarge, true),
        ("resource-limits", "ResourceLimits", Reason::PageTooLarge, true),
        ("null-node", "NullNode", Reason::PullRequestUnreadable, true),
        ("401", "BadCredentials", Reason::CredentialsInvalid, false),
        ("not-found", "RepositoryNotFound", Reason::RepositoryNotFound, false),
    ];
    for (answer, cause, reason, smaller) in cases {
        served.fault(r#"{"operation":"ListPullRequests"}"#, answer).await;
        let error = fails(&client, &repository, answer).await;
        assert_eq!(
            (name(&error).as_str(), error.reason(), error.is_size_related()),
            (cause, reason, smaller),
            "{answer}: {error:?}"
        );
        served.post("/_standin/faults", "{}").await;
        let again = chunk(&client, &repository, None, 20, &USUAL_PARTS).await.unwrap();
        assert_eq!(again.pull_requests.len(), 20, "{answer}");
    }
    served.requests().await;
}

#[tokio::test]
async fn a_chunk_whose_follow_up_fails_fails_as_a_whole() {
    let served = Served::start(WORLD);
    let (client, repository) = begin(&served).await;
    for (answer, cause) in [
        ("502-html", "TimedOut"),
        ("truncate", "Interrupted"),
        ("resource-limits", "ResourceLimits"),
        ("null-node", "PartMissing"),
    ] {
        served.fault(r#"{"operation":"CompletePullRequests"}"#, answer).await;
        let error = fails(&client, &repository, answer).await;
        assert!(error.is_size_related(), "{answer}: {error:?}");
        assert_eq!(name(&error), cause, "{answer}: {error:?}");
    }
    served.post("/_standin/faults", "{}").await;
    assert_eq!(walk(&client, &repository, 20, &USUAL_PARTS).await.len(), 60);
    served.requests().await;
}

/// A chunk some of whose connections break: what it came to, and how many broke. Another one where
/// a busy machine told of a break only after a second: then it is rightly not tried once more.
async fn broken(
    served: &Served,
    client: &Client,
    repository: &Repository,
    when: &str,
) -> (Result<Chunk, Error>, u64) {
    let breaks = async || served.requests().await["by_answer"]["reset"].as_u64().unwrap_or(0);
    for _ in 0..10 {
        let before = breaks().await;
        served.fault(when, "reset").await;
        let read = chunk(client, repository, None, 20, &USUAL_PARTS).await;
        let elapsed = read.as_ref().err().and_then(Error::elapsed);
        if elapsed.is_none_or(|elapsed| elapsed < Duration::from_secs(1)) {
            return (read, breaks().await - before);
        }
    }
    panic!("each break was told too late");
}

#[tokio::test]
async fn a_connection_that_breaks_at_once_is_tried_once_more() {
    let served = Served::start(WORLD);
    let (client, repository) = begin(&served).await;
    let (read, breaks) = broken(&served, &client, &repository, r#"{"times":1}"#).await;
    read.unwrap();
    assert_eq!(breaks, 1);
    let (read, breaks) = broken(&served, &client, &repository, "{}").await;
    let error = read.unwrap_err();
    assert_eq!(name(&error), "Interrupted", "{error:?}");
    assert_eq!(error.disposition(), Disposition::Transient);
    assert_eq!(breaks, 2);
}

#[tokio::test]
async fn one_bad_pull_request_is_named_and_can_be_gone_round() {
    let served = Served::start(WORLD);
    let (client, repository) = begin(&served).await;
    let index = client.index(&repository.node_id, None, 100, 0).await.unwrap();
    let bad = &index.entries[7];
    served.fault(&format!(r#"{{"number":{}}}"#, bad.number), "null-node").await;
    let error = chunk(&client, &repository, None, 20, &USUAL_PARTS).await.unwrap_err();
    assert!(matches!(error, Error::NullNode { index: 7, .. }), "{error:?}");
    let alone = client.pull_request(&bad.node_id, &USUAL_PARTS, Depth::Whole).await;
    assert!(alone.unwrap_err().is_size_related());
    client.index(&repository.node_id, None, 100, 0).await.unwrap();
    let behind = Some(&bad.cursor);
    chunk(&client, &repository, behind, 20, &USUAL_PARTS).await.unwrap();
    served.requests().await;
}

#[tokio::test]
async fn a_part_that_cannot_be_read_costs_no_other() {
    let file = json!([{"path": "a.rs", "additions": 1, "deletions": 0, "changeType": "ADDED"}]);
    let pull = json!({"reviews": [{}], "comments": comments(8), "commits": [{"message": "m"}],
        "files": file, "reviewComments": review_comments(12, |_| None)});
    let served = Served::world("parts", &[repository_line(), pull_line(1, pull)]);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    let there = walk(&client, &repository, 5, &ALL_PARTS).await.remove(0);
    let read = async |depth| client.pull_request(&there.node_id, &ALL_PARTS, depth).await;
    // Only its threads need a request of their own.
    served.fault(r#"{"operation":"CompletePullRequests"}"#, "502-json").await;
    assert!(read(Depth::Whole).await.unwrap_err().is_size_related());
    let reduced = read(Depth::Reduced).await.unwrap();
    let captured = [Part::Reviews, Part::Comments, Part::Commits, Part::Files];
    assert_eq!(reduced.captured, captured);
    let lacking =
        PullRequest { review_comments: Vec::new(), captured: captured.to_vec(), ..there.clone() };
    assert_eq!(reduced, lacking);
    // One that fails in large requests alone is whole in the end.
    let once = r#"{"operation":"CompletePullRequests","times":1}"#;
    served.fault(once, "resource-limits").await;
    assert_eq!(read(Depth::Reduced).await.unwrap(), there);
    served.requests().await;
}

#[tokio::test]
async fn after_either_form_of_exhaustion_nobody_of_the_identity_asks_before_the_reset() {
    for form in ["rate-limit-old", "rate-limit-new"] {
        let served = Served::start(WORLD);
        let github = served.github();
        let client = github.client(SecretString::from("ghp_test"));
        let repository = resolve(&client, "acme/api").await;
        served.fault(r#"{"times":1}"#, form).await;
        let error = chunk(&client, &repository, None, 20, &USUAL_PARTS).await.unwrap_err();
        assert!(matches!(error, Error::PrimaryLimit { .. }), "{form}: {error:?}");
        assert_eq!(
            (error.reason(), error.disposition()),
            (Reason::RateLimited, Disposition::Transient)
        );
        let sent = served.requests().await["requests"].clone();
        let until = error.until().unwrap();
        let other = github.client(SecretString::from("ghp_test"));
        tokio::time::sleep(Duration::from_millis(300)).await;
        for client in [&client, &other] {
            let error = client.resolve(&repository.name).await.unwrap_err();
            assert_eq!((name(&error).as_str(), error.until()), ("PrimaryLimit", Some(until)));
        }
        assert_eq!(served.requests().await["requests"], sent);
    }
}

#[tokio::test]
async fn after_a_secondary_limit_nobody_asks_before_its_end() {
    let served = Served::start(WORLD);
    let (client, repository) = begin(&served).await;
    served.fault(r#"{"times":1}"#, "secondary:1").await;
    let error = chunk(&client, &repository, None, 20, &USUAL_PARTS).await.unwrap_err();
    assert_eq!(error.reason(), Reason::SecondaryRateLimited, "{error:?}");
    assert!(matches!(client.resolve(&repository.name).await, Err(Error::SecondaryLimit { .. })));
    sleep_until(error.until().unwrap()).await;
    client.resolve(&repository.name).await.unwrap();
    served.fault(r#"{"times":1}"#, "secondary-no-retry-after").await;
    let before = now();
    let error = chunk(&client, &repository, None, 20, &USUAL_PARTS).await.unwrap_err();
    let wait = error.until().unwrap().duration_since(before).as_secs();
    assert!((59..=121).contains(&wait), "{wait} s");
    served.requests().await;
}

#[expect(clippy::disallowed_methods, reason = "a test's clock is the real one")]
fn now() -> Timestamp {
    Timestamp::now()
}

async fn sleep_until(until: Timestamp) {
    let wait = until.duration_since(now());
    tokio::time::sleep(wait.try_into().unwrap_or_default()).await;
}

/// Walks with nine points in each window of so many seconds; how often it had to wait.
async fn waits_with_windows_of(seconds: u64) -> usize {
    let served = Served::start(WORLD);
    let limits = format!(r#"{{"points_per_window":9,"window_seconds":{seconds}}}"#);
    served.post("/_standin/limits", &limits).await;
    let (client, repository) = begin(&served).await;
    let client = client.spending_for("flow", 2);
    let (mut cursor, mut read, mut waits) = (None, 0, 0);
    loop {
        match chunk(&client, &repository, cursor.as_ref(), 5, &USUAL_PARTS).await {
            Ok(chunk) => {
                read += chunk.pull_requests.len();
                cursor = chunk.end_cursor;
                if !chunk.has_next_page {
                    break;
                }
            }
            Err(error) => {
                assert_eq!(error.reason(), Reason::RateLimited, "{error:?}");
                waits += 1;
                assert!(waits < 30);
                sleep_until(error.until().unwrap()).await;
            }
        }
    }
    assert_eq!(read, 60);
    served.requests().await;
    waits
}

#[tokio::test]
async fn a_walk_over_several_windows_never_goes_on_after_exhaustion() {
    let mut waits = 0;
    // A busy machine may take longer than a short window to spend its points.
    for seconds in [2, 6, 20] {
        waits = waits_with_windows_of(seconds).await;
        if waits >= 2 {
            break;
        }
    }
    assert!(waits >= 2, "{waits} waits");
}

#[tokio::test]
async fn a_server_without_limits_is_no_trouble() {
    let served = Served::start(WORLD);
    served.post("/_standin/limits", r#"{"headers":false}"#).await;
    let (client, repository) = begin(&served).await;
    assert_eq!(walk(&client, &repository, 20, &USUAL_PARTS).await.len(), 60);
    served.requests().await;
}

fn comments(count: u64) -> serde_json::Value {
    (0..count)
        .map(|at| {
            json!({"fullDatabaseId": (7_000 + at).to_string(), "body": "x", "author": null,
                "createdAt": "2020-01-01T00:00:00Z"})
        })
        .collect()
}

#[tokio::test]
async fn a_pull_request_that_changes_while_it_is_read_is_read_once_more() {
    let pull = |comments: serde_json::Value| {
        json!({"kind": "pullRequest", "repository": "o/r", "number": 1, "comments": comments,
            "createdAt": "2020-01-01T00:00:00Z"})
        .to_string()
    };
    let repository = json!({"kind": "repository", "nameWithOwner": "o/r", "databaseId": 42,
        "createdAt": "2020-01-01T00:00:00Z"});
    let served = Served::world("changes", &[repository.to_string(), pull(comments(120))]);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    // The list is answered late, and then 100 of its 120 comments are gone already.
    served.fault(r#"{"operation":"ListPullRequests"}"#, "slow:3").await;
    let before = served.requests().await["pages_by_cursor"].clone();
    let deadline = Instant::now() + Duration::from_secs(30);
    let change = async {
        // Counted when the answer is made, before it is held back.
        while served.requests().await["pages_by_cursor"] == before {
            assert!(Instant::now() < deadline, "the list is not asked for");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        served.post("/_standin/world", &pull(comments(20))).await;
    };
    let (read, ()) = tokio::join!(chunk(&client, &repository, None, 5, &USUAL_PARTS), change);
    let read = read.unwrap();
    assert_eq!(read.pull_requests[0].comments.len(), 20);
    assert_eq!(read.pull_requests[0].comment_count, 20);
    let ledger = served.requests().await;
    assert_eq!(ledger["by_operation"]["ReadPullRequest"], 1, "{ledger:#}");
}
