//! What a walk will take: requests, points and time. Product rule 3.5.
//!
//! Points follow GitHub's published formula (docs.github.com, "Rate limits and query limits for
//! the GraphQL API"), so they depend on what is asked for and can be told beforehand. It must
//! not know the queries themselves, only how many connections they hold.

use backfill_api::Part;
use jiff::{SignedDuration, Timestamp};

use crate::budget::{RESPONSE_SECONDS_PER_MINUTE, RateLimit};
use crate::interval::Interval;
use crate::numbers::{float, later, span, whole};

/// Share of pull requests that have review threads. Measured over three public repositories:
/// 28, 36 and 53 % have review comments (their public metadata backups, 3,949 pull requests).
const THREADS_SHARE: f64 = 0.39;
/// Threads of a pull request that has any. The same measurement found about 4.1 review comments
/// for each pull request, so 11 for each with threads; that a thread has two is assumed. Just as
/// many threads are asked for as the list page has counted.
const THREADS_EACH: i64 = 6;
/// Share of pull requests with more children than fit on the first page of 50, from the same
/// measurement.
const OVERFLOW_SHARE: f64 = 0.01;
/// Seconds that GitHub takes to answer any query, and for each pull request of a page: fits
/// 2.4 s for 20, 2.5 to 3.4 s for 25, 4.3 s for 40 and 4.9 s for 50, measured on one large
/// repository (spiceai/spiceai pull request 13762).
const SECONDS_PER_QUERY: f64 = 0.4;
const SECONDS_PER_PULL_REQUEST: f64 = 0.092;
/// Resolve and Verify ask once each.
const OTHER_QUERIES: i64 = 2;
/// Length of GitHub's rate-limit window.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Points of a query of so many `requests` (one for each connection and each object above it): a
/// hundredth, rounded, at least one.
pub fn points(requests: i64) -> i64 {
    ((requests + 50) / 100).max(1)
}

/// Points of one page of the walk's list query, of `size` pull requests.
pub fn list_points(size: i64, parts: &[Part]) -> i64 {
    // Labels and assignees always; reviews, comments and commits whole or as a count, which
    // weighs the same; of the threads the count, and files, only if asked for.
    let asked = |part: Part| i64::from(parts.contains(&part));
    let connections = 5 + asked(Part::ReviewComments) + asked(Part::Files);
    points(1 + size * connections)
}

/// Points of the query that fetches `threads` threads of each of `pull_requests` pull requests.
fn threads_points(pull_requests: i64, threads: i64) -> i64 {
    // One for the threads of each pull request, one for the comments of each thread.
    points(pull_requests.saturating_mul(threads.saturating_add(1)))
}

/// Points of a whole chunk of `size`, as far as one can tell beforehand: what a place in the
/// budget is asked with.
pub fn chunk_points(size: i64, parts: &[Part]) -> i64 {
    let threads = if parts.contains(&Part::ReviewComments) { with_threads(size) } else { 0 };
    let follow_up = if threads > 0 { threads_points(threads, THREADS_EACH) } else { 0 };
    list_points(size, parts) + follow_up
}

fn with_threads(size: i64) -> i64 {
    whole((float(size) * THREADS_SHARE).ceil())
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanFacts<'a> {
    /// Pull requests in scope.
    pub pull_requests: i64,
    /// Chunk size, at least 1.
    pub size: i64,
    /// Parts asked for.
    pub parts: &'a [Part],
    /// The primary limit, if GitHub tells one.
    pub limits: Option<RateLimit>,
    /// Points that are never spent.
    pub floor: i64,
    /// Pauses between bursts, in Interval mode.
    pub interval: Option<Interval>,
}

/// What a walk will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Requests to GitHub.
    pub requests: i64,
    /// Points.
    pub points: i64,
    /// From start to end, alone on its credential, waits for the budget included.
    pub duration: SignedDuration,
}

