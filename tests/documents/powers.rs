//! The page on security has every field of the spec and every threat, and its controls are tested.
//!
//! It must not judge whether a power is told rightly.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{functions, printed, root, spans};

/// Parts of a name by which a field could reach beyond its own namespace.
const FAR_REACHING: [&str; 7] = ["namespace", "url", "uri", "host", "endpoint", "address", "path"];

fn page() -> String {
    std::fs::read_to_string(root().join("docs/security.md")).unwrap()
}

/// The rows of the table under a heading, without its head.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    section.lines().filter(|line| line.starts_with('|')).skip(2).collect()
}

/// The paths of all fields below `schema`, from the definition that is installed.
fn fields(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields(&path, field, found);
        fields(&path, &field["items"], found);
        found.insert(path);
    }
}

fn spec_fields() -> BTreeSet<String> {
    let definition: Value = serde_yaml_ng::from_str(&printed(&["crd"])).unwrap();
    let versions = definition["spec"]["versions"].as_array().unwrap();
    let mut found = BTreeSet::new();
    for version in versions {
        let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
        fields("", spec, &mut found);
    }
    found
}

#[test]
fn every_spec_field_says_what_it_lets_its_writer_do() {
    let page = page();
    let rows = rows(&page, "What each field lets its writer do");
    let first = rows.iter().map(|row| row.split('|').nth(1).unwrap());
    let told: BTreeSet<_> = first.flat_map(spans).map(str::to_owned).collect();
    let real = spec_fields();
    assert!(real.len() > 20, "{real:?}");
    assert_eq!(told, real, "docs/security.md against the fields of the spec");
    for field in &real {
        let name = field.rsplit('.').next().unwrap().to_lowercase();
        let reaches = FAR_REACHING.iter().find(|word| name.contains(*word));
        assert_eq!(reaches, None, "{field} may reach further than docs/security.md says");
    }
}

#[test]
fn every_threat_has_a_control_that_is_tested_or_says_why_not() {
    let page = page();
    let functions = functions();
    let cargo = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut threats = Vec::new();
    for row in rows(&page, "Threats and controls") {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, number, threat, control, guards, _] = cells[..] else { panic!("{row}") };
        assert!(!threat.is_empty() && !control.is_empty(), "{row}");
        let guards_of = spans(guards);
        assert!(guards == "–" || !guards_of.is_empty(), "{number} has no guard and no dash: {row}");
        for guard in guards_of {
            let is_test = functions.contains(&format!("fn {guard}("));
            assert!(is_test || cargo.contains(guard) || guard == "Cargo.toml", "no test {guard}");
        }
        threats.push(number.to_owned());
    }
    let expected: Vec<_> = (1..=18).map(|number| format!("S{number}")).collect();
    assert_eq!(threats, expected);
}
