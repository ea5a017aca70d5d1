//! What the wire may do to an answer, and what must go out: against a server that speaks in
//! canned bytes. Whatever needs a GitHub behind it is tested against the stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod canned;

use std::time::Duration;

use backfill_api::Reason;
use backfill_engine::budget::BudgetSnapshot;
use backfill_engine::model::Cursor;
use backfill_github::{ChunkRequest, Config, Error, GitHub, Proxy};
use canned::{
    GOOD, ROUNDS, TOKEN, answer, clock, config, listening, once, packed, resolve, server,
};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_list_that_says_nothing_is_no_page() {
    let listed = |rows: &str, more: bool, end: &str| {
        answer(
            "200 OK",
            "",
            format!(
                r#"{{"data":{{"rateLimit":null,"node":{{"__typename":"Repository","pullRequests":{{"totalCount":9,"pageInfo":{{"hasNextPage":{more},"endCursor":{end}}},"nodes":{rows},"edges":{rows}}}}}}}}}"#
            ),
        )
    };
    let here = Cursor("here".to_owned());
    for (rows, more, end, is_page) in [
        ("null", false, "null", false),
        ("null", true, r#""there""#, false),
        ("[]", true, "null", false),
        ("[]", true, r#""here""#, false),
        ("[]", true, r#""there""#, true),
        ("[]", false, "null", true),
        ("[]", false, r#""here""#, true),
    ] {
        let answers = vec![listed(rows, more, end); 2];
        let (client, _seen) = server(answers).await;
        let index = client.index(&"R_1".into(), Some(&here), 1, 0).await;
        let (repository, node_id) = ("o/r".into(), "R_1".into());
        let request = ChunkRequest {
            repository: &repository,
            node_id: &node_id,
            after: Some(&here),
            size: 1,
            parts: &[],
        };
        let chunk = client.chunk(&request).await;
        let case = format!("{rows} {more} {end}");
        assert_eq!((index.is_ok(), chunk.is_ok()), (is_page, is_page), "{case}: {chunk:?}");
        if let Err(error) = chunk {
            assert!(matches!(error, Error::PartMissing { .. }), "{case}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_request_carries_what_github_asks_for_and_the_answer_is_read() {
    let (client, seen) = server(vec![answer("200 OK", "", GOOD)]).await;
    assert!(client.identity().starts_with("token:"), "{}", client.identity());
    let resolved = resolve(&client).await.unwrap();
    assert_eq!(client.identity(), "viewer:7");
    assert_eq!(resolved.mean_changed_files, Some(4.5));
    let repository = resolved.repository;
    assert_eq!((repository.github_id, repository.pull_request_count), (42, 2));
    assert!(repository.is_archived && repository.default_branch.is_none());
    let limits = client.governor().limits().unwrap();
    assert_eq!((limits.limit, limits.remaining), (5000, 4999));
    let request = &seen.await.unwrap()[0];
    let expected = [
        "POST /graphql HTTP/1.1",
        "user-agent: backfill-operator/test",
        "authorization: bearer ghp_canarycanarycanary",
        "accept-encoding: gzip",
        r#""operationName":"ResolveRepository""#,
        r#""owner":"o""#,
    ];
    for text in expected {
        assert!(request.contains(text), "{text} is not in {request}");
    }
    // A token that may read pull requests need not be allowed to read issues.
    assert!(!request.contains("issues"), "{request}");
}

#[tokio::test]
async fn a_server_that_tells_no_limits_is_no_trouble() {
    let (_, rest) = GOOD.split_once(r#""viewer""#).unwrap();
    let bare = format!(r#"{{"data":{{"rateLimit":null,"viewer"{rest}"#);
    let (client, _seen) = server(vec![answer("200 OK", "", &bare)]).await;
    resolve(&client).await.unwrap();
    assert_eq!(client.governor().limits(), None);
}

#[tokio::test]
async fn a_connection_closed_without_a_word_is_tried_once_more_and_only_once() {
    let (client, seen) = server(vec![Vec::new(), answer("200 OK", "", GOOD)]).await;
    resolve(&client).await.unwrap();
    assert_eq!(seen.await.unwrap().len(), 2);
    for _ in 0..ROUNDS {
        let (client, seen) = server(vec![Vec::new(), Vec::new()]).await;
        let error = once(&client).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
        // A busy machine may tell of the break too late for another try.
        if error.elapsed() < Some(Duration::from_secs(1)) {
            let seen = tokio::time::timeout(Duration::from_secs(10), seen).await;
            assert_eq!(seen.expect("no second try").unwrap().len(), 2);
            return;
        }
    }
    panic!("each break was told too late");
}

#[tokio::test]
async fn a_repository_whose_newest_are_too_heavy_is_resolved_without_them() {
    let mut cut = answer("200 OK", "", GOOD);
    cut.truncate(cut.len() - 20);
    let (client, seen) = server(vec![cut, answer("200 OK", "", GOOD)]).await;
    resolve(&client).await.unwrap();
    let seen = seen.await.unwrap();
    assert!(seen[0].contains("\"sampled\":true") && seen[1].contains("\"sampled\":false"));
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let mut cut = answer("200 OK", "", GOOD);
    cut.truncate(cut.len() - 20);
    let (client, _seen) = server(vec![cut]).await;
    let error = once(&client).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    assert!(error.is_size_related());
    let whole_but_cut = answer("200 OK", "", &GOOD[..GOOD.len() - 20]);
    let (client, _seen) = server(vec![whole_but_cut]).await;
    let error = once(&client).await.unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error:?}");
}

#[tokio::test]
async fn a_broken_connection_is_no_leave_to_go_on_after_a_limit() {
    let (listener, github) = listening().await;
    let client = github.client(SecretString::from(TOKEN));
    let governor = client.governor();
    let limited_meanwhile = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 1]).await.unwrap();
        let hold_until = clock().checked_add(jiff::SignedDuration::from_secs(60)).ok();
        governor.restore(&BudgetSnapshot { hold_until, ..BudgetSnapshot::default() });
        drop(stream);
        let again = tokio::time::timeout(Duration::from_secs(1), listener.accept()).await;
        assert!(again.is_err(), "sent once more in spite of the hold");
    };
    let (answer, ()) = tokio::join!(once(&client), limited_meanwhile);
    assert!(matches!(answer.unwrap_err(), Error::Interrupted { .. }));
}

#[tokio::test]
async fn a_wait_for_room_in_the_minute_is_told_while_it_lasts() {
    let (_listener, github) = listening().await;
    let client = github.client(SecretString::from(TOKEN));
    let response_seconds = vec![(clock(), 46.0)];
    client.governor().restore(&BudgetSnapshot { response_seconds, ..BudgetSnapshot::default() });
    assert_eq!(client.waited(), Duration::ZERO);
    let asked = tokio::time::timeout(Duration::from_millis(200), once(&client)).await;
    assert!(asked.is_err(), "46 seconds of 45 are spent");
    let minute = Duration::from_secs(1)..=Duration::from_mins(1);
    assert!(minute.contains(&client.waited()), "{:?}", client.waited());
}

#[tokio::test]
async fn only_so_many_bytes_are_read() {
    let (client, _seen) = server(vec![answer("200 OK", "", "x".repeat(10_001))]).await;
    let error = once(&client).await.unwrap_err();
    assert!(matches!(error, Error::Oversized { limit_bytes: 10_000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_packed_answer_is_unpacked_and_counts_by_what_it_holds() {
    let (client, _seen) = server(vec![packed(GOOD)]).await;
    assert_eq!(resolve(&client).await.unwrap().repository.github_id, 42);
    let bomb = packed(&"x".repeat(10_000_000));
    assert!(bomb.len() < 50_000, "{}", bomb.len());
    let (client, _seen) = server(vec![bomb]).await;
    let error = once(&client).await.unwrap_err();
    assert!(matches!(error, Error::Oversized { limit_bytes: 10_000, .. }), "{error:?}");
    let mut cut = packed(GOOD);
    cut.truncate(cut.len() - 20);
    let mut broken = packed(GOOD);
    let last = broken.len() - 100;
    broken[last] ^= 0xff;
    for bytes in [cut, broken] {
        let (client, _seen) = server(vec![bytes]).await;
        let error = once(&client).await.unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let location = "location: http://127.0.0.1:9/elsewhere\r\n";
    let (client, _seen) = server(vec![answer("301 Moved Permanently", location, "{}")]).await;
    let error = resolve(&client).await.unwrap_err();
    assert!(matches!(error, Error::NotTheApi { status: 301, .. }), "{error:?}");
}

#[tokio::test]
async fn silence_ends_at_the_time_out() {
    let (listener, _) = listening().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request_timeout = Duration::from_millis(1_500);
    let github = GitHub::new(Config { request_timeout, ..config(url) }).unwrap();
    let client = github.client(SecretString::from(TOKEN));
    let error = resolve(&client).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { status: None, .. }), "{error:?}");
    assert!(error.elapsed().unwrap() >= Duration::from_millis(1_400));
}

#[tokio::test]
async fn nobody_listening_is_named_so() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = GitHub::new(config(url)).unwrap().client(SecretString::from(TOKEN));
    let error = resolve(&client).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    assert_eq!(error.reason(), Reason::GitHubUnavailable);
}

#[tokio::test]
async fn after_exhaustion_nothing_is_sent_before_the_reset() {
    let headers = "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: 0\r\n\
                   x-ratelimit-reset: 1795170600\r\ndate: Fri, 20 Nov 2026 10:10:00 GMT\r\n";
    let body = r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#;
    let (client, seen) = server(vec![answer("200 OK", headers, body)]).await;
    let first = resolve(&client).await.unwrap_err();
    let second = resolve(&client).await.unwrap_err();
    assert_eq!(seen.await.unwrap().len(), 1);
    // GitHub's clock is ten minutes ahead; its reset is in twenty by ours, and a second is added.
    let until = Timestamp::from_second(1_795_170_600 - 600 + 1).unwrap();
    for error in [first, second] {
        assert!(matches!(error, Error::PrimaryLimit { .. }), "{error:?}");
        assert_eq!(error.until(), Some(until));
        assert_eq!(error.reason(), Reason::RateLimited);
    }
}

#[tokio::test]
async fn after_a_secondary_limit_nothing_is_sent_before_its_end() {
    let body = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
    for (header, seconds) in [("retry-after: 17\r\n", 17), ("", 60), ("retry-after: soon\r\n", 60)]
    {
        let (client, seen) = server(vec![answer("403 Forbidden", header, body)]).await;
        let until = clock().as_second() + seconds;
        for _ in 0..2 {
            let error = resolve(&client).await.unwrap_err();
            assert!(matches!(error, Error::SecondaryLimit { .. }), "{error:?}");
            assert_eq!(error.until().unwrap().as_second(), until);
        }
        assert_eq!(seen.await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_last_points_are_kept_for_others() {
    let (client, seen) = server(vec![answer("200 OK", "", GOOD)]).await;
    resolve(&client).await.unwrap();
    let request = backfill_github::ChunkRequest {
        repository: &"o/r".into(),
        node_id: &"R_1".into(),
        after: None,
        size: 25,
        parts: &[],
    };
    let careful = client.clone().spending_for("a", 4_999);
    let error = careful.chunk(&request).await.unwrap_err();
    assert!(matches!(error, Error::BelowFloor { remaining: 4_999, floor: 4_999, .. }), "{error:?}");
    assert_eq!(error.reason(), Reason::RateLimited);
    let error = client.clone().spending_for("a", 5_000).chunk(&request).await.unwrap_err();
    assert!(matches!(error, Error::BudgetTooSmall { limit: 5_000, floor: 5_000 }), "{error:?}");
    assert_eq!(seen.await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_token_is_never_shown() {
    let (client, _seen) = server(vec![answer("401 Unauthorized", "", "{}")]).await;
    let error = resolve(&client).await.unwrap_err();
    assert!(matches!(error, Error::BadCredentials), "{error:?}");
    let shown =
        format!("{client:?} {error:?} {error} {} {}", client.identity(), client.token_hash());
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn only_loopback_may_be_plain() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let new = |url: &str, allow_http| {
        GitHub::new(Config { allow_http, ..config(url.to_owned()) }).is_ok()
    };
    assert!(new("https://api.github.com", false));
    assert!(new("http://127.0.0.1:8080/", true));
    assert!(new("http://[::1]:8080", true));
    assert!(new("http://localhost:8080", true));
    for (url, allow_http) in [
        ("http://127.0.0.1:8080", false),
        ("http://api.github.com", true),
        ("http://127.0.0.1.example.com", true),
        ("ftp://127.0.0.1", true),
        ("api.github.com", true),
        ("", true),
    ] {
        assert!(!new(url, allow_http), "{url}");
    }
}

#[test]
fn a_proxy_is_an_address_without_a_password_and_for_https_alone() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (text, shown) in [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("https://10.0.0.1/", "https://10.0.0.1"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
    ] {
        let proxy = Proxy::parse(text).unwrap();
        assert_eq!(proxy.to_string(), shown);
        let with = |url: &str| Config { proxy: Some(proxy.clone()), ..config(url.to_owned()) };
        assert!(GitHub::new(with("https://api.github.com")).is_ok());
        let refused = GitHub::new(with("http://127.0.0.1:1")).unwrap_err().to_string();
        assert!(refused.contains("a proxy is for https alone"), "{refused}");
    }
    for text in [
        "proxy.example.com:3128",
        "socks5://proxy.example.com:1080",
        "http://me@proxy.example.com:3128",
        "http://:canary@proxy.example.com:3128",
        "http://me:canary@proxy.example.com:3128",
        "http://proxy.example.com:3128/canary",
        "http://proxy.example.com:3128/?canary",
        "http://proxy.example.com:3128/#canary",
        "http://",
        "",
    ] {
        let refused = Proxy::parse(text).unwrap_err().to_string();
        assert!(refused.contains("http://HOST:PORT or https://HOST:PORT"), "{text}: {refused}");
        assert!(!refused.contains("canary"), "{text}: {refused}");
    }
}
