//! What Helm says after an install: commands that work as they are printed.

use std::process::{Command, Stdio};

use super::{DATABASE, chart, clone, helm};

/// The notes' commands run to their end in a shell, and the object in them is that of the example
/// which the documents have applied: two of one repository would be in each other's way.
pub fn check(notes: &str) {
    let (_, commands) = notes.split_once("Ctrl-D twice:\n").expect("the next commands");
    let (commands, _) = commands.split_once("--watch").expect("the last command watches");
    let is_typed = |line: &&str| line.starts_with("  ") || *line == "EOF";
    let typed: Vec<_> = commands.lines().filter(is_typed).collect();
    let script = format!("kubectl() {{ cat > /dev/null; }}\n{}", typed.join("\n"));
    let ran = Command::new("bash").args(["-ec", &script]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.is_empty(), "{said}\n{notes}");
    let (_, object) = notes.split_once("<<EOF\n").unwrap();
    let (object, _) = object.split_once("\nEOF\n").expect("the text ends where a shell looks");
    let object: serde_json::Value = serde_yaml_ng::from_str(object).unwrap();
    let file = clone::root().unwrap().join("examples/github/last-30-days.yaml");
    let example = std::fs::read_to_string(file).unwrap();
    let example: serde_json::Value = serde_yaml_ng::from_str(&example).unwrap();
    assert_eq!(object, example, "{notes}");
}

#[test]
fn the_notes_of_every_install_can_be_typed() {
    for more in ["", "watchNamespace=team", "crds.enabled=false,metrics.podMonitor.enabled=true"] {
        let fixed = ["install", "rel", chart::CHART, "--dry-run=client", "--set", DATABASE];
        let said = helm(&[&fixed[..], &["--set", more]].concat());
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let text = String::from_utf8(said.stdout).unwrap();
        check(text.split_once("\nNOTES:").expect("notes").1);
    }
}
