//! What is said without a walk, and what is refused before one.

use super::*;

#[test]
fn an_empty_repository_is_said_once_until_there_is_a_row() {
    let empty = |change: fn(&mut Seen)| {
        decide(&with(|seen| {
            (seen.state, seen.object.said) = (Ok(None), true);
            change(seen);
        }))
    };
    assert_eq!(empty(|_| ()), Step::Complete);
    assert_eq!(
        empty(
            |seen| seen.credentials = Err(fault(Reason::CredentialsNotFound, Disposition::UserFix))
        ),
        Step::Complete
    );
    assert_eq!(empty(|seen| seen.object.said = false), Step::Resolve);
    assert_eq!(empty(|seen| seen.state = Ok(Some(state()))), Step::RunChunks);
}

#[test]
fn a_window_that_ends_before_it_begins_is_refused() {
    let refused = with(|seen| {
        seen.object.contradiction = Some(fault(Reason::SpecInvalid, Disposition::UserFix));
    });
    assert_eq!(rejected(&decide(&refused)), Some(Reason::SpecInvalid));
    // The finalizer of what was captured before stays on.
    let owner = with(|seen| {
        seen.object.contradiction = Some(fault(Reason::SpecInvalid, Disposition::UserFix));
        (seen.object.deletes_rows, seen.object.has_finalizer) = (true, true);
    });
    assert_eq!(rejected(&decide(&owner)), Some(Reason::SpecInvalid));
}

#[test]
fn the_pace_holds_back_chunks_and_no_proof() {
    let paced =
        |stage| decide(&with(|seen| (seen.paced_until, row(seen).stage) = (Some(at(900)), stage)));
    assert_eq!(waits_for(&paced(Stage::Walk)), Some(Reason::Paced));
    assert_eq!(paced(Stage::Verify), Step::Verify);
}
