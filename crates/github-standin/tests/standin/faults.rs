//! Every answer of the fault plan, and when its rules apply.

use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::client::{Answer, Running, credentials, eventually, parse, pull, start, world};

const HEAVY: &str = "query Heavy($first: Int = 3) { repository(owner: \"o\", name: \"r\") {
    pullRequests(first: $first) { nodes { number title } } } }";
const LIGHT: &str = "query Light { repository(owner: \"o\", name: \"r\") {
    pullRequests(first: 3) { edges { cursor node { __typename id number fullDatabaseId databaseId
        createdAt updatedAt } } } } }";

fn three() -> Running {
    start(world(&[pull(1, 0), pull(2, 1), pull(3, 2)]))
}

/// What a plan of one rule answers to a heavy query.
fn spoiled(answer: &str) -> Answer {
    let running = three();
    running.plan(&json!([{"answer": answer}]));
    running.query(HEAVY)
}

#[test]
fn the_shapes_of_a_timeout() {
    let json_502 = spoiled("502-json");
    assert_eq!((json_502.status, &json_502.json()["data"]), (502, &Value::Null));
    let text = json_502.error()["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Something went wrong while executing your query on 20"), "{text}");
    assert!(text.contains("This may be the result of a timeout"));
    let under_200 = spoiled("200-timeout");
    assert_eq!(under_200.status, 200);
    assert!(under_200.body.contains("This may be the result of a timeout"));
    let html = spoiled("502-html");
    assert_eq!((html.status, html.header("content-type")), (502, Some("text/html")));
    assert!(html.body.starts_with("<html>") && html.body.contains("502 Bad Gateway"));
    let json_504 = spoiled("504-json");
    assert_eq!(json_504.status, 504);
    let text = json_504.json()["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with("We couldn't respond to your request in time."), "{text}");
    let plain = spoiled("504-plain");
    assert_eq!((plain.status, plain.body.as_str()), (504, "504 Gateway Timeout"));
    for answer in [json_502, html, json_504, plain] {
        assert_eq!(answer.number("x-ratelimit-used"), 1, "timeouts are charged");
    }
}

#[test]
fn a_reset_sends_nothing_at_all() {
    let running = three();
    running.plan(&json!([{"match": {"times": 1}, "answer": "reset"}]));
    let head = format!("POST /graphql HTTP/1.1\r\n{}", credentials("t"));
    let body = json!({"query": HEAVY}).to_string();
    let error = running.raw(&head, &body).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(running.counted()["by_status"], json!({"reset": 1}));
    running.query(HEAVY).good();
}

#[test]
fn a_truncated_body_announces_its_whole_length() {
    let running = three();
    let whole = running.query(HEAVY).body;
    running.plan(&json!([{"answer": "truncate"}]));
    let head = format!("POST /graphql HTTP/1.1\r\n{}", credentials("t"));
    let cut = parse(&running.raw(&head, &json!({"query": HEAVY}).to_string()).unwrap());
    assert_eq!(cut.status, 200);
    assert_eq!(cut.number("content-length"), whole.len() as u64);
    assert_eq!(cut.body, whole[..whole.len() / 2]);
}

#[test]
fn a_slow_answer_is_late_and_right() {
    let running = three();
    running.plan(&json!([{"answer": "slow:0.3"}]));
    let start = Instant::now();
    running.query(HEAVY).good();
    assert!(start.elapsed().as_secs_f64() >= 0.3);
    assert_eq!(running.counted()["pages_by_cursor"]["o/r Heavy null"], 1);
}

#[test]
fn a_huge_answer_has_exactly_its_size() {
    for bytes in [1_000, 64 * 1024 + 21, 3_000_000] {
        let answer = spoiled(&format!("huge:{bytes}"));
        assert_eq!(answer.number("content-length"), bytes);
        assert_eq!(answer.body.len() as u64, bytes);
        assert!(answer.json()["data"]["padding"].is_string());
    }
}

