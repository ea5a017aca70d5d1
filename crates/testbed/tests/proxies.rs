//! The proxies' promises: they count what changes something, trip at exactly the k-th,
//! and pass everything else as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams};
use sqlx::{Connection, Executor, PgConnection, Row};
use testbed::Cluster;
use testbed::cluster::client_from;
use testbed::proxy::{ApiProxy, GitHubProxy, PostgresProxy, When};

fn flag() -> (Arc<AtomicU64>, impl FnOnce() + Send + 'static) {
    let runs = Arc::new(AtomicU64::new(0));
    let inner = runs.clone();
    (runs, move || {
        inner.fetch_add(1, Ordering::SeqCst);
    })
}

/// A server that counts what reaches it.
async fn counting_server() -> (String, Arc<AtomicU64>) {
    let reached = Arc::new(AtomicU64::new(0));
    let counter = reached.clone();
    let answer = move |body: String| async move {
        counter.fetch_add(1, Ordering::SeqCst);
        format!("answer to {body}")
    };
    let app =
        Router::new().route("/graphql", post(answer)).route("/other", get(|| async { "other" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(axum::serve(listener, app).into_future());
    (url, reached)
}

#[tokio::test]
async fn github_trips_at_the_kth_request_before_or_after_the_server() {
    for (when, reached_at_trip) in [(When::BeforeForward, 2), (When::AfterForward, 3)] {
        let (url, reached) = counting_server().await;
        let proxy = GitHubProxy::open(&url).unwrap();
        let (runs, action) = flag();
        proxy.trip_at(3, when, action);
        let http = testbed::http();
        let graphql = format!("{}/graphql", proxy.url());
        let ask = || http.post(&graphql).body("q").send();
        for _ in 0..2 {
            http.get(format!("{}/other", proxy.url())).send().await.unwrap();
            assert_eq!(ask().await.unwrap().text().await.unwrap(), "answer to q");
        }
        ask().await.expect_err("the third gets no answer");
        proxy.wire().await_trip(Duration::from_secs(5)).await.unwrap();
        assert_eq!(reached.load(Ordering::SeqCst), reached_at_trip, "{when:?}");
        assert_eq!(ask().await.unwrap().text().await.unwrap(), "answer to q");
        assert_eq!((proxy.count(), runs.load(Ordering::SeqCst)), (4, 1));
    }
}

#[tokio::test]
async fn a_cut_proxy_refuses_and_a_restored_one_answers() {
    let (url, _) = counting_server().await;
    let proxy = GitHubProxy::open(&url).unwrap();
    let http = testbed::http();
    let other = format!("{}/other", proxy.url());
    http.get(&other).send().await.unwrap();
    proxy.cut();
    let deadline = Instant::now() + Duration::from_mins(1);
    // A child that another test starts may hold the port for a moment.
    while !http.get(&other).send().await.is_err_and(|error| error.is_connect()) {
        assert!(Instant::now() < deadline, "still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.restore();
    while http.get(&other).send().await.is_err() {
        assert!(Instant::now() < deadline, "still closed");
    }
    proxy.delay(Duration::from_millis(300));
    let began = Instant::now();
    http.post(format!("{}/graphql", proxy.url())).body("q").send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn postgres_trips_at_the_kth_commit_before_or_after_it() {
    let cluster = Cluster::shared().await.unwrap();
    for (when, stored_at_trip) in [(When::BeforeForward, 1_i64), (When::AfterForward, 2)] {
        let direct = cluster.create_database().await.unwrap();
        let proxy = PostgresProxy::open(cluster.postgres()).unwrap();
        let mut connection = PgConnection::connect(&proxy.url(&direct)).await.unwrap();
        connection.execute("CREATE TABLE t (n bigint)").await.unwrap();
        let (runs, action) = flag();
        proxy.trip_at(2, when, action);

        let mut insert = async |expected: bool| {
            let mut transaction = connection.begin().await.unwrap();
            sqlx::query("INSERT INTO t VALUES ($1)")
                .bind(1_i64)
                .execute(&mut *transaction)
                .await
                .unwrap();
            assert_eq!(transaction.commit().await.is_ok(), expected, "{when:?}");
        };
        insert(true).await;
        insert(false).await;
        proxy.wire().await_trip(Duration::from_secs(5)).await.unwrap();
        let mut again = PgConnection::connect(&proxy.url(&direct)).await.unwrap();
        let row = again.fetch_one("SELECT count(*) FROM t").await.unwrap();
        assert_eq!(row.get::<i64, _>(0), stored_at_trip, "{when:?}");
        assert_eq!((proxy.count(), runs.load(Ordering::SeqCst)), (2, 1));
    }
}

fn named(name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    ConfigMap { metadata, ..ConfigMap::default() }
}

/// The operator's account, through a proxy, allowed to edit a namespace of its own.
async fn through(cluster: &Cluster, proxy: &ApiProxy) -> Api<ConfigMap> {
    let namespace = cluster.create_namespace().await.unwrap();
    let account = "backfill-system:backfill-operator";
    let whose = format!("--serviceaccount={account}");
    let binding = ["create", "rolebinding", "edit", "--clusterrole=edit", &whose];
    cluster.kubectl_text(&[&binding[..], &["-n", &namespace]].concat()).unwrap();
    for verb in ["create", "list", "watch"] {
        cluster.await_permission(account, &namespace, [verb, "configmaps"]).await.unwrap();
    }
    let kubeconfig = cluster.operator_kubeconfig(Some(&proxy.url())).await.unwrap();
    Api::namespaced(client_from(&kubeconfig).await.unwrap(), &namespace)
}

#[tokio::test]
async fn the_api_trips_at_the_kth_write_before_or_after_it() {
    let cluster = Cluster::shared().await.unwrap();
    for (when, stored) in [(When::BeforeForward, 1), (When::AfterForward, 2)] {
        let proxy = ApiProxy::open(cluster).unwrap();
        let maps = through(cluster, &proxy).await;
        let (runs, action) = flag();
        proxy.trip_at(2, when, action);
        let params = PostParams::default();
        maps.create(&params, &named("one")).await.unwrap();
        let before = maps.list(&ListParams::default()).await.unwrap().items.len();
        maps.create(&params, &named("two")).await.expect_err("the second gets no answer");
        let after = maps.list(&ListParams::default()).await.unwrap().items;
        let ours =
            after.iter().filter(|map| map.metadata.name.as_deref() != Some("kube-root-ca.crt"));
        assert_eq!(ours.count(), stored, "{when:?}, {before} before");
        assert_eq!((proxy.count(), runs.load(Ordering::SeqCst)), (2, 1));
    }
}

#[tokio::test]
async fn a_watch_passes_the_api_proxy_as_it_happens() {
    let cluster = Cluster::shared().await.unwrap();
    let proxy = ApiProxy::open(cluster).unwrap();
    let maps = through(cluster, &proxy).await;
    let params = WatchParams::default().fields("metadata.name=one");
    let mut events = maps.watch(&params, "0").await.unwrap().boxed();
    maps.create(&PostParams::default(), &named("one")).await.unwrap();
    let added = async {
        loop {
            match events.next().await.unwrap().unwrap() {
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Added(map) => return map.metadata.name,
                other => panic!("{other:?}"),
            }
        }
    };
    let name = tokio::time::timeout(Duration::from_secs(5), added).await;
    assert_eq!(name.expect("it comes while the watch is open").as_deref(), Some("one"));
}
