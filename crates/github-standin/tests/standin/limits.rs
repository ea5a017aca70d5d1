//! Points, windows, secondary limits, and who sinned against them.

use github_standin::gate::Limits;
use serde_json::{Value, json};

use crate::client::{Running, credentials, eventually, pull, start, start_with, world};

const ONE_POINT: &str = "{ viewer { login } }";
/// 1 + 100 + 100 requests: two points.
const TWO_POINTS: &str = "query Two { repository(owner: \"o\", name: \"r\") {
    pullRequests(first: 100) { nodes { labels(first: 1) { totalCount }
    comments(first: 1) { totalCount } } } }
    rateLimit { cost limit nodeCount remaining used resetAt } }";

fn strict(limits: &Limits) -> Limits {
    Limits { grace_seconds: 0.0, ..limits.clone() }
}

#[test]
fn every_answer_shows_the_budget_and_the_object_agrees() {
    let running = start(world(&[pull(1, 0)]));
    assert_eq!(running.query(ONE_POINT).number("x-ratelimit-remaining"), 4_999);
    let answer = running.query(TWO_POINTS);
    let shown = &answer.good()["rateLimit"];
    assert_eq!(shown["cost"], 2);
    assert_eq!(shown["nodeCount"], 300);
    assert_eq!((&shown["limit"], &shown["used"]), (&json!(5_000), &json!(3)));
    assert_eq!(shown["remaining"], answer.number("x-ratelimit-remaining"));
    assert_eq!(answer.number("x-ratelimit-used"), 3);
    let reset: github_standin::world::Moment = shown["resetAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(reset.0.unsigned_abs(), answer.number("x-ratelimit-reset"));
    assert_eq!(answer.header("x-ratelimit-resource"), Some("graphql"));
    let wrong = running.query("{ x }");
    assert_eq!(wrong.number("x-ratelimit-used"), 3);
    assert!(wrong.header("x-github-request-id").is_some());
    assert_eq!(running.counted()["points"], 3);
    let free = running.request("GET", "/rate_limit", &credentials("t"), "").json();
    assert_eq!(free["resources"]["graphql"]["remaining"], 4_997);
}

#[test]
fn credentials_have_budgets_of_their_own() {
    let running = start(world(&[]));
    running.call("a", ONE_POINT, &json!({}));
    assert_eq!(running.call("b", ONE_POINT, &json!({})).number("x-ratelimit-used"), 1);
}

#[test]
fn a_dry_run_prices_and_answers_nothing_else() {
    let running = start(world(&[pull(1, 0)]));
    let dry = TWO_POINTS.replace("rateLimit {", "rateLimit(dryRun: true) {");
    let answer = running.query(&dry);
    let good = answer.good();
    assert_eq!(good.as_object().unwrap().len(), 1);
    assert_eq!(good["rateLimit"]["cost"], 2);
    assert_eq!(good["rateLimit"]["remaining"], 5_000);
    assert_eq!(answer.number("x-ratelimit-used"), 0);
    let unchecked = "{ rateLimit(dryRun: true) { cost nodeCount }
        repository(owner: \"o\", name: \"r\") { issues(first: 1000) { nodes { id } } } }";
    assert_eq!(running.query(unchecked).good()["rateLimit"]["nodeCount"], 1_000);
    assert_eq!(running.violations(), [""; 0]);
    assert_eq!(running.query("{ rateLimit { cost remaining } }").number("x-ratelimit-used"), 0);
}

#[test]
fn too_many_nodes_are_refused_and_not_charged() {
    let running = start(world(&[]));
    let query = "{ repository(owner: \"o\", name: \"r\") { pullRequests(first: 100) { nodes {
        reviews(first: 100) { nodes { comments(first: 100) { nodes { id } } } } } } } }";
    let answer = running.query(query);
    assert_eq!((answer.status, answer.json().get("data")), (200, None));
    assert_eq!(answer.error()["type"], "MAX_NODE_LIMIT_EXCEEDED");
    assert_eq!(answer.number("x-ratelimit-used"), 0);
    assert_eq!(running.violations(), ["too_many_nodes"]);
}

fn spent(window_seconds: f64) -> Running {
    let limits = Limits { points_per_window: 3, window_seconds, ..Limits::default() };
    let running = start_with(world(&[pull(1, 0)]), strict(&limits), &[]);
    running.query(TWO_POINTS);
    running
}

