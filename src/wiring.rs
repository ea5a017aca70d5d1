//! Builds the parts and connects them: the only place where time, randomness and tasks enter.
//!
//! It must not know what a look decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use backfill_api::Disposition;
use backfill_github::{GitHub, Proxy};
use backfill_store::Store;
use futures::future::OptionFuture;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{DatabaseArgs, OperatorArgs, RecoverArgs, unheeded_proxy};
use crate::backfill::{Context, Memory, Permits, Settings};
use crate::metrics::{self, Metrics};
use crate::watch::watch;
use crate::web::{self, Certificate, Health, Scrapes};
use crate::{api_server, rounds, telemetry};

/// Looks that may be under way beside the runs, so that an edit never waits for a run.
const LOOKS: u16 = 64;
/// How soon a migration is tried again while the database is away.
const MIGRATE_AGAIN: Duration = Duration::from_secs(5);
/// The longest answer of GitHub that is read; what is longer is asked for in smaller pages. While
/// it is decoded about three times as much is held, and a chunk is all of its answers.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// GitHub gives up on a query after 10 s; this is for what lies between.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Brings the schema up to this version, then ends.
pub async fn migrate(args: &DatabaseArgs) -> anyhow::Result<()> {
    telemetry::start();
    store(args, "migrate")?
        .migrate()
        .await
        .context("the schema could not be brought up to date")?;
    tracing::info!("schema is up to date");
    Ok(())
}

/// Puts the table of chunks in order and prints what that came to, as one line of JSON.
#[expect(clippy::print_stdout, reason = "printing is what this subcommand is for")]
pub async fn recover(args: &RecoverArgs) -> anyhow::Result<()> {
    let store = store(&args.database, "recover")?;
    let recovered = store
        .recover(backfill_store::Recovery {
            stuck_minutes: args.stuck_threshold,
            cleanup_days: args.cleanup_days,
            dry_run: args.dry_run,
        })
        .await
        .context("the table of chunks could not be put in order")?;
    let last_day = store.chunk_statistics().await.context("chunks could not be counted")?;
    println!(
        "{}",
        serde_json::json!({
            "dryRun": args.dry_run,
            "stuckCompleted": recovered.completed,
            "stuckFailed": recovered.failed,
            "folded": recovered.folded,
            "removed": recovered.removed,
            "lastDay": {
                "processing": last_day.processing,
                "completed": last_day.completed,
                "failed": last_day.failed,
            },
        })
    );
    Ok(())
}

/// Runs the operator until it is told to end.
pub async fn operator(args: OperatorArgs) -> anyhow::Result<()> {
    telemetry::start();
    let stopping = CancellationToken::new();
    spawn(stop_on_signal(stopping.clone()));
    let instance = args.instance_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let store = store(&args.database, &instance)?;
    let schema_ready = Arc::new(AtomicBool::new(!args.migrate));
    if args.migrate {
        migrate_or_keep_trying(store.clone(), schema_ready.clone()).await?;
    }
    let metrics = Arc::new(Metrics::new().context("metrics could not be registered")?);
    metrics.set(metrics::RUNS_MAX, &[], f64::from(args.max_concurrent_runs));
    let floor = i32::try_from(args.min_rate_limit_points).unwrap_or(i32::MAX);
    metrics.set(metrics::LIMIT_FLOOR, &[], floor.into());
    let health = Arc::new(Health::default());
    listen(&args, health.clone(), metrics.clone(), stopping.clone()).await?;
    let client = api_server::client().await?;
    let (objects, writer) = reflector::store();
    let github = github(&args, metrics.clone())?;
    let ctx = Arc::new(Context {
        recorder: recorder(client.clone(), &instance),
        client: client.clone(),
        store,
        schema_ready,
        github,
        metrics,
        objects: objects.clone(),
        permits: Permits::new(usize::from(args.max_concurrent_runs)),
        settings: Settings {
            min_rate_limit_points: args.min_rate_limit_points,
            allow_row_deletion: args.allow_row_deletion,
            deletion_patience: Duration::from_secs(u64::from(args.row_deletion_seconds)),
            run_time: Duration::from_secs(u64::from(args.run_seconds)),
        },
        memory: Memory::default(),
        clock: now,
        random,
        stopping: stopping.clone(),
    });
    spawn(rounds::look_after(ctx.clone()));
    spawn(rounds::ask_database(ctx.clone()));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance,
        listen = %args.listen,
        github = args.github_url,
        namespace = args.watch_namespace.as_deref().unwrap_or("all"),
        "operator started"
    );
    let concurrency = LOOKS + args.max_concurrent_runs;
    let namespace = args.watch_namespace.as_deref();
    watch(client, namespace, (objects, writer), concurrency, health, ctx).await;
    tracing::info!("operator ended");
    Ok(())
}

