//! What a walk covers: the bounds a spec asks for, and the fingerprint that tells one walk's
//! wish from another's.
//!
//! The fingerprint is over the words of the spec, the bounds are instants. `sinceDays: 30` keeps
//! its fingerprint for ever, and is turned into an instant only when a walk starts; so a window
//! neither drifts nor restarts a walk by the mere passing of time.

use backfill_api::{Part, RepositoryBackfillSpec};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::model::{NodeId, WalkBounds};
use crate::numbers::later;

/// Hexadecimal digits kept of the hash: 128 bits, more than enough to tell edits apart.
const DIGITS: usize = 32;

/// A stable text of what `spec` asks a walk of the repository `node_id` to cover: window,
/// `maxPullRequests` and `include`. A change of anything else in the spec leaves it as it is.
pub fn fingerprint(node_id: &NodeId, spec: &RepositoryBackfillSpec) -> String {
    let window = spec.window.as_ref();
    let instant = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let words = [
        node_id.as_str().to_owned(),
        instant(window.and_then(|window| window.since.as_ref()).map(|since| since.0)),
        instant(window.and_then(|window| window.until.as_ref()).map(|until| until.0)),
        number(window.and_then(|window| window.since_days).map(i64::from)),
        number(spec.max_pull_requests),
        parts(&spec.include).iter().map(|part| part.as_str()).collect::<Vec<_>>().join(","),
    ];
    let mut hash = Sha256::new();
    for word in words {
        // The length first: no two lists of words run together into the same bytes.
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    let mut text = format!("{:x}", hash.finalize());
    text.truncate(DIGITS);
    text
}

/// What a walk that starts at `now` covers. Instants are cut to whole microseconds, which is what
/// the database keeps.
pub fn bounds(spec: &RepositoryBackfillSpec, now: Timestamp) -> WalkBounds {
    let window = spec.window.as_ref();
    let days = window.and_then(|window| window.since_days);
    let since = window.and_then(|window| window.since.as_ref()).map(|since| since.0);
    let newest_days =
        days.map(|days| later(now, SignedDuration::from_hours(-24 * i64::from(days))));
    WalkBounds {
        since: since.or(newest_days).map(stored),
        until: window.and_then(|window| window.until.as_ref()).map(|until| stored(until.0)),
        max_pull_requests: spec.max_pull_requests,
        parts: parts(&spec.include),
    }
}

fn parts(include: &[Part]) -> Vec<Part> {
    let mut parts = include.to_vec();
    parts.sort_unstable();
    parts.dedup();
    parts
}

fn stored(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}
