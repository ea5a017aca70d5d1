//! The way to GitHub: which proxy it goes by, and whose certificate it believes.
//!
//! Whoever plays GitHub here knows no token, and keeps what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use backfill_api::RepositoryBackfill;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::json;
use testbed::Cluster;

use crate::support::authority::{Authority, HOLDS};
use crate::support::objects::message;
use crate::support::{Ground, Setup, Trial, World, has, reason};

const ANSWER: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\
                      content-length: 29\r\nconnection: close\r\n\r\n\
                      {\"message\":\"Bad credentials\"}";

/// What a server needs to show a certificate for `name`, valid in these years.
fn show(authority: &Authority, name: &str, years: (i32, i32)) -> Arc<ServerConfig> {
    let (certificate, key) = authority.issue(name, years);
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

/// A server on a loopback port, and what clients told it.
struct Listening {
    port: u16,
    told: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    /// Each connection has a thread of its own, which ends with it.
    fn start(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (serve, kept) = (Arc::new(serve), told.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, kept) = (serve.clone(), kept.clone());
                thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { port, told }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

/// Somebody who speaks TLS with the certificate of the moment and refuses every token.
fn false_github(shown: &Arc<Mutex<Arc<ServerConfig>>>) -> Listening {
    let shown = shown.clone();
    Listening::start(move |mut stream, told| {
        let config = shown.lock().unwrap().clone();
        let mut connection = ServerConnection::new(config).unwrap();
        let mut tls = Stream::new(&mut connection, &mut stream);
        let mut heard = [0; 16 * 1024];
        let read = tls.read(&mut heard).unwrap_or(0);
        if read > 0 {
            told.lock().unwrap().push(String::from_utf8_lossy(&heard[..read]).into_owned());
            let _ = tls.write_all(ANSWER.as_bytes());
            let _ = tls.flush();
        }
        let _ = stream.shutdown(Shutdown::Write);
    })
}

/// Somebody who plays Postgres as far as TLS, with this certificate.
fn false_postgres(shown: Arc<ServerConfig>) -> Listening {
    Listening::start(move |mut stream, told| {
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"S").unwrap();
        let mut connection = ServerConnection::new(shown.clone()).unwrap();
        let mut heard = [0; 1024];
        let read = Stream::new(&mut connection, &mut stream).read(&mut heard).unwrap_or(0);
        if read > 0 {
            told.lock().unwrap().push(String::from_utf8_lossy(&heard[..read]).into_owned());
        }
        let _ = stream.shutdown(Shutdown::Both);
    })
}

/// A proxy that keeps the first line of each request, and connects to whom it names.
fn proxy() -> Listening {
    Listening::start(|client, told| {
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let mut first = String::new();
        reader.read_line(&mut first).unwrap();
        told.lock().unwrap().push(first.trim().to_owned());
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            line.clear();
        }
        let server = TcpStream::connect(first.split(' ').nth(1).unwrap()).unwrap();
        let mut answers = client;
        answers.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), server);
        let back = thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut answers);
            let _ = answers.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut reader, &mut to);
        let _ = to.shutdown(Shutdown::Write);
        back.join().unwrap();
    })
}

/// An operator to come that has `github` for GitHub and trusts `authority` alone.
async fn ground(authority: &Authority, github: &Listening) -> Ground {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &Setup::from(World::of("acme/api", 1))).await;
    let trusted = ground.dir.path().join("trusted.pem");
    std::fs::write(&trusted, &authority.pem).unwrap();
    let trusted = trusted.display().to_string();
    ground.options.env.insert("SSL_CERT_FILE".to_owned(), trusted);
    ground.options.github_url = format!("https://localhost:{}", github.port);
    ground
}

/// Waits until GitHub has refused the token, which it has then been shown.
async fn refused(trial: &Trial, github: &Listening) {
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.until_reason("api", "CredentialsInvalid").await;
    let told = github.told();
    assert!(told.iter().all(|request| request.contains(&trial.token)), "{told:?}");
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_never_used() {
    let authority = Authority::new("known");
    let shown = Arc::new(Mutex::new(show(&authority, "localhost", HOLDS)));
    let (github, proxy) = (false_github(&shown), proxy());
    let mut ground = ground(&authority, &github).await;
    let names =
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
    for name in names {
        let url = format!("http://127.0.0.1:{}", proxy.port);
        ground.options.env.insert(name.to_owned(), url);
    }
    let trial = ground.start().await;
    refused(&trial, &github).await;
    assert_eq!(proxy.told(), Vec::<String>::new());
    let log = trial.operator.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("--github-proxy")).collect();
    let [line] = said[..] else { panic!("{said:?}") };
    assert!(line.contains("\"WARN\"") && line.contains("HTTPS_PROXY"), "{line}");
    assert!(!log.contains(&format!(":{}", proxy.port)), "its address may have a password in it");
    trial.finish().await;
}

