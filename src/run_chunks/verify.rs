//! Stage Verify: the ledger is the proof that a walk is complete.
//!
//! Succeeds only when nothing is missing; a difference is said, and looked at again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use backfill_api::Reason;
use backfill_engine::model::{BackfillState, NodeId, PullRequest, PullRequestNumber};
use backfill_engine::retry;
use backfill_engine::seen::Fault;
use backfill_github::{Depth, Error, Index};
use backfill_store::{ChunkCommit, Lease, Ledger};
use jiff::{SignedDuration, Timestamp};

use super::chunk::count;
use super::isolate::{in_part, lacking, unlisted};
use super::room::{over_budget, wished};
use super::{Halt, Run, Signals, Stop, stop_of};

/// Pages of the light list that are read for pull requests newer than the walk.
const NEWER_PAGES: usize = 100;
/// Rows of such a page: GitHub's most.
const PAGE: i64 = 100;
/// A whole list that was read in vain is read again after so long for each of its pages: a
/// hundred points an hour.
const LIST_PAGE_EVERY: SignedDuration = SignedDuration::from_secs(36);

/// Proves the walk, or says what is missing. The run has committed so many chunks before.
pub async fn prove(
    run: &Run<'_>,
    lease: &Lease,
    state: &mut BackfillState,
    signals: &impl Signals,
    committed: u32,
) -> Stop {
    let proof = Proof { run, lease, state, signals, committed: AtomicU32::new(committed) };
    match proof.complete().await {
        Ok(proved) => {
            tracing::info!(
                repository = %proved.repository_name,
                stored = proved.stored_pull_requests,
                quarantined = proved.quarantined_pull_requests,
                "history proved complete"
            );
            *state = proved;
            Stop::Proved
        }
        Err(Halt::Wished(stop)) => stop,
        Err(Halt::Fault(fault)) => {
            let nothing_committed = proof.committed.load(Ordering::Relaxed) == 0;
            stop_of(run, fault, nothing_committed)
        }
    }
}

struct Proof<'a, S> {
    run: &'a Run<'a>,
    lease: &'a Lease,
    state: &'a BackfillState,
    signals: &'a S,
    committed: AtomicU32,
}

