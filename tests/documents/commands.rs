//! Every command that people are shown can be typed: its target, subcommand and flags exist.
//!
//! It must not run any of them: what a command does is for the tests of what it starts.

use std::collections::{BTreeMap, BTreeSet};

use testbed::Cluster;

use super::{documents, operator, root, spans};

/// Commands of others that are not looked into.
const OTHERS: [&str; 21] = [
    "buildah",
    "cd",
    "curl",
    "docker",
    "export",
    "flux",
    "git",
    "gpg",
    "grep",
    "kill",
    "kind",
    "openssl",
    "pg_isready",
    "podman",
    "psql",
    "rm",
    "source",
    "tail",
    "tr",
    "trap",
    "umask",
];
/// kubectl's own flags that take the next word with them.
const KUBECTL_TAKES: [&str; 4] = ["-n", "--namespace", "--context", "-l"];

/// The commands in `text`, as words: one a line, continued lines joined, joined ones apart.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let mut lines = joined.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some((_, end)) = line.split_once("<<") {
            let end = end.trim().trim_matches(['\'', '"', '-']).to_owned();
            for inner in lines.by_ref() {
                if inner.trim() == end {
                    break;
                }
            }
        }
        let words = words(line.split("<<").next().unwrap());
        for command in words.split(|word| ["&&", "||", ";", "|", "(", ")"].contains(&word.as_str()))
        {
            let is_value = |word: &&String| {
                word.split_once('=').is_some_and(|(name, _)| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                })
            };
            let command: Vec<_> = command.iter().skip_while(is_value).cloned().collect();
            if !command.is_empty() {
                found.push(command);
            }
        }
    }
    found
}

/// The words of a line as a shell takes it apart, without its comment.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        let word = words.last_mut().unwrap();
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, ';') => {
                words.push(";".to_owned());
                words.push(String::new());
            }
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (Some(_) | None, c) => word.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// All commands of all documents: of their blocks in sh, and the code spans that are ours.
fn shown() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (source, text) in documents() {
        for block in text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            found.extend(commands(block).into_iter().map(|command| (source.clone(), command)));
        }
        let outside = text.split("```").step_by(2).flat_map(spans);
        let ours = outside.filter(|span| {
            ["make ", "backfill-operator ", "cargo ", "kubectl "]
                .iter()
                .any(|it| span.starts_with(it))
        });
        let ours: Vec<_> = ours.flat_map(commands).collect();
        found.extend(ours.into_iter().map(|command| (source.clone(), command)));
    }
    found
}

/// The long flags of a command, without their values.
fn flags(words: &[String]) -> BTreeSet<&str> {
    // What follows `--` is another program's.
    let ours = words.iter().take_while(|word| *word != "--");
    let long = ours.filter(|word| word.starts_with("--") && word.len() > 2);
    long.map(|word| word.split('=').next().unwrap()).collect()
}

/// Long flags in the text of a program's help.
fn offered(help: &str) -> BTreeSet<&str> {
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| word.starts_with("--") && word.len() > 2).collect()
}

#[test]
fn every_make_target_and_variable_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let heads = makefile.lines().filter(|line| !line.starts_with(['\t', '#', '.']));
    let targets: BTreeSet<_> = heads
        .filter_map(|line| line.split_once(':').filter(|(_, rest)| !rest.starts_with('=')))
        .flat_map(|(targets, _)| targets.split_whitespace())
        .collect();
    let mut checked = 0;
    for (source, command) in shown().iter().filter(|(_, command)| command[0] == "make") {
        for word in &command[1..] {
            let known = match word.split_once('=') {
                Some((name, _)) => makefile.contains(&format!("{name}=")),
                None => targets.contains(word.trim_end_matches([',', '.'])),
            };
            assert!(known, "{source}: make has no {word}: {command:?}");
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} words");
}