#[test]
fn the_last_good_answer_shows_nothing_left_and_going_on_is_a_violation() {
    let running = spent(3_600.0);
    let last = running.query(TWO_POINTS);
    assert_eq!(last.good()["rateLimit"]["remaining"], 0);
    assert_eq!(last.number("x-ratelimit-remaining"), 0);
    assert_eq!(running.violations(), [""; 0]);
    let refused = running.query(ONE_POINT);
    assert_eq!(refused.status, 200);
    let error = refused.error();
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("RATE_LIMIT"), &json!("graphql_rate_limit"))
    );
    assert!(error["message"].as_str().unwrap().starts_with("API rate limit already exceeded"));
    assert_eq!(refused.number("x-ratelimit-remaining"), 0);
    assert_eq!(running.violations(), ["after_exhaustion"]);
    assert_eq!(running.request("GET", "/rate_limit", &credentials("t"), "").status, 200);
    assert_eq!(running.violations(), ["after_exhaustion"]);
}

#[test]
fn waiting_for_the_reset_helps() {
    let running = spent(4.0);
    let first = running.query(TWO_POINTS).number("x-ratelimit-reset");
    eventually("a fresh window", || running.query(ONE_POINT).json().get("errors").is_none());
    let answer = running.query(ONE_POINT);
    assert!(answer.number("x-ratelimit-reset") > first);
    assert_eq!(answer.number("x-ratelimit-used"), 2);
}

#[test]
fn a_request_within_the_grace_is_refused_but_no_violation() {
    let limits = Limits { points_per_window: 1, grace_seconds: 3_600.0, ..Limits::default() };
    let running = start_with(world(&[]), limits, &[]);
    running.query(ONE_POINT);
    assert_eq!(running.query(ONE_POINT).error()["type"], "RATE_LIMIT");
    assert_eq!(running.violations(), [""; 0]);
}

#[test]
fn headers_can_be_switched_off() {
    let running = start(world(&[]));
    running.limit(&json!({"headers": false}));
    let answer = running.query(ONE_POINT);
    assert_eq!(answer.header("x-ratelimit-limit"), None);
    assert!(answer.header("x-github-request-id").is_some());
    let refused = running.post("/_standin/limits", "{\"points\": 3}");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("points_per_window"), "{}", refused.body);
}

fn secondary(answer: &crate::client::Answer) -> bool {
    let said = answer.body.contains("You have exceeded a secondary rate limit");
    assert_eq!(said, answer.status == 403);
    said
}

#[test]
fn points_per_minute_end_in_a_secondary_limit_with_retry_after() {
    let limits = Limits { points_per_minute: 2, ..Limits::default() };
    let running = start_with(world(&[]), strict(&limits), &[]);
    assert!(!secondary(&running.query(ONE_POINT)));
    assert!(!secondary(&running.query(ONE_POINT)));
    let refused = running.query(ONE_POINT);
    assert!(secondary(&refused));
    assert!((1..=60).contains(&refused.number("retry-after")), "{refused:?}");
    assert_eq!(running.violations(), [""; 0]);
    assert!(secondary(&running.query(ONE_POINT)));
    assert_eq!(running.violations(), ["before_retry_after"]);
    assert_eq!(refused.number("x-ratelimit-remaining"), 4_998);
}

#[test]
fn response_seconds_end_in_a_secondary_limit() {
    let limits = Limits { response_seconds_per_minute: 0.2, ..Limits::default() };
    let running = start_with(world(&[]), strict(&limits), &[]);
    running.plan(&json!([{"match": {"times": 1}, "answer": "slow:0.25"}]));
    assert!(!secondary(&running.query(ONE_POINT)));
    assert!(secondary(&running.query(ONE_POINT)));
}

#[test]
fn too_many_at_once_are_refused_and_a_violation() {
    let limits = Limits { concurrent: 2, ..Limits::default() };
    let running = start_with(world(&[]), limits, &[]);
    running.plan(&json!([{"answer": "slow:5"}]));
    let answers: Vec<bool> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..4).map(|_| scope.spawn(|| secondary(&running.query(ONE_POINT)))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|refused| **refused).count(), 2);
    assert_eq!(running.violations()[0], "too_many_at_once");
    running.plan(&json!([]));
    running.limit(&json!({"concurrent": 2}));
    assert!(!secondary(&running.query(ONE_POINT)), "those that were answered have left");
}

#[test]
fn deleting_the_counts_starts_afresh() {
    let running = start(world(&[]));
    running.query("query Named { viewer { login } }");
    running.query("{ x }");
    let before = running.request("DELETE", "/_standin/requests", "", "").json();
    assert_eq!(before["requests"], 2);
    assert_eq!(before["by_operation"], json!({"Named": 1, "anonymous": 1}));
    assert_eq!(before["by_status"], json!({"200": 2}));
    assert_eq!(before["violations"][0]["operation"], "anonymous");
    let after: Value = running.counted();
    assert_eq!((&after["requests"], &after["violation_count"]), (&json!(0), &json!(0)));
}
