//! A stand-in that runs in this process, and a client that hides nothing of HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use github_standin::clock::Clock;
use github_standin::gate::Limits;
use github_standin::world::World;
use github_standin::{Standin, http};
use serde_json::{Value, json};

/// A running stand-in; it ends with the test's process.
pub struct Running {
    pub address: SocketAddr,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> u64 {
        self.header(name).unwrap_or_else(|| panic!("no header {name}")).parse().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The data, after a check that nothing failed.
    pub fn good(&self) -> Value {
        let json = self.json();
        assert_eq!(json.get("errors"), None, "{json}");
        json["data"].clone()
    }

    pub fn error(&self) -> Value {
        self.json()["errors"][0].clone()
    }
}

/// A world of one repository `o/r` with these extra lines.
pub fn world(lines: &[Value]) -> World {
    let mut text = vec![
        json!({
            "kind": "repository", "nameWithOwner": "o/r", "databaseId": 77,
            "createdAt": "2020-01-01T00:00:00Z",
        })
        .to_string(),
    ];
    text.extend(lines.iter().map(Value::to_string));
    let mut world = World::default();
    world.load_lines(&text, "test").unwrap();
    world
}

/// A line of a small pull request, created `minute` minutes after 2020-02-01.
pub fn pull(number: u32, minute: u32) -> Value {
    json!({
        "kind": "pullRequest", "repository": "o/r", "number": number,
        "title": format!("Pull {number}"), "body": "b",
        "createdAt": format!("2020-02-01T{:02}:{:02}:00Z", minute / 60, minute % 60),
    })
}

pub fn start(world: World) -> Running {
    start_with(world, Limits::default(), &[])
}

pub fn start_with(world: World, limits: Limits, tokens: &[String]) -> Running {
    let standin = Standin::new(world, limits, tokens, Clock::default()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let anywhere = "127.0.0.1:0".parse().unwrap();
            let bound = http::bind(standin, anywhere, Duration::ZERO, None).await.unwrap();
            tell.send(bound.address()).unwrap();
            bound.run().await.unwrap();
        });
    });
    Running { address: told.recv().unwrap() }
}

impl Running {
    /// Sends one request on a connection of its own and reads until it is closed.
    pub fn raw(&self, head: &str, body: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        write!(
            stream,
            "{head}host: test\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\n{headers}");
        parse(&self.raw(&head, body).unwrap())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path, "", body)
    }

    /// A GraphQL call as `token`.
    pub fn call(&self, token: &str, query: &str, variables: &Value) -> Answer {
        let body = json!({"query": query, "variables": variables}).to_string();
        self.request("POST", "/graphql", &credentials(token), &body)
    }

    pub fn query(&self, query: &str) -> Answer {
        self.call("t", query, &json!({}))
    }

    /// What the stand-in counted.
    pub fn counted(&self) -> Value {
        self.get("/_standin/requests").json()
    }

    /// The kinds of all violations.
    pub fn violations(&self) -> Vec<String> {
        let counted = self.counted();
        let list = counted["violations"].as_array().unwrap();
        list.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
    }

    pub fn plan(&self, rules: &Value) {
        let answer = self.post("/_standin/faults", &json!({"rules": rules}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub fn limit(&self, limits: &Value) {
        assert_eq!(self.post("/_standin/limits", &limits.to_string()).status, 200);
    }

    pub fn change(&self, line: &Value) -> Answer {
        self.post("/_standin/world", &line.to_string())
    }
}

pub fn credentials(token: &str) -> String {
    format!("authorization: bearer {token}\r\nuser-agent: test\r\n")
}

pub fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("no head");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let body = if chunked { unchunked(body) } else { body.to_owned() };
    Answer { status, headers, body }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
        if size == 0 {
            break;
        }
    }
    body
}

/// Asks again until it holds.
pub fn eventually(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
