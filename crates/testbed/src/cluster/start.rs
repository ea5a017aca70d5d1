//! Brings a testbed up: supervisor, certificates, etcd, API server, controllers, and
//! Postgres beside them. Must not know how the supervisor keeps them running.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::kubeconfig::{self, Identity};
use super::pki::Pki;
use super::programs::{self, AUDIT_POLICY, Choices, Ports};
use super::{Cluster, Description};
use crate::assets::Assets;
use crate::postgres::Postgres;
use crate::run_dir::{RunDir, tail};
use crate::supervise::protocol::{Control, Request};
use crate::until::until_ok;
use crate::{clone, ports};

/// How often the copied executable is tried while another thread's child, between fork and
/// exec, still holds it open for writing.
const SPAWN_TRIES: usize = 50;
const SPAWN_AGAIN: Duration = Duration::from_millis(20);

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
    let answering = until_ok("the supervisor", async || control.ask(&Request::Status).await);
    answering.await.with_context(|| tail(&dir.log("supervisor")))?;
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
    let mut command = Command::new(own);
    command
        .arg("supervise")
        .arg("--dir")
        .arg(dir.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/");
    let is_busy = |error: &Error| error.kind() == ErrorKind::ExecutableFileBusy;
    let mut started = command.spawn();
    for _ in 0..SPAWN_TRIES {
        if !started.as_ref().is_err_and(is_busy) {
            break;
        }
        std::thread::sleep(SPAWN_AGAIN);
        started = command.spawn();
    }
    started.context("starting the supervisor")
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
    let ready = until_ok("the API server", async || {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        Ok(client.request_text(request).await?)
    });
    ready.await.map(drop).with_context(|| said(cluster, programs::APISERVER))
}

async fn await_controllers(cluster: &Cluster) -> anyhow::Result<()> {
    let account = until_ok("the controllers", async || cluster.has_account("default").await);
    account.await.with_context(|| said(cluster, programs::CONTROLLERS))
}

fn said(cluster: &Cluster, program: &str) -> String {
    format!("{program} says:\n{}", tail(&cluster.dir.log(program)))
}
