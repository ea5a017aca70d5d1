//! Response seconds, chunks in flight and shares, a step at a time.

use super::*;

#[test]
fn those_that_waited_together_do_not_go_together() {
    let mut budget = Budget::default();
    // Ten seconds each, until the minute is full.
    (0..5).for_each(|second| budget.charge(FLOW, 1, 10.0, at(second)));
    assert!(matches!(budget.check(1, 0, at(5)), Place::At { .. }));
    // A minute later nothing is spent, and eight ask at once.
    let go = |budget: &mut Budget| {
        let may = budget.check(1, 0, at(65)) == Place::Now;
        may.then(|| budget.depart()).is_some()
    };
    let gone = (0..8).filter(|_| go(&mut budget)).count();
    assert_eq!(gone, 5, "four take 40 s, and a fifth may begin below 45");
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(65)), 65), 10);
    budget.land();
    budget.charge(FLOW, 1, 10.0, at(75));
    assert!(matches!(budget.check(1, 0, at(75)), Place::At { .. }), "spent counts as well");
    (0..4).for_each(|_| budget.land());
    assert_eq!(budget.check(1, 0, at(75)), Place::Now);
}

#[test]
fn priorities_weigh_four_two_and_one() {
    let weights = [Priority::High, Priority::Normal, Priority::Low].map(weight);
    assert_eq!(weights, [4, 2, 1]);
}

#[test]
fn without_limits_only_time_is_counted() {
    let mut budget = Budget::default();
    assert_eq!(budget.place(FLOW, 1, 500, 1_000_000, at(0)), Place::Now);
    budget.charge(FLOW, 1_000_000, 44.9, at(10));
    assert_eq!(budget.place(FLOW, 1, 500, 1, at(10)), Place::Now);
    budget.charge(FLOW, 1, 0.1, at(10));
    let until = at(70);
    let full = Place::At { until, why: Why::ResponseSeconds };
    assert_eq!(budget.place(FLOW, 1, 500, 1, at(10)), full);
    assert_eq!(budget.check(1, 500, at(69)), full);
    assert_eq!(budget.check(1, 500, at(70)), Place::Now);
    assert_eq!(budget.rate_limit(at(10)), None);
}

#[test]
fn response_seconds_leave_the_minute_one_by_one() {
    let mut budget = Budget::default();
    for (when, seconds) in [(0, 20.0), (20, 20.0), (40, 10.0)] {
        budget.charge(FLOW, 1, seconds, at(when));
    }
    budget.charge(FLOW, 1, f64::NAN, at(41));
    budget.charge(FLOW, 1, -3.0, at(41));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(41)), 41), 19);
    assert_eq!(budget.check(1, 0, at(60)), Place::Now);
    let late = Budget { spending: budget.spending.clone(), ..Budget::default() };
    assert!((late.spending.seconds(at(85)) - 10.0).abs() < 1e-9);
}

#[test]
fn chunks_in_flight_are_counted_before_they_are_charged() {
    let mut budget = Budget::default();
    let placed =
        (0..40).filter(|who| budget.place(&format!("flow-{who}"), 2, 0, 1, at(0)) == Place::Now);
    assert_eq!(placed.count(), 15, "45 s at 3 s for a chunk not measured yet");
    assert_eq!(budget.place("another", 2, 0, 1, at(61)), Place::Now, "abandoned");

    let mut points = with(530, 3_000);
    assert_eq!(points.place("one", 2, 500, 20, at(0)), Place::Now);
    let wait = points.place("two", 2, 500, 20, at(0));
    assert_eq!(seconds_to_wait(wait, 0), 3, "it may cost less: no need to wait for the reset");
    points.charge("one", 20, 1.0, at(2));
    assert_eq!(points.place("two", 2, 500, 20, at(3)), Place::Now);
}

#[test]
fn shares_are_those_of_who_asks_and_sum_to_one() {
    let mut budget = Budget::default();
    assert!(budget.shares(at(0)).is_empty());
    for (flow, weight) in [("high", 4), ("low", 1)] {
        budget.place(flow, weight, 0, 1, at(0));
    }
    let share = |budget: &Budget, flow: &str, now| budget.shares(at(now)).get(flow).copied();
    assert_eq!(share(&budget, "high", 1), Some(0.8));
    assert_eq!(share(&budget, "low", 1), Some(0.2));
    budget.leave("high", at(2));
    assert_eq!(share(&budget, "low", 2), Some(1.0));
    assert_eq!(share(&budget, "high", 2), None);
    assert!(budget.shares(at(1_000)).is_empty(), "nobody has asked for long");
}

#[test]
fn nobody_saves_up_more_than_two_minutes() {
    let mut budget = Budget::default();
    for look in 0..360 {
        // One takes seven seconds of every ten, the other asks and takes nothing.
        let now = at(10 * look);
        budget.place("idle", 2, 0, 1, now);
        if budget.place("busy", 2, 0, 1, now) == Place::Now {
            budget.charge("busy", 1, 7.0, now);
        }
    }
    let debt = budget.flows.ahead("busy", 0.54, at(3_600)).debt;
    assert!((60.0..=200.0).contains(&debt), "{debt} s are owed");
}
