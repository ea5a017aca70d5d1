//! How far a backfill is, in words and as an instant.
//!
//! Texts that people read in `kubectl get`; must not know where they are shown.

use std::fmt;

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

/// A span for messages, in its largest whole unit: `30m`, `6h`, `90s`.
pub fn short(wait: SignedDuration) -> String {
    let seconds = wait.as_secs().max(0);
    match seconds {
        1.. if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        1.. if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        1.. if seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// Puts in front of `text` which credentials it speaks of: `secret github: 0 of 5000 points`.
pub fn of_secret(secret: &str, text: impl fmt::Display) -> String {
    format!("secret {secret}: {text}")
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
