//! Migrations: twice, together, beside what others made, in another schema.

use std::time::{Duration, Instant};

use backfill_store::{Error, Options, Store};
use sqlx::{Connection, Executor};

use crate::fixtures::{UID, begin, chunk, claimed, pull_request, whole_pull_request};
use crate::support::Database;

#[tokio::test]
async fn they_run_once_however_often_and_from_wherever_they_are_asked_for() {
    let database = Database::empty().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let before = begin_error(&one).await;
    assert!(matches!(before, Error::NotMigrated(_)), "{before:?}");
    let (a, b) = tokio::join!(one.migrate(), two.migrate());
    a.unwrap();
    b.unwrap();
    one.migrate().await.unwrap();
    assert_eq!(two.find_state(UID, "github.com", "acme/api").await.unwrap(), None);
    let versions = "SELECT count(*) = max(version), min(version) FROM backfill_migrations";
    assert_eq!(database.text(versions).await, "t,1");
}

async fn begin_error(store: &Store) -> Error {
    store.find_state(UID, "github.com", "acme/api").await.unwrap_err()
}

#[tokio::test]
async fn a_key_that_is_true_by_itself_is_in_the_schema_and_costs_nothing() {
    let database = Database::migrated().await;
    database.run("CREATE TABLE theirs (id uuid REFERENCES contributors (id))").await;
    let store = database.store("one");
    store.migrate().await.unwrap();
    let keys = "SELECT conrelid::regclass || '.' || attname AS key FROM pg_constraint \
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] \
        WHERE contype = 'f' AND NOT conenforced ORDER BY key";
    let keys = format!("SELECT string_agg(key, '/') FROM ({keys}) AS keys");
    assert_eq!(
        database.text(&keys).await,
        "comments.commenter_id/comments.repository_id/discussions.author_id/issues.author_id/\
         pull_request_commits.author_id/pull_requests.author_id/pull_requests.merged_by_id/\
         reviews.author_id/reviews.repository_id"
    );
    let (acquired, claim) = claimed(&store).await;
    let page = chunk(vec![whole_pull_request(9)], "c1");
    store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    // The way over the pull request is as closed as ever.
    for table in ["pull_requests", "repositories"] {
        let deleted = sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")));
        let refused = deleted.execute(&mut database.connection().await).await.unwrap_err();
        let refused = refused.as_database_error().unwrap();
        assert!(refused.is_foreign_key_violation(), "{table}: {refused}");
    }
}

#[tokio::test]
async fn chunks_that_meet_one_account_do_not_lock_its_row() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    let page = chunk(vec![whole_pull_request(9)], "c1");
    store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    let claim = store.claim_chunk(&acquired.lease).await.unwrap();
    let page = chunk(vec![whole_pull_request(8)], "c2");
    store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    // Four accounts, each met by both chunks.
    let locked = "SELECT count(*), count(*) FILTER (WHERE xmax::text <> '0') FROM contributors";
    assert_eq!(database.text(locked).await, "4,0");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_not_touched() {
    let database = Database::empty().await;
    database.run("CREATE TABLE pull_requests (id int); INSERT INTO pull_requests VALUES (1)").await;
    let store = database.store("one");
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(&refused, Error::ForeignTable { table, .. } if table == "pull_requests"));
    let said = refused.to_string();
    assert!(said.contains("pull_requests") && said.contains("--schema"), "{said}");
    assert_eq!(database.text("SELECT id FROM pull_requests").await, "1");
    assert_eq!(database.text("SELECT to_regclass('backfill_migrations') IS NULL").await, "t");
}

#[tokio::test]
async fn a_migration_changed_after_it_ran_is_refused() {
    let database = Database::migrated().await;
    database.run("UPDATE backfill_migrations SET checksum = 'x' WHERE version = 2").await;
    let refused = database.store("one").migrate().await.unwrap_err();
    assert!(matches!(refused, Error::Migration { version: 2, .. }), "{refused:?}");
}

#[tokio::test]
async fn the_version_before_runs_on_a_newer_schema() {
    let database = Database::migrated().await;
    database
        .run(
            "INSERT INTO backfill_migrations (version, description, checksum) \
              VALUES (999, 'from the future', 'x')",
        )
        .await;
    let store = database.store("one");
    store.migrate().await.unwrap();
    begin(&store, UID).await;
}

fn in_schema(database: &Database, schema: &str) -> Store {
    let schema = schema.to_owned();
    Store::connect(&Options { schema, ..database.options("one") }).unwrap()
}

#[tokio::test]
async fn another_schema_works_beside_foreign_tables_and_hostile_functions() {
    let database = Database::empty().await;
    // What would run if names were looked up in public, or in pg_temp first.
    database
        .run(
            "CREATE TABLE pull_requests (id int); \
             CREATE FUNCTION get_next_chunk_number(uuid) RETURNS int LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$; \
             CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$; \
             CREATE FUNCTION make_interval(secs bigint) RETURNS interval LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$; \
             CREATE FUNCTION hostile(text, text) RETURNS boolean LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$; \
             CREATE FUNCTION cardinality(bigint[]) RETURNS int LANGUAGE plpgsql \
                 AS $$ BEGIN RAISE EXCEPTION 'hostile'; END $$;",
        )
        .await;
    let store = in_schema(&database, "Back \"fill\"");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    let (acquired, claim) = claimed(&store).await;
    let page = chunk(vec![pull_request(9)], "c1");
    store.commit_chunk(&acquired.lease, &claim, &page).await.unwrap();
    let count = "SELECT count(*) FROM \"Back \"\"fill\"\"\".pull_requests";
    assert_eq!(database.text(count).await, "1");
    // A caller with any search_path gets the numbers of this schema's backfills.
    let next = "SELECT \"Back \"\"fill\"\"\".get_next_chunk_number(id) \
        FROM \"Back \"\"fill\"\"\".progressive_backfill_state";
    assert_eq!(database.text(next).await, "2");
    let second = in_schema(&database, "second");
    second.migrate().await.unwrap();
    begin(&second, UID).await;
}