impl<S: Signals> Proof<'_, S> {
    async fn complete(&self) -> Result<BackfillState, Halt> {
        self.retry_quarantined().await?;
        let mut ledger = self.ledger().await?;
        if self.state.bounds.is_whole_history() {
            let mut totals = self.totals(&ledger).await?;
            // Where GitHub counts more than is here, what it no longer lists explains nothing.
            if totals.here > totals.counted - totals.newer {
                if !self.bury_gone().await? {
                    return Err(totals.read_in_vain((self.run.clock)()));
                }
                ledger = self.ledger().await?;
                totals = self.totals(&ledger).await?;
            }
            totals.agree()?;
        }
        Ok(self.run.store.complete(self.lease, &ledger).await?)
    }

    async fn ledger(&self) -> Result<Ledger, Halt> {
        let ledger = self.run.store.ledger(self.state.id).await?;
        holds_together(&ledger)?;
        Ok(ledger)
    }

    /// One page of the light list. Nobody waits for the whole of it: an edit, a deletion and a
    /// restart are heeded between two pages, and no page touches what is kept back.
    async fn page(&self, after: Option<&Index>) -> Result<Index, Halt> {
        if let Some(stop) = wished(self.signals) {
            return Err(Halt::Wished(stop));
        }
        let after = after.and_then(|page| page.end_cursor.as_ref());
        let (run, repository) = (self.run, &self.state.repository_node_id);
        let index = run.github.index(repository, after, PAGE, run.floor).await;
        let index = index.map_err(unlisted)?;
        run.metrics.show_progress(run.uid, (run.clock)());
        Ok(index)
    }

    /// Marks what GitHub no longer lists; true if there was any. The whole light list is read for
    /// it, a point a hundred.
    async fn bury_gone(&self) -> Result<bool, Halt> {
        // Ours first: what is opened while the list is read cannot be missing from it.
        let ours = self.run.store.expected_numbers(self.state.repository_id).await?;
        let mut page = self.page(None).await?;
        let total = page.total_count;
        let mut listed = HashSet::new();
        loop {
            listed.extend(page.entries.iter().map(|entry| entry.number));
            if !page.has_next_page {
                break;
            }
            page = self.page(Some(&page)).await?;
        }
        // Nothing is taken for gone on the word of a list that is not whole.
        if i64::try_from(listed.len()) != Ok(total) {
            return Ok(false);
        }
        let gone: Vec<_> = ours.into_iter().filter(|number| !listed.contains(number)).collect();
        if gone.is_empty() {
            return Ok(false);
        }
        let repository = &self.state.repository_name;
        tracing::info!(%repository, gone = gone.len(), "gone from GitHub");
        self.run.store.bury(self.lease, &gone).await?;
        Ok(true)
    }

    /// Tries those set aside once more, where somebody asked for it.
    async fn retry_quarantined(&self) -> Result<(), Halt> {
        let (store, repository) = (self.run.store, self.state.repository_id);
        let mut last = PullRequestNumber(0);
        loop {
            let some = store.quarantined_to_retry(repository, last).await?;
            for (number, node_id) in &some {
                self.retry(*number, node_id).await?;
                last = *number;
            }
            if some.is_empty() {
                return Ok(());
            }
        }
    }

    async fn retry(&self, number: PullRequestNumber, node_id: &NodeId) -> Result<(), Halt> {
        if let Some(stop) = wished(self.signals).or_else(|| over_budget(self.run, 1)) {
            return Err(Halt::Wished(stop));
        }
        match self.whole(node_id).await {
            Ok(read) => self.take_back(read).await,
            // Whether it is gone is for the whole list to say.
            Err(error) if error.is_size_related() => {
                let (reason, message) = (error.reason(), error.to_string());
                let store = self.run.store;
                store.note_attempt(self.lease, number, None, reason, &message).await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All of a pull request: at once, or else part by part.
    async fn whole(&self, node_id: &NodeId) -> Result<PullRequest, Error> {
        let (github, parts) = (self.run.github, &self.state.bounds.parts);
        let error = match github.pull_request(node_id, parts, Depth::Whole).await {
            Err(error) if error.is_size_related() => error,
            result => return result,
        };
        match github.pull_request(node_id, parts, Depth::Reduced).await {
            Ok(read) if lacking(&read.captured, parts).is_none() => Ok(read),
            _ => Err(error),
        }
    }

    /// Stores one that was set aside, as a chunk of its own.
    async fn take_back(&self, read: PullRequest) -> Result<(), Halt> {
        let (store, state) = (self.run.store, self.state);
        let claim = store.claim_chunk(self.lease).await?;
        let read = vec![read];
        let chunk = ChunkCommit {
            quarantined: in_part(&read, &state.bounds.parts),
            pull_requests: read,
            chunk_size: state.chunk_size.unwrap_or(1),
            quick_pages: state.quick_pages,
            period_chunks: state.period_chunks,
            api_calls: 1,
            points: 1,
            ..ChunkCommit::default()
        };
        store.commit_chunk(self.lease, &claim, &chunk).await?;
        self.committed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// GitHub's total now, and how many of them are newer than the newest of the walk. One that
    /// is set aside has no row to tell how old it is, but it is counted already.
    async fn totals(&self, ledger: &Ledger) -> Result<Totals, Halt> {
        let here = ledger.stored + count(ledger.set_aside.len());
        let mut page = self.page(None).await?;
        let counted = page.total_count;
        let mut newer = 0;
        for _ in 0..NEWER_PAGES {
            for entry in &page.entries {
                let is_older =
                    |(number, created_at)| entry.number == number || entry.created_at < created_at;
                if ledger.newest.is_some_and(is_older) {
                    return Ok(Totals { counted, newer, here });
                }
                newer += i64::from(!ledger.set_aside.contains(&entry.number));
            }
            if !page.has_next_page {
                return Ok(Totals { counted, newer, here });
            }
            page = self.page(Some(&page)).await?;
        }
        let message = format!("more than {newer} pull requests were opened since the walk began");
        Err(Halt::Fault(differs(message)))
    }
}

/// The ledger has no gap, and each number in it is stored or set aside.
fn holds_together(ledger: &Ledger) -> Result<(), Halt> {
    if let Some(gap) = &ledger.gap {
        return Err(Halt::Fault(differs(format!("the ledger of chunks has a gap: {gap}"))));
    }
    if let Some(first) = ledger.missing.first() {
        let more = ledger.missing_count - 1;
        let message = format!("pull request #{first} and {more} more were stored and are gone");
        return Err(Halt::Fault(differs(message)));
    }
    Ok(())
}

struct Totals {
    counted: i64,
    newer: i64,
    /// Stored or set aside.
    here: i64,
}

impl Totals {
    /// GitHub's total, less what was opened since the walk began, is what is stored and set aside.
    fn agree(&self) -> Result<(), Halt> {
        if self.counted - self.newer == self.here {
            return Ok(());
        }
        Err(Halt::Fault(self.difference()))
    }

    /// Not even the whole list explains the difference. A long one is not read again soon.
    fn read_in_vain(&self, now: Timestamp) -> Halt {
        let pages = i32::try_from(self.counted / PAGE).unwrap_or(i32::MAX);
        let wait = LIST_PAGE_EVERY.saturating_mul(pages).min(retry::LONGEST_RETRY_AFTER);
        let not_before = (pages > 0).then(|| now + wait);
        Halt::Fault(Fault { not_before, ..self.difference() })
    }

    fn difference(&self) -> Fault {
        let Self { counted, newer, here } = self;
        differs(format!(
            "GitHub counts {counted} pull requests, {newer} of them opened since the walk began, \
             but {here} are stored or set aside; set the annotation \
             backfill.contributor.info/restart-requested-at to walk again"
        ))
    }
}

fn differs(message: String) -> Fault {
    Fault::new(Reason::TotalsDiffer, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_list_that_explains_nothing_the_later_it_is_read_again() {
        let now = Timestamp::UNIX_EPOCH;
        for (counted, wait) in
            [(99, None), (100, Some(36)), (2_500, Some(900)), (90_000, Some(3_600))]
        {
            let totals = Totals { counted, newer: 0, here: counted + 1 };
            let Halt::Fault(fault) = totals.read_in_vain(now) else { unreachable!("no wish") };
            let found = fault.not_before.map(|at| at.duration_since(now).as_secs());
            assert_eq!(found, wait, "{counted}");
        }
    }
}
