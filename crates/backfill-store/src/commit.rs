//! Transaction 2 of a chunk: everything it read, its row and the cursor, or nothing at all.
//! Must not know GitHub: what is not in a pull request's `captured` was not asked for.

use std::collections::BTreeMap;

use backfill_engine::model::{BackfillState, Cursor, PullRequest, PullRequestNumber, Stage};
use jiff::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::chunks::ChunkClaim;
use crate::connect::Store;
use crate::error::Error;
use crate::leases::{LEASE_SECONDS, Lease};
use crate::parents::Parents;
use crate::quarantine::Quarantined;
use crate::rows::{at, column, get};
use crate::transaction::{Tx, retrying_patiently};
use crate::{comments, commits, contributors, files, pull_requests, quarantine, reviews, states};

/// What a chunk brings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkCommit {
    /// Whole pull requests, in the order of the page.
    pub pull_requests: Vec<PullRequest>,
    /// Those of the page that are set aside.
    pub quarantined: Vec<Quarantined>,
    /// Where the next page starts; `None` keeps the cursor. Ignored outside the walk.
    pub end_cursor: Option<Cursor>,
    /// `createdAt` of the oldest pull request of the page; `None` keeps what is stored.
    pub back_to: Option<Timestamp>,
    /// The stage from now on; `None` keeps it.
    pub next_stage: Option<Stage>,
    /// Page size of the next chunk.
    pub chunk_size: i64,
    /// Good, quick pages in a row at this size.
    pub quick_pages: i64,
    /// Chunks of the current pacing period, this one included.
    pub period_chunks: i64,
    /// Requests that the chunk cost.
    pub api_calls: i64,
    /// Points that the chunk cost.
    pub points: i64,
    /// Points left after it.
    pub rate_limit_remaining: Option<i64>,
}

/// A chunk that is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// Pull requests whose row was really written.
    pub written: i64,
    /// Pull requests whose row was equal already.
    pub unchanged: i64,
    /// Rows written in the tables of children.
    pub child_rows_written: i64,
    /// The state after it.
    pub state: BackfillState,
}

impl Store {
    /// Stores a chunk and moves the cursor, in one transaction under the lease's epoch.
    ///
    /// [`Error::Fenced`]: another has taken over, nothing of it remains.
    /// [`Error::ClaimLost`]: the chunk is no longer claimed, nothing of it remains either.
    /// [`Error::OutcomeUnknown`]: acquire again and compare the cursor; never commit again.
    pub async fn commit_chunk(
        &self,
        lease: &Lease,
        claim: &ChunkClaim,
        chunk: &ChunkCommit,
    ) -> Result<Committed, Error> {
        // Another repository may be storing the same account: no reason to fetch a chunk again.
        retrying_patiently(|| async move {
            let mut tx = self.begin_by_key().await?;
            let committed = write(&mut tx, lease, claim, chunk).await?;
            tx.commit().await?;
            Ok(committed)
        })
        .await
    }
}

async fn write(
    tx: &mut Tx,
    lease: &Lease,
    claim: &ChunkClaim,
    chunk: &ChunkCommit,
) -> Result<Committed, Error> {
    let by_number: BTreeMap<PullRequestNumber, &PullRequest> =
        chunk.pull_requests.iter().map(|it| (it.number, it)).collect();
    let rows: Vec<&PullRequest> = by_number.into_values().collect();
    let moved = move_state(tx, lease, claim, chunk, &rows).await?;
    let repository_id = get(&moved, "repository_id")?;
    let host: &str = get(&moved, "host")?;
    let (written, child_rows_written) = write_rows(tx, repository_id, host, &rows).await?;
    if get(&moved, "has_apart")? {
        quarantine::resolve(tx, repository_id, &rows, &chunk.quarantined).await?;
    }
    quarantine::insert(tx, repository_id, &chunk.quarantined).await?;
    let unchanged = i64::try_from(rows.len()).unwrap_or(i64::MAX) - written;
    complete_row(tx, lease, claim, chunk, [written, unchanged]).await?;
    let state = states::read(tx, lease.state_id).await?;
    Ok(Committed { written, unchanged, child_rows_written, state })
}

/// Pull requests with everything that was read with them, sorted by number. Tables and rows come
/// in one order everywhere, so that two chunks never wait for each other. Returns the rows really
/// written, of pull requests and of children.
async fn write_rows(
    tx: &mut Tx,
    repository_id: Uuid,
    host: &str,
    rows: &[&PullRequest],
) -> Result<(i64, i64), Error> {
    let actors = contributors::actors(rows);
    let accounts = contributors::upsert(tx, host, &actors).await?;
    let stored = pull_requests::ids(tx, repository_id, rows).await?;
    let parents = Parents::new(repository_id, accounts, stored, rows);
    let written = pull_requests::upsert(tx, &parents, rows).await?;
    let mut child_rows_written = reviews::replace(tx, &parents, rows).await?;
    child_rows_written += comments::replace(tx, &parents, rows).await?;
    child_rows_written += commits::replace(tx, &parents, rows).await?;
    child_rows_written += files::replace(tx, &parents, rows).await?;
    Ok((written, child_rows_written))
}