#[tokio::test]
async fn the_proxy_of_the_flag_is_used_and_cannot_read_what_passes() {
    let authority = Authority::new("known");
    let shown = Arc::new(Mutex::new(show(&authority, "localhost", HOLDS)));
    let (github, proxy) = (false_github(&shown), proxy());
    let mut ground = ground(&authority, &github).await;
    ground.options.args.push(format!("--github-proxy=http://127.0.0.1:{}", proxy.port));
    // What the environment says of whom no proxy is for does not count either.
    ground.options.env.insert("NO_PROXY".to_owned(), "*".to_owned());
    let nobody = "http://127.0.0.1:9".to_owned();
    ground.options.env.insert("ALL_PROXY".to_owned(), nobody);
    let trial = ground.start().await;
    refused(&trial, &github).await;
    assert!(!trial.operator.log().contains("ALL_PROXY"), "that it does not count is meant");
    let (told, asked) = (proxy.told(), format!("CONNECT localhost:{} HTTP/1.1", github.port));
    assert!(!told.is_empty() && told.iter().all(|line| *line == asked), "{told:?}");
    trial.finish().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_said_and_the_token_stays_here() {
    let [authority, double, stranger] = ["known", "known", "unknown"].map(Authority::new);
    let cases = [
        (show(&authority, "localhost", (2020, 2021)), "it expired at 2021-01-01T00:00:00Z"),
        (
            show(&authority, "localhost", (2090, 2100)),
            "it is not valid before 2090-01-01T00:00:00Z",
        ),
        (show(&authority, "github.example", HOLDS), "it is for github.example, not for localhost"),
        (
            show(&double, "localhost", HOLDS),
            "its signature is not that of an authority that is trusted here",
        ),
        (show(&stranger, "localhost", HOLDS), "no authority that is trusted here has issued it"),
    ];
    let shown = Arc::new(Mutex::new(cases[0].0.clone()));
    let github = false_github(&shown);
    let trial = ground(&authority, &github).await.start().await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    for (certificate, why) in cases {
        *shown.lock().unwrap() = certificate;
        trial.annotate("api", "requested-at", why).await;
        let expected = format!("the certificate shown for GitHub is refused: {why}");
        // To the letter, so that no attempt says anything new.
        let said = |object: &RepositoryBackfill| message(object) == expected;
        let object = trial.until("api", why, said).await;
        assert_eq!(reason(&object), "GitHubUnavailable");
        assert!(has(&object, "Reconciling"), "it may pass by itself");
    }
    assert_eq!(github.told(), Vec::<String>::new());
    *shown.lock().unwrap() = show(&authority, "localhost", HOLDS);
    trial.annotate("api", "requested-at", "mended").await;
    refused(&trial, &github).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_false_certificate_of_postgres_is_said_and_no_name_is_sent() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let trusted = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(trusted.path(), &ours.pem).unwrap();
    for (shown, said) in [
        (show(&ours, "127.0.0.1", HOLDS), None),
        (show(&ours, "127.0.0.1", (2020, 2021)), Some("certificate expired")),
        (show(&ours, "db.example", HOLDS), Some("certificate not valid for name")),
        (show(&theirs, "127.0.0.1", HOLDS), Some("UnknownIssuer")),
    ] {
        let postgres = false_postgres(shown);
        let url = format!(
            "postgres://mona:secret@127.0.0.1:{}/x?sslmode=verify-full&sslrootcert={}",
            postgres.port,
            trusted.path().display(),
        );
        let options = backfill_store::Options::new(url.into(), "one");
        let store = backfill_store::Store::connect(&options).unwrap();
        let refused = store.ping().await.unwrap_err();
        assert_eq!(refused.reason(), backfill_api::Reason::StoreUnavailable);
        let Some(said) = said else {
            assert!(postgres.told().concat().contains("mona"), "a good certificate is believed");
            continue;
        };
        assert!(refused.to_string().contains(said), "{refused}");
        assert_eq!(postgres.told(), [""; 0], "{said}");
        assert!(!refused.to_string().contains("UNIX"), "its words change: {refused}");
    }
}
