//! What the operator serves over HTTP or HTTPS: probes and metrics. No writes of any kind.

mod certificate;
mod health;
mod metrics;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum_server::Handle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use certificate::Certificate;
pub use health::Health;
pub use metrics::Scrapes;

/// The routes: probes for everybody, metrics for those who may.
pub fn routes(health: Arc<Health>, scrapes: Arc<Scrapes>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .with_state(health)
        .route("/metrics", get(metrics::scrape).with_state(scrapes))
}

/// Serves until told to stop. With a certificate nothing is told over plain HTTP.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    certificate: Option<Certificate>,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    let Some(certificate) = certificate else {
        let serving = axum::serve(listener, routes);
        return serving.with_graceful_shutdown(async move { stopping.cancelled().await }).await;
    };
    let (config, handle) = (certificate.config(), Handle::new());
    let serving = axum_server::from_tcp_rustls(listener.into_std()?, config)?
        .handle(handle.clone())
        .serve(routes.into_make_service());
    tokio::select! {
        ended = serving => ended,
        () = certificate.follow() => Ok(()),
        () = stopping.cancelled() => {
            handle.shutdown();
            Ok(())
        }
    }
}
