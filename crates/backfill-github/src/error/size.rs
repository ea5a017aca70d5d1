//! What an error tells of the size of what was asked for.
//!
//! It must not know what is made of it.

use std::time::Duration;

use super::Error;

impl Error {
    /// A smaller page may well succeed where this one failed, or a single pull request is to blame.
    pub fn is_size_related(&self) -> bool {
        let one_is_bad = matches!(
            self,
            Self::NullNode { .. }
                | Self::PartMissing { .. }
                | Self::Unidentified { .. }
                | Self::Incomplete { .. }
                | Self::Moved(_)
                | Self::PullRequestNotFound
                | Self::Unreadable(_)
        );
        let may_be_large = matches!(self, Self::NodeLimit { .. } | Self::QueryMissing);
        self.elapsed().is_some() || may_be_large || one_is_bad
    }

    /// How long the request that failed took, where that tells something about its size.
    pub fn elapsed(&self) -> Option<Duration> {
        match self {
            Self::Interrupted { elapsed, .. }
            | Self::Truncated { elapsed }
            | Self::TimedOut { elapsed, .. }
            | Self::NotJson { elapsed, .. }
            | Self::Oversized { elapsed, .. }
            | Self::ResourceLimits { elapsed } => Some(*elapsed),
            _ => None,
        }
    }
}
