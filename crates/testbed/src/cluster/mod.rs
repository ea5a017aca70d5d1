//! A real control plane and a real Postgres: started, reached, disturbed, ended.
//! Must not know the operator or the stand-in.

pub mod kubeconfig;
mod namespace;
pub mod pki;
pub mod programs;
mod start;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use anyhow::{Context, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::assets::Assets;
use crate::output;
use crate::postgres::{POSTGRES, Postgres};
use crate::run_dir::RunDir;
use crate::supervise::protocol::{Control, Request};
pub use namespace::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, condition, is_condition};
use programs::{APISERVER, Choices, Ports};

/// What a later command needs to know about a running testbed; kept in its directory.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Description {
    assets: Assets,
    ports: Ports,
    postgres: Postgres,
}

/// A running testbed.
#[derive(Debug)]
pub struct Cluster {
    dir: RunDir,
    control: Control,
    description: Description,
    /// Our supervisor; its standard input is the pipe whose end ends it. `None` where the
    /// testbed belongs to somebody else or was left to itself.
    supervisor: Option<Child>,
}

static SHARED: tokio::sync::OnceCell<Cluster> = tokio::sync::OnceCell::const_new();

impl Cluster {
    /// Starts one of its own. It ends with the returned value, or with this process.
    pub async fn start(choices: Choices) -> anyhow::Result<Self> {
        start::start(choices).await
    }

