//! Every metric the operator exposes, in one table that registers and documents them.
//!
//! One own registry, no global state. It must not know when a figure changes.

use std::collections::HashMap;
use std::sync::Mutex;

use backfill_api::conditions::State;
use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

/// Seconds, from a healthy answer to the longest a chunk may take.
const BUCKETS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// Name, labels and meaning of each metric that is not a histogram; then the histograms.
const COUNTERS: &[(&str, &[&str], &str)] = &[
    ("backfill_reconciles_total", &["step"], "Looks at an object, by the step they decided on."),
    ("backfill_failures_total", &["reason"], "Faults met, by reason."),
    ("backfill_panics_total", &[], "Looks that panicked and were contained."),
    ("backfill_chunks_total", &["result"], "Chunks that were committed, or failed."),
    ("backfill_pull_requests_total", &["result"], "Pull requests stored or quarantined."),
    ("backfill_rows_total", &["result"], "Rows written, or left alone because they were equal."),
    ("backfill_sanitized_characters_total", &[], "NULs and lone surrogates removed from texts."),
    ("backfill_github_requests_total", &["operation", "result"], "Requests to GitHub."),
    ("backfill_github_points_total", &[], "Rate-limit points spent."),
    ("backfill_status_writes_total", &["result"], "Writes of an object's status."),
];
const GAUGES: &[(&str, &[&str], &str)] = &[
    ("backfill_build_info", &["version"], "1, with the version that runs."),
    ("backfill_runs_active", &[], "Backfills that run chunks now."),
    ("backfill_github_rate_limit_remaining", &["identity"], "Points left until the reset."),
    ("backfill_github_rate_limit_limit", &["identity"], "Points after a reset."),
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
    ("backfill_object_active", OBJECT, "1 while the object has work to do, 0 when it has none."),
    ("backfill_object_stalled", OBJECT, "1 while only a person can mend the object."),
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
    ("backfill_object_last_progress_timestamp_seconds", OBJECT, "When a chunk was last stored."),
    (
        "backfill_object_next_attempt_timestamp_seconds",
        OBJECT,
        "When a waiting object goes on; absent when it does not wait.",
    ),
];
const HISTOGRAMS: &[(&str, &[&str], &str)] = &[
    ("backfill_reconcile_duration_seconds", &[], "Time of one look, its chunks included."),
    ("backfill_chunk_duration_seconds", &[], "Time of one chunk, from claim to commit."),
    (
        "backfill_github_request_duration_seconds",
        &["operation"],
        "Time until GitHub's answer was read.",
    ),
];
const OBJECT: &[&str] = &["namespace", "name"];

/// The figures of one object; absent ones have no series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectFigures {
    pub state: Option<State>,
    pub processed: Option<f64>,
    pub expected: Option<f64>,
    pub last_progress: Option<f64>,
    pub next_attempt: Option<f64>,
}

