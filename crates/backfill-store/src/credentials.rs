//! The table `github_credentials`: what GitHub last said about a credential's limits, for the next
//! start and for other processes. Never the credential: only its hash. Must not judge the figures.

use backfill_engine::budget::{BudgetSnapshot, RateLimit};
use sqlx::postgres::PgRow;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::{at, get, get_at_opt};
use crate::transaction::Tx;

/// A credential's budget as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCredential {
    /// Who GitHub takes it for: tokens of one user share their limits.
    pub identity: String,
    /// Hash of the token.
    pub token_hash: String,
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// What outlives the process.
    pub budget: BudgetSnapshot,
}

impl Store {
    /// The identity of this token, and the newest budget known for it.
    pub async fn credential(
        &self,
        token_hash: &str,
    ) -> Result<Option<(String, BudgetSnapshot)>, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(
            "-- find_credential\n\
             SELECT c.identity, c.rate_limit::bigint AS rate_limit, \
                 c.remaining::bigint AS remaining, c.reset_at, c.hold_until, \
                 c.response_window \
             FROM github_credentials c \
             WHERE c.identity = \
                 (SELECT own.identity FROM github_credentials own WHERE own.token_hash = $1) \
             ORDER BY c.updated_at DESC LIMIT 1",
        )
        .bind(token_hash);
        let row = tx.fetch_optional(query).await?;
        row.map(|row| Ok((get(&row, "identity")?, budget(&row)?))).transpose()
    }

    /// Keeps a budget, and forgets tokens of the identity that were not used for a week:
    /// installation tokens change every hour.
    pub async fn record_credential(&self, credential: &StoredCredential) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let limit = credential.budget.rate_limit;
        let window = serde_json::to_value(&credential.budget)
            .map_err(|error| Error::Inconsistent(error.to_string()))?;
        let query = Tx::query(UPSERT)
            .bind(&credential.token_hash)
            .bind(&credential.identity)
            .bind(&credential.namespace)
            .bind(&credential.secret)
            .bind(limit.map(|limit| limit.limit))
            .bind(limit.map(|limit| limit.remaining))
            .bind(limit.and_then(|limit| limit.reset_at).map(at))
            .bind(credential.budget.hold_until.map(at))
            .bind(window);
        tx.execute(query).await?;
        let query = Tx::query(
            "-- forget_credentials\n\
             DELETE FROM github_credentials \
             WHERE identity = $1 AND updated_at < now() - interval '7 days'",
        )
        .bind(&credential.identity);
        tx.execute(query).await?;
        tx.commit().await
    }
}

const UPSERT: &str = "-- record_credential\n\
    INSERT INTO github_credentials (token_hash, identity, secret_namespace, secret_name, \
        rate_limit, remaining, reset_at, hold_until, response_window) \
    VALUES ($1, $2, $3, $4, $5::bigint, $6::bigint, $7, $8, $9) \
    ON CONFLICT (token_hash) DO UPDATE SET \
        identity = excluded.identity, secret_namespace = excluded.secret_namespace, \
        secret_name = excluded.secret_name, rate_limit = excluded.rate_limit, \
        remaining = excluded.remaining, reset_at = excluded.reset_at, \
        hold_until = excluded.hold_until, response_window = excluded.response_window, \
        updated_at = now()";

/// The columns say what people may have mended by hand; the rest is as it was written.
fn budget(row: &PgRow) -> Result<BudgetSnapshot, Error> {
    let written: serde_json::Value = get(row, "response_window")?;
    // What another version wrote may not be readable: the limits in the columns are.
    let mut budget: BudgetSnapshot = serde_json::from_value(written).unwrap_or_default();
    let told = (get::<Option<i64>>(row, "rate_limit")?, get::<Option<i64>>(row, "remaining")?);
    let reset_at = get_at_opt(row, "reset_at")?;
    budget.rate_limit = match told {
        (Some(limit), Some(remaining)) => Some(RateLimit { limit, remaining, reset_at }),
        _ => None,
    };
    budget.hold_until = get_at_opt(row, "hold_until")?;
    Ok(budget)
}
