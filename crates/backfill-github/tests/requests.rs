//! How many requests a walk takes, and where its chunks end, against the stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use serde_json::json;
use served::{Served, USUAL_PARTS, chunks, pull_line, repository_line, resolve};

/// Two requests a chunk, 80 for a thousand pull requests, but for those with so many children that
/// no two requests can hold them: this made-up history is denser than the real ones that were
/// measured, which need 65.
#[tokio::test]
async fn a_walk_of_usual_parts_stays_within_its_requests() {
    let served = Served::start(&["--synthetic", "acme/api=1000:3"]);
    let client = served.client();
    let repository = resolve(&client, "acme/api").await;
    let (mut requests, mut points, mut pulls) = (0, 0, 0);
    for read in chunks(&client, &repository, 25, &USUAL_PARTS).await {
        let is_ordinary = read.pull_requests.iter().all(|pull| {
            pull.review_comments.len() <= 100 && pull.reviews.len().max(pull.comments.len()) <= 150
        });
        assert!(!is_ordinary || read.requests <= 2, "{} requests", read.requests);
        let has_threads = read.pull_requests.iter().any(|pull| !pull.review_comments.is_empty());
        assert!(has_threads || !is_ordinary || read.requests == 1, "{} requests", read.requests);
        requests += read.requests;
        points += read.points;
        pulls += read.pull_requests.len();
    }
    assert_eq!(pulls, 1_000);
    let ledger = served.requests().await;
    assert_eq!(ledger["requests"], requests + 1, "{ledger:#}");
    assert_eq!(ledger["points"], points + 1, "{ledger:#}");
    assert!(requests <= 91, "{requests} requests");
    assert!(points <= 200, "{points} points");
}

#[tokio::test]
async fn a_chunk_ends_where_its_pull_requests_have_enough_children() {
    let discussed = |number: u32, count: u32| {
        let comment = |at| json!({"body": format!("{number}-{at}")});
        pull_line(number, json!({"comments": (0..count).map(comment).collect::<Vec<_>>()}))
    };
    let lines = [
        repository_line(),
        discussed(1, 1),
        discussed(2, 2_000),
        discussed(3, 3),
        discussed(4, 700),
        discussed(5, 700),
        discussed(6, 700),
    ];
    let served = Served::world("discussed", &lines);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    let mut found = Vec::new();
    for read in chunks(&client, &repository, 50, &USUAL_PARTS).await {
        assert_eq!(read.is_cut, read.has_next_page, "one page holds them all");
        let counts: Vec<_> =
            read.pull_requests.iter().map(|one| (one.number.get(), one.comments.len())).collect();
        found.push(counts);
    }
    let expected =
        [vec![(6, 700), (5, 700)], vec![(4, 700), (3, 3)], vec![(2, 2_000)], vec![(1, 1)]];
    assert_eq!(found, expected);
    served.requests().await;
}
