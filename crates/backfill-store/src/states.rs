//! Reads rows of `progressive_backfill_state`. Must not change them: walks, leases, commits and
//! failures do, each in a file of its own.

use backfill_api::Reason;
use backfill_engine::model::{
    BackfillState, Cursor, ErrorRecord, NodeId, ObjectRef, Points, PullRequestNumber,
    RepositoryName, StateStatus, WalkBounds,
};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::{get, get_at, get_at_opt, word};
use crate::transaction::Tx;

/// True of a row `q` of the quarantine that the walk of the state `s` covers: each, or under bounds
/// those that it has met.
macro_rules! in_walk {
    () => {
        "(COALESCE(s.window_since, s.window_until) IS NULL AND s.max_pull_requests IS NULL \
           OR EXISTS (SELECT FROM backfill_chunks c \
             WHERE c.backfill_state_id = s.id AND c.walk = s.walk \
               AND c.status = 'completed' AND q.number = ANY(c.pr_numbers)))"
    };
}
pub(crate) use in_walk;

/// The one way a state is read. The two counts look at no more than 20 chunks, and at the open
/// quarantine rows, which of a bounded walk are looked up in its chunks. A status that we did not
/// write is a reset by hand: it clears the wait and the backoff that went with the status before.
macro_rules! state_query {
    ($name:literal, $tail:literal) => {
        concat!(
            "-- ",
            $name,
            "\n\
             SELECT s.id, s.repository_id, r.node_id, r.full_name, s.object_uid, \
                 s.object_namespace, s.object_name, s.status, s.metadata->>'pause_reason' AS \
                 pause_reason, s.status = s.written_status AS is_own_status, s.stage, \
                 s.walk::bigint AS walk, s.walk_fingerprint, s.walk_started_at, s.window_since, \
                 s.window_until, s.metadata->>'window' AS window_words, \
                 s.max_pull_requests::bigint AS max_pull_requests, s.parts, \
                 s.total_prs::bigint AS total_prs, s.processed_prs::bigint AS processed_prs, \
                 s.last_processed_cursor, \
                 s.last_processed_pr_number::bigint AS last_processed_pr_number, s.back_to, \
                 s.last_processed_at, s.chunk_size::bigint AS chunk_size, \
                 s.chunk_size_asked::bigint AS chunk_size_asked, \
                 s.quick_pages::bigint AS quick_pages, \
                 s.chunks_completed::bigint AS chunks_completed, \
                 s.period_chunks::bigint AS period_chunks, s.points_used, \
                 s.consecutive_errors::bigint AS consecutive_errors, \
                 s.failed_attempts::bigint AS failed_attempts, s.last_error, \
                 s.last_error_reason, s.last_error_at, s.next_attempt_at, s.lease_holder, \
                 s.lease_expires_at, clock_timestamp() AS read_at, \
                 s.completed_at, s.stored_prs::bigint AS stored_prs, s.handled_requested_at, \
                 s.handled_restart_requested_at, \
                 (SELECT count(*) FROM quarantined_pull_requests q \
                   WHERE q.repository_id = s.repository_id AND q.quarantined_at IS NOT NULL \
                     AND q.resolved_at IS NULL \
                     AND ",
            in_walk!(),
            ") AS quarantined_prs, \
                 (SELECT count(*) FILTER (WHERE recent.status = 'failed') FROM \
                   (SELECT c.status FROM backfill_chunks c \
                     WHERE c.backfill_state_id = s.id AND c.walk = s.walk \
                       AND c.status IN ('completed', 'failed') \
                       AND c.chunk_number > s.last_chunk_number - 100 \
                     ORDER BY c.chunk_number DESC LIMIT 20) AS recent) AS recent_failures \
             FROM progressive_backfill_state s JOIN repositories r ON r.id = s.repository_id ",
            $tail
        )
    };
}

impl Store {
    /// Where the backfill of an object stands: the one it owns, else the one of the repository
    /// that has this name, or had it.
    pub async fn find_state(
        &self,
        uid: &str,
        host: &str,
        full_name: &str,
    ) -> Result<Option<BackfillState>, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(state_query!(
            "find_state",
            "WHERE s.id IN ( \
                     SELECT o.id FROM progressive_backfill_state o WHERE o.object_uid = $1 \
                     UNION ALL \
                     SELECT o.id FROM progressive_backfill_state o JOIN repositories named \
                       ON named.id = o.repository_id \
                      WHERE named.host = $2 AND lower(named.full_name) = lower($3) \
                     UNION ALL \
                     SELECT o.id FROM progressive_backfill_state o \
                       JOIN repository_names former ON former.repository_id = o.repository_id \
                      WHERE lower(former.full_name) = lower($3)) \
                   AND r.host = $2 \
                 ORDER BY s.object_uid IS NOT DISTINCT FROM $1 DESC, \
                     lower(r.full_name) = lower($3) DESC, s.updated_at DESC LIMIT 1"
        ))
        .bind(uid)
        .bind(host)
        .bind(full_name);
        let row = tx.fetch_optional(query).await?;
        row.as_ref().map(state).transpose()
    }
}

