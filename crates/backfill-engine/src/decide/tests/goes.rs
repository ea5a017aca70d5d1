//! An object that goes, and what becomes of its rows.

use super::*;

#[test]
fn an_object_that_goes_is_let_go_whatever_else_is_wrong() {
    let broken = |finalizer| {
        with(|seen| {
            seen.object.deleting = true;
            seen.object.deletes_rows = true;
            seen.object.has_finalizer = finalizer;
            seen.object.suspended = true;
            seen.state = Err(fault(Reason::StoreUnavailable));
        })
    };
    let away = Rows::Wait(fault(Reason::StoreUnavailable));
    assert_eq!(decide(&broken(true)), Step::Finalize(away));
    assert_eq!(decide(&broken(false)), Step::Forget);
}

#[test]
fn rows_go_only_if_spec_and_operator_want_it_as_the_object_goes() {
    let going = |deletes_rows, refusal| {
        decide(&with(|seen| {
            seen.object.deleting = true;
            seen.object.has_finalizer = true;
            seen.object.deletes_rows = deletes_rows;
            seen.object.refusal = refusal;
        }))
    };
    assert_eq!(going(true, None), Step::Finalize(Rows::Go));
    assert_eq!(going(false, None), Step::SetFinalizer(false), "it was edited to Retain");
    let refusal = fault(Reason::RowDeletionNotAllowed);
    assert_eq!(going(true, Some(refusal)), Step::SetFinalizer(false));
}

#[test]
fn rows_stay_where_another_stands_on_them_and_wait_while_that_is_not_known() {
    let going = |change: fn(&mut Seen)| {
        let step = decide(&with(|seen| {
            seen.object.deleting = true;
            seen.object.has_finalizer = true;
            seen.object.deletes_rows = true;
            seen.heir = Some(object("heir"));
            change(seen);
        }));
        let Step::Finalize(rows) = step else { panic!("{step:?}") };
        rows
    };
    assert_eq!(going(|_| ()), Rows::PassTo(object("heir")));
    assert_eq!(going(|seen| row(seen).owner = None), Rows::PassTo(object("heir")));
    assert_eq!(going(|seen| row(seen).owner = Some(object("other"))), Rows::Go, "none are its own");
    assert_eq!(going(|seen| seen.heir = None), Rows::Go);
    let unread = going(|seen| seen.has_unreadable = true);
    assert!(matches!(&unread, Rows::Wait(fault) if fault.reason == Reason::Deleting), "{unread:?}");
}
