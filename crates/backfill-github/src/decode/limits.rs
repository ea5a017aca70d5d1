//! What an answer's headers say about limits and time, whatever rubbish stands in them.
//!
//! Instants are turned into ours: GitHub's `Date` header tells how far the clocks are apart.
//! Must not know what is done about a limit.

use backfill_engine::budget::RateLimit;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

/// A difference smaller than this is the rounding of `Date` to whole seconds and the way there.
const SKEW_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// The headers that the client reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitHeaders {
    /// The primary limit, if limit and remaining are told. Its reset is by our clock.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Points left, even where the rest is missing.
    pub(crate) remaining: Option<i64>,
    /// `Retry-After`, from now on.
    pub(crate) retry_after: Option<SignedDuration>,
    /// How far GitHub's clock is ahead of ours.
    pub(crate) skew: SignedDuration,
    /// `X-GitHub-SSO` wants a person to sign on.
    pub(crate) sso_required: bool,
}

impl LimitHeaders {
    /// Reads them; `now` is the instant the headers arrived, by our clock.
    pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        let number = |name| text(headers, name).and_then(|text| text.trim().parse::<i64>().ok());
        let count = |name| number(name).filter(|count| *count >= 0);
        let skew = date(headers).map_or(SignedDuration::ZERO, |date| {
            let difference = date.duration_since(now);
            if difference.abs() <= SKEW_TOLERANCE { SignedDuration::ZERO } else { difference }
        });
        let reset_at = count("x-ratelimit-reset")
            .and_then(|second| Timestamp::from_second(second).ok())
            .map(|at| to_our_clock(at, skew));
        let remaining = count("x-ratelimit-remaining");
        let rate_limit = match (count("x-ratelimit-limit"), remaining) {
            (Some(limit), Some(remaining)) => Some(RateLimit { limit, remaining, reset_at }),
            _ => None,
        };
        let retry_after = count("retry-after").map(SignedDuration::from_secs);
        let sso_required =
            text(headers, "x-github-sso").is_some_and(|text| text.starts_with("required"));
        Self { rate_limit, remaining, retry_after, skew, sso_required }
    }
}

/// An instant of GitHub's clock by ours.
pub(crate) fn to_our_clock(at: Timestamp, skew: SignedDuration) -> Timestamp {
    at.checked_sub(skew).unwrap_or(at)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = text(headers, "date")?;
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
        );
        let expected = Timestamp::from_second(1_795_172_400 + 300).unwrap();
        assert_eq!(read.rate_limit.unwrap().reset_at, Some(expected));
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
            );
            assert_eq!(read, LimitHeaders::default(), "{rubbish:?}");
        }
        assert_eq!(
            LimitHeaders::read(&HeaderMap::new(), at("2026-11-20T10:05:00Z")),
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
        );
        assert_eq!(read.rate_limit.unwrap().reset_at, None);
    }
}
