//! A kill, or only a cut connection, at the k-th request, COMMIT or write, for every k there is in
//! a walk of three chunks. Must not know which k is what.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::Cluster;
use testbed::proxy::{Tripwire, When};
use tokio::sync::{OnceCell, Semaphore};

use super::{NAME, spec, world};
use crate::support::dump::{assert_equal, history};
use crate::support::ground::Proxies;
use crate::support::ledger::{assert_chained, assert_pages};
use crate::support::{Ground, LIMIT, Setup, Trial};

/// What two cores can carry at the same time, over all tests of this file. A kill takes two: after
/// a cut the operator mostly waits.
static ROOM: Semaphore = Semaphore::const_new(16);
/// Of these, what one test takes.
const ROOM_OF_ONE: usize = 8;
/// How long one point may take on a busy machine.
const POINT_LIMIT: Duration = Duration::from_mins(3);

/// Which of the operator's servers.
#[derive(Clone, Copy, Debug)]
enum Server {
    GitHub,
    Postgres,
    Kubernetes,
}

impl Server {
    fn wire(self, proxies: &Proxies) -> &Tripwire {
        match self {
            Self::GitHub => proxies.github.wire(),
            Self::Postgres => proxies.postgres.wire(),
            Self::Kubernetes => proxies.api.wire(),
        }
    }
}

/// What happens at a point. Either way the connection ends and the answer is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    /// The operator is killed, and started again as the same instance.
    Kill,
    /// The operator lives and has to find out what became of its request.
    Cut,
}

/// A run that nothing disturbed.
struct Undisturbed {
    history: Vec<String>,
    /// Requests, COMMITs and writes.
    counts: [u64; 3],
}

static UNDISTURBED: OnceCell<Undisturbed> = OnceCell::const_new();

/// What every disturbed run must come to, and how many points there are.
async fn undisturbed() -> &'static Undisturbed {
    let run = async || {
        let mut ground = ground(true).await;
        let proxies = ground.behind_proxies().await;
        let mut trial = ground.launch();
        trial.apply(NAME, spec(3)).await;
        settle(&mut trial).await;
        let counts = [Server::GitHub, Server::Postgres, Server::Kubernetes];
        let counts = counts.map(|server| server.wire(&proxies).count());
        let history = history(&trial.rows).await;
        assert_eq!(history.iter().filter(|line| line.starts_with("chunk ")).count(), 3);
        assert_chained(&trial.rows, 0).await;
        assert_pages(&trial, 0).await;
        trial.finish().await;
        Undisturbed { history, counts }
    };
    UNDISTURBED.get_or_init(run).await
}

async fn ground(empty_database: bool) -> Ground {
    let setup = Setup { empty_database, ..Setup::from(world()) };
    Ground::new(Cluster::shared().await.unwrap(), &setup).await
}

/// Waits until the walk is proved and everybody who should know it was told, then ends the
/// operator, so that its counts are final.
async fn settle(trial: &mut Trial) {
    trial.succeeded(NAME).await;
    trial
        .within(LIMIT, "an event says so", async || {
            let events = trial.events(NAME).await;
            events.iter().any(|(reason, _)| reason == "Verified").then_some(())
        })
        .await;
    trial.operator.terminate().unwrap();
    trial.operator.wait(LIMIT).await.unwrap();
}

