//! Namespaces of a node's own: when their first process ends, the kernel ends every process,
//! mount, link and rule in them. Must not know the node's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::{clone, output};

/// Name of the control group that holds every pod.
pub const CGROUP: &str = "backfill-e2e";
/// Settings of the whole machine that a kubelet changes.
const SETTINGS: [&str; 3] = ["kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory"];
/// What must not be the machine's own.
const PRIVATE: [&str; 4] = ["/run", "/var/lib/kubelet", "/var/lib/cni", "/var/log/containers"];

/// Why this machine cannot have a node, if it cannot.
pub fn refusal() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root, for namespaces, mounts and control groups".to_owned());
    }
    let mut probe = unshare();
    let probed = probe.args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    match probed {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Runs this program again with `args` inside namespaces of its own and waits for it; then
/// sets right what outlives them.
pub fn run(args: &[&str]) -> anyhow::Result<()> {
    let before: Vec<(PathBuf, String)> = SETTINGS
        .iter()
        .map(|name| Path::new("/proc/sys").join(name))
        .filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?)))
        .collect();
    make_cgroups()?;
    // By its name: a build of the whole workspace may have replaced the file that runs.
    let status = unshare().arg(clone::binary("testbed")?).args(args).status();
    for (path, value) in before {
        std::fs::write(&path, value).with_context(|| format!("writing {}", path.display()))?;
    }
    for root in cgroup_roots()? {
        remove_cgroup(&root.join(CGROUP));
    }
    let status = status.context("starting unshare")?;
    if !status.success() {
        bail!("it failed inside its namespaces ({status}); its output is above");
    }
    Ok(())
}

fn unshare() -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--net", "--pid", "--fork", "--mount-proc"]);
    unshare.args(["--propagation", "private", "--kill-child", "--"]);
    unshare
}

/// Inside: private directories, and a network whose one address is `address`.
pub fn prepare(address: &str) -> anyhow::Result<()> {
    if std::process::id() != 1 {
        bail!("not in a namespace of its own");
    }
    for path in PRIVATE {
        std::fs::create_dir_all(path)?;
        output::text(Command::new("mount").args(["-t", "tmpfs", "tmpfs", path]))?;
    }
    let network = [
        "link set lo up".to_owned(),
        "link add node0 type veth peer name node1".to_owned(),
        format!("address add {address}/24 dev node0"),
        "link set node0 up".to_owned(),
        "link set node1 up".to_owned(),
        // Some programs look for their address by the default route. Nothing answers there.
        "route add default dev node0".to_owned(),
    ];
    for step in network {
        output::text(Command::new("ip").args(step.split(' ')))?;
    }
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("forwarding between pods")
}

/// The roots of all hierarchies: one with cgroup v2, one per controller with v1.
fn cgroup_roots() -> anyhow::Result<Vec<PathBuf>> {
    let root = PathBuf::from("/sys/fs/cgroup");
    if root.join("cgroup.controllers").is_file() {
        return Ok(vec![root]);
    }
    let entries: Result<Vec<_>, _> = std::fs::read_dir(&root)?.collect();
    let mut roots: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    roots.retain(|path| path.is_dir() && !path.is_symlink());
    Ok(roots)
}

/// The kubelet refuses a root that is not there.
fn make_cgroups() -> anyhow::Result<()> {
    for root in cgroup_roots()? {
        let own = root.join(CGROUP);
        std::fs::create_dir_all(&own).with_context(|| format!("making {}", own.display()))?;
        // In v1 a new group may use no processor and no memory node until it is told.
        for name in ["cpuset.cpus", "cpuset.mems"] {
            if root.join(name).is_file() {
                std::fs::write(own.join(name), std::fs::read(root.join(name))?)?;
            }
        }
    }
    Ok(())
}

/// Groups are removed from the leaves up; their files are not removed at all.
fn remove_cgroup(group: &Path) {
    let below = std::fs::read_dir(group).into_iter().flatten().flatten();
    for path in below.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        remove_cgroup(&path);
    }
    if let Err(error) = std::fs::remove_dir(group)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("{} stays: {error}", group.display());
    }
}
