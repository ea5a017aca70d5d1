//! Hundreds of objects at once: what the operator holds in memory, who has a turn, and how soon a
//! new one is looked at.
//!
//! Must not know how turns are given.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use testbed::operator::OPERATOR;
use testbed::{Cluster, clone};

use crate::outage::own_cluster;
use crate::support::objects::status;
use crate::support::secrecy::metric;
use crate::support::{Ground, LIMIT, Setup, Trial, plan, rows};

/// Objects of the one namespace that has many.
const MANY: usize = 300;
/// Namespaces that have few, and how many each.
const FEW: (usize, usize) = (3, 12);
/// Pull requests of each repository, and as many chunks: so few that one turn is enough for all.
const CHUNKS: usize = 2;
const LOOKS: &str = "backfill_reconcile_duration_seconds_count";
/// Credentials of the many: what each may ask of GitHub in a minute is not what they wait for.
const CREDENTIALS: usize = 20;
/// What the operator may hold.
const CEILING: u64 = 128 << 20;

/// A control group with a limit of memory, where this machine and this user can have one.
struct Ceiling(Option<PathBuf>);

impl Ceiling {
    fn of(bytes: u64) -> Self {
        let name = format!("backfill-test-{}", std::process::id());
        let made =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
                .into_iter()
                .find_map(|(root, limit)| {
                    let group = Path::new(root).join(&name);
                    std::fs::create_dir(&group).ok()?;
                    let limited = group.join(limit).exists()
                        && std::fs::write(group.join(limit), bytes.to_string()).is_ok();
                    limited.then_some(group.clone()).or_else(|| {
                        let _ = std::fs::remove_dir(&group);
                        None
                    })
                });
        if made.is_none() {
            eprintln!("no control group can be had: memory is measured, and not limited");
        }
        Self(made)
    }

    /// A program that becomes the operator below the ceiling.
    fn program(&self, dir: &Path) -> PathBuf {
        let operator = clone::binary(OPERATOR).unwrap();
        let Some(group) = &self.0 else { return operator };
        let program = dir.join("limited");
        let group = group.display();
        let script = format!(
            "#!/bin/sh\necho $$ > {group}/cgroup.procs || exit 1\nexec {} \"$@\"\n",
            operator.display()
        );
        std::fs::write(&program, script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        program
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        if let Some(group) = &self.0 {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// The most that the operator has held, in bytes, as the kernel counts it.
fn peak(trial: &Trial) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", trial.operator.pid()));
    let status = status.expect("the operator has ended");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib << 10
}

/// Repositories of all, those of the few by namespace.
struct Crowd {
    many: Vec<String>,
    few: Vec<Vec<String>>,
    /// Created when all others are at it.
    late: String,
}

/// Creates objects that walk a repository each, a pull request at a time, and the credentials that
/// they use by turns.
async fn create(
    cluster: &Cluster,
    client: &Client,
    namespace: &str,
    repositories: &[String],
    credentials: usize,
) {
    for at in 0..credentials {
        let token = format!("ghp_{namespace}-{at}");
        cluster.create_credentials(namespace, &format!("github-{at}"), &token).await.unwrap();
    }
    let objects: Api<backfill_api::RepositoryBackfill> = Api::namespaced(client.clone(), namespace);
    let created = repositories.iter().enumerate().map(async |(at, repository)| {
        let credential = format!("github-{}", at % credentials);
        let name = repository.split_once('/').unwrap().1;
        let object = json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "repository": repository, "credentialsRef": {"name": credential},
                "chunk": {"size": 1, "minSize": 1, "maxSize": 1},
            },
        });
        let params = PatchParams::apply("a-user").force();
        objects.patch(name, &params, &Patch::Apply(&object)).await.unwrap();
    });
    let mut created = futures::stream::iter(created).buffer_unordered(16);
    while created.next().await.is_some() {}
}

/// Has every object of the namespace looked at again.
async fn ask_all(trial: &Trial, repositories: &[String], word: &str) {
    let asked = repositories.iter().map(async |repository| {
        trial.annotate(repository.split_once('/').unwrap().1, "requested-at", word).await;
    });
    let mut asked = futures::stream::iter(asked).buffer_unordered(16);
    while asked.next().await.is_some() {}
}

