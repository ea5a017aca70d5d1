//! What GitOps tools and waiting clients make of the objects: each says done when it is done, and
//! no sooner.

mod fixtures;
mod schemas;
mod scripts;
mod tools;
mod wait;

use std::path::PathBuf;

use serde::Deserialize as _;
use serde_json::Value;

/// A file of `deploy/argocd`.
fn argocd(path: &str) -> PathBuf {
    testbed::clone::root().unwrap().join("deploy/argocd").join(path)
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let all = serde_yaml_ng::Deserializer::from_str(text);
    let all = all.map(|one| Value::deserialize(one).unwrap());
    all.filter(|one| !one.is_null()).collect()
}

/// What Helm renders of the chart.
fn rendered(args: &[&str]) -> Vec<Value> {
    let start = ["template", "rel", testbed::chart::CHART, "--namespace", "backfill-system"];
    let database = ["--set", "database.existingSecret=database"];
    let output = std::process::Command::new(testbed::assets::helm().unwrap())
        .args([&start[..], &database, args].concat())
        .current_dir(testbed::clone::root().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8(output.stdout).unwrap())
}
