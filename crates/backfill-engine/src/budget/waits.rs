//! A place in the budget, or when there will be one and why not now.

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

/// What stands in the way of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// GitHub asked to slow down.
    Hold,
    /// The points are at the floor.
    RateLimit {
        /// Points left.
        remaining: i64,
        /// Points of a whole window.
        limit: i64,
        /// Points that are never spent.
        floor: i64,
    },
    /// The response seconds of the last minute are used up.
    ResponseSeconds,
    /// Others are before it.
    Share,
}

impl Why {
    /// The word shown for it.
    pub fn reason(self) -> Reason {
        match self {
            Self::Hold => Reason::SecondaryRateLimited,
            Self::RateLimit { .. } => Reason::RateLimited,
            Self::ResponseSeconds | Self::Share => Reason::Paced,
        }
    }

    /// What people are told of it.
    pub fn text(self, until: Timestamp) -> String {
        let until = clock(until);
        match self {
            Self::Hold => format!("GitHub asked to slow down, resumes {until}"),
            Self::RateLimit { remaining, limit, floor } if remaining > 0 => {
                format!("{remaining} of {limit} points with a floor of {floor}, resumes {until}")
            }
            Self::RateLimit { remaining, limit, .. } => {
                format!("{remaining} of {limit} points, resumes {until}")
            }
            Self::ResponseSeconds => {
                format!("this minute's response time is used up, resumes {until}")
            }
            Self::Share => format!("other backfills are first, its share comes up {until}"),
        }
    }
}
