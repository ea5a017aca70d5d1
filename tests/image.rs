//! The operator's image: what is in it, what it says, and that the operator runs in nothing else.
//!
//! It is the archive that is made without an engine; the Dockerfile is held against it.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use testbed::{Cluster, clone};

use crate::support::objects::message;
use crate::support::{Ground, Setup, World};

const MEGABYTE: usize = 1_000_000;
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The archive, made once for all tests.
static ARCHIVE: LazyLock<Archive> = LazyLock::new(Archive::make);

struct Archive {
    bytes: Vec<u8>,
    digest: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("image.tar");
        let root = clone::root().unwrap();
        let written = image::archive(&root, "backfill-operator:0.1.0", &file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let mut tar = tar::Archive::new(bytes.as_slice());
        let files = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        });
        let files = files.collect();
        Self { digest: written.digest, files, bytes }
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.files[path]).unwrap()
    }

    /// What a descriptor points to. Its digest and size are true.
    fn blob(&self, descriptor: &Value) -> &[u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = &self.files[&format!("blobs/{}", digest.replace(':', "/"))];
        assert_eq!(format!("sha256:{}", sha256(bytes)), digest);
        assert_eq!(json!(bytes.len()), descriptor["size"]);
        bytes
    }

    fn manifest(&self) -> Value {
        let index = self.json("index.json");
        serde_json::from_slice(self.blob(&index["manifests"][0])).unwrap()
    }

    fn config(&self) -> Value {
        serde_json::from_slice(self.blob(&self.manifest()["config"])).unwrap()
    }

    /// The layer as a tar.
    fn layer(&self) -> Vec<u8> {
        let manifest = self.manifest();
        let mut tar = Vec::new();
        GzDecoder::new(self.blob(&manifest["layers"][0])).read_to_end(&mut tar).unwrap();
        tar
    }

    fn unpack(&self, dir: &Path) {
        let layer = self.layer();
        let mut tar = tar::Archive::new(layer.as_slice());
        tar.set_preserve_permissions(true);
        tar.unpack(dir).unwrap();
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digits =
        |byte: &u8| [byte >> 4, byte & 15].map(|it| char::from_digit(it.into(), 16).unwrap());
    sha2::Sha256::digest(bytes).iter().flat_map(digits).collect()
}

#[test]
fn the_image_holds_the_operator_its_authorities_and_nothing_else() {
    let layer = ARCHIVE.layer();
    let mut tar = tar::Archive::new(layer.as_slice());
    let found: Vec<_> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            (entry.path().unwrap().display().to_string(), header.mode().unwrap())
        })
        .collect();
    let expected = [
        ("etc/", 0o755),
        ("etc/ssl/", 0o755),
        ("etc/ssl/certs/", 0o755),
        ("backfill-operator", 0o555),
        (AUTHORITIES, 0o444),
    ];
    assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    assert!(layer.len() < 30 * MEGABYTE, "{} bytes", layer.len());
}

