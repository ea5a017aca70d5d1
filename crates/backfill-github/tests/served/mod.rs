//! A stand-in GitHub in a process of its own, and a client of it.
//!
//! Only its binary is used, none of its code: it is the independent half of these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use backfill_engine::model::{Cursor, Part, PullRequest, Repository};
use backfill_github::{Chunk, ChunkRequest, Client, Config, Error, GitHub};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

pub const ALL_PARTS: [Part; 5] =
    [Part::Reviews, Part::ReviewComments, Part::Comments, Part::Commits, Part::Files];
pub const USUAL_PARTS: [Part; 3] = [Part::Reviews, Part::ReviewComments, Part::Comments];

/// A running stand-in; it ends with this value.
pub struct Served {
    program: Child,
    pub url: String,
    control: reqwest::Client,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's clock is the real one")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// `target/debug/github-standin`, beside the folder of this test's own binary.
fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().parent().unwrap().join("github-standin");
    assert!(path.exists(), "{} is missing: cargo build -p github-standin", path.display());
    path
}

impl Served {
    /// Starts one with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut program = Command::new(binary())
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
        let url = line[at..].trim().to_owned();
        let control = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { program, url, control }
    }

    /// Starts one that serves a world of these lines.
    pub fn world(name: &str, lines: &[String]) -> Self {
        let folder = std::env::temp_dir().join("backfill-github-tests");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}-{}.ndjson", std::process::id()));
        std::fs::write(&path, lines.join("\n")).unwrap();
        let served = Self::start(&["--world", path.to_str().unwrap()]);
        std::fs::remove_file(path).unwrap();
        served
    }

    pub fn github(&self) -> GitHub {
        GitHub::new(Config {
            url: self.url.clone(),
            proxy: None,
            user_agent: "backfill-operator/test".to_owned(),
            clock: now,
            request_timeout: Duration::from_secs(30),
            max_body_bytes: 64 << 20,
            allow_http: true,
            on_answer: backfill_github::OnAnswer::default(),
        })
        .unwrap()
    }

    pub fn client(&self) -> Client {
        self.github().client(SecretString::from("ghp_test")).spending_for("flow", 0)
    }

    pub async fn get(&self, path: &str) -> Value {
        let text = self.text(path).await;
        serde_json::from_str(&text).unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        let answer = self.control.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.text().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &str) {
        let url = format!("{}{path}", self.url);
        let answer = self.control.post(url).body(body.to_owned()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    /// Puts a fault plan of one rule in force.
    pub async fn fault(&self, when: &str, answer: &str) {
        let plan = format!(r#"{{"rules":[{{"match":{when},"answer":"{answer}"}}]}}"#);
        self.post("/_standin/faults", &plan).await;
    }

    /// What clients did since the start; fails on any violation.
    pub async fn requests(&self) -> Value {
        let ledger = self.get("/_standin/requests").await;
        assert_eq!(ledger["violation_count"], 0, "{ledger:#}");
        ledger
    }
}

pub async fn resolve(client: &Client, name: &str) -> Repository {
    client.resolve(&name.into()).await.unwrap().repository
}

pub async fn chunk(
    client: &Client,
    repository: &Repository,
    after: Option<&Cursor>,
    size: i64,
    parts: &[Part],
) -> Result<Chunk, Error> {
    let request = ChunkRequest {
        repository: &repository.name,
        node_id: &repository.node_id,
        after,
        size,
        parts,
    };
    client.chunk(&request).await
}

/// The whole history, chunk by chunk.
pub async fn chunks(
    client: &Client,
    repository: &Repository,
    size: i64,
    parts: &[Part],
) -> Vec<Chunk> {
    let mut all: Vec<Chunk> = Vec::new();
    loop {
        let after = all.last().and_then(|chunk| chunk.end_cursor.as_ref());
        let read = chunk(client, repository, after, size, parts).await.unwrap();
        let is_last = !read.has_next_page;
        all.push(read);
        if is_last {
            return all;
        }
    }
}

/// The whole history, newest first.
pub async fn walk(
    client: &Client,
    repository: &Repository,
    size: i64,
    parts: &[Part],
) -> Vec<PullRequest> {
    let chunks = chunks(client, repository, size, parts).await;
    chunks.into_iter().flat_map(|chunk| chunk.pull_requests).collect()
}

/// A line of a world: the repository.
pub fn repository_line() -> String {
    json!({"kind": "repository", "nameWithOwner": "o/r", "databaseId": 42,
        "createdAt": "2020-01-01T00:00:00Z"})
    .to_string()
}

/// A line of a world: a pull request of that repository.
pub fn pull_line(number: u32, more: Value) -> String {
    let mut line = json!({"kind": "pullRequest", "repository": "o/r", "number": number,
        "createdAt": format!("2020-01-02T00:{:02}:{:02}Z", number / 60, number % 60)});
    let Value::Object(more) = more else { panic!("no object") };
    line.as_object_mut().unwrap().extend(more);
    line.to_string()
}

/// Review comments of a pull request, each with the place of the one it answers.
pub fn review_comments(count: u64, of_thread: impl Fn(u64) -> Option<u64>) -> Vec<Value> {
    (0..count)
        .map(|at| {
            json!({"fullDatabaseId": (9_000_000_000 + at).to_string(), "body": format!("c{at}"),
                "path": "a.rs", "review": null,
                "replyTo": of_thread(at).map(|first| (9_000_000_000 + first).to_string()),
                "author": {"__typename": "User", "login": "mona", "databaseId": 7},
                "createdAt": "2020-02-01T00:00:00Z"})
        })
        .collect()
}
