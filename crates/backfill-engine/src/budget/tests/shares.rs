//! Simulated hours: shares, work conservation, limits.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::simulation::{Run, Walker, run, walker};
use crate::budget::RESPONSE_SECONDS_PER_MINUTE;

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    for (found_one, expected_one) in found.iter().zip(expected) {
        let off = (found_one - expected_one).abs();
        assert!(off <= tolerance, "{found:?} instead of {expected:?}");
    }
}

#[test]
fn shares_converge_to_the_weights() {
    let walkers = vec![walker(4), walker(2), walker(1)];
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 3_600.0 });
    assert_near(&result.shares(300.0, 3_600.0), &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0], 0.03);
    let whole: f64 = result.between(300.0, 3_600.0).iter().sum();
    assert!(whole > 0.93 * 0.75 * 3_300.0, "only {whole} s of the allowance were used");
}

#[test]
fn equal_weights_share_equally_whatever_a_page_takes() {
    let slow = Walker { page_seconds: 6.0, ..walker(2) };
    let quick = Walker { page_seconds: 1.0, commit_seconds: 0.05, ..walker(2) };
    let walkers = vec![slow, quick, walker(2)];
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 3_600.0 });
    assert_near(&result.shares(300.0, 3_600.0), &[1.0 / 3.0; 3], 0.05);
}

#[test]
fn a_share_changes_hands_as_backfills_join_and_leave() {
    let walkers = vec![
        walker(1),
        Walker { lives: (1_200.0, 2_400.0), ..walker(1) },
        Walker { lives: (1_200.0, 3_600.0), ..walker(4) },
    ];
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 3_600.0 });
    assert_near(&result.shares(0.0, 1_200.0), &[1.0, 0.0, 0.0], 0.001);
    assert_near(&result.shares(1_320.0, 2_400.0), &[1.0 / 6.0, 1.0 / 6.0, 4.0 / 6.0], 0.04);
    assert_near(&result.shares(2_520.0, 3_600.0), &[0.2, 0.0, 0.8], 0.04);
}

#[test]
fn a_newcomer_neither_starves_nor_takes_all() {
    let late = Walker { lives: (1_800.0, f64::INFINITY), ..walker(2) };
    let walkers = vec![walker(2), late];
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 2_700.0 });
    // From its second minute on it has its half, and the old one keeps the other.
    assert_near(&result.shares(1_860.0, 2_100.0), &[0.5, 0.5], 0.08);
    let first_minute = result.between(1_800.0, 1_860.0);
    assert!(first_minute[0] >= 10.0, "the old one had only {first_minute:?}");
}

#[test]
fn a_light_backfill_finds_room_beside_a_heavy_one() {
    let heavy = Walker { page_seconds: 4.1, commit_seconds: 0.01, ..walker(1) };
    let light = Walker { page_seconds: 0.05, commit_seconds: 0.01, ..walker(1) };
    let light = Walker { lives: (543.0, 900.0), ..light };
    let result = run(&Run { walkers: vec![heavy, light], limit: None, floor: 0, seconds: 900.0 });
    assert!(result.had[1].points > 100, "{:?}", result.had[1]);
    assert!(result.had[1].longest_without < 70.0, "{:?}", result.had[1]);
}

#[test]
fn a_single_backfill_runs_back_to_back_up_to_the_allowance() {
    let light = Walker { page_seconds: 0.5, commit_seconds: 0.5, ..walker(1) };
    let result = run(&Run { walkers: vec![light], limit: None, floor: 0, seconds: 600.0 });
    // Half a second of each second is less than 45 of 60: it never waits.
    assert_eq!(result.log.len(), 600);
    let result = run(&Run { walkers: vec![walker(1)], limit: None, floor: 0, seconds: 3_600.0 });
    let used: f64 = result.between(0.0, 3_600.0).iter().sum();
    assert!((0.95 * 2_700.0..=2_760.0).contains(&used), "{used}");
}

#[test]
fn what_a_slow_backfill_leaves_goes_to_the_others() {
    // It spends a minute in its own database after each page, and has the larger share.
    let slow = Walker { commit_seconds: 60.0, ..walker(4) };
    let walkers = vec![slow, walker(1), walker(1)];
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 3_600.0 });
    let sums = result.between(300.0, 3_600.0);
    assert!(sums[0] > 0.9 * 3_300.0 / 62.5 * 2.5, "held back: {sums:?}");
    let whole: f64 = sums.iter().sum();
    assert!(whole > 0.9 * 0.75 * 3_300.0, "only {whole} s of the allowance were used");
}

