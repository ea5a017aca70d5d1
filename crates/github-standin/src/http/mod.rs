//! HTTP: the routes, and running a stand-in on an address.
//!
//! What a query means is not decided here.

mod answers;
mod control;
mod graphql;
mod log;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::Error;
use crate::Standin;
use log::Log;
use wire::{Scissors, Wires};

/// What the routes share.
struct Server {
    standin: Standin,
    latency: Duration,
    log: Option<Log>,
}

/// A stand-in that has its address and waits to be run.
pub struct Bound {
    wires: Wires,
    router: Router,
    address: SocketAddr,
}

/// Takes an address for a stand-in; `latency` is added to every GraphQL answer.
pub async fn bind(
    standin: Standin,
    listen: SocketAddr,
    latency: Duration,
    log: Option<PathBuf>,
) -> Result<Bound, Error> {
    let failed = |source| Error::Io { what: format!("cannot listen on {listen}"), source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let log = log.map(|path| Log::create(&path)).transpose()?;
    let server = Arc::new(Server { standin, latency, log });
    let router = Router::new()
        .route("/graphql", post(graphql::graphql))
        .route("/api/graphql", post(graphql::graphql))
        // Like GitHub, for whoever accepts it.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .route("/rate_limit", get(control::rate_limit))
        .route("/_standin/requests", get(control::requests).delete(control::forget))
        .route("/_standin/world", get(control::dump).post(control::change))
        .route("/_standin/totals", get(control::totals))
        .route("/_standin/faults", post(control::faults))
        .route("/_standin/limits", get(control::limits).post(control::set_limits))
        .with_state(server);
    Ok(Bound { wires: Wires(listener), router, address })
}

impl Bound {
    /// The address, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped.
    pub async fn run(self) -> Result<(), Error> {
        let routes = self.router.into_make_service_with_connect_info::<Scissors>();
        axum::serve(self.wires, routes)
            .await
            .map_err(|source| Error::Io { what: "serving failed".into(), source })
    }
}
