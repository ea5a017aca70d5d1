//! What is said without a walk, and what is refused before one.

use super::*;

pub(super) fn words(reason: Reason) -> (Reason, String) {
    (reason, "said".to_owned())
}

#[test]
fn an_empty_repository_is_said_once_until_there_is_a_row() {
    let empty = |change: fn(&mut Seen)| {
        decide(&with(|seen| {
            (seen.state, seen.object.said) = (Ok(None), Some(words(Reason::RepositoryEmpty)));
            change(seen);
        }))
    };
    assert_eq!(completed(&empty(|_| ())), Some(Reason::RepositoryEmpty));
    let closed = empty(|seen| seen.credentials = Err(fault(Reason::CredentialsNotFound)));
    assert_eq!(completed(&closed), Some(Reason::RepositoryEmpty));
    assert_eq!(empty(|seen| seen.object.said = None), Step::Resolve);
    assert_eq!(empty(|seen| seen.state = Ok(Some(state()))), Step::RunChunks);
}

#[test]
fn a_window_that_ends_before_it_begins_keeps_a_walk_from_beginning() {
    let of = |change: fn(&mut Seen)| {
        decide(&with(|seen| {
            seen.object.contradiction = Some(fault(Reason::SpecInvalid));
            change(seen);
        }))
    };
    assert_eq!(rejected(&of(|seen| seen.state = Ok(None))), Some(Reason::SpecInvalid));
    let edited = |seen: &mut Seen| seen.object.fingerprint = Some("other".into());
    assert_eq!(rejected(&of(edited)), Some(Reason::SpecInvalid), "another walk would begin");
    // Days pass, and what had begun, is proved or cannot be read is none the worse for it.
    assert_eq!(of(|_| ()), Step::RunChunks);
    let done = of(|seen| row(seen).status = StateStatus::Completed);
    assert_eq!(completed(&done), Some(Reason::Verified));
    let away = of(|seen| {
        let down = fault(Reason::StoreUnavailable);
        (seen.state, seen.object.proved) = (Err(down), Some(proved(1)));
    });
    assert!(matches!(away, Step::Wait { pause: Pause::Unchanged, .. }), "{away:?}");
    let passed_on = of(|seen| {
        (row(seen).owner, row(seen).walk) = (Some(object("other")), 3);
        seen.object.proved = Some(proved(1));
    });
    assert_eq!(completed(&passed_on), Some(Reason::Verified));
}

#[test]
fn the_pace_holds_back_chunks_and_no_proof() {
    let paced =
        |stage| decide(&with(|seen| (seen.paced_until, row(seen).stage) = (Some(at(900)), stage)));
    assert_eq!(waits_for(&paced(Stage::Walk)), Some(Reason::Paced));
    assert_eq!(paced(Stage::Verify), Step::Verify);
}
