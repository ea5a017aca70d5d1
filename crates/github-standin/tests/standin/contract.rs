//! The schema against GitHub's own, and a client that is not ours (octokit) against the stand-in.

use std::path::{Path, PathBuf};
use std::process::Command;

use github_standin::world::World;
use serde_json::json;

use crate::client::start;

#[test]
fn schema_answers_and_octokit_agree_with_github() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract");
    let installed = installed(&contract);
    let script = installed.join(format!("check-{}.mjs", std::process::id()));
    std::fs::copy(contract.join("check.mjs"), &script).unwrap();
    let mut world = World::default();
    world.add_synthetic("big/one=130:5".parse().unwrap());
    let issue = json!({"kind": "issue", "repository": "o/r", "number": 3, "title": "t",
        "createdAt": "2020-02-01T00:00:00Z", "labels": ["bug"], "comments": [{"body": "c"}]});
    world.load_lines(&[issue.to_string()], "test").unwrap();
    let running = start(world);
    let output = Command::new("node")
        .arg(&script)
        .arg(contract.with_file_name("schema.graphql"))
        .arg(format!("http://{}", running.address))
        .output()
        .unwrap();
    std::fs::remove_file(&script).unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let said = String::from_utf8_lossy(out) + String::from_utf8_lossy(err);
    assert!(output.status.success(), "{said}");
}

/// The folder with the packages, installed once for each `package.json` outside the clone.
fn installed(contract: &Path) -> PathBuf {
    let package = std::fs::read_to_string(contract.join("package.json")).unwrap();
    let hash = github_standin::world::ids::hashed(&package);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let folder = cache.join("backfill-operator").join(format!("npm-{hash:08x}"));
    if !folder.exists() {
        let fresh = folder.with_extension(std::process::id().to_string());
        std::fs::create_dir_all(&fresh).unwrap();
        std::fs::write(fresh.join("package.json"), package).unwrap();
        let npm = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&fresh)
            .current_dir(&fresh)
            .output()
            .unwrap();
        assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
        // Another run may have been first; its folder is as good.
        if std::fs::rename(&fresh, &folder).is_err() {
            std::fs::remove_dir_all(&fresh).unwrap();
        }
    }
    folder
}
