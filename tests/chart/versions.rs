//! What is published together has one version, and what differs from a published one another.

use std::path::Path;
use std::process::Command;

use testbed::clone;

/// What `git` prints; nothing where it fails, as without a tag.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    let output = Command::new("git").current_dir(dir).args(who).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.trim().to_owned())
}

/// A field of the chart at the top of its file.
fn field<'t>(chart: &'t str, name: &str) -> &'t str {
    let line = chart.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap()
}

fn chart(root: &Path) -> String {
    std::fs::read_to_string(root.join("charts/backfill-operator/Chart.yaml")).unwrap()
}

/// The numbers of a version as they are compared.
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap()).collect()
}

/// What differs from the version that was tagged last, under a version that is no later one.
fn unbumped(root: &Path) -> Option<String> {
    let tag = git(root, &["describe", "--tags", "--abbrev=0", "--match=v[0-9]*"])?;
    let changed = git(root, &["diff", "--name-only", &tag, "--", "charts", "crds"]).unwrap();
    let is_later = numbers(field(&chart(root), "version")) > numbers(tag.trim_start_matches('v'));
    (!changed.is_empty() && !is_later).then_some(changed)
}

#[test]
fn the_chart_its_image_and_the_operator_have_one_version() {
    let root = clone::root().unwrap();
    let chart = chart(&root);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((field(&chart, "version"), field(&chart, "appVersion")), (version, version));
    assert!(chart.contains(&format!("      image: backfill-operator:{version}\n")));
    let changes = std::fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    assert!(changes.contains(&format!("\n## {version} - ")), "the changelog lacks {version}");
}

#[test]
fn a_chart_that_differs_from_a_published_one_has_a_later_version() {
    assert_eq!(unbumped(&clone::root().unwrap()), None);

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("charts/backfill-operator");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |version: &str, values: &str| {
        std::fs::write(folder.join("Chart.yaml"), format!("version: {version}\n")).unwrap();
        std::fs::write(folder.join("values.yaml"), values).unwrap();
    };
    let run = |args: &[&str]| git(dir.path(), args).unwrap();
    write("0.9.0", "a: 1\n");
    run(&["init", "--quiet"]);
    run(&["add", "."]);
    run(&["commit", "--quiet", "--message", "first"]);
    assert_eq!(unbumped(dir.path()), None, "nothing was published yet");
    run(&["tag", "v0.9.0"]);
    assert_eq!(unbumped(dir.path()), None);
    write("0.9.0", "a: 2\n");
    let values = "charts/backfill-operator/values.yaml";
    assert_eq!(unbumped(dir.path()).as_deref(), Some(values));
    write("0.8.9", "a: 2\n");
    assert!(unbumped(dir.path()).is_some());
    write("0.10.0", "a: 2\n");
    assert_eq!(unbumped(dir.path()), None);
}
