//! Real errors of a real server, and what each is taken for.

use std::time::Duration;

use backfill_api::{Disposition, Reason};
use backfill_engine::model::{Cursor, NodeId};
use backfill_store::{Error, Options, Store};
use sqlx::{Connection, Executor};

use crate::fixtures::{
    HOST, UID, begin, begin_on, chunk, claimed, commit, pull_request, repository,
};
use crate::support::Database;

#[tokio::test]
async fn a_read_only_server_is_named() {
    let database = Database::migrated().await;
    let name = database.name();
    database.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let store = database.store("one");
    let error = begin_on(&store, UID, &repository(42, "acme/api")).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error:?}");
    assert_eq!(error.reason(), Reason::StoreReadOnly);
    assert_eq!(store.ping().await.unwrap_err().reason(), Reason::StoreReadOnly);
}

#[tokio::test]
async fn waiting_for_a_lock_and_for_a_statement_are_bounded() {
    let database = Database::migrated().await;
    let (acquired, _) = claimed(&database.store("one")).await;
    let mut blocker = database.connection().await;
    blocker.execute("BEGIN; SELECT 1 FROM progressive_backfill_state FOR UPDATE").await.unwrap();
    let short = Duration::from_millis(100);
    let options = database.options("one");
    for (options, says) in [
        (Options { lock_timeout: short, ..options.clone() }, "lock timeout"),
        (Options { statement_timeout: short, ..options }, "statement timeout"),
    ] {
        let store = Store::connect(&options).unwrap();
        let error = store.claim_chunk(&acquired.lease).await.unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.disposition(), Disposition::Transient);
    }
    blocker.close().await.unwrap();
}

#[tokio::test]
async fn a_deadlock_costs_no_chunk() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    let mut changed = pull_request(8);
    for actor in [&mut changed.author, &mut changed.merged_by].into_iter().flatten() {
        actor.login.push_str("-renamed");
    }
    // The rival holds the account that the chunk needs second, then asks for the first. Whoever is
    // the victim, the chunk commits.
    let mut rival = database.connection().await;
    rival
        .execute("BEGIN; UPDATE contributors SET username = 'x' WHERE github_id = 2")
        .await
        .unwrap();
    let rivalry = async {
        while database.text(WAITING).await != "1" {
            tokio::task::yield_now().await;
        }
        let _ = rival.execute("UPDATE contributors SET username = 'x' WHERE github_id = 1").await;
        rival.execute("ROLLBACK").await.unwrap();
    };
    let claim = store.claim_chunk(&lease).await.unwrap();
    let page = chunk(vec![changed], "c2");
    let (committed, ()) = tokio::join!(store.commit_chunk(&lease, &claim, &page), rivalry);
    assert_eq!(committed.unwrap().state.cursor, Some(Cursor::from("c2")));
    let names = "SELECT username FROM contributors WHERE github_id < 3 ORDER BY github_id";
    assert_eq!(database.text(names).await, "user1-renamed;user2-renamed");
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn a_long_wait_for_an_account_costs_no_chunk() {
    let database = Database::migrated().await;
    let patient = database.store("one");
    let (acquired, claim) = claimed(&patient).await;
    let lock_timeout = Duration::from_millis(500);
    let options = Options { lock_timeout, ..database.options("one") };
    let store = Store::connect(&options).unwrap();
    // Another repository's chunk brings the same account, and takes longer than we wait.
    let mut other = database.connection().await;
    let insert = "BEGIN; INSERT INTO contributors (github_id, username, account_type) \
        VALUES (1, 'user1', 'User')";
    other.execute(insert).await.unwrap();
    let since = "SELECT xact_start FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let second_attempt = async {
        let mut attempts = std::collections::BTreeSet::new();
        while attempts.len() < 2 {
            attempts.extend(Some(database.text(since).await).filter(|at| !at.is_empty()));
            tokio::task::yield_now().await;
        }
        other.execute("COMMIT").await.unwrap();
    };
    let page = chunk(vec![pull_request(9)], "c1");
    let committing = store.commit_chunk(&acquired.lease, &claim, &page);
    let (committed, ()) = tokio::join!(committing, async {
        // Where nothing is tried again, there is no second attempt to wait for.
        let _ = tokio::time::timeout(Duration::from_secs(10), second_attempt).await;
    });
    assert_eq!(committed.unwrap().state.cursor, Some(Cursor::from("c1")));
}

/// Makes the first so many attempts to store a pull request fail with this SQLSTATE.
async fn failing(database: &Database, sqlstate: &str, attempts: i64) {
    database
        .run(&format!(
            "CREATE SEQUENCE attempts; \
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF nextval('attempts') <= {attempts} THEN \
                     RAISE EXCEPTION 'lost' USING ERRCODE = '{sqlstate}'; \
                 END IF; RETURN NEW; END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON pull_requests \
                 FOR EACH ROW EXECUTE FUNCTION fail()"
        ))
        .await;
}

