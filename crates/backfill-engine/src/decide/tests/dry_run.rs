//! A dry run asks what a walk would cost and does nothing else, whatever there is already.

use super::*;

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
            seen.object.proved_walk = succeeded.then_some(0);
            row(seen).owner = Some(object("first"));
            seen.claimed_by = Some(object("first"));
        });
        assert_eq!(decide(&of_another), Step::Resolve, "it stores nothing that is in the way");
    }
}
