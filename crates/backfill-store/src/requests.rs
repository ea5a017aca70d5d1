//! What a person asks for through an annotation: forget errors, retry what is set aside.
//! Must not know how the request was made.

use backfill_engine::model::{NodeId, PullRequestNumber};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::get;
use crate::states::in_walk;
use crate::transaction::{Tx, retrying};

impl Store {
    /// Forgets errors, waits and the pause of a burst, and asks for another try of all that is set
    /// aside inside the walk's bounds: a completed walk that has such goes back to its
    /// verification. `asked` is kept, so that the same request is acted on once. An instance that
    /// is verifying such a walk is fenced: it has read already what there is to retry.
    /// [`Error::Fenced`] when the row has gone to another object.
    pub async fn forgive(&self, state_id: Uuid, uid: &str, asked: &str) -> Result<(), Error> {
        retrying(|| async move {
            let mut tx = self.begin().await?;
            // First, so that the next statement sees what is set aside by whoever held the row.
            let query = Tx::query(LOCK_OWN).bind(state_id).bind(uid);
            tx.fetch_optional(query).await?.ok_or(Error::Fenced)?;
            let query = Tx::query(FORGIVE).bind(state_id).bind(uid).bind(asked);
            tx.execute(query).await?;
            let query = Tx::query(ASK_FOR_QUARANTINED).bind(state_id);
            tx.execute(query).await?;
            tx.commit().await
        })
        .await
    }

    /// Those set aside inside the walk's bounds that somebody asked to try again, by number, the
    /// first 1,000 after this one.
    pub async fn quarantined_to_retry(
        &self,
        repository_id: Uuid,
        after: PullRequestNumber,
    ) -> Result<Vec<(PullRequestNumber, NodeId)>, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(QUARANTINED_TO_RETRY).bind(repository_id).bind(after.get());
        let rows = tx.fetch_all(query).await?;
        rows.iter()
            .map(|row| Ok((PullRequestNumber(get(row, "number")?), NodeId(get(row, "node_id")?))))
            .collect()
    }
}

const LOCK_OWN: &str = "-- lock_own_state\n\
    SELECT 1 FROM progressive_backfill_state WHERE id = $1 AND object_uid = $2 FOR UPDATE";

// A walk that is not verified yet reads what there is to retry when it comes to it.
const FORGIVE: &str = concat!(
    "-- forgive\n\
    UPDATE progressive_backfill_state s SET \
        consecutive_errors = 0, failed_attempts = 0, next_attempt_at = NULL, period_chunks = 0, \
        handled_requested_at = $3, metadata = s.metadata - 'pause_reason', updated_at = now(), \
        status = CASE WHEN proof.is_undone OR s.status <> 'completed' THEN 'active' \
            ELSE 'completed' END, \
        written_status = CASE WHEN proof.is_undone OR s.status <> 'completed' THEN 'active' \
            ELSE 'completed' END, \
        stage = CASE WHEN proof.is_undone THEN 'Verify' ELSE s.stage END, \
        lease_epoch = s.lease_epoch + CASE WHEN proof.is_undone THEN 1 ELSE 0 END, \
        lease_holder = CASE WHEN NOT proof.is_undone THEN s.lease_holder END, \
        lease_expires_at = CASE WHEN NOT proof.is_undone THEN s.lease_expires_at END \
    FROM (SELECT s.id, (s.status = 'completed' OR s.stage = 'Verify') AND EXISTS ( \
              SELECT 1 FROM quarantined_pull_requests q \
               WHERE q.repository_id = s.repository_id AND q.quarantined_at IS NOT NULL \
                 AND q.resolved_at IS NULL AND ",
    in_walk!(),
    ") AS is_undone FROM progressive_backfill_state s WHERE s.id = $1) AS proof \
    WHERE s.id = proof.id AND s.object_uid = $2"
);

const ASK_FOR_QUARANTINED: &str = concat!(
    "-- ask_for_quarantined\n\
    UPDATE quarantined_pull_requests q SET attempts = 0 \
    FROM progressive_backfill_state s \
    WHERE s.id = $1 AND q.repository_id = s.repository_id \
      AND q.quarantined_at IS NOT NULL AND q.resolved_at IS NULL AND ",
    in_walk!()
);

const QUARANTINED_TO_RETRY: &str = concat!(
    "-- quarantined_to_retry\n\
    SELECT q.number::bigint AS number, q.node_id FROM quarantined_pull_requests q \
    JOIN progressive_backfill_state s ON s.repository_id = q.repository_id \
    WHERE q.repository_id = $1 AND q.number > $2::bigint AND q.attempts = 0 \
      AND q.node_id IS NOT NULL AND q.quarantined_at IS NOT NULL AND q.resolved_at IS NULL AND ",
    in_walk!(),
    " ORDER BY q.number LIMIT 1000"
);
