//! Values that are not there: those that an earlier chart did not have yet, and those that
//! somebody sets to null.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::{chart, clone};

use super::{DATABASE, kinds, rendered, rendered_of};

/// The values of an earlier chart.
const EARLIER: &str = "tests/chart/earlier-values.yaml";
/// With these every template renders something.
pub const WHOLE: [&str; 12] = [
    "--set",
    DATABASE,
    "--set",
    "networkPolicy.enabled=true",
    "--set",
    "metrics.podMonitor.enabled=true",
    "--set",
    "metrics.prometheusRule.enabled=true",
    "--set",
    "metrics.dashboards.enabled=true",
    "--api-versions",
    "monitoring.coreos.com/v1",
];
/// Below these a null takes a default away.
const MAY_GO: [&str; 3] = ["resources.", "podSecurityContext.", "metrics.dashboards.labels."];

/// This chart with other values in the place of its own.
fn with_values(values: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let chart = clone::root().unwrap().join(chart::CHART).join(".");
    let copied = Command::new("cp").arg("-R").arg(chart).arg(dir.path()).status().unwrap();
    assert!(copied.success());
    std::fs::copy(values, dir.path().join("values.yaml")).unwrap();
    dir
}

#[test]
fn an_upgrade_may_reuse_the_values_of_an_earlier_chart() {
    let earlier = with_values(&clone::root().unwrap().join(EARLIER));
    let chart = earlier.path().display().to_string();
    // The only default that has changed since.
    let log = ["--set", "operator.log=info"];
    let reused = rendered_of(&chart, &WHOLE).unwrap();
    assert_eq!(reused, rendered(&[&WHOLE[..], &log].concat()).unwrap());
}

/// The dotted path of each value, and of each object that holds some.
fn paths(values: &Value, above: &str) -> Vec<String> {
    let fields = values.as_object().into_iter().flatten();
    let each = fields.flat_map(|(name, value)| {
        let inner = paths(value, &format!("{above}{name}."));
        [vec![format!("{above}{name}")], inner].concat()
    });
    each.collect()
}

/// What a schema error says of a value that is missing.
fn missing(path: &str) -> String {
    let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
    let at = if above.is_empty() { String::new() } else { format!("/{}", above.replace('.', "/")) };
    format!("at '{at}': missing property '{name}'")
}

#[test]
fn a_null_is_refused_by_name_or_changes_nothing() {
    let file = clone::root().unwrap().join(chart::CHART).join("values.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let values: Value = serde_yaml_ng::from_str(&text).unwrap();
    let whole = rendered(&WHOLE).unwrap();
    for path in paths(&values, "") {
        let null = format!("{path}=null");
        match rendered(&[&WHOLE[..], &["--set", &null]].concat()) {
            Err(said) => assert!(said.contains(&missing(&path)), "{path}: {said}"),
            Ok(objects) if MAY_GO.iter().any(|above| path.starts_with(above)) => {
                assert_eq!(kinds(&objects), kinds(&whole), "{path}");
            }
            Ok(objects) => assert!(objects == whole, "{path} changes what is rendered"),
        }
    }
}
