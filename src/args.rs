//! The command line: every flag, its environment variable and its bounds.
//!
//! The one place that reads the environment. It must not know what a value is used for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

/// Captures the pull-request history of GitHub repositories into Postgres.
#[derive(Debug, Parser)]
#[command(name = "backfill-operator", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch RepositoryBackfill objects and carry them out.
    Operator(Box<OperatorArgs>),
    /// Bring the database's schema up to this version, then end.
    Migrate(DatabaseArgs),
    /// Close chunks that nobody works on any more and fold old ones; print what was done.
    Recover(RecoverArgs),
    /// Wait until RepositoryBackfills are finished, such as in a Job after a GitOps sync.
    #[command(after_help = EXIT_CODES)]
    Wait(WaitArgs),
    /// Print the CustomResourceDefinitions as YAML.
    Crd,
    /// Print the reference of every field as Markdown.
    Fields,
    /// Print the reference of every subcommand and flag as Markdown.
    Flags,
    /// Print the catalogue of conditions and reasons as Markdown.
    Reasons,
    /// Print the catalogue of metrics as Markdown.
    Metrics,
}

/// How to reach the database.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// Postgres connection URL, `postgres://user:password@host:port/database?sslmode=…`. TLS with
    /// a verified certificate is required unless the host is loopback or sslmode says otherwise.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: SecretString,
    /// Schema that holds the tables.
    #[arg(long, env = "DATABASE_SCHEMA", default_value = "public")]
    pub schema: String,
    /// Connections at most, leases and health not counted.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,
}

/// What to put in order in the table of chunks.
#[derive(Clone, Debug, Args)]
pub struct RecoverArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Minutes after which a chunk in `processing` counts as stuck, if nobody holds its lease.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub stuck_threshold: i32,
    /// Days after which completed chunks are folded into one row and failed ones removed.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i32).range(1..=36_500))]
    pub cleanup_days: i32,
    /// Only count, change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What `wait` tells by its exit code.
const EXIT_CODES: &str = "Exit codes: 0 all have come to the condition; 3 one is Stalled; 4 one \
    is not there, or none at all; 5 the time is up; 143 and 130 ended by SIGTERM and SIGINT; 1 the \
    API server cannot be found or refuses; 2 a flag is wrong.";

/// What is waited for, and for how long.
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// Names of RepositoryBackfills; none: all that the namespace holds.
    pub names: Vec<String>,
    /// Their namespace; absent: that of the pod, or of the kubeconfig's context.
    #[arg(long, short, env = "NAMESPACE")]
    pub namespace: Option<String>,
    /// The condition that each must have. A condition of an older generation of the spec does not
    /// count. Ready follows `readinessPolicy`, and a suspended object has it. A dry run never has
    /// Succeeded: for it Ready counts.
    #[arg(long = "for", value_enum, default_value_t = WaitFor::Succeeded)]
    pub target: WaitFor,
    /// Seconds until it gives up.
    #[arg(long, default_value_t = 3600,
          value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub timeout_seconds: u32,
    /// Seconds that an object may be missing.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub grace_seconds: u32,
}

/// A condition that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    #[value(name = "Succeeded")]
    Succeeded,
    #[value(name = "Ready")]
    Ready,
}

impl WaitFor {
    /// The condition's type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => backfill_api::conditions::SUCCEEDED,
            Self::Ready => backfill_api::conditions::READY,
        }
    }
}

/// The variable by which other programs are told a proxy, if it is set: no flag takes it.
pub fn unheeded_proxy() -> Option<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(is_set)
}

/// How the operator runs.
#[derive(Clone, Debug, Args)]
pub struct OperatorArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Base URL of GitHub's API; GraphQL is asked at `<url>/graphql`.
    #[arg(long, env = "GITHUB_URL", default_value = "https://api.github.com")]
    pub github_url: String,
    /// Proxy to go to GitHub by, `http://HOST:PORT` or `https://HOST:PORT`, without user and
    /// password. The proxies that `HTTPS_PROXY` and its like name are not used.
    #[arg(long, env = "GITHUB_PROXY", hide_env_values = true)]
    pub github_proxy: Option<String>,
    /// Where /metrics, /livez and /readyz are served.
    #[arg(long, env = "LISTEN_ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Directory with `tls.crt` and `tls.key`, such as a mounted Secret of type kubernetes.io/tls:
    /// metrics and probes are then served over TLS 1.2 and 1.3 alone. A renewed pair is taken up
    /// within seconds; one that does not fit leaves the old in use.
    #[arg(long, env = "METRICS_CERT_DIR")]
    pub metrics_cert_dir: Option<PathBuf>,
    /// File with a token, read at each scrape: /metrics then answers 401 to any request without
    /// it as `Authorization: Bearer`. The probes ask for none. Use it with --metrics-cert-dir.
    #[arg(long, env = "METRICS_TOKEN_FILE")]
    pub metrics_token_file: Option<PathBuf>,
    /// A name that survives a restart of the container, such as the pod's uid: the same instance
    /// takes its leases back at once, another waits for them to run out (30 s). Absent: a new one
    /// for each start.
    #[arg(long, env = "INSTANCE_ID")]
    pub instance_id: Option<String>,
    /// Only objects of this namespace; absent: of all.
    #[arg(long, env = "WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// Bring the schema up to this version first.
    #[arg(long, env = "MIGRATE")]
    pub migrate: bool,
    /// Backfills that run at the same time.
    #[arg(long, env = "MAX_CONCURRENT_RUNS", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_concurrent_runs: u16,
    /// Seconds after which a run starts no further chunk.
    #[arg(long, env = "RUN_SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub run_seconds: u16,
    /// Points of each credential that are left to others; an object may only raise it.
    #[arg(long, env = "MIN_RATE_LIMIT_POINTS", default_value_t = 500,
          value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub min_rate_limit_points: i64,
    /// Let objects with `deletionPolicy: Delete` remove the rows that they brought in.
    #[arg(long, env = "ALLOW_ROW_DELETION")]
    pub allow_row_deletion: bool,
    /// Seconds for which that may fail without a break before an object goes and its rows stay.
    #[arg(long, env = "ROW_DELETION_SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub row_deletion_seconds: u16,
}