const OFFERED: &str = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'";

#[tokio::test]
async fn embeddings_become_vectors_when_the_extension_appears() {
    let database = Database::migrated().await;
    let kind = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
        WHERE attrelid = 'issues'::regclass AND attname = 'embedding'";
    let expected = if database.text(OFFERED).await == "1" { "vector(384)" } else { "real[]" };
    assert_eq!(database.text(kind).await.trim_matches('"'), expected);
    database.run("ALTER TABLE issues DROP COLUMN embedding, ADD COLUMN embedding real[]").await;
    assert_eq!(database.text(kind).await, "real[]");
    database.store("one").migrate().await.unwrap();
    assert_eq!(database.text(kind).await.trim_matches('"'), expected);
}

#[tokio::test]
async fn what_others_built_on_embeddings_holds_no_migration_up() {
    let database = Database::migrated().await;
    let kinds = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
        WHERE attrelid IN ('issues'::regclass, 'discussions'::regclass) \
          AND attname = 'embedding' ORDER BY attrelid::regclass::text";
    let wanted = database.text(kinds).await;
    database
        .run(
            "ALTER TABLE issues DROP COLUMN embedding, ADD COLUMN embedding real[]; \
             ALTER TABLE discussions DROP COLUMN embedding, ADD COLUMN embedding real[]; \
             CREATE VIEW theirs AS SELECT id, embedding FROM issues",
        )
        .await;
    let store = database.store("one");
    store.migrate().await.unwrap();
    let first = wanted.split(';').next().unwrap();
    assert_eq!(database.text(kinds).await, format!("{first};real[]"), "the others are adapted");
    database.run("DROP VIEW theirs").await;
    store.migrate().await.unwrap();
    assert_eq!(database.text(kinds).await, wanted, "the next run tries again");
}

#[tokio::test]
async fn a_table_that_somebody_holds_is_adapted_by_a_later_run() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (acquired, claim) = claimed(&store).await;
    database
        .run(
            "ALTER TABLE reviews ALTER CONSTRAINT reviews_repository_id_fkey ENFORCED; \
             ALTER TABLE comments ALTER CONSTRAINT comments_repository_id_fkey ENFORCED",
        )
        .await;
    let enforced = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conenforced \
        AND conrelid IN ('reviews'::regclass, 'comments'::regclass) \
        AND confrelid = 'repositories'::regclass";
    assert_eq!(database.text(enforced).await, "2");
    // As pg_dump does, for as long as it runs.
    let mut dump = database.connection().await;
    dump.execute("BEGIN; LOCK TABLE reviews, comments IN ACCESS SHARE MODE").await.unwrap();
    let page = chunk(vec![pull_request(9)], "c1");
    let chunk_meanwhile = async {
        while database.text(WAITING).await != "1" {
            tokio::task::yield_now().await;
        }
        store.commit_chunk(&acquired.lease, &claim, &page).await
    };
    let begun = Instant::now();
    let (migrated, committed) = tokio::join!(store.migrate(), chunk_meanwhile);
    committed.unwrap();
    migrated.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(6), "one wait, not one for each table");
    assert_eq!(database.text(enforced).await, "2");
    dump.close().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(database.text(enforced).await, "0");
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn the_reader_may_read_and_not_write() {
    let database = Database::migrated().await;
    let may = "SELECT bool_and(has_table_privilege('backfill_reader', oid, 'SELECT')), \
        bool_or(has_table_privilege('backfill_reader', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')), \
        count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
        AND relkind IN ('r', 'v') AND relname <> 'backfill_migrations'";
    assert_eq!(database.text(may).await, "t,f,21");
    assert_eq!(
        database.text("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'backfill_reader'").await,
        "f"
    );
}

/// The database as a role sees it that owns it and nothing else.
async fn as_plain_owner(database: &Database) -> Database {
    let role = format!("plain_{}", database.name());
    database
        .run(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'plain'; \
             ALTER DATABASE {} OWNER TO {role}",
            database.name()
        ))
        .await;
    let url = format!("postgres://{role}:plain@{}/{}", database.server(), database.name());
    Database { url }
}

#[tokio::test]
async fn an_extension_that_may_not_be_used_holds_no_migration_up() {
    let database = Database::empty().await;
    if database.text(OFFERED).await != "1" {
        return;
    }
    let plain = as_plain_owner(&database).await;
    database.run("CREATE SCHEMA hidden; CREATE EXTENSION vector SCHEMA hidden").await;
    let store = plain.store("one");
    store.migrate().await.unwrap();
    let kind = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute \
        WHERE attrelid = 'issues'::regclass AND attname = 'embedding'";
    assert_eq!(database.text(kind).await, "real[]");
    database.run("GRANT USAGE ON SCHEMA hidden TO public").await;
    store.migrate().await.unwrap();
    assert_eq!(database.text(kind).await.trim_matches('"'), "hidden.vector(384)");
}

#[tokio::test]
async fn a_role_without_privileges_migrates_its_own_database() {
    let database = Database::empty().await;
    let plain = as_plain_owner(&database).await;
    let store = plain.store("one");
    store.migrate().await.unwrap();
    begin(&store, UID).await;
    assert_eq!(
        plain.text("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").await,
        "0",
        "pgvector is for superusers to install"
    );
}
