//! From no pull request to a thousand, from no comment to thousands of commits.

use backfill_api::RepositoryBackfill;
use serde_json::json;

use crate::support::objects::{condition, message, status};
use crate::support::oracle::{ALL_PARTS, Oracle};
use crate::support::rows::{number, text};
use crate::support::world::{created, thread};
use crate::support::{Setup, Trial, World, reason};

#[tokio::test]
async fn none_one_and_the_edges_of_a_page_are_stored_whole() {
    let counts = [1, 24, 25, 26];
    let name = |count: i64| format!("acme/has-{count}");
    let first = World::empty("acme/has-none");
    let world = counts.iter().fold(first, |all, count| all.and(&World::of(&name(*count), *count)));
    let trial = Trial::start(world).await;
    let none = json!({"repository": "acme/has-none", "chunk": pages_of_25()});
    trial.apply("none", none).await;
    for count in counts {
        let spec = json!({"repository": name(count), "chunk": pages_of_25()});
        trial.apply(&format!("has-{count}"), spec).await;
    }
    for count in counts {
        let object = trial.succeeded(&format!("has-{count}")).await;
        assert_eq!(reason(&object), "Verified");
        let status = status(&object);
        let figures = (status.processed_pull_requests, status.stored_pull_requests);
        assert_eq!(figures, (Some(count), Some(count)));
        assert_eq!(status.chunks_completed, Some((count + 24) / 25), "pages of {count}");
        assert_eq!(Oracle::of(&name(count)).check(&trial).await, usize::try_from(count).unwrap());
    }
    let empty = trial.succeeded("none").await;
    assert_eq!((reason(&empty), condition(&empty, "Ready")), ("RepositoryEmpty", Some("True")));
    assert_eq!(status(&empty).expected_pull_requests, Some(0));
    let states = "SELECT count(*) FROM progressive_backfill_state";
    assert_eq!(number(&trial.rows, states).await, 4, "an empty repository leaves no state row");
    trial.finish().await;
}

#[tokio::test]
async fn lists_far_longer_than_a_page_are_stored_to_their_end() {
    let threads = [(10_000, 160), (20_000, 1), (30_000, 279)];
    let comments: Vec<_> = threads.iter().flat_map(|(id, n)| thread(*id, *n)).collect();
    let commits: Vec<_> = (0..3_000).map(|n| json!({"message": format!("Commit {n}")})).collect();
    let world = World::of("acme/long", 3)
        .pull(4, json!({"reviewComments": comments}))
        .pull(5, json!({"commits": commits}));
    let trial = Trial::start(world).await;
    trial.apply("long", json!({"repository": "acme/long", "include": ALL_PARTS})).await;
    assert_eq!(reason(&trial.succeeded("long").await), "Verified");
    Oracle::of("acme/long").parts(&ALL_PARTS).check(&trial).await;
    let answers = "SELECT count(*) FROM comments WHERE comment_type = 'review_comment' \
                   AND in_reply_to_id IS NOT NULL";
    assert_eq!(number(&trial.rows, answers).await, 438);
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_request_commits").await, 3_004);
    trial.finish().await;
}

#[tokio::test]
async fn a_made_up_history_is_stored_with_everything_on_it() {
    let trial = Trial::start(Setup::synthetic("acme/made=150:7")).await;
    trial.apply("made", json!({"repository": "acme/made", "include": ALL_PARTS})).await;
    trial.succeeded("made").await;
    assert_eq!(Oracle::of("acme/made").parts(&ALL_PARTS).check(&trial).await, 150);
    trial.finish().await;
}

