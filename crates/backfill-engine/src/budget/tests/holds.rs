//! Secondary limits, and refusals that GitHub's figures do not explain.

use super::*;

#[test]
fn a_secondary_limit_holds_everything_and_lasts_longer_each_time() {
    let mut budget = with(4_000, 3_000);
    let mut now = 0;
    for seconds in [60, 120, 240, 480, 900, 900] {
        budget.secondary_limited(None, at(now));
        let until = at(now + seconds);
        let held = Place::At { until, why: Why::Hold };
        assert_eq!(budget.place("another", 4, 0, 1, at(now)), held);
        assert_eq!(budget.check(1, 0, at(now)), held);
        // The answers to what was in flight at the same time change nothing.
        budget.secondary_limited(None, at(now + 1));
        assert_eq!(budget.check(1, 0, at(now + 1)), held);
        now += seconds;
        assert_eq!(budget.check(1, 0, at(now)), Place::Now);
    }
}

#[test]
fn retry_after_wins_up_to_an_hour() {
    for (retry_after, seconds) in [(0, 1), (7, 7), (3_600, 3_600), (90_000, 3_600)] {
        let mut budget = Budget::default();
        budget.secondary_limited(Some(SignedDuration::from_secs(retry_after)), at(0));
        assert_eq!(seconds_to_wait(budget.check(1, 0, at(0)), 0), seconds);
    }
    let mut budget = Budget::default();
    budget.secondary_limited(None, at(0));
    budget.secondary_limited(Some(SignedDuration::from_secs(300)), at(1));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(1)), 1), 300, "the later instant");
    budget.secondary_limited(Some(SignedDuration::from_secs(2)), at(2));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(2)), 2), 299, "never shortened");
}

#[test]
fn quiet_minutes_bring_the_hold_down_again() {
    let mut budget = Budget::default();
    budget.secondary_limited(None, at(0));
    budget.secondary_limited(None, at(60));
    budget.charge(FLOW, 1, 1.0, at(239));
    budget.secondary_limited(None, at(239));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(239)), 239), 240, "not a minute yet");
    for (when, _) in [(539, 2), (599, 1), (659, 0)] {
        budget.charge(FLOW, 1, 1.0, at(when));
        budget.charge(FLOW, 1, 1.0, at(when + 1));
    }
    budget.secondary_limited(None, at(700));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(700)), 700), 60);
}

#[test]
fn exhaustion_waits_for_the_reset_or_probes_each_minute() {
    let mut told_so = with(0, 1_000);
    told_so.exhausted(at(0));
    assert_eq!(seconds_to_wait(told_so.check(1, 0, at(0)), 0), 1_001);
    // GitHub says exhausted while its figures say otherwise, or says nothing, or our clock is
    // ahead of its reset.
    for mut budget in [with(4_321, 1_000), Budget::default(), with(0, -100)] {
        budget.exhausted(at(0));
        assert_eq!(seconds_to_wait(budget.check(1, 0, at(0)), 0), 60);
        budget.exhausted(at(60));
        assert_eq!(seconds_to_wait(budget.check(1, 0, at(60)), 60), 120);
    }
}

#[test]
fn a_hold_and_what_was_spent_are_over_when_the_clock_goes_back() {
    let mut budget = Budget::default();
    budget.charge(FLOW, 1, 45.0, at(0));
    assert!(seconds_to_wait(budget.check(1, 0, at(1)), 1) > 0);
    assert_eq!(budget.check(1, 0, at(-7_200)), Place::Now);
    budget.secondary_limited(None, at(1));
    let stored = budget.snapshot(at(1));
    assert_eq!(budget.check(1, 0, at(-7_200)), Place::Now);
    let mut restarted = Budget::default();
    restarted.restore(&stored, at(-7_200));
    assert_eq!(restarted.check(1, 0, at(-7_200)), Place::Now);
    restarted.secondary_limited(None, at(-7_200));
    assert!(seconds_to_wait(restarted.check(1, 0, at(-7_200)), -7_200) <= 120, "a new one");
}

#[test]
fn a_hold_from_elsewhere_is_bounded_too() {
    let mut budget = Budget::default();
    budget.hold(at(90_000), at(0));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(0)), 0), 3_600);
}