#[test]
fn many_backfills_all_move() {
    let walkers: Vec<_> = (0..50).map(|who| walker([4, 2, 1][who % 3])).collect();
    let result = run(&Run { walkers, limit: None, floor: 0, seconds: 7_200.0 });
    let mut by_weight: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (who, sum) in result.between(600.0, 7_200.0).into_iter().enumerate() {
        by_weight.entry([4, 2, 1][who % 3]).or_default().push(sum);
    }
    let means: Vec<f64> = by_weight
        .values()
        .map(|sums| sums.iter().sum::<f64>() / f64::from(u32::try_from(sums.len()).unwrap_or(1)))
        .collect();
    assert_near(&[means[1] / means[0], means[2] / means[0]], &[2.0, 4.0], 0.2);
    let whole: f64 = result.between(600.0, 7_200.0).iter().sum();
    assert!(whole > 0.9 * 0.75 * 6_600.0, "only {whole} s of the allowance were used");
    let looks = result.asks - result.log.len();
    assert!(looks < 50 * 7_200 / 20, "{looks}: more than one in 20 s each");
    for had in &result.had {
        assert!(had.longest_without < 500.0, "one waited {} s", had.longest_without);
    }
}

#[test]
fn points_are_shared_by_weight_when_they_will_not_last() {
    // Quick, dear pages: the hour's points would be gone in minutes, the seconds never.
    let dear = |weight| Walker { page_seconds: 0.1, page_points: 20, ..walker(weight) };
    let walkers = vec![dear(4), dear(1)];
    let result = run(&Run { walkers, limit: Some(5_000), floor: 500, seconds: 3_600.0 });
    let (high, low) = (result.had[0].points, result.had[1].points);
    assert!(high + low >= 4_400, "points were left over: {high} and {low}");
    assert!(high >= 3 * low && low >= 500, "{high} and {low} points");
    assert!(result.lowest_remaining >= 500 - 20, "{} left", result.lowest_remaining);
}

#[test]
fn after_the_reset_everybody_goes_on() {
    let dear = Walker { page_seconds: 0.1, page_points: 20, ..walker(2) };
    let walkers = vec![dear.clone(), dear];
    let result = run(&Run { walkers, limit: Some(1_000), floor: 100, seconds: 14_400.0 });
    for had in &result.had {
        assert!(had.points >= 4 * 400, "{} points in four windows", had.points);
    }
}

#[test]
fn the_same_run_gives_the_same_places() {
    let walkers = vec![walker(4), walker(2), Walker { lives: (50.0, 500.0), ..walker(1) }];
    let setting = Run { walkers, limit: Some(5_000), floor: 500, seconds: 1_800.0 };
    assert_eq!(run(&setting), run(&setting));
}

fn any_walker() -> impl Strategy<Value = Walker> {
    let lives = (0.0f64..600.0, 240.0f64..3_000.0);
    (prop_oneof![Just(1u32), Just(2), Just(4)], 0.05f64..9.0, 1i64..30, 0.01f64..5.0, lives)
        .prop_map(|(weight, page_seconds, page_points, commit_seconds, (from, long))| Walker {
            weight,
            page_seconds,
            page_points,
            commit_seconds,
            lives: (from, from + long),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// `run` itself asserts that every wait is ahead and bounded.
    #[test]
    fn limits_hold_and_an_idle_budget_turns_nobody_away(
        walkers in proptest::collection::vec(any_walker(), 1..12),
        limit in proptest::option::of(600i64..6_000),
    ) {
        let longest = walkers.iter().map(|walker| walker.page_seconds).fold(0.0, f64::max);
        let dearest = walkers.iter().map(|walker| walker.page_points).max().unwrap_or(0);
        let count = i64::try_from(walkers.len()).unwrap_or(0);
        let result = run(&Run { walkers: walkers.clone(), limit, floor: 500, seconds: 2_400.0 });
        // A page's length is known only when it is over: each of those in flight may exceed
        // what was reserved for it.
        let slack = walkers.iter().map(|_| longest).sum::<f64>();
        prop_assert!(result.most_in_a_minute <= RESPONSE_SECONDS_PER_MINUTE + slack);
        prop_assert_eq!(result.idle_refusals, 0);
        if limit.is_some() {
            // Before the first answer nobody knows the limit.
            prop_assert!(result.lowest_remaining >= 500 - dearest * count);
        }
        for (had, walker) in result.had.iter().zip(&walkers) {
            prop_assert!(
                had.points > 0 || walker.lives.0 > 1_000.0 || limit.is_some(),
                "{:?} never had a place",
                walker
            );
        }
    }
}
