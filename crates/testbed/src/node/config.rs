//! The configuration files of a node's programs. Must not start anything.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::images::PAUSE;
use super::{dns, sandbox};
use crate::assets::NodeAssets;
use crate::cluster::pki::Pki;

/// Addresses of pods.
const PODS: &str = "10.244.0.0/24";

/// Where containerd listens.
pub fn socket(state: &Path) -> PathBuf {
    state.join("containerd.sock")
}

/// Writes all of them below `state`.
pub fn write(
    state: &Path,
    assets: &NodeAssets,
    pki: &Pki,
    proxy_kubeconfig: &Path,
    address: &str,
) -> anyhow::Result<()> {
    let below = |name: &str| state.join(name).display().to_string();
    for dir in ["certs.d/_default", "cni", "kubelet", "kubelet-plugins"] {
        std::fs::create_dir_all(state.join(dir))?;
    }
    // A pull of an image that was not taken in is refused at once instead of hanging.
    let nowhere = "server = \"http://127.0.0.1:9\"\n[host.\"http://127.0.0.1:9\"]\n";
    std::fs::write(state.join("certs.d/_default/hosts.toml"), nowhere)?;
    std::fs::write(state.join("containerd.toml"), containerd(state, assets))?;
    // Without a bridge: a link of its own per pod, and the address of the pod kept.
    let network = json!({
        "cniVersion": "1.0.0", "name": "pods",
        "plugins": [{
            "type": "ptp", "ipMasq": false, "mtu": 1500,
            "ipam": {
                "type": "host-local", "dataDir": below("addresses"),
                "ranges": [[{ "subnet": PODS }]], "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    });
    std::fs::write(state.join("cni/10-pods.conflist"), network.to_string())?;
    let kubelet = kubelet(state, pki, address);
    std::fs::write(state.join("kubelet.json"), kubelet.to_string())?;
    let proxy = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": { "kubeconfig": proxy_kubeconfig },
        // One table, gone with the network namespace.
        "mode": "nftables",
        "clusterCIDR": PODS,
        "hostnameOverride": super::NAME,
        "bindAddress": "127.0.0.1",
        "oomScoreAdj": 0,
        // These would be the machine's.
        "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s" },
    });
    std::fs::write(state.join("kube-proxy.json"), proxy.to_string())?;
    Ok(())
}

fn kubelet(state: &Path, pki: &Pki, address: &str) -> Value {
    let below = |name: &str| state.join(name).display().to_string();
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // Since Kubernetes 1.35 it would refuse to start on cgroup v1.
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", sandbox::CGROUP),
        "containerRuntimeEndpoint": format!("unix://{}", below("containerd.sock")),
        "address": address,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": { "enabled": false }, "webhook": { "enabled": true },
            "x509": { "clientCAFile": pki.file("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        // A lower one needs CAP_SYS_RESOURCE, which a container may lack.
        "oomScoreAdj": 0,
        "seccompDefault": true,
        "resolvConf": "",
        "clusterDNS": [dns::ADDRESS],
        "clusterDomain": dns::DOMAIN,
        "podLogsDir": below("pod-logs"),
        "volumePluginDir": below("kubelet-plugins"),
        "evictionHard": { "memory.available": "100Mi", "nodefs.available": "1%",
            "nodefs.inodesFree": "1%", "imagefs.available": "1%" },
        "imageGCHighThresholdPercent": 100,
        "shutdownGracePeriod": "0s",
    })
}

fn containerd(state: &Path, assets: &NodeAssets) -> String {
    let (state, cni) = (state.display(), assets.cni.display());
    format!(
        r#"version = 3
root = "{state}/containerd"
state = "{state}/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs"]
[grpc]
  address = "{state}/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE}"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "{state}/certs.d"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{state}/runc"
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{cni}"]
    conf_dir = "{state}/cni"
"#
    )
}
