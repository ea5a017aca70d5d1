//! The runbooks: one for each alert, whose link leads to it. Must not judge their advice.

use std::collections::BTreeSet;

use super::{files, root, rules, text};

/// Where they are, from the root.
const RUNBOOKS: &str = "docs/runbooks";
/// What each of them has, in this order.
const HEADINGS: [&str; 4] = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"];
/// The severities that somebody is called for, or reads in the morning.
const SEVERITIES: [&str; 2] = ["critical", "warning"];

/// `5m`, `2h` in minutes.
fn minutes(duration: &str) -> u64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    number.parse::<u64>().unwrap() * if unit == "h" { 60 } else { 1 }
}

#[test]
fn every_rule_says_how_bad_it_is_and_what_to_do() {
    let index = std::fs::read_to_string(root().join(RUNBOOKS).join("README.md")).unwrap();
    let mut names = BTreeSet::new();
    for rule in rules() {
        let alert = text(&rule, "alert");
        assert!(alert.starts_with("Backfill"), "{alert}");
        assert!(names.insert(alert.to_owned()), "{alert} is there twice");
        assert!(minutes(text(&rule, "for")) >= 5, "{alert} fires at once");
        let severity = text(&rule["labels"], "severity");
        assert!(SEVERITIES.contains(&severity), "{alert}: {severity}");
        let annotations = &rule["annotations"];
        assert!(text(annotations, "summary").ends_with('.'), "{alert}");
        assert!(text(annotations, "description").len() > 80, "{alert} says too little");
        let page = format!("/{RUNBOOKS}/{alert}.md");
        assert!(text(annotations, "runbook_url").ends_with(&page), "{alert}");
        let row = format!("| [{alert}]({alert}.md) | {severity} |");
        assert!(index.contains(&row), "{RUNBOOKS}/README.md has no row {row}");
    }
}

#[test]
fn every_alert_has_a_whole_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<_> = rules().iter().map(|rule| text(rule, "alert").to_owned()).collect();
    let mut pages = BTreeSet::new();
    for file in files(RUNBOOKS, ".md") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "README" {
            continue;
        }
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page.starts_with(&format!("# {name}\n")), "{name} is not its own title");
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, HEADINGS, "{name}");
        let (_, diagnosis) = page.split_once("## Diagnosis").unwrap();
        let (diagnosis, _) = diagnosis.split_once("## Mitigation").unwrap();
        assert!(diagnosis.contains("```"), "{name} gives no command or query");
        pages.insert(name);
    }
    assert_eq!(pages, alerts);
}

#[test]
fn every_runbook_says_whose_names_its_commands_have() {
    for file in files(RUNBOOKS, ".md").iter().filter(|file| !file.ends_with("README.md")) {
        let page = std::fs::read_to_string(file).unwrap();
        let is_named = ["backfill-system", "-n team"].iter().any(|name| page.contains(name));
        let is_told = page.contains("(README.md#names-in-the-commands)");
        assert!(is_told || !is_named, "{} does not say whose names it has", file.display());
    }
}

#[test]
fn a_cause_silences_only_its_own_operator_s_alerts() {
    let page = std::fs::read_to_string(root().join(RUNBOOKS).join("README.md")).unwrap();
    let (_, shown) = page.split_once("```yaml\ninhibit_rules:").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let equal = shown.lines().filter(|line| line.trim_start().starts_with("equal:"));
    let equal: Vec<_> = equal.map(str::trim).collect();
    assert!(!equal.is_empty(), "{shown}");
    // An object's alert has the object's own namespace, a cause the operator's.
    assert!(equal.iter().all(|line| *line == "equal: [cluster, job]"), "{equal:?}");
}