/// Chunks end early where their pull requests have very many comments: before the oldest, the edge
/// of a window and the last of a number alike.
#[tokio::test]
async fn pages_that_are_cut_join_without_a_gap() {
    let comments = |count: i64| {
        let one = |n| json!({"body": format!("Comment {n}")});
        json!({"comments": (0..count).map(one).collect::<Vec<_>>()})
    };
    let cases = [
        ("whole", json!({}), 1, "3 1 3 1 4"),
        ("window", json!({"window": {"since": created(5)}}), 5, "3 1 3 1 0"),
        ("number", json!({"maxPullRequests": 9}), 4, "3 1 3 1 1"),
    ];
    let name = |case: &str| format!("acme/{case}");
    let world = cases.iter().fold(World::empty("acme/none"), |all, (case, ..)| {
        let heavy = [(4, 900), (5, 900), (6, 900), (9, 2_000)];
        let own = (1..=12).fold(World::empty(&name(case)), |own, number| {
            match heavy.iter().find(|(heavy, _)| *heavy == number) {
                Some((_, count)) => own.pull(number, comments(*count)),
                None => own.pull(number, json!({})),
            }
        });
        all.and(&own)
    });
    let trial = Trial::start(world).await;
    for (case, mut spec, ..) in cases.clone() {
        spec["repository"] = name(case).into();
        trial.apply(case, spec).await;
    }
    for (case, _, first, chunks) in cases {
        trial.succeeded(case).await;
        Oracle::of(&name(case)).only(move |number, _| number >= first).check(&trial).await;
        let taken = format!(
            "SELECT string_agg(cardinality(c.pr_numbers)::text, ' ' ORDER BY c.chunk_number) \
             FROM backfill_chunks c JOIN repositories r ON r.id = c.repository_id \
             WHERE c.status = 'completed' AND r.full_name = '{}'",
            name(case)
        );
        assert_eq!(text(&trial.rows, &taken).await, chunks, "{case}");
    }
    trial.finish().await;
}

/// Pages of exactly 25.
fn pages_of_25() -> serde_json::Value {
    json!({"size": 25, "minSize": 25, "maxSize": 25})
}

#[tokio::test]
async fn a_page_takes_two_requests_and_few_take_more() {
    let mut setup = Setup::synthetic("acme/made=400:3");
    let real = testbed::clone::root().unwrap().join("../shared/data/tls13-spec.world.ndjson.gz");
    let there = real.is_file();
    setup.files.extend(there.then_some(real));
    let trial = Trial::start(setup).await;
    trial.apply("made", json!({"repository": "acme/made", "chunk": pages_of_25()})).await;
    let object: RepositoryBackfill = trial.succeeded("made").await;
    assert_eq!(message(&object), "400 stored, as many as GitHub counts");
    let counts = trial.counts().await;
    let requests = counts["requests"].as_u64().unwrap();
    // Each of the 16 pages has threads, which are read in a request of their own; a few hold a
    // pull request so long that its lists take further rounds, or a page of its own.
    assert!(requests <= 45, "{requests} requests: {}", counts["by_operation"]);
    let own = "SELECT sum(api_calls_made) FROM backfill_chunks";
    let own = number(&trial.rows, own).await;
    assert!(own <= i64::try_from(requests).unwrap(), "{own} counted, {requests} sent");
    let points = number(&trial.rows, "SELECT sum(points) FROM backfill_chunks").await;
    let charged = counts["points"].as_i64().unwrap();
    assert!((charged - 10..=charged).contains(&points), "{points} counted, {charged} charged");
    assert_eq!(Oracle::of("acme/made").check(&trial).await, 400);
    if there {
        // Where a real history lies beside the clone it is stored as well.
        trial.standin.reset_requests().await.unwrap();
        let spec = json!({"repository": "tlswg/tls13-spec", "chunk": pages_of_25()});
        trial.apply("real", spec).await;
        trial.succeeded("real").await;
        assert_eq!(Oracle::of("tlswg/tls13-spec").check(&trial).await, 998);
        let requests = trial.counts().await["requests"].as_u64().unwrap();
        assert!(requests <= 80, "{requests} requests for a real history of 998");
    } else {
        println!("no real history lies beside the clone: its requests are not counted");
    }
    trial.finish().await;
}
