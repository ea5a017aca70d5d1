//! The command lines of the control plane. Pure: from paths and ports to programs.
//! Must not start anything or touch a file.

use std::collections::BTreeMap;
use std::path::Path;

use super::pki::Pki;
use crate::assets::Assets;
use crate::run_dir::RunDir;
use crate::supervise::protocol::{Program, Revival};

/// Names by which the supervisor knows them.
pub const ETCD: &str = "etcd";
/// The API server's name.
pub const APISERVER: &str = "kube-apiserver";
/// The controllers' name.
pub const CONTROLLERS: &str = "kube-controller-manager";

/// Free loopback ports of one control plane.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    /// etcd's clients.
    pub etcd: u16,
    /// etcd's peers, of which there are none.
    pub etcd_peer: u16,
    /// The API server, https.
    pub apiserver: u16,
    /// The controllers' probes.
    pub controllers: u16,
}

/// What changes from testbed to testbed.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// etcd and Postgres write through to the disk. Needed only to survive the end of the
    /// machine: a killed process loses nothing that it has handed to the kernel.
    pub durable: bool,
    /// Flags added to the API server's, such as `--watch-cache=false`.
    pub apiserver_flags: Vec<String>,
}

impl Choices {
    /// The API server also listens at this address of the machine, and pods find it there.
    #[must_use]
    pub fn reached_at(mut self, address: &str) -> Self {
        self.apiserver_flags.extend([
            "--bind-address=0.0.0.0".to_owned(),
            format!("--advertise-address={address}"),
            // Names of nodes are known to nobody.
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ]);
        self
    }
}

/// A program that comes back when it ends, with its log in the run directory.
pub fn program(dir: &RunDir, name: &str, path: &Path, args: Vec<String>) -> Program {
    Program {
        name: name.to_owned(),
        path: path.to_owned(),
        args,
        env: BTreeMap::new(),
        uid: None,
        log: dir.log(name),
        revival: Revival::Always,
        end_signal: "SIGTERM".to_owned(),
        death_signal: "SIGKILL".to_owned(),
        pid_file: None,
    }
}

/// etcd with one member.
pub fn etcd(dir: &RunDir, assets: &Assets, ports: Ports, choices: &Choices) -> Program {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut args = vec![
        "--name=testbed".to_owned(),
        format!("--data-dir={}", dir.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=testbed={peer}"),
        "--log-level=warn".to_owned(),
    ];
    if !choices.durable {
        args.push("--unsafe-no-fsync".to_owned());
    }
    program(dir, ETCD, &assets.etcd, args)
}

/// The API server: Node and RBAC authorization; ServiceAccount and PodSecurity admission
/// are on by default; every answered request is audited.
pub fn apiserver(dir: &RunDir, assets: &Assets, ports: Ports, choices: &Choices) -> Program {
    let pki = Pki::at(&dir.join("pki"));
    let file = |flag: &str, name: &str| format!("--{flag}={}", pki.file(name).display());
    let mut args = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.apiserver),
        file("tls-cert-file", "apiserver.crt"),
        file("tls-private-key-file", "apiserver.key"),
        file("client-ca-file", "ca.crt"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        file("service-account-key-file", "tokens.pub"),
        file("service-account-signing-key-file", "tokens.key"),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--allow-privileged=true".to_owned(),
        // For `kubectl logs` and `exec`, where there is a node.
        file("kubelet-client-certificate", "admin.crt"),
        file("kubelet-client-key", "admin.key"),
        "--profiling=false".to_owned(),
        format!("--cert-dir={}", dir.join("pki").display()),
        format!("--audit-policy-file={}", dir.join("audit-policy.yaml").display()),
        format!("--audit-log-path={}", dir.join("log/audit.json").display()),
        // Megabytes. By default it is a new file after 100, and who reads it misses the rest.
        "--audit-log-maxsize=4000".to_owned(),
    ];
    args.extend(choices.apiserver_flags.iter().cloned());
    program(dir, APISERVER, &assets.kube_apiserver, args)
}

/// The controllers: default ServiceAccounts, namespace deletion, garbage collection.
pub fn controllers(dir: &RunDir, assets: &Assets, ports: Ports) -> Program {
    let kubeconfig = dir.join("controllers.kubeconfig");
    let config = |flag: &str| format!("--{flag}={}", kubeconfig.display());
    let pki = Pki::at(&dir.join("pki"));
    let args = vec![
        config("kubeconfig"),
        config("authentication-kubeconfig"),
        config("authorization-kubeconfig"),
        "--use-service-account-credentials".to_owned(),
        format!("--service-account-private-key-file={}", pki.file("tokens.key").display()),
        format!("--root-ca-file={}", pki.file("ca.crt").display()),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.controllers),
        "--leader-elect=false".to_owned(),
        format!("--cert-dir={}", dir.join("pki").display()),
        // The default 20 and 30 cost five seconds at the start.
        "--kube-api-qps=300".to_owned(),
        "--kube-api-burst=600".to_owned(),
    ];
    program(dir, CONTROLLERS, &assets.kube_controller_manager, args)
}

/// Metadata of every request once it is answered; bodies would hold tokens.
pub const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";