/// Checks the words after `backfill-operator`.
fn check_operator(source: &str, args: &[String]) {
    let Some(subcommand) = args.iter().find(|word| !word.starts_with('-')) else { return };
    let help = operator().args([subcommand, "--help"]).output().unwrap();
    assert!(help.status.success(), "{source}: backfill-operator has no {subcommand}");
    let help = String::from_utf8(help.stdout).unwrap();
    for flag in flags(args) {
        assert!(offered(&help).contains(flag), "{source}: {subcommand} has no {flag}");
    }
}

#[test]
fn every_subcommand_of_the_operator_exists() {
    let mut checked = 0;
    for (source, command) in shown() {
        let args = match command[0].as_str() {
            "backfill-operator" => &command[1..],
            "cargo" if command[1] == "run" && !command.contains(&"-p".to_owned()) => {
                let start = command.iter().position(|word| word == "--").unwrap();
                &command[start + 1..]
            }
            _ => continue,
        };
        check_operator(&source, args);
        checked += 1;
    }
    assert!(checked >= 5, "{checked} commands");
}

#[test]
fn every_crate_that_cargo_is_given_exists() {
    for (source, command) in shown().iter().filter(|(_, command)| command[0] == "cargo") {
        let given = command.iter().position(|word| word == "-p").map(|at| &command[at + 1]);
        let manifest = |name: &String| root().join("crates").join(name).join("Cargo.toml");
        assert!(given.is_none_or(|name| manifest(name).is_file()), "{source}: {command:?}");
    }
}

#[tokio::test]
async fn every_subcommand_and_flag_of_kubectl_exists() {
    let cluster = Cluster::shared().await.unwrap();
    let ask = |args: &[&str]| {
        let output = cluster.kubectl(args).unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let everywhere = ask(&["options"]).1;
    let mut helps = BTreeMap::<String, String>::new();
    let mut checked = 0;
    for (source, command) in shown().iter().filter(|(_, command)| command[0] == "kubectl") {
        let mut words = command[1..].iter();
        let mut plain = Vec::new();
        while let Some(word) = words.next() {
            if KUBECTL_TAKES.contains(&word.as_str()) {
                words.next();
            } else if !word.starts_with('-') {
                plain.push(word.as_str());
            }
        }
        // A subcommand may have subcommands of its own: `create secret generic`.
        let mut path = Vec::new();
        let mut help = String::from("Available Commands:");
        while help.contains("Available Commands:") && path.len() < plain.len() {
            path.push(plain[path.len()]);
            let known = helps.entry(path.join(" ")).or_insert_with(|| {
                let (success, help) = ask(&[&path[..], &["--help"]].concat());
                assert!(success, "{source}: kubectl has no {path:?}");
                help
            });
            help.clone_from(known);
        }
        for flag in flags(command) {
            let known = offered(&help).contains(flag) || offered(&everywhere).contains(flag);
            assert!(known, "{source}: kubectl {path:?} has no {flag}");
        }
        checked += 1;
    }
    assert!(checked >= 10, "{checked} commands");
}

#[test]
fn every_command_is_one_that_is_looked_into_or_named_here() {
    let known = ["make", "cargo", "kubectl", "helm", "backfill-operator"];
    for (source, command) in shown() {
        let name = command[0].as_str();
        let is_known = known.contains(&name) || OTHERS.contains(&name);
        assert!(is_known, "{source} shows {name}, which nothing looks into: {command:?}");
    }
}

#[test]
fn lines_are_taken_apart_as_a_shell_does() {
    let text = "# c\nA=1 make demo KEEP=1  # c\nkubectl x \\\n  --from='a b; c' && cd d; e\n\
                kubectl apply -f - <<EOF\nmake nothing\nEOF\n\
                f && (\n  trap 'g h' EXIT\n) && i\n";
    let found: Vec<_> = commands(text).iter().map(|words| words.join("·")).collect();
    let before = ["make·demo·KEEP=1", "kubectl·x·--from=a b; c", "cd·d", "e"];
    let after = ["kubectl·apply·-f·-", "f", "trap·g h·EXIT", "i"];
    let expected = [before, after].concat();
    assert_eq!(found, expected);
    assert_eq!(flags(&words("a --b=c -d --e")), ["--b", "--e"].into());
}
