//! The limits, by the clock handed in.
#![allow(clippy::unwrap_used)]

use super::*;

fn gate(limits: Limits) -> Gate {
    Gate::new(limits)
}

fn limits() -> Limits {
    Limits { points_per_window: 10, window_seconds: 100.0, grace_seconds: 1.0, ..Limits::default() }
}

#[test]
fn a_window_opens_with_the_first_charge_and_is_fixed() {
    let mut gate = gate(limits());
    assert_eq!(gate.primary("a", 1_000.0).reset, Moment(1_100));
    assert_eq!(gate.primary("a", 1_050.0).reset, Moment(1_150), "nothing was charged yet");
    let first = gate.charge("a", 3, 1_060.0).unwrap();
    assert_eq!((first.used, first.reset), (3, Moment(1_160)));
    let second = gate.charge("a", 3, 1_159.0).unwrap();
    assert_eq!((second.remaining(), second.reset), (4, Moment(1_160)));
    let fresh = gate.charge("a", 1, 1_160.0).unwrap();
    assert_eq!((fresh.used, fresh.reset), (1, Moment(1_260)));
    assert_eq!(gate.charge("b", 1, 1_160.0).unwrap().used, 1);
}

#[test]
fn the_last_query_may_cost_more_than_remains_and_the_next_is_refused() {
    let mut gate = gate(limits());
    gate.charge("a", 8, 0.0).unwrap();
    assert_eq!(gate.charge("a", 5, 1.0).unwrap().remaining(), 0);
    assert_eq!(gate.charge("a", 1, 2.0).unwrap_err().used, 10);
    gate.refund("a", 4);
    assert_eq!(gate.charge("a", 1, 3.0).unwrap().used, 7);
}

#[test]
fn going_on_counts_from_when_the_client_was_told() {
    let mut gate = gate(limits());
    gate.charge("a", 10, 0.0).unwrap();
    assert!(!gate.goes_on("a", 50.0), "it was not told");
    gate.tell_budget("a", 50.0);
    assert!(!gate.goes_on("a", 50.9), "within the grace");
    assert!(gate.goes_on("a", 51.5));
    assert!(!gate.goes_on("a", 100.0), "the window has ended");
    gate.tell_budget("a", 101.0);
    assert!(!gate.goes_on("a", 103.0), "a fresh window");
    gate.exhaust("a", 104.0);
    assert_eq!(gate.tell_budget("a", 104.0).remaining(), 0);
    assert!(gate.goes_on("a", 110.0));
}

#[test]
fn waiting_is_enforced_until_it_ends() {
    let mut gate = gate(limits());
    assert_eq!(gate.enter("a", 0.0), (None, vec![]));
    assert_eq!(gate.tell_to_wait("a", 0.0, 4.2), Wait(5));
    assert_eq!(gate.enter("a", 0.5), (Some(Wait(5)), vec![]));
    assert_eq!(gate.enter("a", 3.0), (Some(Wait(2)), vec![Sin::BeforeRetryAfter]));
    assert_eq!(gate.enter("b", 3.0), (None, vec![]));
    assert_eq!(gate.enter("a", 5.0), (None, vec![]));
}

#[test]
fn points_of_the_last_minute_count_and_leave() {
    let mut gate = gate(Limits { points_per_minute: 2, ..limits() });
    for at in [0.0, 30.0] {
        assert_eq!(gate.enter("a", at).0, None);
        gate.leave("a", at, at);
    }
    assert_eq!(gate.enter("a", 40.0).0, Some(Wait(20)), "until the first leaves the minute");
    gate.leave("a", 40.0, 40.0);
    assert_eq!(gate.enter("a", 61.0).0, None);
}

#[test]
fn response_seconds_of_the_last_minute_count_and_leave() {
    let mut gate = gate(Limits { response_seconds_per_minute: 10.0, ..limits() });
    gate.enter("a", 0.0);
    gate.leave("a", 0.0, 11.0);
    assert_eq!(gate.enter("a", 12.0).0, Some(Wait(48)));
    gate.leave("a", 12.0, 12.0);
    assert_eq!(gate.enter("a", 71.5).0, None);
}

#[test]
fn more_at_once_than_allowed_is_a_sin() {
    let mut gate = gate(Limits { concurrent: 2, ..limits() });
    gate.enter("a", 0.0);
    gate.enter("a", 0.0);
    assert_eq!(gate.enter("a", 0.0).1, [Sin::TooManyAtOnce]);
    assert_eq!(gate.enter("b", 0.0), (None, vec![]));
}

#[test]
fn other_limits_start_afresh_but_forget_no_request_at_work() {
    let mut gate = gate(Limits { concurrent: 1, ..limits() });
    gate.enter("a", 0.0);
    gate.exhaust("a", 0.0);
    gate.set_limits(Limits { concurrent: 1, ..limits() });
    assert_eq!(gate.primary("a", 0.0).remaining(), 10);
    assert_eq!(gate.enter("a", 0.0).1, [Sin::TooManyAtOnce]);
}

/// The defaults are GitHub's: github-api.md 1.1 and 2.1.
#[test]
fn the_defaults_are_githubs_for_a_user() {
    let limits: Limits = serde_json::from_str("{}").unwrap();
    assert_eq!((limits.points_per_window, limits.concurrent), (5_000, 100));
    assert_eq!(limits.points_per_minute, 2_000);
    assert!((limits.response_seconds_per_minute - 60.0).abs() < f64::EPSILON);
    assert!((limits.window_seconds - 3_600.0).abs() < f64::EPSILON);
}
