//! The ledger: what the completed chunks of a walk prove, read in two questions, and the row that
//! says so. Must not know GitHub's totals; the caller holds them against this.

use backfill_engine::model::{BackfillState, PullRequestNumber};
use jiff::Timestamp;
use uuid::Uuid;

use crate::chunks::lock_state;
use crate::connect::Store;
use crate::error::Error;
use crate::leases::Lease;
use crate::rows::{column, get, get_at_opt};
use crate::states;
use crate::transaction::{Tx, retrying};

/// Numbers listed at most; the counts beside them are whole.
const LISTED: i64 = 1000;

/// What the chunks of the present walk say, held against the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// The first place where one chunk does not begin where the one before it ended, in words.
    pub gap: Option<String>,
    /// Distinct numbers in the ledger.
    pub numbers: i64,
    /// Numbers in the ledger without a row and not set aside, at most 1,000 of them.
    pub missing: Vec<PullRequestNumber>,
    /// How many are missing.
    pub missing_count: i64,
    /// The newest pull request of the walk by `createdAt`.
    pub newest: Option<(PullRequestNumber, Timestamp)>,
    /// Live rows of the repository.
    pub stored: i64,
    /// Those set aside that have no live row.
    pub set_aside: Vec<PullRequestNumber>,
}

impl Store {
    /// Reads the ledger. About half a second for 100,000 pull requests.
    pub async fn ledger(&self, state_id: Uuid) -> Result<Ledger, Error> {
        let mut tx = self.begin().await?;
        let gap = gap(&mut tx, state_id).await?;
        let query = Tx::query(NUMBERS).bind(state_id).bind(LISTED);
        let row = tx.fetch_one(query).await?;
        let newest = match get::<Option<i64>>(&row, "newest_number")? {
            Some(number) => {
                get_at_opt(&row, "newest_created_at")?.map(|at| (PullRequestNumber(number), at))
            }
            None => None,
        };
        let list = |name| Ok::<_, Error>(numbers(&get::<Vec<i64>>(&row, name)?));
        Ok(Ledger {
            gap,
            numbers: get(&row, "numbers")?,
            missing: list("missing")?,
            missing_count: get(&row, "missing_count")?,
            newest,
            stored: get(&row, "stored")?,
            set_aside: list("set_aside")?,
        })
    }

    /// Marks a walk as proved. The counters are set to what was counted, so that no drift of a
    /// counter outlives a proof, the total of a walk with bounds to what lies inside, and the
    /// workspaces of the repository are counted anew. [`Error::Fenced`] where another has taken
    /// over, or where the walk is not at its end any more because the database was set back.
    pub async fn complete(&self, lease: &Lease, ledger: &Ledger) -> Result<BackfillState, Error> {
        let state = retrying(|| async move {
            let mut tx = self.begin().await?;
            let query = Tx::query(COMPLETE)
                .bind(lease.state_id)
                .bind(lease.epoch.get())
                .bind(ledger.stored)
                .bind(ledger.numbers);
            if tx.execute(query).await? != 1 {
                return Err(Error::Fenced);
            }
            tx.execute(Tx::query(TOUCH_REPOSITORY).bind(lease.state_id)).await?;
            let state = states::read(&mut tx, lease.state_id).await?;
            tx.commit().await?;
            Ok(state)
        })
        .await?;
        // The proof stands without them; the next pass counts them again.
        if let Err(error) = self.refresh_workspaces(state.repository_id).await {
            tracing::warn!(%error, "totals of workspaces not refreshed");
        }
        Ok(state)
    }

