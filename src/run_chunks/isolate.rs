//! A pull request that fails even alone: find it, step over it, try it by itself, and after three
//! failures over time read what can be read of it and set it aside, provided that its neighbours
//! can be read. Not before: of a GitHub that fails at random no part may be missing in the end.
//!
//! It must not know how pages are sized.

use backfill_api::Reason;
use backfill_engine::model::{BackfillState, Cursor, IndexEntry, Part, PullRequest};
use backfill_engine::seen::Fault;
use backfill_github::{Depth, Error};
use backfill_store::{Lease, Quarantined};

use super::chunk::Fetched;
use super::{Halt, Run};
use crate::faults;

/// Failures over time before a pull request is set aside.
const ATTEMPTS: i64 = 3;
/// Neighbours that are tried. If all of them fail as well it is an outage and no poison.
const NEIGHBOURS: usize = 3;
/// Newest pull requests that are tried where the history has not so many neighbours left.
const MOST_NEWEST: i64 = 6;

/// Reads the one pull request after `after` by its node id, or sets it aside.
///
/// Fails with [`Reason::GitHubUnavailable`] when its neighbours cannot be read either, and with
/// [`Reason::PullRequestUnreadable`] while it has failed fewer than three times.
pub async fn alone(
    run: &Run<'_>,
    lease: &Lease,
    state: &BackfillState,
    after: Option<&Cursor>,
    cause: &Error,
) -> Result<Fetched, Halt> {
    let list = i64::try_from(NEIGHBOURS + 1).unwrap_or(4);
    let index = run.github.index(&state.repository_node_id, after, list, 0).await;
    let index = index.map_err(unlisted)?;
    let Some((entry, neighbours)) = index.entries.split_first() else {
        let (end_cursor, has_next_page) = (index.end_cursor, index.has_next_page);
        return Ok(Fetched { end_cursor, has_next_page, ..Fetched::default() });
    };
    if state.bounds.since.is_some_and(|since| entry.created_at < since) {
        // Older than the window: the walk ends before it.
        return Ok(Fetched { end_cursor: after.cloned(), ..Fetched::default() });
    }
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
        // Several in a row may be so.
        Err(error) if disagrees(&error) => {}
        Err(error) if error.is_size_related() => {
            let asked = beside(run, state, &index.entries, error).await?;
            (fetched.requests, fetched.points) = (fetched.requests + asked, fetched.points + asked);
        }
        Err(error) => return Err(error.into()),
    }
    let message = cause.to_string();
    let attempts = run
        .store
        .note_attempt(lease, entry.number, Some(&entry.node_id), cause.reason(), &message)
        .await?;
    if attempts < ATTEMPTS {
        return Err(Halt::Fault(unreadable(entry, attempts, &message)));
    }
    fetched.requests += 1;
    let reduced = run.github.pull_request(&entry.node_id, parts, Depth::Reduced).await;
    let (reason, message) = match reduced {
        Ok(read) => {
            let is_whole = lacking(&read.captured, parts).is_none();
            fetched.pull_requests.push(read);
            if is_whole {
                return Ok(fetched);
            }
            (Reason::PageTooLarge, format!("only a part of it could be read: {message}"))
        }
        Err(error) if error.is_size_related() => (Reason::PullRequestUnreadable, message),
        Err(error) => return Err(error.into()),
    };
    fetched.quarantined.push(set_aside(state, entry, reason, message, attempts));
    Ok(fetched)
}

/// Succeeds if a pull request beside the first of `entries` can be read: one of those that come
/// after it or, near the end of the history, one of the newest. Returns how many requests it took.
async fn beside(
    run: &Run<'_>,
    state: &BackfillState,
    entries: &[IndexEntry],
    cause: Error,
) -> Result<i64, Halt> {
    let mut others = entries[1..].to_vec();
    let mut asked = 0;
    if others.len() < NEIGHBOURS {
        asked += 1;
        let newest = run.github.index(&state.repository_node_id, None, MOST_NEWEST, 0).await;
        let newest = newest.map_err(unlisted)?;
        let is_new = |one: &IndexEntry| entries.iter().all(|entry| entry.number != one.number);
        others.extend(newest.entries.into_iter().filter(is_new));
    }
    let mut last = cause;
    for other in &others {
        asked += 1;
        match run.github.pull_request(&other.node_id, &state.bounds.parts, Depth::Whole).await {
            Ok(_) => return Ok(asked),
            Err(error) if disagrees(&error) => return Ok(asked),
            Err(error) if error.is_size_related() => last = error,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Halt::Fault(faults::outage("several pull requests in a row", &last)))
}

/// The light list holds nothing of a pull request that could be to blame.
pub fn unlisted(error: Error) -> Halt {
    if error.is_size_related() {
        return Halt::Fault(faults::outage("the list of pull requests", &error));
    }
    error.into()
}

/// No outage makes GitHub's own figures disagree.
fn disagrees(error: &Error) -> bool {
    matches!(error, Error::Incomplete { .. } | Error::Moved(_) | Error::Unidentified { .. })
}

fn set_aside(
    state: &BackfillState,
    entry: &IndexEntry,
    reason: Reason,
    message: String,
    attempts: i64,
) -> Quarantined {
    tracing::warn!(
        repository = %state.repository_name,
        number = entry.number.get(),
        attempts,
        detail = message,
        "quarantined"
    );
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
    Fault::new(
        reason,
        format!(
            "pull request #{} could not be read, attempt {attempts} of {ATTEMPTS}: {message}",
            entry.number
        ),
    )
}

/// Those of `read` that GitHub gave no answer for to a part that was asked: stored with what came,
/// and set aside for the rest.
pub fn in_part(read: &[PullRequest], parts: &[Part]) -> Vec<Quarantined> {
    let lacking = read.iter().filter_map(|one| Some((one, lacking(&one.captured, parts)?)));
    lacking
        .map(|(one, part)| Quarantined {
            number: one.number,
            node_id: Some(one.node_id.clone()),
            reason: Reason::PageTooLarge,
            message: format!("GitHub does not give all {} of it", part.as_str()),
            attempts: 1,
        })
        .collect()
}

pub fn lacking(captured: &[Part], asked: &[Part]) -> Option<Part> {
    asked.iter().copied().find(|part| !captured.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_asked_and_did_not_come_is_lacking() {
        let asked = [Part::Reviews, Part::Files];
        assert_eq!(lacking(&asked, &asked), None);
        assert_eq!(lacking(&[Part::Reviews], &asked), Some(Part::Files));
        assert_eq!(lacking(&[Part::Files, Part::Reviews, Part::Commits], &asked), None);
        assert_eq!(lacking(&[], &[]), None);
    }
}
