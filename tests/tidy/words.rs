//! The house rules on words: those that say nothing, those that promise later, and paths of
//! somebody's machine.
//!
//! It must not read the disk.

use super::source::Source;
use super::{Complaint, File};

/// Words that say nothing about what bears them; plurals count.
const EMPTY_WORDS: [&str; 15] = [
    "manager", "helper", "util", "common", "misc", "base", "service", "handler", "process", "do",
    "info", "data", "task", "item", "phase",
];
/// As above; its plural is no word.
const EMPTY_WORD: &str = "sync";

/// Text in which such a word is not ours, with whose it is.
const FOREIGN: &[(&str, &str)] = &[
    ("std::process", "the standard library"),
    ("std::os::unix::process", "the standard library"),
    (".process_group(", "the standard library"),
    ("std::sync", "the standard library"),
    ("Sync", "the standard library's marker"),
    ("Item", "the standard library's associated type"),
    ("std::task", "the standard library"),
    ("tokio::process", "tokio"),
    ("tokio::sync", "tokio"),
    ("tokio::task", "tokio"),
    ("tokio_util::sync", "tokio"),
    ("tokio_util", "tokio"),
    ("hyper_util", "hyper"),
    ("http_body_util", "hyper"),
    ("service::service_fn", "hyper"),
    ("service_fn(", "hyper"),
    ("info!", "tracing"),
    ("info_span!", "tracing"),
    ("tracing_subscriber::util", "tracing"),
    ("process_collector::ProcessCollector", "prometheus"),
    ("ConnectInfo", "axum"),
    ("into_make_service_with_connect_info", "axum"),
    ("into_make_service", "axum"),
    ("connect_info", "axum"),
    ("SERVICE_UNAVAILABLE", "HTTP"),
    ("min_items", "the name of a rule of OpenAPI schemas"),
    ("max_items", "the name of a rule of OpenAPI schemas"),
    ("item_type", "the GraphQL specification's word for what a list holds"),
    ("CommonName", "X.509"),
    ("FIELD_MANAGER", "Kubernetes' field manager"),
    ("field_manager", "Kubernetes' field manager"),
    ("kube_controller_manager", "a program of Kubernetes"),
    ("ServiceAccount", "Kubernetes' kind"),
    ("service-account", "Kubernetes' kind"),
    ("data", "a field of Kubernetes' Secret and of GraphQL's answer"),
    ("string_data", "a field of Kubernetes' Secret"),
    ("items", "a field of Kubernetes' lists and of JSON Schema"),
    ("PageInfo", "GitHub's type"),
    ("page_info", "GitHub's field pageInfo"),
    ("contributor.info", "the domain of our API group"),
    ("base_branch", "a column of contributor.info"),
    ("base_sha", "a column beside base_branch"),
    ("base_ref_name", "GitHub's field baseRefName"),
    ("base_ref_oid", "GitHub's field baseRefOid"),
];

/// Marks of work put off.
const PUT_OFF: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Roots of somebody's machine; a public text names none.
const MACHINE: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!(" /t", "mp/"),
    concat!("C:", "\\"),
];

/// No identifier and no file is named by a word that says nothing.
pub fn names(file: &File, source: &Source) -> Vec<Complaint> {
    let code = FOREIGN.iter().fold(source.code.clone(), |code, (text, _)| blank(&code, text));
    let mut found = Vec::new();
    for (line, name) in Source::identifiers(&code) {
        if let Some(word) = empty_word(name) {
            found.push(file.complain(line, format!("{name}: the word `{word}` says nothing")));
        }
    }
    found
}

/// The same for the file's own path.
pub fn path(file: &File) -> Vec<Complaint> {
    let path = FOREIGN.iter().fold(file.path.clone(), |path, (text, _)| blank(&path, text));
    let word = path.split(['/', '.', '-']).find_map(empty_word);
    word.map(|w| file.complain(1, format!("the word `{w}` in its path says nothing")))
        .into_iter()
        .collect()
}

/// Nothing is put off in a comment.
pub fn put_off(file: &File, source: &Source) -> Vec<Complaint> {
    let late = |text: &str| Source::identifiers(text).iter().any(|(_, w)| PUT_OFF.contains(w));
    let comments = source.comments.iter().filter(|(_, text)| late(text)).map(|(line, _)| *line);
    let macros = ["todo!(", "unimplemented!("];
    let calls = |line: &str| macros.iter().any(|name| line.contains(name));
    let lines = source.code.lines().enumerate().filter(|(_, line)| calls(line));
    let all = comments.chain(lines.map(|(at, _)| at + 1));
    all.map(|line| file.complain(line, "puts work off")).collect()
}

/// No text that others read names a path of the machine it was written on.
pub fn machine_paths(file: &File) -> Vec<Complaint> {
    let names = |line: &str| MACHINE.iter().any(|root| line.contains(root));
    let lines = file.text.lines().enumerate().filter(|(_, line)| names(line));
    lines.map(|(at, _)| file.complain(at + 1, "names a path of somebody's machine")).collect()
}

/// `text` with `foreign` blanked wherever it stands as whole words.
fn blank(text: &str, foreign: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut left = text.to_owned();
    for (at, _) in text.match_indices(foreign) {
        let end = at + foreign.len();
        let joined_before = foreign.starts_with(is_word) && text[..at].ends_with(is_word);
        let joined_after = foreign.ends_with(is_word) && text[end..].starts_with(is_word);
        if !joined_before && !joined_after {
            left.replace_range(at..end, &" ".repeat(foreign.len()));
        }
    }
    left
}

/// The empty word in an identifier of any style. A test's name is a sentence and may hold any.
fn empty_word(name: &str) -> Option<String> {
    let words = words(name);
    let is_sentence = words.len() >= 5;
    words.into_iter().filter(|_| !is_sentence).find(|word| {
        let singular = word.strip_suffix('s').unwrap_or(word);
        EMPTY_WORDS.contains(&singular)
            || EMPTY_WORDS.contains(&word.as_str())
            || word == EMPTY_WORD
    })
}

/// `snake_case`, `SCREAMING_CASE` and `CamelCase` to lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && !before.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}
