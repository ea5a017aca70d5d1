//! The hold that a secondary limit puts on everything of an identity.
//!
//! GitHub's rules: wait `Retry-After` if it is sent, else at least a minute, then exponentially
//! longer (docs.github.com, "Rate limits and query limits for the GraphQL API"). It must not know
//! points or flows.

use jiff::{SignedDuration, Timestamp};

use crate::numbers::later;
use crate::retry::{LONGEST_RETRY_AFTER, SKEW};

/// First wait without a `Retry-After`.
const FIRST: SignedDuration = SignedDuration::from_secs(60);
/// Longest wait without a `Retry-After`.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// 60 s doubled four times is past the longest.
const MOST_STRIKES: u32 = 4;
/// Good answers after this long without a hold take one strike back.
const QUIET: SignedDuration = SignedDuration::from_secs(60);

/// When nothing may be asked, and how long the next hold will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) until: Option<Timestamp>,
    pub(super) strikes: u32,
    quiet_since: Option<Timestamp>,
}

impl Hold {
    pub(super) fn restored(until: Option<Timestamp>, strikes: u32) -> Self {
        Self { until, strikes: strikes.min(MOST_STRIKES), quiet_since: until }
    }

    /// None holds longer than an hour: one that seems to was met before the clock went back.
    pub(super) fn active(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now && *until <= later(now, LONGEST_RETRY_AFTER + SKEW))
    }

    /// Holds until the given instant, up to an hour; never shortens a hold.
    pub(super) fn extend(&mut self, until: Timestamp, now: Timestamp) {
        let until = until.min(later(now, LONGEST_RETRY_AFTER));
        let until = self.active(now).map_or(until, |known| known.max(until));
        self.until = Some(until);
        self.quiet_since = Some(until);
    }

    /// A limit was met. Answers to requests that were in flight together count as one strike.
    pub(super) fn strike(&mut self, retry_after: Option<SignedDuration>, now: Timestamp) {
        let struck_already = self.active(now).is_some();
        let own = (FIRST * 2_i32.pow(self.strikes.min(MOST_STRIKES))).min(LONGEST);
        match retry_after {
            Some(wait) => self.extend(later(now, wait.max(SignedDuration::from_secs(1))), now),
            None if struck_already => {}
            None => self.extend(later(now, own), now),
        }
        if !struck_already {
            self.strikes = (self.strikes + 1).min(MOST_STRIKES);
        }
    }

    pub(super) fn good_answer(&mut self, now: Timestamp) {
        let quiet = self.quiet_since.is_none_or(|since| now >= later(since, QUIET));
        if self.strikes > 0 && quiet {
            self.strikes -= 1;
            self.quiet_since = Some(now);
        }
    }
}
