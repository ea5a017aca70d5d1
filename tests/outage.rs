//! Servers that go away and come back, operators that stop or freeze: the walk goes on where it
//! was, without a restart and without a person.
//!
//! Must not know how the operator waits, only what it must come to.

mod apiserver;
mod freeze;
mod postgres;
mod restore;
mod together;
mod watch;

use std::time::Duration;

use serde_json::{Value, json};
use testbed::proxy::GitHubProxy;
use testbed::{Choices, Cluster};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::support::rows::number;
use crate::support::{Ground, LIMIT, Setup, Trial};

/// Chunks that are stored.
const CHUNKS: &str = "SELECT count(*) FROM backfill_chunks WHERE status = 'completed'";
/// How long an answer of GitHub is held back while something happens to a chunk under way.
const HELD_BACK: Duration = Duration::from_secs(4);

/// A spec with chunks of `size`.
fn spec(repository: &str, size: u32) -> Value {
    let chunk = json!({"size": size, "minSize": size, "maxSize": size});
    json!({"repository": repository, "chunk": chunk})
}

/// The cluster of these tests alone, for one of them at a time: they take its servers away.
pub async fn own_cluster() -> (&'static Cluster, MutexGuard<'static, ()>) {
    static OWN: OnceCell<Cluster> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let start = async || {
        let cluster = Cluster::start(Choices::default()).await.unwrap();
        cluster.apply_manifests().await.unwrap();
        cluster
    };
    let cluster = OWN.get_or_init(start).await;
    // A test that failed may have left a server down.
    for name in [Cluster::POSTGRES, Cluster::ETCD, Cluster::APISERVER] {
        if cluster.pid(name).await.unwrap().is_none() {
            cluster.resume(name).await.unwrap();
        }
    }
    (cluster, turn)
}

/// Ground on the shared cluster, for tests that take nothing away from others.
async fn shared(setup: impl Into<Setup>) -> Ground {
    Ground::new(Cluster::shared().await.unwrap(), &setup.into()).await
}

/// Waits until this many chunks are stored; asks the database only.
async fn chunks(trial: &Trial, wanted: i64) {
    trial
        .within(LIMIT, &format!("{wanted} chunks"), async || {
            // Tables and the server may be missing for now.
            let stored = sqlx::query_scalar(CHUNKS).fetch_one(&trial.rows).await;
            stored.ok().filter(|stored: &i64| *stored >= wanted)
        })
        .await;
}

/// Waits until a page has been asked for and holds its answer back, so that the chunk is under
/// way for some seconds more. Only that one: later requests pass at once.
async fn chunk_under_way(trial: &Trial, github: &GitHubProxy) {
    github.delay(HELD_BACK);
    let before = github.count();
    trial
        .within(LIMIT, "a page is asked for", async || (github.count() > before).then_some(()))
        .await;
    github.delay(Duration::ZERO);
    let open = "SELECT count(*) FROM backfill_chunks WHERE status = 'processing'";
    assert_eq!(number(&trial.rows, open).await, 1, "a chunk is under way");
}

/// Whether `/livez` says that nothing is wrong with the operator itself.
async fn is_live(trial: &Trial) -> bool {
    let url = format!("{}/livez", trial.operator.url());
    let answer = testbed::http().get(url).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// An operator that has to survive must be the same at the end.
fn assert_never_ended(trial: &Trial) {
    assert!(trial.operator.ended().unwrap().is_none(), "the operator ended by itself");
}

/// A new client for the test itself: connections of the old one may be broken.
async fn reconnect(trial: &mut Trial) {
    trial.client = trial.cluster.client().await.unwrap();
}
