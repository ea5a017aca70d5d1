//! Links lead to files and headings that are there, and files that are named exist.
//!
//! It must not ask other servers: only what this repository holds is its to keep.

use std::collections::BTreeMap;
use std::path::Path;

use super::{documents, root, spans};

/// A document without its code blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !is_fence && !fenced {
            kept += line;
            kept.push('\n');
        }
        fenced ^= is_fence;
    }
    assert!(!fenced, "a code block has no end: {text}");
    kept
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let heading = |line: &str| {
        let title = line.trim_start_matches('#');
        let depth = line.len() - title.len();
        (1..=6).contains(&depth).then(|| title.strip_prefix(' ').map(slug))?
    };
    let mut numbered = |slug: String| {
        let times = seen.entry(slug.clone()).or_default();
        *times += 1;
        if *times == 1 { slug } else { format!("{slug}-{}", *times - 1) }
    };
    prose(text).lines().filter_map(heading).map(&mut numbered).collect()
}

/// `What it needs` as `what-it-needs`: of other signs only `-` and `_` stay.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// The targets of a document's links.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    // What stands in a code span is no link.
    let plain: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("·");
    let ends = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.map(str::to_owned).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents: BTreeMap<_, _> = documents().into_iter().collect();
    let (mut files, mut headings) = (0, 0);
    for (source, text) in &documents {
        let folder = Path::new(source).parent().unwrap();
        for target in targets(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                target.split_once('#').map_or((&*target, None), |(p, a)| (p, Some(a)));
            let found = if path.is_empty() { source.clone() } else { plain(&folder.join(path)) };
            assert!(root().join(&found).exists(), "{source} links to {target}");
            files += 1;
            if let Some(anchor) = anchor {
                let text = documents.get(&found);
                let there = text.is_some_and(|text| anchors(text).iter().any(|a| a == anchor));
                assert!(there, "{source} links to {target}, which has no such heading");
                headings += 1;
            }
        }
    }
    assert!(files >= 30 && headings >= 5, "{files} links, {headings} to headings");
}

/// `docs/../SECURITY.md` as `SECURITY.md`.
fn plain(path: &Path) -> String {
    let mut parts = Vec::new();
    for part in path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()) {
        match part.as_str() {
            "." => {}
            ".." => assert!(parts.pop().is_some(), "{} leaves the repository", path.display()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn headings_get_the_anchors_that_github_gives_them() {
    let text = "# The database's address\n```\n# no heading\n```\n## `spec` (a/v1)\n## A\n## A\n";
    assert_eq!(anchors(text), ["the-databases-address", "spec-av1", "a", "a-1"]);
    let text = "[a](b.md#c) `[no](link)` [d](https://e)\n```\n[no](link)\n```\n";
    assert_eq!(targets(text), ["b.md#c", "https://e"]);
}

/// Folders of the repository: a code span that begins with one names a file.
const FOLDERS: [&str; 10] = [
    "src/",
    "crates/",
    "tests/",
    "docs/",
    "migrations/",
    "crds/",
    "deploy/",
    "charts/",
    "examples/",
    "tools/",
];

#[test]
fn every_file_that_is_named_exists() {
    let mut named = 0;
    for (source, text) in documents() {
        let prose = prose(&text);
        for span in spans(&prose) {
            let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder));
            let is_pattern = span.contains(|c: char| c.is_whitespace() || "<*{…".contains(c));
            // A document of a crate may mean the crate's own folders.
            let own = root().join(&source).parent().unwrap().join(span);
            if is_path && !is_pattern {
                named += 1;
                assert!(root().join(span).exists() || own.exists(), "{source} names {span}");
            }
        }
    }
    assert!(named >= 40, "{named} files");
}
