//! Each check by itself, and their order.

mod dry_run;
mod goes;
mod properties;
mod said;
mod standing;
mod turns;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::budget::{Place, Why};
use crate::model::{ErrorRecord, ObjectRef, Points, WalkBounds};
use crate::seen::ObjectSeen;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn object(uid: &str) -> ObjectRef {
    ObjectRef { uid: uid.into(), namespace: "team".into(), name: uid.into() }
}

fn fault(reason: Reason) -> Fault {
    Fault::new(reason, "said")
}

fn proved(walk: i64) -> Proved {
    Proved { walk, stored: 40, set_aside: 0, inside: 40, is_whole: true }
}

fn state() -> BackfillState {
    BackfillState {
        id: Uuid::nil(),
        repository_id: Uuid::nil(),
        repository_node_id: "R_1".into(),
        repository_name: "octo/widgets".into(),
        owner: Some(object("me")),
        status: StateStatus::Active,
        pause_reason: None,
        stage: Stage::Walk,
        walk: 1,
        walk_fingerprint: "f".into(),
        walk_started_at: NOW,
        bounds: WalkBounds::default(),
        window_words: None,
        total_pull_requests: 100,
        processed_pull_requests: 50,
        cursor: None,
        last_number: None,
        back_to: None,
        last_progress_at: None,
        chunk_size: None,
        size_asked: None,
        quick_pages: 0,
        chunks_completed: 2,
        recent_failures: 0,
        period_chunks: 0,
        points_used: Points(0),
        consecutive_errors: 0,
        failed_attempts: 0,
        last_error: None,
        next_attempt_at: None,
        lease_holder: None,
        lease_expires_at: None,
        read_at: NOW,
        completed_at: None,
        stored_pull_requests: 50,
        quarantined_pull_requests: 0,
        handled_requested_at: None,
        handled_restart_requested_at: None,
    }
}

/// An object in the middle of its walk, with nothing in the way.
fn walking() -> Seen {
    Seen {
        now: NOW,
        object: ObjectSeen {
            id: object("me"),
            deleting: false,
            has_finalizer: false,
            deletes_rows: false,
            suspended: false,
            dry_run: false,
            refusal: None,
            contradiction: None,
            said: None,
            fingerprint: Some("f".into()),
            requested_at: None,
            restart_requested_at: None,
            secret: Some("github".into()),
            max_consecutive_errors: 5,
            edited: false,
            proved: None,
        },
        state: Ok(Some(state())),
        claimed_by: None,
        heir: None,
        has_unreadable: false,
        credentials: Ok(()),
        place: Place::Now,
        budget_too_small: None,
        paced_until: None,
        permit: Ok(()),
        fraction: 1.0,
        retry_at: at(5),
        unrecorded: None,
    }
}

fn with(change: impl FnOnce(&mut Seen)) -> Seen {
    let mut seen = walking();
    change(&mut seen);
    seen
}

fn row(seen: &mut Seen) -> &mut BackfillState {
    seen.state.as_mut().unwrap().as_mut().unwrap()
}

fn rejected(step: &Step) -> Option<Reason> {
    match step {
        Step::Reject { fault, .. } => Some(fault.reason),
        _ => None,
    }
}

fn waits_for(step: &Step) -> Option<Reason> {
    match step {
        Step::Wait { pause: Pause::Turn { reason, .. }, .. } => Some(*reason),
        Step::Wait { pause: Pause::Breath, .. } => Some(Reason::Paced),
        Step::Wait {
            pause: Pause::Trouble(fault) | Pause::BackingOff(fault) | Pause::Standing { fault, .. },
            ..
        } => Some(fault.reason),
        _ => None,
    }
}

