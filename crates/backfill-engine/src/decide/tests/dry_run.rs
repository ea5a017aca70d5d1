//! A dry run asks what a walk would cost and does nothing else, whatever there is already.

use super::*;

#[test]
fn a_price_is_asked_once_and_an_open_circuit_does_not_hide_it() {
    let dry = |is_said: bool| {
        decide(&with(|seen| {
            seen.object.dry_run = true;
            seen.object.said = is_said.then(|| said::words(Reason::Planned));
            row(seen).consecutive_errors = 5;
            seen.credentials = Err(fault(Reason::CredentialsNotFound));
        }))
    };
    assert_eq!(completed(&dry(true)), Some(Reason::Planned), "whatever else is missing");
    assert_eq!(rejected(&dry(false)), Some(Reason::CredentialsNotFound));
    let open = with(|seen| (seen.object.dry_run, row(seen).consecutive_errors) = (true, 5));
    assert_eq!(decide(&open), Step::Resolve);
}

#[test]
fn a_dry_run_only_ever_resolves() {
    for (stage, status) in [
        (Stage::Walk, StateStatus::Active),
        (Stage::Verify, StateStatus::Active),
        (Stage::Verify, StateStatus::Completed),
    ] {
        let own = with(|seen| {
            seen.object.dry_run = true;
            (row(seen).stage, row(seen).status) = (stage, status);
        });
        assert_eq!(decide(&own), Step::Resolve);
    }
    for succeeded in [false, true] {
        let of_another = with(|seen| {
            seen.object.dry_run = true;
            seen.object.proved = succeeded.then(|| proved(0));
            row(seen).owner = Some(object("first"));
            seen.claimed_by = Some(object("first"));
        });
        assert_eq!(decide(&of_another), Step::Resolve, "it stores nothing that is in the way");
    }
}