fn store(args: &DatabaseArgs, instance: &str) -> anyhow::Result<Store> {
    Store::connect(&backfill_store::Options {
        schema: args.schema.clone(),
        max_connections: args.database_connections,
        ..backfill_store::Options::new(args.database_url.clone(), instance)
    })
    .context("--database-url cannot be used")
}

/// Migrates now if the database answers, else as soon as it does, and says so when it is done.
async fn migrate_or_keep_trying(store: Store, done: Arc<AtomicBool>) -> anyhow::Result<()> {
    let Err(error) = store.migrate().await else {
        done.store(true, Ordering::Release);
        return Ok(());
    };
    if error.disposition() != Disposition::Transient {
        return Err(error).context("the schema could not be brought up to date");
    }
    tracing::warn!(%error, "schema not brought up to date yet, will be tried again");
    spawn(async move {
        loop {
            tokio::time::sleep(MIGRATE_AGAIN).await;
            match store.migrate().await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "schema not brought up to date yet"),
            }
        }
        done.store(true, Ordering::Release);
        tracing::info!("schema is up to date");
    });
    Ok(())
}

fn github(args: &OperatorArgs, metrics: Arc<Metrics>) -> anyhow::Result<GitHub> {
    let proxy = args.github_proxy.as_deref().map(Proxy::parse).transpose();
    let proxy = proxy.context("--github-proxy cannot be used")?;
    if let Some(proxy) = &proxy {
        tracing::info!(%proxy, "GitHub is reached by a proxy");
    } else if let Some(variable) = unheeded_proxy() {
        tracing::warn!(
            variable,
            "the proxy of the environment is not heeded, only one that --github-proxy names: \
             GitHub is reached directly"
        );
    }
    GitHub::new(backfill_github::Config {
        url: args.github_url.clone(),
        proxy,
        user_agent: concat!("backfill-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
        clock: now,
        request_timeout: REQUEST_TIMEOUT,
        max_body_bytes: MAX_BODY_BYTES,
        allow_http: true,
        on_answer: backfill_github::OnAnswer::new(move |answer| {
            let (operation, seconds) = (answer.operation, answer.seconds);
            metrics.count(metrics::GITHUB_REQUESTS, &[operation, answer.result], 1);
            metrics.observe(metrics::GITHUB_REQUEST_DURATION, &[operation], seconds);
            metrics.count(metrics::GITHUB_POINTS, &[], answer.points);
        }),
    })
    .context("--github-url cannot be used")
}

fn recorder(client: Client, instance: &str) -> Recorder {
    let controller = backfill_api::FIELD_MANAGER.to_owned();
    Recorder::new(client, Reporter { controller, instance: Some(instance.to_owned()) })
}

/// Serves probes and metrics from now on.
async fn listen(
    args: &OperatorArgs,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let scrapes = Scrapes::new(metrics, args.metrics_token_file.clone())
        .await
        .context("--metrics-token-file cannot be used")?;
    let certificate = args.metrics_cert_dir.clone().map(Certificate::load);
    let certificate = OptionFuture::from(certificate).await.transpose();
    let certificate = certificate.context("--metrics-cert-dir cannot be used")?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("--listen {} cannot be bound", args.listen))?;
    let routes = web::routes(health, Arc::new(scrapes));
    spawn(async move {
        if let Err(error) = web::serve(listener, routes, certificate, stopping).await {
            tracing::error!(%error, "probes and metrics are not served any more");
        }
    });
    Ok(())
}

/// The first SIGTERM or SIGINT ends the operator after the chunks in flight, a second at once.
async fn stop_on_signal(stopping: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return tracing::error!("signals cannot be waited for");
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    tracing::info!("told to stop: chunks in flight are finished first");
    stopping.cancel();
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    tracing::warn!("told to stop at once");
    std::process::exit(130);
}

#[expect(clippy::disallowed_methods, reason = "the one place where tasks are started")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A fraction from 0 to 1, for jitter only.
#[expect(clippy::disallowed_methods, reason = "the one place where randomness enters")]
fn random() -> f64 {
    rand::random()
}
