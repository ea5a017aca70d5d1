//! A proxy before the API server: plain http in front, https behind. Counts requests that
//! write (POST, PUT, PATCH, DELETE). Watches pass unbuffered, tokens as they are.
//! Must not know any kind.

use std::sync::{Arc, Mutex};

use http::Method;

use super::gate::{Gate, controls};
use super::http_forward::{Upstream, serve};
use crate::cluster::Cluster;

/// A proxy before an API server. Its clients need a token: certificates end at its port.
#[derive(Debug)]
pub struct ApiProxy {
    gate: Gate,
}

impl ApiProxy {
    /// Opens a port before a cluster's API server.
    pub fn open(cluster: &Cluster) -> anyhow::Result<Self> {
        crate::use_ring();
        let ca = reqwest::Certificate::from_pem(&cluster.ca()?)?;
        let builder = reqwest::Client::builder().no_proxy().no_gzip();
        let upstream = Arc::new(Upstream {
            url: cluster.server(),
            client: builder.tls_certs_only([ca]).build()?,
            counts: |request| {
                let writes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
                writes.contains(&request.method)
            },
            recorded: Mutex::new(None),
        });
        let gate = Gate::open(move |stream, shared| serve(stream, shared, upstream.clone()))?;
        Ok(Self { gate })
    }

    /// Its address, for [`Cluster::operator_kubeconfig`].
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

controls!(ApiProxy);
