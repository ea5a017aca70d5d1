//! Several operators on the same objects, operators that are told to stop, and objects that go
//! while a chunk is under way. Must not know leases beyond the rows they leave.

use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::json;

use super::{CHUNKS, chunk_under_way, chunks, shared, spec};
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::objects::has;
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::{LIMIT, Setup, World, first_page_only, plan};

/// How long each answer is held back from an operator that does not wait for it.
const LONGER_THAN_PATIENCE: Duration = Duration::from_secs(8);
const FAILED: &str = "SELECT string_agg(error, ', ') FROM backfill_chunks WHERE status = 'failed'";

#[tokio::test]
async fn two_operators_at_once_store_and_publish_like_one() {
    let names = ["one", "two", "three"];
    let worlds = names.map(|name| World::of(&format!("acme/{name}"), 40));
    let setup = Setup { worlds: worlds.to_vec(), ..Setup::default() }.latency_ms(30);
    let trial = shared(setup).await.start().await;
    let second = trial.second().await;
    for name in names {
        trial.apply(name, spec(&format!("acme/{name}"), 4)).await;
    }
    for name in names {
        trial.succeeded(name).await;
        assert_eq!(Oracle::of(&format!("acme/{name}")).check(&trial).await, 40);
    }
    assert_eq!(number(&trial.rows, CHUNKS).await, 30, "each chunk was stored once");
    let walks = "SELECT max(walk) FROM progressive_backfill_state";
    assert_eq!(number(&trial.rows, walks).await, 1, "no walk was begun twice");
    // Two that publish in turns would step back behind each other.
    let written = trial.statuses.all().await;
    for name in names {
        let of_it = written.iter().filter(|one| one.name == name);
        let counts: Vec<_> = of_it.filter_map(|one| one.status.processed_pull_requests).collect();
        assert!(counts.is_sorted(), "{name}: {counts:?}");
    }
    assert!(!second.log().contains("panicked"), "{}", second.log());
    let url = format!("{}/metrics", second.url());
    let count = "backfill_reconcile_duration_seconds_count ";
    trial
        .within(LIMIT, "the second has looked at each", async || {
            let text = testbed::http().get(&url).send().await.unwrap().text().await.unwrap();
            let looks = text.lines().find_map(|line| line.strip_prefix(count)?.parse::<f64>().ok());
            looks.filter(|looks| *looks >= 3.0)
        })
        .await;
    trial.finish().await;
}

#[tokio::test]
async fn an_operator_without_a_database_does_not_speak_for_the_one_that_has_it() {
    let setup = Setup::from(World::of("acme/one", 60)).faults(first_page_only());
    let trial = shared(setup).await.start().await;
    trial.apply("one", spec("acme/one", 3)).await;
    chunks(&trial, 1).await;
    let cut_off = trial.second_over("postgres://nobody@127.0.0.1:1/none").await;
    trial
        .within(LIMIT, "the one without has looked", async || {
            cut_off.log().contains("\"reason\":\"StoreUnavailable\"").then_some(())
        })
        .await;
    assert!(number(&trial.rows, CHUNKS).await < 20, "the walk is still under way");
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("one").await;
    let reasons = trial.statuses.reasons("one").await;
    assert!(!reasons.contains(&"StoreUnavailable".to_owned()), "{reasons:?}");
    trial.finish().await;
}

#[tokio::test]
async fn a_chunk_that_takes_longer_than_a_lease_stays_with_whoever_has_it() {
    // A lease lasts 30 s; no answer may take as long, but two together do.
    let slow = |operation: &str| json!({"match": {"operation": operation}, "answer": "slow:17"});
    let rules = json!([slow("ListPullRequests"), slow("CompletePullRequests")]);
    let trial = shared(Setup::from(World::of("acme/long", 6)).faults(rules)).await.start().await;
    let second = trial.second().await;
    trial.apply("long", spec("acme/long", 6)).await;
    let claimed = "SELECT count(*) FROM backfill_chunks";
    let under_way = async || (number(&trial.rows, claimed).await == 1).then_some(());
    trial.within(LIMIT, "a chunk is under way", under_way).await;
    let begun = std::time::Instant::now();
    let lease = "SELECT lease_holder || ' ' || lease_epoch FROM progressive_backfill_state";
    let first = text(&trial.rows, lease).await;
    trial
        .within(LIMIT, "the chunk is stored", async || {
            let now = text(&trial.rows, lease).await;
            let stored = number(&trial.rows, CHUNKS).await == 1;
            assert!(stored || now == first, "{first} has lost its lease to {now}");
            stored.then_some(())
        })
        .await;
    assert!(begun.elapsed() > Duration::from_secs(30), "the lease was not put to the test");
    trial.succeeded("long").await;
    assert_chained(&trial.rows, 0).await;
    assert_pages(&trial, 0).await;
    assert!(!second.log().contains("panicked"), "{}", second.log());
    trial.finish().await;
}

