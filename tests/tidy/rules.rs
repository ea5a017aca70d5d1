//! The house rules on one file: sizes, form, and who may use what.
//!
//! Each rule takes a file and names what breaks it. It must not read the disk.

use super::source::{Source, guarded};
use super::{Complaint, File};

/// Lines of a file that its own tests do not count towards.
const FILE_LINES: usize = 300;
/// Lines of a file of tests: tables of recorded answers are long.
const TEST_FILE_LINES: usize = 450;
/// Lines of a function, signature and closing brace included.
const FUNCTION_LINES: usize = 70;
/// The same for `reconcile` and each `decide`: they are read as documentation.
const LIFE_CYCLE_LINES: usize = 50;
/// Characters of a line of Rust.
const COLUMNS: usize = 100;

/// Characters from which a literal in a test is taken for a recorded text: it stays in one piece.
const RECORDED_TEXT: usize = 50;

/// Functions that may be longer than [`FUNCTION_LINES`], each with its reason.
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("the_catalogue_of_refusals_is_known", "a table, one row per way in which GitHub refuses"),
    ("each_mistake_has_githubs_words", "a table, one row per mistake"),
];

/// Tests that do not run by themselves, each with its reason.
const IGNORED_TESTS: &[(&str, &str)] =
    &[("crates/testbed/tests/testbed.rs", "a process that another test starts and kills")];

/// Which of our crates each crate may know; its tests may know more.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("crates/backfill-api/", &[]),
    ("crates/backfill-engine/", &["backfill_api"]),
    ("crates/backfill-github/", &["backfill_api", "backfill_engine"]),
    ("crates/backfill-store/", &["backfill_api", "backfill_engine"]),
    ("crates/github-standin/", &[]),
    ("crates/image/", &[]),
    ("crates/testbed/", &["backfill_api", "image"]),
    ("src/", &["backfill_api", "backfill_engine", "backfill_github", "backfill_store"]),
];

/// All of ours.
const OURS: [&str; 7] = [
    "backfill_api",
    "backfill_engine",
    "backfill_github",
    "backfill_store",
    "github_standin",
    "image",
    "testbed",
];

/// Libraries that stay in one place. Tests and the crates for development are free.
const AT_HOME: &[(&str, &[&str])] = &[
    ("sqlx", &["crates/backfill-store/"]),
    ("cynic", &["crates/backfill-github/"]),
    ("reqwest", &["crates/backfill-github/src/client", "crates/backfill-github/src/config.rs"]),
    ("kube", &["crates/backfill-api/", "src/"]),
    ("axum", &["src/web/", "src/wiring.rs"]),
    ("prometheus", &["src/metrics/"]),
    ("clap", &["src/args.rs", "src/main.rs", "src/catalogue/flags.rs"]),
];

/// The only files of the operator that write to Kubernetes.
const WRITERS: [&str; 2] = ["src/backfill/publish/write.rs", "src/backfill/act/deletion.rs"];
const WRITES: [&str; 8] = [
    ".patch(",
    ".patch_status(",
    ".patch_metadata(",
    ".create(",
    ".replace(",
    ".replace_status(",
    ".delete(",
    ".delete_collection(",
];

/// Starts of statements, for the rule that SQL is written in one crate only.
const SQL: [&str; 7] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "WITH RECURSIVE ",
];

/// No file and no function is too long to be read at once.
pub fn sizes(file: &File, source: &Source) -> Vec<Complaint> {
    let mut found = Vec::new();
    let whole = file.text.lines().count();
    let own = if file.is_test() { whole } else { source.production().lines().count() };
    let most = if file.is_test() { TEST_FILE_LINES } else { FILE_LINES };
    if own > most {
        found.push(file.complain(1, format!("has {own} lines, {most} are allowed")));
    }
    for function in source.functions() {
        let names_a_step = function.name == "reconcile" || function.name.starts_with("decide");
        let most = if names_a_step && !file.is_test() { LIFE_CYCLE_LINES } else { FUNCTION_LINES };
        let excused = LONG_FUNCTIONS.iter().any(|(name, _)| *name == function.name);
        if function.lines > most && !excused {
            let text = format!("fn {} has {} lines, not {most}", function.name, function.lines);
            found.push(file.complain(function.line, text));
        }
    }
    found
}

/// Lines fit, unless a URL or, in a test, a recorded text cannot be broken.
pub fn columns(file: &File, source: &Source) -> Vec<Complaint> {
    let ends = if file.is_test() { 0 } else { source.production().lines().count() };
    let is_text = |text: &str| text.chars().count() >= RECORDED_TEXT && !text.contains('\n');
    let recorded = |at: usize| {
        at >= ends && source.strings.iter().any(|(line, text)| *line == at + 1 && is_text(text))
    };
    let long = |(at, line): &(usize, &str)| {
        line.chars().count() > COLUMNS && !line.contains("://") && !recorded(*at)
    };
    let lines = file.text.lines().enumerate().filter(long);
    lines
        .map(|(at, _)| file.complain(at + 1, format!("is longer than {COLUMNS} columns")))
        .collect()
}

