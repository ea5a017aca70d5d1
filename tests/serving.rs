//! Who may read the metrics, and over what: TLS, a renewed certificate, a token.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use serde_json::json;
use testbed::{Cluster, Operator};

use crate::support::authority::{Authority, HOLDS};
use crate::support::{Ground, LIMIT, Setup, Trial, World};

/// Puts a certificate for `name` and its key where the operator looks.
fn issue(authority: &Authority, name: &str, dir: &Path) {
    let (certificate, key) = authority.issue(name, HOLDS);
    std::fs::write(dir.join("tls.crt"), certificate.pem()).unwrap();
    std::fs::write(dir.join("tls.key"), key.serialize_pem()).unwrap();
}

/// A client that trusts the authority alone, finds `name` at the operator's address and keeps no
/// connection.
fn client(authority: &Authority, name: &str, operator: &Operator) -> Client {
    let authority = Certificate::from_pem(authority.pem.as_bytes()).unwrap();
    let port: u16 = operator.url().rsplit_once(':').unwrap().1.parse().unwrap();
    Client::builder()
        .tls_certs_only([authority])
        .resolve(name, ([127, 0, 0, 1], port).into())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

const NAME: &str = "operator.test";

/// Waits until this question is answered with 200.
async fn answered(trial: &Trial, client: &Client, path: &str) {
    let ask = async || {
        let answer = client.get(format!("https://{NAME}{path}")).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK).then_some(())
    };
    trial.within(LIMIT, path, ask).await;
}

#[tokio::test]
async fn all_is_served_over_tls_alone_and_a_renewed_certificate_counts_without_a_restart() {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &Setup::from(World::of("acme/api", 1))).await;
    let dir = ground.dir.path().join("certificate");
    std::fs::create_dir(&dir).unwrap();
    let [first, second] = ["first", "second"].map(Authority::new);
    issue(&first, NAME, &dir);
    ground.options.args.push(format!("--metrics-cert-dir={}", dir.display()));
    let trial = ground.launch();
    let (old, new) =
        (client(&first, NAME, &trial.operator), client(&second, NAME, &trial.operator));
    for path in ["/livez", "/readyz", "/metrics"] {
        answered(&trial, &old, path).await;
    }
    let plain = testbed::http().get(format!("{}/metrics", trial.operator.url())).send().await;
    assert!(!plain.is_ok_and(|answer| answer.status().is_success()), "plain HTTP is answered");
    assert!(new.get(format!("https://{NAME}/livez")).send().await.is_err(), "any will do");

    issue(&second, NAME, &dir);
    answered(&trial, &new, "/metrics").await;
    assert!(old.get(format!("https://{NAME}/livez")).send().await.is_err(), "the old one too");

    // A pair that does not fit, as while a Secret is half written.
    std::fs::write(dir.join("tls.key"), rcgen::KeyPair::generate().unwrap().serialize_pem())
        .unwrap();
    let told = async || trial.operator.log().contains("the old certificate stays").then_some(());
    trial.within(LIMIT, "a word about it", told).await;
    answered(&trial, &new, "/readyz").await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn metrics_ask_for_the_token_of_the_moment_and_probes_for_none() {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &Setup::from(World::of("acme/api", 1))).await;
    let file = ground.dir.path().join("token");
    std::fs::write(&file, "first-of-all\n").unwrap();
    ground.options.args.push(format!("--metrics-token-file={}", file.display()));
    // Ready: the probe was answered without a token.
    let trial = ground.start().await;
    let scrape = async |authorization: &str| {
        let question = testbed::http().get(format!("{}/metrics", trial.operator.url()));
        let answer = question.header("authorization", authorization).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for wrong in ["", "Bearer ", "Bearer first", "Basic first-of-all", "first-of-all"] {
        assert_eq!(scrape(wrong).await, (401, String::new()), "{wrong:?}");
    }
    let (status, text) = scrape("Bearer first-of-all").await;
    assert!(status == 200 && text.contains("backfill_build_info"), "{status}: {text}");

    std::fs::write(&file, "second").unwrap();
    assert_eq!(scrape("Bearer first-of-all").await.0, 401);
    assert_eq!(scrape("bearer second").await.0, 200);
    std::fs::write(&file, "\n").unwrap();
    for any in ["Bearer ", "Bearer second"] {
        assert_eq!(scrape(any).await.0, 503, "an empty token opens nothing");
    }
    assert!(!trial.operator.log().contains("first-of-all"));
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn what_cannot_be_used_ends_the_start_and_is_named() {
    let cluster = Cluster::shared().await.unwrap();
    let cases = [
        ("--metrics-cert-dir", "/nowhere/tls.crt cannot be read"),
        ("--metrics-token-file", "/nowhere cannot be read"),
        ("--github-proxy", "a proxy must be http://HOST:PORT or https://HOST:PORT, without user"),
    ];
    for (flag, cause) in cases {
        let mut ground = Ground::new(cluster, &Setup::default()).await;
        ground.options.args.push(format!("{flag}=/nowhere"));
        let operator = Operator::launch(&ground.options).unwrap();
        let ended = operator.wait(Duration::from_mins(1)).await.unwrap();
        let log = operator.log();
        assert!(!ended.success() && log.contains(flag) && log.contains(cause), "{log}");
    }
}
