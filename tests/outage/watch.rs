//! What the operator sees of the API server: events that were missed, a history that is gone,
//! others that write all the time, and nothing at all. Must not know the database's outages.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use testbed::Cluster;

use super::{assert_never_ended, chunks, own_cluster, reconnect, shared, spec};
use crate::support::oracle::Oracle;
use crate::support::secrecy::metrics;
use crate::support::{Ground, LIMIT, Setup, Trial, World};

const REPOSITORY: &str = "acme/watched";

/// How often the operator's account has written in the trial's namespace, the objects' reports of
/// themselves included.
fn writes(trial: &Trial) -> usize {
    let written = |event: &Value| {
        event["user"]["username"].as_str().is_some_and(|who| who.ends_with(":backfill-operator"))
            && event["objectRef"]["namespace"] == trial.namespace
            && ["create", "update", "patch", "delete"].contains(&event["verb"].as_str().unwrap())
    };
    trial.cluster.audit().unwrap().iter().filter(|event| written(event)).count()
}

/// How often the operator has looked at any object.
async fn looks(trial: &Trial) -> f64 {
    let text = metrics(trial).await;
    let series = text.lines().filter(|line| line.starts_with("backfill_reconciles_total{"));
    series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

#[tokio::test]
async fn a_settled_object_is_written_no_more_and_hardly_looked_at() {
    let trial = shared(World::of(REPOSITORY, 6)).await.start().await;
    trial.apply("complete", spec(REPOSITORY, 3)).await;
    trial.apply("missing", spec("acme/nowhere", 3)).await;
    trial.succeeded("complete").await;
    trial.stalled("missing", "RepositoryNotFound").await;
    // The last event may still be on its way.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = (writes(&trial), looks(&trial).await);
    assert!(before.0 > 0 && before.1 > 0.0, "{before:?}");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(writes(&trial), before.0);
    let more = looks(&trial).await - before.1;
    assert!(more <= 2.0, "{more} looks in 20 s at objects that nothing happens to");
    trial.finish().await;
}

/// As where its role or the kind is missing. No look can be under way then.
#[tokio::test]
async fn an_operator_that_was_never_given_its_objects_stops_when_told() {
    let mut ground = shared(World::of(REPOSITORY, 1)).await;
    let proxies = ground.behind_proxies().await;
    proxies.api.cut();
    let mut trial = ground.launch();
    let failed = async || trial.operator.log().contains("the watch has failed").then_some(());
    trial.within(LIMIT, "a list that fails", failed).await;
    trial.operator.terminate().unwrap();
    assert!(trial.operator.wait(LIMIT).await.unwrap().success());
    proxies.api.restore();
    trial.restart("next").await;
    trial.apply("listed", spec(REPOSITORY, 3)).await;
    trial.succeeded("listed").await;
    trial.finish().await;
}

#[tokio::test]
async fn an_object_made_anew_behind_the_operators_back_is_another_one() {
    let mut ground = shared(Setup::synthetic(&format!("{REPOSITORY}=60:4")).latency_ms(60)).await;
    let proxies = ground.behind_proxies().await;
    let trial = ground.start().await;
    trial.apply("anew", spec(REPOSITORY, 3)).await;
    chunks(&trial, 2).await;
    let old = trial.get("anew").await.uid().unwrap();
    proxies.api.cut();
    trial.objects().delete("anew", &DeleteParams::default()).await.unwrap();
    trial.apply("anew", spec(REPOSITORY, 5)).await;
    chunks(&trial, 4).await;
    proxies.api.restore();
    let done = trial.succeeded("anew").await;
    assert_ne!(done.uid().unwrap(), old);
    assert_eq!(Oracle::of(REPOSITORY).check(&trial).await, 60);
    let owner: String = sqlx::query_scalar("SELECT object_uid FROM progressive_backfill_state")
        .fetch_one(&trial.rows)
        .await
        .unwrap();
    assert_eq!(owner, done.uid().unwrap());
    assert_never_ended(&trial);
    trial.finish().await;
}

/// A label that somebody else changes as fast as the API server lets him.
#[tokio::test]
async fn somebody_who_writes_all_the_time_holds_no_status_up() {
    let setup = Setup::synthetic(&format!("{REPOSITORY}=60:4")).latency_ms(60);
    let trial = shared(setup).await.start().await;
    trial.apply("busy", spec(REPOSITORY, 3)).await;
    let objects = trial.objects();
    let mut count = 0_u32;
    let noise = async {
        loop {
            count += 1;
            let label = json!({"metadata": {"labels": {"count": count.to_string()}}});
            objects.patch("busy", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = noise => {}
        _ = trial.succeeded("busy") => {}
    }
    assert!(count > 20, "{count} writes are no noise");
    assert_eq!(Oracle::of(REPOSITORY).check(&trial).await, 60);
    trial.finish().await;
}

/// Forgets every revision of etcd but the present one, so that no watch can go on where it was.
async fn compact(cluster: &Cluster) {
    let post = async |path: &str, body: Value| {
        let url = format!("{}/v3/kv/{path}", cluster.etcd());
        let answer = testbed::http().post(url).json(&body).send().await.unwrap();
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer
    };
    let found = post("range", json!({"key": BASE64_STANDARD.encode("x")})).await;
    let revision = &found["header"]["revision"];
    post("compaction", json!({"revision": revision, "physical": true})).await;
}

#[tokio::test]
async fn a_history_that_etcd_has_forgotten_costs_no_edit() {
    let (cluster, _turn) = own_cluster().await;
    let setup = Setup::synthetic(&format!("{REPOSITORY}=150:4")).latency_ms(60);
    let mut ground = Ground::new(cluster, &setup).await;
    let proxies = ground.behind_proxies().await;
    let mut trial = ground.start().await;
    trial.apply("edited", spec(REPOSITORY, 3)).await;
    chunks(&trial, 2).await;

    let old = cluster.pid(Cluster::ETCD).await.unwrap().unwrap();
    cluster.kill_9(Cluster::ETCD).await.unwrap();
    cluster.await_return(Cluster::ETCD, old).await.unwrap();
    trial
        .within(LIMIT, "the API server writes again", async || {
            let objects = trial.objects();
            objects.get_opt("edited").await.ok().flatten()
        })
        .await;

    proxies.api.cut();
    trial.edit("edited", json!({"spec": {"suspend": true}})).await;
    cluster.stop(Cluster::APISERVER, Some("SIGKILL")).await.unwrap();
    compact(cluster).await;
    cluster.resume(Cluster::APISERVER).await.unwrap();
    reconnect(&mut trial).await;
    proxies.api.restore();
    trial.until_reason("edited", "Suspended").await;
    let lists = trial.operator.log().matches("objects listed").count();
    assert!(lists > 1, "the watch went on where it was, which etcd had forgotten");
    trial.edit("edited", json!({"spec": {"suspend": false}})).await;
    trial.succeeded("edited").await;
    assert_eq!(Oracle::of(REPOSITORY).check(&trial).await, 150);
    assert_never_ended(&trial);
    trial.finish().await;
}
