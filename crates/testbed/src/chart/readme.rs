//! The table of values in the chart's README, from the comments of `values.yaml`.
//! Must not know what a value does.

use std::fmt::Write;

use anyhow::{Context, bail};
use serde_yaml_ng::Value;

const BEGIN: &str = "<!-- values, written by `make generate` -->\n";
const END: &str = "<!-- end of values -->\n";

/// `readme` with the table between its two marks made anew.
pub fn with_values(readme: &str, values: &str) -> anyhow::Result<String> {
    let (before, rest) = readme.split_once(BEGIN).context("the README has no mark for values")?;
    let (_, after) = rest.split_once(END).context("the README does not end its values")?;
    let mut table = String::from("| value | default | meaning |\n|---|---|---|\n");
    for (path, description) in described(values)? {
        let default = shown(&at(values, &path)?)?;
        writeln!(table, "| `{path}` | `{default}` | {description} |")?;
    }
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// The dotted path and the comment of each value that has one, in their order. Errors for a
/// value that is neither described itself nor part of one that is.
fn described(values: &str) -> anyhow::Result<Vec<(String, String)>> {
    let (mut found, mut comment) = (Vec::<(String, String)>::new(), Vec::new());
    let mut path: Vec<(usize, String)> = Vec::new();
    for line in values.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if text.is_empty() {
            comment.clear();
        } else if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some((key, value)) = text.split_once(':') {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, key.to_owned()));
            let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
            let name = names.join(".");
            let described =
                found.last().is_some_and(|(last, _)| name.starts_with(&format!("{last}.")));
            if !comment.is_empty() {
                found.push((name, std::mem::take(&mut comment).join(" ")));
            } else if !value.trim().is_empty() && !described {
                bail!("values.yaml does not say what {name} is for");
            }
        }
    }
    Ok(found)
}

fn at(values: &str, path: &str) -> anyhow::Result<Value> {
    let root: Value = serde_yaml_ng::from_str(values)?;
    let step = |value: Option<Value>, key: &str| value?.get(key).cloned();
    path.split('.').fold(Some(root), step).with_context(|| format!("{path} has no default"))
}

fn shown(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::with_values;

    const README: &str = "# Chart\n<!-- values, written by `make generate` -->\nold\n\
                          <!-- end of values -->\nEnd.\n";

    #[test]
    fn each_value_is_a_row_with_its_comment_and_default() {
        let values = "# About the file.\n\n# One\n# line.\na: 1\nb:\n  # Inner.\n  c: [x]\n\
                      # Whole.\nd:\n  e: {f: 2}\n";
        let readme = with_values(README, values).unwrap();
        assert!(readme.contains("| `a` | `1` | One line. |\n| `b.c` | `[\"x\"]` | Inner. |\n"));
        assert!(readme.contains("| `d` | `{\"e\":{\"f\":2}}` | Whole. |\n<!-- end"), "{readme}");
        assert!(readme.starts_with("# Chart\n") && readme.ends_with("End.\n"));
        assert!(!readme.contains("old"));
    }

    #[test]
    fn a_value_without_a_comment_is_refused() {
        let refused = with_values(README, "# Said.\na: 1\nb: 2\n").unwrap_err();
        assert!(refused.to_string().contains("what b is for"), "{refused}");
    }
}
