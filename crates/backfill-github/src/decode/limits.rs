//! What an answer's headers say about limits and time, whatever rubbish stands in them.
//!
//! Instants are turned into ours: GitHub's `Date` header tells how far the clocks are apart.
//! Must not know what is done about a limit.

use std::time::Duration;

use backfill_engine::budget::RateLimit;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

/// `Date` carries whole seconds, so it may have been written up to this much later than it says.
const DATE_ROUNDING: SignedDuration = SignedDuration::from_secs(1);

/// The headers that the client reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitHeaders {
    /// The primary limit, if limit and remaining are told. Its reset is by our clock. A limit of
    /// nothing is none: so GitHub answers a credential that it rejects.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Points left, even where the rest is missing.
    pub(crate) remaining: Option<i64>,
    /// `Retry-After`, from now on.
    pub(crate) retry_after: Option<SignedDuration>,
    /// How far GitHub's clock is at least ahead of ours; zero while nothing proves that it is
    /// wrong. Taken for the difference, it makes instants later by what the answer took.
    pub(crate) skew: SignedDuration,
    /// `X-GitHub-SSO` wants a person to sign on.
    pub(crate) sso_required: bool,
}

impl LimitHeaders {
    /// Reads them; they arrived at this instant of our clock, so long after the request was sent.
    pub(crate) fn read(headers: &HeaderMap, arrived: Timestamp, took: Duration) -> Self {
        let count = |name| count(headers, name);
        let skew =
            date(headers, "date").map_or(SignedDuration::ZERO, |date| skew(date, arrived, took));
        let reset_at = count("x-ratelimit-reset")
            .and_then(|second| Timestamp::from_second(second).ok())
            .map(|at| to_our_clock(at, skew));
        let remaining = count("x-ratelimit-remaining");
        let rate_limit = match (count("x-ratelimit-limit"), remaining) {
            (Some(limit), Some(remaining)) if limit > 0 => {
                Some(RateLimit { limit, remaining, reset_at })
            }
            _ => None,
        };
        let retry_after = retry_after(headers, arrived);
        let sso_required =
            text(headers, "x-github-sso").is_some_and(|text| text.starts_with("required"));
        Self { rate_limit, remaining, retry_after, skew, sso_required }
    }
}

/// GitHub wrote `date` after the request was sent and before the answer arrived. A clock that may
/// be right by that is right: an answer that took long must not move the reset it tells.
fn skew(date: Timestamp, arrived: Timestamp, took: Duration) -> SignedDuration {
    let at_least = date.duration_since(arrived);
    let took = SignedDuration::try_from(took).unwrap_or(SignedDuration::MAX);
    let at_most = at_least.saturating_add(took).saturating_add(DATE_ROUNDING);
    let may_be_right = at_least <= SignedDuration::ZERO && at_most >= SignedDuration::ZERO;
    if may_be_right { SignedDuration::ZERO } else { at_least }
}