    /// Numbers of a repository's live rows and of those set aside: what GitHub should still list.
    pub async fn expected_numbers(
        &self,
        repository_id: Uuid,
    ) -> Result<Vec<PullRequestNumber>, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(
            "-- expected_numbers\n\
             SELECT COALESCE(array_agg(number::bigint), '{}') AS numbers FROM ( \
                 SELECT number FROM pull_requests \
                 WHERE repository_id = $1 AND deleted_at IS NULL \
                 UNION SELECT number FROM quarantined_pull_requests \
                 WHERE repository_id = $1 AND quarantined_at IS NOT NULL \
                   AND resolved_at IS NULL) AS expected",
        )
        .bind(repository_id);
        let row = tx.fetch_one(query).await?;
        Ok(numbers(&get::<Vec<i64>>(&row, "numbers")?))
    }

    /// Marks pull requests that GitHub no longer has, and all that hangs on them; the rows stay.
    pub async fn bury(&self, lease: &Lease, gone: &[PullRequestNumber]) -> Result<(), Error> {
        retrying(|| async move {
            let mut tx = self.begin().await?;
            lock_state(&mut tx, lease).await?;
            let gone = column(gone, |number| number.get());
            tx.execute(Tx::query(BURY).bind(lease.state_id).bind(gone)).await?;
            tx.commit().await
        })
        .await
    }
}

const COMPLETE: &str = "-- complete_walk\n\
    UPDATE progressive_backfill_state SET \
        status = 'completed', written_status = 'completed', completed_at = now(), \
        verified_as_of = walk_started_at, stored_prs = $3::bigint, \
        processed_prs = $4::bigint, \
        total_prs = CASE WHEN COALESCE(window_since, window_until) IS NULL \
                AND max_pull_requests IS NULL THEN total_prs ELSE $4::bigint END, \
        consecutive_errors = 0, failed_attempts = 0, next_attempt_at = NULL, \
        metadata = metadata - 'pause_reason', updated_at = now() \
    WHERE id = $1 AND lease_epoch = $2 AND stage = 'Verify'";

const TOUCH_REPOSITORY: &str = "-- touch_repository\n\
    UPDATE repositories r SET last_updated_at = now(), stored_at = now() \
    FROM progressive_backfill_state s WHERE s.id = $1 AND r.id = s.repository_id";

const BURY: &str = "-- bury_gone\n\
    WITH buried AS ( \
        UPDATE pull_requests p SET deleted_at = now(), stored_at = now() \
        FROM progressive_backfill_state s \
        WHERE s.id = $1 AND p.repository_id = s.repository_id \
          AND p.number = ANY($2::bigint[]) AND p.deleted_at IS NULL \
        RETURNING p.id), \
    reviews_too AS ( \
        UPDATE reviews SET deleted_at = now(), stored_at = now() \
        WHERE pull_request_id IN (SELECT id FROM buried) AND deleted_at IS NULL), \
    comments_too AS ( \
        UPDATE comments SET deleted_at = now(), stored_at = now() \
        WHERE pull_request_id IN (SELECT id FROM buried) AND deleted_at IS NULL), \
    commits_too AS ( \
        UPDATE pull_request_commits SET deleted_at = now(), stored_at = now() \
        WHERE pull_request_id IN (SELECT id FROM buried) AND deleted_at IS NULL), \
    files_too AS ( \
        UPDATE pull_request_files SET deleted_at = now(), stored_at = now() \
        WHERE pull_request_id IN (SELECT id FROM buried) AND deleted_at IS NULL), \
    set_aside_no_more AS ( \
        UPDATE quarantined_pull_requests q \
        SET resolved_at = now(), gone_at = now() \
        FROM progressive_backfill_state s \
        WHERE s.id = $1 AND q.repository_id = s.repository_id \
          AND q.number = ANY($2::bigint[]) AND q.resolved_at IS NULL) \
    UPDATE progressive_backfill_state \
    SET stored_prs = stored_prs - (SELECT count(*) FROM buried) WHERE id = $1";

fn numbers(list: &[i64]) -> Vec<PullRequestNumber> {
    list.iter().copied().map(PullRequestNumber).collect()
}

