//! The roles and the database that people are told to make are enough, and no more than that.
//!
//! It must not know how the operator is started in a cluster.

use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testbed::Cluster;

use super::{blocks, operator};
use crate::support::oracle::Oracle;
use crate::support::{Ground, Setup, World};

/// Whether a block makes roles, or grants something to one of them.
pub fn is_about_roles(text: &str) -> bool {
    text.contains("CREATE ROLE ") || text.contains("backfill_runner")
}

/// Runs each statement of a block by itself, as psql does; a role that is there already may be.
async fn run(url: &str, block: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let lines = block.lines().filter(|line| !line.starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n");
    for statement in text.split(";\n").filter(|text| !text.trim().is_empty()) {
        let ran = connection.execute(AssertSqlSafe(statement.to_owned())).await;
        let code = ran.as_ref().err().and_then(|error| error.as_database_error()?.code());
        assert!(ran.is_ok() || code.as_deref() == Some("42710"), "{statement}: {ran:?}");
    }
}

#[tokio::test]
async fn the_roles_that_people_are_told_to_make_are_enough() {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &Setup::from(World::of("acme/roles", 6))).await;
    // Names of this test's own, because roles belong to the whole server.
    let name = ground.database_url.rsplit('/').next().unwrap().to_owned() + "_of";
    let of_it = |text: &str| {
        let text = text.replace("backfill_runner", &format!("{name}_runner"));
        let before = ["DATABASE", "ROLE", "OWNER", "GRANT"];
        before.iter().fold(text, |text, word| {
            text.replace(&format!("{word} backfill "), &format!("{word} {name} "))
        })
    };
    let told = blocks("sql").into_iter().filter(|(_, text)| is_about_roles(text));
    let told: Vec<String> = told.map(|(_, text)| of_it(&text)).collect();
    let [owner, runner, already] = told.as_slice() else { panic!("{told:?}") };
    let admin = cluster.postgres().admin_url();
    let server = admin.rsplit('@').next().unwrap().split('/').next().unwrap();
    let with = |role: &str, password: &str, database: &str| {
        format!("postgres://{role}:{}@{server}/{database}", password.replace(' ', "%20"))
    };

    // Who makes all this is no superuser, as on a server that somebody else looks after.
    let maker = format!("{name}_maker");
    let made = format!("CREATE ROLE {maker} LOGIN CREATEDB CREATEROLE PASSWORD 'a third'");
    run(&admin, &made).await;
    let maker_url = with(&maker, "a third", "postgres");
    run(&maker_url, owner).await;
    let (role, grants) = runner.split_once(";\n").unwrap();
    run(&maker_url, role).await;
    let owner_url = with(&name, "one of your own", &name);
    run(&owner_url, grants).await;
    let migrated = operator().arg("migrate").env("DATABASE_URL", &owner_url).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stdout));

    let runner_url = with(&format!("{name}_runner"), "another of your own", &name);
    ground.options.database_url.clone_from(&runner_url);
    ground.options.env.insert("MIGRATE".to_owned(), "false".to_owned());
    let all = format!("{}/{name}", admin.rsplit_once('/').unwrap().0);
    ground.rows = PgPoolOptions::new().max_connections(2).connect(&all).await.unwrap();
    let trial = ground.start().await;
    trial.apply("roles", json!({"repository": "acme/roles"})).await;
    trial.succeeded("roles").await;
    Oracle::of("acme/roles").check(&trial).await;

    let mut runner = PgConnection::connect(&runner_url).await.unwrap();
    let read = "SELECT count(*) FROM comments";
    run(&owner_url, &format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}_runner")).await;
    assert!(runner.execute(read).await.is_err(), "what was granted is taken away");
    run(&owner_url, already).await;
    runner.execute(read).await.unwrap();

    // And no more: the runner changes no table, the owner is nobody outside.
    assert!(runner.execute("DROP TABLE comments").await.is_err());
    let may = "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = $1";
    let more: bool = sqlx::query_scalar(may).bind(&name).fetch_one(&trial.rows).await.unwrap();
    assert!(!more, "the owner of the database needs no more than that");
    trial.finish().await;
}
