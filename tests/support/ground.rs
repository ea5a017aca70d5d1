//! What stands around an operator before it starts, for tests that let it start late, behind
//! proxies, or on a cluster that they disturb. Must not know what the operator makes of it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use kube::{Api, Client};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use testbed::proxy::{ApiProxy, GitHubProxy, PostgresProxy};
use testbed::{Cluster, Operator, OperatorOptions, StandIn, assets, chart, clone};

use super::{Recorder, Setup, Trial, databases};

/// Namespace, credentials, database, stand-in and the watch, but no operator yet.
pub struct Ground {
    pub cluster: &'static Cluster,
    pub client: Client,
    pub namespace: String,
    pub standin: StandIn,
    pub database_url: String,
    pub rows: PgPool,
    pub statuses: Recorder,
    pub token: String,
    /// What the operator will be started with.
    pub options: OperatorOptions,
    pub dir: TempDir,
}

/// Proxies before the three servers of one operator.
pub struct Proxies {
    pub github: GitHubProxy,
    pub postgres: PostgresProxy,
    pub api: ApiProxy,
}

/// What the chart grants once `operator.allowRowDeletion` is on.
fn grant_row_deletion(cluster: &Cluster) {
    let mut helm = Command::new(assets::helm().unwrap());
    helm.args(["template", "backfill-operator", chart::CHART, "--namespace=backfill-system"]);
    helm.args(["--set=database.existingSecret=database", "--set=operator.allowRowDeletion=true"]);
    helm.args(["--show-only", "templates/rbac.yaml"]);
    let rendered = helm.current_dir(clone::root().unwrap()).output().unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&rendered.stdout).unwrap();
    let file = file.path().display().to_string();
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", &file];
    cluster.kubectl_text(&apply).unwrap();
}

impl Ground {
    /// Makes everything that `setup` asks for, in a namespace of its own.
    pub async fn new(cluster: &'static Cluster, setup: &Setup) -> Self {
        let client = cluster.client().await.unwrap();
        if setup.args.contains(&"--allow-row-deletion") {
            grant_row_deletion(cluster);
        }
        let namespace = cluster.create_namespace().await.unwrap();
        let token = format!("ghp_{}", uuid::Uuid::new_v4().simple());
        cluster.create_credentials(&namespace, "github", &token).await.unwrap();
        let statuses = Recorder::start(Api::namespaced(client.clone(), &namespace)).await;
        let standin = super::standin(setup).await;
        let database_url = if setup.empty_database {
            cluster.create_database().await.unwrap()
        } else {
            databases::migrated(cluster).await
        };
        let rows = PgPoolOptions::new().max_connections(2).connect(&database_url).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let debug = ("RUST_LOG".to_owned(), "debug".to_owned());
        let options = OperatorOptions {
            database_url: database_url.clone(),
            github_url: standin.url().to_owned(),
            kubeconfig: cluster.operator_kubeconfig(None).await.unwrap(),
            namespace: Some(namespace.clone()),
            instance_id: format!("{namespace}-one"),
            args: setup.args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: [debug].into_iter().chain(setup.env.iter().map(owned)).collect(),
            log: dir.path().join("operator.log"),
        };
        Self {
            cluster,
            client,
            namespace,
            standin,
            database_url,
            rows,
            statuses,
            token,
            options,
            dir,
        }
    }

    /// Puts proxies between the operator to come and its servers.
    pub async fn behind_proxies(&mut self) -> Proxies {
        let github = GitHubProxy::open(self.standin.url()).unwrap();
        let postgres = PostgresProxy::open(self.cluster.postgres()).unwrap();
        let api = ApiProxy::open(self.cluster).unwrap();
        self.options.github_url = github.url();
        self.options.database_url = postgres.url(&self.database_url);
        self.options.kubeconfig = self.cluster.operator_kubeconfig(Some(&api.url())).await.unwrap();
        Proxies { github, postgres, api }
    }

    /// Starts the operator and waits until it is ready.
    pub async fn start(self) -> Trial {
        let operator = Operator::start(&self.options).await.unwrap();
        self.with(operator)
    }

    /// The same with another program.
    pub async fn start_from(self, program: &Path) -> Trial {
        let operator = Operator::start_from(program, &self.options).await.unwrap();
        self.with(operator)
    }

    /// Starts the operator and does not wait.
    pub fn launch(self) -> Trial {
        let operator = Operator::launch(&self.options).unwrap();
        self.with(operator)
    }

    fn with(self, operator: Operator) -> Trial {
        Trial {
            cluster: self.cluster,
            client: self.client,
            namespace: self.namespace,
            standin: self.standin,
            operator,
            database_url: self.database_url,
            rows: self.rows,
            statuses: self.statuses,
            token: self.token,
            options: self.options,
            dir: self.dir,
            finished: false,
        }
    }
}
