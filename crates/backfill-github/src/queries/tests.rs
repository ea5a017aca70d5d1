//! The text of every query that the client can build: snapshots, and the contract with GitHub.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cynic::QueryBuilder;
use sha2::{Digest, Sha256};

use super::index::{IndexPullRequests, IndexVariables};
use super::list::ListPullRequests;
use super::overflow::{Slot, Wanted, compose};
use super::pull_request::{ReadPullRequest, ReadVariables};
use super::resolve::{ResolveRepository, ResolveVariables};

/// What is fetched from the npm registry for the contract, never committed.
const PACKAGES: [&str; 2] = ["@octokit/graphql-schema@15.26.1", "graphql@16.15.0"];

const SLOTS: [Slot; 8] = [
    Slot::Labels,
    Slot::Assignees,
    Slot::Reviews,
    Slot::Comments,
    Slot::Commits,
    Slot::Files,
    Slot::Threads,
    Slot::ThreadComments(0),
];

fn wanted(slot: Slot) -> Wanted {
    Wanted { slot, node: "NODE".into(), after: Some("CURSOR".into()), first: 100, expected: 100 }
}

fn read_variables() -> ReadVariables {
    ReadVariables {
        id: "NODE".into(),
        first: Some(25),
        after: None,
        inner: 50,
        reviews: true,
        review_comments: true,
        comments: true,
        commits: false,
        files: false,
    }
}

fn fixed_queries() -> BTreeMap<&'static str, String> {
    let (owner, name) = ("o".into(), "r".into());
    let resolve = ResolveVariables { owner, name, sample: 20, sampled: true };
    let index = IndexVariables { id: "NODE".into(), first: 100, after: None };
    BTreeMap::from([
        ("resolve", ResolveRepository::build(resolve).query),
        ("list", ListPullRequests::build(read_variables()).query),
        ("pull_request", ReadPullRequest::build(read_variables()).query),
        ("index", IndexPullRequests::build(index).query),
    ])
}

#[test]
fn the_texts_are_what_was_reviewed() {
    for (name, text) in fixed_queries() {
        insta::assert_snapshot!(name, text);
    }
    // One sample of what is composed: all kinds of pages at once.
    let all: Vec<Wanted> = SLOTS.into_iter().map(wanted).collect();
    insta::assert_snapshot!("overflow", compose(&all, 50).0);
}

#[test]
fn variables_are_sent_under_the_names_that_the_text_declares() {
    let operation = ListPullRequests::build(read_variables());
    let sent = serde_json::to_value(&operation.variables).unwrap();
    for name in sent.as_object().unwrap().keys() {
        assert!(operation.query.contains(&format!("${name}: ")), "{name}");
    }
    let (text, variables) = compose(&[wanted(Slot::Threads), wanted(Slot::Files)], 50);
    for name in variables.as_object().unwrap().keys() {
        assert!(text.contains(&format!("${name}: ")), "{name}");
    }
}

/// Every query that the client can build is valid by GitHub's published schema, as an
/// implementation judges that is not ours.
#[test]
fn github_knows_every_field_we_ask_for() {
    let mut documents: BTreeMap<String, String> =
        fixed_queries().into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    for slot in SLOTS {
        documents.insert(format!("overflow {slot:?}"), compose(&[wanted(slot)], 50).0);
        for other in SLOTS {
            let both = [wanted(slot), wanted(other)];
            documents.insert(format!("overflow {slot:?} {other:?}"), compose(&both, 50).0);
        }
    }
    let (ok, report) = validate(&documents);
    assert!(ok, "{report}");
    assert!(report.contains(&format!("{} documents, 0 faults", documents.len())), "{report}");
}

/// The oracle does find fault: a test that cannot fail proves nothing.
#[test]
fn the_oracle_refuses_what_github_does_not_know() {
    let wrong = "query Q($unused: Int) { node(id: 5) { ... on PullRequest { nonsense } } }";
    let (ok, report) = validate(&BTreeMap::from([("wrong".to_owned(), wrong.to_owned())]));
    assert!(!ok, "{report}");
    for fault in ["nonsense", "$unused"] {
        assert!(report.contains(fault), "{report}");
    }
}

fn validate(documents: &BTreeMap<String, String>) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/validate.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(packages())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Node.js runs the contract with GitHub's schema: install node 20 or newer");
    let input = serde_json::to_vec(documents).unwrap();
    node.stdin.take().unwrap().write_all(&input).unwrap();
    let output = node.wait_with_output().unwrap();
    let report = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&report).into_owned())
}

/// The folder with the npm packages, fetched once and kept in the user's cache.
fn packages() -> PathBuf {
    let digest = Sha256::digest(PACKAGES.join(" "));
    let digits = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
    let name: String = digits.collect();
    let folder = cache().join(format!("npm-{name}"));
    let modules = folder.join("node_modules");
    if modules.join("graphql/package.json").exists() {
        return modules;
    }
    // Under a name of its own first: another test may fetch at the same time.
    let thread = format!("{:?}", std::thread::current().id());
    let own = cache().join(format!("npm-{name}-{}-{}", std::process::id(), only_digits(&thread)));
    std::fs::create_dir_all(&own).unwrap();
    let status = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"])
        .arg(&own)
        .args(PACKAGES)
        .stdout(Stdio::null())
        .status()
        .expect("npm fetches GitHub's published schema: install it");
    assert!(status.success(), "npm could not fetch {PACKAGES:?}");
    if std::fs::rename(&own, &folder).is_err() {
        std::fs::remove_dir_all(&own).unwrap();
    }
    assert!(modules.join("graphql/package.json").exists(), "{} is empty", folder.display());
    modules
}

#[expect(clippy::disallowed_methods, reason = "a test's cache is found by the environment")]
fn cache() -> PathBuf {
    let parent = std::env::var("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache")));
    parent.expect("HOME or XDG_CACHE_HOME is set").join("backfill-operator")
}

fn only_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
