//! The table `quarantined_pull_requests`: attempts on those that fail even alone, and those set
//! aside. Must not know when an attempt counts; the engine decides.

use backfill_api::Reason;
use backfill_engine::model::{NodeId, PullRequest, PullRequestNumber};
use uuid::Uuid;

use crate::chunks::lock_state;
use crate::connect::Store;
use crate::error::Error;
use crate::leases::Lease;
use crate::rows::{column, get};
use crate::transaction::Tx;

/// A pull request that is set aside, so that the others may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub number: PullRequestNumber,
    /// Its node id, where the light list gave one.
    pub node_id: Option<NodeId>,
    /// Why.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// How often it was tried.
    pub attempts: i64,
}

impl Store {
    /// Counts one more failed attempt on a pull request and returns how many there are. One that
    /// was stored in between starts anew. [`Error::Fenced`] when another holds the lease: that one
    /// may have stored it.
    pub async fn note_attempt(
        &self,
        lease: &Lease,
        number: PullRequestNumber,
        node_id: Option<&NodeId>,
        reason: Reason,
        message: &str,
    ) -> Result<i64, Error> {
        let mut tx = self.begin().await?;
        lock_state(&mut tx, lease).await?;
        let query = Tx::query(
            "-- note_attempt\n\
             INSERT INTO quarantined_pull_requests AS q \
                 (repository_id, number, node_id, reason, message) \
             SELECT s.repository_id, $2::bigint, $3, $4, $5 \
             FROM progressive_backfill_state s WHERE s.id = $1 \
             ON CONFLICT (repository_id, number) DO UPDATE SET \
                 node_id = COALESCE(excluded.node_id, q.node_id), reason = excluded.reason, \
                 message = excluded.message, last_seen_at = now(), \
                 attempts = CASE WHEN q.resolved_at IS NULL THEN q.attempts + 1 ELSE 1 END, \
                 first_seen_at = CASE WHEN q.resolved_at IS NULL THEN q.first_seen_at \
                     ELSE now() END, \
                 quarantined_at = CASE WHEN q.resolved_at IS NULL THEN q.quarantined_at END, \
                 resolved_at = NULL, gone_at = NULL \
             RETURNING attempts::bigint AS attempts",
        )
        .bind(lease.state_id)
        .bind(number.get())
        .bind(node_id.map(NodeId::as_str))
        .bind(reason.as_str())
        .bind(message);
        let attempts = get(&tx.fetch_one(query).await?, "attempts")?;
        tx.commit().await?;
        Ok(attempts)
    }
}

/// Sets pull requests aside, or leaves them there since when they are.
pub(crate) async fn insert(
    tx: &mut Tx,
    repository_id: Uuid,
    rows: &[Quarantined],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = Tx::query(
        "-- quarantine_pull_requests\n\
         INSERT INTO quarantined_pull_requests AS q \
             (repository_id, number, node_id, reason, message, attempts, quarantined_at) \
         SELECT DISTINCT ON (e.number) $1, e.number, e.node_id, e.reason, e.message, \
             e.attempts, now() \
         FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[]) \
             AS e(number, node_id, reason, message, attempts) \
         ORDER BY e.number \
         ON CONFLICT (repository_id, number) DO UPDATE SET \
             node_id = COALESCE(excluded.node_id, q.node_id), reason = excluded.reason, \
             message = excluded.message, attempts = excluded.attempts, \
             last_seen_at = now(), quarantined_at = CASE WHEN q.resolved_at IS NULL \
                 THEN COALESCE(q.quarantined_at, now()) ELSE now() END, \
             resolved_at = NULL, gone_at = NULL",
    )
    .bind(repository_id)
    .bind(column(rows, |row| row.number.get()))
    .bind(column(rows, |row| row.node_id.as_ref().map(backfill_engine::model::NodeId::as_str)))
    .bind(column(rows, |row| row.reason.as_str()))
    .bind(column(rows, |row| row.message.as_str()))
    .bind(column(rows, |row| row.attempts));
    tx.execute(query).await?;
    Ok(())
}

/// What is stored is no longer set aside, and not gone: were its row lost later, a proof would pass
/// over the hole.
pub(crate) async fn resolve(
    tx: &mut Tx,
    repository_id: Uuid,
    stored: &[&PullRequest],
    apart: &[Quarantined],
) -> Result<(), Error> {
    // What was stored in part stays set aside.
    let is_whole = |row: &&&PullRequest| apart.iter().all(|it| it.number != row.number);
    let whole: Vec<i64> = stored.iter().filter(is_whole).map(|row| row.number.get()).collect();
    if whole.is_empty() {
        return Ok(());
    }
    let query = Tx::query(
        "-- resolve_quarantine\n\
         UPDATE quarantined_pull_requests SET resolved_at = now(), gone_at = NULL \
         WHERE repository_id = $1 AND number = ANY($2::bigint[]) \
           AND (resolved_at IS NULL OR gone_at IS NOT NULL)",
    )
    .bind(repository_id)
    .bind(whole);
    tx.execute(query).await?;
    Ok(())
}