#[tokio::test]
async fn a_lost_transaction_is_tried_three_times_and_no_more() {
    for (sqlstate, failures, commits) in [
        ("40001", 2, true),
        ("40P01", 2, true),
        ("40001", 3, false),
        ("40P01", 3, false),
        ("22000", 1, false),
    ] {
        let database = Database::migrated().await;
        let store = database.store("one");
        let (acquired, claim) = claimed(&store).await;
        failing(&database, sqlstate, failures).await;
        let page = chunk(vec![pull_request(9)], "c1");
        let committed = store.commit_chunk(&acquired.lease, &claim, &page).await;
        assert_eq!(committed.is_ok(), commits, "{sqlstate}: {committed:?}");
        match (sqlstate, committed) {
            ("40001", Err(error)) => assert!(matches!(error, Error::Serialization(_)), "{error:?}"),
            ("40P01", Err(error)) => assert!(matches!(error, Error::Deadlock(_)), "{error:?}"),
            (_, Err(error)) => assert!(matches!(error, Error::Refused(_)), "{error:?}"),
            (_, Ok(committed)) => assert_eq!(committed.state.chunks_completed, 1),
        }
    }
}

#[tokio::test]
async fn a_server_that_refuses_a_commit_is_believed_only_where_it_rolled_back() {
    for (sqlstate, failures, commits, unknown) in
        [("40001", 2, true, false), ("23514", 1, false, false), ("57P01", 1, false, true)]
    {
        let database = Database::migrated().await;
        let store = database.store("one");
        let (acquired, claim) = claimed(&store).await;
        failing(&database, sqlstate, failures).await;
        let at_commit = "DROP TRIGGER fail ON pull_requests; \
            CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON pull_requests \
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()";
        database.run(at_commit).await;
        let page = chunk(vec![pull_request(9)], "c1");
        let done = store.commit_chunk(&acquired.lease, &claim, &page).await;
        let is_unknown = matches!(done, Err(Error::OutcomeUnknown(_)));
        assert_eq!((done.is_ok(), is_unknown), (commits, unknown), "{sqlstate}: {done:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_no_start_up_failure() {
    let nowhere = Database { url: "postgres://nobody@127.0.0.1:1/none".to_owned() };
    let options = Options { acquire_timeout: Duration::from_millis(300), ..nowhere.options("one") };
    let store = Store::connect(&options).unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert_eq!(error.reason(), Reason::StoreUnavailable);
}

#[tokio::test]
async fn a_missing_database_and_a_missing_privilege_are_refusals() {
    let database = Database::migrated().await;
    let missing = Database { url: format!("{}_missing", database.url) };
    let error = missing.store("one").ping().await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error:?}");

    let role = format!("weak_{}", database.name());
    database.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'weak'")).await;
    let url = format!("postgres://{role}:weak@{}/{}", database.server(), database.name());
    let error = Database { url }.store("one").find_state(UID, HOST, "a/b").await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied(_)), "{error:?}");
}

#[tokio::test]
async fn what_postgres_refuses_leaves_nothing() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    let mut nul = pull_request(9);
    nul.comments[0].body = "a\0b".to_owned();
    let page = chunk(vec![nul], "c1");
    let error = store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert_eq!(error.disposition(), Disposition::Bug, "the model is sanitised before");
    let left = "SELECT (SELECT count(*) FROM pull_requests), last_processed_cursor, \
        processed_prs, chunks_completed, \
        (SELECT string_agg(status, ' ') FROM backfill_chunks) FROM progressive_backfill_state";
    assert_eq!(database.text(left).await, "0,,0,0,processing");
    let mut too_large = pull_request(9);
    too_large.additions = i64::from(i32::MAX) + 1;
    let page = chunk(vec![too_large], "c1");
    let error = store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
    assert_eq!(database.text(left).await, "0,,0,0,processing");
    // The claim is still good for what can be stored.
    let mut fine = pull_request(9);
    fine.node_id = NodeId::from("PR_fine");
    store.commit_chunk(&acquired.lease, &claim, &chunk(vec![fine], "c1")).await.unwrap();
}

#[tokio::test]
async fn a_stricter_default_isolation_changes_nothing() {
    let database = Database::migrated().await;
    let name = database.name();
    database
        .run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"))
        .await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let mut late = database.connection().await;
    late.execute("BEGIN; UPDATE progressive_backfill_state SET last_processed_cursor = 'late'")
        .await
        .unwrap();
    let settle = async {
        while database.text(WAITING).await != "1" {
            tokio::task::yield_now().await;
        }
        late.execute("COMMIT").await.unwrap();
    };
    let (acquired, ()) = tokio::join!(store.acquire(state.id, UID), settle);
    assert_eq!(acquired.unwrap().state.cursor, Some(Cursor::from("late")));
}