#[test]
fn who_accepts_gzip_gets_it() {
    let running = three();
    let plain = running.query(HEAVY);
    assert_eq!(plain.header("content-encoding"), None);
    // HTTP/1.0, so that the body comes without the frames of chunks.
    let head = format!("POST /graphql HTTP/1.0\r\naccept-encoding: gzip\r\n{}", credentials("t"));
    let asked = |query: &str| {
        let bytes = running.raw(&head, &json!({"query": query}).to_string()).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(parse(&bytes[..end]).header("content-encoding"), Some("gzip"));
        bytes[end..].to_vec()
    };
    let unpacked = |bytes: Vec<u8>| std::io::read_to_string(GzDecoder::new(&bytes[..])).unwrap();
    assert_eq!(unpacked(asked(HEAVY)), plain.body);
    running.plan(&json!([{"answer": "huge:3000000"}]));
    let bomb = asked(HEAVY);
    assert!(bomb.len() < 60_000, "{}", bomb.len());
    assert_eq!(unpacked(bomb).len(), 3_000_000);
}

#[test]
fn resource_limits_null_every_pull_request_or_the_one() {
    let running = three();
    running.plan(&json!([{"match": {"number": 2}, "answer": "resource-limits"}]));
    let one = running.query(HEAVY);
    let nodes = &one.json()["data"]["repository"]["pullRequests"]["nodes"];
    assert_eq!(nodes[1], Value::Null);
    assert_eq!(nodes[2]["number"], 3);
    assert_eq!(one.json()["errors"].as_array().unwrap().len(), 1);
    assert_eq!(one.error()["type"], "RESOURCE_LIMITS_EXCEEDED");
    assert_eq!(one.error()["message"], "Resource limits for this query exceeded.");
    assert_eq!(one.error()["path"], json!(["repository", "pullRequests", "nodes", 1]));
    running.plan(&json!([{"answer": "resource-limits"}]));
    let all = running.query(HEAVY).json();
    assert_eq!(all["data"]["repository"]["pullRequests"]["nodes"], json!([null, null, null]));
    assert_eq!(all["errors"].as_array().unwrap().len(), 3);
}

#[test]
fn a_null_node_is_the_one_or_the_first() {
    let running = three();
    for (rule, place) in [(json!({"number": 3}), 2), (json!({}), 0)] {
        running.plan(&json!([{"match": rule, "answer": "null-node"}]));
        let answer = running.query(HEAVY);
        let json = answer.json();
        let nodes = json["data"]["repository"]["pullRequests"]["nodes"].as_array().unwrap();
        let nulls: Vec<usize> = (0..3).filter(|n| nodes[*n].is_null()).collect();
        assert_eq!(nulls, [place]);
        assert_eq!(answer.error()["path"], json!(["repository", "pullRequests", "nodes", place]));
    }
    let alias =
        "{ repository(owner: \"o\", name: \"r\") { p3: pullRequest(number: 3) { title } } }";
    running.plan(&json!([{"match": {"number": 3}, "answer": "null-node"}]));
    let answer = running.query(alias);
    assert_eq!(answer.json()["data"], json!({"repository": {"p3": null}}));
    assert_eq!(answer.error()["path"], json!(["repository", "p3"]));
}

#[test]
fn both_rate_limit_forms_really_end_the_window() {
    for (name, kind) in [("rate-limit-old", "RATE_LIMITED"), ("rate-limit-new", "RATE_LIMIT")] {
        let running = three();
        running.limit(&json!({"window_seconds": 6}));
        running.plan(&json!([{"match": {"times": 1}, "answer": name}]));
        let answer = running.query(HEAVY);
        assert_eq!((answer.status, &answer.error()["type"]), (200, &json!(kind)));
        assert_eq!(answer.number("x-ratelimit-remaining"), 0);
        assert!(answer.number("x-ratelimit-reset") > 0);
        assert_eq!(running.query(HEAVY).error()["type"], "RATE_LIMIT");
        eventually("a fresh window", || running.query(HEAVY).json().get("errors").is_none());
    }
}

#[test]
fn secondary_limits_with_and_without_retry_after() {
    let running = three();
    running.plan(&json!([{"match": {"times": 1}, "answer": "secondary:3"}]));
    let told = running.query(HEAVY);
    assert_eq!((told.status, told.number("retry-after")), (403, 3));
    assert!(told.number("x-ratelimit-remaining") > 0);
    assert_eq!(running.query(HEAVY).status, 403, "it holds until then");
    eventually("the wait is over", || running.query(HEAVY).status == 200);
    let silent = spoiled("secondary-no-retry-after");
    assert_eq!((silent.status, silent.header("retry-after")), (403, None));
    assert_eq!(spoiled("secondary").number("retry-after"), 5);
}

