//! A whole operator for a test, in one line: namespace, database, stand-in, the operator as a
//! program, and the watch that collects its statuses. [`Trial::finish`] checks what every test
//! promises. Must not know what a single test expects.

pub mod authority;
pub mod databases;
pub mod dump;
pub mod ground;
pub mod ledger;
pub mod objects;
pub mod oracle;
pub mod rows;
pub mod secrecy;
pub mod verdicts;
pub mod world;
pub mod written;

use std::time::Duration;

use backfill_api::RepositoryBackfill;
use kube::{Api, Client};
use serde_json::{Value, json};
use sqlx::PgPool;
use testbed::{Cluster, Operator, OperatorOptions, StandIn, StandInArgs};

pub use ground::Ground;
pub use objects::{has, reason};
pub use world::World;
pub use written::Recorder;

/// How long anything ordinary may take; the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a trial starts with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub worlds: Vec<World>,
    /// World files that are there already.
    pub files: Vec<std::path::PathBuf>,
    /// Repositories that the stand-in makes up, `owner/name=COUNT`.
    pub synthetic: Vec<String>,
    /// Further arguments of the operator.
    pub args: Vec<&'static str>,
    /// Further variables of the operator.
    pub env: Vec<(&'static str, &'static str)>,
    /// Limits of the stand-in other than GitHub's own.
    pub limits: Option<Value>,
    /// Fault plan of the stand-in.
    pub faults: Option<Value>,
    /// The only tokens that the stand-in knows; without any it takes every token.
    pub tokens: Vec<String>,
    /// Milliseconds that each answer of the stand-in takes longer.
    pub latency_ms: u32,
    /// The operator finds an empty database, not one that is migrated already.
    pub empty_database: bool,
}

impl From<World> for Setup {
    fn from(world: World) -> Self {
        Self { worlds: vec![world], ..Self::default() }
    }
}

impl Setup {
    /// One made-up repository.
    pub fn synthetic(repository: &str) -> Self {
        Self { synthetic: vec![repository.to_owned()], ..Self::default() }
    }

    /// With these arguments of the operator.
    pub fn args(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }

    /// With answers of the stand-in that take this much longer.
    pub fn latency_ms(mut self, latency_ms: u32) -> Self {
        self.latency_ms = latency_ms;
        self
    }

    /// With these limits of the stand-in.
    pub fn limits(mut self, limits: Value) -> Self {
        self.limits = Some(limits);
        self
    }

    /// With this fault plan of the stand-in, a list of rules.
    pub fn faults(mut self, rules: Value) -> Self {
        self.faults = Some(plan(rules));
        self
    }
}

/// A fault plan of these rules.
#[expect(clippy::needless_pass_by_value, reason = "tests write them in place")]
pub fn plan(rules: Value) -> Value {
    json!({"seed": 1, "rules": rules})
}

/// The first page of a walk at once, so that it moves, and seconds for each later one, so that
/// what a test does then still meets it. To be ended with a plan of no rules.
pub fn first_page_only() -> Value {
    let list = json!({"operation": "ListPullRequests"});
    let first = json!({"operation": "ListPullRequests", "times": 1});
    json!([{"match": first, "answer": "slow:0"}, {"match": list, "answer": "slow:3"}])
}

/// A whole operator at work.
pub struct Trial {
    pub cluster: &'static Cluster,
    pub client: Client,
    pub namespace: String,
    pub standin: StandIn,
    pub operator: Operator,
    pub database_url: String,
    pub rows: PgPool,
    pub statuses: Recorder,
    /// The token in the Secret `github`: what no output may hold.
    pub token: String,
    options: OperatorOptions,
    dir: tempfile::TempDir,
    finished: bool,
}

impl Trial {
    /// Starts everything on the shared cluster and waits until the operator is ready.
    pub async fn start(setup: impl Into<Setup>) -> Self {
        Ground::new(Cluster::shared().await.unwrap(), &setup.into()).await.start().await
    }

