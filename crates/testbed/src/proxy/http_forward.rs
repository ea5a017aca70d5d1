//! Passes HTTP/1 requests on to another address, unchanged and unbuffered. Must not know
//! which requests count: the proxy that uses it says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use futures::TryStreamExt;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::gate::Shared;
use super::tripwire::When;

/// The server behind a proxy and which of its requests count.
pub(super) struct Upstream {
    pub(super) url: String,
    pub(super) client: reqwest::Client,
    pub(super) counts: fn(&http::request::Parts) -> bool,
    /// The bodies of counted requests, while they are recorded.
    pub(super) recorded: Mutex<Option<Vec<Bytes>>>,
}

impl Upstream {
    pub(super) fn recorded(&self) -> MutexGuard<'_, Option<Vec<Bytes>>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Body = BoxBody<Bytes, reqwest::Error>;

/// Answers every request of one connection. An error closes it without an answer.
pub(super) async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    upstream: Arc<Upstream>,
) -> anyhow::Result<()> {
    let answer = hyper::service::service_fn(move |request| {
        let (shared, upstream) = (shared.clone(), upstream.clone());
        async move { forward(request, &shared, &upstream).await.map_err(std::io::Error::other) }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await?;
    Ok(())
}

async fn forward(
    request: Request<Incoming>,
    shared: &Shared,
    upstream: &Upstream,
) -> anyhow::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    // Counted only when whole: until then the client has not made its request.
    let body = body.collect().await?.to_bytes();
    let counts = (upstream.counts)(&parts);
    let mut trap = counts.then(|| shared.wire.arrive()).flatten();
    if let Some(trap) = trap.take_if(|trap| trap.when() == When::BeforeForward) {
        trap.spring(&shared.wire);
        anyhow::bail!("tripped before the request was passed on");
    }
    if counts {
        if let Some(recorded) = upstream.recorded().as_mut() {
            recorded.push(body.clone());
        }
        shared.delay().await;
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let answer = upstream
        .client
        .request(parts.method, format!("{}{path}", upstream.url))
        .headers(passed_on(parts.headers))
        .body(body)
        .send()
        .await
        .context("the server behind the proxy")?;
    if let Some(trap) = trap {
        answer.bytes().await?;
        trap.spring(&shared.wire);
        anyhow::bail!("tripped after the answer");
    }
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = passed_on(answer.headers().clone());
    }
    let frames = answer.bytes_stream().map_ok(Frame::data);
    Ok(response.body(BodyExt::boxed(StreamBody::new(frames)))?)
}

/// Without the headers that belong to one connection alone.
fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