/// The state by its id, inside a transaction.
pub(crate) async fn read(tx: &mut Tx, id: Uuid) -> Result<BackfillState, Error> {
    let query = Tx::query(state_query!("read_state", "WHERE s.id = $1")).bind(id);
    state(&tx.fetch_one(query).await?)
}

/// A row as the engine knows it.
fn state(row: &PgRow) -> Result<BackfillState, Error> {
    let is_own_status: bool = get(row, "is_own_status")?;
    let status = status(&get::<String>(row, "status")?)?;
    let is_paused = is_own_status && status == StateStatus::Paused;
    Ok(BackfillState {
        id: get(row, "id")?,
        repository_id: get(row, "repository_id")?,
        repository_node_id: NodeId(get(row, "node_id")?),
        repository_name: RepositoryName(get(row, "full_name")?),
        owner: owner(row)?,
        status,
        pause_reason: get::<Option<String>>(row, "pause_reason")?.filter(|_| is_paused),
        stage: word("stage", &get::<String>(row, "stage")?)?,
        walk: get(row, "walk")?,
        walk_fingerprint: get(row, "walk_fingerprint")?,
        walk_started_at: get_at(row, "walk_started_at")?,
        bounds: bounds(row)?,
        window_words: get(row, "window_words")?,
        total_pull_requests: get(row, "total_prs")?,
        processed_pull_requests: get(row, "processed_prs")?,
        cursor: get::<Option<String>>(row, "last_processed_cursor")?.map(Cursor),
        last_number: get::<Option<i64>>(row, "last_processed_pr_number")?.map(PullRequestNumber),
        back_to: get_at_opt(row, "back_to")?,
        last_progress_at: get_at_opt(row, "last_processed_at")?,
        chunk_size: get(row, "chunk_size")?,
        size_asked: get(row, "chunk_size_asked")?,
        quick_pages: get(row, "quick_pages")?,
        chunks_completed: get(row, "chunks_completed")?,
        recent_failures: get(row, "recent_failures")?,
        period_chunks: get(row, "period_chunks")?,
        points_used: Points(get(row, "points_used")?),
        consecutive_errors: get(row, "consecutive_errors")?,
        failed_attempts: if is_own_status { get(row, "failed_attempts")? } else { 0 },
        last_error: last_error(row)?,
        next_attempt_at: get_at_opt(row, "next_attempt_at")?.filter(|_| is_own_status),
        lease_holder: get(row, "lease_holder")?,
        lease_expires_at: get_at_opt(row, "lease_expires_at")?,
        read_at: get_at(row, "read_at")?,
        completed_at: get_at_opt(row, "completed_at")?,
        stored_pull_requests: get(row, "stored_prs")?,
        quarantined_pull_requests: get(row, "quarantined_prs")?,
        handled_requested_at: get(row, "handled_requested_at")?,
        handled_restart_requested_at: get(row, "handled_restart_requested_at")?,
    })
}

/// The object that owns the walk; none in a row that was imported.
pub(crate) fn owner(row: &PgRow) -> Result<Option<ObjectRef>, Error> {
    let Some(uid) = get::<Option<String>>(row, "object_uid")? else { return Ok(None) };
    let text = |column| Ok::<_, Error>(get::<Option<String>>(row, column)?.unwrap_or_default());
    Ok(Some(ObjectRef { uid, namespace: text("object_namespace")?, name: text("object_name")? }))
}

/// What the walk covers.
fn bounds(row: &PgRow) -> Result<WalkBounds, Error> {
    let parts: Vec<String> = get(row, "parts")?;
    Ok(WalkBounds {
        since: get_at_opt(row, "window_since")?,
        until: get_at_opt(row, "window_until")?,
        max_pull_requests: get(row, "max_pull_requests")?,
        parts: parts.iter().map(|part| word("parts", part)).collect::<Result<_, _>>()?,
    })
}

/// The last error. One of an imported row has a text but no reason of ours.
fn last_error(row: &PgRow) -> Result<Option<ErrorRecord>, Error> {
    let Some(message) = get::<Option<String>>(row, "last_error")? else { return Ok(None) };
    let Some(at) = get_at_opt(row, "last_error_at")? else { return Ok(None) };
    let word: Option<String> = get(row, "last_error_reason")?;
    let reason = word.and_then(|word| word.parse().ok()).unwrap_or(Reason::InternalError);
    Ok(Some(ErrorRecord { reason, message, at }))
}

/// The four words of `status`.
pub(crate) fn status_word(status: StateStatus) -> &'static str {
    match status {
        StateStatus::Active => "active",
        StateStatus::Paused => "paused",
        StateStatus::Failed => "failed",
        StateStatus::Completed => "completed",
    }
}

fn status(word: &str) -> Result<StateStatus, Error> {
    match word {
        "active" => Ok(StateStatus::Active),
        "paused" => Ok(StateStatus::Paused),
        "failed" => Ok(StateStatus::Failed),
        "completed" => Ok(StateStatus::Completed),
        other => Err(Error::Inconsistent(format!("status holds the unknown word {other:?}"))),
    }
}
