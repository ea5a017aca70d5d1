//! The points of the window: floor, disorder, resets.

use super::*;

#[test]
fn the_floor_is_kept_to_the_point() {
    for (left, floor, cost, waits) in [
        (5_000, 500, 10, false),
        (510, 500, 10, false),
        (509, 500, 10, true),
        (500, 500, 0, true),
        (501, 500, 0, false),
        (10, 0, 10, false),
        (9, 0, 10, true),
        (0, -5, 1, true),
        // A fresh window lets through even what is dearer than all above the floor.
        (5_000, 4_999, 10, false),
        (4_999, 4_999, 10, true),
    ] {
        let place = with(left, 1_000).place(FLOW, 2, floor, cost, at(0));
        let why = Why::RateLimit { remaining: left, limit: 5_000, floor };
        let expected = if waits { Place::At { until: at(1_001), why } } else { Place::Now };
        assert_eq!(place, expected, "{left} left, floor {floor}, cost {cost}");
        assert_eq!(with(left, 1_000).check(cost, floor, at(0)), expected);
    }
}

#[test]
fn a_budget_below_its_floor_is_too_small() {
    let budget = with(5_000, 10);
    assert!(budget.too_small(5_000, at(0)) && budget.too_small(6_000, at(9)));
    assert!(!budget.was_too_small(5_000, at(9)));
    assert!(!budget.too_small(5_000, at(12)), "the next window may be larger");
    assert!(budget.was_too_small(5_000, at(12)) && !budget.was_too_small(4_999, at(12)));
    assert!(!with(0, 10).too_small(4_999, at(0)));
    assert!(!Budget::default().too_small(i64::MAX, at(0)), "nothing is known yet");
}

#[test]
fn the_smallest_remaining_of_a_window_counts() {
    let mut budget = with(3_175, 1_000);
    for (left, reset, expected) in [
        (3_173, 1_000, 3_173),
        (3_175, 1_000, 3_173),
        (3_172, 1_002, 3_172),
        (3_183, 998, 3_172),
        // An answer of the window before, late.
        (12, -2_600, 3_172),
        // The next window.
        (4_990, 4_600, 4_990),
        (5, 1_000, 4_990),
        (4_995, 4_600, 4_990),
    ] {
        budget.observe(told(left, reset), at(1));
        assert_eq!(remaining(&budget, 1), Some(expected), "after {left} until {reset}");
    }
}

#[test]
fn an_exhausted_window_stays_so_until_it_ends() {
    let mut budget = with(0, 1_000);
    // Answers that were under way; by a clock that jumped, one looks like the next window's.
    budget.observe(told(40, 1_000), at(1));
    budget.observe(told(40, 1_030), at(1));
    assert_eq!(remaining(&budget, 1), Some(0));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(1)), 1), 1_000);
    budget.observe(told(0, 1_030), at(1));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(1)), 1), 1_030, "it ends later");
}

#[test]
fn odd_answers_do_no_harm() {
    let mut budget = with(4_000, 1_000);
    budget.observe(RateLimit { limit: 0, remaining: 0, reset_at: None }, at(1));
    assert_eq!(remaining(&budget, 1), Some(4_000), "a limit of 0 says that there is none");
    budget.observe(RateLimit { limit: 5_000, remaining: -7, reset_at: Some(at(1_000)) }, at(1));
    assert_eq!(remaining(&budget, 1), Some(0));
    budget.observe(RateLimit { limit: 5_050, remaining: 50, reset_at: None }, at(2));
    let known = budget.rate_limit(at(2));
    assert_eq!(known, Some(RateLimit { limit: 5_050, remaining: 0, reset_at: Some(at(1_000)) }));
}

#[test]
fn after_its_reset_a_window_is_full_and_nobody_waits() {
    let mut budget = with(0, 100);
    assert_eq!(seconds_to_wait(budget.check(1, 500, at(99)), 99), 2);
    assert_eq!(seconds_to_wait(budget.check(1, 500, at(100)), 100), 1, "who asks later, too");
    assert_eq!(budget.check(1, 500, at(101)), Place::Now);
    assert_eq!(budget.place(FLOW, 1, 500, 10, at(101)), Place::Now);
    let full = RateLimit { limit: 5_000, remaining: 5_000, reset_at: None };
    assert_eq!(budget.rate_limit(at(101)), Some(full));
    assert_eq!(with(0, -5).check(1, 500, at(0)), Place::Now, "told, but past already");
}

#[test]
fn waits_for_points_are_bounded() {
    // Told to reset in ten years, or with a wrong clock: believed for 65 minutes.
    let mut budget = with(0, 315_000_000);
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(0)), 0), 65 * 60 + 1);
    budget.observe(told(0, 315_000_000), at(600));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(600)), 600), 55 * 60 + 1);
    assert_eq!(budget.check(1, 0, at(65 * 60 + 1)), Place::Now);
    // Without a reset: a minute.
    let mut budget = Budget::default();
    budget.observe(RateLimit { limit: 5_000, remaining: 0, reset_at: None }, at(0));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(0)), 0), 61);
    assert_eq!(budget.check(1, 0, at(61)), Place::Now);
    // The reset comes later: the window keeps what is left.
    budget.observe(RateLimit { limit: 5_000, remaining: 0, reset_at: None }, at(100));
    budget.observe(told(10, 1_000), at(101));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(101)), 101), 900);
    // The clock went back by a day: no window ends so far ahead, and the next answer tells.
    assert_eq!(budget.check(1, 0, at(-86_400)), Place::Now);
    budget.observe(told(0, -83_000), at(-86_400));
    assert_eq!(seconds_to_wait(budget.check(1, 0, at(-86_400)), -86_400), 3_401);
}
