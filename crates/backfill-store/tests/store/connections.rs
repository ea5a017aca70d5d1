//! How the database is reached: through a transaction pooler, with strict TLS, and how fast.

use std::time::{Duration, Instant};

use backfill_store::{Error, Options, Store};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixtures::{HOST, UID, begin, chunk, claimed, commit, whole_pull_request};
use crate::relay::Relay;
use crate::support::Database;

/// The names of the prepared statements in a client's bytes: `P`, length, name, text.
fn statement_names(sent: &[u8]) -> Vec<String> {
    let starts = sent.windows(6).enumerate().filter(|(at, window)| {
        let rest = &sent[at + 5..];
        let name = rest.iter().position(|byte| *byte == 0).unwrap_or(0);
        window[0] == b'P' && window[1] == 0 && rest.get(name + 1..name + 4) == Some(b"-- ")
    });
    starts
        .map(|(at, _)| {
            let name: Vec<u8> =
                sent[at + 5..].iter().take_while(|byte| **byte != 0).copied().collect();
            String::from_utf8_lossy(&name).into_owned()
        })
        .collect()
}

#[tokio::test]
async fn no_statement_has_a_name_that_a_pooler_would_lose() {
    let database = Database::migrated().await;
    let relay = Relay::to(database.server()).await;
    let relayed = database.through(relay.port);
    let store = relayed.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    commit(&store, &lease, &chunk(vec![whole_pull_request(9)], "c1")).await;
    let names = statement_names(&relay.sent());
    assert!(names.len() > 20, "{names:?}");
    assert!(names.iter().all(String::is_empty), "{names:?}");
    let mut usual = relayed.connection().await;
    sqlx::query("-- named\nSELECT 1").execute(&mut usual).await.unwrap();
    assert!(!statement_names(&relay.sent()).last().unwrap().is_empty(), "a name would be seen");
}

#[tokio::test]
async fn limits_are_set_in_each_transaction_and_leave_no_trace() {
    let database = Database::migrated().await;
    let relay = Relay::to(database.server()).await;
    database.through(relay.port).store("one").ping().await.unwrap();
    let sent = String::from_utf8_lossy(&relay.sent()).into_owned();
    let settings =
        ["search_path", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    for setting in settings {
        assert!(sent.contains(&format!("SET LOCAL {setting} = ")), "{setting}");
    }
    assert!(sent.contains("= \"public\", pg_temp;"), "public comes alone, pg_temp last");
    for refused in ["options\0", "extra_float_digits\0"] {
        assert!(!sent.contains(refused), "a pooler refuses the start-up parameter {refused}");
    }
}

#[tokio::test]
async fn an_url_that_names_files_or_start_up_options_is_refused() {
    for parameter in ["sslkey=/k", "sslcert=/c", "passfile=/p", "service=s", "options=-cx=y", "x=1"]
    {
        let url = format!("postgres://u:secret@db.example/x?{parameter}");
        let refused = Store::connect(&Options::new(SecretString::from(url), "one"));
        let Err(Error::Config(said)) = refused else { panic!("{parameter}") };
        assert!(!said.contains("secret"), "{said}");
    }
    for url in ["", "mysql://x", "postgres://u@h:port/x", "postgres://u@h/x?sslmode=odd"] {
        let refused = Store::connect(&Options::new(SecretString::from(url), "one"));
        assert!(matches!(refused, Err(Error::Config(_))), "{url}");
    }
}

/// A store with one connection of each kind that waits for nothing longer than a second.
fn impatient(database: &Database) -> Store {
    let options = database.options("one");
    let second = Duration::from_secs(1);
    let options = Options { statement_timeout: second / 2, answer_margin: second / 2, ..options };
    let options = Options { max_connections: 1, acquire_timeout: second, ..options };
    Store::connect(&options).unwrap()
}

#[tokio::test]
async fn a_server_that_goes_silent_is_not_waited_for_for_ever() {
    let database = Database::migrated().await;
    let relay = Relay::to(database.server()).await;
    let store = impatient(&database.through(relay.port));
    let (acquired, claim) = claimed(&store).await;
    let look = async || store.find_state(UID, HOST, "acme/api").await;
    let in_vain = Duration::from_secs(20);
    let is_back = async || {
        // The place of the silent connection is free a second after it was given back.
        while look().await.is_err() {}
    };
    for begins_or_asks in ["BEGIN", "-- find_state"] {
        relay.silence_at(begins_or_asks);
        let silence = tokio::time::timeout(in_vain, look()).await.expect(begins_or_asks);
        let Err(error) = silence else { panic!("{begins_or_asks} was answered") };
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        tokio::time::timeout(in_vain, is_back()).await.expect("another connection");
    }
    relay.silence_at("-- find_state");
    let dropped = tokio::time::timeout(Duration::from_millis(100), look()).await;
    assert!(dropped.is_err(), "nobody waited for the answer");
    tokio::time::timeout(in_vain, is_back()).await.expect("another connection");
    relay.silence_at("COMMIT\0");
    let page = chunk(vec![whole_pull_request(9)], "c1");
    let committed = store.commit_chunk(&acquired.lease, &claim, &page);
    let committed = tokio::time::timeout(in_vain, committed).await.expect("a bound");
    assert!(matches!(committed, Err(Error::OutcomeUnknown(_))), "{committed:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut asked = [0; 8];
        client.read_exact(&mut asked).await.unwrap();
        // "No" to the request for TLS; whatever comes then is what an eavesdropper would hear.
        client.write_all(b"N").await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let url = format!("postgres://u:secret@127.0.0.1:{port}/x?sslmode=verify-full");
    let store = Store::connect(&Options::new(SecretString::from(url), "one")).unwrap();
    let (heard, refused) = tokio::join!(server, store.ping());
    let refused = refused.unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("does not support TLS"), "{refused}");
    assert_eq!(heard, b"", "neither the user nor the password was sent");
}

#[tokio::test]
async fn a_thousand_pull_requests_are_quick() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    for (round, what) in [(1, "new"), (2, "unchanged")] {
        let started = Instant::now();
        for first in (0..1000).step_by(50) {
            let page = (first + 1..=first + 50).map(whole_pull_request).collect();
            commit(&store, &lease, &chunk(page, &format!("{round}-{first}"))).await;
        }
        // Printed for people, not asserted: machines differ.
        println!("1000 {what} pull requests in 20 chunks: {:?}", started.elapsed());
    }
    let started = Instant::now();
    let ledger = store.ledger(state.id).await.unwrap();
    println!("their ledger: {:?}", started.elapsed());
    assert_eq!((ledger.stored, ledger.numbers, ledger.missing_count), (1000, 1000, 0));
}
