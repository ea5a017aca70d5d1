//! Begins a walk: the repository's row and the state row, in one transaction. Must not know
//! chunks or leases beyond the epoch that fences a running one.

use std::collections::BTreeMap;

use backfill_api::Part;
use backfill_engine::model::{BackfillState, ObjectRef, Repository, WalkBounds};
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::{At, at, column, get};
use crate::transaction::{Tx, retrying};
use crate::{repositories, states};

/// What a walk is begun with.
#[derive(Clone, Debug)]
pub struct BeginWalk<'a> {
    /// The repository as GitHub has it now.
    pub repository: &'a Repository,
    /// Its host.
    pub host: &'a str,
    /// The object that wants the walk. An object captures one repository for as long as it lives.
    pub owner: &'a ObjectRef,
    /// What the walk covers.
    pub bounds: &'a WalkBounds,
    /// Fingerprint of what the walk covers.
    pub fingerprint: &'a str,
    /// Value of the `requested-at` annotation that this answers; `None` keeps what this object
    /// was answered before.
    pub handled_requested_at: Option<&'a str>,
    /// Value of the `restart-requested-at` annotation; `None` keeps what this object was answered
    /// before.
    pub handled_restart_requested_at: Option<&'a str>,
    /// Uid of the object whose unfinished row may be taken: the caller saw that it is gone.
    pub take_over_from: Option<&'a str>,
    /// The object's walk as the caller saw it, 0 if there was none: if another instance has begun
    /// one since, that one stands. `None` begins one in any case.
    pub seen_walk: Option<i64>,
    /// Page size to start with, in pull requests.
    pub chunk_size: i64,
    /// The size that the manifest asks for; it wins over what an earlier walk has learned.
    pub size_asked: Option<i64>,
    /// Merged into `metadata`, such as `type` and `triggered_from`. Under `window` the words that
    /// the bounds were made of: while they stay, the stored start of the window does.
    pub metadata: BTreeMap<String, String>,
}

impl Store {
    /// Starts a walk from the top over whatever rows there are: counters and cursor go, what was
    /// learned about the page size stays, and a run under an older epoch is fenced.
    ///
    /// [`Error::Claimed`] while an unfinished backfill belongs to another object,
    /// [`Error::RepositoryReplaced`] when the name now means another repository.
    pub async fn begin_walk(&self, begin: &BeginWalk<'_>) -> Result<BackfillState, Error> {
        retrying(|| async move {
            let mut tx = self.begin().await?;
            let uid = &begin.owner.uid;
            lock_first(&mut tx, begin).await?;
            let repository_id =
                repositories::upsert(&mut tx, begin.repository, begin.host, uid).await?;
            let id = match begun_meanwhile(&mut tx, repository_id, begin).await? {
                Some(id) => id,
                None => upsert_state(&mut tx, repository_id, begin).await?,
            };
            let state = states::read(&mut tx, id).await?;
            tx.commit().await?;
            Ok(state)
        })
        .await
    }
}

/// Takes the state row before the repository's, as chunks and proofs do: the other way round each
/// could wait for the other.
async fn lock_first(tx: &mut Tx, begin: &BeginWalk<'_>) -> Result<(), Error> {
    let query = Tx::query(
        "-- lock_state_first\n\
         SELECT 1 FROM progressive_backfill_state s \
         JOIN repositories r ON r.id = s.repository_id \
         WHERE r.host = $1 AND r.github_id = $2 FOR UPDATE OF s",
    )
    .bind(begin.host)
    .bind(begin.repository.github_id);
    tx.execute(query).await?;
    Ok(())
}

/// Locks the row and refuses one that another object has not finished. The row's key if another
/// instance has begun a walk of the object since the caller looked.
async fn begun_meanwhile(
    tx: &mut Tx,
    repository_id: Uuid,
    begin: &BeginWalk<'_>,
) -> Result<Option<Uuid>, Error> {
    let query = Tx::query(
        "-- lock_state_of_repository\n\
         SELECT id, walk::bigint AS walk, object_uid, object_namespace, object_name, status \
         FROM progressive_backfill_state WHERE repository_id = $1 FOR UPDATE",
    )
    .bind(repository_id);
    let Some(row) = tx.fetch_optional(query).await? else { return Ok(None) };
    let is_finished = get::<String>(&row, "status")? == "completed";
    match states::owner(&row)? {
        Some(owner) if owner.uid == begin.owner.uid => {
            let walk: i64 = get(&row, "walk")?;
            let is_newer = begin.seen_walk.is_some_and(|seen| seen != walk);
            is_newer.then(|| get(&row, "id")).transpose()
        }
        Some(owner) if !is_finished && begin.take_over_from != Some(owner.uid.as_str()) => {
            Err(Error::Claimed { owner })
        }
        _ => Ok(None),
    }
}