/// Plans a walk that starts at `now`, at a constant size and without any failure.
pub fn plan(facts: &PlanFacts<'_>, now: Timestamp) -> Plan {
    let size = facts.size.max(1);
    let pages = facts.pull_requests.max(0).saturating_add(size - 1) / size;
    let threads = facts.parts.contains(&Part::ReviewComments);
    let share = if threads { THREADS_SHARE } else { OVERFLOW_SHARE };
    // A chunk needs a second round unless each of its pull requests was whole at once.
    let follow_up = 1.0 - (1.0 - share).powf(float(size));
    let follow_ups = whole(float(pages) * follow_up);
    let threads_of_page = if threads { with_threads(size) } else { 0 };
    let follow_up_points = if threads { threads_points(threads_of_page, THREADS_EACH) } else { 1 };

    let list_seconds = assumed_seconds(size);
    let follow_up_seconds = assumed_seconds(threads_of_page);
    let points =
        pages * list_points(size, facts.parts) + follow_ups * follow_up_points + OTHER_QUERIES;
    let response_seconds = float(pages) * list_seconds
        + float(follow_ups) * follow_up_seconds
        + float(OTHER_QUERIES) * SECONDS_PER_QUERY;
    let mut duration = span(response_seconds * 60.0 / RESPONSE_SECONDS_PER_MINUTE);
    if let Some(limits) = facts.limits {
        duration = with_waits(duration, points, limits, facts.floor, now);
    }
    if let Some(interval) = facts.interval {
        let pauses = (pages - 1).max(0) / interval.chunks.max(1);
        let pauses = i32::try_from(pauses).unwrap_or(i32::MAX);
        duration = duration.saturating_add(interval.period.saturating_mul(pauses));
    }
    Plan { requests: pages + follow_ups + OTHER_QUERIES, points, duration }
}

fn assumed_seconds(pull_requests: i64) -> f64 {
    SECONDS_PER_QUERY + SECONDS_PER_PULL_REQUEST * float(pull_requests)
}

/// How long work of `busy` that costs `points` takes from `now` on, when the points must be had
/// window by window with `floor` of each left over.
fn with_waits(
    busy: SignedDuration,
    points: i64,
    limits: RateLimit,
    floor: i64,
    now: Timestamp,
) -> SignedDuration {
    let per_window = limits.limit.saturating_sub(floor).max(1);
    let (at_hand, to_reset) = match limits.reset_at.filter(|reset| *reset > now) {
        Some(reset) => (limits.remaining - floor, reset.duration_since(now).min(WINDOW)),
        None => (per_window, WINDOW),
    };
    let left = points.saturating_sub(at_hand.clamp(0, per_window));
    if left <= 0 {
        return busy;
    }
    let whole_windows = (left - 1) / per_window;
    let last = left - whole_windows * per_window;
    let whole_windows = i32::try_from(whole_windows).unwrap_or(i32::MAX);
    let last_begins = to_reset.saturating_add(WINDOW.saturating_mul(whole_windows));
    let in_last = span(busy.as_secs_f64() * float(last) / float(points.max(1)));
    busy.max(last_begins.saturating_add(in_last))
}

