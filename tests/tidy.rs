//! The house rules: every file that git knows keeps them.
//!
//! Reads text only; it must not know what the code means. Each rule is proven in `proofs` by a
//! snippet that breaks it.

mod proofs;
mod rules;
mod source;
mod words;

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use source::Source;

/// A file of the repository.
struct File {
    /// From the repository's root, with `/`.
    path: String,
    text: String,
}

/// What breaks a rule, and where.
#[derive(Debug)]
struct Complaint {
    path: String,
    line: usize,
    text: String,
}

/// A rule on Rust code.
type Rule = fn(&File, &Source) -> Vec<Complaint>;

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == "rs")
    }

    /// Whether all of it is tests.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// Whether it belongs to a crate that only development uses.
    fn is_for_development(&self) -> bool {
        ["crates/testbed/", "crates/github-standin/", "crates/image/"]
            .iter()
            .any(|home| self.path.starts_with(home))
    }

    fn complain(&self, line: usize, text: impl Into<String>) -> Complaint {
        Complaint { path: self.path.clone(), line, text: text.into() }
    }
}

impl Display for Complaint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Every text file that git knows and that still exists; Rust is taken apart once.
static REPOSITORY: LazyLock<Vec<(File, Option<Source>)>> = LazyLock::new(|| {
    let root = env!("CARGO_MANIFEST_DIR");
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().unwrap();
    assert!(listed.status.success(), "the house rules need a git clone");
    let paths = String::from_utf8(listed.stdout).unwrap();
    let read = |path: &str| {
        let file = File::new(path, &std::fs::read_to_string(format!("{root}/{path}")).ok()?);
        let source = file.is_rust().then(|| Source::of(&file.text));
        Some((file, source))
    };
    let files: Vec<_> = paths.split_terminator('\0').filter_map(read).collect();
    assert!(files.len() > 50, "only {} files were found", files.len());
    files
});

/// Fails with everything that breaks a rule on Rust code.
fn keeps(rule: Rule) {
    let rust = REPOSITORY.iter().filter_map(|(file, source)| Some((file, source.as_ref()?)));
    report(rust.flat_map(|(file, source)| rule(file, source)));
}

/// Fails with everything that breaks a rule on text.
fn keeps_text(rule: fn(&File) -> Vec<Complaint>) {
    report(REPOSITORY.iter().flat_map(|(file, _)| rule(file)));
}

fn report(complaints: impl Iterator<Item = Complaint>) {
    let lines: Vec<String> = complaints.map(|complaint| complaint.to_string()).collect();
    assert!(lines.is_empty(), "{} broken:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn files_and_functions_can_be_read_at_once() {
    keeps(rules::sizes);
}

#[test]
fn lines_fit() {
    keeps(rules::columns);
}

#[test]
fn each_file_says_what_it_is_for() {
    keeps(rules::header);
}

#[test]
fn crates_know_one_another_in_one_direction() {
    keeps(rules::imports);
    keeps_text(rules::manifest);
}

#[test]
fn each_outside_has_one_home() {
    keeps(rules::homes);
}

#[test]
fn tests_run_and_stand_apart() {
    keeps(rules::tests_apart);
}

#[test]
fn names_say_something() {
    keeps(words::names);
    keeps_text(words::path);
}

#[test]
fn nothing_is_put_off() {
    keeps(words::put_off);
}

#[test]
fn no_text_names_a_path_of_somebodys_machine() {
    keeps_text(words::machine_paths);
}
