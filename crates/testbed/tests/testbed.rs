//! The testbed's own promises: nothing survives it, its parts come back on their ports,
//! and the permissions that users get are really enforced.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use sqlx::{Connection, PgConnection};
use testbed::cluster::client_from;
use testbed::cluster::programs::{APISERVER, CONTROLLERS, ETCD};
use testbed::postgres::POSTGRES;
use testbed::supervise::adopt::alive;
use testbed::{Choices, Cluster};

const PARTS: [&str; 4] = [ETCD, APISERVER, CONTROLLERS, POSTGRES];

async fn pids(cluster: &Cluster) -> Vec<i32> {
    let mut pids = Vec::new();
    for name in PARTS {
        pids.push(cluster.pid(name).await.unwrap().expect(name));
    }
    pids
}

/// The supervisor's pid: the parent of any of its programs.
fn parent_of(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

fn children_of(pid: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn kill_9(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn await_all_gone(pids: &[i32]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Some(left) = pids.iter().find(|&&pid| alive(pid)) {
        assert!(Instant::now() < deadline, "{left} of {pids:?} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn the_operators_account_has_exactly_the_permissions_users_give_it() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    let kubeconfig = cluster.operator_kubeconfig(None).await.unwrap();
    let client = client_from(&kubeconfig).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);
    let github = secrets.get("github").await.expect("it may read a Secret by name");
    assert_eq!(github.data.unwrap()["token"].0, b"test-token");
    let refused = secrets.list(&ListParams::default()).await.expect_err("it may not list them");
    assert!(refused.to_string().contains("forbidden"), "{refused}");
    let refused = secrets.delete("github", &DeleteParams::default()).await;
    assert!(refused.unwrap_err().to_string().contains("forbidden"));

    let account = "system:serviceaccount:backfill-system:backfill-operator";
    let audit = cluster.audit().unwrap();
    let of_account: Vec<_> = audit
        .iter()
        .filter(|e| e["user"]["username"] == account)
        .filter(|e| e["objectRef"]["namespace"] == namespace.as_str())
        .map(|e| (e["verb"].as_str().unwrap(), e["responseStatus"]["code"].as_u64().unwrap()))
        .collect();
    assert_eq!(of_account, [("get", 200), ("list", 403), ("delete", 403)]);
}

#[tokio::test]
async fn pod_security_refuses_what_the_operators_namespace_forbids() {
    let cluster = Cluster::shared().await.unwrap();
    let args = ["-n", "backfill-system", "run", "x", "--image=x", "--privileged"];
    let output = cluster.kubectl(&args).unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("PodSecurity"), "{message}");
}

#[tokio::test]
async fn the_deployment_passes_pod_security_restricted() {
    let cluster = Cluster::shared().await.unwrap();
    let dir = testbed::clone::root().unwrap().join("deploy/kustomize");
    let dir = dir.display().to_string();
    let output = cluster.kubectl(&["apply", "--dry-run=server", "-k", &dir]).unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(!message.contains("PodSecurity"), "{message}");
}

#[tokio::test]
async fn each_database_is_new_and_has_pgvector_at_hand() {
    let cluster = Cluster::shared().await.unwrap();
    let (one, two) = (cluster.create_database().await, cluster.create_database().await);
    assert_ne!(one.as_ref().unwrap(), two.as_ref().unwrap());
    let mut connection = PgConnection::connect(&one.unwrap()).await.unwrap();
    sqlx::query("CREATE EXTENSION vector").execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn what_is_killed_from_outside_comes_back_on_its_port() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    let database = cluster.create_database().await.unwrap();
    for name in [APISERVER, ETCD, POSTGRES] {
        let old = cluster.pid(name).await.unwrap().unwrap();
        kill_9(old);
        cluster.await_return(name, old).await.unwrap();
    }
    let secrets: Api<Secret> = Api::namespaced(cluster.client().await.unwrap(), &namespace);
    secrets.get("github").await.expect("what was written is still there");
    PgConnection::connect(&database).await.expect("the database is still there");

    cluster.stop(POSTGRES, Some("SIGQUIT")).await.unwrap();
    PgConnection::connect(&database).await.expect_err("a stopped server stays down");
    cluster.resume(POSTGRES).await.unwrap();
    PgConnection::connect(&database).await.unwrap();
}

#[tokio::test]
async fn a_postgres_restarted_by_somebody_else_is_adopted() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let old = cluster.pid(POSTGRES).await.unwrap().unwrap();
    let mut restart = Command::new(cluster.assets().postgres_bin.join("pg_ctl"));
    restart.arg("-D").arg(&cluster.postgres().directory).current_dir("/");
    restart.args(["-m", "immediate", "-w", "-l", "/dev/null", "restart"]);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut restart, 65_534);
    }
    let status = restart.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "pg_ctl restart: {status}");
    cluster.await_return(POSTGRES, old).await.unwrap();
    let new = cluster.pid(POSTGRES).await.unwrap().unwrap();
    let file = std::fs::read_to_string(cluster.postgres().directory.join("postmaster.pid"));
    assert_eq!(file.unwrap().lines().next(), Some(new.to_string().as_str()));

    kill_9(parent_of(cluster.pid(ETCD).await.unwrap().unwrap()));
    await_all_gone(&[new]);
}

#[tokio::test]
async fn nothing_survives_a_killed_supervisor() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let mut all = pids(&cluster).await;
    all.extend(children_of(cluster.pid(POSTGRES).await.unwrap().unwrap()));
    assert!(all.len() > PARTS.len(), "Postgres has children: {all:?}");
    kill_9(parent_of(all[0]));
    await_all_gone(&all);
}

#[tokio::test]
async fn a_normal_end_leaves_no_process_and_no_directory() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let (all, dir) = (pids(&cluster).await, cluster.dir().path().to_owned());
    cluster.end().await.unwrap();
    await_all_gone(&all);
    assert!(!dir.exists());
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
#[ignore = "started and killed by nothing_survives_a_killed_test"]
async fn holds_a_cluster_until_killed() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let mut all = pids(&cluster).await;
    all.push(parent_of(all[0]));
    println!("\nholding {}", serde_json::to_string(&all).unwrap());
    std::future::pending::<()>().await;
}

#[test]
fn nothing_survives_a_killed_test() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_cluster_until_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("holding ")).unwrap();
    let all: Vec<i32> = serde_json::from_str(line.trim_start_matches("holding ")).unwrap();
    assert!(all.iter().all(|&pid| alive(pid)), "{all:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    await_all_gone(&all);
}