/// `estimate` (of a pace that may not have met a limit yet), put off to when the points that the
/// rest costs can have been had. The rest is priced like what is done: `points_used` for
/// `processed` of `expected`.
pub fn put_off_for_points(
    estimate: Timestamp,
    (processed, expected): (i64, i64),
    points_used: i64,
    limits: RateLimit,
    floor: i64,
    now: Timestamp,
) -> Timestamp {
    let left = float((expected - processed).max(0));
    let points = whole(float(points_used) * left / float(processed.max(1)));
    let busy = estimate.duration_since(now).max(SignedDuration::ZERO);
    later(now, with_waits(busy, points, limits, floor, now)).max(estimate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: [Part; 3] = [Part::Reviews, Part::ReviewComments, Part::Comments];

    fn now() -> Timestamp {
        later(Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1_700_000_000))
    }

    #[test]
    fn a_hundredth_is_rounded_and_never_nothing() {
        for (requests, cost) in
            [(0, 1), (1, 1), (149, 1), (150, 2), (249, 2), (250, 3), (5_101, 51)]
        {
            assert_eq!(points(requests), cost, "{requests} requests");
        }
    }

    #[test]
    fn the_list_and_the_threads_cost_what_they_ask_for() {
        let all = Part::ALL;
        for (size, parts, cost) in [
            (1, &DEFAULT[..], 1),
            (24, &DEFAULT, 1),
            (25, &DEFAULT, 2),
            (50, &DEFAULT, 3),
            (100, &DEFAULT, 6),
            (25, &all, 2),
            (50, &all, 4),
            (100, &[], 5),
        ] {
            assert_eq!(list_points(size, parts), cost, "{size} {parts:?}");
        }
        assert_eq!(threads_points(25, 50), 13);
        assert_eq!(threads_points(1, 50), 1);
        assert_eq!(chunk_points(25, &DEFAULT), 2 + 1);
        assert_eq!(chunk_points(100, &DEFAULT), 6 + 3);
        assert_eq!(chunk_points(25, &[Part::Reviews]), list_points(25, &[Part::Reviews]));
    }

    fn facts(pull_requests: i64, size: i64, parts: &[Part]) -> PlanFacts<'_> {
        PlanFacts { pull_requests, size, parts, limits: None, floor: 500, interval: None }
    }

    #[test]
    fn a_plan_counts_pages_and_their_second_rounds() {
        let plain = plan(&facts(100_000, 25, &[]), now());
        // 1 - 0.99^25 = 22.2 % of 4,000 pages need a second round.
        assert_eq!((plain.requests, plain.points), (4_000 + 889 + 2, 4_000 + 889 + 2));
        let whole = plan(&facts(100_000, 25, &DEFAULT), now());
        assert_eq!(whole.requests, 4_000 + 4_000 + 2);
        assert_eq!(whole.points, 4_000 * 2 + 4_000 + 2);
        for (pull_requests, pages) in [(0, 0), (1, 1), (25, 1), (26, 2), (50, 2)] {
            let requests = plan(&facts(pull_requests, 25, &DEFAULT), now()).requests;
            assert_eq!(requests, 2 * pages + 2, "{pull_requests} pull requests");
        }
        assert_eq!(plan(&facts(10, 0, &DEFAULT), now()).requests, 10 + 4 + 2, "a size of 1");
    }

    #[test]
    fn seconds_and_pauses_make_the_duration() {
        let quick = plan(&facts(2_500, 25, &[]), now());
        // 100 pages of 2.7 s, 22 second rounds and two more queries, at 45 seconds a minute.
        assert!((assumed_seconds(25) - 2.7).abs() < 1e-9);
        let busy = quick.duration.as_secs_f64() * 45.0 / 60.0;
        assert!((busy - (100.0 * 2.7 + 24.0 * 0.4)).abs() < 1e-6, "{busy}");

        let interval = Some(Interval { period: SignedDuration::from_mins(30), chunks: 10 });
        let paced = plan(&PlanFacts { interval, ..facts(2_500, 25, &[]) }, now());
        assert_eq!(paced.duration - quick.duration, SignedDuration::from_mins(9 * 30));
    }

    #[test]
    fn points_are_had_window_by_window() {
        let reset_at = Some(later(now(), SignedDuration::from_secs(600)));
        let limits = RateLimit { limit: 5_000, remaining: 1_500, reset_at };
        let busy = SignedDuration::from_secs(100);
        for (points, seconds) in [
            (0, 100),
            (1_000, 100),
            // One more than at hand: it must wait for the reset.
            (1_001, 600),
            (5_500, 600 + 81),
            (5_501, 600 + 3_600),
            (10_000, 600 + 3_600 + 45),
            (10_001, 600 + 7_200),
        ] {
            let took = with_waits(busy, points, limits, 500, now());
            assert_eq!(took.as_secs(), seconds, "{points} points");
        }
        let below_floor = RateLimit { remaining: 400, ..limits };
        assert_eq!(with_waits(busy, 1, below_floor, 500, now()).as_secs(), 600 + 100);
        let past = RateLimit { reset_at: Some(now()), remaining: 0, ..limits };
        assert_eq!(with_waits(busy, 4_500, past, 500, now()), busy);
        assert_eq!(with_waits(busy, 4_501, past, 500, now()).as_secs(), 3_600);
        let long = SignedDuration::from_hours(9);
        assert_eq!(with_waits(long, 5_500, limits, 500, now()).as_secs(), 9 * 3_600);
        let nothing_left = with_waits(busy, 10, limits, 9_999, now());
        assert!(nothing_left > SignedDuration::from_hours(9), "a point a window at best");
    }

    #[test]
    fn an_estimate_is_put_off_until_the_points_are_there() {
        let reset_at = Some(later(now(), SignedDuration::from_secs(600)));
        let limits = RateLimit { limit: 5_000, remaining: 1_500, reset_at };
        let soon = later(now(), SignedDuration::from_secs(100));
        let end = |points_used| {
            let end = put_off_for_points(soon, (100, 300), points_used, limits, 500, now());
            end.duration_since(now()).as_secs()
        };
        assert_eq!(end(500), 100, "1,000 more points are at hand");
        assert_eq!(end(501), 600);
        assert_eq!(put_off_for_points(soon, (0, 0), 0, limits, 500, now()), soon);
    }
}
