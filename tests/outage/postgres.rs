//! A database that restarts, is away, refuses writes, or is not there yet. Must not know pools.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::DeleteParams;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::Cluster;

use super::{assert_never_ended, chunks, is_live, own_cluster, shared, spec};
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::objects::{condition, message};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::{Ground, LIMIT, Setup, Trial, has, reason};

const REPOSITORY: &str = "acme/outage";

fn setup() -> Setup {
    Setup::synthetic(&format!("{REPOSITORY}=60:3")).latency_ms(100)
}

/// A statement on a database other than the one it is about.
async fn as_admin(trial: &Trial, statement: &str) {
    let mut admin = PgConnection::connect(&trial.cluster.postgres().admin_url()).await.unwrap();
    admin.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
}

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Everything is there although the operator was never started again.
async fn finished(trial: &Trial, blows: u64) {
    trial.succeeded("outage").await;
    assert_eq!(Oracle::of(REPOSITORY).check(trial).await, 60);
    assert_chained(&trial.rows, blows).await;
    assert_pages(trial, blows).await;
    assert_never_ended(trial);
}

#[tokio::test]
async fn a_database_that_crashes_again_and_again_costs_no_row() {
    let (cluster, _turn) = own_cluster().await;
    let trial = Ground::new(cluster, &setup()).await.start().await;
    trial.apply("outage", spec(REPOSITORY, 4)).await;
    for stored in [0, 2, 5, 9] {
        chunks(&trial, stored).await;
        // An immediate shutdown: like a crash it ends every session midway.
        cluster.restart(Cluster::POSTGRES, Some("SIGQUIT")).await.unwrap();
    }
    finished(&trial, 4).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_said_and_waited_for() {
    let (cluster, _turn) = own_cluster().await;
    let trial = Ground::new(cluster, &setup()).await.start().await;
    trial.apply("outage", spec(REPOSITORY, 4)).await;
    chunks(&trial, 2).await;
    cluster.stop(Cluster::POSTGRES, Some("SIGQUIT")).await.unwrap();
    let object = trial.until_reason("outage", "StoreUnavailable").await;
    assert_eq!(condition(&object, "Ready"), Some("False"));
    assert!(has(&object, "Reconciling"), "it may pass by itself");
    assert!(is_live(&trial).await, "a database that is away is no reason to restart the operator");
    cluster.resume(Cluster::POSTGRES).await.unwrap();
    finished(&trial, 1).await;
    trial.finish().await;
}

#[tokio::test]
async fn an_operator_that_starts_before_its_database_needs_no_restart() {
    let (cluster, _turn) = own_cluster().await;
    let ground = Ground::new(cluster, &setup()).await;
    cluster.stop(Cluster::POSTGRES, Some("SIGQUIT")).await.unwrap();
    let trial = ground.start().await;
    trial.apply("outage", spec(REPOSITORY, 20)).await;
    trial.until_reason("outage", "StoreUnavailable").await;
    cluster.resume(Cluster::POSTGRES).await.unwrap();
    finished(&trial, 0).await;
    let reasons = trial.statuses.reasons("outage").await;
    assert!(!reasons.contains(&"StoreNotMigrated".to_owned()), "{reasons:?}");
    trial.finish().await;
}

#[tokio::test]
async fn a_database_that_is_made_later_is_found() {
    let mut ground = shared(setup()).await;
    let name = database(&ground.database_url).to_owned();
    let later = format!("{name}_later");
    ground.options.database_url = ground.database_url.replace(&name, &later);
    let mut trial = ground.start().await;
    trial.apply("outage", spec(REPOSITORY, 20)).await;
    trial.until_reason("outage", "StoreUnavailable").await;
    let url = trial.cluster.postgres().create_database(&later).await.unwrap();
    trial.rows = PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap();
    finished(&trial, 0).await;
    trial.finish().await;
}

#[tokio::test]
async fn an_object_that_goes_while_its_database_is_away_waits_so_long_and_leaves_its_rows() {
    let (cluster, _turn) = own_cluster().await;
    let setup = setup().args(&["--allow-row-deletion", "--row-deletion-seconds=20"]);
    let trial = Ground::new(cluster, &setup).await.start().await;
    let mut spec = spec(REPOSITORY, 30);
    spec["deletionPolicy"] = "Delete".into();
    trial.apply("outage", spec).await;
    trial.succeeded("outage").await;
    cluster.stop(Cluster::POSTGRES, Some("SIGQUIT")).await.unwrap();
    trial.objects().delete("outage", &DeleteParams::default()).await.unwrap();
    let going = trial.until_reason("outage", "Deleting").await;
    assert!(message(&going).contains("once that is possible"), "{}", message(&going));
    assert_eq!(going.finalizers(), [backfill_api::ROWS_FINALIZER], "it stays for now");
    let began = std::time::Instant::now();
    trial
        .within(LIMIT, "the object is gone", async || {
            trial.objects().get_opt("outage").await.unwrap().is_none().then_some(())
        })
        .await;
    assert!(began.elapsed() > Duration::from_secs(10), "its rows were given up too early");
    let events = trial.events("outage").await;
    assert!(events.iter().any(|(reason, _)| reason == "StoreUnavailable"), "{events:?}");
    cluster.resume(Cluster::POSTGRES).await.unwrap();
    assert_eq!(Oracle::of(REPOSITORY).check(&trial).await, 60);
    trial.finish().await;
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_said_and_waited_for() {
    let trial = shared(setup()).await.start().await;
    trial.apply("outage", spec(REPOSITORY, 4)).await;
    chunks(&trial, 2).await;
    let name = database(&trial.database_url).to_owned();
    let sessions =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    // New sessions take the setting; the old ones are ended.
    let read_only = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only");
    as_admin(&trial, &format!("{read_only} = on")).await;
    as_admin(&trial, &sessions).await;
    let object = trial
        .until_within(LIMIT, "outage", "StoreReadOnly", |object| reason(object) == "StoreReadOnly")
        .await;
    assert_eq!(condition(&object, "Ready"), Some("False"));
    assert!(has(&object, "Reconciling"), "it may pass by itself");
    as_admin(&trial, &format!("{read_only} = off")).await;
    as_admin(&trial, &sessions).await;
    trial.annotate("outage", "requested-at", "now").await;
    finished(&trial, 3).await;
    trial.finish().await;
}

/// Fewer connections than the operator would like, and more backfills than connections.
#[tokio::test]
async fn a_role_with_few_connections_is_enough_for_many_backfills() {
    let names: Vec<String> = (0..12).map(|at| format!("acme/few-{at}")).collect();
    let synthetic = names.iter().map(|name| format!("{name}=12:2")).collect();
    let setup = Setup { synthetic, ..Setup::default() };
    let mut ground = shared(setup).await;
    let role = ground.namespace.replace('-', "_");
    let mut admin = PgConnection::connect(&ground.database_url).await.unwrap();
    let statements = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'few' CONNECTION LIMIT 4;
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    );
    admin.execute(AssertSqlSafe(statements)).await.unwrap();
    let (_, place) = ground.database_url.split_once('@').unwrap();
    ground.options.database_url = format!("postgres://{role}:few@{place}");
    ground.options.env.insert("MIGRATE".to_owned(), "false".to_owned());
    let trial = ground.start().await;
    for (at, name) in names.iter().enumerate() {
        trial.apply(&format!("few-{at}"), spec(name, 4)).await;
    }
    for at in 0..names.len() {
        trial.succeeded(&format!("few-{at}")).await;
    }
    let server = trial.cluster.dir().log(Cluster::POSTGRES);
    let refused = format!("too many connections for role \"{role}\"");
    assert!(std::fs::read_to_string(server).unwrap().contains(&refused), "nothing was refused");
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 12 * 12);
    assert_never_ended(&trial);
    trial.finish().await;
}
