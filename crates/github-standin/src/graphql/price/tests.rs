//! Every figure of github-api.md sections 1.2, 1.3 and 6.1.
#![allow(clippy::unwrap_used)]

use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Map, Value, json};

use super::Price;
use crate::graphql::plan::Planner;

/// GitHub's connections that the figures speak of, more than the stand-in serves.
const SCHEMA: &str = "
    type Query { viewer: Owner, repository(name: String): Repository, nodes(ids: [ID!]!): [Any]! }
    union Any = PullRequest | Issue
    type Owner { repositories(first: Int): RepositoryConnection }
    type RepositoryConnection { nodes: [Repository] }
    type Repository { pullRequests(first: Int, last: Int): PullRequestConnection
      pullRequest(number: Int): PullRequest
      issues(first: Int): IssueConnection discussions(first: Int): DiscussionConnection }
    type IssueConnection { nodes: [Issue] totalCount: Int }
    type Issue { labels(first: Int): LConnection comments(first: Int): LConnection
      assignees(first: Int): LConnection }
    type DiscussionConnection { nodes: [Discussion] }
    type Discussion { labels(first: Int): LConnection comments(first: Int): DCConnection }
    type DCConnection { nodes: [DiscussionComment] }
    type DiscussionComment { replies(first: Int): LConnection }
    type LConnection { nodes: [Leaf] edges: [LEdge] totalCount: Int }
    type LEdge { node: Leaf }
    type Leaf { id: ID }
    type PullRequestConnection { nodes: [PullRequest] totalCount: Int }
    type PullRequest { id: ID author: Leaf labels(first: Int): LConnection
      comments(first: Int): LConnection closing(first: Int): LConnection
      requests(first: Int): LConnection assignees(first: Int): LConnection
      files(first: Int): LConnection commits(first: Int): CommitConnection
      reviews(first: Int): ReviewConnection reviewThreads(first: Int): ReviewConnection }
    type CommitConnection { nodes: [Commit] totalCount: Int }
    type Commit { authors(first: Int): LConnection }
    type ReviewConnection { nodes: [Review] totalCount: Int }
    type Review { comments(first: Int): LConnection }
";

fn price_with(query: &str, variables: &Value) -> Price {
    let schema = Schema::parse_and_validate(SCHEMA, "s").unwrap();
    let document = ExecutableDocument::parse_and_validate(&schema, query, "q").unwrap();
    let operation = document.operations.get(None).unwrap();
    let none = Map::new();
    let variables = variables.as_object().unwrap_or(&none);
    let planner = Planner { schema: &schema, document: &document, variables };
    Price::of(&planner.fields(&[&operation.selection_set], "Query"))
}

fn price(query: &str) -> Price {
    price_with(query, &json!({}))
}

fn leaf(name: &str, size: u64) -> String {
    format!("{name}(first: {size}) {{ nodes {{ id }} }} ")
}

fn shape_c() -> String {
    leaf("labels", 10) + "reviews(first: 20) { totalCount } " + &leaf("comments", 20)
}

fn shape_d() -> String {
    shape_c() + &leaf("closing", 5) + &leaf("requests", 5) + &leaf("assignees", 5)
}

fn page(size: u64, inner: &str) -> String {
    format!("{{ repository {{ pullRequests(first: {size}) {{ nodes {{ {inner} }} }} }} }}")
}

/// GitHub's documentation: 5,101 requests are 51 points.
#[test]
fn the_documented_example_costs_51_points() {
    let labels = leaf("labels", 60);
    let query = format!(
        "{{ viewer {{ repositories(first: 100) {{ nodes {{ issues(first: 50) \
         {{ nodes {{ {labels} }} }} }} }} }} }}"
    );
    let price = price(&query);
    assert_eq!((price.requests, price.points()), (5_101, 51));
    assert_eq!(price.nodes, 100 + 5_000 + 300_000);
}

