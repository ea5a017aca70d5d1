//! A fresh database per test, and plain SQL to look at what the store left.

use std::sync::atomic::{AtomicU32, Ordering};

use backfill_store::{Options, Store};
use secrecy::SecretString;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio::sync::OnceCell;

static COUNTER: AtomicU32 = AtomicU32::new(0);
static SERVER: OnceCell<Server> = OnceCell::const_new();
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// The server that all tests share: the one `TEST_DATABASE_URL` names, else the testbed's, which
/// ends with this process.
enum Server {
    Given(String),
    Testbed(Box<testbed::Cluster>),
}

impl Server {
    async fn shared() -> &'static Self {
        let start = async || {
            if let Some(url) = std::env::var_os("TEST_DATABASE_URL") {
                return Self::Given(url.into_string().unwrap());
            }
            let cluster = testbed::Cluster::start(testbed::Choices::default()).await;
            Self::Testbed(Box::new(cluster.unwrap()))
        };
        SERVER.get_or_init(start).await
    }

    fn url(&self) -> String {
        match self {
            Self::Given(url) => url.clone(),
            Self::Testbed(cluster) => cluster.postgres().admin_url(),
        }
    }
}

/// A database of its own.
pub struct Database {
    pub url: String,
}

impl Database {
    /// An empty database.
    pub async fn empty() -> Self {
        Self::from_template("template1").await
    }

    async fn from_template(template: &str) -> Self {
        let admin = Server::shared().await.url();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("store_{}_{number}", std::process::id());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
        let (server, _) = admin.rsplit_once('/').unwrap();
        Self { url: format!("{server}/{name}") }
    }

    /// A database with our schema.
    pub async fn migrated() -> Self {
        let template = async || {
            let database = Self::empty().await;
            let store = database.store("migrator");
            store.migrate().await.unwrap();
            store.close().await;
            database.name().to_owned()
        };
        Self::from_template(TEMPLATE.get_or_init(template).await).await
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        self.url.rsplit_once('/').unwrap().1
    }

    /// `host:port` of the server.
    pub fn server(&self) -> &str {
        let rest = self.url.rsplit_once('@').unwrap().1;
        rest.split_once('/').unwrap().0
    }

    /// The same database through another port of this machine.
    pub fn through(&self, port: u16) -> Self {
        let (before, _) = self.url.rsplit_once('@').unwrap();
        Self { url: format!("{before}@127.0.0.1:{port}/{}", self.name()) }
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

    /// The rows of a question, each as Postgres writes a row: `a,b;c,d`, null as nothing.
    pub async fn text(&self, sql: &str) -> String {
        let rows = self.rows(&format!("SELECT q::text AS t FROM ({sql}) AS q")).await;
        let rows = rows.iter().map(|row| row.get::<String, _>("t"));
        let bare = rows.map(|row| row[1..row.len() - 1].to_owned());
        bare.collect::<Vec<_>>().join(";")
    }

    /// Brings all walks to their last page.
    pub async fn end_walks(&self) {
        self.run("UPDATE progressive_backfill_state SET stage = 'Verify'").await;
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        let mut connection = self.connection().await;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }
}
