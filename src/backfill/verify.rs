//! Stage Verify: the ledger is the proof that a walk is complete.
//!
//! Succeeds only when nothing is missing; a difference is said, and looked at again.

use std::collections::HashSet;

use backfill_api::{Reason, RepositoryBackfill};
use backfill_engine::model::{BackfillState, PullRequest, PullRequestNumber};
use backfill_engine::seen::Fault;
use backfill_github::{Client, Depth};
use backfill_store::{ChunkCommit, Lease, Ledger, Store};

use super::Context;
use super::act::after_run;
use super::failing::fail;
use super::limits::keep_limits;
use super::observe::Observed;
use super::outcome::Outcome;
use crate::faults;
use crate::run_chunks::Stop;

/// Pages of the light list that are read for pull requests newer than the walk.
const NEWER_PAGES: usize = 100;

/// Proves the walk, or says what is missing.
pub async fn verify(ctx: &Context, object: &RepositoryBackfill, observed: &Observed) -> Outcome {
    let (Some(github), Some(state)) = (&observed.github, observed.seen.own_walk()) else {
        return Outcome::Again;
    };
    let uid = &observed.seen.object.id.uid;
    let acquired = match ctx.store.acquire(state.id, uid).await {
        Ok(acquired) => acquired,
        Err(error) => {
            let fault = faults::of_store(&error);
            let stop = match fault.reason {
                Reason::LeaseHeld => Stop::Elsewhere(fault.not_before.unwrap_or(observed.seen.now)),
                _ => Stop::Failed(fault, true),
            };
            return after_run(ctx, object, observed, state.clone(), stop).await;
        }
    };
    let proved = prove(ctx, github, &acquired.lease, &acquired.state, uid).await;
    keep_limits(ctx, object, github).await;
    let outcome = match proved {
        Ok(state) => {
            tracing::info!(
                namespace = observed.seen.object.id.namespace,
                name = observed.seen.object.id.name,
                repository = %state.repository_name,
                stored = state.stored_pull_requests,
                quarantined = state.quarantined_pull_requests,
                "history proved complete"
            );
            Outcome::Again
        }
        Err(fault) => {
            let observed = observed.with_state(acquired.state);
            fail(ctx, object, &observed, fault, false).await
        }
    };
    // A lease that cannot be released runs out by itself.
    let _ = ctx.store.release(&acquired.lease).await;
    outcome
}

async fn prove(
    ctx: &Context,
    github: &Client,
    lease: &Lease,
    state: &BackfillState,
    uid: &str,
) -> Result<BackfillState, Fault> {
    retry_quarantined(ctx, github, lease, state).await?;
    let mut ledger = ledger_of(ctx, state).await?;
    if state.bounds.is_whole_history() {
        let agreed = agrees_with_github(github, state, &ledger).await;
        if let Err(fault) = agreed {
            let differs = fault.reason == Reason::TotalsDiffer;
            if !differs || !bury_gone(ctx, github, lease, state, uid).await? {
                return Err(fault);
            }
            ledger = ledger_of(ctx, state).await?;
            agrees_with_github(github, state, &ledger).await?;
        }
    }
    ctx.store.complete(lease, &ledger).await.map_err(|error| faults::of_store(&error))
}

async fn ledger_of(ctx: &Context, state: &BackfillState) -> Result<Ledger, Fault> {
    let ledger = ctx.store.ledger(state.id).await.map_err(|error| faults::of_store(&error))?;
    holds_together(&ledger)?;
    Ok(ledger)
}

/// Marks what GitHub no longer lists; true if there was any. The whole light list is read for it,
/// a point a hundred.
async fn bury_gone(
    ctx: &Context,
    github: &Client,
    lease: &Lease,
    state: &BackfillState,
    uid: &str,
) -> Result<bool, Fault> {
    // Ours first: what is opened while the list is read cannot be missing from it.
    let ours = ctx.store.expected_numbers(state.repository_id).await;
    let ours = ours.map_err(|error| faults::of_store(&error))?;
    let mut listed = HashSet::new();
    let mut after = None;
    loop {
        let index = github.index(&state.repository_node_id, after.as_ref(), 100).await;
        let index = index.map_err(|error| faults::of_github(&error))?;
        listed.extend(index.entries.iter().map(|entry| entry.number));
        ctx.metrics.show_progress(uid, (ctx.clock)());
        if index.has_next_page {
            after = index.end_cursor;
            continue;
        }
        // Nothing is taken for gone on the word of a list that is not whole.
        if i64::try_from(listed.len()) != Ok(index.total_count) {
            return Ok(false);
        }
        break;
    }
    let gone: Vec<_> = ours.into_iter().filter(|number| !listed.contains(number)).collect();
    if gone.is_empty() {
        return Ok(false);
    }
    tracing::info!(repository = %state.repository_name, gone = gone.len(), "gone from GitHub");
    let buried = ctx.store.bury(lease, &gone).await;
    buried.map(|()| true).map_err(|error| faults::of_store(&error))
}

