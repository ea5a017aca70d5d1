//! A server that speaks in canned bytes, and a client that takes it for GitHub.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::io::Write;
use std::time::Duration;

use backfill_github::{Client, Config, Error, GitHub, OnAnswer};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const TOKEN: &str = "ghp_canarycanarycanary";
/// How often a case is tried that a busy machine may spoil.
pub const ROUNDS: usize = 10;

/// 2026-11-20 10:00:00 UTC, always.
pub fn clock() -> Timestamp {
    Timestamp::from_second(1_795_168_800).unwrap()
}

pub fn config(url: String) -> Config {
    Config {
        url,
        proxy: None,
        user_agent: "backfill-operator/test".to_owned(),
        clock,
        request_timeout: Duration::from_secs(10),
        max_body_bytes: 10_000,
        allow_http: true,
        on_answer: OnAnswer::default(),
    }
}

/// A port on loopback, and who takes it for GitHub.
pub async fn listening() -> (TcpListener, GitHub) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, GitHub::new(config(url)).unwrap())
}

/// Answers the connections in turn with these bytes, then closes each; the requests it saw are
/// returned. No bytes: the connection is closed without a word.
pub async fn github(answers: Vec<Vec<u8>>) -> (GitHub, JoinHandle<Vec<String>>) {
    let (listener, github) = listening().await;
    #[expect(clippy::disallowed_methods, reason = "the test ends it")]
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).await.unwrap();
                if read == 0 {
                    break;
                }
                request.extend_from_slice(&piece[..read]);
            }
            seen.push(String::from_utf8_lossy(&request).into_owned());
            stream.write_all(&answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        seen
    });
    (github, seen)
}

pub async fn server(answers: Vec<Vec<u8>>) -> (Client, JoinHandle<Vec<String>>) {
    let (github, seen) = github(answers).await;
    (github.client(SecretString::from(TOKEN)), seen)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.parse().unwrap())
}

pub fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The answer as who accepts gzip gets it.
pub fn packed(body: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(body.as_bytes()).unwrap();
    answer("200 OK", "content-encoding: gzip\r\n", gzip.finish().unwrap())
}

pub const GOOD: &str = r#"{"data":{"rateLimit":{"cost":1,"limit":5000,"remaining":4999,"used":1,"resetAt":"2026-11-20T11:00:00Z"},"viewer":{"databaseId":7,"login":"mona"},"repository":{"id":"R_1","databaseId":42,"nameWithOwner":"o/r","isPrivate":false,"isArchived":true,"isDisabled":false,"defaultBranchRef":null,"pullRequests":{"totalCount":2,"nodes":[{"changedFiles":3},null,{"changedFiles":6}]}}}}"#;

pub async fn resolve(client: &Client) -> Result<backfill_github::Resolved, Error> {
    client.resolve(&"o/r".into()).await
}

/// A query that is not asked again in another way when its answer is bad.
pub async fn once(client: &Client) -> Result<backfill_github::Index, Error> {
    client.index(&"R_1".into(), None, 1, 0).await
}
