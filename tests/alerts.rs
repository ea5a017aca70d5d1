//! The alerts: promtool takes them, each fires when it must and is silent when it must not, each
//! has a runbook, and all of them read what the operator really serves.
//!
//! Must not judge thresholds: what they come to is in the scenarios of `deploy/alerts/tests`.

mod commands;
mod dashboards;
mod live;
mod promql;
mod runbooks;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use backfill_api::{Disposition, Reason};
use serde::Deserialize;
use serde_json::Value;
use testbed::{assets, chart, clone};

/// Where rules and their scenarios are, from the root.
const ALERTS: &str = "deploy/alerts";
/// Labels that Prometheus puts on what it scrapes.
const OF_TARGETS: [&str; 5] = ["cluster", "namespace", "pod", "job", "instance"];

fn root() -> PathBuf {
    clone::root().unwrap()
}

/// The files in `folder` whose names end so.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no {end}");
    found
}

fn yaml(path: &PathBuf) -> Value {
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every rule there is.
fn rules() -> Vec<Value> {
    let files = files(ALERTS, ".rules.yaml");
    let groups = files.iter().flat_map(|file| list(&yaml(file)["groups"]));
    let rules: Vec<_> = groups.flat_map(|group| list(&group["rules"])).collect();
    assert!(rules.len() >= 14, "{} rules", rules.len());
    rules
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// What promtool prints; it must be content.
fn promtool(args: &[&str], files: &[PathBuf]) -> String {
    let mut promtool = Command::new(assets::promtool().unwrap());
    let output = promtool.args(args).args(files).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    said
}

/// Every metric with its labels, from the reference, which another test holds against the code.
fn exported() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let mut found = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let mut labels: Vec<_> = cells[3].split(", ").map(str::to_owned).collect();
        if cells[2] == "histogram" {
            for part in ["_bucket", "_sum", "_count"] {
                let with_le = [&labels[..], &["le".to_owned()]].concat();
                found.insert(format!("{name}{part}"), with_le);
            }
        } else {
            labels.retain(|label| !label.is_empty());
            found.insert(name, labels);
        }
    }
    assert!(found.len() > 25, "{found:?}");
    // Prometheus' own, and those of the process itself, by the library.
    found.insert("up".to_owned(), Vec::new());
    for name in ["start_time_seconds", "resident_memory_bytes", "cpu_seconds_total"] {
        found.insert(format!("process_{name}"), Vec::new());
    }
    found
}

/// Fails unless a query reads metrics that there are, by labels that they have.
fn reads_what_there_is(source: &str, query: &str) {
    let exported = exported();
    let used = promql::used(query);
    assert!(!used.metrics.is_empty(), "{source} reads nothing: {query}");
    let mut labels: BTreeSet<_> = OF_TARGETS.iter().map(|label| (*label).to_owned()).collect();
    for metric in &used.metrics {
        let own = exported.get(metric);
        labels.extend(own.unwrap_or_else(|| panic!("{source}: {metric} is not exported")).clone());
    }
    for label in &used.labels {
        assert!(labels.contains(label), "{source}: nothing it reads has the label {label}");
    }
}

#[test]
fn promtool_takes_the_rules_and_every_scenario_ends_as_it_says() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &files(ALERTS, ".rules.yaml"));
    promtool(&["test", "rules"], &files(&format!("{ALERTS}/tests"), ".test.yaml"));
}

#[test]
fn every_rule_has_a_scenario_that_fires_and_one_that_does_not() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in files(&format!("{ALERTS}/tests"), ".test.yaml") {
        for scenario in list(&yaml(&file)["tests"]) {
            for check in list(&scenario["alert_rule_test"]) {
                let alert = text(&check, "alertname").to_owned();
                let expects = !list(&check["exp_alerts"]).is_empty();
                // A check that comes before the alert's time proves nothing of the scenario.
                let name = text(&scenario, "name");
                match (expects, name.split_once(':').map(|(word, _)| word)) {
                    (true, Some("fires")) => {
                        fires.insert(alert);
                    }
                    (false, Some("stays silent")) => {
                        silent.insert(alert);
                    }
                    (false, Some("fires")) => {}
                    _ => panic!("{}: {name} says one thing and expects another", file.display()),
                }
            }
        }
    }
    for rule in rules() {
        let alert = text(&rule, "alert");
        assert!(fires.contains(alert) && silent.contains(alert), "{alert} lacks a scenario");
    }
}

#[test]
fn every_rule_reads_what_the_operator_exports() {
    for rule in rules() {
        reads_what_there_is(text(&rule, "alert"), text(&rule, "expr"));
    }
}

#[test]
fn no_rule_takes_several_operators_for_one() {
    for rule in rules() {
        let (alert, expr) = (text(&rule, "alert"), text(&rule, "expr"));
        for whole in ["sum(", "max(", "min(", "count("] {
            assert!(!expr.contains(whole), "{alert} has {whole} of all operators");
        }
        for labels in expr.split(" by (").skip(1) {
            assert!(labels.starts_with("cluster, "), "{alert} forgets clusters in by ({labels}");
        }
        for labels in expr.split(" on (").skip(1).filter(|labels| !labels.starts_with(')')) {
            assert!(labels.starts_with("cluster, "), "{alert} forgets clusters in on ({labels}");
        }
    }
}

#[test]
fn every_fault_that_no_author_can_mend_counts_as_an_error() {
    let rules = rules();
    let expr = |alert: &str| {
        let rule = rules.iter().find(|rule| rule["alert"] == alert).unwrap();
        let (_, rest) = text(rule, "expr").split_once("reason=~\"").unwrap();
        let words = rest.split_once('"').unwrap().0.split('|');
        words.map(|word| word.parse().unwrap()).collect::<BTreeSet<Reason>>()
    };
    let mendable = |reason: &&Reason| {
        reason.disposition().is_some_and(|disposition| disposition != Disposition::UserFix)
    };
    let faults: BTreeSet<_> = Reason::ALL.iter().filter(mendable).copied().collect();
    assert_eq!(expr("BackfillReconcileErrors"), faults);
    for reason in expr("BackfillGitHubAuthFailing") {
        assert_eq!(reason.disposition(), Some(Disposition::UserFix), "{reason}");
    }
}

#[test]
fn the_chart_installs_the_same_rules() {
    let mut helm = Command::new(assets::helm().unwrap());
    helm.args(["template", "rel", chart::CHART, "--set", "database.existingSecret=database"]);
    helm.args(["--set", "metrics.prometheusRule.enabled=true"]);
    helm.args(["--api-versions", "monitoring.coreos.com/v1"]).current_dir(root());
    let output = helm.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let objects = serde_yaml_ng::Deserializer::from_str(&rendered);
    let objects = objects.map(|object| Value::deserialize(object).unwrap());
    let made = objects.filter(|object| object["kind"] == "PrometheusRule");
    let groups: Vec<_> = made.flat_map(|object| list(&object["spec"]["groups"])).collect();
    let files = files(ALERTS, ".rules.yaml");
    let source: Vec<_> = files.iter().flat_map(|file| list(&yaml(file)["groups"])).collect();
    assert_eq!(groups, source);
}
