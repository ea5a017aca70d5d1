//! Every reason the operator ever gives, in one table.
//!
//! The same word is the condition's reason, the event's reason, the metric's label and the log's
//! field. This file must not know where a reason arises.

use std::fmt;
use std::str::FromStr;

use crate::conditions::State;

/// What a fault asks for: how soon it is looked at again, and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Mends itself: backoff from 5 s to 5 min, or until the instant the other side named.
    Transient,
    /// Only a person can mend it: looked at on every change, and every 60 s.
    UserFix,
    /// The same piece fails again and again: split it, then set it aside.
    Poison,
    /// A broken invariant of ours: looked at every 5 min, with a Warning event.
    Bug,
}

impl Disposition {
    /// The state a fault of this kind is published as, unless the caller knows better.
    pub fn state(self) -> State {
        match self {
            Self::Transient | Self::Poison => State::Retrying,
            Self::UserFix | Self::Bug => State::Stalled,
        }
    }

    /// Whether a run that failed so, without any commit, counts towards the circuit breaker.
    pub fn counts_towards_circuit(self) -> bool {
        match self {
            Self::Poison | Self::Bug => true,
            Self::Transient | Self::UserFix => false,
        }
    }
}

/// A text that is not one of [`Reason::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a reason of this operator")]
pub struct UnknownReason(pub String);

