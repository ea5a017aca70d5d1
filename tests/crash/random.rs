//! A longer walk with an operator that is killed again and again, once for good: another
//! instance has to wait for its lease. Must not know where a kill hits.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use testbed::Cluster;

use super::{NAME, REPOSITORY};
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::{Ground, LIMIT, Setup, Trial};

const KILLS: u64 = 12;
/// A lease lasts 30 s; the rest is for a busy machine.
const TAKE_OVER_LIMIT: Duration = Duration::from_mins(1);
const CHUNKS: &str = "SELECT count(*) FROM backfill_chunks WHERE status = 'completed'";

#[tokio::test]
async fn an_operator_that_is_killed_again_and_again_finishes_all_the_same() {
    let world = format!("{REPOSITORY}=400:5");
    let setup = Setup::synthetic(&world).latency_ms(20);
    let mut ground = Ground::new(Cluster::shared().await.unwrap(), &setup).await;
    let proxies = ground.behind_proxies().await;
    let mut trial = ground.start().await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply(NAME, json!({"repository": REPOSITORY, "chunk": chunk})).await;
    let mut random = StdRng::seed_from_u64(20_240_607);
    for _ in 0..KILLS {
        let enough = proxies.github.count() + random.random_range(2..12);
        trial
            .within(LIMIT, "more requests", async || {
                (proxies.github.count() >= enough).then_some(())
            })
            .await;
        // Somewhere between that request and what the chunk does next.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
        trial.restart("one").await;
    }
    let walked = number(&trial.rows, CHUNKS).await;
    assert!(walked < 100, "the walk was over before the last kill");
    take_over(&mut trial).await;
    trial.succeeded(NAME).await;
    assert_eq!(Oracle::of(REPOSITORY).check(&trial).await, 400);
    let kills = KILLS + 1;
    // A page that two kills met is read in halves.
    let chunks = number(&trial.rows, CHUNKS).await;
    assert!((100..=100 + i64::try_from(kills).unwrap()).contains(&chunks), "{chunks} chunks");
    assert_chained(&trial.rows, kills).await;
    assert_pages(&trial, kills).await;
    trial.finish().await;
}

/// Kills the holder of the lease in the middle of a chunk and starts another instance.
async fn take_over(trial: &mut Trial) {
    let holder = "SELECT lease_holder FROM progressive_backfill_state";
    let first = format!("{}-one", trial.namespace);
    // Not a chunk that the operator before it left behind.
    let since = text(&trial.rows, "SELECT clock_timestamp()").await;
    let at_work = format!(
        "SELECT count(*) FROM backfill_chunks WHERE status = 'processing' \
         AND started_at > '{since}' \
         AND epoch = (SELECT lease_epoch FROM progressive_backfill_state)"
    );
    trial
        .within(LIMIT, "a chunk is under way", async || {
            (number(&trial.rows, &at_work).await == 1).then_some(())
        })
        .await;
    let killed = Instant::now();
    trial.operator.kill_9();
    trial.operator.wait(LIMIT).await.unwrap();
    let before = number(&trial.rows, CHUNKS).await;
    trial.restart("another").await;
    trial
        .within(TAKE_OVER_LIMIT, "another instance goes on", async || {
            (number(&trial.rows, CHUNKS).await > before + 1).then_some(())
        })
        .await;
    let waited = killed.elapsed();
    let other = text(&trial.rows, holder).await;
    assert!(other != first, "{other} holds the lease");
    assert!(waited > Duration::from_secs(20), "the lease was broken after {waited:?}");
}
