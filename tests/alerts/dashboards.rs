//! The Grafana dashboards, and the queries that runbooks show: each is a query, and reads what
//! there is. Must not judge how they look.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use testbed::{assets, chart};

use super::{OF_TARGETS, exported, files, list, promql, promtool, reads_what_there_is, root, text};

const DASHBOARDS: &str = "deploy/grafana";

/// A dashboard's file with what is in it.
fn dashboards() -> Vec<(String, Value)> {
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    };
    files(DASHBOARDS, ".json").iter().map(read).collect()
}

/// What Grafana puts in place of its variables.
fn filled(query: &str) -> String {
    query.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$job", ".*")
}

/// Fails unless promtool can read each of these queries.
fn parse(queries: &[String]) {
    let mut rules = String::from("groups:\n- name: queries\n  rules:\n");
    for (at, query) in queries.iter().enumerate() {
        writeln!(rules, "  - record: query:{at}\n    expr: {}", json!(query)).unwrap();
    }
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), rules).unwrap();
    promtool(&["check", "rules", "--lint=none"], &[file.path().to_owned()]);
}

/// The labels that a legend names in `{{…}}`.
fn legend_labels(legend: &str) -> BTreeSet<String> {
    let parts = legend.split("{{").skip(1);
    parts.map(|part| part.split("}}").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn every_panel_asks_for_what_the_operator_exports() {
    let mut queries = Vec::new();
    for (file, dashboard) in dashboards() {
        let mut ids = BTreeSet::new();
        for panel in list(&dashboard["panels"]) {
            let title = format!("{file}: {}", text(&panel, "title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has another's id");
            let targets = list(&panel["targets"]);
            assert!(!targets.is_empty() || panel["type"] == "row", "{title} asks for nothing");
            for target in targets {
                let query = filled(text(&target, "expr"));
                assert!(!query.contains('$'), "{title} has a variable that nothing fills: {query}");
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
                reads_what_there_is(&title, &query);
                let used = promql::used(&query);
                // What is aggregated keeps only the labels that it names.
                let own = used.metrics.iter().flat_map(|metric| exported()[metric].clone());
                let kept: BTreeSet<_> = if query.contains(" by (") {
                    used.labels
                } else {
                    own.chain(OF_TARGETS.map(str::to_owned)).collect()
                };
                let named = legend_labels(target["legendFormat"].as_str().unwrap_or_default());
                assert!(named.is_subset(&kept), "{title}: {named:?} are not in {kept:?}");
                queries.push(query);
            }
        }
        for variable in list(&dashboard["templating"]["list"]) {
            let query = text(&variable, "query");
            let Some(inner) = query.strip_prefix("label_values(") else { continue };
            let (metric, label) = inner.trim_end_matches(')').split_once(", ").unwrap();
            let known = exported();
            let has = known.get(metric).is_some_and(|labels| labels.contains(&label.to_owned()));
            let has = has || known.contains_key(metric) && OF_TARGETS.contains(&label);
            assert!(has, "{file}: {metric} has no label {label}");
        }
    }
    assert!(queries.len() >= 20, "{} queries", queries.len());
    parse(&queries);
}

#[test]
fn every_query_of_a_runbook_reads_what_there_is() {
    let mut queries = Vec::new();
    for page in files("docs/runbooks", ".md") {
        let shown = std::fs::read_to_string(&page).unwrap();
        for block in shown.split("```promql\n").skip(1) {
            let query = block.split("```").next().unwrap().trim().to_owned();
            reads_what_there_is(&page.display().to_string(), &query);
            queries.push(query);
        }
    }
    assert!(queries.len() >= 6, "{queries:?}");
    parse(&queries);
}

#[test]
fn the_chart_installs_the_same_dashboards() {
    let mut helm = Command::new(assets::helm().unwrap());
    helm.args(["template", "rel", chart::CHART, "--set", "database.existingSecret=database"]);
    helm.args(["--set", "metrics.dashboards.enabled=true"]).current_dir(root());
    let output = helm.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let objects = serde_yaml_ng::Deserializer::from_str(&rendered);
    let objects = objects.map(|object| Value::deserialize(object).unwrap());
    let maps = objects.filter(|object| object["kind"] == "ConfigMap");
    let installed: Vec<(String, Value)> = maps
        .filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1")
        .flat_map(|map| map["data"].as_object().unwrap().clone())
        .map(|(name, text)| (name, serde_json::from_str(text.as_str().unwrap()).unwrap()))
        .collect();
    assert_eq!(installed, dashboards());
}
