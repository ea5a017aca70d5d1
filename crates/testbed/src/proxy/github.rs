//! A proxy before the stand-in GitHub. Counts `POST /graphql`. Must not read queries.

use std::sync::Arc;

use super::gate::{Gate, controls};
use super::http_forward::{Upstream, serve};

/// A proxy before a GitHub.
#[derive(Debug)]
pub struct GitHubProxy {
    gate: Gate,
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
        });
        let gate = Gate::open(move |stream, shared| serve(stream, shared, upstream.clone()))?;
        Ok(Self { gate })
    }

    /// Its address, in place of GitHub's.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
}

controls!(GitHubProxy);
