//! Everything that can go wrong between us and GitHub: one variant, one cause.
//!
//! Each cause is a row of the catalogue in github-api.md (sections 1.5, 2 and 4). This file must
//! not know how a cause is recognised (`decode::refusal`) nor what is done about it.

mod size;

use std::time::Duration;

use backfill_api::{Disposition, Part, Reason};
use jiff::Timestamp;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why GitHub could not be asked, did not answer, or answered what cannot be used.
///
/// Texts are for people: they hold at most GitHub's own message, never a token or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection: refused, no such host, a proxy that refuses, TLS but for its certificate.
    #[error("GitHub cannot be reached")]
    Unreachable(#[source] Source),
    /// Whoever answers at the address, or a proxy on the way, shows a certificate that does not
    /// hold. Nothing was sent.
    #[error("the certificate shown for GitHub is refused: {0}")]
    CertificateRefused(String),
    /// The answer broke off: stream reset, GOAWAY, connection lost.
    #[error("GitHub broke off its answer after {:.1} s", elapsed.as_secs_f64())]
    Interrupted {
        /// From the request to the break.
        elapsed: Duration,
        /// What the transport says.
        #[source]
        source: Source,
    },
    /// A JSON text that ends too early.
    #[error("GitHub's answer ends in the middle")]
    Truncated {
        /// From the request to the end.
        elapsed: Duration,
    },
    /// GitHub's ten seconds or our own time-out passed: 502, 504, a late 5xx, its text under 200.
    #[error("GitHub could not answer in time{}", status_suffix(*status))]
    TimedOut {
        /// HTTP status; none where our own time-out struck.
        status: Option<u16>,
        /// From the request to the answer.
        elapsed: Duration,
    },
    /// Any other 5xx, and 408.
    #[error("GitHub answers with its own error (HTTP {status})")]
    ServerError {
        /// HTTP status.
        status: u16,
    },
    /// Not JSON where JSON was due, such as a page of HTML under status 200.
    #[error("GitHub answers with something other than JSON (HTTP {status})")]
    NotJson {
        /// HTTP status.
        status: u16,
        /// From the request to the answer.
        elapsed: Duration,
    },
    /// More bytes than are read.
    #[error("GitHub's answer is larger than {limit_bytes} bytes")]
    Oversized {
        /// The most that is read.
        limit_bytes: usize,
        /// From the request to giving up.
        elapsed: Duration,
    },
    /// `RESOURCE_LIMITS_EXCEEDED`: too much work for one query.
    #[error("the query exceeds GitHub's resource limits")]
    ResourceLimits {
        /// From the request to the answer.
        elapsed: Duration,
    },
    /// `MAX_NODE_LIMIT_EXCEEDED`: more than 500,000 possible nodes.
    #[error("the query exceeds GitHub's node limit: {message}")]
    NodeLimit {
        /// GitHub's text.
        message: String,
    },

    /// No points are left until the reset.
    #[error("the credential's points are used up until {until}")]
    PrimaryLimit {
        /// When they are given anew, by our clock.
        until: Timestamp,
    },
    /// GitHub asks to slow down; nothing of this identity may be asked before.
    #[error("GitHub asks to slow down until {until}")]
    SecondaryLimit {
        /// When the hold ends, by our clock.
        until: Timestamp,
    },
    /// Points are left, but not above the floor. Nothing was sent.
    #[error("{remaining} points are left, and {floor} are kept back until {until}")]
    BelowFloor {
        /// Points left.
        remaining: i64,
        /// Points kept back.
        floor: i64,
        /// When the points are given anew, by our clock.
        until: Timestamp,
    },
    /// The floor leaves nothing of the limit. Nothing was sent.
    #[error("of {limit} points an hour {floor} are kept back: nothing is left to spend")]
    BudgetTooSmall {
        /// Points of a whole window.
        limit: i64,
        /// Points kept back.
        floor: i64,
    },
    /// 401.
    #[error("GitHub answers 401: the token is wrong or expired")]
    BadCredentials,
    /// The credential may not read this.
    #[error("the credential is not permitted to read this: {message}")]
    PermissionDenied {
        /// GitHub's text.
        message: String,
    },
    /// The token lacks a scope.
    #[error("the token lacks a scope: {message}")]
    InsufficientScopes {
        /// GitHub's text.
        message: String,
    },
    /// The organization wants single sign-on.
    #[error("the organization wants the token authorized for single sign-on")]
    SamlRequired,
    /// The organization's IP allow list refuses us.
    #[error("the organization's IP allow list refuses this address")]
    IpNotAllowed,
    /// The GitHub App's installation is suspended.
    #[error("the GitHub App's installation is suspended")]
    InstallationSuspended,
    /// No such repository, or none that the credential can see.
    #[error("the repository does not exist, or the credential cannot see it")]
    RepositoryNotFound,
    /// Blocked or disabled by GitHub.
    #[error("GitHub has blocked the repository")]
    RepositoryBlocked,
    /// The pull request is gone, or cannot be seen any more.
    #[error("the pull request does not exist any more")]
    PullRequestNotFound,
    /// One place of the page came back empty.
    #[error("the page's pull request at place {index} came back empty: {message}")]
    NullNode {
        /// Its place on the page, from 0.
        index: usize,
        /// GitHub's text, where it gave one.
        message: String,
    },
    /// An error somewhere else under what was asked for, so the answer is not whole.
    #[error("GitHub left a part of the answer out ({path}): {message}")]
    PartMissing {
        /// Where, as GitHub names it.
        path: String,
        /// GitHub's text.
        message: String,
    },
    /// No `fullDatabaseId`.
    #[error("#{number}: GitHub gives no id for {what}")]
    Unidentified {
        /// Number of the pull request.
        number: i64,
        /// What has none: the pull request itself, or a kind of child.
        what: &'static str,
    },
    /// The children do not add up to GitHub's count, even when read anew.
    #[error("#{number}: {found} of {part:?} were read where GitHub counts {expected}")]
    Incomplete {
        /// Number of the pull request.
        number: i64,
        /// The part; `None` for its labels or assignees.
        part: Option<Part>,
        /// Children read.
        found: i64,
        /// GitHub's count.
        expected: i64,
    },
    /// A push came between two pages of its commits or files, even when they were read anew.
    #[error("#{0}: its branch moved while it was read")]
    Moved(i64),
    /// JSON of another shape than the query's.
    #[error("GitHub's answer cannot be read")]
    Unreadable(#[source] Source),
    /// GitHub does not know a field, or finds another fault in our query.
    #[error("GitHub rejects our query: {message}")]
    QueryRejected {
        /// GitHub's text.
        message: String,
    },
    /// 400: GitHub found no query, as it says of requests that are too large as well.
    #[error("GitHub found no query in our request")]
    QueryMissing,
    /// The cursor is not one of GitHub's.
    #[error("GitHub does not accept the cursor: {message}")]
    CursorRejected {
        /// GitHub's text.
        message: String,
    },
    /// Nothing that speaks GitHub's API answers at the address: a redirect or another 4xx.
    #[error("the address does not answer as GitHub's API does (HTTP {status}): {message}")]
    NotTheApi {
        /// HTTP status.
        status: u16,
        /// The text of the answer, if it was one of GitHub's.
        message: String,
    },
    /// The client cannot be built as configured.
    #[error("the GitHub client cannot be set up: {0}")]
    Configuration(String),
}

fn status_suffix(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" (HTTP {status})"))
}

