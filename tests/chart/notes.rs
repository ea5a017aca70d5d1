//! What Helm says after an install: commands that work as they are printed.

use std::process::{Command, Stdio};

use super::{DATABASE, chart, helm};

/// The notes' commands run to their end in a shell, and the object in them is one.
pub fn check(notes: &str) {
    let (_, commands) = notes.split_once("first repository:\n").expect("the next commands");
    let (commands, _) = commands.split_once("--watch").expect("the last command watches");
    let script = format!("kubectl() {{ cat > /dev/null; }}\n{commands}");
    let ran = Command::new("bash").args(["-ec", &script]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.is_empty(), "{said}\n{notes}");
    let (_, object) = notes.split_once("<<EOF\n").unwrap();
    let (object, _) = object.split_once("\nEOF\n").expect("the text ends where a shell looks");
    let object: serde_json::Value = serde_yaml_ng::from_str(object).unwrap();
    assert_eq!(object["kind"], "RepositoryBackfill", "{notes}");
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
