//! How far a backfill is, in words and as an instant.
//!
//! Texts that people read in `kubectl get`; must not know where they are shown.

use jiff::{SignedDuration, Timestamp};

use crate::numbers::{float, later, seconds_between, span};

/// The longest time to go that is worth an estimate: a year.
const LONGEST_ESTIMATE: SignedDuration = SignedDuration::from_hours(24 * 365);

/// `41250/83012 (49%)`, or `118/?` while the whole is not known. Percent are rounded down, so
/// that 100 % means all.
pub fn text(processed: i64, expected: Option<i64>) -> String {
    match expected {
        None => format!("{processed}/?"),
        Some(expected) => {
            let (part, whole) = (i128::from(processed.max(0)), i128::from(expected));
            let percent = if whole <= 0 { 100 } else { (100 * part / whole).min(100) };
            format!("{processed}/{expected} ({percent}%)")
        }
    }
}

/// A time of day for messages: `06:41 UTC`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

/// A pause of Interval mode.
pub fn paced(until: Timestamp) -> String {
    format!("pauses between bursts until {}", clock(until))
}

/// Puts in front of `text` which credentials it speaks of: `secret github: 0 of 5000 points`.
pub fn of_secret(secret: Option<&str>, text: &str) -> String {
    format!("secret {}: {text}", secret.unwrap_or("?"))
}

/// When a walk that began at `started` and has dealt with `processed` of `expected` ends at its
/// own pace so far, waits included. None before the first pull request.
pub fn estimated_completion(
    started: Timestamp,
    processed: i64,
    expected: i64,
    now: Timestamp,
) -> Option<Timestamp> {
    if processed <= 0 || now <= started {
        return None;
    }
    let left = float((expected - processed).max(0));
    let seconds = seconds_between(started, now) * left / float(processed);
    Some(later(now, span(seconds).min(LONGEST_ESTIMATE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000 + second))
    }

    #[test]
    fn progress_reads_as_in_the_columns() {
        for (processed, expected, words) in [
            (41_250, Some(83_012), "41250/83012 (49%)"),
            (25, Some(16_044), "25/16044 (0%)"),
            (118, Some(118), "118/118 (100%)"),
            (117, Some(118), "117/118 (99%)"),
            (999_999, Some(1_000_000), "999999/1000000 (99%)"),
            (120, Some(118), "120/118 (100%)"),
            (118, None, "118/?"),
            (0, Some(0), "0/0 (100%)"),
            (0, Some(1), "0/1 (0%)"),
        ] {
            assert_eq!(text(processed, expected), words);
        }
        assert!(text(i64::MAX, Some(i64::MAX)).len() <= 64, "the schema's bound");
    }

    #[test]
    fn times_and_secrets_are_short() {
        assert_eq!(clock(at(0)), "22:13 UTC");
        assert_eq!(
            of_secret(Some("github"), "0 of 5000 points"),
            "secret github: 0 of 5000 points"
        );
    }

    #[test]
    fn the_end_is_estimated_from_the_pace_so_far() {
        let estimate = |processed, expected, now| {
            estimated_completion(at(0), processed, expected, at(now))
                .map(|end| end.duration_since(at(0)).as_secs())
        };
        assert_eq!(estimate(0, 100, 10), None);
        assert_eq!(estimate(10, 100, 0), None);
        assert_eq!(estimate(10, 100, -5), None);
        assert_eq!(estimate(25, 100, 60), Some(240));
        assert_eq!(estimate(100, 100, 60), Some(60));
        assert_eq!(estimate(130, 100, 60), Some(60));
        assert_eq!(estimate(1, i64::MAX, 60), Some(60 + 365 * 86_400));
    }
}
