//! etcd, kube-apiserver, kube-controller-manager and kubectl: from `KUBEBUILDER_ASSETS`,
//! from `PATH`, from the cache, else built from the Go modules that `tools/controlplane`
//! pins. Must not know how they are started.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::{KUBERNETES_MINOR_MIN, lock, output_of, version_in};
use crate::clone;
use crate::supervise::trampoline::tied;

const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];
/// Raised when the way of building changes, so that old cache entries are not used.
const RECIPE: &str = "1";
/// A line of progress is printed this often while the compiler says nothing.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// The four programs in the order of [`NAMES`].
pub fn find() -> anyhow::Result<[PathBuf; 4]> {
    let in_dir = |dir: &Path| NAMES.map(|name| dir.join(name));
    if let Some(dir) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|dir| !dir.is_empty()) {
        return complete(in_dir(Path::new(&dir)));
    }
    if let [Some(etcd), Some(apiserver), Some(controllers), Some(kubectl)] =
        NAMES.map(clone::on_path)
    {
        let found = [etcd, apiserver, controllers, kubectl];
        if found[1..].iter().all(|program| usable(program)) {
            return Ok(found);
        }
    }
    Ok(in_dir(&built(&NAMES)?))
}

/// What setup-envtest installs lacks the controllers: only those are then built.
fn complete(mut given: [PathBuf; 4]) -> anyhow::Result<[PathBuf; 4]> {
    for index in [0, 1, 3] {
        if !given[index].is_file() {
            bail!("KUBEBUILDER_ASSETS is set, but there is no {}", given[index].display());
        }
    }
    if !given[2].is_file() {
        given[2] = built(&NAMES[2..3])?.join(NAMES[2]);
    }
    Ok(given)
}

fn usable(program: &Path) -> bool {
    let is_kubectl = program.ends_with("kubectl");
    let args: &[&str] = if is_kubectl { &["version", "--client"] } else { &["--version"] };
    let version = output_of(program, args).and_then(|text| version_in(&text));
    version.is_some_and(|(major, minor)| major == 1 && minor >= KUBERNETES_MINOR_MIN)
}

/// The cache directory after the programs `names` are in it.
fn built(names: &[&str]) -> anyhow::Result<PathBuf> {
    let module = clone::root()?.join("tools/controlplane");
    let go_mod = std::fs::read_to_string(module.join("go.mod"))?;
    let go_sum = std::fs::read(module.join("go.sum"))?;
    let digest = Sha256::new().chain_update(&go_mod).chain_update(go_sum).chain_update(RECIPE);
    let key = digest.finalize().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let dir = clone::cache()?.join(format!("controlplane-{key:016x}"));
    let missing = |dir: &Path| -> Vec<&str> {
        names.iter().copied().filter(|name| !dir.join(name).is_file()).collect()
    };
    if missing(&dir).is_empty() {
        return Ok(dir);
    }
    let _lock = lock(&dir)?;
    let missing = missing(&dir);
    if missing.is_empty() {
        return Ok(dir);
    }
    std::fs::create_dir_all(&dir)?;
    let go = clone::on_path("go").context(
        "no Go compiler on PATH: the testbed builds etcd and Kubernetes with it the first time. \
         Install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a directory that has them",
    )?;
    let release = kubernetes_release(&go_mod)?;
    eprintln!(
        "building {} (Kubernetes {release}) once, into {}: \
         about 10 minutes on 2 cores, under one when Go's own cache is warm",
        missing.join(", "),
        dir.display()
    );
    for name in missing {
        build(&go, &module, name, &release, &dir)?;
    }
    Ok(dir)
}

/// `v1.36.3` of the line that pins `k8s.io/kubernetes`.
fn kubernetes_release(go_mod: &str) -> anyhow::Result<String> {
    let line = go_mod.lines().find(|line| line.trim().starts_with("k8s.io/kubernetes "));
    let version = line.and_then(|line| line.split_whitespace().nth(1));
    version.map(str::to_owned).context("tools/controlplane/go.mod names no k8s.io/kubernetes")
}

/// Without its version stamped in, the server says v0.0.0-master, which clients' version
/// checks misread.
fn linker_flags(release: &str) -> anyhow::Result<String> {
    let (major, minor) = version_in(release).context("an unreadable Kubernetes release")?;
    let mut flags = vec!["-s -w".to_owned()];
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        let stamps = [
            format!("gitVersion={release}"),
            format!("gitMajor={major}"),
            format!("gitMinor={minor}"),
            "gitTreeState=clean".to_owned(),
            "gitCommit=0000000".to_owned(),
        ];
        flags.extend(stamps.map(|stamp| format!("-X {package}.{stamp}")));
    }
    Ok(flags.join(" "))
}

fn build(go: &Path, module: &Path, name: &str, release: &str, dir: &Path) -> anyhow::Result<()> {
    let etcd = name == "etcd";
    let package = if etcd {
        "go.etcd.io/etcd/server/v3".to_owned()
    } else {
        format!("k8s.io/kubernetes/cmd/{name}")
    };
    let flags = if etcd { "-s -w".to_owned() } else { linker_flags(release)? };
    // Built beside its place and moved there whole: a build that was ended leaves nothing.
    let unfinished = dir.join(format!("{name}.unfinished"));
    let began = Instant::now();
    let child = tied(go)?
        .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
        .arg(&unfinished)
        .arg(&package)
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .spawn()
        .context("starting go")?;
    wait_reporting(child, name, began)?;
    std::fs::rename(&unfinished, dir.join(name))?;
    eprintln!("  {name} built in {} s", began.elapsed().as_secs());
    Ok(())
}

fn wait_reporting(mut child: Child, name: &str, began: Instant) -> anyhow::Result<()> {
    let mut reported = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if reported.elapsed() > REPORT_EVERY {
            reported = Instant::now();
            eprintln!("  {name}: building for {} s", began.elapsed().as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        bail!("go build of {name} failed ({status}); its output is above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{kubernetes_release, linker_flags};

    #[test]
    fn the_server_is_stamped_with_the_pinned_release() {
        let go_mod = "require (\n\tk8s.io/kubernetes v1.36.3 // indirect\n)\n";
        let release = kubernetes_release(go_mod).unwrap();
        assert_eq!(release, "v1.36.3");
        let flags = linker_flags(&release).unwrap();
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.36.3"));
        assert!(flags.contains("-X k8s.io/client-go/pkg/version.gitMinor=36"));
    }
}
