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

/// Children asked for on the first page of each connection; threads a page, too.
pub const INNER_PAGE: i64 = 50;
/// Share of pull requests that have review threads. Measured over three public repositories:
/// 28, 36 and 53 % have review comments (their public metadata backups, 3,949 pull requests).
pub const THREADS_SHARE: f64 = 0.39;
/// Share of pull requests with more children than fit on the first page of 50, from the same
/// measurement.
pub const OVERFLOW_SHARE: f64 = 0.01;
/// Seconds that GitHub takes to answer any query, and for each pull request of a page: fits
/// 2.4 s for 20, 2.5 to 3.4 s for 25, 4.3 s for 40 and 4.9 s for 50, measured on one large
/// repository (spiceai/spiceai pull request 13762).
const SECONDS_PER_QUERY: f64 = 0.4;
const SECONDS_PER_PULL_REQUEST: f64 = 0.092;
/// Resolve and Verify ask once each.
const OTHER_QUERIES: i64 = 2;
/// Length of GitHub's rate-limit window.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// A connection of a query, with those inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Its `first` or `last`.
    pub size: i64,
    /// The connections selected on each of its nodes.
    pub inside: &'a [Connection<'a>],
}

/// GitHub's `requests` of connections that hang under `parents` objects: one for each
/// connection and each object above it.
pub fn requests(connections: &[Connection<'_>], parents: i64) -> i64 {
    let each = |connection: &Connection<'_>| {
        parents + requests(connection.inside, parents.saturating_mul(connection.size))
    };
    connections.iter().map(each).sum()
}

/// GitHub's `nodes`, of which one query may ask for 500,000 at most.
pub fn nodes(connections: &[Connection<'_>], parents: i64) -> i64 {
    let each = |connection: &Connection<'_>| {
        let own = parents.saturating_mul(connection.size);
        own + nodes(connection.inside, own)
    };
    connections.iter().map(each).sum()
}

/// Points of a query of so many `requests`: a hundredth, rounded, at least one.
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

/// Points of the query that fetches the threads of `pull_requests` pull requests.
pub fn threads_points(pull_requests: i64) -> i64 {
    let comments = Connection { size: INNER_PAGE, inside: &[] };
    points(requests(&[Connection { size: INNER_PAGE, inside: &[comments] }], pull_requests))
}

/// Points of a whole chunk of `size`, as far as one can tell beforehand: what a place in the
/// budget is asked with.
pub fn chunk_points(size: i64, parts: &[Part]) -> i64 {
    let threads = if parts.contains(&Part::ReviewComments) { with_threads(size) } else { 0 };
    list_points(size, parts) + if threads > 0 { threads_points(threads) } else { 0 }
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
    /// Seconds of one list page, if measured.
    pub list_seconds: Option<f64>,
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
    let follow_up_points = if threads { threads_points(threads_of_page) } else { 1 };

    let list_seconds = facts.list_seconds.filter(|seconds| seconds.is_finite());
    let list_seconds = list_seconds.map_or_else(|| assumed_seconds(size), |known| known.max(0.0));
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
pub fn with_waits(
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
