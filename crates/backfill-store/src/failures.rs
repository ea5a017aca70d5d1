//! What a run that could not go on leaves in the state row: an error, or a wait. Needs no lease,
//! because most of it happens before one is taken, but gives way to another instance that has one.

use backfill_api::Reason;
use backfill_engine::model::StateStatus;
use jiff::Timestamp;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::at;
use crate::states::status_word;
use crate::transaction::{Query, Tx};

/// A failed run.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The cause.
    pub reason: Reason,
    /// For people. Never holds a secret.
    pub message: String,
    /// A Poison or Bug cause without any commit: counts towards the circuit breaker.
    pub counts_towards_circuit: bool,
    /// Not before this instant.
    pub next_attempt_at: Option<Timestamp>,
    /// The status from now on.
    pub status: StateStatus,
    /// `metadata.pause_reason`; `None` removes it.
    pub pause_reason: Option<String>,
}

impl Store {
    /// Keeps an error and the instant of the next attempt, so that a restart does not stampede.
    /// [`Error::Fenced`] when the row has gone to another object or another instance is at it.
    pub async fn record_failure(
        &self,
        state_id: Uuid,
        uid: &str,
        failure: &Failure,
    ) -> Result<(), Error> {
        let tx = self.begin().await?;
        let query = Tx::query(
            "-- record_failure\n\
             UPDATE progressive_backfill_state SET \
                 error_count = error_count + 1, failed_attempts = failed_attempts + 1, \
                 consecutive_errors = consecutive_errors + CASE WHEN $3 THEN 1 ELSE 0 END, \
                 last_error = $4, last_error_reason = $5, last_error_at = now(), \
                 next_attempt_at = $6, status = $7, written_status = $7, \
                 metadata = CASE WHEN $8::text IS NULL THEN metadata - 'pause_reason' \
                     ELSE metadata || jsonb_build_object('pause_reason', $8::text) END, \
                 updated_at = now() \
             WHERE id = $1 AND object_uid = $2 \
               AND (lease_holder IS NULL OR lease_holder = $9 OR lease_expires_at IS NULL \
                    OR lease_expires_at <= clock_timestamp())",
        )
        .bind(state_id)
        .bind(uid)
        .bind(failure.counts_towards_circuit)
        .bind(&failure.message)
        .bind(failure.reason.as_str())
        .bind(failure.next_attempt_at.map(at))
        .bind(status_word(failure.status))
        .bind(&failure.pause_reason)
        .bind(&self.instance_id);
        finish(tx, query).await
    }

    /// Keeps why nothing happens although there is no error: a limit, a suspension, a turn to
    /// come. The next acquire makes the row active again. [`Error::Fenced`] when the row has gone
    /// to another object or another instance is at it.
    pub async fn record_pause(
        &self,
        state_id: Uuid,
        uid: &str,
        status: StateStatus,
        pause_reason: &str,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let tx = self.begin().await?;
        let query = Tx::query(
            "-- record_pause\n\
             UPDATE progressive_backfill_state SET \
                 status = $3, written_status = $3, next_attempt_at = $5, \
                 metadata = metadata || jsonb_build_object('pause_reason', $4::text), \
                 updated_at = now() \
             WHERE id = $1 AND object_uid = $2 \
               AND (lease_holder IS NULL OR lease_holder = $6 OR lease_expires_at IS NULL \
                    OR lease_expires_at <= clock_timestamp())",
        )
        .bind(state_id)
        .bind(uid)
        .bind(status_word(status))
        .bind(pause_reason)
        .bind(until.map(at))
        .bind(&self.instance_id);
        finish(tx, query).await
    }
}

/// Commits an update of the one row, which must be there and ours.
async fn finish(mut tx: Tx, query: Query) -> Result<(), Error> {
    match tx.execute(query).await? {
        1 => tx.commit().await,
        _ => Err(Error::Fenced),
    }
}
