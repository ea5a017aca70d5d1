//! How many pull requests make one chunk: product rule 3.2.
//!
//! The page grows while GitHub answers quickly and shrinks as soon as it does not, because what
//! GitHub refuses is a page that takes it longer than ten seconds, whatever the page costs.
//! Pure arithmetic on a size; it must not know what a page holds or who fetches it.

use backfill_api::ChunkSpec;

use crate::numbers::{float, whole};

/// Failures among the last 20 chunks up to which the page may still grow: 20 %.
const RECENT_FAILURES_ALLOWED: i64 = 4;
/// A page answered in less is quick.
const QUICK_SECONDS: f64 = 2.0;
/// A page that took longer is halved.
const SLOW_SECONDS: f64 = 7.0;
/// Quick pages in a row before the page grows.
const QUICK_PAGES_TO_GROW: i64 = 3;
/// By how many pull requests it grows.
const GROWTH: i64 = 5;
/// A failure in less is taken for GitHub's ordinary noise, and tried once more as it was.
pub const NOISE_SECONDS: f64 = 5.0;

/// Where the size may move. `min` wins over `max` should they contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBounds {
    /// Size to start with, if the spec names one; growth goes on from it.
    pub size: Option<i64>,
    /// Never smaller, except for a page that cannot be had otherwise: one with a bad pull request,
    /// or one that ends the operator.
    pub min: i64,
    /// Never larger.
    pub max: i64,
}

impl SizeBounds {
    /// `size`, moved inside the bounds.
    pub fn hold(&self, size: i64) -> i64 {
        size.min(self.max).max(self.smallest())
    }

    fn smallest(&self) -> i64 {
        self.min.max(1)
    }
}

impl From<&ChunkSpec> for SizeBounds {
    fn from(spec: &ChunkSpec) -> Self {
        Self {
            size: spec.size.map(i64::from),
            min: spec.min_size.into(),
            max: spec.max_size.into(),
        }
    }
}

/// What is remembered of the size between chunks, per repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeState {
    /// Pull requests in the next chunk.
    pub size: i64,
    /// Good, quick pages in a row at this size.
    pub quick_pages: i64,
}

/// What to do with a chunk whose page failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Ask once more for the same page.
    SameSize,
    /// Ask for so many from the same cursor.
    Shrink(i64),
    /// The page is a single pull request: read it on its own, by the light list and its node id.
    Alone,
}

/// The first chunk's size of a repository with `total_pull_requests`, of which a sample changed
/// `mean_changed_files` files each. Sizes from the seed document large-repository-prd.md.
pub fn start_size(
    total_pull_requests: i64,
    mean_changed_files: Option<f64>,
    bounds: SizeBounds,
) -> i64 {
    if let Some(size) = bounds.size {
        return bounds.hold(size);
    }
    let size = match total_pull_requests {
        10_001.. => 10,
        5_001.. => 15,
        1_001.. => 20,
        _ => 25,
    };
    let heavy = mean_changed_files.is_some_and(|files| files > 100.0);
    bounds.hold(if heavy { whole((float(size) * 0.7).floor()) } else { size })
}

/// The size after a page that came whole in `list_seconds` (the list query alone), with
/// `recent_failures` of the last 20 chunks failed.
///
/// A size outside the bounds (they were edited, or the page was isolating a bad pull request)
/// comes back inside at once.
pub fn after_page(
    state: SizeState,
    list_seconds: f64,
    recent_failures: i64,
    bounds: SizeBounds,
) -> SizeState {
    let size = bounds.hold(state.size);
    if size != state.size {
        return SizeState { size, quick_pages: 0 };
    }
    if list_seconds > SLOW_SECONDS {
        return SizeState { size: bounds.hold(size / 2), quick_pages: 0 };
    }
    if list_seconds.is_nan() || list_seconds >= QUICK_SECONDS {
        return SizeState { size, quick_pages: 0 };
    }
    let quick_pages = state.quick_pages.clamp(0, QUICK_PAGES_TO_GROW - 1) + 1;
    let larger = bounds.hold(size.saturating_add(GROWTH));
    if quick_pages < QUICK_PAGES_TO_GROW
        || recent_failures > RECENT_FAILURES_ALLOWED
        || larger == size
    {
        return SizeState { size, quick_pages };
    }
    SizeState { size: larger, quick_pages: 0 }
}

/// The size after a page of `asked` pull requests of which no more than `kept` were taken, because
/// those had children enough for a chunk; `before` it, and `after` it by [`after_page`]. What was
/// not taken is asked for again, so the page does not grow, and shrinks by as much as it would
/// have grown where most of it was asked for in vain.
pub fn after_cut(
    before: SizeState,
    after: SizeState,
    [asked, kept]: [i64; 2],
    bounds: SizeBounds,
) -> SizeState {
    let in_vain = if kept < asked / 2 { GROWTH } else { 0 };
    SizeState { size: bounds.hold(after.size.min(before.size - in_vain)), quick_pages: 0 }
}