#[test]
fn credentials_that_end_repositories_that_go_and_pages_that_are_html() {
    let running = three();
    running.plan(&json!([{"answer": "401"}]));
    let refused = running.query(HEAVY);
    assert_eq!((refused.status, &refused.json()["message"]), (401, &json!("Bad credentials")));
    assert_eq!(refused.number("x-ratelimit-used"), 0, "a refused token is not charged");
    let gone = spoiled("not-found");
    assert_eq!(gone.json()["data"], json!({"repository": null}));
    assert_eq!(gone.error()["type"], "NOT_FOUND");
    assert_eq!(gone.error()["path"], json!(["repository"]));
    assert_eq!(gone.error()["message"], "Could not resolve to a Repository with the name 'o/r'.");
    let html = spoiled("html");
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html")));
    assert!(html.body.contains("Unicorn"));
}

/// The light list passes over a pull request that always fails.
#[test]
fn a_number_matches_heavy_reads_only() {
    let running = three();
    running.plan(&json!([{"match": {"number": 2}, "answer": "502-json"}]));
    running.query(LIGHT).good();
    assert_eq!(running.query(HEAVY).status, 502);
    let without = running.call("t", HEAVY, &json!({"first": 1}));
    assert_eq!(without.status, 200);
    let counts = "{ repository(owner: \"o\", name: \"r\") { pullRequests(first: 3) { nodes {
        id comments { totalCount } } } } }";
    assert_eq!(running.query(counts).status, 502);
}

#[test]
fn the_other_matches_hold_together() {
    let running = three();
    let rule = |when: Value| running.plan(&json!([{"match": when, "answer": "504-plain"}]));
    let size = |first: u32| running.call("t", HEAVY, &json!({"first": first})).status;
    rule(json!({"first_over": 2}));
    assert_eq!((size(2), size(3)), (200, 504));
    rule(json!({"operation": "Light"}));
    assert_eq!((size(3), running.query(LIGHT).status), (200, 504));
    rule(json!({"operation": "Light", "first_over": 50}));
    assert_eq!(running.query(LIGHT).status, 200);
    rule(json!({"times": 2, "after_requests": 1}));
    assert_eq!([size(1), size(1), size(1), size(1)], [200, 504, 504, 200]);
    rule(json!({"credential": "other"}));
    assert_eq!(size(1), 200);
    assert_eq!(running.call("other", HEAVY, &json!({})).status, 504);
    let ids = running.query("{ repository(owner: \"o\", name: \"r\") { id } }").good();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    rule(json!({"first_over": 2}));
    let many = |count: usize| {
        let ids = vec![ids["repository"]["id"].clone(); count];
        running.call("t", nodes, &json!({"ids": ids})).status
    };
    assert_eq!((many(2), many(3)), (200, 504));
}

#[test]
fn the_first_rule_that_matches_answers_and_chance_is_seeded() {
    let running = three();
    let draws = || {
        running.post(
            "/_standin/faults",
            &json!({"seed": 7, "rules": [
            {"match": {"probability": 0.5}, "answer": "504-plain"},
            {"match": {"operation": "Light"}, "answer": "html"}]})
            .to_string(),
        );
        (0..20).map(|_| running.query(HEAVY).status).collect::<Vec<_>>()
    };
    let first = draws();
    assert!(first.contains(&504) && first.contains(&200), "{first:?}");
    assert_eq!(first, draws());
    running.plan(&json!([{"answer": "html"}, {"answer": "502-html"}]));
    assert_eq!(running.query(HEAVY).status, 200);
    assert_eq!(running.counted()["by_answer"]["html"], 1);
}

#[test]
fn unknown_answers_and_matches_are_refused_by_name() {
    let running = three();
    let refuse = |plan: &Value| {
        let answer = running.post("/_standin/faults", &plan.to_string());
        assert_eq!(answer.status, 400);
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    for name in ["saml", "ip-allow-list", "503", "slow", "slow:x", "huge", "reset:1"] {
        let message = refuse(&json!({"rules": [{"answer": name}]}));
        assert!(
            message.contains(&format!("{name:?}")) && message.contains("502-json"),
            "{message}"
        );
    }
    assert!(refuse(&json!({"rules": [{"match": {"pr": 1}, "answer": "401"}]})).contains("number"));
    assert!(refuse(&json!({"rule": []})).contains("rules"));
}
