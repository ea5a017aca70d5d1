//! The table of metrics: name, labels and meaning of each.
//!
//! Must not know how they are counted or served.

/// Seconds, from a healthy answer to the longest a chunk may take.
pub const BUCKETS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// The labels of an object's own series.
pub const OBJECT: &[&str] = &["namespace", "name"];

/// What Prometheus is told of a metric. Nobody else can make one: each there is stands in a table,
/// and is registered.
#[derive(Clone, Copy)]
pub struct Row {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// What only ever grows.
#[derive(Clone, Copy)]
pub struct Counter(pub(super) Row);

/// What is set.
#[derive(Clone, Copy)]
pub struct Gauge(pub(super) Row);

/// How long things take.
#[derive(Clone, Copy)]
pub struct Histogram(pub(super) Row);

/// Makes a constant of each row, and a list of all.
macro_rules! table {
    ($kind:ident, $all:ident: $($row:ident: $name:literal, $labels:expr, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $row: $kind = $kind(Row { name: $name, labels: $labels, help: $help });
        )+
        pub const $all: &[$kind] = &[$($row,)+];
    };
}

table! { Counter, COUNTERS:
    RECONCILES: "backfill_reconciles_total", &["step"],
        "Looks at an object, by the step they decided on.";
    FAILURES: "backfill_failures_total", &["reason"], "Faults met, by reason.";
    PANICS: "backfill_panics_total", &[], "Looks that panicked and were contained.";
    CHUNKS: "backfill_chunks_total", &["result"], "Chunks that were committed, or failed.";
    PULL_REQUESTS: "backfill_pull_requests_total", &["result"],
        "Pull requests stored or quarantined.";
    ROWS: "backfill_rows_total", &["result"],
        "Rows written, children included, or pull requests left alone because equal.";
    SANITIZED_CHARACTERS: "backfill_sanitized_characters_total", &[],
        "NULs and lone surrogates removed from texts.";
    GITHUB_REQUESTS: "backfill_github_requests_total", &["operation", "result"],
        "Requests to GitHub.";
    GITHUB_POINTS: "backfill_github_points_total", &[], "Rate-limit points spent.";
    STATUS_WRITES: "backfill_status_writes_total", &["result"], "Writes of an object's status.";
    WATCH_ERRORS: "backfill_watch_errors_total", &[], "Errors of the watch on the API server.";
    UNREADABLE_OBJECTS: "backfill_unreadable_objects_total", &[],
        "Times that the watch brought an object that this version cannot read.";
}

/// The values that a counter's one label can have. They are there from the start, at 0: a series
/// that comes into being at 1 has not increased, as Prometheus sees it.
pub const KNOWN_VALUES: &[(Counter, &[&str])] = &[
    (CHUNKS, &["committed", "failed"]),
    (PULL_REQUESTS, &["stored", "quarantined"]),
    (STATUS_WRITES, &["written", "refused", "failed"]),
];

table! { Gauge, GAUGES:
    VERSION: "backfill_build_info", &["version"], "1, with the version that runs.";
    DATABASE_UP: "backfill_database_up", &[],
        "1 while Postgres answers and takes writes, 0 while not.";
    RUNS_ACTIVE: "backfill_runs_active", &[], "Backfills that run chunks now.";
    RUNS_MAX: "backfill_runs_max", &[], "Backfills that may run chunks at the same time.";
    RUNS_QUEUED: "backfill_runs_queued", &[], "Backfills that wait for one of those places.";
    LIMIT_REMAINING: "backfill_github_rate_limit_remaining", &["identity"],
        "Points left until the reset.";
    LIMIT: "backfill_github_rate_limit_limit", &["identity"], "Points after a reset.";
    LIMIT_FLOOR: "backfill_github_rate_limit_floor", &[],
        "Points that are kept back of each credential, unless a backfill keeps back more.";
    LIMIT_RESET: "backfill_github_rate_limit_reset_timestamp_seconds", &["identity"],
        "When points are given anew.";
    LIMIT_USED_RATIO: "backfill_github_rate_limit_used_ratio", &["identity"],
        "Share of the points that is used, 0 to 1.";
    GITHUB_QUERY_COST: "backfill_github_query_cost_points", &["identity"],
        "Points of a query, on average.";
    GITHUB_QUERIES_REMAINING: "backfill_github_queries_remaining", &["identity"],
        "Queries that the points left allow.";
    OBJECT_ACTIVE: "backfill_object_active", OBJECT,
        "1 while the object has history to fetch, 0 when it has none.";
    OBJECT_STALLED: "backfill_object_stalled", &["namespace", "name", "reason"],
        "1, with the reason, while only a person can mend the object; else 0, with no reason.";
    OBJECT_PROCESSED: "backfill_object_processed_pull_requests", OBJECT,
        "Pull requests dealt with by the present walk.";
    OBJECT_EXPECTED: "backfill_object_expected_pull_requests", OBJECT,
        "Pull requests the walk will meet; absent while unknown.";
    OBJECT_LAST_PROGRESS: "backfill_object_last_progress_timestamp_seconds", OBJECT,
        "When a chunk was last stored, or a page of the verification read.";
    OBJECT_NEXT_ATTEMPT: "backfill_object_next_attempt_timestamp_seconds", OBJECT,
        "When an object that waits for a limit or its turn goes on; absent when it does not wait.";
}

table! { Histogram, HISTOGRAMS:
    RECONCILE_DURATION: "backfill_reconcile_duration_seconds", &[],
        "Time of one look, its chunks included.";
    CHUNK_DURATION: "backfill_chunk_duration_seconds", &[],
        "Time of one chunk, from claim to commit.";
    GITHUB_REQUEST_DURATION: "backfill_github_request_duration_seconds", &["operation"],
        "Time until GitHub's answer was read.";
}

/// Every metric as (name, type, labels, meaning), in the order of the tables.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str, String, &'static str)> {
    let counters = COUNTERS.iter().map(|Counter(row)| ("counter", row));
    let gauges = GAUGES.iter().map(|Gauge(row)| ("gauge", row));
    let histograms = HISTOGRAMS.iter().map(|Histogram(row)| ("histogram", row));
    counters
        .chain(gauges)
        .chain(histograms)
        .map(|(kind, row)| (row.name, kind, row.labels.join(", "), row.help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for (name, kind, _, help) in catalogue() {
            assert!(name.starts_with("backfill_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }
}