/// Each file begins by saying what it is for.
pub fn header(file: &File, _: &Source) -> Vec<Complaint> {
    let says = file.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    if says { Vec::new() } else { vec![file.complain(1, "must begin with `//! ` and its purpose")] }
}

/// Crates know one another in one direction only, in code and in manifests.
pub fn imports(file: &File, source: &Source) -> Vec<Complaint> {
    let Some((home, known)) = MAY_KNOW.iter().find(|(home, _)| file.path.starts_with(home)) else {
        return Vec::new();
    };
    if file.is_test() {
        return Vec::new();
    }
    let own = home.trim_end_matches('/').rsplit('/').next().unwrap_or("").replace('-', "_");
    let may = |name: &str| name == own || known.contains(&name) || !OURS.contains(&name);
    let strangers = Source::identifiers(source.production()).into_iter().filter(|(_, n)| !may(n));
    strangers.map(|(line, name)| file.complain(line, format!("must not know {name}"))).collect()
}

/// The same for what a crate's manifest asks for.
pub fn manifest(file: &File) -> Vec<Complaint> {
    let Some(folder) = file.path.strip_suffix("Cargo.toml") else { return Vec::new() };
    let folder = if folder.is_empty() { "src/" } else { folder };
    let Some((_, known)) = MAY_KNOW.iter().find(|(home, _)| *home == folder) else {
        return Vec::new();
    };
    let (mut found, mut counts) = (Vec::new(), false);
    for (at, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            counts = matches!(line.trim(), "[dependencies]" | "[build-dependencies]");
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or("").replace('-', "_");
        if counts && OURS.contains(&name.as_str()) && !known.contains(&name.as_str()) {
            found.push(file.complain(at + 1, format!("must not depend on {name}")));
        }
    }
    found
}

/// SQL, HTTP, Kubernetes and the other outsides each have one home.
pub fn homes(file: &File, source: &Source) -> Vec<Complaint> {
    if file.is_test() || file.is_for_development() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, name) in Source::identifiers(source.production()) {
        let home = AT_HOME.iter().find(|(library, _)| *library == name);
        if home.is_some_and(|(_, homes)| !homes.iter().any(|home| file.path.starts_with(home))) {
            found.push(file.complain(line, format!("must not know {name}")));
        }
    }
    let end = source.production().lines().count();
    for (line, text) in source.strings.iter().filter(|(line, _)| *line <= end) {
        let starts =
            |statement: &&str| text.lines().any(|l| l.trim_start().starts_with(*statement));
        if !file.path.starts_with("crates/backfill-store/") && SQL.iter().any(starts) {
            found.push(file.complain(*line, "holds SQL, which only backfill-store may"));
        }
    }
    if file.path.starts_with("src/") && !WRITERS.contains(&file.path.as_str()) {
        for (at, line) in source.production().lines().enumerate() {
            if let Some(call) = WRITES.iter().find(|call| line.contains(**call)) {
                let text = format!("calls {call}…), which only write and deletion may");
                found.push(file.complain(at + 1, text));
            }
        }
    }
    found
}

/// Tests run, and production code does not know that it is tested.
pub fn tests_apart(file: &File, source: &Source) -> Vec<Complaint> {
    let mut found = Vec::new();
    let ignored = source.code.lines().position(|line| line.contains("#[ignore"));
    if let Some(at) = ignored.filter(|_| !IGNORED_TESTS.iter().any(|(path, _)| *path == file.path))
    {
        found.push(file.complain(at + 1, "must not ignore a test"));
    }
    for (at, line) in source.code.lines().enumerate() {
        let hooks = ["cfg!(test", "cfg_attr(test", "(test,", "not(test)"];
        if hooks.iter().any(|hook| line.contains(hook)) {
            found.push(file.complain(at + 1, "must not behave differently under test"));
        }
    }
    let mut from = 0;
    while let Some(at) = source.code[from..].find("#[cfg(test)]").map(|at| from + at) {
        let rest = &source.code[at..];
        let line = source.code[..at].matches('\n').count() + 1;
        let opens = guarded(rest);
        if !opens.starts_with("mod ") {
            found.push(file.complain(line, "#[cfg(test)] must only guard a module"));
        } else if opens.ends_with('{') {
            // The module's own brace is the one that closes at the left margin.
            let end = rest.find("\n}").map_or("", |end| &rest[end + 2..]);
            if !end.trim().is_empty() {
                found.push(file.complain(line, "a file's tests must stand at its end"));
            }
        }
        from = at + 1;
    }
    found
}
