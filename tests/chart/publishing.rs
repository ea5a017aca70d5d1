//! The commands of a release, as they are written, with a key and a registry of the test's own:
//! the chart that comes back is installed from there, and an altered one is not taken.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::supervise::trampoline::tied;
use testbed::{assets, clone, ports};

use super::LIMIT;

/// What the commands are typed into: Helm without TLS, because the registry here has none.
const SHELL: &str = r#"
helm() {
  case $1 in
    push | template) command helm "$@" --plain-http ;;
    *) command helm "$@" ;;
  esac
}
"#;
/// A key of the type that is told, without a passphrase: there is nobody to ask for it.
const KEY: &str = "gpg --batch --passphrase '' --quick-gen-key release@example.org rsa3072";

/// Runs a script in this directory, which is the home of its own GnuPG, too.
fn shell(dir: &Path, script: &str) -> Result<String, String> {
    let helm = assets::helm().unwrap();
    let script = format!("PATH={}:$PATH\n{script}", helm.parent().unwrap().display());
    let ran = Command::new("env")
        .args(["--default-signal=HUP,INT,TERM", "bash"])
        .args(["-euc", &script])
        .current_dir(dir)
        .env("HOME", dir)
        .env("GNUPGHOME", dir.join("gnupg"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    if ran.status.success() { Ok(String::from_utf8(ran.stdout).unwrap()) } else { Err(said) }
}

/// A registry that ends with this thread at the latest, and where it listens.
fn registry(dir: &Path) -> (Child, String) {
    let address = format!("127.0.0.1:{}", ports::free().unwrap());
    let file = dir.join("registry.yaml");
    let storage = dir.join("registry");
    let config = json!({"version": "0.1", "http": {"addr": address},
        "storage": {"filesystem": {"rootdirectory": storage}}});
    std::fs::write(&file, config.to_string()).unwrap();
    let log = std::fs::File::create(dir.join("registry.log")).unwrap();
    let child = tied(&assets::registry().unwrap())
        .unwrap()
        .arg("serve")
        .arg(&file)
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(&address).is_err() {
        let said = || std::fs::read_to_string(dir.join("registry.log")).unwrap();
        assert!(Instant::now() < deadline, "no registry: {}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
    (child, address)
}

/// The commands in CONTRIBUTING.md, for this version and this registry.
fn told(version: &str, address: &str) -> String {
    let text = std::fs::read_to_string(clone::root().unwrap().join("CONTRIBUTING.md")).unwrap();
    let (_, release) = text.split_once("\n## A release\n").unwrap();
    let (_, block) = release.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains("1.2.3") && block.contains("registry.example.com"), "{block}");
    block.replace("1.2.3", version).replace("registry.example.com", address)
}

/// A directory with a home for GnuPG, a key in it, and the chart.
fn clone_with_a_key() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["gnupg", "target"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let charts = clone::root().unwrap().join("charts");
    std::os::unix::fs::symlink(charts, dir.path().join("charts")).unwrap();
    shell(dir.path(), &format!("chmod 700 gnupg; {KEY}")).expect("GnuPG makes a key");
    dir
}

#[test]
fn a_release_that_is_interrupted_leaves_no_secret_key() {
    let dir = clone_with_a_key();
    let dir = dir.path();
    let secret = dir.join("target/secret.gpg");
    for ends in ["false", "kill -INT $BASHPID", "kill -TERM $BASHPID", "kill -HUP $BASHPID"] {
        // As whoever is asked for the passphrase may do.
        let helm = format!("helm() {{ test -s target/secret.gpg && echo signs; {ends}; }}\n");
        let script = format!("{helm}{{ {}}} > said", told("1.2.3", "registry.example.com"));
        shell(dir, &script).expect_err("nothing was signed");
        assert!(!secret.exists(), "{ends}: the secret key is left there");
        let said = std::fs::read_to_string(dir.join("said")).unwrap();
        assert_eq!(said, "signs\n", "{ends}: it goes on");
        std::fs::remove_file(dir.join("target/public.gpg")).unwrap();
    }
    shell(dir, "gpgconf --kill all").unwrap();
}

#[test]
fn the_commands_of_a_release_publish_a_chart_that_can_be_verified_and_installed() {
    let dir = clone_with_a_key();
    let dir = dir.path();
    let (mut registry, address) = registry(dir);
    let version = env!("CARGO_PKG_VERSION");
    let said = shell(dir, &format!("{SHELL}{}", told(version, &address))).unwrap();
    assert!(said.contains("Chart Hash Verified: "), "{said}");
    // What the registry gave back, rendered.
    assert!(said.contains("kind: Deployment\n"), "{said}");
    assert!(!dir.join("target/secret.gpg").exists(), "the secret key is left there");

    let chart = format!("target/backfill-operator-{version}.tgz");
    let verify = format!("helm verify {chart} --keyring target/public.gpg");
    shell(dir, &format!("printf x >> {chart}; {verify}")).expect_err("it was altered");
    shell(dir, "gpgconf --kill all").unwrap();
    registry.kill().unwrap();
    registry.wait().unwrap();
}
