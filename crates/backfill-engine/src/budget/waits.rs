//! A place in the budget, or when there will be one and why not now.

use std::fmt;

use backfill_api::Reason;
use jiff::Timestamp;

use crate::progress::clock;

/// The answer to "may I send now?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Yes.
    Now,
    /// Ask again then.
    At {
        /// Between 100 ms and 66 minutes from the time of asking.
        until: Timestamp,
        /// What stands in the way.
        why: Why,
    },
}

/// What stands in the way of a query. Its text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// GitHub asked to slow down.
    Hold {
        /// When it ends.
        until: Timestamp,
    },
    /// The points are at the floor.
    RateLimit {
        /// Points left.
        remaining: i64,
        /// Points of a whole window.
        limit: i64,
        /// Points that are never spent.
        floor: i64,
        /// When the points are given anew.
        until: Timestamp,
    },
    /// The response seconds of the last minute are used up.
    ResponseSeconds {
        /// When there is room again.
        until: Timestamp,
    },
    /// Others are before it.
    Share {
        /// When its share comes up.
        until: Timestamp,
    },
}

impl Why {
    /// The word shown for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Hold { .. } => Reason::SecondaryRateLimited,
            Self::RateLimit { .. } => Reason::RateLimited,
            Self::ResponseSeconds { .. } | Self::Share { .. } => Reason::Paced,
        }
    }

    pub(super) fn until(self, until: Timestamp) -> Self {
        match self {
            Self::Hold { .. } => Self::Hold { until },
            Self::RateLimit { remaining, limit, floor, .. } => {
                Self::RateLimit { remaining, limit, floor, until }
            }
            Self::ResponseSeconds { .. } => Self::ResponseSeconds { until },
            Self::Share { .. } => Self::Share { until },
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold { until } => {
                write!(out, "GitHub asked to slow down, resumes {}", clock(*until))
            }
            Self::RateLimit { remaining, limit, floor, until } => {
                write!(out, "{remaining} of {limit} points")?;
                if *remaining > 0 {
                    write!(out, " with a floor of {floor}")?;
                }
                write!(out, ", resumes {}", clock(*until))
            }
            Self::ResponseSeconds { until } => {
                write!(out, "this minute's response time is used up, resumes {}", clock(*until))
            }
            Self::Share { until } => {
                write!(out, "other backfills are first, its share comes up {}", clock(*until))
            }
        }
    }
}
