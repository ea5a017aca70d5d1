//! Brings the schema to what this version needs. Must not know what the tables are for.
//!
//! Each migration is a transaction under one advisory lock (of the transaction, so that it holds
//! behind a transaction pooler too). What an older version of this operator left stays usable by
//! it: migrations only add until no older version runs.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, Migrator};

use crate::connect::Store;
use crate::error::Error;
use crate::rows::get;
use crate::transaction::{Limits, Tx};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");
const ADAPT_TO_SERVER: &str = include_str!("../../../migrations/each_time/adapt_to_server.sql");

impl Store {
    /// Runs what has not run yet. Safe to call twice, and from several places at once.
    pub async fn migrate(&self) -> Result<(), Error> {
        let limits = Limits {
            statement: Duration::from_mins(10),
            lock: Duration::from_mins(1),
            // A script is many statements.
            margin: Duration::from_hours(1),
            ..self.limits.clone()
        };
        let mut tx = self.begin_with(&limits).await?;
        self.prepare_schema(&mut tx).await?;
        tx.commit().await?;
        for migration in MIGRATIONS.iter() {
            let mut tx = self.begin_with(&limits).await?;
            lock(&mut tx).await?;
            if apply(&mut tx, migration).await? {
                tx.commit().await?;
                tracing::info!(version = migration.version, "migration applied");
            }
        }
        let mut tx = self.begin_with(&limits).await?;
        lock(&mut tx).await?;
        tx.run_script(ADAPT_TO_SERVER.into_sql_str()).await.map_err(|e| failed(0, e))?;
        tx.commit().await
    }

    /// Makes the schema and the table of migrations, unless tables of others are in the way.
    async fn prepare_schema(&self, tx: &mut Tx) -> Result<(), Error> {
        lock(tx).await?;
        let query =
            Tx::query("-- find_schema\nSELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1")
                .bind(&self.schema);
        if tx.fetch_optional(query).await?.is_none() {
            let create = format!("CREATE SCHEMA \"{}\"", self.schema.replace('"', "\"\""));
            tx.run_script(sqlx::AssertSqlSafe(create).into_sql_str()).await?;
        }
        let query = Tx::query(
            "-- find_foreign_table\n\
             SELECT c.relname FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = ANY($2) \
               AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class own \
                   WHERE own.relnamespace = n.oid AND own.relname = 'backfill_migrations') \
             ORDER BY array_position($2, c.relname::text) LIMIT 1",
        );
        let query = query.bind(&self.schema).bind(own_relations());
        if let Some(row) = tx.fetch_optional(query).await? {
            let table = get(&row, "relname")?;
            return Err(Error::ForeignTable { schema: self.schema.clone(), table });
        }
        let query = Tx::query(
            "-- create_migrations\n\
             CREATE TABLE IF NOT EXISTS backfill_migrations ( \
                 version bigint PRIMARY KEY, \
                 description text NOT NULL, \
                 checksum bytea NOT NULL, \
                 applied_at timestamptz NOT NULL DEFAULT now())",
        );
        tx.execute(query).await?;
        Ok(())
    }
}

/// One migrator at a time in each database.
async fn lock(tx: &mut Tx) -> Result<(), Error> {
    // Any constant does, as long as every version of this operator uses the same one.
    let query = Tx::query(
        "-- lock_migrations\nSELECT pg_catalog.pg_advisory_xact_lock(7310482950116734513)",
    );
    tx.execute(query).await?;
    Ok(())
}

/// Runs a migration unless it has run. False when there was nothing to commit.
async fn apply(tx: &mut Tx, migration: &Migration) -> Result<bool, Error> {
    match applied(tx).await?.get(&migration.version) {
        Some(checksum) if checksum == migration.checksum.as_ref() => return Ok(false),
        Some(_) => {
            return Err(Error::Migration {
                version: migration.version,
                message: "it was changed after it had run".to_owned(),
                source: None,
            });
        }
        None => {}
    }
    tx.run_script(migration.sql.clone()).await.map_err(|e| failed(migration.version, e))?;
    let query = Tx::query(
        "-- record_migration\n\
         INSERT INTO backfill_migrations (version, description, checksum) VALUES ($1, $2, $3)",
    )
    .bind(migration.version)
    .bind(migration.description.as_ref())
    .bind(migration.checksum.as_ref());
    tx.execute(query).await?;
    Ok(true)
}

/// Versions that have run, with their checksums.
async fn applied(tx: &mut Tx) -> Result<BTreeMap<i64, Vec<u8>>, Error> {
    let query = Tx::query("-- list_migrations\nSELECT version, checksum FROM backfill_migrations");
    let rows = tx.fetch_all(query).await?;
    rows.iter().map(|row| Ok((get(row, "version")?, get(row, "checksum")?))).collect()
}

/// A failed statement inside a migration, with its number. What is no fault of the migration
/// keeps its own cause.
fn failed(version: i64, error: Error) -> Error {
    match error {
        Error::NotMigrated(source) | Error::Refused(source) | Error::Unexpected { source, .. } => {
            Error::Migration { version, message: source.to_string(), source: Some(source) }
        }
        other => other,
    }
}

/// The names that our migrations create, read from their text.
fn own_relations() -> Vec<String> {
    let lines = MIGRATIONS.iter().flat_map(|migration| migration.sql.as_str().lines());
    lines
        .filter_map(|line| line.strip_prefix("CREATE TABLE ").or(line.strip_prefix("CREATE VIEW ")))
        .filter_map(|rest| rest.split([' ', '(']).next())
        .map(str::to_owned)
        .collect()
}
