//! One real node beside the control plane: containerd, kubelet, kube-proxy and the scheduler,
//! inside mount, network and process namespaces of its own. Must not know what its pods are.

mod config;
mod dns;
pub mod images;
pub mod sandbox;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::assets::NodeAssets;
use crate::cluster::kubeconfig::{self, Identity};
use crate::cluster::pki::Pki;
use crate::cluster::programs::program;
use crate::output;
use crate::run_dir::tail;
use crate::until::until_ok;
use crate::{Choices, Cluster};

/// Its name.
pub const NAME: &str = "node";
/// Address of the node inside its namespace; a documentation range, so that no network of the
/// machine is hidden (RFC 5737).
const ADDRESS: &str = "192.0.2.2";

/// A node that is ready for pods.
#[derive(Debug)]
pub struct Node {
    /// The control plane it belongs to.
    pub cluster: Cluster,
    assets: NodeAssets,
    state: PathBuf,
}

impl Node {
    /// Starts a control plane and this node of it. Must run in a [`sandbox`]. `state` is where
    /// containerd keeps its images: they are gone with it.
    pub async fn start(assets: NodeAssets, state: &Path) -> anyhow::Result<Self> {
        sandbox::prepare(ADDRESS)?;
        let cluster = Cluster::start(Choices::default().reached_at(ADDRESS)).await?;
        let node = Self { cluster, assets, state: state.to_owned() };
        node.write_files()?;
        node.start_containerd().await?;
        Ok(node)
    }

    /// Takes an image in; pods that name it then start without a registry.
    pub fn import(&self, archive: &Path) -> anyhow::Result<()> {
        output::text(self.ctr().args(["images", "import", "--local"]).arg(archive)).map(drop)
    }

    /// Starts the kubelet and what goes with it, then the cluster's DNS; once the images of
    /// [`images::PAUSE`] and [`images::DNS`] are there.
    pub async fn join(&self) -> anyhow::Result<()> {
        let cluster = &self.cluster;
        let dir = cluster.dir();
        let config = |name: &str| self.state.join(name).display().to_string();
        let flags: [(&str, Vec<String>); 3] = [
            (
                "kubelet",
                vec![
                    format!("--config={}", config("kubelet.json")),
                    format!("--kubeconfig={}", dir.join("node.kubeconfig").display()),
                    format!("--root-dir={}", config("kubelet")),
                    format!("--cert-dir={}", config("kubelet-pki")),
                    format!("--hostname-override={NAME}"),
                    format!("--node-ip={ADDRESS}"),
                ],
            ),
            ("kube-proxy", vec![format!("--config={}", config("kube-proxy.json"))]),
            (
                "kube-scheduler",
                vec![
                    format!("--kubeconfig={}", dir.join("scheduler.kubeconfig").display()),
                    "--leader-elect=false".to_owned(),
                    "--bind-address=127.0.0.1".to_owned(),
                    format!("--cert-dir={}", config("scheduler-pki")),
                ],
            ),
        ];
        for (name, args) in flags {
            let path = self.assets.kubernetes.join(name);
            cluster.control().start(program(dir, name, &path, args)).await?;
        }
        let ready = until_ok("the node", async || {
            let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            let ready = cluster.kubectl_text(&["get", "node", NAME, "--output", path])?;
            if ready != "True" {
                bail!("the node is not ready");
            }
            Ok(())
        });
        ready.await.with_context(|| format!("the kubelet says:\n{}", tail(&dir.log("kubelet"))))?;
        let manifest = dir.join("dns.json");
        std::fs::write(&manifest, dns::manifests().to_string())?;
        cluster.kubectl_text(&["apply", "--filename", &manifest.display().to_string()])?;
        let wait = ["rollout", "status", "--namespace", "kube-system", "deployment/dns"];
        cluster.kubectl_text(&wait).map(drop)
    }

    async fn start_containerd(&self) -> anyhow::Result<()> {
        let dir = self.cluster.dir();
        let config = self.state.join("containerd.toml").display().to_string();
        let path = self.assets.containerd.join("containerd");
        let mut containerd = program(dir, "containerd", &path, vec!["--config".to_owned(), config]);
        let search = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.assets.containerd.display());
        containerd.env.insert("PATH".to_owned(), search);
        self.cluster.control().start(containerd).await?;
        let answering =
            until_ok("containerd", async || output::text(self.ctr().arg("version")).map(drop));
        answering.await.with_context(|| tail(&dir.log("containerd")))
    }

    fn ctr(&self) -> Command {
        let mut ctr = Command::new(self.assets.containerd.join("ctr"));
        ctr.arg("--address").arg(config::socket(&self.state)).args(["--namespace", "k8s.io"]);
        ctr
    }

    fn write_files(&self) -> anyhow::Result<()> {
        let dir = self.cluster.dir();
        let pki = Pki::at(&dir.join("pki"));
        for identity in ["node", "proxy", "scheduler"] {
            let file = dir.join(&format!("{identity}.kubeconfig"));
            let server = self.cluster.server();
            kubeconfig::write(&file, &server, &pki, &Identity::Certificate(identity))?;
        }
        config::write(&self.state, &self.assets, &pki, &dir.join("proxy.kubeconfig"), ADDRESS)
    }
}
