//! Every metric the operator exposes, registered from the one table that also documents them.
//!
//! One own registry, no global state. It must not know when a figure changes.

mod table;

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use backfill_api::Reason;
use backfill_api::conditions::State;
use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

pub use table::*;

/// The figures of one object; absent ones have no series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectFigures {
    pub state: Option<State>,
    pub reason: Option<Reason>,
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
    /// Which object has series, by uid, so that they go with the object.
    objects: Mutex<HashMap<String, ObjectLabels>>,
}

/// The labels under which an object is shown.
#[derive(Clone, Debug, PartialEq)]
struct ObjectLabels {
    namespace: String,
    name: String,
    /// Why it is stalled, else empty.
    stalled_by: &'static str,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let mut counters = HashMap::new();
        for Counter(Row { name, labels, help }) in COUNTERS {
            let counter = IntCounterVec::new(Opts::new(*name, *help), labels)?;
            counters.insert(*name, add(&registry, counter)?);
        }
        let mut gauges = HashMap::new();
        for Gauge(Row { name, labels, help }) in GAUGES {
            gauges.insert(*name, add(&registry, GaugeVec::new(Opts::new(*name, *help), labels)?)?);
        }
        let mut histograms = HashMap::new();
        for Histogram(Row { name, labels, help }) in HISTOGRAMS {
            let options = HistogramOpts::new(*name, *help).buckets(BUCKETS.to_vec());
            histograms.insert(*name, add(&registry, HistogramVec::new(options, labels)?)?);
        }
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let metrics = Self { registry, counters, gauges, histograms, objects: Mutex::default() };
        metrics.set(VERSION, &[env!("CARGO_PKG_VERSION")], 1.0);
        metrics.set(RUNS_ACTIVE, &[], 0.0);
        metrics.show_zeros();
        Ok(metrics)
    }

    /// Shows each counter whose labels are known beforehand before it has counted anything.
    fn show_zeros(&self) {
        for counter in COUNTERS.iter().filter(|counter| counter.0.labels.is_empty()) {
            self.count(*counter, &[], 0);
        }
        for (counter, values) in KNOWN_VALUES {
            for value in *values {
                self.count(*counter, &[value], 0);
            }
        }
        for reason in Reason::ALL.iter().filter(|reason| reason.disposition().is_some()) {
            self.count(FAILURES, &[reason.as_str()], 0);
        }
    }

    /// Adds `by` to `counter`.
    pub fn count(&self, counter: Counter, labels: &[&str], by: i64) {
        if let (Some(counter), Ok(by)) = (self.counters.get(counter.0.name), u64::try_from(by)) {
            counter.with_label_values(labels).inc_by(by);
        }
    }

    /// Sets `gauge`.
    pub fn set(&self, gauge: Gauge, labels: &[&str], value: f64) {
        if let Some(gauge) = self.gauges.get(gauge.0.name) {
            gauge.with_label_values(labels).set(value);
        }
    }

    /// Adds `by` to `gauge`.
    pub fn add(&self, gauge: Gauge, labels: &[&str], by: f64) {
        if let Some(gauge) = self.gauges.get(gauge.0.name) {
            gauge.with_label_values(labels).add(by);
        }
    }

    /// Puts `seconds` into `histogram`.
    pub fn observe(&self, histogram: Histogram, labels: &[&str], seconds: f64) {
        if let Some(histogram) = self.histograms.get(histogram.0.name) {
            histogram.with_label_values(labels).observe(seconds);
        }
    }

    /// Sets the six series of an object.
    pub fn show_object(&self, uid: &str, namespace: &str, name: &str, figures: &ObjectFigures) {
        let stalls = figures.state == Some(State::Stalled);
        let reason = figures.reason.filter(|_| stalls).map_or("", Reason::as_str);
        let labels = ObjectLabels {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            stalled_by: reason,
        };
        if let Ok(mut objects) = self.objects.lock() {
            let before = objects.insert(uid.to_owned(), labels);
            if let Some(before) = before.filter(|before| before.stalled_by != reason) {
                self.remove(OBJECT_STALLED, &[namespace, name, before.stalled_by]);
            }
        }
        // Rows that go with a deleted object are no history to fetch.
        let rests = figures.reason == Some(Reason::Deleting);
        let active = figures.state.map(|state| {
            let done = state.is_at_rest();
            f64::from(!done && !rests)
        });
        let stalled = figures.state.map(|_| f64::from(stalls));
        self.set_or_remove(OBJECT_STALLED, &[namespace, name, reason], stalled);
        let series = [
            (OBJECT_ACTIVE, active),
            (OBJECT_PROCESSED, figures.processed),
            (OBJECT_EXPECTED, figures.expected),
            (OBJECT_LAST_PROGRESS, figures.last_progress),
            (OBJECT_NEXT_ATTEMPT, figures.next_attempt),
        ];
        for (gauge, value) in series {
            self.set_or_remove(gauge, &[namespace, name], value);
        }
    }

    /// Shows that an object gets on although no chunk of it is stored.
    pub fn show_progress(&self, uid: &str, at: Timestamp) {
        let Ok(objects) = self.objects.lock() else { return };
        let Some(ObjectLabels { namespace, name, .. }) = objects.get(uid) else { return };
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
        let at = at.as_second() as f64;
        self.set(OBJECT_LAST_PROGRESS, &[namespace, name], at);
    }

    /// Removes the series of every object whose uid is not among `living`.
    pub fn retain_objects(&self, living: &HashSet<String>) {
        let Ok(objects) = self.objects.lock() else { return };
        let gone: Vec<String> =
            objects.keys().filter(|uid| !living.contains(*uid)).cloned().collect();
        drop(objects);
        for uid in gone {
            self.forget_object(&uid);
        }
    }

    /// Removes the series of an object: it is gone, or another instance's to show.
    pub fn forget_object(&self, uid: &str) {
        let Ok(mut objects) = self.objects.lock() else { return };
        let Some(ObjectLabels { namespace, name, stalled_by }) = objects.remove(uid) else {
            return;
        };
        // A recreated object has the same name; its series are not the old one's to remove.
        let heir = objects.values().find(|it| (&it.namespace, &it.name) == (&namespace, &name));
        if heir.is_none_or(|heir| heir.stalled_by != stalled_by) {
            self.remove(OBJECT_STALLED, &[&namespace, &name, stalled_by]);
        }
        if heir.is_some() {
            return;
        }
        for gauge in GAUGES.iter().filter(|gauge| gauge.0.labels == OBJECT) {
            self.remove(*gauge, &[&namespace, &name]);
        }
    }

    fn set_or_remove(&self, gauge: Gauge, labels: &[&str], value: Option<f64>) {
        match value {
            Some(value) => self.set(gauge, labels, value),
            None => self.remove(gauge, labels),
        }
    }

    fn remove(&self, gauge: Gauge, labels: &[&str]) {
        if let Some(gauge) = self.gauges.get(gauge.0.name) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn figures() -> ObjectFigures {
        ObjectFigures {
            state: Some(State::Running),
            reason: Some(Reason::Walking),
            processed: Some(1.0),
            expected: Some(2.0),
            last_progress: Some(3.0),
            next_attempt: Some(4.0),
        }
    }

    /// The lines of objects in what would be scraped.
    fn series(metrics: &Metrics) -> Vec<String> {
        let text = metrics.render().unwrap();
        text.lines().filter(|l| l.starts_with("backfill_object")).map(str::to_owned).collect()
    }

    #[test]
    fn an_object_has_six_series_and_they_go_with_it() {
        let metrics = Metrics::new().unwrap();
        metrics.show_object("u1", "ns", "one", &figures());
        assert_eq!(series(&metrics).len(), 6);
        let resting = ObjectFigures { state: Some(State::Suspended), ..ObjectFigures::default() };
        metrics.show_object("u1", "ns", "one", &resting);
        assert_eq!(series(&metrics).len(), 2, "absent figures have no series");
        metrics.show_object("u2", "ns", "one", &figures());
        metrics.retain_objects(&["u2".to_owned()].into());
        assert_eq!(series(&metrics).len(), 6, "a recreated object keeps its series");
        metrics.retain_objects(&HashSet::new());
        assert_eq!(series(&metrics), [""; 0]);
    }

    #[test]
    fn what_stalls_says_why_in_one_series() {
        let metrics = Metrics::new().unwrap();
        let stalled_by = |reason| ObjectFigures {
            state: Some(State::Stalled),
            reason: Some(reason),
            ..ObjectFigures::default()
        };
        let shown = || {
            let mut found = series(&metrics);
            found.retain(|line| line.starts_with("backfill_object_stalled"));
            found
        };
        let line = |reason: &str, value: u8| {
            format!(
                "backfill_object_stalled{{name=\"one\",namespace=\"ns\",reason=\"{reason}\"}} {value}"
            )
        };
        metrics.show_object("u1", "ns", "one", &figures());
        assert_eq!(shown(), [line("", 0)]);
        for reason in [Reason::CircuitOpen, Reason::CredentialsInvalid] {
            metrics.show_object("u1", "ns", "one", &stalled_by(reason));
            assert_eq!(shown(), [line(reason.as_str(), 1)]);
        }
        // What was stalled is deleted, and made anew under its name before anybody noticed.
        metrics.show_object("u2", "ns", "one", &figures());
        metrics.forget_object("u1");
        assert_eq!(shown(), [line("", 0)]);
        metrics.forget_object("u2");
        assert_eq!(shown(), [""; 0]);
    }

    #[test]
    fn nobody_waits_for_what_goes() {
        let metrics = Metrics::new().unwrap();
        let deleting = ObjectFigures { reason: Some(Reason::Deleting), ..figures() };
        metrics.show_object("u1", "ns", "one", &deleting);
        let active = "backfill_object_active{name=\"one\",namespace=\"ns\"} 0";
        assert!(series(&metrics).iter().any(|line| line == active));
    }

    #[test]
    fn a_long_verification_is_progress() {
        let metrics = Metrics::new().unwrap();
        metrics.show_progress("u1", Timestamp::UNIX_EPOCH);
        assert_eq!(series(&metrics), [""; 0], "of an object that is not shown nothing is");
        metrics.show_object("u1", "ns", "one", &figures());
        metrics.show_progress("u1", "1970-01-01T00:01:00Z".parse().unwrap());
        let name = "backfill_object_last_progress_timestamp_seconds";
        let line = format!("{name}{{name=\"one\",namespace=\"ns\"}} 60");
        assert!(series(&metrics).contains(&line));
    }

    #[test]
    fn a_counter_is_there_before_it_counts() {
        let text = Metrics::new().unwrap().render().unwrap();
        for series in [
            "backfill_panics_total 0",
            "backfill_failures_total{reason=\"StoreUnavailable\"} 0",
            "backfill_chunks_total{result=\"failed\"} 0",
        ] {
            assert!(text.lines().any(|line| line == series), "{series}");
        }
    }
}
