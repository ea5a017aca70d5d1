//! One chunk: claim, fetch at a size that works, keep what the walk covers, commit.
//!
//! Two transactions, with GitHub between them. It must not know why a run started or stops.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use backfill_api::{Reason, Stage};
use backfill_engine::chunk::{self, AfterFailure, SizeBounds, SizeState};
use backfill_engine::interval::Interval;
use backfill_engine::model::{BackfillState, Cursor, PullRequest, WalkBounds};
use backfill_github::{Chunk, ChunkRequest};
use backfill_store::{ChunkClaim, ChunkCommit, Lease, Quarantined};
use jiff::Timestamp;

use super::{Halt, Run, Signals, Stop, Wish, isolate};
use crate::faults;
use crate::metrics;

/// The light list's page while a walk looks for the edge of its window: GitHub's most.
const SEEK_PAGE: i64 = 100;

/// What was fetched for a chunk, before it is cut to what the walk covers.
#[derive(Default)]
pub struct Fetched {
    pub pull_requests: Vec<PullRequest>,
    pub quarantined: Vec<Quarantined>,
    pub end_cursor: Option<Cursor>,
    pub has_next_page: bool,
    /// `createdAt` of a pull request that was set aside.
    pub back_to: Option<Timestamp>,
    pub requests: i64,
    pub points: i64,
    pub removed_characters: i64,
}

impl From<Chunk> for Fetched {
    fn from(chunk: Chunk) -> Self {
        Self {
            pull_requests: chunk.pull_requests,
            quarantined: Vec::new(),
            end_cursor: chunk.end_cursor,
            has_next_page: chunk.has_next_page,
            back_to: None,
            requests: chunk.requests,
            points: chunk.points,
            removed_characters: chunk.removed_characters,
        }
    }
}

enum Seek {
    /// The page after this cursor is inside the window.
    Found { after: Option<Cursor>, requests: i64, points: i64 },
    /// A whole light page was newer than the window.
    Further { end_cursor: Option<Cursor>, has_next_page: bool, requests: i64, points: i64 },
}

/// An attempt at the chunk after `state`'s cursor.
pub struct Attempt<'a, S> {
    pub run: &'a Run<'a>,
    pub lease: &'a Lease,
    pub state: &'a BackfillState,
    pub signals: &'a S,
    /// How large the page is that is asked for, as it shrinks; 0 before the first.
    pub asked: AtomicI64,
}

