//! Errors of the crates as faults: the one place where a cause gets the words people are shown.
//!
//! A message never holds a secret or a response body.

use backfill_api::annotations::RESTART_REQUESTED_AT;
use backfill_api::{Reason, RepositoryBackfillSpec};
use backfill_engine::seen::Fault;
use jiff::Timestamp;

/// What GitHub's side said.
pub fn of_github(error: &backfill_github::Error) -> Fault {
    Fault { reason: error.reason(), message: with_cause(error), not_before: error.until() }
}

/// The error; of a failed connection also its innermost cause: a name, a port.
fn with_cause(error: &backfill_github::Error) -> String {
    use backfill_github::Error::{Interrupted, Unreachable};
    let mut cause = matches!(error, Unreachable(_) | Interrupted { .. })
        .then(|| std::error::Error::source(error))
        .flatten();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The same fault in words that name what has to be mended, where the cause itself cannot know.
pub fn about(fault: Fault, spec: &RepositoryBackfillSpec) -> Fault {
    let secret = spec.secret().unwrap_or_default();
    let repository = &spec.repository;
    let message = match fault.reason {
        Reason::CredentialsInvalid => {
            format!("GitHub answers 401 to secret {secret}; replace its token")
        }
        Reason::RepositoryNotFound => {
            format!("{repository} does not exist, or secret {secret} cannot see it")
        }
        Reason::CursorRejected => {
            format!("{}; set the annotation {RESTART_REQUESTED_AT} to walk again", fault.message)
        }
        _ => return fault,
    };
    Fault { message, ..fault }
}

/// What the database's side said.
pub fn of_store(error: &backfill_store::Error) -> Fault {
    Fault { reason: error.reason(), message: error.to_string(), not_before: error.until() }
}

/// The cursor in the database is another than the one that was committed, as after a failover to a
/// standby that lacked the last commits: what is known of the walk counts no more.
pub fn set_back() -> Fault {
    Fault::new(
        Reason::StoreConflict,
        "the database was set back; the walk goes on from where it is there",
    )
}

/// The database could not be migrated at the start; it is tried again until it can.
pub fn migrating() -> Fault {
    Fault::new(Reason::StoreUnavailable, "the database's schema is still to be brought up to date")
}

/// Why the API server did not hand out a Secret: it will, or our permissions must be mended.
pub fn of_secret(namespace: &str, name: &str, error: &kube::Error) -> Fault {
    match error {
        kube::Error::Api(answer) if answer.code == 403 => Fault::new(
            Reason::CredentialsForbidden,
            format!(
                "the operator may not get secret {name} in namespace {namespace} ({}); the Role or \
                 ClusterRole of its ServiceAccount must allow get on secrets there",
                answer.reason
            ),
        ),
        other => Fault::new(
            Reason::KubernetesUnavailable,
            format!("the API server did not hand out secret {name}: {other}"),
        ),
    }
}

/// The API server did not answer in time.
pub fn secret_timed_out(name: &str) -> Fault {
    let message = format!("the API server did not hand out secret {name}: no answer in time");
    Fault::new(Reason::KubernetesUnavailable, message)
}

/// So much cannot be read that no single pull request is to blame.
pub fn outage(what: &str, error: &backfill_github::Error) -> Fault {
    let message = format!("{what} cannot be read, so GitHub is to blame: {error}");
    Fault::new(Reason::GitHubUnavailable, message)
}

/// A chunk was given up after its time.
pub fn chunk_timed_out(size: i64) -> Fault {
    Fault::new(
        Reason::ChunkTimedOut,
        format!("a chunk of {size} took longer than 15 minutes and was given up"),
    )
}

/// When the limit that a fault speaks of ends; `None` where it speaks of something else.
pub fn limit_ends(fault: &Fault) -> Option<Timestamp> {
    use Reason::{Paced, RateLimited, SecondaryRateLimited};
    let is_limit = matches!(fault.reason, RateLimited | SecondaryRateLimited | Paced);
    fault.not_before.filter(|_| is_limit)
}

#[cfg(test)]
mod tests {
    use backfill_engine::model::ObjectRef;

    use super::*;

    #[test]
    fn who_owns_the_repository_is_told_in_the_words_of_a_look() {
        let (namespace, name) = ("team".to_owned(), "first".to_owned());
        let owner = ObjectRef { uid: "u".to_owned(), namespace, name };
        let claimed = backfill_store::Error::Claimed { owner: owner.clone() };
        assert_eq!(of_store(&claimed), Fault::claimed(&owner));
        assert!(Fault::claimed(&owner).message.contains("team/first"));
    }
}