/// Strikes at the k-th, lets the operator finish, and compares.
async fn strike_at(server: Server, k: u64, when: When, blow: Blow) {
    // The migrations' COMMITs are points too.
    let mut ground = ground(matches!(server, Server::Postgres)).await;
    let proxies = ground.behind_proxies().await;
    let wire = server.wire(&proxies);
    let (give, take) = mpsc::channel::<i32>();
    wire.trip_at(k, when, move || {
        if let (Blow::Kill, Ok(pid)) = (blow, take.recv()) {
            // Not reaped before the trap has sprung, so the pid is still its own.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    });
    let mut trial = ground.launch();
    give.send(trial.operator.pid()).unwrap();
    trial.apply(NAME, spec(3)).await;
    if !struck(&mut trial, wire, server, k).await {
        return trial.finish().await;
    }
    if blow == Blow::Kill {
        trial.operator.wait(LIMIT).await.unwrap();
        assert!(trial.operator.was_killed().unwrap());
        trial.restart("one").await;
    }
    trial.succeeded(NAME).await;
    assert_equal(&history(&trial.rows).await, &undisturbed().await.history);
    assert_chained(&trial.rows, 1).await;
    assert_pages(&trial, 1).await;
    assert!(trial.operator.ended().unwrap().is_none(), "the operator ended by itself");
    trial.finish().await;
}

/// Waits until the trap has sprung. Some of what is counted comes every few seconds: of the last
/// points a quicker run may have none, which is seen by its success.
async fn struck(trial: &mut Trial, wire: &Tripwire, server: Server, k: u64) -> bool {
    let last_points = undisturbed().await.counts[server as usize].saturating_sub(6);
    let done = async {
        if k <= last_points {
            std::future::pending::<()>().await;
        }
        trial.succeeded(NAME).await;
        wire.await_trip(Duration::from_secs(10)).await.is_ok()
    };
    tokio::select! {
        tripped = wire.await_trip(LIMIT) => {
            if let Err(error) = tripped {
                panic!("{error}\n{}", trial.last_words());
            }
            true
        }
        tripped = done => tripped,
    }
}

/// Every point of one server, some at a time; panics with those that failed.
async fn everywhere(server: Server, blow: Blow) {
    let [github, postgres, kubernetes] = undisturbed().await.counts;
    let count = match server {
        Server::GitHub => github,
        Server::Postgres => postgres,
        Server::Kubernetes => kubernetes,
    };
    let both = |k| [(k, When::BeforeForward), (k, When::AfterForward)];
    let points: Vec<(u64, When)> = (1..=count).flat_map(both).collect();
    assert!(points.len() >= 8, "{count} points at {server:?} are too few for three chunks");
    let failed = stream::iter(points)
        .map(|(k, when)| async move {
            let places = if blow == Blow::Kill { 2 } else { 1 };
            let _place = ROOM.acquire_many(places).await.unwrap();
            let point =
                tokio::time::timeout(POINT_LIMIT, Box::pin(strike_at(server, k, when, blow)));
            let outcome = AssertUnwindSafe(point).catch_unwind().await;
            let held = matches!(outcome, Ok(Ok(())));
            (!held).then(|| format!("{blow:?} at {server:?} {k} of {count}, {when:?}"))
        })
        .buffer_unordered(ROOM_OF_ONE)
        .filter_map(std::future::ready)
        .collect::<Vec<String>>()
        .await;
    assert_eq!(failed, Vec::<String>::new(), "points at which it is not harmless");
}

#[tokio::test]
async fn a_kill_at_any_request_to_github_is_harmless() {
    everywhere(Server::GitHub, Blow::Kill).await;
}

#[tokio::test]
async fn a_lost_answer_to_any_request_to_github_is_harmless() {
    everywhere(Server::GitHub, Blow::Cut).await;
}

#[tokio::test]
async fn a_kill_at_any_commit_is_harmless() {
    everywhere(Server::Postgres, Blow::Kill).await;
}

#[tokio::test]
async fn a_lost_answer_to_any_commit_is_harmless() {
    everywhere(Server::Postgres, Blow::Cut).await;
}

#[tokio::test]
async fn a_kill_at_any_write_to_kubernetes_is_harmless() {
    everywhere(Server::Kubernetes, Blow::Kill).await;
}

#[tokio::test]
async fn a_lost_answer_to_any_write_to_kubernetes_is_harmless() {
    everywhere(Server::Kubernetes, Blow::Cut).await;
}
