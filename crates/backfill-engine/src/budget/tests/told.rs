//! What is stored and what people read.

use super::*;

#[test]
fn a_snapshot_carries_over_what_binds() {
    let mut budget = with(1_234, 3_000);
    budget.charge(FLOW, 7, 30.0, at(1));
    budget.secondary_limited(None, at(2));
    budget.secondary_limited(None, at(63));
    let stored = budget.snapshot(at(64));
    let text = serde_json::to_string(&stored).unwrap_or_default();
    assert_eq!(serde_json::from_str::<BudgetSnapshot>(&text).ok(), Some(stored.clone()));

    let mut restored = Budget::default();
    restored.restore(&stored, at(65));
    assert_eq!(remaining(&restored, 65), Some(1_234));
    assert_eq!(seconds_to_wait(restored.check(1, 0, at(65)), 65), 118);
    assert_eq!(restored.snapshot(at(65)).hold_strikes, 2);

    // The seconds of the last minute, once; and what is known better stays.
    let mut young = with(9, 3_000);
    young.charge(FLOW, 7, 30.0, at(1));
    let mut again = Budget::default();
    again.restore(&young.snapshot(at(2)), at(3));
    again.restore(&young.snapshot(at(2)), at(3));
    assert!((again.spending.seconds(at(3)) - 30.0).abs() < 1e-9);
    again.observe(told(4, 3_000), at(3));
    again.restore(&young.snapshot(at(2)), at(4));
    assert_eq!(remaining(&again, 4), Some(4));

    let empty: BudgetSnapshot = serde_json::from_str("{}").unwrap_or_default();
    let mut fresh = Budget::default();
    fresh.restore(&empty, at(0));
    assert_eq!(fresh, Budget::default());
}

#[test]
fn figures_are_the_ones_people_know() {
    let mut budget = with(4_821, 3_000);
    for _ in 0..100 {
        budget.charge(FLOW, 2, 0.1, at(0));
    }
    let figures = budget.figures(at(1));
    assert_eq!((figures.limit, figures.remaining), (Some(5_000), Some(4_821)));
    assert!(figures.percentage_used.is_some_and(|percent| (percent - 3.58).abs() < 1e-9));
    assert!((figures.average_cost_per_query - 2.0).abs() < 1e-9);
    assert_eq!(figures.queries_remaining, Some(2_410));
    assert_eq!(figures.reset_at, Some(at(3_000)));
    assert_eq!(Budget::default().figures(at(0)).queries_remaining, None);
}

#[test]
fn what_stands_in_the_way_reads_well() {
    let limit = |remaining| Why::RateLimit { remaining, limit: 5_000, floor: 500 };
    for (why, reason, words) in [
        (limit(0), Reason::RateLimited, "0 of 5000 points, resumes 23:13 UTC"),
        (
            limit(499),
            Reason::RateLimited,
            "499 of 5000 points with a floor of 500, resumes 23:13 UTC",
        ),
        (Why::Hold, Reason::SecondaryRateLimited, "GitHub asked to slow down, resumes 23:13 UTC"),
        (
            Why::ResponseSeconds,
            Reason::Paced,
            "this minute's response time is used up, resumes 23:13 UTC",
        ),
        (Why::Share, Reason::Paced, "other backfills are first, its share comes up 23:13 UTC"),
    ] {
        assert_eq!((why.reason(), why.text(at(3_600)).as_str()), (reason, words));
    }
}
