//! A pull request that fails even alone: find it, step over it, try it by itself, and after three
//! failures over time read what can be read of it and set it aside, provided that its neighbours
//! can be read. Not before: of a GitHub that fails at random no part may be missing in the end.
//!
//! It must not know how pages are sized.

use backfill_api::Reason;
use backfill_engine::model::{BackfillState, Cursor, IndexEntry};
use backfill_engine::seen::Fault;
use backfill_github::{Depth, Error};
use backfill_store::Quarantined;

use super::chunk::Fetched;
use super::{Halt, Run};
use crate::faults;

/// Failures over time before a pull request is set aside.
const ATTEMPTS: i64 = 3;
/// Neighbours that are tried. If all of them fail as well it is an outage and no poison.
const NEIGHBOURS: usize = 3;

/// Reads the one pull request after `after` by its node id, or sets it aside.
///
/// Fails with [`Reason::GitHubUnavailable`] when its neighbours cannot be read either, and with
/// [`Reason::PullRequestUnreadable`] while it has failed fewer than three times.
pub async fn alone(
    run: &Run<'_>,
    state: &BackfillState,
    after: Option<&Cursor>,
    cause: &Error,
) -> Result<Fetched, Halt> {
    let list = i64::try_from(NEIGHBOURS + 1).unwrap_or(4);
    let index = run.github.index(&state.repository_node_id, after, list, 0).await?;
    let Some((entry, neighbours)) = index.entries.split_first() else {
        return Ok(Fetched { end_cursor: after.cloned(), ..Fetched::default() });
    };
    let mut fetched = Fetched {
        end_cursor: Some(entry.cursor.clone()),
        has_next_page: !neighbours.is_empty() || index.has_next_page,
        requests: 1,
        points: 1,
        back_to: Some(entry.created_at),
        ..Fetched::default()
    };
    let parts = &state.bounds.parts;
    fetched.requests += 1;
    match run.github.pull_request(&entry.node_id, parts, Depth::Whole).await {
        Ok(read) => {
            fetched.pull_requests.push(read);
            return Ok(fetched);
        }
        Err(error) if is_its_own(&error) => {}
        Err(error) => return Err(error.into()),
    }
    beside(run, state, neighbours).await?;
    let message = cause.to_string();
    let attempts = run
        .store
        .note_attempt(
            state.repository_id,
            entry.number,
            Some(&entry.node_id),
            cause.reason(),
            &message,
        )
        .await?;
    if attempts < ATTEMPTS {
        return Err(Halt::Fault(unreadable(entry, attempts, &message)));
    }
    fetched.requests += 1;
    let reduced = run.github.pull_request(&entry.node_id, parts, Depth::Reduced).await;
    let (reason, message) = match reduced {
        Ok(read) => {
            fetched.pull_requests.push(read);
            (Reason::PageTooLarge, format!("only a part of it could be read: {message}"))
        }
        Err(error) if is_its_own(&error) => (Reason::PullRequestUnreadable, message),
        Err(error) => return Err(error.into()),
    };
    tracing::warn!(number = entry.number.get(), attempts, message, "pull request quarantined");
    fetched.quarantined.push(set_aside(entry, reason, message, attempts));
    Ok(fetched)
}

/// Whether an error may be the pull request's own: a limit or a refused token says nothing of it.
fn is_its_own(error: &Error) -> bool {
    error.is_size_related() || matches!(error, Error::PullRequestNotFound)
}

/// Succeeds if a neighbour can be read whole, or if there is none.
async fn beside(
    run: &Run<'_>,
    state: &BackfillState,
    neighbours: &[IndexEntry],
) -> Result<(), Halt> {
    let mut last = None;
    for neighbour in neighbours {
        match run.github.pull_request(&neighbour.node_id, &state.bounds.parts, Depth::Whole).await {
            Ok(_) => return Ok(()),
            Err(error) if is_its_own(&error) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    last.map_or(Ok(()), |error| Err(Halt::Fault(faults::outage(&error))))
}

fn set_aside(entry: &IndexEntry, reason: Reason, message: String, attempts: i64) -> Quarantined {
    Quarantined {
        number: entry.number,
        node_id: Some(entry.node_id.clone()),
        reason,
        message,
        attempts,
    }
}

fn unreadable(entry: &IndexEntry, attempts: i64, message: &str) -> Fault {
    let reason = Reason::PullRequestUnreadable;
    faults::new(
        reason,
        format!(
            "pull request #{} could not be read, attempt {attempts} of {ATTEMPTS}: {message}",
            entry.number
        ),
    )
}