/// The first break in the chain of cursors: from the top (null) through each completed chunk of
/// the walk, in the order of their numbers, to the cursor of the state row.
async fn gap(tx: &mut Tx, state_id: Uuid) -> Result<Option<String>, Error> {
    let query = Tx::query(GAP).bind(state_id);
    let Some(row) = tx.fetch_optional(query).await? else { return Ok(None) };
    let quoted = |cursor: Option<String>| cursor.map_or("the top".to_owned(), |c| format!("{c:?}"));
    let (expected, found) = (quoted(get(&row, "expected")?), quoted(get(&row, "found")?));
    Ok(Some(match get::<Option<i64>>(&row, "chunk_number")? {
        Some(number) => format!("chunk {number} begins at {found}, not at {expected}"),
        None => format!("the last chunk ends at {expected}, the cursor is {found}"),
    }))
}

const GAP: &str = "-- find_gap\n\
    WITH state AS (SELECT * FROM progressive_backfill_state WHERE id = $1), \
    chain AS ( \
        SELECT c.chunk_number::bigint AS chunk_number, c.first_cursor AS found, \
            lag(c.end_cursor) OVER (ORDER BY c.chunk_number) AS expected \
        FROM backfill_chunks c JOIN state s ON c.backfill_state_id = s.id AND c.walk = s.walk \
        WHERE c.status = 'completed' AND c.stage = 'Walk' \
        UNION ALL \
        SELECT NULL, s.last_processed_cursor, \
            (SELECT c.end_cursor FROM backfill_chunks c \
              WHERE c.backfill_state_id = s.id AND c.walk = s.walk \
                AND c.status = 'completed' AND c.stage = 'Walk' \
              ORDER BY c.chunk_number DESC LIMIT 1) \
        FROM state s) \
    SELECT chunk_number, found, expected FROM chain WHERE found IS DISTINCT FROM expected \
    ORDER BY chunk_number NULLS LAST LIMIT 1";

const NUMBERS: &str = "-- read_ledger\n\
    WITH state AS (SELECT id, walk, repository_id FROM progressive_backfill_state WHERE id = $1), \
    listed AS MATERIALIZED ( \
        SELECT DISTINCT n.number FROM state s \
        JOIN backfill_chunks c ON c.backfill_state_id = s.id AND c.walk = s.walk \
            AND c.status = 'completed' \
        CROSS JOIN unnest(c.pr_numbers) AS n(number)), \
    held AS MATERIALIZED ( \
        SELECT p.number, p.created_at, p.deleted_at IS NULL AS is_live FROM pull_requests p \
        JOIN state s ON p.repository_id = s.repository_id), \
    apart AS MATERIALIZED ( \
        SELECT q.number, q.gone_at IS NOT NULL AS is_gone FROM quarantined_pull_requests q \
        JOIN state s ON q.repository_id = s.repository_id \
        WHERE q.quarantined_at IS NOT NULL \
          AND (q.resolved_at IS NULL OR q.gone_at IS NOT NULL)), \
    aside AS (SELECT number FROM apart WHERE NOT is_gone), \
    missing AS ( \
        SELECT l.number FROM listed l \
        WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.number = l.number) \
          AND NOT EXISTS (SELECT 1 FROM apart a WHERE a.number = l.number)), \
    newest AS ( \
        SELECT h.number, h.created_at FROM held h JOIN listed l ON l.number = h.number \
        ORDER BY h.created_at DESC, h.number DESC LIMIT 1) \
    SELECT (SELECT count(*) FROM listed) AS numbers, \
        (SELECT count(*) FROM missing) AS missing_count, \
        ARRAY(SELECT number::bigint FROM missing ORDER BY number LIMIT $2) AS missing, \
        (SELECT number::bigint FROM newest) AS newest_number, \
        (SELECT created_at FROM newest) AS newest_created_at, \
        (SELECT count(*) FROM held WHERE is_live) AS stored, \
        ARRAY(SELECT a.number::bigint FROM aside a WHERE NOT EXISTS ( \
            SELECT 1 FROM held h WHERE h.number = a.number AND h.is_live)) AS set_aside";