/// The registry and everything in it.
pub struct Metrics {
    registry: Registry,
    counters: HashMap<&'static str, IntCounterVec>,
    gauges: HashMap<&'static str, GaugeVec>,
    histograms: HashMap<&'static str, HistogramVec>,
    /// Which object has series: uid to (namespace, name), so that they go with the object.
    objects: Mutex<HashMap<String, (String, String)>>,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let mut counters = HashMap::new();
        for (name, labels, help) in COUNTERS {
            counters.insert(
                *name,
                add(&registry, IntCounterVec::new(Opts::new(*name, *help), labels)?)?,
            );
        }
        let mut gauges = HashMap::new();
        for (name, labels, help) in GAUGES {
            gauges.insert(*name, add(&registry, GaugeVec::new(Opts::new(*name, *help), labels)?)?);
        }
        let mut histograms = HashMap::new();
        for (name, labels, help) in HISTOGRAMS {
            let options = HistogramOpts::new(*name, *help).buckets(BUCKETS.to_vec());
            histograms.insert(*name, add(&registry, HistogramVec::new(options, labels)?)?);
        }
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let metrics = Self { registry, counters, gauges, histograms, objects: Mutex::default() };
        metrics.set("backfill_build_info", &[env!("CARGO_PKG_VERSION")], 1.0);
        metrics.set("backfill_runs_active", &[], 0.0);
        Ok(metrics)
    }

    /// Adds `by` to the counter `name`. A name outside the table is a bug that tests find.
    pub fn count(&self, name: &str, labels: &[&str], by: i64) {
        debug_assert!(self.counters.contains_key(name), "{name} is not in the table");
        if let (Some(counter), Ok(by)) = (self.counters.get(name), u64::try_from(by)) {
            counter.with_label_values(labels).inc_by(by);
        }
    }

    /// Sets the gauge `name`.
    pub fn set(&self, name: &str, labels: &[&str], value: f64) {
        debug_assert!(self.gauges.contains_key(name), "{name} is not in the table");
        if let Some(gauge) = self.gauges.get(name) {
            gauge.with_label_values(labels).set(value);
        }
    }

    /// Adds `by` to the gauge `name`.
    pub fn add(&self, name: &str, labels: &[&str], by: f64) {
        if let Some(gauge) = self.gauges.get(name) {
            gauge.with_label_values(labels).add(by);
        }
    }

    /// Puts `seconds` into the histogram `name`.
    pub fn observe(&self, name: &str, labels: &[&str], seconds: f64) {
        debug_assert!(self.histograms.contains_key(name), "{name} is not in the table");
        if let Some(histogram) = self.histograms.get(name) {
            histogram.with_label_values(labels).observe(seconds);
        }
    }

    /// Sets the six series of an object.
    pub fn show_object(&self, uid: &str, namespace: &str, name: &str, figures: &ObjectFigures) {
        if let Ok(mut objects) = self.objects.lock() {
            objects.insert(uid.to_owned(), (namespace.to_owned(), name.to_owned()));
        }
        let active = figures.state.map(|state| {
            f64::from(!matches!(state, State::Complete | State::Planned | State::Suspended))
        });
        let stalled = figures.state.map(|state| f64::from(state == State::Stalled));
        let series = [
            ("backfill_object_active", active),
            ("backfill_object_stalled", stalled),
            ("backfill_object_processed_pull_requests", figures.processed),
            ("backfill_object_expected_pull_requests", figures.expected),
            ("backfill_object_last_progress_timestamp_seconds", figures.last_progress),
            ("backfill_object_next_attempt_timestamp_seconds", figures.next_attempt),
        ];
        for (gauge, value) in series {
            match value {
                Some(value) => self.set(gauge, &[namespace, name], value),
                None => self.remove(gauge, &[namespace, name]),
            }
        }
    }

    /// Removes the series of every object whose uid is not among `living`.
    pub fn retain_objects(&self, living: &[String]) {
        let Ok(mut objects) = self.objects.lock() else { return };
        let gone: Vec<String> =
            objects.keys().filter(|uid| !living.contains(uid)).cloned().collect();
        for uid in gone {
            let Some((namespace, name)) = objects.remove(&uid) else { continue };
            // A recreated object has the same name; its series are not the old one's to remove.
            if objects.values().any(|other| *other == (namespace.clone(), name.clone())) {
                continue;
            }
            for (gauge, labels, _) in GAUGES {
                if *labels == OBJECT {
                    self.remove(gauge, &[&namespace, &name]);
                }
            }
        }
    }

    fn remove(&self, gauge: &str, labels: &[&str]) {
        if let Some(gauge) = self.gauges.get(gauge) {
            // An absent series is what was wanted.
            let _ = gauge.remove_label_values(labels);
        }
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn add<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// Every metric as (name, type, labels, meaning), in the order of the tables.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str, String, &'static str)> {
    let kinds = [(COUNTERS, "counter"), (GAUGES, "gauge"), (HISTOGRAMS, "histogram")];
    kinds.into_iter().flat_map(|(table, kind)| {
        table.iter().map(move |(name, labels, help)| (*name, kind, labels.join(", "), *help))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn figures() -> ObjectFigures {
        ObjectFigures {
            state: Some(State::Running),
            processed: Some(1.0),
            expected: Some(2.0),
            last_progress: Some(3.0),
            next_attempt: Some(4.0),
        }
    }

    #[test]
    fn an_object_has_six_series_and_they_go_with_it() {
        let metrics = Metrics::new().unwrap();
        metrics.show_object("u1", "ns", "one", &figures());
        let series = |text: &str| text.lines().filter(|l| l.starts_with("backfill_object")).count();
        assert_eq!(series(&metrics.render().unwrap()), 6);
        let resting = ObjectFigures { state: Some(State::Suspended), ..ObjectFigures::default() };
        metrics.show_object("u1", "ns", "one", &resting);
        assert_eq!(series(&metrics.render().unwrap()), 2, "absent figures have no series");
        metrics.show_object("u2", "ns", "one", &figures());
        metrics.retain_objects(&["u2".to_owned()]);
        assert_eq!(series(&metrics.render().unwrap()), 6, "a recreated object keeps its series");
        metrics.retain_objects(&[]);
        assert_eq!(series(&metrics.render().unwrap()), 0);
    }

    #[test]
    fn names_follow_the_conventions() {
        for (name, kind, _, help) in catalogue() {
            assert!(name.starts_with("backfill_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }
}
