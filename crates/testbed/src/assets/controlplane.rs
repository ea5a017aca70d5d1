//! etcd, kube-apiserver, kube-controller-manager and kubectl: from `KUBEBUILDER_ASSETS`,
//! from `PATH`, from the cache, else built from the Go modules that `tools/controlplane`
//! pins. Must not know how they are started.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::go_build::{self, GoProgram};
use super::{KUBERNETES_MINOR_MIN, output_of, version_in};
use crate::clone;

const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];
/// The folder of `tools` that pins them.
const MODULE: &str = "controlplane";

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
fn built(names: &[&'static str]) -> anyhow::Result<PathBuf> {
    let release = go_build::pinned(MODULE, "k8s.io/kubernetes")?;
    let programs: anyhow::Result<Vec<_>> =
        names.iter().map(|name| program(name, &release)).collect();
    let announced = format!(
        "Kubernetes {release}, about 10 minutes on 2 cores, under one when Go's own cache is warm"
    );
    go_build::built(MODULE, &programs?, &announced)
        .context("no control plane; KUBEBUILDER_ASSETS can name a directory that has one already")
}

/// How one of Kubernetes' programs is built, or etcd.
pub(super) fn program(name: &'static str, release: &str) -> anyhow::Result<GoProgram> {
    Ok(if name == "etcd" {
        let package = "go.etcd.io/etcd/server/v3".to_owned();
        GoProgram { name, package, ldflags: "-s -w".to_owned(), tags: "" }
    } else {
        let package = format!("k8s.io/kubernetes/cmd/{name}");
        GoProgram { name, package, ldflags: linker_flags(release)?, tags: "" }
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::linker_flags;

    #[test]
    fn the_server_is_stamped_with_the_pinned_release() {
        let flags = linker_flags("v1.36.3").unwrap();
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.36.3"));
        assert!(flags.contains("-X k8s.io/client-go/pkg/version.gitMinor=36"));
    }
}
