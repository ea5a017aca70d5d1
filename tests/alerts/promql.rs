//! Which metrics and labels a query reads, found by its tokens. Whether it is a query at all is
//! for promtool to say. Must not know any metric.

use std::collections::BTreeSet;

/// Words that are neither metrics nor functions.
const OPERATORS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];
/// Words before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What a query reads.
#[derive(Debug, Default, PartialEq)]
pub struct Used {
    pub metrics: BTreeSet<String>,
    pub labels: BTreeSet<String>,
}

/// A query's names, signs and the ends of its texts, in order.
fn tokens(query: &str) -> Vec<String> {
    let mut found = Vec::<String>::new();
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '"' || c == '\'' {
            while let Some(inner) = rest.next() {
                match inner {
                    '\\' => {
                        rest.next();
                    }
                    end if end == c => break,
                    _ => {}
                }
            }
        } else if c.is_ascii_alphanumeric() || c == '_' || c == ':' {
            let mut word = c.to_string();
            while let Some(more) =
                rest.next_if(|c| c.is_ascii_alphanumeric() || ['_', ':', '.'].contains(c))
            {
                word.push(more);
            }
            found.push(word);
        } else if !c.is_whitespace() {
            found.push(c.to_string());
        }
    }
    found
}

/// What `query` reads.
pub fn used(query: &str) -> Used {
    let mut used = Used::default();
    let mut list_of_labels = false;
    let mut in_braces = false;
    let tokens = tokens(query);
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1).map_or("", String::as_str);
        match token.as_str() {
            "{" => in_braces = true,
            "}" => in_braces = false,
            ")" => list_of_labels = false,
            word if BEFORE_LABELS.contains(&word) => list_of_labels = next == "(",
            word if !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {}
            word if in_braces || list_of_labels => {
                used.labels.insert(word.to_owned());
            }
            word if OPERATORS.contains(&word) || next == "(" => {}
            // An aggregation may name its labels before its argument: `sum by (a) (b)`.
            _ if BEFORE_LABELS.contains(&next) => {
                if token.contains('_') {
                    used.metrics.insert(token.clone());
                }
            }
            word => {
                used.metrics.insert(word.to_owned());
            }
        }
    }
    used
}

#[test]
fn names_are_told_apart_by_their_place() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (query, metrics, labels) in [
        ("a_total", &["a_total"][..], &[][..]),
        (
            "sum by (x, y) (rate(a_total{z=\"b_total\", u!~'c'}[5m])) > 0.1",
            &["a_total"],
            &["x", "y", "z", "u"],
        ),
        ("a unless on (x) b and on () c{} > time() - 1e3", &["a", "b", "c"], &["x"]),
        ("max(a_b) without (x)", &["a_b"], &["x"]),
        ("a_b * on (x) group_left (y) c", &["a_b", "c"], &["x", "y"]),
        ("histogram_quantile(0.99, sum by (le) (rate(a_bucket[1h])))", &["a_bucket"], &["le"]),
    ] {
        let expected = Used { metrics: set(metrics), labels: set(labels) };
        assert_eq!(used(query), expected, "{query}");
    }
}
