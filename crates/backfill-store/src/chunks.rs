//! The table `backfill_chunks`: claiming a chunk (transaction 1) and giving one up. Completing one
//! is [`crate::commit`]. Must not know what a chunk holds.

use backfill_engine::model::{Cursor, Stage};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::leases::Lease;
use crate::rows::{get, word};
use crate::transaction::{Tx, retrying};

/// A chunk that is being fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkClaim {
    /// Key of the row.
    pub id: Uuid,
    /// Number of the chunk inside its backfill, never used twice.
    pub number: i64,
    /// Where its page starts; `None` at the top, and outside the walk.
    pub first_cursor: Option<Cursor>,
    /// How many claims of the same page were left without an outcome: whoever held them ended, lost
    /// its lease or lost the database.
    pub abandoned: i64,
    /// The stage it belongs to.
    pub stage: Stage,
}

impl Store {
    /// Claims the next chunk: its row says `processing` before the first request to GitHub.
    /// [`Error::Fenced`] when another holds the lease.
    pub async fn claim_chunk(&self, lease: &Lease) -> Result<ChunkClaim, Error> {
        retrying(|| async move {
            let mut tx = self.begin().await?;
            let query = Tx::query(CLAIM).bind(lease.state_id).bind(lease.epoch.get());
            let claim = claim(&tx.fetch_optional(query).await?.ok_or(Error::Fenced)?)?;
            tx.commit().await?;
            Ok(claim)
        })
        .await
    }

    /// Gives up the chunk that is under way; the next claim takes the same page again. Nothing
    /// happens when there is none of this lease.
    pub async fn fail_chunk(&self, lease: &Lease, message: &str) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(
            "-- fail_chunk\n\
             UPDATE backfill_chunks SET status = 'failed', error = $3 \
             WHERE backfill_state_id = $1 AND epoch = $2 AND status = 'processing'",
        )
        .bind(lease.state_id)
        .bind(lease.epoch.get())
        .bind(message);
        tx.execute(query).await?;
        tx.commit().await
    }

    /// Makes the next chunk as large as the manifest now asks, or leaves the size where the
    /// manifest no longer names one. [`Error::Fenced`] when another holds the lease.
    pub async fn heed_chunk_size(&self, lease: &Lease, asked: Option<i64>) -> Result<(), Error> {
        let text = "-- heed_chunk_size\n\
            UPDATE progressive_backfill_state \
            SET chunk_size = COALESCE($3::bigint, chunk_size), chunk_size_asked = $3::bigint, \
                quick_pages = 0, updated_at = now() \
            WHERE id = $1 AND lease_epoch = $2";
        self.change_chunk_size(lease, text, asked).await
    }

    /// Keeps another page size for the next chunk. [`Error::Fenced`] when another holds the lease.
    pub async fn set_chunk_size(&self, lease: &Lease, size: i64) -> Result<(), Error> {
        let text = "-- set_chunk_size\n\
            UPDATE progressive_backfill_state \
            SET chunk_size = $3::bigint, quick_pages = 0, updated_at = now() \
            WHERE id = $1 AND lease_epoch = $2";
        self.change_chunk_size(lease, text, Some(size)).await
    }

    async fn change_chunk_size(
        &self,
        lease: &Lease,
        text: &'static str,
        size: Option<i64>,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(text).bind(lease.state_id).bind(lease.epoch.get()).bind(size);
        match tx.execute(query).await? {
            1 => tx.commit().await,
            _ => Err(Error::Fenced),
        }
    }
}

/// Takes the state row's lock under our epoch.
pub(crate) async fn lock_state(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    let query = Tx::query(
        "-- lock_state\n\
         SELECT 1 FROM progressive_backfill_state \
         WHERE id = $1 AND lease_epoch = $2 FOR UPDATE",
    )
    .bind(lease.state_id)
    .bind(lease.epoch.get());
    match tx.fetch_optional(query).await? {
        Some(_) => Ok(()),
        None => Err(Error::Fenced),
    }
}

const CLAIM: &str = "-- claim_chunk\n\
    INSERT INTO backfill_chunks AS c (repository_id, backfill_state_id, chunk_number, status, \
        started_at, walk, epoch, stage, first_cursor, retry_count) \
    SELECT place.repository_id, place.id, get_next_chunk_number(place.id), 'processing', now(), \
        place.walk, place.lease_epoch, place.stage, place.first_cursor, \
        COALESCE((SELECT failed.retry_count + 1 FROM backfill_chunks failed \
            WHERE failed.backfill_state_id = place.id AND failed.walk = place.walk \
              AND failed.stage = place.stage AND failed.status = 'failed' \
              AND failed.first_cursor IS NOT DISTINCT FROM place.first_cursor \
              AND failed.chunk_number > place.last_chunk_number - 100 \
            ORDER BY failed.chunk_number DESC LIMIT 1), 0) \
    FROM (SELECT s.*, CASE WHEN s.stage = 'Walk' THEN s.last_processed_cursor END AS first_cursor \
            FROM progressive_backfill_state s WHERE s.id = $1 AND s.lease_epoch = $2 FOR UPDATE) \
        AS place \
    RETURNING c.id, c.chunk_number::bigint AS chunk_number, c.first_cursor, \
        c.stage, (SELECT count(*) FROM backfill_chunks f \
            WHERE f.backfill_state_id = c.backfill_state_id AND f.walk = c.walk \
              AND f.stage = c.stage AND f.status = 'failed' AND f.error = 'abandoned' \
              AND f.first_cursor IS NOT DISTINCT FROM c.first_cursor \
              AND f.chunk_number > c.chunk_number - 100) AS abandoned";

fn claim(row: &PgRow) -> Result<ChunkClaim, Error> {
    Ok(ChunkClaim {
        id: get(row, "id")?,
        number: get(row, "chunk_number")?,
        first_cursor: get::<Option<String>>(row, "first_cursor")?.map(Cursor),
        abandoned: get(row, "abandoned")?,
        stage: word("stage", &get::<String>(row, "stage")?)?,
    })
}
