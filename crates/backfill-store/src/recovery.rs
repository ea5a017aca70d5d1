//! Keeps `backfill_chunks` in order: chunks that nobody works on any more, old ones folded into
//! one ledger row, and the counts that people ask for. Must not know how chunks are fetched.

use std::time::Duration;

use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::get;
use crate::transaction::{Limits, Tx};

/// What to put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// A chunk that is `processing` for longer, without a live lease, is stuck. 30 minutes in the
    /// seed document backfill-enhancements.md.
    pub stuck_minutes: i32,
    /// Chunks older than this are folded, failed ones removed.
    pub cleanup_days: i32,
    /// Only count, change nothing.
    pub dry_run: bool,
}

/// What was, or with a dry run would be, put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Stuck chunks of which every pull request is stored: `completed`.
    pub completed: i64,
    /// Other stuck chunks: `failed`, to be fetched again.
    pub failed: i64,
    /// Rows that were folded into another.
    pub folded: i64,
    /// Old failed and skipped rows that were removed.
    pub removed: i64,
}

/// Chunks of the last day, and those that are stuck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkStatistics {
    /// Being fetched.
    pub processing: i64,
    /// Stored.
    pub completed: i64,
    /// Given up.
    pub failed: i64,
}

impl Store {
    /// Closes stuck chunks, then folds old ones and removes old failures, backfill by backfill: a
    /// transaction each, so that a large backlog comes to an end and what was done stays done if a
    /// later one fails. A dry run takes no lock.
    pub async fn recover(&self, recovery: Recovery) -> Result<Recovered, Error> {
        let mut recovered = self.close_stuck(recovery).await?;
        let texts = if recovery.dry_run { [COUNT_FOLD, COUNT_OLD] } else { [FOLD, REMOVE_OLD] };
        // Nobody waits for old chunks: those of one backfill may take their time.
        let limits = Limits { statement: Duration::from_mins(10), ..self.limits.clone() };
        for state_id in self.all_states().await? {
            let mut tx = self.begin_with(&limits).await?;
            let [fold, remove] = texts.map(Tx::query);
            let fold = fold.bind(state_id).bind(recovery.cleanup_days);
            recovered.folded += get::<i64>(&tx.fetch_one(fold).await?, "count")?;
            let remove = remove.bind(state_id).bind(recovery.cleanup_days);
            recovered.removed += get::<i64>(&tx.fetch_one(remove).await?, "count")?;
            tx.commit().await?;
        }
        Ok(recovered)
    }

    async fn close_stuck(&self, recovery: Recovery) -> Result<Recovered, Error> {
        let text = if recovery.dry_run { COUNT_STUCK } else { CLOSE_STUCK };
        let mut tx = self.begin().await?;
        let query = Tx::query(text).bind(recovery.stuck_minutes).bind(recovery.cleanup_days);
        let row = tx.fetch_one(query).await?;
        let [completed, failed] = [get(&row, "completed")?, get(&row, "failed")?];
        let removed = get(&row, "to_remove")?;
        tx.commit().await?;
        Ok(Recovered { completed, failed, folded: 0, removed })
    }

    async fn all_states(&self) -> Result<Vec<Uuid>, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(
            "-- list_states\nSELECT id FROM progressive_backfill_state ORDER BY created_at, id",
        );
        tx.fetch_all(query).await?.iter().map(|row| get(row, "id")).collect()
    }

    /// Counts the chunks that were started in the last day.
    pub async fn chunk_statistics(&self) -> Result<ChunkStatistics, Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(
            "-- chunk_statistics\n\
             SELECT count(*) FILTER (WHERE status = 'processing') AS processing, \
                 count(*) FILTER (WHERE status = 'completed') AS completed, \
                 count(*) FILTER (WHERE status = 'failed') AS failed \
             FROM backfill_chunks WHERE started_at > now() - interval '1 day'",
        );
        let row = tx.fetch_one(query).await?;
        Ok(ChunkStatistics {
            processing: get(&row, "processing")?,
            completed: get(&row, "completed")?,
            failed: get(&row, "failed")?,
        })
    }
}

// Only rows that name their pull requests beforehand, as imported ones do, can turn out whole.
// All of them must be stored: four fifths, as in the seed, would be a loss.
macro_rules! stuck {
    ($name:literal, $tail:literal) => {
        concat!(
            "-- ",
            $name,
            "\n\
             WITH stuck AS ( \
                 SELECT c.id, c.started_at, cardinality(c.pr_numbers) > 0 AND NOT EXISTS ( \
                     SELECT 1 FROM unnest(c.pr_numbers) AS wanted(number) \
                     WHERE NOT EXISTS (SELECT 1 FROM pull_requests p \
                         WHERE p.repository_id = c.repository_id \
                           AND p.number = wanted.number)) AS is_whole \
                 FROM backfill_chunks c \
                 JOIN progressive_backfill_state s ON s.id = c.backfill_state_id \
                 WHERE c.status = 'processing' \
                   AND c.started_at < now() - make_interval(mins => $1::integer) \
                   AND (s.lease_expires_at IS NULL OR s.lease_expires_at <= now()) ",
            $tail
        )
    };
}