/// The word in which it is said to be done.
fn completed(step: &Step) -> Option<Reason> {
    match step {
        Step::Complete { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn the_life_of_a_backfill() {
    assert_eq!(decide(&with(|seen| seen.state = Ok(None))), Step::Resolve);
    assert_eq!(decide(&walking()), Step::RunChunks);
    assert_eq!(decide(&with(|seen| row(seen).stage = Stage::Verify)), Step::Verify);
    let done = with(|seen| row(seen).status = StateStatus::Completed);
    let message = "50 stored, as many as GitHub counts".to_owned();
    let until = NOW + REST_LOOK;
    assert_eq!(decide(&done), Step::Complete { reason: Reason::Verified, message, until });
}

#[test]
fn what_succeeded_leaves_its_row_to_the_next_owner() {
    let passed_on = |owner: Option<&str>, proved_walk: Option<i64>| {
        decide(&with(|seen| {
            row(seen).owner = owner.map(object);
            row(seen).status = StateStatus::Completed;
            row(seen).walk = 3;
            seen.object.proved = proved_walk.map(proved);
        }))
    };
    let next = passed_on(Some("next"), Some(2));
    let Step::Complete { reason, message, .. } = next else { panic!("{next:?}") };
    assert_eq!(reason, Reason::Verified);
    assert!(message.starts_with("40 stored"), "what it had proved, not the row: {message}");
    let deleted = passed_on(None, Some(2));
    assert_eq!(completed(&deleted), Some(Reason::Verified), "its owner was deleted");
    assert_eq!(passed_on(Some("next"), None), Step::Resolve);
    assert_eq!(passed_on(Some("before"), Some(4)), Step::Resolve, "the database was set back");
}

#[test]
fn another_wish_starts_another_walk() {
    let edited = with(|seen| {
        row(seen).status = StateStatus::Completed;
        seen.object.fingerprint = Some("other".into());
    });
    assert_eq!(decide(&edited), Step::Resolve);
    let restarted = with(|seen| {
        row(seen).status = StateStatus::Completed;
        seen.object.restart_requested_at = Some("now".into());
    });
    assert_eq!(decide(&restarted), Step::Resolve);
    let handled = with(|seen| {
        seen.object.restart_requested_at = Some("now".into());
        row(seen).handled_restart_requested_at = Some("now".into());
    });
    assert_eq!(decide(&handled), Step::RunChunks);
}

#[test]
fn a_finalizer_stands_only_where_rows_go_with_the_object() {
    let policy = |deletes, has| {
        decide(&with(|seen| {
            seen.object.deletes_rows = deletes;
            seen.object.has_finalizer = has;
        }))
    };
    assert_eq!(policy(true, false), Step::SetFinalizer(true));
    assert_eq!(policy(false, true), Step::SetFinalizer(false));
    assert_eq!(policy(true, true), Step::RunChunks);
    assert_eq!(policy(false, false), Step::RunChunks);
    let refused = decide(&with(|seen| {
        seen.object.deletes_rows = true;
        seen.object.refusal = Some(fault(Reason::RowDeletionNotAllowed));
    }));
    assert_eq!(rejected(&refused), Some(Reason::RowDeletionNotAllowed));
}

#[test]
fn a_suspended_object_rests_even_without_a_store() {
    let seen = with(|seen| {
        seen.object.suspended = true;
        seen.state = Err(fault(Reason::StoreUnavailable));
    });
    let until = NOW + LONGEST_BACKOFF;
    assert_eq!(decide(&seen), Step::Suspend { until }, "the row has still to be told");
    let told = with(|seen| seen.object.suspended = true);
    assert_eq!(decide(&told), Step::Suspend { until: NOW + REST_LOOK });
}

#[test]
fn without_the_store_a_running_object_shows_it_and_a_finished_one_does_not() {
    let down = |succeeded: bool| {
        decide(&with(|seen| {
            seen.object.proved = succeeded.then(|| proved(1));
            seen.state = Err(fault(Reason::StoreUnavailable));
        }))
    };
    assert_eq!(waits_for(&down(false)), Some(Reason::StoreUnavailable));
    assert!(matches!(down(true), Step::Wait { pause: Pause::Unchanged, .. }));
    let unmigrated = with(|seen| {
        seen.state = Err(fault(Reason::StoreNotMigrated));
    });
    assert_eq!(rejected(&decide(&unmigrated)), Some(Reason::StoreNotMigrated));
}

#[test]
fn a_request_is_acted_on_once_and_opens_what_is_in_the_way() {
    let stuck = |handled: Option<&str>| {
        decide(&with(|seen| {
            row(seen).consecutive_errors = 5;
            row(seen).handled_requested_at = handled.map(str::to_owned);
            seen.object.requested_at = Some("monday".into());
        }))
    };
    assert_eq!(stuck(None), Step::Forgive);
    assert_eq!(stuck(Some("sunday")), Step::Forgive);
    assert_eq!(rejected(&stuck(Some("monday"))), Some(Reason::CircuitOpen));
}

#[test]
fn a_proved_walk_needs_neither_credentials_nor_budget() {
    let seen = with(|seen| {
        row(seen).status = StateStatus::Completed;
        seen.credentials = Err(fault(Reason::CredentialsNotFound));
        seen.place = Place::At { until: at(60), why: Why::Hold };
        seen.permit = Err(0);
    });
    assert_eq!(completed(&decide(&seen)), Some(Reason::Verified));
}

#[test]
fn a_repository_has_one_owner_and_the_second_is_told_who() {
    let seen = with(|seen| {
        row(seen).owner = Some(object("first"));
        seen.claimed_by = Some(object("first"));
    });
    let Step::Reject { fault, .. } = decide(&seen) else { panic!("not rejected") };
    assert_eq!(fault.reason, Reason::RepositoryClaimed);
    assert!(fault.message.contains("team/first"), "{}", fault.message);
    let gone = with(|seen| row(seen).owner = Some(object("first")));
    assert_eq!(decide(&gone), Step::Resolve, "the next takes over with a walk of its own");
}

#[test]
fn the_circuit_opens_at_the_limit_and_a_manual_reset_closes_it() {
    let errors = |count| decide(&with(|seen| row(seen).consecutive_errors = count));
    assert_eq!(errors(4), Step::RunChunks);
    assert_eq!(rejected(&errors(5)), Some(Reason::CircuitOpen));
    assert_eq!(errors(0), Step::RunChunks);
}

#[test]
fn a_failure_waits_in_the_colours_of_its_cause() {
    let failed = |reason, status| {
        decide(&with(|seen| {
            let row = row(seen);
            row.status = status;
            row.failed_attempts = 1;
            row.next_attempt_at = Some(at(5));
            row.last_error = Some(ErrorRecord { reason, message: "said".into(), at: NOW });
        }))
    };
    let transient = failed(Reason::GitHubUnavailable, StateStatus::Active);
    assert_eq!(waits_for(&transient), Some(Reason::GitHubUnavailable));
    let person = failed(Reason::CredentialsInvalid, StateStatus::Failed);
    assert_eq!(rejected(&person), Some(Reason::CredentialsInvalid));
    let edited = |reason| {
        decide(&with(|seen| {
            let row = row(seen);
            row.status = StateStatus::Failed;
            row.next_attempt_at = Some(at(5));
            row.last_error = Some(ErrorRecord { reason, message: "said".into(), at: NOW });
            seen.object.edited = true;
        }))
    };
    assert_eq!(edited(Reason::CredentialsInvalid), Step::RunChunks, "the edit may have mended it");
    assert_eq!(waits_for(&edited(Reason::GitHubUnavailable)), Some(Reason::GitHubUnavailable));
    let paused = with(|seen| {
        let row = row(seen);
        (row.status, row.failed_attempts) = (StateStatus::Paused, 1);
        row.next_attempt_at = Some(at(5));
        let reason = Reason::TotalsDiffer;
        row.last_error = Some(ErrorRecord { reason, message: "said".into(), at: NOW });
    });
    assert_eq!(decide(&paused), Step::RunChunks, "the limit that it waited for is no more");
    let over = with(|seen| {
        row(seen).failed_attempts = 1;
        row(seen).next_attempt_at = Some(NOW);
    });
    assert_eq!(decide(&over), Step::RunChunks, "its time has come");
    let unrecorded = with(|seen| {
        seen.state = Ok(None);
        let down = fault(Reason::GitHubUnavailable);
        seen.unrecorded = Some((down, at(5)));
    });
    assert_eq!(waits_for(&decide(&unrecorded)), Some(Reason::GitHubUnavailable));
}

#[test]
fn limits_turns_and_pauses_are_waits() {
    let limit = Why::RateLimit { remaining: 0, limit: 5000, floor: 500 };
    let limited = with(|seen| seen.place = Place::At { until: at(60), why: limit });
    let Step::Wait { pause: Pause::Turn { reason, message }, .. } = decide(&limited) else {
        panic!("does not wait")
    };
    assert_eq!(reason, Reason::RateLimited);
    assert_eq!(message, "secret github: 0 of 5000 points, resumes 00:01 UTC");
    let paced = with(|seen| seen.paced_until = Some(at(900)));
    assert_eq!(waits_for(&decide(&paced)), Some(Reason::Paced));
    let queued = with(|seen| seen.permit = Err(0));
    assert_eq!(waits_for(&decide(&queued)), Some(Reason::Queued));
    let small = fault(Reason::BudgetTooSmall);
    let too_small = with(|seen| seen.budget_too_small = Some(small));
    assert_eq!(rejected(&decide(&too_small)), Some(Reason::BudgetTooSmall));
}
