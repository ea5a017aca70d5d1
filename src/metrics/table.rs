//! The table of metrics: name, labels and meaning of each.
//!
//! Must not know how they are counted or served.

/// Seconds, from a healthy answer to the longest a chunk may take.
pub const BUCKETS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// Name, labels and meaning of each metric that is not a histogram; then the histograms.
pub const COUNTERS: &[(&str, &[&str], &str)] = &[
    ("backfill_reconciles_total", &["step"], "Looks at an object, by the step they decided on."),
    ("backfill_failures_total", &["reason"], "Faults met, by reason."),
    ("backfill_panics_total", &[], "Looks that panicked and were contained."),
    ("backfill_chunks_total", &["result"], "Chunks that were committed, or failed."),
    ("backfill_pull_requests_total", &["result"], "Pull requests stored or quarantined."),
    (
        "backfill_rows_total",
        &["result"],
        "Rows written, children included, or pull requests left alone because equal.",
    ),
    ("backfill_sanitized_characters_total", &[], "NULs and lone surrogates removed from texts."),
    ("backfill_github_requests_total", &["operation", "result"], "Requests to GitHub."),
    ("backfill_github_points_total", &[], "Rate-limit points spent."),
    ("backfill_status_writes_total", &["result"], "Writes of an object's status."),
    ("backfill_watch_errors_total", &[], "Errors of the watch on the API server."),
    (
        "backfill_unreadable_objects_total",
        &[],
        "Times that the watch brought an object that this version cannot read.",
    ),
];
/// The values that a counter's one label can have. They are there from the start, at 0: a series
/// that comes into being at 1 has not increased, as Prometheus sees it.
pub const KNOWN_VALUES: &[(&str, &[&str])] = &[
    ("backfill_chunks_total", &["committed", "failed"]),
    ("backfill_pull_requests_total", &["stored", "quarantined"]),
    ("backfill_status_writes_total", &["written", "refused", "failed"]),
];
pub const GAUGES: &[(&str, &[&str], &str)] = &[
    ("backfill_build_info", &["version"], "1, with the version that runs."),
    ("backfill_database_up", &[], "1 while Postgres answers and takes writes, 0 while not."),
    ("backfill_runs_active", &[], "Backfills that run chunks now."),
    ("backfill_runs_max", &[], "Backfills that may run chunks at the same time."),
    ("backfill_runs_queued", &[], "Backfills that wait for one of those places."),
    ("backfill_github_rate_limit_remaining", &["identity"], "Points left until the reset."),
    ("backfill_github_rate_limit_limit", &["identity"], "Points after a reset."),
    (
        "backfill_github_rate_limit_floor",
        &[],
        "Points that are kept back of each credential, unless a backfill keeps back more.",
    ),
    (
        "backfill_github_rate_limit_reset_timestamp_seconds",
        &["identity"],
        "When points are given anew.",
    ),
    (
        "backfill_github_rate_limit_used_ratio",
        &["identity"],
        "Share of the points that is used, 0 to 1.",
    ),
    ("backfill_github_query_cost_points", &["identity"], "Points of a query, on average."),
    ("backfill_github_queries_remaining", &["identity"], "Queries that the points left allow."),
    (
        "backfill_object_active",
        OBJECT,
        "1 while the object has history to fetch, 0 when it has none.",
    ),
    (
        "backfill_object_stalled",
        &["namespace", "name", "reason"],
        "1, with the reason, while only a person can mend the object; else 0, with no reason.",
    ),
    (
        "backfill_object_processed_pull_requests",
        OBJECT,
        "Pull requests dealt with by the present walk.",
    ),
    (
        "backfill_object_expected_pull_requests",
        OBJECT,
        "Pull requests the walk will meet; absent while unknown.",
    ),
    (
        "backfill_object_last_progress_timestamp_seconds",
        OBJECT,
        "When a chunk was last stored, or a page of the verification read.",
    ),
    (
        "backfill_object_next_attempt_timestamp_seconds",
        OBJECT,
        "When an object that waits for a limit or its turn goes on; absent when it does not wait.",
    ),
];
pub const HISTOGRAMS: &[(&str, &[&str], &str)] = &[
    ("backfill_reconcile_duration_seconds", &[], "Time of one look, its chunks included."),
    ("backfill_chunk_duration_seconds", &[], "Time of one chunk, from claim to commit."),
    (
        "backfill_github_request_duration_seconds",
        &["operation"],
        "Time until GitHub's answer was read.",
    ),
];
pub const OBJECT: &[&str] = &["namespace", "name"];

/// Every metric as (name, type, labels, meaning), in the order of the tables.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str, String, &'static str)> {
    let kinds = [(COUNTERS, "counter"), (GAUGES, "gauge"), (HISTOGRAMS, "histogram")];
    kinds.into_iter().flat_map(|(table, kind)| {
        table.iter().map(move |(name, labels, help)| (*name, kind, labels.join(", "), *help))
    })
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