#[tokio::test]
async fn an_operator_told_to_stop_finishes_its_chunk_and_gives_the_lease_back() {
    let mut ground = shared(World::of("acme/stop", 60)).await;
    let proxies = ground.behind_proxies().await;
    proxies.github.delay(Duration::from_millis(300));
    let mut trial = ground.start().await;
    trial.apply("stop", spec("acme/stop", 3)).await;
    chunks(&trial, 1).await;
    chunk_under_way(&trial, &proxies.github).await;
    let stored = number(&trial.rows, CHUNKS).await;
    trial.operator.terminate().unwrap();
    let status = trial.operator.wait(LIMIT).await.unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(number(&trial.rows, CHUNKS).await, stored + 1, "the chunk under way was stored");
    let holder = "SELECT lease_holder FROM progressive_backfill_state";
    // Another instance therefore need not wait for it.
    assert_eq!(text(&trial.rows, holder).await, "", "the lease was given back");
    trial.restart("another").await;
    chunks(&trial, stored + 2).await;
    trial.succeeded("stop").await;
    assert_eq!(Oracle::of("acme/stop").check(&trial).await, 60);
    assert_chained(&trial.rows, 0).await;
    assert_pages(&trial, 0).await;
    trial.finish().await;
}

#[tokio::test]
async fn an_operator_told_twice_to_stop_ends_at_once_and_the_next_goes_on() {
    let mut ground = shared(World::of("acme/twice", 12)).await;
    let proxies = ground.behind_proxies().await;
    let mut trial = ground.start().await;
    proxies.github.delay(LONGER_THAN_PATIENCE);
    trial.apply("twice", spec("acme/twice", 3)).await;
    let open = "SELECT count(*) FROM backfill_chunks WHERE status = 'processing'";
    let under_way = async || (number(&trial.rows, open).await == 1).then_some(());
    trial.within(LIMIT, "a chunk is under way", under_way).await;
    trial.operator.terminate().unwrap();
    trial
        .within(LIMIT, "it has heard", async || {
            trial.last_words().contains("told to stop: chunks in flight").then_some(())
        })
        .await;
    assert!(trial.operator.ended().unwrap().is_none(), "the chunk is finished first");
    trial.operator.terminate().unwrap();
    let status = trial.operator.wait(LONGER_THAN_PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(130), "{status}");
    assert_eq!(number(&trial.rows, CHUNKS).await, 0, "the chunk was left");
    proxies.github.delay(Duration::ZERO);
    trial.restart("one").await;
    trial.succeeded("twice").await;
    assert_eq!(Oracle::of("acme/twice").check(&trial).await, 12);
    assert_chained(&trial.rows, 1).await;
    trial.finish().await;
}

#[tokio::test]
async fn an_object_that_goes_stores_nothing_more_and_one_that_comes_back_all() {
    let mut ground = shared(World::of("acme/gone", 60)).await;
    let proxies = ground.behind_proxies().await;
    proxies.github.delay(Duration::from_millis(300));
    let trial = ground.start().await;
    trial.apply("gone", spec("acme/gone", 3)).await;
    chunks(&trial, 1).await;
    chunk_under_way(&trial, &proxies.github).await;
    let stored = number(&trial.rows, CHUNKS).await;
    trial.objects().delete("gone", &DeleteParams::default()).await.unwrap();
    trial
        .within(LIMIT, "the chunk is dropped", async || {
            text(&trial.rows, FAILED).await.starts_with("dropped").then_some(())
        })
        .await;
    assert_eq!(number(&trial.rows, CHUNKS).await, stored, "stored after the object was gone");
    trial.apply("gone", spec("acme/gone", 3)).await;
    trial.until("gone", "complete", |object| has(object, "Succeeded")).await;
    assert_eq!(Oracle::of("acme/gone").check(&trial).await, 60);
    // The new object walks from the top: over what was stored and what was dropped.
    assert_pages(&trial, u64::try_from(stored).unwrap() + 1).await;
    trial.finish().await;
}
