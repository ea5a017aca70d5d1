//! Names that are made of the release's: however long it is, each is one that can be given.

use super::refusals::refused;
use super::{DATABASE, chart, helm};

#[test]
fn a_name_that_is_cut_is_still_a_name() {
    let long = "a".repeat(51);
    let dotted = format!("{long}.b");
    let whole = "b".repeat(52);
    let given = format!("fullnameOverride={whole}");
    for (release, more, expected) in [
        ("rel", "replicas=1", "rel-backfill-operator"),
        ("backfill-operator", "replicas=1", "backfill-operator"),
        (dotted.as_str(), "replicas=1", long.as_str()),
        (dotted.as_str(), "nameOverride=a", long.as_str()),
        ("rel", given.as_str(), whole.as_str()),
    ] {
        let args = ["template", release, chart::CHART, "--set", DATABASE, "--set", more];
        let said = helm(&[&args[..], &["--show-only", "templates/deployment.yaml"]].concat());
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let text = String::from_utf8(said.stdout).unwrap();
        let deployment: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
        assert_eq!(deployment["metadata"]["name"], *expected, "{release} {more}");
    }
}

#[test]
fn a_name_that_is_given_is_not_cut() {
    let longer = format!("fullnameOverride={}", "b".repeat(53));
    refused(&[(&longer, "'/fullnameOverride': maxLength: got 53, want 52")]);
}