const CLOSE_STUCK: &str = stuck!(
    "close_stuck_chunks",
    "FOR UPDATE OF c), \
    closed AS ( \
        UPDATE backfill_chunks c SET \
            status = CASE WHEN stuck.is_whole THEN 'completed' ELSE 'failed' END, \
            completed_at = CASE WHEN stuck.is_whole THEN now() END, \
            error = CASE WHEN stuck.is_whole THEN NULL ELSE 'abandoned' END \
        FROM stuck WHERE c.id = stuck.id RETURNING stuck.is_whole) \
    SELECT count(*) FILTER (WHERE is_whole) AS completed, \
        count(*) FILTER (WHERE NOT is_whole) AS failed, $2::bigint * 0 AS to_remove FROM closed"
);

// What would be closed as failed and is old would be removed at once.
const COUNT_STUCK: &str = stuck!(
    "count_stuck_chunks",
    ") \
    SELECT count(*) FILTER (WHERE is_whole) AS completed, \
        count(*) FILTER (WHERE NOT is_whole) AS failed, \
        count(*) FILTER (WHERE NOT is_whole \
            AND started_at < now() - make_interval(days => $2::integer)) AS to_remove FROM stuck"
);

// A row stands for the ones before it: its first cursor is theirs, so the chain stays whole. Only
// an unbroken run from the first one is folded, per walk and stage.
macro_rules! old {
    ($name:literal, $tail:literal) => {
        concat!(
            "-- ",
            $name,
            "\n\
             WITH young AS ( \
                 SELECT walk, stage, min(chunk_number) AS first_number \
                 FROM backfill_chunks WHERE backfill_state_id = $1 AND status = 'completed' \
                   AND completed_at >= now() - make_interval(days => $2::integer) \
                 GROUP BY walk, stage), \
             old AS ( \
                 SELECT c.* FROM backfill_chunks c \
                 LEFT JOIN young ON (young.walk, young.stage) = (c.walk, c.stage) \
                 WHERE c.backfill_state_id = $1 AND c.status = 'completed' \
                   AND c.completed_at < now() - make_interval(days => $2::integer) \
                   AND (young.first_number IS NULL OR c.chunk_number < young.first_number) ",
            $tail
        )
    };
}

const COUNT_FOLD: &str = old!(
    "count_old_chunks",
    ") \
    SELECT COALESCE(sum(rows - 1), 0)::bigint AS count \
    FROM (SELECT count(*) AS rows FROM old GROUP BY walk, stage) AS sums"
);

const FOLD: &str = old!(
    "fold_chunks",
    "FOR UPDATE OF c), \
    sums AS ( \
        SELECT walk, stage, max(chunk_number) AS last_number, \
            min(started_at) AS started_at, sum(api_calls_made) AS api_calls_made, \
            sum(points) AS points, sum(prs_written) AS prs_written, \
            sum(prs_unchanged) AS prs_unchanged, sum(chunks) AS chunks, \
            (array_agg(first_cursor ORDER BY chunk_number))[1] AS first_cursor \
        FROM old GROUP BY walk, stage HAVING count(*) > 1), \
    listed AS ( \
        SELECT old.walk, old.stage, \
            array_agg(n.number ORDER BY old.chunk_number, n.place) AS pr_numbers \
        FROM old CROSS JOIN unnest(old.pr_numbers) WITH ORDINALITY AS n(number, place) \
        GROUP BY old.walk, old.stage), \
    folded AS ( \
        UPDATE backfill_chunks c SET first_cursor = sums.first_cursor, \
            started_at = sums.started_at, api_calls_made = sums.api_calls_made, \
            points = sums.points, prs_written = sums.prs_written, \
            prs_unchanged = sums.prs_unchanged, chunks = sums.chunks, \
            pr_numbers = COALESCE(listed.pr_numbers, '{}') \
        FROM sums LEFT JOIN listed USING (walk, stage) \
        WHERE c.backfill_state_id = $1 AND c.chunk_number = sums.last_number), \
    gone AS ( \
        DELETE FROM backfill_chunks c USING old, sums \
        WHERE c.id = old.id AND sums.walk = old.walk AND sums.stage = old.stage \
          AND old.chunk_number < sums.last_number RETURNING 1) \
    SELECT count(*) AS count FROM gone"
);

macro_rules! failed_long_ago {
    () => {
        "FROM backfill_chunks WHERE backfill_state_id = $1 AND status IN ('failed', 'skipped') \
           AND started_at < now() - make_interval(days => $2::integer)"
    };
}

const COUNT_OLD: &str =
    concat!("-- count_failed_chunks\nSELECT count(*) AS count ", failed_long_ago!());

const REMOVE_OLD: &str = concat!(
    "-- remove_failed_chunks\nWITH gone AS (DELETE ",
    failed_long_ago!(),
    " RETURNING 1) SELECT count(*) AS count FROM gone"
);
