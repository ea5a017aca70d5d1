//! What failed stays to be said until it is tried again, whatever the next attempt waits for.

use super::*;

/// Failed so; its backoff is over.
fn failed(reason: Reason, change: impl FnOnce(&mut Seen)) -> Seen {
    with(|seen| {
        let stalls = reason.disposition() == Some(Disposition::UserFix);
        let row = row(seen);
        row.status = if stalls { StateStatus::Failed } else { StateStatus::Active };
        row.failed_attempts = 3;
        row.last_error = Some(ErrorRecord { reason, message: "said".into(), at: at(-60) });
        row.next_attempt_at = Some(at(-1));
        change(seen);
    })
}

fn queued(seen: &mut Seen) {
    seen.permit = Err(7);
}

fn paced(seen: &mut Seen) {
    seen.paced_until = Some(at(30));
}

fn share(seen: &mut Seen) {
    seen.place = Place::At { until: at(9), why: Why::Share };
}

fn limited(seen: &mut Seen) {
    let why = Why::RateLimit { remaining: 0, limit: 5_000, floor: 500 };
    seen.place = Place::At { until: at(900), why };
}

fn stands(seen: &Seen) -> bool {
    matches!(decide(seen), Step::Wait { pause: Pause::Standing { .. }, .. })
}

fn seconds(step: &Step) -> i64 {
    let Step::Wait { until, .. } = step else { panic!("{step:?}") };
    until.duration_since(NOW).as_secs()
}

#[test]
fn what_only_a_person_can_mend_stays_so_while_it_has_no_turn() {
    let reason = Reason::CredentialsInvalid;
    for wait in [queued, paced, share, limited] {
        let seen = failed(reason, wait);
        assert_eq!(waits_for(&decide(&seen)), Some(reason));
        assert!(stands(&seen), "it is no failure of its own");
        assert!(seconds(&decide(&seen)) <= 60, "a new token is noticed within a minute");
        let edited = failed(reason, |seen| {
            wait(seen);
            seen.object.edited = true;
        });
        assert!(!stands(&edited), "the edit may be what mends it");
    }
    let unrecorded = with(|seen| {
        seen.state = Ok(None);
        seen.unrecorded = Some((fault(Reason::RepositoryNotFound), at(-1)));
        limited(seen);
    });
    assert_eq!(waits_for(&decide(&unrecorded)), Some(Reason::RepositoryNotFound));
}

#[test]
fn what_may_have_passed_stays_unless_a_limit_explains_the_wait() {
    let reason = Reason::GitHubUnavailable;
    for wait in [queued, paced, share] {
        assert_eq!(waits_for(&decide(&failed(reason, wait))), Some(reason));
    }
    assert_eq!(waits_for(&decide(&failed(reason, limited))), Some(Reason::RateLimited));
}

#[test]
fn once_its_turn_comes_it_is_tried() {
    for reason in [Reason::CredentialsInvalid, Reason::GitHubUnavailable] {
        assert_eq!(decide(&failed(reason, |_| {})), Step::RunChunks);
    }
}

#[test]
fn a_database_that_is_back_is_nothing_to_say_any_more() {
    for wait in [queued, paced, share] {
        let seen = with(|seen| {
            let away = fault(Reason::StoreUnavailable);
            seen.unrecorded = Some((away, at(-1)));
            wait(seen);
        });
        assert!(!stands(&seen), "{:?}", decide(&seen));
        let both = failed(Reason::CredentialsInvalid, |seen| {
            let away = fault(Reason::StoreUnavailable);
            seen.unrecorded = Some((away, at(-1)));
            wait(seen);
        });
        assert_eq!(waits_for(&decide(&both)), Some(Reason::CredentialsInvalid));
    }
}

#[test]
fn only_who_is_queued_keeps_a_place_in_the_queue() {
    for (wait, expected) in [(queued as fn(&mut Seen), true), (paced, false), (share, false)] {
        let step = decide(&failed(Reason::GitHubUnavailable, wait));
        let Step::Wait { pause: Pause::Standing { is_queued, .. }, .. } = step else {
            panic!("{step:?}")
        };
        assert_eq!(is_queued, expected);
    }
}