impl<S: Signals> Attempt<'_, S> {
    /// Fetches and commits the chunk; the state after it.
    pub async fn finish(&self) -> Result<BackfillState, Halt> {
        let Self { run, lease, state, .. } = self;
        let claim = run.store.claim_chunk(lease).await?;
        let result = self.fetch_and_commit(&claim).await;
        if let Err(halt) = &result {
            let (word, detail) = match halt {
                Halt::Wished(_) => ("dropped", "the object was deleted"),
                Halt::Fault(fault) => (fault.reason.as_str(), fault.message.as_str()),
            };
            run.metrics.count(metrics::CHUNKS, &["failed"], 1);
            let (repository, chunk) = (&state.repository_name, claim.number);
            tracing::warn!(%repository, chunk, reason = word, detail, "chunk failed");
            // If this write fails too, the next acquire closes the row as abandoned.
            let _ = run.store.fail_chunk(lease, &format!("{word}: {detail}")).await;
        }
        result
    }

    /// Ends a chunk that took too long; the next one is half as large as what was asked for last.
    pub async fn give_up(&self) -> Result<BackfillState, Halt> {
        let (store, lease) = (self.run.store, self.lease);
        let size = failed_size(self.size_before().size, self.asked.load(Relaxed));
        store.fail_chunk(lease, Reason::ChunkTimedOut.as_str()).await?;
        store.set_chunk_size(lease, (size / 2).max(1)).await?;
        Err(Halt::Fault(faults::chunk_timed_out(size)))
    }

    async fn fetch_and_commit(&self, claim: &ChunkClaim) -> Result<BackfillState, Halt> {
        if claim.first_cursor != self.state.cursor {
            return Err(Halt::Fault(faults::set_back()));
        }
        let (after, requests, points) = match self.seek(claim.first_cursor.clone()).await? {
            Seek::Found { after, requests, points } => (after, requests, points),
            Seek::Further { end_cursor, has_next_page, requests, points } => {
                let fetched =
                    Fetched { end_cursor, has_next_page, requests, points, ..Fetched::default() };
                return self.commit(claim, fetched, self.size_before()).await;
            }
        };
        let (mut fetched, size) = self.fetch(after.as_ref(), claim.abandoned).await?;
        fetched.requests += requests;
        fetched.points += points;
        self.commit(claim, fetched, size).await
    }

    /// Steps over what is newer than the window with the light list, one point a hundred.
    async fn seek(&self, first: Option<Cursor>) -> Result<Seek, Halt> {
        let inside = Seek::Found { after: first.clone(), requests: 0, points: 0 };
        let Some(until) = self.state.bounds.until.filter(|_| self.state.back_to.is_none()) else {
            return Ok(inside);
        };
        let page = self
            .run
            .github
            .index(&self.state.repository_node_id, first.as_ref(), SEEK_PAGE, 0)
            .await;
        let page = page.map_err(isolate::unlisted)?;
        let (requests, points) = (1, 1);
        let newer = page.entries.iter().take_while(|entry| entry.created_at >= until).last();
        let after = newer.map(|entry| entry.cursor.clone()).or(first);
        if page.entries.iter().any(|entry| entry.created_at < until) {
            return Ok(Seek::Found { after, requests, points });
        }
        let end_cursor = page.end_cursor.or(after);
        Ok(Seek::Further { end_cursor, has_next_page: page.has_next_page, requests, points })
    }

    /// The size the next page starts at.
    fn size_before(&self) -> SizeState {
        let state = self.state;
        let bounds = SizeBounds::from(&self.run.spec.chunk);
        let size = state
            .chunk_size
            .unwrap_or_else(|| chunk::start_size(state.total_pull_requests, None, bounds));
        SizeState { size: bounds.hold(size), quick_pages: state.quick_pages }
    }

    /// Fetches the page after `after`, smaller and smaller until GitHub can answer.
    ///
    /// `abandoned` claims of the same page were left without an outcome before.
    async fn fetch(
        &self,
        after: Option<&Cursor>,
        abandoned: i64,
    ) -> Result<(Fetched, SizeState), Halt> {
        let Self { run, lease, state, .. } = self;
        let bounds = SizeBounds::from(&run.spec.chunk);
        let mut size = self.size_before();
        size.size = chunk::after_abandoned(size.size, abandoned);
        let mut retried = false;
        loop {
            let request = ChunkRequest {
                repository: &state.repository_name,
                node_id: &state.repository_node_id,
                after,
                size: size.size.min(self.room()),
                parts: &state.bounds.parts,
            };
            self.asked.store(request.size, Relaxed);
            let error = match run.github.chunk(&request).await {
                Ok(page) => {
                    let failures = state.recent_failures;
                    let mut after = chunk::after_page(size, page.list_seconds, failures, bounds);
                    if page.is_cut {
                        let counts = [request.size, count(page.pull_requests.len())];
                        after = chunk::after_cut(size, after, counts, bounds);
                    }
                    return Ok((Fetched::from(page), after));
                }
                Err(error) if error.is_size_related() => error,
                Err(error) => return Err(error.into()),
            };
            // An answer that was too large once would be so again.
            retried |= matches!(error, backfill_github::Error::Oversized { .. });
            let elapsed = error.elapsed().unwrap_or_default().as_secs_f64();
            match chunk::after_failure(request.size, elapsed, retried, bounds) {
                AfterFailure::SameSize => retried = true,
                AfterFailure::Shrink(smaller) => {
                    tracing::info!(from = request.size, to = smaller, "page made smaller");
                    size = SizeState { size: smaller, quick_pages: 0 };
                    retried = false;
                }
                AfterFailure::Alone => {
                    let fetched = isolate::alone(run, lease, state, after, &error).await?;
                    return Ok((fetched, SizeState { quick_pages: 0, ..size }));
                }
            }
        }
    }

    /// How many more pull requests the walk may take.
    fn room(&self) -> i64 {
        let most = self.state.bounds.max_pull_requests.unwrap_or(i64::MAX);
        (most - self.state.processed_pull_requests).max(1)
    }

    async fn commit(
        &self,
        claim: &ChunkClaim,
        mut fetched: Fetched,
        size: SizeState,
    ) -> Result<BackfillState, Halt> {
        let Self { run, lease, state, signals, .. } = self;
        let at_edge = cut(&mut fetched.pull_requests, &state.bounds);
        if fetched.quarantined.is_empty() {
            fetched.quarantined = isolate::in_part(&fetched.pull_requests, &state.bounds.parts);
        }
        // One that was read in part is both stored and set aside.
        let apart = fetched
            .quarantined
            .iter()
            .filter(|one| !fetched.pull_requests.iter().any(|stored| stored.number == one.number));
        let taken = count(fetched.pull_requests.len() + apart.count());
        let most = state.bounds.max_pull_requests;
        let full = most.is_some_and(|most| state.processed_pull_requests + taken >= most);
        let done = at_edge || full || !fetched.has_next_page;
        let back_to = fetched.pull_requests.last().map(|last| last.created_at).or(fetched.back_to);
        let interval = Interval::of(&run.spec.pacing, run.spec.priority);
        let burst =
            interval.done_in_burst(state.period_chunks, state.last_progress_at, state.read_at);
        let commit = ChunkCommit {
            back_to,
            period_chunks: burst + 1,
            next_stage: done.then_some(Stage::Verify),
            end_cursor: fetched.end_cursor.or_else(|| claim.first_cursor.clone()),
            chunk_size: size.size,
            quick_pages: size.quick_pages,
            api_calls: fetched.requests,
            points: fetched.points,
            rate_limit_remaining: run.github.governor().limits().map(|limits| limits.remaining),
            pull_requests: fetched.pull_requests,
            quarantined: fetched.quarantined,
        };
        if signals.wish() == Wish::Drop {
            return Err(Halt::Wished(Stop::Dropped));
        }
        let committed = run.store.commit_chunk(lease, claim, &commit).await?;
        let quarantined = count(commit.quarantined.len());
        let rows_written = committed.written + committed.child_rows_written;
        run.metrics.count(metrics::ROWS, &["written"], rows_written);
        run.metrics.count(metrics::ROWS, &["unchanged"], committed.unchanged);
        run.metrics.count(metrics::PULL_REQUESTS, &["stored"], count(commit.pull_requests.len()));
        run.metrics.count(metrics::PULL_REQUESTS, &["quarantined"], quarantined);
        run.metrics.count(metrics::SANITIZED_CHARACTERS, &[], fetched.removed_characters);
        tracing::info!(
            repository = %state.repository_name,
            chunk = claim.number,
            pull_requests = taken,
            quarantined,
            rows_written,
            unchanged = committed.unchanged,
            requests = fetched.requests,
            points = fetched.points,
            "chunk committed"
        );
        Ok(committed.state)
    }
}

/// What took too long: what was asked for last, or what would have been asked for.
fn failed_size(before: i64, asked: i64) -> i64 {
    if asked > 0 { asked } else { before }
}

/// Drops what is older than the window; true if the window's edge was met.
fn cut(pull_requests: &mut Vec<PullRequest>, bounds: &WalkBounds) -> bool {
    let before = pull_requests.len();
    if let Some(since) = bounds.since {
        let inside = pull_requests.iter().take_while(|pr| pr.created_at >= since).count();
        pull_requests.truncate(inside);
    }
    pull_requests.len() < before
}

/// A count as the database takes it.
pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_that_took_too_long_is_halved_from_where_it_had_shrunk_to() {
        for (before, asked, failed) in [(40, 5, 5), (40, 40, 40), (40, 0, 40), (10, 1, 1)] {
            assert_eq!(failed_size(before, asked), failed, "{before} {asked}");
        }
    }
}