async fn upsert_state(
    tx: &mut Tx,
    repository_id: Uuid,
    begin: &BeginWalk<'_>,
) -> Result<Uuid, Error> {
    let bounds = begin.bounds;
    let window = [bounds.since, bounds.until].map(|edge| edge.map(at));
    let [since, until]: [Option<At>; 2] = window;
    let query = Tx::query(UPSERT_STATE)
        .bind(repository_id)
        .bind(begin.repository.pull_request_count)
        .bind(begin.fingerprint)
        .bind(since)
        .bind(until)
        .bind(bounds.max_pull_requests)
        .bind(column(&bounds.parts, |part: &Part| part.as_str()))
        .bind(&begin.owner.uid)
        .bind(&begin.owner.namespace)
        .bind(&begin.owner.name)
        .bind(begin.handled_requested_at)
        .bind(begin.handled_restart_requested_at)
        .bind(serde_json::json!(begin.metadata))
        .bind(begin.chunk_size)
        .bind(begin.size_asked);
    get(&tx.fetch_one(query).await?, "id")
}

// total_prs is what the walk may meet at most, until its proof counts what lies inside the bounds.
// While the words of the window stay, so does its instant, whatever else is edited: see ADR 10.
const UPSERT_STATE: &str = "-- begin_walk\n\
    INSERT INTO progressive_backfill_state AS s (repository_id, total_prs, walk_fingerprint, \
        window_since, window_until, max_pull_requests, parts, object_uid, object_namespace, \
        object_name, handled_requested_at, handled_restart_requested_at, metadata, stored_prs, \
        chunk_size, chunk_size_asked, lease_epoch) \
    SELECT $1, LEAST($2::bigint, $6::bigint), $3, $4, $5, $6::bigint, $7, $8, $9, $10, $11, \
        $12, $13, \
        (SELECT count(*) FROM pull_requests p \
          WHERE p.repository_id = $1 AND p.deleted_at IS NULL), $14::bigint, $15::bigint, 1 \
    ON CONFLICT (repository_id) DO UPDATE SET \
        total_prs = excluded.total_prs, processed_prs = 0, last_processed_cursor = NULL, \
        last_processed_pr_number = NULL, last_processed_at = NULL, back_to = NULL, \
        status = 'active', written_status = 'active', error_count = 0, consecutive_errors = 0, \
        failed_attempts = 0, last_error = NULL, last_error_reason = NULL, last_error_at = NULL, \
        next_attempt_at = NULL, completed_at = NULL, verified_as_of = NULL, stage = 'Walk', \
        walk = s.walk + 1, walk_fingerprint = excluded.walk_fingerprint, walk_started_at = now(), \
        window_since = CASE WHEN s.object_uid = excluded.object_uid \
                AND s.metadata->>'window' = excluded.metadata->>'window' \
                AND COALESCE(excluded.handled_restart_requested_at, \
                    s.handled_restart_requested_at) \
                IS NOT DISTINCT FROM s.handled_restart_requested_at \
            THEN s.window_since ELSE excluded.window_since END, \
        window_until = excluded.window_until, \
        max_pull_requests = excluded.max_pull_requests, parts = excluded.parts, \
        catch_up_cursor = NULL, stored_prs = excluded.stored_prs, chunks_completed = 0, \
        chunk_size = CASE WHEN $15 IS NULL THEN COALESCE(s.chunk_size, excluded.chunk_size) \
            ELSE excluded.chunk_size END, chunk_size_asked = excluded.chunk_size_asked, \
        quick_pages = 0, period_chunks = 0, points_used = 0, object_uid = excluded.object_uid, \
        object_namespace = excluded.object_namespace, object_name = excluded.object_name, \
        handled_requested_at = COALESCE(excluded.handled_requested_at, \
            CASE WHEN s.object_uid = excluded.object_uid THEN s.handled_requested_at END), \
        handled_restart_requested_at = COALESCE(excluded.handled_restart_requested_at, \
            CASE WHEN s.object_uid = excluded.object_uid \
                THEN s.handled_restart_requested_at END), \
        metadata = (s.metadata - 'pause_reason') || excluded.metadata, \
        lease_epoch = s.lease_epoch + 1, lease_holder = NULL, lease_expires_at = NULL, \
        updated_at = now() \
    RETURNING id";
