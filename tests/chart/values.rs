//! Values that are not there, such as those that an earlier chart did not have yet.

use std::path::Path;
use std::process::Command;

use testbed::{chart, clone};

use super::{DATABASE, rendered, rendered_of};

/// The values of an earlier chart.
const EARLIER: &str = "tests/chart/earlier-values.yaml";
/// With these every template renders something.
const WHOLE: [&str; 12] = [
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
    let reused = rendered_of(&chart, &WHOLE).unwrap();
    assert_eq!(reused, rendered(&WHOLE).unwrap());
}
