//! Each rule of the house, fed with what breaks it and with what does not.

use super::source::Source;
use super::{Complaint, File, Rule, rules, words};

/// The complaints of `rule` about `text` as the file at `path`.
fn of(rule: Rule, path: &str, text: &str) -> Vec<Complaint> {
    rule(&File::new(path, text), &Source::of(text))
}

#[track_caller]
fn breaks(rule: Rule, path: &str, text: &str) {
    assert_eq!(of(rule, path, text).len(), 1, "{path}: {text}");
}

#[track_caller]
fn keeps(rule: Rule, path: &str, text: &str) {
    let found = of(rule, path, text);
    assert!(found.is_empty(), "{path}: {text}: {found:?}");
}

#[test]
fn a_long_file_is_found_and_its_own_tests_do_not_count() {
    let lines = |count: usize| "const A: u8 = 1;\n".repeat(count);
    keeps(rules::sizes, "src/a.rs", &lines(300));
    breaks(rules::sizes, "src/a.rs", &lines(301));
    keeps(rules::sizes, "tests/a.rs", &lines(450));
    breaks(rules::sizes, "tests/a.rs", &lines(451));
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300), lines(300));
    keeps(rules::sizes, "src/a.rs", &tested);
    // A module of tests in another file ends nothing.
    let declared = format!("#[cfg(test)]\nmod tests;\n{}", lines(300));
    breaks(rules::sizes, "src/a.rs", &declared);
}

#[test]
fn a_long_function_is_found_and_braces_in_text_do_not_count() {
    let function = |name: &str, lines: usize| {
        format!("fn {name}() {{\n{}}}\n", "    a(\"}\", '}', r#\"}\"#); // }\n".repeat(lines - 2))
    };
    keeps(rules::sizes, "src/a.rs", &function("seventy", 70));
    breaks(rules::sizes, "src/a.rs", &function("more", 71));
    keeps(rules::sizes, "src/a.rs", &function("reconcile", 50));
    breaks(rules::sizes, "src/a.rs", &function("reconcile", 51));
    breaks(rules::sizes, "src/a.rs", &function("decide_next", 51));
    let found = of(rules::sizes, "src/a.rs", &format!("\n\n{}", function("more", 80)));
    assert_eq!(found[0].to_string(), "src/a.rs:3: fn more has 80 lines, not 70");
}

#[test]
fn a_long_line_is_found_unless_it_holds_a_url() {
    keeps(rules::columns, "src/a.rs", &"é".repeat(100));
    breaks(rules::columns, "src/a.rs", &"e".repeat(101));
    keeps(rules::columns, "src/a.rs", &format!("// https://{}", "e".repeat(100)));
    let recorded = format!("r#\"{}\"#,", "e".repeat(100));
    keeps(rules::columns, "tests/a.rs", &recorded);
    breaks(rules::columns, "src/a.rs", &recorded);
    let short = format!("let a = [{}];", "\"a\", ".repeat(20));
    breaks(rules::columns, "tests/a.rs", &short);
}

#[test]
fn a_file_without_its_purpose_is_found() {
    keeps(rules::header, "src/a.rs", "//! Why.\n");
    for text in ["", "use a;\n//! Why.\n", "// Why.\n", "//!\n"] {
        breaks(rules::header, "src/a.rs", text);
    }
}

#[test]
fn an_import_against_the_direction_is_found() {
    for (path, stranger) in [
        ("crates/backfill-api/src/a.rs", "backfill_engine"),
        ("crates/backfill-engine/src/a.rs", "backfill_store"),
        ("crates/backfill-github/src/a.rs", "backfill_store"),
        ("crates/backfill-store/src/a.rs", "backfill_github"),
        ("crates/github-standin/src/a.rs", "backfill_api"),
        ("crates/testbed/src/a.rs", "backfill_store"),
        ("src/a.rs", "testbed"),
        ("src/a.rs", "github_standin"),
    ] {
        breaks(rules::imports, path, &format!("use {stranger}::A;"));
        breaks(rules::imports, path, &format!("fn a() {{ {stranger}::a() }}"));
        keeps(rules::imports, path, &format!("// {stranger}::a\nconst A: &str = \"{stranger}\";"));
        let own = format!("#[cfg(test)]\nmod tests {{\n    use {stranger}::A;\n}}\n");
        keeps(rules::imports, path, &own);
    }
    keeps(rules::imports, "tests/a.rs", "use testbed::Cluster;");
    keeps(rules::imports, "src/a.rs", "use backfill_store::Store;");
}

#[test]
fn a_dependency_against_the_direction_is_found() {
    let of = |path: &str, text: &str| rules::manifest(&File::new(path, text)).len();
    let asks = |section: &str| format!("[{section}]\nbackfill-store.workspace = true\n");
    assert_eq!(of("crates/backfill-github/Cargo.toml", &asks("dependencies")), 1);
    assert_eq!(of("crates/backfill-github/Cargo.toml", &asks("build-dependencies")), 1);
    assert_eq!(of("crates/backfill-github/Cargo.toml", &asks("dev-dependencies")), 0);
    assert_eq!(of("Cargo.toml", "[dependencies]\ntestbed = { path = \"crates/testbed\" }\n"), 1);
    assert_eq!(of("Cargo.toml", &asks("dependencies")), 0);
    assert_eq!(of("Cargo.toml", &asks("workspace.dependencies")), 0);
}

