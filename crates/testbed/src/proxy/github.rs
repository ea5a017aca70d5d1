//! A proxy before the stand-in GitHub. Counts `POST /graphql`. Must not read queries.

use std::sync::{Arc, Mutex};

use hyper::body::Bytes;

use super::gate::{Gate, controls};
use super::http_forward::{Upstream, serve};

/// A proxy before a GitHub.
pub struct GitHubProxy {
    gate: Gate,
    upstream: Arc<Upstream>,
}

impl GitHubProxy {
    /// Opens a port before the GitHub at this address.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        crate::use_ring();
        let client = reqwest::Client::builder().no_proxy().no_gzip().build()?;
        let upstream = Arc::new(Upstream {
            url: url.trim_end_matches('/').to_owned(),
            client,
            counts: |request| {
                request.method == http::Method::POST && request.uri.path() == "/graphql"
            },
            recorded: Mutex::new(None),
        });
        let inner = upstream.clone();
        let gate = Gate::open(move |stream, shared| serve(stream, shared, inner.clone()))?;
        Ok(Self { gate, upstream })
    }

    /// Keeps the bodies of the requests from now on.
    pub fn record(&self) {
        *self.upstream.recorded() = Some(Vec::new());
    }

    /// The bodies kept so far, in the order in which they came.
    pub fn recorded(&self) -> Vec<Bytes> {
        self.upstream.recorded().clone().unwrap_or_default()
    }

    /// Its address, in place of GitHub's.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

controls!(GitHubProxy);