    /// The one that all tests of this process share, with the CRDs and the operator's
    /// account and permissions applied. It ends with this process, however that ends.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        let start = async || {
            let cluster = Self::start(Choices::default()).await?;
            cluster.apply_manifests().await?;
            Ok(cluster)
        };
        SHARED.get_or_try_init(start).await
    }

    /// The one that runs in this directory.
    pub async fn attach(dir: &Path) -> anyhow::Result<Self> {
        let dir = RunDir::at(dir);
        let control = Control::new(&dir.socket());
        control.ask(&Request::Status).await?;
        let text = std::fs::read(dir.join("description.json"))?;
        let description = serde_json::from_slice(&text)?;
        Ok(Self { dir, control, description, supervisor: None })
    }

    /// Leaves it running after this process.
    pub async fn detach(&mut self) -> anyhow::Result<()> {
        self.control.ask(&Request::Detach).await?;
        self.supervisor = None;
        Ok(())
    }

    /// Ends everything and waits until its directory is gone.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.control.ask(&Request::End).await?;
        while self.dir.path().exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let Some(mut supervisor) = self.supervisor.take() {
            supervisor.wait()?;
        }
        Ok(())
    }

    /// The directory of everything it writes.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The programs it runs.
    pub fn assets(&self) -> &Assets {
        &self.description.assets
    }

    /// The supervisor, to start further programs or to disturb the running ones.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Its database server.
    pub fn postgres(&self) -> &Postgres {
        &self.description.postgres
    }

    /// The API server's address, https.
    pub fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.description.ports.apiserver)
    }

    /// etcd's address, http.
    pub fn etcd(&self) -> String {
        format!("http://127.0.0.1:{}", self.description.ports.etcd)
    }

    /// The certificate authority that signed the API server's certificate, PEM.
    pub fn ca(&self) -> anyhow::Result<Vec<u8>> {
        Ok(std::fs::read(self.dir.join("pki/ca.crt"))?)
    }

    /// An administrator's kubeconfig.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.dir.join("admin.kubeconfig")
    }

    /// An administrator's client. Each belongs to the runtime that asked for it: do not
    /// share one between tests.
    pub async fn client(&self) -> anyhow::Result<kube::Client> {
        client_from(&self.kubeconfig_path()).await
    }

    /// Runs kubectl as an administrator.
    pub fn kubectl(&self, args: &[&str]) -> anyhow::Result<Output> {
        self.kubectl_command(args).output().context("starting kubectl")
    }

    /// Runs kubectl and returns what it prints. Errors with its message where it fails.
    pub fn kubectl_text(&self, args: &[&str]) -> anyhow::Result<String> {
        output::text(&mut self.kubectl_command(args))
    }

    fn kubectl_command(&self, args: &[&str]) -> Command {
        let mut kubectl = Command::new(&self.description.assets.kubectl);
        kubectl.args(args).env("KUBECONFIG", self.kubeconfig_path());
        // In the home directory it would be that of an earlier cluster on the same port.
        kubectl.env("KUBECACHEDIR", self.dir.join("kubectl-cache"));
        kubectl
    }

    /// Makes an empty database of its own for a test and returns its URL.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        self.copy_database("template1").await
    }

    /// The same with everything that is in another, to which nobody may be connected.
    pub async fn copy_database(&self, of: &str) -> anyhow::Result<String> {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        self.postgres().copy_database(of, &name).await
    }

    /// Every request that the API server has answered so far: audit events at level
    /// Metadata, oldest first.
    pub fn audit(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.dir.join("log/audit.json"))?;
        // The last line may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Kills a program as if from outside. The supervisor starts it again a second later.
    pub async fn kill_9(&self, name: &str) -> anyhow::Result<()> {
        self.signal(name, "SIGKILL").await
    }

    /// Stops a program's execution until [`Cluster::unpause`].
    pub async fn pause(&self, name: &str) -> anyhow::Result<()> {
        self.signal(name, "SIGSTOP").await
    }

    /// Continues a paused program.
    pub async fn unpause(&self, name: &str) -> anyhow::Result<()> {
        self.signal(name, "SIGCONT").await
    }

    /// Sends a program a signal by its name, such as `SIGQUIT`.
    pub async fn signal(&self, name: &str, signal: &str) -> anyhow::Result<()> {
        let (name, signal) = (name.to_owned(), signal.to_owned());
        self.control.ask(&Request::Signal { name, signal }).await.map(drop)
    }

    /// Ends a program, with its own end signal if none is given, and keeps it down.
    pub async fn stop(&self, name: &str, signal: Option<&str>) -> anyhow::Result<()> {
        let (name, signal) = (name.to_owned(), signal.map(str::to_owned));
        self.control.ask(&Request::Stop { name, signal }).await.map(drop)
    }

    /// Starts a stopped program again on the same port and over the same files, and waits
    /// until it answers.
    pub async fn resume(&self, name: &str) -> anyhow::Result<()> {
        self.control.ask(&Request::Resume { name: name.to_owned() }).await?;
        self.await_ready(name).await
    }

    /// [`Cluster::stop`] and [`Cluster::resume`].
    pub async fn restart(&self, name: &str, signal: Option<&str>) -> anyhow::Result<()> {
        self.stop(name, signal).await?;
        self.resume(name).await
    }

    /// Waits until a program answers; etcd and the controllers are judged by the API
    /// server's readiness, which includes etcd's.
    pub async fn await_ready(&self, name: &str) -> anyhow::Result<()> {
        match name {
            POSTGRES => self.postgres().await_ready().await,
            _ => start::await_apiserver(self).await,
        }
    }

    /// Waits until the program that ran as `old` runs as another and answers.
    pub async fn await_return(&self, name: &str, old: i32) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while self.control.pid(name).await?.is_none_or(|pid| pid == old) {
            if tokio::time::Instant::now() > deadline {
                bail!("{name} did not come back within a minute");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.await_ready(name).await
    }

    /// The pid of a program, if it runs. See [`programs`] and [`POSTGRES`] for names.
    pub async fn pid(&self, name: &str) -> anyhow::Result<Option<i32>> {
        self.control.pid(name).await
    }

    /// The API server's name for the calls above.
    pub const APISERVER: &'static str = APISERVER;
    /// etcd's name for the calls above.
    pub const ETCD: &'static str = programs::ETCD;
    /// Postgres's name for the calls above.
    pub const POSTGRES: &'static str = POSTGRES;
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

/// A client with the identity of a kubeconfig file.
pub async fn client_from(kubeconfig: &Path) -> anyhow::Result<kube::Client> {
    crate::use_ring();
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config =
        kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}
