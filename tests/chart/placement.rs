//! Where pods may run: the operator's, and the one that migrates.

use serde_json::{Value, json};

use super::rendered;
use super::values::WHOLE;

/// The pod of the object of this kind, where one value is set.
fn pod(kind: &str, name: &str, value: &Value) -> Value {
    let set = format!("{name}={value}");
    let objects = rendered(&[&WHOLE[..], &["--set-json", &set]].concat()).unwrap();
    let mut object = objects.into_iter().find(|object| object["kind"] == kind).unwrap();
    object["spec"]["template"]["spec"].take()
}

#[test]
fn a_spread_constraint_keeps_a_selector_of_its_own_as_it_is() {
    let operator = json!({"matchLabels": {
        "app.kubernetes.io/name": "backfill-operator", "app.kubernetes.io/instance": "rel",
        "app.kubernetes.io/component": "operator"}});
    let team = json!({"matchLabels": {"team": "data"}});
    let every_pod = json!({});
    let cases = [(None, &operator), (Some(&team), &team), (Some(&every_pod), &every_pod)];
    for (given, expected) in cases {
        let mut constraint = json!({"maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule"});
        if let Some(selector) = given {
            constraint["labelSelector"] = selector.clone();
        }
        let pod = pod("Deployment", "topologySpreadConstraints", &json!([constraint]));
        assert_eq!(pod["topologySpreadConstraints"][0]["labelSelector"], *expected);
    }
}

#[test]
fn the_migration_runs_on_nodes_on_which_the_operator_may() {
    let node = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}});
    let apart = json!({"requiredDuringSchedulingIgnoredDuringExecution": [{
        "topologyKey": "zone", "labelSelector": {"matchLabels": {"team": "data"}}}]});
    let both = json!({"nodeAffinity": node, "podAntiAffinity": apart});
    assert_eq!(pod("Deployment", "affinity", &both)["affinity"], both);
    // Which pods it must not be beside is said of the operator alone.
    assert_eq!(pod("Job", "affinity", &both)["affinity"], json!({"nodeAffinity": node}));
    let pods_only = json!({"podAntiAffinity": apart});
    assert_eq!(pod("Job", "affinity", &pods_only)["affinity"], Value::Null);
}