impl Error {
    /// The word it is published under.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unreachable(_)
            | Self::CertificateRefused(_)
            | Self::Interrupted { .. }
            | Self::Truncated { .. }
            | Self::TimedOut { .. }
            | Self::ServerError { .. }
            | Self::NotJson { .. } => Reason::GitHubUnavailable,
            Self::Oversized { .. } | Self::ResourceLimits { .. } | Self::NodeLimit { .. } => {
                Reason::PageTooLarge
            }
            Self::PrimaryLimit { .. } | Self::BelowFloor { .. } => Reason::RateLimited,
            Self::SecondaryLimit { .. } => Reason::SecondaryRateLimited,
            Self::BudgetTooSmall { .. } => Reason::BudgetTooSmall,
            Self::BadCredentials => Reason::CredentialsInvalid,
            Self::PermissionDenied { .. } | Self::InsufficientScopes { .. } => {
                Reason::PermissionDenied
            }
            Self::SamlRequired => Reason::SamlRequired,
            Self::IpNotAllowed => Reason::IpNotAllowed,
            Self::InstallationSuspended => Reason::InstallationSuspended,
            Self::RepositoryNotFound => Reason::RepositoryNotFound,
            Self::RepositoryBlocked => Reason::RepositoryBlocked,
            Self::CursorRejected { .. } => Reason::CursorRejected,
            Self::PullRequestNotFound | Self::NullNode { .. } | Self::Unidentified { .. } => {
                Reason::PullRequestUnreadable
            }
            Self::PartMissing { .. }
            | Self::Incomplete { .. }
            | Self::Moved(_)
            | Self::Unreadable(_) => Reason::ResponseInvalid,
            Self::QueryRejected { .. }
            | Self::QueryMissing
            | Self::NotTheApi { .. }
            | Self::Configuration(_) => Reason::InternalError,
        }
    }

    /// Who can mend it, by the catalogue of reasons. Waiting for points mends itself.
    pub fn disposition(&self) -> Disposition {
        self.reason().disposition().unwrap_or(Disposition::Transient)
    }

    /// GitHub's wish not to be asked before this instant, by our clock.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::PrimaryLimit { until }
            | Self::SecondaryLimit { until }
            | Self::BelowFloor { until, .. } => Some(*until),
            _ => None,
        }
    }
}
