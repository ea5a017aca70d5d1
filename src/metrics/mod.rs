//! Every metric the operator exposes, registered from the one table that also documents them.
//!
//! One own registry, no global state. It must not know when a figure changes.

mod table;

use std::collections::HashMap;
use std::sync::Mutex;

use backfill_api::conditions::State;
use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

pub use table::catalogue;
use table::{BUCKETS, COUNTERS, GAUGES, HISTOGRAMS, OBJECT};

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
}
