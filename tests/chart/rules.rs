//! The alerts as the chart installs them: which are left out, and what labels they may be given.

use std::collections::BTreeSet;

use serde_json::Value;
use testbed::clone;

use super::refusals::refused;
use super::{DATABASE, rendered};

#[test]
fn alerts_can_be_left_out_by_name_and_carry_further_labels() {
    let alerts = |more: &[&str]| {
        let on = ["--set", DATABASE, "--set", "metrics.prometheusRule.enabled=true"];
        let api = ["--api-versions", "monitoring.coreos.com/v1"];
        let objects = rendered(&[&on[..], &api, more].concat())?;
        let rule = objects.into_iter().find(|one| one["kind"] == "PrometheusRule").unwrap();
        let groups = rule["spec"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        Ok::<_, String>(rules.collect::<Vec<Value>>())
    };
    let all = alerts(&[]).unwrap();
    let fewer = alerts(&[
        "--set",
        "metrics.prometheusRule.disabled={BackfillStarved}",
        "--set",
        "metrics.prometheusRule.alertLabels.team=data",
    ]);
    let fewer = fewer.unwrap();
    let others: Vec<_> = all.iter().filter(|rule| rule["alert"] != "BackfillStarved").collect();
    assert_eq!((others.len(), fewer.len()), (all.len() - 1, all.len() - 1));
    for (rule, was) in fewer.iter().zip(others) {
        assert_eq!((&rule["alert"], &rule["expr"]), (&was["alert"], &was["expr"]));
        assert_eq!(rule["labels"]["severity"], was["labels"]["severity"]);
        assert_eq!(rule["labels"]["team"], "data");
    }
    let unknown = alerts(&["--set", "metrics.prometheusRule.disabled={BackfillNothing}"]);
    assert!(unknown.unwrap_err().contains("BackfillNothing, which is no alert"));
}

/// Two alerts whose labels become the same are an error to Prometheus, which then raises neither.
/// One `cluster` for all is what a Prometheus of one cluster may want.
#[test]
fn no_further_label_makes_two_alerts_the_same() {
    let file = clone::root().unwrap().join("deploy/alerts/backfill.rules.yaml");
    let rules = std::fs::read_to_string(file).unwrap();
    let lists = rules.split(" by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    let labels: BTreeSet<_> = lists.flat_map(|list| list.split(", ")).collect();
    assert!(["cluster", "namespace", "job", "name"].iter().all(|one| labels.contains(one)));
    for label in labels.into_iter().filter(|label| *label != "cluster") {
        let value = format!("metrics.prometheusRule.alertLabels.{label}=x");
        refused(&[(&value, &format!("alertLabels must not have {label}"))]);
    }
}
