//! One transaction: its limits set by `SET LOCAL`, its statements unnamed, its COMMIT told apart
//! from everything before. Must not know any table.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};

use crate::error::Error;

/// Rows that one statement carries at most. Its columns are copied into one message, so this
/// bounds a chunk's memory where a pull request has thousands of comments.
const ROWS_PER_STATEMENT: usize = 500;

const BY_KEY: &str = "\
    ; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
    SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; SET LOCAL work_mem = '16MB'";

/// A statement with its arguments.
pub(crate) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// What every transaction starts with. Start-up options and session settings would not survive a
/// transaction pooler.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Our schema, then `pg_temp`: what others left in `public` is never found by name.
    pub(crate) search_path: String,
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
    pub(crate) idle: Duration,
    /// How much longer than `statement` we wait for an answer ourselves: a server that has gone
    /// silent keeps no limit.
    pub(crate) margin: Duration,
}

/// An open transaction. Dropped without [`Tx::commit`] it rolls back.
pub(crate) struct Tx {
    inner: sqlx::Transaction<'static, Postgres>,
    /// The longest wait for an answer.
    answer: Duration,
}

impl Tx {
    /// Takes a connection and opens a transaction under these limits. READ COMMITTED whatever the
    /// server's default: who waits for a row's lock must then see what was committed.
    pub(crate) async fn begin(pool: &PgPool, limits: &Limits) -> Result<Self, Error> {
        Self::begin_with(pool, limits, "").await
    }

    /// The same, and rows are found by key alone. A chunk looks up some hundred rows in tables
    /// that may hold millions and were filled a moment ago: without fresh statistics the planner
    /// takes them for empty, reads them whole for each chunk, and a walk costs the square of its
    /// length. For the same reason parents are looked up by subqueries instead of joins. Before
    /// Postgres 18 a method that is off counts as very costly, which would have every such
    /// statement compiled: JIT is off too.
    pub(crate) async fn begin_by_key(pool: &PgPool, limits: &Limits) -> Result<Self, Error> {
        Self::begin_with(pool, limits, BY_KEY).await
    }

    /// One message, whatever it sets.
    async fn begin_with(pool: &PgPool, limits: &Limits, more: &str) -> Result<Self, Error> {
        let milliseconds = |limit: Duration| limit.as_millis();
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SET LOCAL search_path = {}; \
             SET LOCAL statement_timeout = {}; \
             SET LOCAL lock_timeout = {}; \
             SET LOCAL idle_in_transaction_session_timeout = {}{more}",
            limits.search_path,
            milliseconds(limits.statement),
            milliseconds(limits.lock),
            milliseconds(limits.idle),
        );
        let answer = limits.statement.saturating_add(limits.margin);
        let inner = in_time(answer, pool.begin_with(sqlx::AssertSqlSafe(begin))).await;
        Ok(Self { inner: inner.map_err(Error::from_driver)?, answer })
    }

    /// A statement of constant text. Unnamed: a named one would be missing on the next server
    /// connection of a pooler, and keeps the plan that was right when the tables were empty.
    pub(crate) fn query(text: &'static str) -> Query {
        sqlx::query(text).persistent(false)
    }

    /// Runs several statements of constant text, without arguments.
    pub(crate) async fn run_script(&mut self, script: sqlx::SqlStr) -> Result<(), Error> {
        let answer = in_time(self.answer, sqlx::raw_sql(script).execute(&mut *self.inner));
        answer.await.map(|_| ()).map_err(Error::from_driver)
    }

    /// How many rows it touched.
    pub(crate) async fn execute(&mut self, query: Query) -> Result<i64, Error> {
        let answer = in_time(self.answer, query.execute(&mut *self.inner));
        let outcome = answer.await.map_err(Error::from_driver)?;
        i64::try_from(outcome.rows_affected())
            .map_err(|_| Error::Inconsistent("a statement touched too many rows".to_owned()))
    }

    /// One statement for each some hundred of `rows`; how many rows they touched together.
    pub(crate) async fn execute_for<R: Sync>(
        &mut self,
        rows: &[R],
        statement: impl Fn(&[R]) -> Query + Send,
    ) -> Result<i64, Error> {
        let mut touched = 0;
        for some in rows.chunks(ROWS_PER_STATEMENT) {
            let query = statement(some);
            touched += self.execute(query).await?;
        }
        Ok(touched)
    }

    /// All rows.
    pub(crate) async fn fetch_all(&mut self, query: Query) -> Result<Vec<PgRow>, Error> {
        let answer = in_time(self.answer, query.fetch_all(&mut *self.inner));
        answer.await.map_err(Error::from_driver)
    }

    /// The one row there must be.
    pub(crate) async fn fetch_one(&mut self, query: Query) -> Result<PgRow, Error> {
        let answer = in_time(self.answer, query.fetch_one(&mut *self.inner));
        answer.await.map_err(Error::from_driver)
    }

    /// The row, if there is one.
    pub(crate) async fn fetch_optional(&mut self, query: Query) -> Result<Option<PgRow>, Error> {
        let answer = in_time(self.answer, query.fetch_optional(&mut *self.inner));
        answer.await.map_err(Error::from_driver)
    }

    /// Commits. An answer that is lost leaves the outcome unknown, which no retry may settle.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        in_time(self.answer, self.inner.commit()).await.map_err(Error::from_commit)
    }
}

/// The driver's answer, or that there was none: to COMMIT, too, that tells nothing of its outcome.
pub(crate) async fn in_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = || {
        let text = format!("no answer within {limit:?}");
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
    };
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(silence()))
}

/// Runs a transaction again when it lost against another one: three times at most.
pub(crate) async fn retrying<T, F, Fut>(attempt: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    retrying_on(Error::is_conflict, attempt).await
}

/// The same for what took long to get: it is tried again, too, when it waited in vain for a lock.
pub(crate) async fn retrying_patiently<T, F, Fut>(attempt: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    retrying_on(|error| error.is_conflict() || error.is_lock_timeout(), attempt).await
}

async fn retrying_on<T, F, Fut>(
    is_worth_it: impl Fn(&Error) -> bool,
    mut attempt: F,
) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    for wait_ms in [20, 100] {
        match attempt().await {
            Err(error) if is_worth_it(&error) => {
                tracing::debug!(%error, wait_ms, "transaction lost, again");
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            outcome => return outcome,
        }
    }
    attempt().await
}
