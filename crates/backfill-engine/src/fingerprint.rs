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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use backfill_api::{Priority, RepositoryBackfillSpec};

    use super::*;

    fn spec(json: &str) -> RepositoryBackfillSpec {
        let mut spec: serde_json::Value = serde_json::from_str(json).unwrap();
        spec["repository"] = "acme/api".into();
        serde_json::from_value(spec).unwrap()
    }

    fn of(json: &str) -> String {
        fingerprint(&NodeId::from("R_1"), &spec(json))
    }

    #[test]
    fn what_changes_the_scope_changes_the_fingerprint() {
        let scopes = [
            "{}",
            r#"{"window": {"sinceDays": 30}}"#,
            r#"{"window": {"sinceDays": 31}}"#,
            r#"{"window": {"since": "2026-01-01T00:00:00Z"}}"#,
            r#"{"window": {"until": "2026-01-01T00:00:00Z"}}"#,
            r#"{"window": {"since": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}"#,
            r#"{"maxPullRequests": 30}"#,
            r#"{"maxPullRequests": 200}"#,
            r#"{"include": []}"#,
            r#"{"include": ["Reviews"]}"#,
            r#"{"include": ["Reviews", "ReviewComments", "Comments", "Files"]}"#,
        ];
        let mut seen: Vec<String> = scopes.iter().map(|json| of(json)).collect();
        seen.push(fingerprint(&NodeId::from("R_2"), &spec("{}")));
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
        assert!(seen.iter().all(|text| text.len() == DIGITS));
    }

    #[test]
    fn what_leaves_the_scope_leaves_the_fingerprint() {
        let whole = of("{}");
        assert_eq!(of(r#"{"include": ["Comments", "Reviews", "ReviewComments"]}"#), whole);
        assert_eq!(of(r#"{"window": {}}"#), whole);
        assert_eq!(of(r#"{"chunk": {"size": 7}, "priority": "High", "suspend": true}"#), whole);
        assert_eq!(spec(r#"{"priority": "High"}"#).priority, Priority::High);
        assert_eq!(
            of(r#"{"window": {"since": "2026-01-01T02:00:00+02:00"}}"#),
            of(r#"{"window": {"since": "2026-01-01T00:00:00Z"}}"#),
            "the same instant"
        );
    }

    #[test]
    fn the_text_is_stable_over_releases() {
        // Kept in the state row: another text would walk every repository again.
        assert_eq!(of("{}"), "e729310047bda5bd4cb2053e53e97ed2");
    }

    #[test]
    fn days_become_an_instant_when_the_walk_starts() {
        let now: Timestamp = "2026-11-23T08:00:00.123456789Z".parse().unwrap();
        let asked = bounds(&spec(r#"{"window": {"sinceDays": 30}, "maxPullRequests": 200}"#), now);
        assert_eq!(asked.since, Some("2026-10-24T08:00:00.123456Z".parse().unwrap()));
        assert_eq!((asked.until, asked.max_pull_requests), (None, Some(200)));
        assert_eq!(asked.parts, [Part::Reviews, Part::ReviewComments, Part::Comments]);
        assert!(!asked.is_whole_history());

        let unsorted = r#"{"include": ["Files", "Reviews"],
            "window": {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}}"#;
        let asked = bounds(&spec(unsorted), now);
        assert_eq!(asked.parts, [Part::Reviews, Part::Files]);
        assert_eq!(asked.since, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(asked.until, Some("2026-02-01T00:00:00Z".parse().unwrap()));
        assert!(bounds(&spec("{}"), now).is_whole_history());
    }
}
