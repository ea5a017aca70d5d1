//! The controller of RepositoryBackfill: observe, decide, act, publish.
//!
//! A wake-up carries nothing: a watch event, a timer and a restart all mean "look again".

mod act;
mod memory;
mod observe;
mod outcome;
mod permits;
mod publish;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use backfill_api::{Reason, RepositoryBackfill};
use backfill_engine::budget::Place;
use backfill_engine::decide::decide;
use backfill_engine::retry;
use backfill_engine::seen::Fault;
use backfill_github::GitHub;
use backfill_store::Store;
use futures::FutureExt;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::controller::Action;
use kube::runtime::events::Recorder;
use kube::runtime::reflector;
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};
pub use memory::Memory;
pub use permits::Permits;

/// What a look may use. Built once, by the wiring.
pub struct Context {
    pub client: Client,
    pub store: Store,
    /// False while this process still has the schema to bring up to date.
    pub schema_ready: Arc<AtomicBool>,
    pub github: GitHub,
    pub metrics: Arc<Metrics>,
    pub objects: reflector::Store<RepositoryBackfill>,
    pub recorder: Recorder,
    pub permits: Permits,
    pub settings: Settings,
    pub memory: Memory,
    pub clock: fn() -> Timestamp,
    /// A fraction from 0 to 1, for jitter.
    pub random: fn() -> f64,
    /// Cancelled when the operator is told to stop.
    pub stopping: CancellationToken,
}

/// The operator's own settings, from its command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Points of each credential that are left to others.
    pub min_rate_limit_points: i64,
    /// `deletionPolicy: Delete` is allowed.
    pub allow_row_deletion: bool,
    /// How long the removal of rows may fail without a break before the object goes without them.
    pub deletion_patience: Duration,
    /// No further chunk starts in a run after this.
    pub run_time: Duration,
}

/// The host of every repository: the one that `--github-url` stands for.
pub const HOST: &str = "github.com";
/// How long one write to the API server may take, or the read of one object: the client itself has
/// no limit and retries for minutes.
const API_TIMEOUT: Duration = Duration::from_secs(20);

/// One look at one object. Never fails: whatever goes wrong is an outcome with a next look.
pub async fn reconcile(
    object: Arc<RepositoryBackfill>,
    ctx: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    let started = Instant::now();
    // A look that runs chunks is a large future; tens of them wait in the controller.
    let looked = AssertUnwindSafe(Box::pin(look_at(&object, &ctx))).catch_unwind().await;
    ctx.metrics.observe(metrics::RECONCILE_DURATION, &[], started.elapsed().as_secs_f64());
    if let Ok(action) = looked {
        return Ok(action);
    }
    // One object's panic is contained here; kube would end the whole controller.
    let reason = Reason::InternalError;
    ctx.metrics.count(metrics::PANICS, &[], 1);
    ctx.metrics.count(metrics::FAILURES, &[reason.as_str()], 1);
    let fault = Fault::new(reason, "a look at this object panicked; see the operator's log");
    publish::fault_alone(&ctx, &object, &fault).await;
    Ok(Action::requeue(retry::BUG_LOOK.unsigned_abs()))
}

async fn look_at(object: &RepositoryBackfill, ctx: &Context) -> Action {
    let look = observe::observe(ctx, object).await;
    let step = decide(&look.seen);
    ctx.metrics.count(metrics::RECONCILES, &[step.word()], 1);
    if let Some(github) = look.github.as_ref().filter(|_| !step.keeps_its_share()) {
        github.governor().leave(look.uid());
    }
    if !step.is_queued() {
        ctx.permits.forget(&look.seen.object.id.namespace, look.uid());
    }
    if let (Some(permit), Place::At { .. }) = (&look.permit, &look.seen.place) {
        // Else a namespace without points would come first again and again, and run nothing.
        permit.begin();
    }
    let outcome = Box::pin(act::act(&look, step)).await;
    publish::publish(&look, outcome).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use kube::runtime::events::Reporter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Fails the first time, as no clock does.
    fn clock() -> Timestamp {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        assert!(ASKED.fetch_add(1, Ordering::SeqCst) > 0, "for the test");
        Timestamp::UNIX_EPOCH
    }

    fn context(client: Client) -> Context {
        let nowhere = "postgres://nobody@127.0.0.1:1/none".to_owned();
        let options = backfill_store::Options::new(nowhere.into(), "one");
        let github = GitHub::new(backfill_github::Config {
            url: "http://127.0.0.1:1".to_owned(),
            proxy: None,
            user_agent: "test".to_owned(),
            clock,
            request_timeout: Duration::from_secs(1),
            max_body_bytes: 1,
            allow_http: true,
            on_answer: backfill_github::OnAnswer::new(|_| ()),
        });
        let reporter = Reporter { controller: "test".to_owned(), instance: None };
        Context {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            store: Store::connect(&options).unwrap(),
            schema_ready: Arc::new(AtomicBool::new(true)),
            github: github.unwrap(),
            metrics: Arc::new(Metrics::new().unwrap()),
            objects: reflector::store().0,
            permits: Permits::new(1),
            settings: Settings {
                min_rate_limit_points: 0,
                allow_row_deletion: false,
                deletion_patience: Duration::ZERO,
                run_time: Duration::ZERO,
            },
            memory: Memory::default(),
            clock,
            random: || 0.0,
            stopping: CancellationToken::new(),
        }
    }

    /// An API server that has nothing, and keeps what it is told.
    async fn serve(listener: TcpListener, told: &Mutex<String>) {
        let body = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
            "message":"not found","reason":"NotFound","code":404}"#;
        let answer = format!(
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !is_whole(&request) {
                let read = client.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            told.lock().unwrap().push_str(&String::from_utf8_lossy(&request));
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// The head of a request is there, and as much more as it says.
    fn is_whole(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }

    #[tokio::test]
    async fn a_look_that_panics_is_counted_said_and_contained() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = kube::Config::new(url.parse().unwrap());
        let ctx = Arc::new(context(Client::try_from(config).unwrap()));
        let object = serde_json::json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {"namespace": "team", "name": "api", "uid": "u", "generation": 1},
            "spec": {"repository": "acme/api"},
        });
        let object: RepositoryBackfill = serde_json::from_value(object).unwrap();
        let told = Mutex::new(String::new());
        let action = tokio::select! {
            action = reconcile(Arc::new(object), ctx.clone()) => action.unwrap(),
            () = serve(listener, &told) => unreachable!("it serves for ever"),
        };
        assert_eq!(action, Action::requeue(Duration::from_mins(5)));
        let text = ctx.metrics.render().unwrap();
        for series in ["backfill_panics_total", "backfill_failures_total{reason=\"InternalError\"}"]
        {
            assert!(text.contains(&format!("{series} 1\n")), "{series}: {text}");
        }
        let told = told.into_inner().unwrap();
        assert!(
            told.contains("PATCH") && told.contains("a look at this object panicked"),
            "{told}"
        );
    }
}
