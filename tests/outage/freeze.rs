//! An operator that freezes with a chunk in its hands, is replaced, and wakes up too late. Must
//! not know how the late one is kept from writing.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::Operator;

use super::{CHUNKS, chunk_under_way, chunks, shared, spec};
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::secrecy::metric;
use crate::support::{LIMIT, Trial, World};

/// A lease lasts 30 s; a transaction that says nothing is ended by the server after 60.
const TAKE_OVER_LIMIT: Duration = Duration::from_mins(3);
const EPOCH: &str = "SELECT lease_epoch FROM progressive_backfill_state";
const HOLDER: &str = "SELECT lease_holder FROM progressive_backfill_state";

/// Freezes the first operator, lets another take over, and wakes the first.
async fn replaced(trial: &Trial) -> Operator {
    let epoch = number(&trial.rows, EPOCH).await;
    let frozen = Instant::now();
    trial.operator.signal(Signal::SIGSTOP).unwrap();
    let second = trial.second().await;
    trial
        .within(TAKE_OVER_LIMIT, "the other takes over", async || {
            let first = format!("{}-one", trial.namespace);
            (text(&trial.rows, HOLDER).await != first).then_some(())
        })
        .await;
    let waited = frozen.elapsed();
    assert!(waited > Duration::from_secs(20), "the lease was broken after {waited:?}");
    trial.operator.signal(Signal::SIGCONT).unwrap();
    trial.succeeded("freeze").await;
    assert_eq!(Oracle::of("acme/freeze").check(trial).await, 30);
    let late = format!(
        "SELECT count(*) FROM backfill_chunks WHERE epoch <= {epoch} AND status = 'completed'
            AND completed_at > (SELECT min(started_at) FROM backfill_chunks WHERE epoch > {epoch})"
    );
    assert_eq!(number(&trial.rows, &late).await, 0, "chunks that the late one stored");
    assert_eq!(number(&trial.rows, CHUNKS).await, 10);
    assert_chained(&trial.rows, 1).await;
    let counts = trial.statuses.all().await;
    let counts: Vec<_> =
        counts.iter().filter_map(|one| one.status.processed_pull_requests).collect();
    assert!(counts.is_sorted(), "the late one published: {counts:?}");
    second
}

#[tokio::test]
async fn a_chunk_of_an_operator_that_wakes_up_too_late_is_refused() {
    let mut ground = shared(World::of("acme/freeze", 30)).await;
    let proxies = ground.behind_proxies().await;
    proxies.github.delay(Duration::from_millis(200));
    let trial = ground.start().await;
    trial.apply("freeze", spec("acme/freeze", 3)).await;
    chunks(&trial, 1).await;
    chunk_under_way(&trial, &proxies.github).await;
    let second = replaced(&trial).await;
    trial
        .within(LIMIT, "the late one was refused", async || {
            let log = trial.operator.log();
            // By its commit or by the renewal of its lease, whichever it comes to first.
            let refused = |line: &str| line.contains("chunk failed") || line.contains("lease lost");
            log.lines().any(|line| refused(line) && line.contains("Fenced")).then_some(())
        })
        .await;
    let fenced = "backfill_failures_total{reason=\"Fenced\"}";
    trial
        .within(LIMIT, "that counts", async || {
            metric(&trial, fenced).await.filter(|count| *count > 0.0)
        })
        .await;
    // Its request timed out while it was frozen, so it may have asked once more.
    assert_pages(&trial, 2).await;
    assert!(!second.log().contains("panicked"), "{}", second.log());
    trial.finish().await;
}

#[tokio::test]
async fn an_operator_that_freezes_inside_a_transaction_blocks_nobody_for_ever() {
    let trial = shared(World::of("acme/freeze", 30).and(&World::empty("acme/other"))).await;
    let trial = trial.start().await;
    // Every chunk of the walk waits at this table with its transaction half done.
    let mut blocker = PgConnection::connect(&trial.database_url).await.unwrap();
    let mut lock = blocker.begin().await.unwrap();
    lock.execute("LOCK TABLE reviews IN EXCLUSIVE MODE").await.unwrap();
    trial.apply("freeze", spec("acme/freeze", 3)).await;
    let name = trial.database_url.rsplit('/').next().unwrap();
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'
            AND wait_event_type = 'Lock' AND query LIKE '%reviews%'"
    );
    trial
        .within(LIMIT, "a chunk waits inside its transaction", async || {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(waiting.clone()))
                .fetch_one(&trial.rows)
                .await
                .unwrap();
            (found > 0).then_some(())
        })
        .await;
    trial.operator.signal(Signal::SIGSTOP).unwrap();
    lock.rollback().await.unwrap();
    let second = replaced(&trial).await;
    assert!(!second.log().contains("panicked"), "{}", second.log());
    trial.finish().await;
}