    /// Kills the operator and starts another one of this instance name over the same database.
    pub async fn restart(&mut self, instance: &str) {
        self.operator.kill_9();
        self.operator.wait(LIMIT).await.unwrap();
        self.options.instance_id = format!("{}-{instance}", self.namespace);
        self.operator = Operator::start(&self.options).await.unwrap();
    }

    /// A second operator beside the first, over the same database and namespace.
    pub async fn second(&self) -> Operator {
        self.second_over(&self.options.database_url).await
    }

    /// The same over another database, or over none.
    pub async fn second_over(&self, database_url: &str) -> Operator {
        let database_url = database_url.to_owned();
        let instance_id = format!("{}-two", self.namespace);
        let log = self.dir.path().join("second.log");
        let options = OperatorOptions { database_url, instance_id, log, ..self.options.clone() };
        Operator::start(&options).await.unwrap()
    }

    /// Its objects.
    pub fn objects(&self) -> Api<RepositoryBackfill> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until `look` finds something; panics with the operator's last words after `limit`.
    pub async fn within<T>(
        &self,
        limit: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if tokio::time::Instant::now() > deadline {
                let objects = self.objects().list(&kube::api::ListParams::default()).await;
                let objects = objects.map(|list| list.items).unwrap_or_default();
                let statuses: Vec<_> = objects.iter().map(|object| &object.status).collect();
                let statuses = serde_json::to_string_pretty(&statuses).unwrap();
                panic!("not within {limit:?}: {what}\n{statuses}\n{}", self.last_words());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The end of the operator's log.
    pub fn last_words(&self) -> String {
        let log = self.operator.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The stand-in's counts.
    pub async fn counts(&self) -> Value {
        self.standin.requests().await.unwrap()
    }

    /// How many requests of this operation the stand-in has had.
    pub async fn asked(&self, operation: &str) -> u64 {
        self.counts().await["by_operation"][operation].as_u64().unwrap_or(0)
    }

    /// What every test promises at its end: each status kept the contract, kstatus and Argo CD
    /// take it for what it is, GitHub was not sinned against, nothing panicked, and the token is
    /// nowhere.
    pub async fn finish(mut self) {
        self.finished = true;
        let written = self.statuses.all().await;
        assert!(!written.is_empty(), "no status was written:\n{}", self.last_words());
        assert_eq!(written::broken(&written), Vec::<String>::new());
        let objects = self.objects().list(&kube::api::ListParams::default()).await.unwrap().items;
        // What the test still has under way goes on while the judges work.
        let judged = tokio::task::spawn_blocking(move || verdicts::check(&objects, &written));
        if let Err(error) = judged.await {
            std::panic::resume_unwind(error.into_panic());
        }
        assert_eq!(self.counts().await["violations"], json!([]), "sins against GitHub");
        let log = self.operator.log();
        assert!(!log.contains("panicked"), "a look panicked:\n{}", self.last_words());
        let twice = |line: &&str| line.matches("\"message\":\"").count() > 1;
        assert_eq!(log.lines().find(twice), None, "one key twice in a line of the log");
        secrecy::check(&self).await;
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let checked = self.finished || std::thread::panicking();
        assert!(checked, "a test must end with Trial::finish");
    }
}

/// With a busy machine a request may come so long after the answer that it crosses.
const CROSSING_SECONDS: f64 = 3.0;

async fn standin(setup: &Setup) -> StandIn {
    let files: Vec<_> = setup.worlds.iter().map(World::write).collect();
    let args = StandInArgs {
        world: files.iter().map(|file| file.path().to_owned()).chain(setup.files.clone()).collect(),
        synthetic: setup.synthetic.clone(),
        tokens: setup.tokens.clone(),
        latency_ms: setup.latency_ms,
        ..StandInArgs::default()
    };
    let standin = StandIn::start(&args).await.unwrap();
    let mut limits = setup.limits.clone().unwrap_or_else(|| json!({}));
    limits["grace_seconds"] = CROSSING_SECONDS.into();
    standin.set_limits(&limits).await.unwrap();
    if let Some(faults) = &setup.faults {
        standin.set_faults(faults).await.unwrap();
    }
    standin
}