/// The fence, the counters and the cursor. Counted before the rows change: how many of these pull
/// requests are live already tells how many will be new, because nobody else writes them while we
/// hold this row.
async fn move_state(
    tx: &mut Tx,
    lease: &Lease,
    claim: &ChunkClaim,
    chunk: &ChunkCommit,
    rows: &[&PullRequest],
) -> Result<PgRow, Error> {
    let is_walk = claim.stage == Stage::Walk;
    let last = chunk.pull_requests.last().map(|it| it.number.get());
    let query = Tx::query(MOVE_STATE)
        .bind(lease.state_id)
        .bind(lease.epoch.get())
        .bind(is_walk)
        .bind(column(rows, |row| row.number.get()))
        .bind(column(&chunk.quarantined, |row| row.number.get()))
        .bind(chunk.end_cursor.as_ref().map(Cursor::as_str))
        .bind(last.or(chunk.quarantined.last().map(|it| it.number.get())))
        .bind(chunk.back_to.map(at))
        .bind(chunk.next_stage.map(Stage::as_str))
        .bind(chunk.chunk_size)
        .bind(chunk.quick_pages)
        .bind(chunk.period_chunks)
        .bind(chunk.points)
        .bind(LEASE_SECONDS);
    tx.fetch_optional(query).await?.ok_or(Error::Fenced)
}

// Outside the walk only what no chunk of it has met counts as gone through: the others were counted
// then, whether stored or set aside.
const MOVE_STATE: &str = "-- commit_chunk\n\
    UPDATE progressive_backfill_state s SET \
        processed_prs = s.processed_prs + CASE WHEN $3 \
            THEN (SELECT count(DISTINCT n) FROM unnest($4::bigint[] || $5::bigint[]) AS n) \
            ELSE (SELECT count(DISTINCT n) FROM unnest($4::bigint[] || $5::bigint[]) AS n \
                WHERE NOT EXISTS (SELECT FROM backfill_chunks c \
                    WHERE c.backfill_state_id = s.id AND c.walk = s.walk \
                      AND c.status = 'completed' AND n = ANY(c.pr_numbers))) END, \
        stored_prs = s.stored_prs + cardinality($4::bigint[]) - live.count, \
        last_processed_cursor = CASE WHEN $3 THEN COALESCE($6, s.last_processed_cursor) \
            ELSE s.last_processed_cursor END, \
        last_processed_pr_number = CASE WHEN $3 \
            THEN COALESCE($7::bigint, s.last_processed_pr_number) \
            ELSE s.last_processed_pr_number END, \
        last_processed_at = now(), back_to = COALESCE($8::timestamptz, s.back_to), \
        stage = COALESCE($9, s.stage), chunk_size = $10::bigint, quick_pages = $11::bigint, \
        period_chunks = $12::bigint, points_used = s.points_used + $13::bigint, \
        chunks_completed = s.chunks_completed + 1, consecutive_errors = 0, failed_attempts = 0, \
        next_attempt_at = NULL, \
        lease_expires_at = clock_timestamp() + make_interval(secs => $14::bigint), \
        updated_at = now() \
    FROM repositories r, LATERAL ( \
        SELECT count(*) FROM unnest($4::bigint[]) AS n WHERE (SELECT p.deleted_at IS NULL \
            FROM pull_requests p WHERE p.repository_id = r.id AND p.number = n)) AS live \
    WHERE s.id = $1 AND s.lease_epoch = $2 AND r.id = s.repository_id \
    RETURNING s.repository_id, r.host, EXISTS (SELECT FROM quarantined_pull_requests q \
        WHERE q.repository_id = r.id AND (q.resolved_at IS NULL OR q.gone_at IS NOT NULL)) \
        AS has_apart";

/// The chunk's own row; whoever listens is told once it is visible, as a hint: they read the
/// tables. The order of `pr_numbers` is the page's.
async fn complete_row(
    tx: &mut Tx,
    lease: &Lease,
    claim: &ChunkClaim,
    chunk: &ChunkCommit,
    [written, unchanged]: [i64; 2],
) -> Result<(), Error> {
    let mut numbers: Vec<i64> = Vec::new();
    let page = chunk.pull_requests.iter().map(|it| it.number);
    for number in page.chain(chunk.quarantined.iter().map(|it| it.number)) {
        if !numbers.contains(&number.get()) {
            numbers.push(number.get());
        }
    }
    let query = Tx::query(COMPLETE_ROW)
        .bind(claim.id)
        .bind(lease.epoch.get())
        .bind(numbers)
        .bind(claim.stage == Stage::Walk)
        .bind(chunk.end_cursor.as_ref().map(Cursor::as_str))
        .bind(chunk.api_calls)
        .bind(chunk.points)
        .bind(chunk.rate_limit_remaining)
        .bind(written)
        .bind(unchanged);
    match tx.execute(query).await? {
        1 => Ok(()),
        _ => Err(Error::ClaimLost(claim.number)),
    }
}

const COMPLETE_ROW: &str = "-- complete_chunk_row\n\
    UPDATE backfill_chunks SET status = 'completed', completed_at = clock_timestamp(), \
        pr_numbers = $3::bigint[]::integer[], \
        end_cursor = CASE WHEN $4 THEN COALESCE($5, first_cursor) END, \
        api_calls_made = $6::bigint, points = $7::bigint, rate_limit_remaining = $8::bigint, \
        prs_written = $9::bigint, prs_unchanged = $10::bigint \
    WHERE id = $1 AND epoch = $2 AND status = 'processing' \
    RETURNING pg_notify('backfill', backfill_state_id::text)";
