//! What a node runs: kubelet, kube-proxy, kube-scheduler, containerd, runc and the plugins that
//! connect pods. From the cache, else built from `tools/controlplane` and `tools/node`; runc, the
//! network plugins and the tools that set links and rules from Debian's packages.
//! Must not know how they are started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, ensure};

use super::go_build::{self, GoProgram};
use crate::clone;

/// Those of Kubernetes.
const KUBERNETES: [&str; 3] = ["kubelet", "kube-proxy", "kube-scheduler"];
/// Those of containerd.
const CONTAINERD: [&str; 3] = ["containerd", "containerd-shim-runc-v2", "ctr"];
/// Our own: what holds a pod open, CoreDNS with what a node needs of it, and [`front`].
const OURS: [&str; 3] = ["pause", "dns", FRONT];
const FRONT: &str = "front";
/// Of the machine: a program, the Debian package that has it.
const PACKAGES: [(&str, &str); 4] = [
    ("/usr/sbin/runc", "runc"),
    ("/usr/sbin/nft", "nftables"),
    ("/sbin/ip", "iproute2"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
];

/// Where each part is.
#[derive(Debug)]
pub struct NodeAssets {
    /// The directory of kubelet, kube-proxy and kube-scheduler.
    pub kubernetes: PathBuf,
    /// The directory of containerd, its shim, `ctr`, `pause` and `dns`.
    pub containerd: PathBuf,
    /// The directory of the network plugins.
    pub cni: PathBuf,
}

/// Finds or makes all of it. The first time this can take ten minutes and says so.
pub fn node() -> anyhow::Result<NodeAssets> {
    packages()?;
    let release = go_build::pinned("controlplane", "k8s.io/kubernetes")?;
    let programs: anyhow::Result<Vec<_>> =
        KUBERNETES.iter().map(|name| super::controlplane::program(name, &release)).collect();
    let announced = format!("Kubernetes {release}, about 4 minutes on 2 cores");
    let kubernetes = go_build::built("controlplane", &programs?, &announced)?;
    let release = go_build::pinned("node", "github.com/containerd/containerd/v2")?;
    let ldflags = format!("-s -w -X github.com/containerd/containerd/v2/version.Version={release}");
    let containerd = |name: &'static str| GoProgram {
        name,
        package: format!("github.com/containerd/containerd/v2/cmd/{name}"),
        ldflags: ldflags.clone(),
        tags: "no_btrfs,no_devmapper,no_zfs",
    };
    let programs: Vec<_> =
        CONTAINERD.into_iter().map(containerd).chain(OURS.into_iter().map(ours)).collect();
    let announced = format!("containerd {release} and CoreDNS, about 4 minutes on 2 cores");
    let containerd = go_build::built("node", &programs, &announced)?;
    Ok(NodeAssets { kubernetes, containerd, cni: PathBuf::from("/usr/lib/cni") })
}

/// What speaks TLS in front of the stand-in, where that is a pod.
pub fn front() -> anyhow::Result<PathBuf> {
    Ok(go_build::built("node", &[ours(FRONT)], "some seconds")?.join(FRONT))
}

fn ours(name: &'static str) -> GoProgram {
    GoProgram { name, package: format!("./{name}"), ldflags: "-s -w".to_owned(), tags: "" }
}

/// Installs the packages that are missing, where that is possible without asking anybody.
fn packages() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let apt = clone::on_path("apt-get");
    let (Some(apt), true) = (apt, nix::unistd::geteuid().is_root()) else {
        bail!("a node needs {}: install these packages", missing.join(", "));
    };
    eprintln!("installing {}", missing.join(", "));
    let run = |args: &[&str]| -> anyhow::Result<bool> {
        let mut command = Command::new(&apt);
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        Ok(command.output()?.status.success())
    };
    let install = [&["install", "--yes", "--quiet", "--no-install-recommends"], &missing[..]];
    let install = install.concat();
    // The list of packages may be old or absent: it is fetched only if the first try says so.
    if !run(&install)? {
        run(&["update", "--quiet"])?;
        if !run(&install)? {
            bail!("apt-get could not install {}", missing.join(", "));
        }
    }
    let absent = self::missing();
    ensure!(absent.is_empty(), "{} installed, but not its program", absent.join(", "));
    Ok(())
}

/// The packages whose program is not there.
fn missing() -> Vec<&'static str> {
    let missing = PACKAGES.iter().filter(|(program, _)| !Path::new(program).exists());
    missing.map(|(_, package)| *package).collect()
}
