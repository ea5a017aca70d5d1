//! How many pull requests make one chunk: product rule 3.2.
//!
//! The page grows while GitHub answers quickly and shrinks as soon as it does not, because what
//! GitHub refuses is a page that takes it longer than ten seconds, whatever the page costs.
//! Pure arithmetic on a size; it must not know what a page holds or who fetches it.

use backfill_api::ChunkSpec;

use crate::numbers::{float, whole};

/// Chunks that the share of failures is taken over.
pub const RECENT_CHUNKS: i64 = 20;
/// Failures among [`RECENT_CHUNKS`] up to which the page may still grow: 20 %.
pub const RECENT_FAILURES_ALLOWED: i64 = 4;
/// A page answered in less is quick.
pub const QUICK_SECONDS: f64 = 2.0;
/// A page that took longer is halved.
pub const SLOW_SECONDS: f64 = 7.0;
/// Quick pages in a row before the page grows.
pub const QUICK_PAGES_TO_GROW: i64 = 3;
/// By how many pull requests it grows.
pub const GROWTH: i64 = 5;
/// A failure in less is taken for GitHub's ordinary noise, and tried once more as it was.
pub const NOISE_SECONDS: f64 = 5.0;

/// Where the size may move. `min` wins over `max` should they contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBounds {
    /// Size to start with, if the spec names one; growth goes on from it.
    pub size: Option<i64>,
    /// Never smaller, except to find out which pull request of a failing page is the bad one.
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
/// `recent_failures` of the last [`RECENT_CHUNKS`] chunks failed.
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