#[test]
fn a_library_away_from_home_is_found() {
    for (path, library) in [
        ("src/a.rs", "sqlx"),
        ("src/a.rs", "cynic"),
        ("src/a.rs", "reqwest"),
        ("crates/backfill-github/src/error.rs", "reqwest"),
        ("crates/backfill-store/src/a.rs", "kube"),
        ("src/backfill/a.rs", "axum"),
        ("src/backfill/a.rs", "prometheus"),
        ("src/backfill/a.rs", "clap"),
    ] {
        breaks(rules::homes, path, &format!("use {library}::A;"));
        keeps(rules::homes, "crates/testbed/src/a.rs", &format!("use {library}::A;"));
        keeps(rules::homes, "tests/a.rs", &format!("use {library}::A;"));
    }
    keeps(rules::homes, "crates/backfill-store/src/a.rs", "use sqlx::A;");
    keeps(rules::homes, "crates/backfill-github/src/client.rs", "use reqwest::A;");
}

#[test]
fn sql_outside_the_store_is_found() {
    let sql = "const A: &str = \"SELECT 1\";";
    breaks(rules::homes, "src/a.rs", sql);
    breaks(rules::homes, "crates/backfill-engine/src/a.rs", sql);
    breaks(rules::homes, "src/a.rs", "const A: &str = r\"\n  -- a\n  UPDATE a SET b = 1\";");
    keeps(rules::homes, "crates/backfill-store/src/a.rs", sql);
    keeps(rules::homes, "tests/a.rs", sql);
    keeps(rules::homes, "src/a.rs", "// SELECT 1\nconst A: &str = \"Selected updates\";");
}

#[test]
fn a_write_to_kubernetes_out_of_place_is_found() {
    let writes = ["patch", "patch_status", "create", "replace", "delete"];
    for call in writes.map(|name| format!("fn a() {{ api.{name}(\"a\") }}")) {
        breaks(rules::homes, "src/backfill/observe/mod.rs", &call);
        keeps(rules::homes, "src/backfill/publish/write.rs", &call);
        keeps(rules::homes, "crates/backfill-store/src/a.rs", &call);
    }
    keeps(
        rules::homes,
        "src/backfill/observe/mod.rs",
        "fn a() { api.get(\"a\"); File::create(\"a\") }",
    );
}

#[test]
fn an_ignored_test_is_found() {
    breaks(rules::tests_apart, "tests/a.rs", "#[test]\n#[ignore]\nfn a() {}");
    breaks(rules::tests_apart, "tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}");
    keeps(rules::tests_apart, "tests/a.rs", "// #[ignore]\n#[test]\nfn a() {}");
}

#[test]
fn a_test_hook_in_production_code_is_found() {
    for text in [
        "#[cfg(test)]\nfn hook() {}",
        "fn a() { if cfg!(test) { b() } }",
        "#[cfg(not(test))]\nfn a() {}",
        "#[cfg_attr(test, derive(Clone))]\nstruct A;",
        "#[cfg(any(test, feature = \"a\"))]\nfn a() {}",
        "#[cfg(test)]\nmod tests {\n}\n\nfn after() {}",
    ] {
        breaks(rules::tests_apart, "src/a.rs", text);
    }
    keeps(rules::tests_apart, "src/a.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    a();\n}\n");
    keeps(rules::tests_apart, "src/a.rs", "#[cfg(test)]\nmod tests;\nmod waits;\n");
}

#[test]
fn a_name_that_says_nothing_is_found() {
    let named = ["fn sync_all", "struct ChunkManager", "const BASE_URL", "mod utils", "fn do_it"];
    for text in named.map(|name| format!("{name} {{}}")) {
        breaks(words::names, "src/a.rs", &text);
    }
    breaks(words::names, "src/a.rs", "let task_data = 1;");
    breaks(words::names, "src/a.rs", "enum A { RepoInfo }");
    for text in [
        "// a manager of tasks\nconst A: &str = \"base data\";",
        "use std::process::Command;\nuse std::sync::Arc;",
        "struct Database; fn asynchronous() {} fn handled() {} fn undo() {}",
        "fn info() {}".replace("fn info()", "fn a() { info!(\"a\") }").as_str(),
        "fn a_normal_end_leaves_no_process_behind() {}",
    ] {
        keeps(words::names, "src/a.rs", text);
    }
    let of = |path: &str| words::path(&File::new(path, "")).len();
    assert_eq!(of("src/helpers/a.rs"), 1);
    assert_eq!(of("docs/sync.md"), 1);
    assert_eq!(of("deploy/kustomize/service-account.yaml"), 0);
}

#[test]
fn work_put_off_is_found() {
    let mark = ["TO", "DO"].concat();
    breaks(words::put_off, "src/a.rs", &format!("// {mark}: later"));
    breaks(words::put_off, "src/a.rs", &format!("/* {mark} */"));
    breaks(words::put_off, "src/a.rs", &format!("fn a() {{ {}!() }}", mark.to_lowercase()));
    keeps(words::put_off, "src/a.rs", "// to do it at once\nfn a() {}");
}

#[test]
fn a_path_of_somebodys_machine_is_found() {
    let of = |text: &str| words::machine_paths(&File::new("docs/a.md", text)).len();
    assert_eq!(of(&["see /ho", "me/jo/clone"].concat()), 1);
    assert_eq!(of(&["cd /ro", "ot/clone"].concat()), 1);
    assert_eq!(of("files go to /var/tmp/backfill-testbed-0"), 0);
}

#[test]
fn a_source_is_taken_apart_where_it_is_tricky() {
    let text = "let a = '\"'; // \"}\nlet b = \"//\\\"{\"; /* /* { */ } */ let c: &'a str = r##\"\"#{\"##;";
    let source = Source::of(text);
    assert_eq!(source.code.lines().count(), 2);
    assert!(!source.code.contains(['{', '}']), "{}", source.code);
    assert!(source.code.contains("let c: &'a str"), "{}", source.code);
    let strings: Vec<_> = source.strings.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(strings, ["//\\\"{", "\"#{"]);
    assert_eq!(source.comments.len(), 2);
}
