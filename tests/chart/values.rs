//! Values that are not there: those that an earlier chart did not have yet, those that somebody
//! sets to null, and those that a variable would set around the chart.

use std::collections::BTreeSet;
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

/// Each flag of the operator that a variable can give, with it, from the reference.
fn flags() -> Vec<(String, String)> {
    let file = clone::root().unwrap().join("docs/reference/flags.md");
    let page = std::fs::read_to_string(file).unwrap();
    let (_, rest) = page.split_once("\n## operator\n").unwrap();
    let rows = rest.split("\n## ").next().unwrap().lines();
    let cells = rows.filter_map(|row| row.strip_prefix("| `--")?.split_once("` | `"));
    let named = cells.map(|(flag, rest)| {
        let (variable, _) = rest.split_once('`').unwrap();
        (format!("--{flag}"), variable.to_owned())
    });
    named.collect()
}

/// What each template says for a container, line by line.
fn template_lines() -> Vec<String> {
    let folder = clone::root().unwrap().join(chart::CHART).join("templates");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|file| std::fs::read_to_string(file).unwrap());
    texts
        .flat_map(|text| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn extra_env_goes_around_no_value() {
    let lines = template_lines();
    let is_variable = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let names = lines.iter().filter_map(|line| line.strip_prefix("- name: "));
    let mut set: BTreeSet<String> =
        names.filter(|name| is_variable(name)).map(str::to_owned).collect();
    for (flag, variable) in flags() {
        let given = format!("- {flag}");
        if lines.iter().any(|line| line.split('=').next() == Some(given.as_str())) {
            set.insert(variable);
        }
    }
    assert!(["RUST_LOG", "MIGRATE", "RUN_SECONDS"].iter().all(|one| set.contains(*one)), "{set:?}");
    let file = clone::root().unwrap().join(chart::CHART).join("values.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let list = &schema["properties"]["extraEnv"]["items"]["if"]["properties"]["name"]["enum"];
    let listed = list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), set, "what extraEnv refuses, and what is set");
}