/// The table of section 6.1: points and nodes at 25, 50 and 100 per page.
#[test]
fn every_shape_of_the_table_costs_what_it_says() {
    let nested = |name: &str, outer: u64, inner: u64| {
        format!("{name}(first: {outer}) {{ nodes {{ {} }} }} ", leaf("comments", inner))
    };
    let c_without_reviews = leaf("labels", 10) + &leaf("comments", 20);
    let e = shape_d() + "commits(first: 30) { totalCount } " + &leaf("files", 30);
    let f = c_without_reviews.clone() + &nested("reviews", 10, 10);
    let g = c_without_reviews + &nested("reviews", 20, 20);
    let h = shape_c() + &nested("reviewThreads", 20, 10);
    let table = [
        ("index", "id author { id }".into(), [(1, 25), (1, 50), (1, 100)]),
        ("labels", leaf("labels", 10), [(1, 275), (1, 550), (1, 1_100)]),
        ("C", shape_c(), [(1, 1_275), (2, 2_550), (3, 5_100)]),
        ("D", shape_d(), [(2, 1_650), (3, 3_300), (6, 6_600)]),
        ("E", e, [(2, 3_150), (4, 6_300), (8, 12_600)]),
        ("F", f, [(3, 3_525), (7, 7_050), (13, 14_100)]),
        ("G", g, [(6, 11_275), (12, 22_550), (23, 45_100)]),
        ("H", h, [(6, 6_775), (12, 13_550), (24, 27_100)]),
    ];
    for (name, inner, figures) in table {
        for (size, (points, nodes)) in [25, 50, 100].into_iter().zip(figures) {
            let price = price(&page(size, &inner));
            assert_eq!((price.points(), price.nodes), (points, nodes), "{name} at {size}");
            assert_eq!(price.refusal(), None);
        }
    }
}

#[test]
fn a_count_of_threads_makes_d_one_plus_seven_times_n() {
    for (size, points) in [(25, 2), (50, 4), (100, 7)] {
        let counted = price(&page(size, &(shape_d() + "reviewThreads { totalCount }")));
        assert_eq!((counted.requests, counted.points()), (1 + 7 * size, points));
    }
}

#[test]
fn everything_at_100_is_26_points_and_too_much_at_50() {
    let inner = leaf("labels", 100)
        + &leaf("comments", 100)
        + "commits(first: 100) { totalCount } "
        + &leaf("files", 100)
        + "reviews(first: 100) { nodes { comments(first: 100) { totalCount } } }";
    let price_25 = price(&page(25, &inner));
    assert_eq!((price_25.points(), price_25.nodes), (26, 262_525));
    let price_50 = price(&page(50, &inner));
    assert_eq!(price_50.nodes, 525_050);
    assert!(price_50.refusal().is_some());
}

#[test]
fn issues_and_discussions_cost_what_the_table_says() {
    let inner = leaf("labels", 10) + &leaf("comments", 20) + &leaf("assignees", 5);
    for (size, points) in [(25, 1), (50, 2), (100, 3)] {
        let query =
            format!("{{ repository {{ issues(first: {size}) {{ nodes {{ {inner} }} }} }} }}");
        assert_eq!(price(&query).points(), points);
    }
    // The table's figures for discussions come out with their labels counted in, as for issues.
    let (replies, labels) = (leaf("replies", 10), leaf("labels", 10));
    for (size, points) in [(25, 6), (50, 11), (100, 22)] {
        let query = format!(
            "{{ repository {{ discussions(first: {size}) {{ nodes {{ {labels} comments(first: 20) \
             {{ nodes {{ {replies} }} }} }} }} }} }}"
        );
        assert_eq!(price(&query).points(), points, "discussions at {size}");
    }
}