/// The size for a page that was left without an outcome `times` in a row: by an operator that its
/// memory ended, perhaps, which a smaller page would not fill. Once may be any restart. May go
/// below `min`, as after a page that GitHub cannot answer.
pub fn after_abandoned(size: i64, times: i64) -> i64 {
    let halvings = (times - 1).clamp(0, 7);
    (size >> halvings).max(1)
}

/// What to do after a page of `size` failed within `elapsed_seconds` for a cause that a smaller
/// page may cure.
///
/// At `min` (of a fixed size, too) the page goes on shrinking below it, down to a single pull
/// request: this is the one way past a pull request that GitHub cannot deliver. The first page
/// that succeeds brings the size back to `min` by [`after_page`].
pub fn after_failure(
    size: i64,
    elapsed_seconds: f64,
    already_retried_at_this_size: bool,
    bounds: SizeBounds,
) -> AfterFailure {
    if elapsed_seconds < NOISE_SECONDS && !already_retried_at_this_size {
        return AfterFailure::SameSize;
    }
    if size <= 1 {
        return AfterFailure::Alone;
    }
    let half = size.min(bounds.max.max(2)) / 2;
    let smallest = bounds.smallest();
    AfterFailure::Shrink(if size > smallest { half.max(smallest) } else { half })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: SizeBounds = SizeBounds { size: None, min: 1, max: 50 };

    fn fixed(size: i64) -> SizeBounds {
        SizeBounds { size: Some(size), min: size, max: size }
    }

    #[test]
    fn larger_repositories_start_smaller() {
        for (total, size) in [
            (0, 25),
            (1_000, 25),
            (1_001, 20),
            (5_000, 20),
            (5_001, 15),
            (10_000, 15),
            (10_001, 10),
            (1_000_000, 10),
        ] {
            assert_eq!(start_size(total, None, OPEN), size, "{total} pull requests");
            assert_eq!(start_size(total, Some(100.0), OPEN), size, "{total}, 100 files each");
        }
        for (total, size) in [(1_000, 17), (1_001, 14), (5_001, 10), (10_001, 7)] {
            assert_eq!(start_size(total, Some(100.1), OPEN), size, "{total}, 100.1 files each");
        }
    }

    #[test]
    fn bounds_win_over_every_rule() {
        assert_eq!(start_size(10_001, Some(200.0), SizeBounds { min: 8, ..OPEN }), 8);
        assert_eq!(start_size(10, None, SizeBounds { max: 24, ..OPEN }), 24);
        assert_eq!(start_size(100_000, Some(500.0), SizeBounds { size: Some(40), ..OPEN }), 40);
        assert_eq!(start_size(10, None, SizeBounds { size: Some(60), ..OPEN }), 50);
        assert_eq!(start_size(100_000, None, fixed(33)), 33);
        assert_eq!(SizeBounds { size: None, min: 9, max: 3 }.hold(5), 9, "min wins");
        assert_eq!(SizeBounds { size: None, min: 0, max: 0 }.hold(0), 1, "never nothing");
    }

    #[test]
    fn a_page_grows_after_three_quick_ones_and_halves_when_slow() {
        let cases = [
            // size, quick so far, seconds, failures -> size, quick
            ((25, 0, 1.99, 0), (25, 1)),
            ((25, 1, 1.99, 0), (25, 2)),
            ((25, 2, 1.99, 0), (30, 0)),
            ((25, 2, 2.0, 0), (25, 0)),
            ((25, 2, 7.0, 0), (25, 0)),
            ((25, 2, 7.01, 0), (12, 0)),
            ((1, 0, 9.0, 0), (1, 0)),
            ((25, 2, 1.0, 4), (30, 0)),
            ((25, 2, 1.0, 5), (25, 3)),
            ((25, 3, 1.0, 5), (25, 3)),
            ((25, 3, 1.0, 4), (30, 0)),
            ((48, 2, 1.0, 0), (50, 0)),
            ((50, 2, 1.0, 0), (50, 3)),
            ((80, 2, 1.0, 0), (50, 0)),
            ((25, 2, f64::NAN, 0), (25, 0)),
        ];
        for ((size, quick_pages, seconds, failures), (new_size, new_quick)) in cases {
            assert_eq!(
                after_page(SizeState { size, quick_pages }, seconds, failures, OPEN),
                SizeState { size: new_size, quick_pages: new_quick },
                "{size} {quick_pages} {seconds} {failures}"
            );
        }
    }

    #[test]
    fn a_page_that_is_cut_does_not_grow_and_shrinks_where_most_was_asked_for_in_vain() {
        for (size, seconds, counts, bounds, expected) in [
            (40, 1.0, [40, 20], OPEN, 40),
            (40, 1.0, [40, 19], OPEN, 35),
            (40, 9.0, [40, 1], OPEN, 20),
            (4, 1.0, [4, 1], OPEN, 1),
            (40, 1.0, [9, 8], OPEN, 40),
            (50, 1.0, [50, 1], SizeBounds { min: 48, ..OPEN }, 48),
            (25, 1.0, [25, 1], fixed(25), 25),
        ] {
            // A third quick page, after which it would grow.
            let before = SizeState { size, quick_pages: 2 };
            let after = after_page(before, seconds, 0, bounds);
            let cut = after_cut(before, after, counts, bounds);
            assert_eq!(cut, SizeState { size: expected, quick_pages: 0 }, "{size} {counts:?}");
        }
    }

    #[test]
    fn a_failure_is_retried_once_if_it_came_at_once_and_shrinks_the_page_otherwise() {
        use AfterFailure::{Alone, SameSize, Shrink};
        let at_least_10 = SizeBounds { min: 10, ..OPEN };
        for (size, seconds, retried, bounds, expected) in [
            (25, 4.99, false, OPEN, SameSize),
            (25, 4.99, true, OPEN, Shrink(12)),
            (25, 5.0, false, OPEN, Shrink(12)),
            (3, 9.0, false, OPEN, Shrink(1)),
            (2, 9.0, false, OPEN, Shrink(1)),
            (1, 1.0, false, OPEN, SameSize),
            (1, 1.0, true, OPEN, Alone),
            (1, 9.0, false, OPEN, Alone),
            (25, 9.0, false, at_least_10, Shrink(12)),
            (12, 9.0, false, at_least_10, Shrink(10)),
            (10, 9.0, false, at_least_10, Shrink(5)),
            (5, 9.0, false, at_least_10, Shrink(2)),
            (25, 9.0, false, fixed(25), Shrink(12)),
            (1, 9.0, false, fixed(25), Alone),
            (100, 9.0, false, OPEN, Shrink(25)),
        ] {
            let step = after_failure(size, seconds, retried, bounds);
            assert_eq!(step, expected, "{size} {seconds} {retried} {bounds:?}");
        }
    }

    #[test]
    fn a_page_that_isolated_a_bad_pull_request_comes_back_to_its_smallest_size() {
        let state = SizeState { size: 3, quick_pages: 0 };
        assert_eq!(after_page(state, 1.0, 0, fixed(25)).size, 25);
        assert_eq!(after_page(state, 9.0, 0, SizeBounds { min: 10, ..OPEN }).size, 10);
    }

    fn any_bounds() -> impl Strategy<Value = SizeBounds> {
        (1i64..=100, 1i64..=100, proptest::option::of(1i64..=100)).prop_map(|(one, other, size)| {
            SizeBounds { size, min: one.min(other), max: one.max(other) }
        })
    }

    #[test]
    fn a_page_that_ends_the_operator_again_and_again_is_halved() {
        for (times, size) in [(0, 25), (1, 25), (2, 12), (3, 6), (5, 1), (100, 1)] {
            assert_eq!(after_abandoned(25, times), size, "{times}");
        }
        assert_eq!(after_abandoned(1, i64::MAX), 1);
    }

    proptest! {
        #[test]
        fn the_size_stays_in_range(
            bounds in any_bounds(),
            total in 0i64..2_000_000,
            files in proptest::option::of(0.0f64..10_000.0),
            pages in proptest::collection::vec((0.0f64..20.0, 0i64..=20), 0..200),
        ) {
            let mut state = SizeState { size: start_size(total, files, bounds), quick_pages: 0 };
            prop_assert!((bounds.min..=bounds.max).contains(&state.size));
            for (seconds, failures) in pages {
                state = after_page(state, seconds, failures, bounds);
                prop_assert!((bounds.min..=bounds.max).contains(&state.size));
                prop_assert!((0..=QUICK_PAGES_TO_GROW).contains(&state.quick_pages));
            }
        }

        #[test]
        fn failures_always_end_at_a_single_pull_request(
            bounds in any_bounds(),
            start in 1i64..=100,
            seconds in proptest::collection::vec(0.0f64..20.0, 20),
        ) {
            let (mut size, mut retried, mut steps) = (start, false, seconds.iter());
            loop {
                let elapsed = *steps.next().ok_or_else(|| TestCaseError::fail("it sticks"))?;
                match after_failure(size, elapsed, retried, bounds) {
                    AfterFailure::SameSize => {
                        prop_assert!(!retried, "the same size a third time");
                        retried = true;
                    }
                    AfterFailure::Shrink(smaller) => {
                        prop_assert!((1..size).contains(&smaller));
                        (size, retried) = (smaller, false);
                    }
                    AfterFailure::Alone => break,
                }
            }
            prop_assert_eq!(size, 1);
        }

        #[test]
        fn quick_pages_always_reach_the_largest_size(bounds in any_bounds(), start in 1i64..=100) {
            let mut state = SizeState { size: start, quick_pages: 0 };
            for _ in 0..=(3 * 100 / GROWTH) {
                state = after_page(state, 0.5, 0, bounds);
            }
            prop_assert_eq!(state.size, bounds.max);
        }
    }
}
