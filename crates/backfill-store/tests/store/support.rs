//! A fresh database per test, and plain SQL to look at what the store left.

use std::sync::atomic::{AtomicU32, Ordering};

use backfill_store::{Options, Store};
use secrecy::SecretString;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A database of its own.
pub struct Database {
    pub url: String,
}

impl Database {
    /// An empty database.
    pub async fn empty() -> Self {
        let admin = std::env::var("TEST_DATABASE_URL").unwrap();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("store_{}_{number}", std::process::id());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (server, _) = admin.rsplit_once('/').unwrap();
        Self { url: format!("{server}/{name}") }
    }

    /// A database with our schema.
    pub async fn migrated() -> Self {
        let database = Self::empty().await;
        let store = database.store("migrator");
        store.migrate().await.unwrap();
        store.close().await;
        database
    }

    /// A store under an instance id.
    pub fn store(&self, instance_id: &str) -> Store {
        Store::connect(&self.options(instance_id)).unwrap()
    }

    /// The options of [`Database::store`].
    pub fn options(&self, instance_id: &str) -> Options {
        Options::new(SecretString::from(self.url.clone()), instance_id)
    }

    /// A connection of the test's own.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Rows of a question.
    pub async fn rows(&self, sql: &str) -> Vec<PgRow> {
        let mut connection = self.connection().await;
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        rows.unwrap()
    }

    /// The first column of the one row of a question, as text; `""` for null.
    pub async fn text(&self, sql: &str) -> String {
        let rows = self.rows(&format!("SELECT (q.*)::text AS t FROM ({sql}) AS q")).await;
        assert_eq!(rows.len(), 1, "{sql}");
        let row: String = rows[0].get("t");
        row.trim_start_matches('(').trim_end_matches(')').to_owned()
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.connection().await;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }
}
