//! The points of one rate-limit window, as GitHub tells them.
//!
//! Answers arrive out of order and from several processes, so within a window only the smallest
//! `remaining` counts. It must not know who spends the points.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::numbers::later;

/// A window lasts an hour. One told to end later than this from now (a clock is wrong) is taken
/// to end then, so that every wait is bounded.
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_mins(65);
/// How long a window is believed in whose end GitHub did not tell.
const UNTOLD_WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Two resets closer than this are the same window: headers carry whole seconds.
const SAME_WINDOW_SECONDS: i64 = 2;

/// The primary limit as one answer tells it, by headers or by `rateLimit{…}`. An answer without
/// limits (GitHub Enterprise Server may send none) is no `RateLimit` at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Points of a whole window.
    pub limit: i64,
    /// Points left.
    pub remaining: i64,
    /// When the points are given anew, if told.
    pub reset_at: Option<Timestamp>,
}

/// The newest window that GitHub told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    told: RateLimit,
    ends_at: Timestamp,
}

impl Window {
    /// The window after one more answer; none while limits are off (`limit` of 0).
    pub(super) fn observe(known: Option<Self>, told: RateLimit, now: Timestamp) -> Option<Self> {
        if told.limit <= 0 {
            return known;
        }
        let told = RateLimit { remaining: told.remaining.clamp(0, told.limit), ..told };
        let Some(known) = known.filter(|known| known.is_open(now)) else {
            return Some(Self::begin(told, now));
        };
        match (known.told.reset_at, told.reset_at) {
            // Nothing is sent before an exhausted window ends, so this answer is an older one.
            (Some(_), Some(_)) if known.told.remaining == 0 && told.remaining > 0 => Some(known),
            (Some(old), Some(new)) if new.as_second() > old.as_second() + SAME_WINDOW_SECONDS => {
                Some(Self::begin(told, now))
            }
            (Some(old), Some(new)) if new.as_second() < old.as_second() - SAME_WINDOW_SECONDS => {
                Some(known)
            }
            (None, Some(_)) => {
                let remaining = told.remaining.min(known.told.remaining);
                Some(Self::begin(RateLimit { remaining, ..told }, now))
            }
            _ => {
                let remaining = told.remaining.min(known.told.remaining);
                let reset_at = known.told.reset_at;
                Some(Self { told: RateLimit { remaining, reset_at, ..told }, ..known })
            }
        }
    }

    fn begin(told: RateLimit, now: Timestamp) -> Self {
        let longest = later(now, LONGEST_WINDOW);
        let ends_at = told.reset_at.map_or(later(now, UNTOLD_WINDOW), |at| at.min(longest));
        Self { told, ends_at }
    }

    /// The window has not ended, nor the second after it. Then nothing is known and so nothing is
    /// waited for: the next answer tells. So it is where the window would last longer than any,
    /// because the clock went back.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        now < self.resumes_at() && self.ends_at <= later(now, LONGEST_WINDOW)
    }

    pub(super) fn told(&self) -> RateLimit {
        self.told
    }

    /// One second after the end, because resets are told in whole seconds.
    pub(super) fn resumes_at(&self) -> Timestamp {
        later(self.ends_at, SignedDuration::from_secs(1))
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        self.ends_at
    }
}
