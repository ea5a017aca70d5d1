//! Arithmetic on instants and numbers that saturates instead of failing.
//!
//! Crate-private; must not know any rule.

use jiff::{SignedDuration, Timestamp};

/// `at` plus `wait`, held inside what a timestamp can say.
pub(crate) fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    let edge = if wait.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(wait).unwrap_or(edge)
}

/// Seconds from `from` to `to`; negative when `to` is earlier.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// A span of `seconds`, with everything that is no positive number of seconds taken as none.
pub(crate) fn span(seconds: f64) -> SignedDuration {
    if seconds.is_nan() {
        return SignedDuration::ZERO;
    }
    SignedDuration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SignedDuration::MAX)
}

/// A count as a float; exact up to 2^53, far beyond any count here.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn float(count: i64) -> f64 {
    count as f64
}

/// The nearest whole number, saturating; NaN is 0.
#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}
