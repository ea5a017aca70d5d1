//! Postgres set back to an older state, as after restoring a backup. Must not know how backups
//! are made: a copy of the database stands for one.

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{CHUNKS, chunks, shared, spec};
use crate::support::ledger::assert_chained;
use crate::support::objects::{has, reason};
use crate::support::oracle::Oracle;
use crate::support::rows::number;
use crate::support::{LIMIT, Setup, Trial, World};

/// Ends the operator in good order; how many chunks are stored.
async fn stop(trial: &mut Trial) -> i64 {
    trial.operator.terminate().unwrap();
    trial.operator.wait(LIMIT).await.unwrap();
    let stored = number(&trial.rows, CHUNKS).await;
    trial.rows.close().await;
    stored
}

/// Starts another one, and looks at the tables again.
async fn start(trial: &mut Trial) {
    let pool = PgPoolOptions::new().max_connections(2);
    trial.rows = pool.connect(&trial.database_url).await.unwrap();
    trial.restart("restored").await;
}

async fn as_admin(trial: &Trial, statement: String) {
    let mut admin = PgConnection::connect(&trial.cluster.postgres().admin_url()).await.unwrap();
    admin.execute(AssertSqlSafe(statement)).await.unwrap();
}

#[tokio::test]
async fn a_database_set_back_to_a_backup_goes_on_from_there_to_the_same_rows() {
    let setup = Setup::from(World::of("acme/back", 40)).latency_ms(200);
    let mut trial = shared(setup).await.start().await;
    let name = trial.database_url.rsplit('/').next().unwrap().to_owned();
    trial.apply("back", spec("acme/back", 4)).await;
    chunks(&trial, 2).await;
    let in_backup = stop(&mut trial).await;
    as_admin(&trial, format!("CREATE DATABASE \"{name}_backup\" TEMPLATE \"{name}\"")).await;
    start(&mut trial).await;
    assert!((2..10).contains(&in_backup), "{in_backup} chunks are no part of a walk");
    trial.succeeded("back").await;
    assert_eq!(trial.asked("ListPullRequests").await, 10, "each page once");

    stop(&mut trial).await;
    as_admin(&trial, format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
    as_admin(&trial, format!("ALTER DATABASE \"{name}_backup\" RENAME TO \"{name}\"")).await;
    start(&mut trial).await;
    let done = "SELECT count(*) FROM progressive_backfill_state WHERE status = 'completed'";
    trial
        .within(LIMIT, "the restored walk is proved", async || {
            (number(&trial.rows, done).await == 1).then_some(())
        })
        .await;
    trial
        .until("back", "complete again", |object| {
            reason(object) == "Verified" && has(object, "Succeeded")
        })
        .await;
    assert_eq!(Oracle::of("acme/back").check(&trial).await, 40);
    assert_chained(&trial.rows, 0).await;
    let again = u64::try_from(10 - in_backup).unwrap();
    assert_eq!(trial.asked("ListPullRequests").await, 10 + again, "only what the backup lacked");
    trial.finish().await;
}

/// What a standby has that lacked the commit of the first chunk, from the claim of the second on.
const LOSE_THE_FIRST_CHUNK: &str = "
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE progressive_backfill_state SET last_processed_cursor = NULL, back_to = NULL,
            last_processed_pr_number = NULL, processed_prs = 0, stored_prs = 0;
        DELETE FROM backfill_chunks;
        DELETE FROM comments; DELETE FROM reviews; DELETE FROM pull_requests;
        NEW.first_cursor := NULL;
        RETURN NEW; END $$;
    CREATE TRIGGER lose BEFORE INSERT ON backfill_chunks FOR EACH ROW
        WHEN (NEW.chunk_number = 2) EXECUTE FUNCTION lose()";

#[tokio::test]
async fn a_failover_that_loses_a_commit_between_two_chunks_costs_no_pull_request() {
    let ground = shared(World::of("acme/lost", 20)).await;
    ground.rows.execute(LOSE_THE_FIRST_CHUNK).await.unwrap();
    let trial = ground.start().await;
    let mut spec = spec("acme/lost", 5);
    spec["maxPullRequests"] = 10.into();
    trial.apply("lost", spec).await;
    trial.succeeded("lost").await;
    let newest = Oracle::of("acme/lost").only(|number, _| number > 10);
    assert_eq!(newest.check(&trial).await, 10);
    assert_chained(&trial.rows, 1).await;
    trial.finish().await;
}
