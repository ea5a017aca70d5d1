//! How the database is reached: URL, TLS, pools. Must not know any table.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};

use crate::error::Error;
use crate::transaction::{Limits, Tx, in_time};

/// The parameters a URL may carry. Others name files of this pod, or start-up options that
/// PgBouncer refuses.
const URL_PARAMETERS: [&str; 10] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// What a [`Store`] is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host/database`. Without `sslmode` it is `verify-full`, unless the
    /// host is this machine.
    pub url: SecretString,
    /// The schema that holds our tables.
    pub schema: String,
    /// Connections at most. Two more, of their own, renew leases and answer health checks, so that
    /// nothing else can starve these.
    pub max_connections: u32,
    /// Bound of each statement.
    pub statement_timeout: Duration,
    /// Bound of each wait for a lock.
    pub lock_timeout: Duration,
    /// How much longer than a statement's bound its answer is waited for: a server that has gone
    /// silent keeps none.
    pub answer_margin: Duration,
    /// Bound of a transaction that says nothing.
    pub idle_timeout: Duration,
    /// Bound of the wait for a free connection, and for the last word on one that is given back.
    pub acquire_timeout: Duration,
    /// Who we are to other instances. Stable over restarts: the pod's uid, or a flag.
    pub instance_id: String,
}

impl Options {
    /// The usual options for a URL and an instance.
    pub fn new(url: SecretString, instance_id: impl Into<String>) -> Self {
        Self {
            url,
            schema: "public".to_owned(),
            max_connections: 10,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            answer_margin: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            acquire_timeout: Duration::from_secs(5),
            instance_id: instance_id.into(),
        }
    }
}

/// The store: a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    work: PgPool,
    leases: PgPool,
    pub(crate) limits: Limits,
    pub(crate) schema: String,
    pub(crate) instance_id: String,
}

impl Store {
    /// Opens a store. No connection is made yet: a database that is down is no start-up failure.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        let target = target(options.url.expose_secret())?;
        if options.schema.is_empty() || options.schema.len() > 63 || options.schema.contains('\0') {
            return Err(Error::Config("a schema's name has 1 to 63 bytes".to_owned()));
        }
        let limit = options.acquire_timeout;
        let pool = |connections: u32| {
            PgPoolOptions::new()
                .max_connections(connections.max(1))
                .acquire_timeout(limit)
                // The driver asks without a limit whether one that is given back still answers,
                // and what it asks a silent server takes the place of another.
                .after_release(move |connection, _| {
                    Box::pin(async move { in_time(limit, connection.ping()).await.map(|()| true) })
                })
                .connect_lazy_with(target.clone())
        };
        Ok(Self {
            work: pool(options.max_connections),
            leases: pool(2),
            limits: Limits {
                search_path: format!("\"{}\", pg_temp", options.schema.replace('"', "\"\"")),
                statement: options.statement_timeout,
                lock: options.lock_timeout,
                margin: options.answer_margin,
                idle: options.idle_timeout,
            },
            schema: options.schema.clone(),
            instance_id: options.instance_id.clone(),
        })
    }

    /// Answers when Postgres does, has our tables, and takes writes: a row lock is refused where
    /// a write would be.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut tx = self.begin_small().await?;
        let query = Tx::query("-- ping\nSELECT FROM progressive_backfill_state LIMIT 0 FOR UPDATE");
        // There is nothing to commit: dropped, the transaction is rolled back.
        tx.execute(query).await.map(|_| ())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.work.close().await;
        self.leases.close().await;
    }

    /// A transaction of the large pool.
    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Tx::begin(&self.work, &self.limits).await
    }

    /// A transaction of the large pool that finds rows by key alone.
    pub(crate) async fn begin_by_key(&self) -> Result<Tx, Error> {
        Tx::begin_by_key(&self.work, &self.limits).await
    }

    /// A transaction of the small pool, for what must not wait: renewals and health.
    pub(crate) async fn begin_small(&self) -> Result<Tx, Error> {
        Tx::begin(&self.leases, &self.limits).await
    }

    /// A transaction with limits of its own, for what takes longer than a chunk.
    pub(crate) async fn begin_with(&self, limits: &Limits) -> Result<Tx, Error> {
        Tx::begin(&self.work, limits).await
    }
}

/// The URL as connect options, with TLS as strict as the host asks for.
fn target(url: &str) -> Result<PgConnectOptions, Error> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(Error::Config("it must begin with postgres://".to_owned()));
    }
    let parameters = parameters(url)?;
    let target = PgConnectOptions::from_str(url).map_err(Error::from_driver)?;
    let target = if parameters.iter().any(|name| name == "sslmode" || name == "ssl-mode") {
        target
    } else if is_this_machine(&target) {
        target.ssl_mode(PgSslMode::Prefer)
    } else {
        target.ssl_mode(PgSslMode::VerifyFull)
    };
    let target = match target.get_application_name() {
        Some(_) => target,
        None => target.application_name("backfill-operator"),
    };
    // A pooler refuses start-up parameters that it does not know, and floats travel in binary.
    Ok(target.extra_float_digits(None).statement_cache_capacity(0))
}

/// The names of the URL's parameters, all of them known.
fn parameters(url: &str) -> Result<Vec<String>, Error> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter(|pair| !pair.is_empty());
    names
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .map(|name| {
            if URL_PARAMETERS.contains(&name) {
                Ok(name.to_owned())
            } else {
                Err(Error::Config(format!("the parameter {name:?} is not supported")))
            }
        })
        .collect()
}

/// True for a unix socket and for loopback addresses.
fn is_this_machine(target: &PgConnectOptions) -> bool {
    let host = target.get_host().trim_start_matches('[').trim_end_matches(']');
    target.get_socket().is_some()
        || host == "localhost"
        || host.starts_with('/')
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tls_is_verified_unless_the_url_or_loopback_says_otherwise() {
        let table = [
            ("u:p@db.example/x", PgSslMode::VerifyFull),
            ("u:p@10.0.0.1/x", PgSslMode::VerifyFull),
            ("u:p@[fd00::1]/x", PgSslMode::VerifyFull),
            ("u:p@localhost.example/x", PgSslMode::VerifyFull),
            ("u:p@localhost/x?host=db.example", PgSslMode::VerifyFull),
            ("u:p@localhost/x?hostaddr=10.0.0.1", PgSslMode::VerifyFull),
            ("u:p@localhost/x", PgSslMode::Prefer),
            ("u:p@127.0.0.2:5433/x", PgSslMode::Prefer),
            ("u:p@[::1]/x", PgSslMode::Prefer),
            ("u:p@x/x?host=/var/run/postgresql", PgSslMode::Prefer),
            ("u:p@localhost/x?sslmode=verify-full", PgSslMode::VerifyFull),
            ("u:p@db.example/x?sslmode=require", PgSslMode::Require),
            ("u:p@db.example/x?ssl-mode=disable", PgSslMode::Disable),
        ];
        for (url, expected) in table {
            let target = target(&format!("postgres://{url}")).unwrap();
            let mode = target.get_ssl_mode();
            assert_eq!(format!("{mode:?}"), format!("{expected:?}"), "{url}");
        }
    }
}
