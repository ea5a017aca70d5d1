//! Brings a testbed up: supervisor, certificates, etcd, API server, controllers, and
//! Postgres beside them. Must not know how the supervisor keeps them running.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;

use super::kubeconfig::{self, Identity};
use super::pki::Pki;
use super::programs::{self, AUDIT_POLICY, Choices, Ports};
use super::{Cluster, Description};
use crate::assets::Assets;
use crate::postgres::Postgres;
use crate::run_dir::{RunDir, tail};
use crate::supervise::protocol::Control;
use crate::{clone, ports};

/// Measured 5.6 s on two idle cores; a busy machine takes several times that.
const START_LIMIT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Starts everything and returns once the API server and Postgres answer and the
/// controllers have made the first ServiceAccount.
pub async fn start(choices: Choices) -> anyhow::Result<Cluster> {
    crate::use_ring();
    let assets = tokio::task::spawn_blocking(Assets::find).await??;
    let dir = RunDir::create()?;
    let supervisor = start_supervisor(&dir)?;
    let control = Control::new(&dir.socket());
    let ports = Ports {
        etcd: ports::free()?,
        etcd_peer: ports::free()?,
        apiserver: ports::free()?,
        controllers: ports::free()?,
    };
    let (pg_dir, pg_bin, pg_port) = (dir.clone(), assets.postgres_bin.clone(), ports::free()?);
    let making = tokio::task::spawn_blocking(move || Postgres::make(&pg_dir, &pg_bin, pg_port));
    write_files(&dir, ports)?;
    control.await_answer(Duration::from_secs(10)).await?;
    control.start(programs::etcd(&dir, &assets, ports, &choices)).await?;
    control.start(programs::apiserver(&dir, &assets, ports, &choices)).await?;
    let postgres = making.await??;
    control.start(postgres.program(&dir, &assets.postgres_bin, &choices)).await?;
    let description = Description { assets, ports, postgres };
    std::fs::write(dir.join("description.json"), serde_json::to_vec_pretty(&description)?)?;
    let cluster = Cluster { dir, control, description, supervisor: Some(supervisor) };
    await_apiserver(&cluster).await?;
    // Started only now: before the API server is ready it would wait in steps of seconds.
    let controllers = programs::controllers(&cluster.dir, &cluster.description.assets, ports);
    cluster.control.start(controllers).await?;
    await_controllers(&cluster).await?;
    cluster.postgres().await_ready().await?;
    Ok(cluster)
}

fn start_supervisor(dir: &RunDir) -> anyhow::Result<Child> {
    let path = dir.log("supervisor");
    let log = OpenOptions::new().create(true).append(true).open(&path)?;
    // A copy, so that building the project again does not pull it away underneath.
    let own = dir.join("testbed");
    std::fs::copy(clone::binary("testbed")?, &own)?;
    Command::new(own)
        .arg("supervise")
        .arg("--dir")
        .arg(dir.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .spawn()
        .context("starting the supervisor")
}

fn write_files(dir: &RunDir, ports: Ports) -> anyhow::Result<()> {
    let pki = Pki::at(&dir.join("pki"));
    pki.make()?;
    let server = format!("https://127.0.0.1:{}", ports.apiserver);
    for identity in ["admin", "controllers"] {
        let file = dir.join(&format!("{identity}.kubeconfig"));
        kubeconfig::write(&file, &server, &pki, &Identity::Certificate(identity))?;
    }
    std::fs::write(dir.join("audit-policy.yaml"), AUDIT_POLICY)?;
    Ok(())
}

/// Waits until `/readyz` says so. Errors after two minutes with the end of the log.
pub async fn await_apiserver(cluster: &Cluster) -> anyhow::Result<()> {
    let client = cluster.client().await?;
    let deadline = tokio::time::Instant::now() + START_LIMIT;
    loop {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let Err(error) = client.request_text(request).await else { return Ok(()) };
        if tokio::time::Instant::now() > deadline {
            let log = tail(&cluster.dir.log(programs::APISERVER));
            bail!("the API server is not ready: {error}; it says:\n{log}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn await_controllers(cluster: &Cluster) -> anyhow::Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client().await?, "default");
    let deadline = tokio::time::Instant::now() + START_LIMIT;
    while accounts.get_opt("default").await?.is_none() {
        if tokio::time::Instant::now() > deadline {
            let log = tail(&cluster.dir.log(programs::CONTROLLERS));
            bail!("the controllers make no ServiceAccounts; they say:\n{log}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
