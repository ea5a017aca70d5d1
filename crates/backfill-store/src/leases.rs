//! The lease on a backfill: who may write, under which epoch, until when. Database time decides.
//! Must not know what is written under it.

use backfill_engine::model::{BackfillState, Epoch};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::{get, get_at, get_at_opt};
use crate::states;
use crate::transaction::{Tx, retrying};

/// How long a lease lasts without renewal, in seconds. Renew it every 10.
pub const LEASE_SECONDS: i64 = 30;

/// The right to write one backfill, as long as nobody has a newer epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Key of the state row.
    pub state_id: Uuid,
    /// The epoch it was taken under.
    pub epoch: Epoch,
    /// Instance id of the holder: ours.
    pub holder: String,
}

/// A lease with the state it was taken on.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquired {
    /// The lease.
    pub lease: Lease,
    /// The state as it is under the new epoch.
    pub state: BackfillState,
}

impl Store {
    /// Takes the lease: at once where we held it or nobody does, else when it has run out. Waits
    /// for a transaction that still holds the row, so that after a lost answer to COMMIT the
    /// cursor read here is the true one. Chunks of older epochs that are still `processing` are
    /// closed as `failed`.
    ///
    /// [`Error::LeaseHeld`] while another holds it, [`Error::Claimed`] when the row now belongs to
    /// another object.
    pub async fn acquire(&self, state_id: Uuid, uid: &str) -> Result<Acquired, Error> {
        retrying(|| async move {
            let mut tx = self.begin().await?;
            let query = Tx::query(ACQUIRE)
                .bind(state_id)
                .bind(&self.instance_id)
                .bind(uid)
                .bind(LEASE_SECONDS);
            let Some(row) = tx.fetch_optional(query).await? else {
                return Err(refusal(&mut tx, state_id, uid).await?);
            };
            let epoch = Epoch(get(&row, "lease_epoch")?);
            close_abandoned(&mut tx, state_id, epoch).await?;
            let state = states::read(&mut tx, state_id).await?;
            tx.commit().await?;
            let lease = Lease { state_id, epoch, holder: self.instance_id.clone() };
            Ok(Acquired { lease, state })
        })
        .await
    }

    /// Another instance had the lease when the state was read, and it had not run out.
    pub fn is_held_elsewhere(&self, state: &BackfillState) -> bool {
        state.lease_holder.as_ref().is_some_and(|holder| *holder != self.instance_id)
            && state.lease_expires_at.is_some_and(|until| until > state.read_at)
    }

    /// Extends the lease. [`Error::Fenced`] when another has taken it: stop writing.
    /// [`Error::Timeout`] while a commit holds the row is no loss: the commit extends it too.
    pub async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        let mut tx = self.begin_small().await?;
        let query = Tx::query(
            "-- renew_lease\n\
             UPDATE progressive_backfill_state \
             SET lease_expires_at = clock_timestamp() + make_interval(secs => $4::bigint) \
             WHERE id = $1 AND lease_epoch = $2 AND lease_holder = $3",
        )
        .bind(lease.state_id)
        .bind(lease.epoch.get())
        .bind(&lease.holder)
        .bind(LEASE_SECONDS);
        if tx.execute(query).await? != 1 {
            return Err(Error::Fenced);
        }
        tx.commit().await
    }

    /// Gives the lease back, so that others need not wait. Nothing happens when it was lost.
    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let mut tx = self.begin_small().await?;
        let query = Tx::query(
            "-- release_lease\n\
             UPDATE progressive_backfill_state \
             SET lease_holder = NULL, lease_expires_at = NULL \
             WHERE id = $1 AND lease_epoch = $2",
        )
        .bind(lease.state_id)
        .bind(lease.epoch.get());
        tx.execute(query).await?;
        tx.commit().await
    }
}

// A completed backfill stays completed while it is followed; every other status becomes active.
const ACQUIRE: &str = "-- acquire_lease\n\
    UPDATE progressive_backfill_state SET \
        lease_holder = $2, lease_epoch = lease_epoch + 1, \
        lease_expires_at = clock_timestamp() + make_interval(secs => $4::bigint), \
        failed_attempts = CASE WHEN status = written_status THEN failed_attempts ELSE 0 END, \
        status = CASE WHEN status = 'completed' THEN 'completed' ELSE 'active' END, \
        written_status = CASE WHEN status = 'completed' THEN 'completed' ELSE 'active' END, \
        metadata = metadata - 'pause_reason', next_attempt_at = NULL, updated_at = now() \
    WHERE id = $1 AND object_uid = $3 \
      AND (lease_holder IS NULL OR lease_holder = $2 OR lease_expires_at IS NULL \
           OR lease_expires_at <= clock_timestamp()) \
    RETURNING lease_epoch";

/// Why nothing could be acquired.
async fn refusal(tx: &mut Tx, state_id: Uuid, uid: &str) -> Result<Error, Error> {
    let query = Tx::query(
        "-- why_not_acquired\n\
         SELECT object_uid, object_namespace, object_name, lease_holder, lease_expires_at, \
             clock_timestamp() AS read_at \
         FROM progressive_backfill_state WHERE id = $1",
    )
    .bind(state_id);
    let Some(row) = tx.fetch_optional(query).await? else {
        return Ok(Error::Inconsistent(format!("there is no backfill {state_id}")));
    };
    match states::owner(&row)? {
        Some(owner) if owner.uid != uid => return Ok(Error::Claimed { owner }),
        _ => {}
    }
    let holder = get::<Option<String>>(&row, "lease_holder")?.unwrap_or_default();
    // Released or expired between the two statements: worth another look at once.
    let until = get_at_opt(&row, "lease_expires_at")?;
    let until = until.map_or_else(|| get_at(&row, "read_at"), Ok)?;
    Ok(Error::LeaseHeld { holder, until })
}

/// A chunk whose holder died, or was fenced, will never be completed by it.
async fn close_abandoned(tx: &mut Tx, state_id: Uuid, epoch: Epoch) -> Result<(), Error> {
    let query = Tx::query(
        "-- close_abandoned_chunks\n\
         UPDATE backfill_chunks SET status = 'failed', error = 'abandoned' \
         WHERE backfill_state_id = $1 AND status = 'processing' AND epoch < $2",
    )
    .bind(state_id)
    .bind(epoch.get());
    let closed = tx.execute(query).await?;
    if closed > 0 {
        tracing::info!(%state_id, closed, "abandoned chunks closed");
    }
    Ok(())
}