#[test]
fn the_image_says_who_runs_what_and_where_it_comes_from() {
    let config = ARCHIVE.config();
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], json!(["/backfill-operator"]));
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", sha256(&ARCHIVE.layer())));
    let labels = config["config"]["Labels"].as_object().unwrap();
    assert_eq!(labels["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));

    // The Dockerfile says the same; an engine is told the revision.
    let dockerfile = std::fs::read_to_string(clone::root().unwrap().join("Dockerfile")).unwrap();
    let fixed = |name: &str| !name.ends_with(".revision");
    for (name, value) in labels.iter().filter(|(name, _)| fixed(name)) {
        let label = format!("{name}={value}");
        assert!(dockerfile.contains(&label), "{label}");
    }
    assert_eq!(dockerfile.matches("org.opencontainers.").count() + 1, labels.len());
    let variables = config["config"]["Env"].as_array().unwrap();
    let variables: Vec<_> = variables.iter().map(|one| one.as_str().unwrap()).collect();
    assert!(dockerfile.contains(&format!("\nENV {}\n", variables.join(" "))), "{variables:?}");
    assert!(dockerfile.contains("\nUSER 65532:65532\nENTRYPOINT [\"/backfill-operator\"]\n"));
    let toolchain = std::fs::read_to_string(clone::root().unwrap().join("rust-toolchain.toml"));
    let toolchain = toolchain.unwrap();
    let (_, channel) = toolchain.split_once("channel = \"").unwrap();
    let channel = channel.split('"').next().unwrap();
    for text in [format!("/rust:{channel}-slim-"), format!("RUSTUP_TOOLCHAIN={channel}\n")] {
        assert!(dockerfile.contains(&text), "the Dockerfile lacks {text}");
    }
}

#[test]
fn every_engine_finds_the_image_in_the_archive() {
    // Docker's own index names the same blobs as the OCI layout.
    assert_eq!(ARCHIVE.json("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}));
    let docker = &ARCHIVE.json("manifest.json")[0];
    assert_eq!(docker["RepoTags"], json!(["backfill-operator:0.1.0"]));
    let path = |descriptor: &Value| {
        json!(format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/")))
    };
    let manifest = ARCHIVE.manifest();
    assert_eq!(docker["Config"], path(&manifest["config"]));
    assert_eq!(docker["Layers"], json!([path(&manifest["layers"][0])]));
    let index = &ARCHIVE.json("index.json")["manifests"][0];
    assert_eq!(index["digest"], ARCHIVE.digest);
    let name = &index["annotations"]["io.containerd.image.name"];
    assert_eq!(name, "docker.io/library/backfill-operator:0.1.0");
}

#[test]
fn the_image_is_the_same_each_time_and_tells_nothing_of_the_machine() {
    assert!(Archive::make().bytes == ARCHIVE.bytes, "two archives differ");
    let dir = tempfile::tempdir().unwrap();
    ARCHIVE.unpack(dir.path());
    let binary = std::fs::read(dir.path().join("backfill-operator")).unwrap();
    let text = String::from_utf8_lossy(&binary);
    let root = clone::root().unwrap();
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let toolchain = std::process::Command::new("rustc").args(["--print", "sysroot"]).output();
    let toolchain = String::from_utf8(toolchain.unwrap().stdout).unwrap();
    let cargo = std::env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
    for path in [root.as_path(), &cargo, Path::new(toolchain.trim())] {
        assert!(!text.contains(&path.display().to_string()), "{} is in it", path.display());
    }
    // A text that holds no path at all would prove nothing.
    assert!(text.contains("/cargo/registry/src/") && text.contains("/rustc/"));
}

/// A program that becomes the operator with the directory as its root and the machine's devices in
/// it, as an engine does, and as the image's user. The kernel lets everybody do so.
fn alone_in(dir: &Path, program: &Path) {
    let dir = dir.display();
    let script = format!(
        "#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '\n\
         mount --rbind /dev {dir}/dev\n\
         exec unshare --user --map-user=65532 --map-group=65532 --root={dir} \
         /backfill-operator \"$@\"' operator \"$@\"\n",
    );
    std::fs::write(program, script).unwrap();
    std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Runs the image beside an API server that also plays GitHub: it speaks TLS and refuses the
/// token. Returns once Ready gives this reason.
async fn against_tls(trusts_it: bool, expected: &str, told: &str) {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &Setup::from(World::of("acme/api", 3))).await;
    let root = ground.dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    ARCHIVE.unpack(&root);
    std::fs::create_dir(root.join("dev")).unwrap();
    // The kubeconfig with its authority inside, since no other file is there.
    let authority = std::fs::read_to_string(cluster.dir().join("pki/ca.crt")).unwrap();
    std::fs::write(root.join("ca.crt"), &authority).unwrap();
    let kubeconfig = std::fs::read_to_string(&ground.options.kubeconfig).unwrap();
    let ca = cluster.dir().join("pki/ca.crt").display().to_string();
    std::fs::write(root.join("kubeconfig"), kubeconfig.replace(&ca, "/ca.crt")).unwrap();
    if trusts_it {
        let bundle = root.join(AUTHORITIES);
        let all = std::fs::read_to_string(&bundle).unwrap() + &authority;
        std::fs::set_permissions(&bundle, PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::write(&bundle, all).unwrap();
    }
    let port = cluster.server().rsplit(':').next().unwrap().to_owned();
    ground.options.github_url = format!("https://localhost:{port}");
    // What a kubelet puts into every pod.
    std::fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
    ground.options.kubeconfig = "/kubeconfig".into();
    let program = ground.dir.path().join("alone");
    alone_in(&root, &program);
    let trial = ground.start_from(&program).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let object = trial.until_reason("api", expected).await;
    assert!(message(&object).contains(told), "{}", message(&object));
    trial.finish().await;
}

#[tokio::test]
async fn in_nothing_but_its_image_the_operator_trusts_whom_the_bundle_names() {
    against_tls(true, "CredentialsInvalid", "replace its token").await;
    against_tls(false, "GitHubUnavailable", "certificate").await;
}
