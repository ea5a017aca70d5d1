//! What kstatus and Argo CD say of objects, by their own code, held against what must be said of
//! each state. Must not know what a test is about.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use backfill_api::RepositoryBackfill;
use serde_json::{Value, json};
use testbed::{argocd, assets, clone};

use super::written::Written;

/// `data` of the argocd-cm that people are given.
pub static CONFIG_MAP: LazyLock<Value> = LazyLock::new(|| {
    let text = argocd::config_map(&clone::root().unwrap()).unwrap().text;
    let map: Value = serde_yaml_ng::from_str(&text).unwrap();
    map["data"].clone()
});

/// What the tools say of each case, a value with `object` and perhaps `action`.
pub fn of(cases: &[Value]) -> Vec<Value> {
    let asked = json!({"configMap": *CONFIG_MAP, "cases": cases});
    let answer = assets::judge(&asked).unwrap();
    let all = answer.as_array().unwrap().clone();
    assert_eq!(all.len(), cases.len(), "one verdict for each case: {answer}");
    all
}

/// What kstatus and Argo CD must say of an object: the table of the status contract.
pub fn expected(object: &Value) -> (&'static str, &'static str) {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return ("Terminating", "Progressing");
    }
    let (status, generation) = (&object["status"], &object["metadata"]["generation"]);
    let suspended = object["spec"]["suspend"] == true;
    let argo = |otherwise| if suspended { "Suspended" } else { otherwise };
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let is_true: BTreeMap<_, _> =
        conditions.map(|one| (one["type"].as_str().unwrap(), one["status"] == "True")).collect();
    let has = |type_: &str| is_true.get(type_) == Some(&true);
    match () {
        () if status["observedGeneration"] != *generation => ("InProgress", argo("Progressing")),
        () if has("Stalled") => ("Failed", argo("Degraded")),
        () if has("Ready") => ("Current", argo("Healthy")),
        () => ("InProgress", argo("Progressing")),
    }
}

/// Panics where a tool says of an object, or of a status that was written on the way, anything but
/// what it must.
pub fn check(objects: &[RepositoryBackfill], written: &[Written]) {
    let mut cases: Vec<Value> = objects.iter().map(|one| json!({"object": one})).collect();
    let mut seen = Vec::new();
    for one in written {
        let observed = one.status.observed_generation;
        let suspend = one.status.conditions.iter().any(|condition| condition.reason == "Suspended");
        let conditions = serde_json::to_value(&one.status.conditions).unwrap();
        let state = json!([conditions, observed == Some(one.generation)]);
        if seen.contains(&state) {
            continue;
        }
        seen.push(state);
        cases.push(json!({"object": {
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {"name": one.name, "generation": one.generation},
            "spec": {"suspend": suspend}, "status": one.status,
        }}));
    }
    for (case, verdict) in cases.iter().zip(of(&cases)) {
        let (kstatus, argo) = expected(&case["object"]);
        assert_eq!(verdict["kstatus"], kstatus, "kstatus of {case}");
        assert_eq!(verdict["health"], argo, "Argo CD of {case}: {verdict}");
    }
}
