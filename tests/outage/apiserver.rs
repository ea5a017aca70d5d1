//! An API server that is away: what is under way goes on, and the status follows. Must not know
//! watches.

use testbed::Cluster;

use super::{assert_never_ended, chunks, is_live, own_cluster, reconnect, spec};
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::{Ground, Setup, Trial};

const REPOSITORY: &str = "acme/outage";

async fn walking(cluster: &'static Cluster) -> Trial {
    let setup = Setup::synthetic(&format!("{REPOSITORY}=150:4")).latency_ms(60);
    let trial = Ground::new(cluster, &setup).await.start().await;
    trial.apply("outage", spec(REPOSITORY, 3)).await;
    chunks(&trial, 2).await;
    trial
}

async fn finished(trial: &mut Trial, blows: u64) {
    reconnect(trial).await;
    trial.succeeded("outage").await;
    assert_eq!(Oracle::of(REPOSITORY).check(trial).await, 150);
    assert_chained(&trial.rows, blows).await;
    assert_pages(trial, blows).await;
    assert_never_ended(trial);
}

#[tokio::test]
async fn a_walk_goes_on_while_the_api_server_is_away_and_the_status_follows() {
    let (cluster, _turn) = own_cluster().await;
    let mut trial = walking(cluster).await;
    cluster.stop(Cluster::APISERVER, Some("SIGKILL")).await.unwrap();
    let stored = number(&trial.rows, super::CHUNKS).await;
    chunks(&trial, stored + 2).await;
    assert!(is_live(&trial).await, "an API server that is away is no reason to restart");
    cluster.resume(Cluster::APISERVER).await.unwrap();
    finished(&mut trial, 0).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_killed_api_server_is_not_noticed_in_the_rows() {
    let (cluster, _turn) = own_cluster().await;
    let mut trial = walking(cluster).await;
    let old = cluster.pid(Cluster::APISERVER).await.unwrap().unwrap();
    cluster.kill_9(Cluster::APISERVER).await.unwrap();
    cluster.await_return(Cluster::APISERVER, old).await.unwrap();
    finished(&mut trial, 0).await;
    trial.finish().await;
}

#[tokio::test]
async fn both_servers_may_go_at_once() {
    let (cluster, _turn) = own_cluster().await;
    let mut trial = walking(cluster).await;
    cluster.stop(Cluster::POSTGRES, Some("SIGQUIT")).await.unwrap();
    cluster.stop(Cluster::APISERVER, Some("SIGKILL")).await.unwrap();
    assert!(is_live(&trial).await);
    // The wrong way round: nobody can be told yet that the database is back.
    cluster.resume(Cluster::POSTGRES).await.unwrap();
    cluster.resume(Cluster::APISERVER).await.unwrap();
    finished(&mut trial, 1).await;
    trial.finish().await;
}
