//! What the documents say is so: manifests are taken, queries answered, links lead somewhere,
//! commands, files and tests exist, and generated files are those of this version.
//!
//! It must not judge wording.

mod commands;
mod install;
mod links;
mod powers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use backfill_api::{Disposition, Reason};
use sqlx::{Connection, PgConnection};
use testbed::Cluster;

/// Every document that git knows, as (path from the root, text).
fn documents() -> Vec<(String, String)> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]);
    let output = git.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git ls-files: {}", output.status);
    let paths = String::from_utf8(output.stdout).unwrap();
    let read =
        |path: &str| Some((path.to_owned(), std::fs::read_to_string(root().join(path)).ok()?));
    let documents: Vec<_> = paths.lines().filter_map(read).collect();
    for expected in ["README.md", "SECURITY.md", "CONTRIBUTING.md", "docs/reference/fields.md"] {
        assert!(documents.iter().any(|(path, _)| path == expected), "there is no {expected}");
    }
    documents
}

/// The code blocks of `language` in all documents, as (document, block).
pub fn blocks(language: &str) -> Vec<(String, String)> {
    let fence = format!("```{language}\n");
    let of = |(path, text): (String, String)| {
        let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split_once("```"));
        blocks.map(|(block, _)| (path.clone(), block.to_owned())).collect::<Vec<_>>()
    };
    documents().into_iter().flat_map(of).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn operator() -> Command {
    let mut operator = Command::new(env!("CARGO_BIN_EXE_backfill-operator"));
    operator.env_clear();
    operator
}

/// What the operator's binary prints when called so.
fn printed(args: &[&str]) -> String {
    let output = operator().args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// API groups of others, whose kinds a bare API server does not know.
const FOREIGN_KINDS: [&str; 7] = [
    "argoproj.io/",
    "cert-manager.io/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.config.k8s.io/",
    "kustomize.toolkit.fluxcd.io/",
    "source.toolkit.fluxcd.io/",
    "monitoring.coreos.com/",
];

#[tokio::test]
async fn every_manifest_that_people_are_shown_is_taken() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    // What is no manifest (values of a chart, a part of one) or is of a kind that this cluster has
    // not is for whoever has it.
    let is_ours = |text: &str| {
        let version = text.lines().find_map(|line| line.strip_prefix("apiVersion: "));
        version.is_some_and(|version| !FOREIGN_KINDS.iter().any(|group| version.starts_with(group)))
    };
    let mut shown = blocks("yaml");
    shown.retain(|(_, text)| is_ours(text));
    let folders = ["examples", "examples/credentials", "examples/github"];
    let examples = folders.map(|dir| root().join(dir).read_dir().unwrap());
    for path in examples.into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            continue;
        }
        shown.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    assert!(shown.len() >= 10, "{} manifests", shown.len());
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let path = file.path().display().to_string();
    for (source, text) in shown {
        let text = text.replace("namespace: backfill-system", &format!("namespace: {namespace}"));
        std::fs::write(file.path(), &text).unwrap();
        let args = ["-n", &namespace, "apply", "--dry-run=server", "--validate=strict", "-f"];
        let taken = cluster.kubectl(&[&args[..], &[&path]].concat()).unwrap();
        let message = String::from_utf8_lossy(&taken.stderr).into_owned();
        assert!(taken.status.success(), "{source}: {message}\n{text}");
    }
}

#[tokio::test]
async fn every_query_that_people_are_shown_is_answered() {
    let cluster = Cluster::shared().await.unwrap();
    let url = cluster.create_database().await.unwrap();
    let migrated = operator().arg("migrate").env("DATABASE_URL", &url).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stdout));
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut shown = blocks("sql");
    // Roles and databases are made by another, in `install`.
    shown.retain(|(_, text)| !install::is_about_roles(text));
    assert!(shown.len() >= 9, "{} queries", shown.len());
    for (source, text) in shown {
        let answered = sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone())).execute(&mut connection);
        let answered = answered.await;
        assert!(answered.is_ok(), "{source}: {answered:?}\n{text}");
    }
}

#[test]
fn whoever_must_act_on_a_reason_is_told_how() {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, table) = text.split_once("| reason | do |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let words = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let told: BTreeSet<Reason> = words.map(|word| word.trim().parse().unwrap()).collect();
    let must_act = |reason: &&Reason| reason.disposition() == Some(Disposition::UserFix);
    for reason in Reason::ALL.iter().filter(must_act) {
        assert!(told.contains(reason), "docs/operations.md does not say what to do for {reason}");
    }
}

#[test]
fn every_guard_that_the_architecture_names_is_a_test() {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("## Invariants").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.contains("guarded by"));
    let functions = functions();
    for row in rows {
        let guards = spans(row.split('|').nth(2).unwrap());
        assert!(!guards.is_empty(), "no test guards: {row}");
        for guard in guards {
            assert!(functions.contains(&format!("fn {guard}(")), "there is no test {guard}");
        }
    }
}

/// The code spans of a text.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The first line of every function that git knows.
fn functions() -> String {
    let mut git = Command::new("git");
    git.args(["grep", "--untracked", "-hE", r"^ *(pub )?(async )?fn [a-z0-9_]+\("]);
    let output = git.args(["--", "*.rs"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git grep: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn generated_files_are_those_of_this_version() {
    for (subcommand, file) in testbed::gates::GENERATED {
        let stored = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(stored == printed(&[subcommand]), "{file} is stale; run `make generate`");
    }
}