/// Tries those set aside once more, where somebody asked for it.
async fn retry_quarantined(
    ctx: &Context,
    github: &Client,
    lease: &Lease,
    state: &BackfillState,
) -> Result<(), Fault> {
    let (store, repository) = (&ctx.store, state.repository_id);
    let waiting = store.quarantined_to_retry(repository).await;
    for (number, node_id) in waiting.map_err(|error| faults::of_store(&error))? {
        let read = github.pull_request(&node_id, &state.bounds.parts, Depth::Whole).await;
        let settled = match read {
            Ok(read) => take_back(store, lease, state, read).await,
            // Whether it is gone is for the whole list to say.
            Err(error) if error.is_size_related() || is_missing(&error) => {
                let (reason, message) = (error.reason(), error.to_string());
                let noted = store.note_attempt(repository, number, None, reason, &message).await;
                noted.map(|_| ())
            }
            Err(error) => return Err(faults::of_github(&error)),
        };
        settled.map_err(|error| faults::of_store(&error))?;
    }
    Ok(())
}

fn is_missing(error: &backfill_github::Error) -> bool {
    matches!(error, backfill_github::Error::PullRequestNotFound)
}

/// Stores one that was set aside, as a chunk of its own.
async fn take_back(
    store: &Store,
    lease: &Lease,
    state: &BackfillState,
    read: PullRequest,
) -> Result<(), backfill_store::Error> {
    let claim = store.claim_chunk(lease).await?;
    let chunk = ChunkCommit {
        pull_requests: vec![read],
        chunk_size: state.chunk_size.unwrap_or(1),
        quick_pages: state.quick_pages,
        period_chunks: state.period_chunks,
        api_calls: 1,
        points: 1,
        ..ChunkCommit::default()
    };
    store.commit_chunk(lease, &claim, &chunk).await.map(|_| ())
}

/// The ledger has no gap, and each number in it is stored or set aside.
fn holds_together(ledger: &Ledger) -> Result<(), Fault> {
    if let Some(gap) = &ledger.gap {
        return Err(differs(format!("the ledger of chunks has a gap: {gap}")));
    }
    if let Some(first) = ledger.missing.first() {
        let more = ledger.missing_count - 1;
        let message = format!("pull request #{first} and {more} more were stored and are gone");
        return Err(differs(message));
    }
    Ok(())
}

/// GitHub's total, less what was opened since the walk began, is what is stored and set aside.
async fn agrees_with_github(
    github: &Client,
    state: &BackfillState,
    ledger: &Ledger,
) -> Result<(), Fault> {
    let (counted, newer) = count_now(github, state, ledger.newest).await?;
    let here = ledger.stored + ledger.quarantined_only;
    if counted - newer == here {
        return Ok(());
    }
    Err(differs(format!(
        "GitHub counts {counted} pull requests, {newer} of them opened since the walk began, but \
         {here} are stored or set aside; set the annotation \
         backfill.contributor.info/restart-requested-at to walk again"
    )))
}

/// GitHub's total now, and how many of them are newer than the newest of the walk.
async fn count_now(
    github: &Client,
    state: &BackfillState,
    newest: Option<(PullRequestNumber, jiff::Timestamp)>,
) -> Result<(i64, i64), Fault> {
    let (mut newer, mut after, mut total) = (0, None, 0);
    for page in 0..NEWER_PAGES {
        let index = github.index(&state.repository_node_id, after.as_ref(), 100).await;
        let index = index.map_err(|error| faults::of_github(&error))?;
        if page == 0 {
            total = index.total_count;
        }
        let Some((number, created_at)) = newest else {
            return Ok((total, total));
        };
        for entry in &index.entries {
            if entry.number == number || entry.created_at < created_at {
                return Ok((total, newer));
            }
            newer += 1;
        }
        if !index.has_next_page {
            return Ok((total, newer));
        }
        after = index.end_cursor;
    }
    Err(differs(format!("more than {newer} pull requests were opened since the walk began")))
}

fn differs(message: String) -> Fault {
    faults::new(Reason::TotalsDiffer, message)
}