/// Section 1.2: measured by others, 5 x 50 x 50 = 3 and 5 x 20 x 20 = 1.
#[test]
fn measured_prices_of_others_agree() {
    for (outer, middle, points) in [(5, 50, 3), (5, 20, 1)] {
        let comments = leaf("comments", middle);
        let inner = format!("reviewThreads(first: {middle}) {{ nodes {{ {comments} }} }}");
        assert_eq!(price(&page(outer, &inner)).points(), points);
    }
}

fn aliases(count: u64, inner: &str) -> String {
    let all: Vec<String> =
        (0..count).map(|n| format!("p{n}: pullRequest(number: {n}) {{ {inner} }}")).collect();
    format!("{{ repository {{ {} }} }}", all.join(" "))
}

#[test]
fn aliases_add_up_without_an_outer_request() {
    let threads = format!("reviewThreads(first: 50) {{ nodes {{ {} }} }}", leaf("comments", 20));
    let price_25 = price(&aliases(25, &threads));
    assert_eq!((price_25.requests, price_25.points()), (1_275, 13));
    let three = leaf("labels", 5) + &leaf("comments", 5) + &leaf("files", 5);
    assert_eq!(price(&aliases(100, &three)).points(), 3);
    let reviews = format!("reviews(first: 100) {{ nodes {{ {} }} }}", leaf("comments", 50));
    let dear = price(&aliases(100, &reviews));
    assert_eq!(dear.nodes, 510_000);
    assert!(dear.refusal().is_some());
}

/// Section 1.3: the two texts and the figures in them.
#[test]
fn the_node_limit_has_two_texts() {
    let authors = format!("commits(first: 100) {{ nodes {{ {} }} }}", leaf("authors", 100));
    let nested = price(&page(50, &authors)).refusal().unwrap();
    assert_eq!(nested.kind, Some("MAX_NODE_LIMIT_EXCEEDED"));
    assert_eq!(
        nested.message,
        "By the time this query traverses to the authors connection, it is requesting up to \
         505,050 possible nodes which exceeds the maximum limit of 500,000."
    );
    let labels = leaf("labels", 100);
    let many: Vec<String> = (0..100)
        .map(|n| {
            let inner = format!("pullRequests(first: 100) {{ nodes {{ {labels} }} }}");
            format!("r{n}: repository(name: \"r{n}\") {{ {inner} }}")
        })
        .collect();
    let flat = price(&format!("{{ {} }}", many.join(" "))).refusal().unwrap();
    assert_eq!(
        flat.message,
        "This query requests up to 1,010,000 possible nodes which exceeds the maximum limit of \
         500,000."
    );
}

#[test]
fn what_is_skipped_costs_nothing_and_variables_count() {
    let query = "query($n: Int = 50, $with: Boolean!) { repository { pullRequests(first: $n) {
        nodes { labels(first: 10) @include(if: $with) { nodes { id } }
                comments(last: 3) @skip(if: $with) { nodes { id } } } } } }"
        .replace("comments(last: 3)", "comments(first: 3)");
    let with = price_with(&query, &json!({"n": 100, "with": true}));
    assert_eq!((with.requests, with.nodes), (101, 1_100));
    let without = price_with(&query, &json!({"n": 50, "with": false}));
    assert_eq!((without.requests, without.nodes), (51, 200));
}

#[test]
fn ids_count_like_aliases_and_types_by_the_dearest() {
    let query = "{ nodes(ids: [\"a\", \"b\", \"c\"]) {
        ... on PullRequest { comments(first: 10) { totalCount } }
        ... on Issue { comments(first: 10) { totalCount } labels(first: 5) { totalCount } } } }";
    let price = price(query);
    assert_eq!((price.requests, price.nodes), (6, 45));
}

#[test]
fn half_a_point_is_rounded_up_and_nothing_costs_one() {
    let rounded = |requests| Price { requests, ..Price::default() }.points();
    assert_eq!([0, 49, 149, 150, 249, 250].map(rounded), [1, 1, 1, 2, 2, 3]);
}