/// Writes the enum and its full matches from one table: name, published state or disposition, text.
macro_rules! reasons {
    (
        states { $($(#[doc = $state_doc:literal])+ $plain:ident => $state:ident,)+ }
        faults { $($(#[doc = $fault_doc:literal])+ $fault:ident => $disposition:ident,)+ }
    ) => {
        /// Why an object is in the state it is in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $state_doc])+ $plain,)+
            $($(#[doc = $fault_doc])+ $fault,)+
        }

        impl Reason {
            /// All reasons, in the order of the published catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$plain,)+ $(Self::$fault,)+];

            /// The word as it is published.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$plain => stringify!($plain),)+
                    $(Self::$fault => stringify!($fault),)+
                }
            }

            /// The catalogue's text: what it means and, for a fault, what mends it.
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$plain => concat!($($state_doc,)+).trim_ascii(),)+
                    $(Self::$fault => concat!($($fault_doc,)+).trim_ascii(),)+
                }
            }

            /// The kind of fault; none for a state that is no fault.
            pub fn disposition(self) -> Option<Disposition> {
                match self {
                    $(Self::$plain => None,)+
                    $(Self::$fault => Some(Disposition::$disposition),)+
                }
            }

            /// The state it is published as, unless the caller knows better.
            pub fn state(self) -> State {
                match self {
                    $(Self::$plain => State::$state,)+
                    $(Self::$fault => Disposition::$disposition.state(),)+
                }
            }
        }
    };
}

reasons! {
    states {
        /// Pull requests are fetched and stored, newest first.
        Walking => Running,
        /// What is stored is compared with what GitHub counts.
        Verifying => Running,
        /// The credential's points are at the floor; resumes by itself at the reset.
        RateLimited => Running,
        /// GitHub asked to slow down; every backfill of the credential waits.
        SecondaryRateLimited => Running,
        /// Waits for its share of the credential's budget, or for its period.
        Paced => Running,
        /// Waits for a free place in this operator.
        Queued => Running,
        /// Another instance holds the lease, or its lease has not run out yet.
        LeaseHeld => Running,
        /// The rows of the deleted object are being removed.
        Deleting => Running,
        /// The whole history is stored and was counted against GitHub.
        Verified => Complete,
        /// All that was asked for is stored but for the pull requests set aside in quarantine.
        VerifiedWithQuarantine => Complete,
        /// Everything inside the window or the newest `maxPullRequests` is stored.
        WindowVerified => Complete,
        /// The repository has no pull request.
        RepositoryEmpty => Complete,
        /// The dry run is done; `status.plan` holds the price and nothing was stored.
        Planned => Planned,
        /// `spec.suspend` is true; nothing happens.
        Suspended => Suspended,
    }
    faults {
        /// GitHub does not answer, or answers with an error of its own.
        GitHubUnavailable => Transient,
        /// GitHub could not answer a page in time or within its limits; the page is made smaller.
        PageTooLarge => Poison,
        /// GitHub's answer contradicts itself, or cannot be read.
        ResponseInvalid => Poison,
        /// One pull request fails even alone; it is set aside after three failures over time.
        PullRequestUnreadable => Poison,
        /// A chunk took longer than 15 minutes and was given up; the next is half as large.
        ChunkTimedOut => Poison,
        /// GitHub's count and the rows differ after verification; the message says by how much.
        TotalsDiffer => Transient,
        /// Postgres cannot be reached, or refuses connections.
        StoreUnavailable => Transient,
        /// Postgres is read-only, as after a failover or on a replica.
        StoreReadOnly => Transient,
        /// Postgres has no space left.
        StorageFull => Transient,
        /// A transaction lost against another one again and again, or the database was set back.
        StoreConflict => Transient,
        /// The API server does not hand out the Secret; it does not answer, or with an error.
        KubernetesUnavailable => Transient,
        /// Another instance has taken over; this one's work was rolled back.
        Fenced => Transient,
        /// The database lacks a migration; run `backfill-operator migrate`.
        StoreNotMigrated => UserFix,
        /// No credentials are named; set `spec.credentialsRef`.
        CredentialsRequired => UserFix,
        /// The Secret does not exist in this namespace; create it.
        CredentialsNotFound => UserFix,
        /// The operator may not read Secrets of this namespace; its Role must allow `get`.
        CredentialsForbidden => UserFix,
        /// The Secret lacks the label `backfill.contributor.info/credentials: "true"`.
        CredentialsNotLabelled => UserFix,
        /// The Secret cannot be used; it needs a GitHub token, on one line, under the key `token`.
        CredentialsMalformed => UserFix,
        /// GitHub answers 401; replace the token.
        CredentialsInvalid => UserFix,
        /// The credential may not read this repository's pull requests; grant it.
        PermissionDenied => UserFix,
        /// The organization asks for single sign-on; authorize the token for it.
        SamlRequired => UserFix,
        /// The organization's IP allow list refuses this cluster's address.
        IpNotAllowed => UserFix,
        /// The GitHub App's installation is suspended; unsuspend it.
        InstallationSuspended => UserFix,
        /// The repository does not exist, or the credential cannot see it.
        RepositoryNotFound => UserFix,
        /// GitHub has blocked or disabled the repository.
        RepositoryBlocked => UserFix,
        /// Another repository has taken the name; the stored one is gone or renamed.
        RepositoryReplaced => UserFix,
        /// Another unfinished object captures the same repository.
        RepositoryClaimed => UserFix,
        /// GitHub does not accept the cursor that the walk is at; set `restart-requested-at`.
        CursorRejected => UserFix,
        /// `minRateLimitPoints` is at or above the credential's limit; no query could ever run.
        BudgetTooSmall => UserFix,
        /// Too many errors in a row; mend the cause, then set `requested-at`.
        CircuitOpen => UserFix,
        /// `deletionPolicy: Delete` needs an operator that runs with `--allow-row-deletion`.
        RowDeletionNotAllowed => UserFix,
        /// The spec asks for what cannot be; the message names the field.
        SpecInvalid => UserFix,
        /// The operator met a state it holds impossible; please report the message.
        InternalError => Bug,
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        let found = Self::ALL.iter().find(|reason| reason.as_str() == text);
        found.copied().ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_reads_back_and_fits_the_condition_schema() {
        for reason in Reason::ALL {
            let word = reason.as_str();
            assert_eq!(word.parse::<Reason>().unwrap(), *reason);
            assert!(word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric()), "{word}");
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
            assert!(reason.description().ends_with('.'), "{word} has no whole sentence");
        }
        let distinct: BTreeSet<_> = Reason::ALL.iter().collect();
        assert_eq!(distinct.len(), Reason::ALL.len());
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "walking", "Walking ", "Progressing"] {
            assert_eq!(text.parse::<Reason>(), Err(UnknownReason(text.to_owned())));
        }
    }

    #[test]
    fn only_faults_are_published_as_trouble() {
        for reason in Reason::ALL {
            let trouble = matches!(reason.state(), State::Retrying | State::Stalled);
            assert_eq!(reason.disposition().is_some(), trouble, "{reason}");
        }
    }
}