/// An operator for all namespaces of a cluster of its own, which begins when all objects but the
/// last are there. GitHub's limits hold nobody up; its pages come slowly until told otherwise.
async fn start(cluster: &'static Cluster, ceiling: &Ceiling, all: &Crowd) -> Trial {
    let names = [&all.many[..], &all.few.concat(), std::slice::from_ref(&all.late)].concat();
    let synthetic = names.iter().map(|name| format!("{name}={CHUNKS}:1")).collect();
    let unlimited: Value = json!({
        "points_per_window": 1_000_000, "points_per_minute": 1_000_000,
        "response_seconds_per_minute": 100_000, "concurrent": 100, "headers": true,
    });
    let slow = json!([{"match": {"operation": "ListPullRequests"}, "answer": "slow:5"}]);
    // Fewer places than namespaces: each waits for its turn.
    let setup = Setup { synthetic, ..Setup::default() }
        .limits(unlimited)
        .faults(slow)
        .args(&["--max-concurrent-runs=2"]);
    let mut ground = Ground::new(cluster, &setup).await;
    create(cluster, &ground.client, &ground.namespace, &all.many, CREDENTIALS).await;
    for repositories in &all.few {
        let namespace = cluster.create_namespace().await.unwrap();
        create(cluster, &ground.client, &namespace, repositories, 1).await;
    }
    ground.options.namespace = None;
    ground.options.env.insert("RUST_LOG".to_owned(), "info".to_owned());
    let program = ceiling.program(ground.dir.path());
    ground.start_from(&program).await
}

/// The instant from which pages come fast, when all but the last have a walk to wait with.
async fn begin(trial: &Trial) -> String {
    let walks = "SELECT count(*) FROM progressive_backfill_state";
    let wanted = i64::try_from(MANY + FEW.0 * FEW.1).unwrap();
    trial
        .within(LIMIT, "all have a walk", async || {
            (rows::number(&trial.rows, walks).await == wanted).then_some(())
        })
        .await;
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    rows::text(&trial.rows, "SELECT clock_timestamp()").await
}

/// Chunks of each namespace while all of them had some to do: from the instant that pages come
/// fast to the end of the first namespace that has few.
async fn chunks_of_each(trial: &Trial, began: &str) -> Vec<f64> {
    let chunks = format!(
        "WITH chunks AS (
             SELECT s.object_namespace AS namespace, c.completed_at AS at
             FROM backfill_chunks c JOIN progressive_backfill_state s ON s.id = c.backfill_state_id
             WHERE c.status = 'completed'
         ), ends AS (
             SELECT max(at) AS at FROM chunks WHERE namespace <> '{}' GROUP BY namespace
         )
         SELECT count(*)::float8 FROM chunks
         WHERE at BETWEEN '{began}' AND (SELECT min(at) FROM ends) GROUP BY namespace",
        trial.namespace
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(chunks)).fetch_all(&trial.rows).await.unwrap()
}

/// Jain's index: 1 where all have the same, 1/n where one of n has everything.
fn jain(shares: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(shares.len()).unwrap());
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    shares.iter().sum::<f64>().powi(2) / (count * squares)
}

#[tokio::test]
async fn hundreds_of_one_namespace_hold_up_no_other_and_fit_into_128_mib() {
    let all = Crowd {
        many: (0..MANY).map(|at| format!("many/m-{at}")).collect(),
        few: (0..FEW.0)
            .map(|of| (0..FEW.1).map(|at| format!("few/f-{of}-{at}")).collect())
            .collect(),
        late: "many/late".to_owned(),
    };
    let (cluster, _turn) = own_cluster().await;
    let ceiling = Ceiling::of(CEILING);
    let trial = start(cluster, &ceiling, &all).await;
    let began = begin(&trial).await;

    // Everybody asks at once, and one more comes.
    ask_all(&trial, &all.many, "now").await;
    let before = metric(&trial, LOOKS).await.unwrap();
    create(cluster, &trial.client, &trial.namespace, &[all.late], 1).await;
    trial.until("late", "its first look", |it| status(it).observed_generation == Some(1)).await;
    let looks = metric(&trial, LOOKS).await.unwrap() - before;
    println!("{looks} looks until that of the new one");
    let objects = MANY + FEW.0 * FEW.1 + 1;
    assert!(looks < 2.0 * f64::from(u32::try_from(objects).unwrap()), "{looks} looks first");

    let done = format!(
        "SELECT count(*) FROM progressive_backfill_state \
         WHERE status = 'completed' AND object_namespace <> '{}'",
        trial.namespace
    );
    let wanted = i64::try_from(FEW.0 * FEW.1).unwrap();
    trial
        .within(LIMIT, "those of the others are done", async || {
            let done = rows::number(&trial.rows, &done).await;
            (done == wanted).then_some(())
        })
        .await;
    let chunks = chunks_of_each(&trial, &began).await;
    println!("chunks {chunks:?}, index {:.2}", jain(&chunks));
    assert_eq!(chunks.len(), 1 + FEW.0, "{chunks:?}");
    assert!(jain(&chunks) >= 0.9, "{chunks:?}");

    assert_eq!(trial.operator.ended().unwrap(), None, "it was ended");
    let peak = peak(&trial);
    println!("{} MiB at most", peak >> 20);
    assert!(peak < CEILING, "{peak} bytes");
    trial.finish().await;
}
