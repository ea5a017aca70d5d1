//! How GitHub is reached: address, time-outs, bounds.
//!
//! Must not know what is asked.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;

use crate::error::Error;

/// Reads the time. Given in, so that only one place of the program knows the clock.
pub type Clock = fn() -> Timestamp;

/// To connect, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer; GitHub gives up a query after 10 s.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// HTTP/2 pings, so that a dead connection is noticed between chunks.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(10));

/// A query that was answered, well or badly.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The operation's name.
    pub operation: &'static str,
    /// `ok`, or the reason of the failure.
    pub result: &'static str,
    /// From the request to the last byte, in seconds; short where nothing was sent.
    pub seconds: f64,
    /// Points it cost, as far as told.
    pub points: i64,
}

/// Who listens to exchanges.
type Listener = dyn Fn(&Exchange) + Send + Sync;

/// What is told of each exchange; nothing unless set.
#[derive(Clone, Default)]
pub struct OnAnswer(Option<Arc<Listener>>);

impl OnAnswer {
    /// Calls `told`, which must be quick, with each exchange.
    pub fn new(told: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, exchange: Exchange) {
        if let Some(told) = &self.0 {
            told(&exchange);
        }
    }
}

impl fmt::Debug for OnAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "set" } else { "unset" })
    }
}

/// A proxy that GitHub is reached by: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Clone, Debug)]
pub struct Proxy(Url);

impl Proxy {
    /// Reads an address. One with a user or a password is refused, because it is shown where flags
    /// are shown; so the refusal does not repeat it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let whole = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let refused = "a proxy must be http://HOST:PORT or https://HOST:PORT, without user, \
                       password, path and query";
        let url = Url::parse(text).ok().filter(whole);
        url.map(Self).ok_or_else(|| Error::Configuration(refused.to_owned()))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// How GitHub is reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Base of the API: `https://api.github.com`, or `https://HOST/api` of an Enterprise Server.
    /// GraphQL is at `<url>/graphql`.
    pub url: String,
    /// The proxy in between. None of the environment's is ever used.
    pub proxy: Option<Proxy>,
    /// GitHub refuses requests without one.
    pub user_agent: String,
    /// Reads the time.
    pub clock: Clock,
    /// For one request from end to end.
    pub request_timeout: Duration,
    /// Bytes of an answer that are read, after decompression.
    pub max_body_bytes: usize,
    /// Plain HTTP may be used, and then only with a loopback address.
    pub allow_http: bool,
    /// Told of each query once it is answered or has failed.
    pub on_answer: OnAnswer,
}

impl Config {
    /// The address of GraphQL, if it may be used.
    pub(crate) fn endpoint(&self) -> Result<Url, Error> {
        let refuse = |why: &str| Error::Configuration(format!("{}: {why}", self.url));
        let text = format!("{}/graphql", self.url.trim_end_matches('/'));
        let url = Url::parse(&text).map_err(|error| refuse(&error.to_string()))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_loopback = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.allow_http && is_loopback => Ok(url),
            _ => Err(refuse("it must be https")),
        }
    }

    /// Connections as they are wanted. Redirects are not followed: a token goes to one host.
    pub(crate) fn connections(&self, endpoint: &Url) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(self.request_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .http2_keep_alive_timeout(KEEP_ALIVE.1)
            .http2_keep_alive_while_idle(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(endpoint.scheme() == "https")
            .gzip(true);
        let broken = |error: reqwest::Error| Error::Configuration(chain(&error));
        let builder = match &self.proxy {
            None => builder,
            Some(_) if endpoint.scheme() == "http" => {
                let why = format!("{}: a proxy is for https alone", self.url);
                return Err(Error::Configuration(why));
            }
            Some(Proxy(url)) => builder.proxy(reqwest::Proxy::https(url.clone()).map_err(broken)?),
        };
        builder.build().map_err(broken)
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