/// An instant of GitHub's clock by ours.
pub(crate) fn to_our_clock(at: Timestamp, skew: SignedDuration) -> Timestamp {
    at.checked_sub(skew).unwrap_or(at)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds, or as proxies may write it an instant of the clock that wrote `Date`.
fn retry_after(headers: &HeaderMap, arrived: Timestamp) -> Option<SignedDuration> {
    if let Some(seconds) = count(headers, "retry-after") {
        return Some(SignedDuration::from_secs(seconds));
    }
    let until = date(headers, "retry-after")?;
    let wait = until.duration_since(date(headers, "date").unwrap_or(arrived));
    Some(wait.max(SignedDuration::from_secs(1)))
}

fn count(headers: &HeaderMap, name: &str) -> Option<i64> {
    text(headers, name)?.trim().parse().ok().filter(|count| *count >= 0)
}

fn date(headers: &HeaderMap, name: &str) -> Option<Timestamp> {
    let text = text(headers, name)?;
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_full_set_is_read() {
        let now = at("2026-11-20T10:00:01Z");
        let read = LimitHeaders::read(
            &headers(&[
                ("x-ratelimit-limit", "5000"),
                ("x-ratelimit-remaining", "4990"),
                ("x-ratelimit-reset", "1795172400"),
                ("date", "Fri, 20 Nov 2026 10:00:00 GMT"),
            ]),
            now,
            Duration::ZERO,
        );
        let told = read.rate_limit.unwrap();
        assert_eq!((told.limit, told.remaining), (5000, 4990));
        assert_eq!(told.reset_at, Timestamp::from_second(1_795_172_400).ok());
        assert_eq!(read.skew, SignedDuration::ZERO);
    }

    #[test]
    fn a_clock_that_is_wrong_is_corrected() {
        let read = LimitHeaders::read(
            &headers(&[
                ("x-ratelimit-limit", "5000"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1795172400"),
                ("date", "Fri, 20 Nov 2026 10:00:00 GMT"),
            ]),
            at("2026-11-20T10:05:00Z"),
            Duration::ZERO,
        );
        let expected = Timestamp::from_second(1_795_172_400 + 300).unwrap();
        assert_eq!(read.rate_limit.unwrap().reset_at, Some(expected));
    }

    #[test]
    fn an_answer_that_takes_long_does_not_move_the_reset() {
        for (date, arrived, took, expected) in [
            // Right clocks, however long the way there or back.
            ("10:00:00", "10:00:00.3", 100, 0),
            ("10:00:00", "10:00:00.3", 20_000, 0),
            ("10:00:00", "10:00:31", 30_100, 0),
            // Wrong ones: the reset is never earlier than GitHub's own, later by the way back.
            ("10:00:05", "10:00:01", 1_000, 4_000),
            ("10:00:00", "10:00:04", 1_000, -4_000),
            ("10:00:00", "10:00:01.2", 100, -1_200),
        ] {
            let on = |time| at(&format!("2026-11-20T{time}Z"));
            let found = skew(on(date), on(arrived), Duration::from_millis(took));
            assert_eq!(found.as_millis(), expected, "{date} at {arrived} after {took} ms");
        }
    }

    #[test]
    fn a_wait_may_be_told_in_seconds_or_as_a_date() {
        let now = at("2026-11-20T10:05:00Z");
        let written = "Fri, 20 Nov 2026 10:04:00 GMT";
        for (told, date, seconds) in [
            ("90", written, 90),
            ("Fri, 20 Nov 2026 10:14:00 GMT", written, 600),
            ("Fri, 20 Nov 2026 10:14:00 GMT", "", 540),
            ("Fri, 20 Nov 2026 09:00:00 GMT", written, 1),
        ] {
            let headers = headers(&[("retry-after", told), ("date", date)]);
            let read = LimitHeaders::read(&headers, now, Duration::ZERO);
            assert_eq!(read.retry_after, Some(SignedDuration::from_secs(seconds)), "{told}");
        }
    }

    #[test]
    fn rubbish_is_as_good_as_missing() {
        for rubbish in ["", "-1", "many", "1e9", "99999999999999999999", "1.5"] {
            let read = LimitHeaders::read(
                &headers(&[
                    ("x-ratelimit-limit", "5000"),
                    ("x-ratelimit-remaining", rubbish),
                    ("x-ratelimit-reset", rubbish),
                    ("retry-after", rubbish),
                    ("date", rubbish),
                    ("x-github-sso", rubbish),
                ]),
                at("2026-11-20T10:05:00Z"),
                Duration::ZERO,
            );
            assert_eq!(read, LimitHeaders::default(), "{rubbish:?}");
        }
        assert_eq!(
            LimitHeaders::read(&HeaderMap::new(), Timestamp::UNIX_EPOCH, Duration::MAX),
            LimitHeaders::default()
        );
    }

    #[test]
    fn a_reset_beyond_time_is_none() {
        let read = LimitHeaders::read(
            &headers(&[
                ("x-ratelimit-limit", "5000"),
                ("x-ratelimit-remaining", "1"),
                ("x-ratelimit-reset", "999999999999999"),
            ]),
            at("2026-11-20T10:05:00Z"),
            Duration::ZERO,
        );
        assert_eq!(read.rate_limit.unwrap().reset_at, None);
    }
}
