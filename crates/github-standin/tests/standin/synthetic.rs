//! Worlds from a seed: the same every time, whole over HTTP.

use github_standin::world::World;
use serde_json::{Value, json};

use crate::client::{Running, start};

fn made(spec: &str) -> Running {
    let mut world = World::default();
    world.add_synthetic(spec.parse().unwrap());
    start(world)
}

fn dump(running: &Running) -> Vec<Value> {
    let text = running.get("/_standin/world?repository=big/one").body;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_same_seed_is_the_same_world_and_more_only_adds() {
    let (one, two, longer) = (made("big/one=150:7"), made("big/one=150:7"), made("big/one=250:7"));
    let first = dump(&one);
    assert_eq!(first.len(), 150);
    assert_eq!(first, dump(&two));
    assert_eq!(first[..], dump(&longer)[..150]);
    assert_ne!(first, dump(&made("big/one=150:8")));
}

/// Every page read over GraphQL agrees with the dump, which tests compare rows with.
#[test]
fn pages_and_dump_agree() {
    let running = made("big/one=130:5");
    let dump = dump(&running);
    let query = "query Page($after: String) { repository(owner: \"big\", name: \"one\") {
      pullRequests(first: 50, after: $after, orderBy: {field: CREATED_AT, direction: ASC}) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { id number fullDatabaseId title body state createdAt updatedAt closedAt mergedAt
          author { __typename login } additions deletions changedFiles headRefOid
          reviews(first: 100) { totalCount nodes { id fullDatabaseId body state submittedAt } }
          comments(first: 100) { totalCount nodes { id body createdAt author { login } } }
          reviewThreads(first: 50) { totalCount }
          commits(first: 1) { totalCount } files { totalCount } } } } }";
    let (mut rows, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = running.call("t", query, &json!({"after": after})).good();
        let page = &answer["repository"]["pullRequests"];
        assert_eq!(page["totalCount"], 130);
        rows.extend(page["nodes"].as_array().unwrap().clone());
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(rows.len(), dump.len());
    for (row, line) in rows.iter().zip(&dump) {
        for field in [
            "id",
            "number",
            "fullDatabaseId",
            "title",
            "body",
            "state",
            "createdAt",
            "updatedAt",
            "closedAt",
            "mergedAt",
            "additions",
            "deletions",
            "changedFiles",
            "headRefOid",
        ] {
            assert_eq!(row[field], line[field], "{field}");
        }
        assert_eq!(row["author"]["login"], line["author"]["login"]);
        for list in ["reviews", "comments", "commits", "files"] {
            let length = line[list].as_array().unwrap().len();
            assert_eq!(row[list]["totalCount"], length, "{list}");
        }
        let reviews = row["reviews"]["nodes"].as_array().unwrap();
        for (review, expected) in reviews.iter().zip(line["reviews"].as_array().unwrap()) {
            for field in ["id", "fullDatabaseId", "body", "state", "submittedAt"] {
                assert_eq!(review[field], expected[field]);
            }
        }
    }
    let totals = &running.get("/_standin/totals").json()["big/one"];
    assert_eq!(totals["pullRequests"], 130);
    let threads: u64 =
        rows.iter().map(|row| row["reviewThreads"]["totalCount"].as_u64().unwrap()).sum();
    assert_eq!(totals["reviewThreads"], threads);
}

/// Children of made pull requests are found by the ids they were shown with.
#[test]
fn made_nodes_are_found_by_id() {
    let running = made("big/one=60:5");
    let query = "{ repository(owner: \"big\", name: \"one\") { pullRequests(first: 60) { nodes { id
        number reviews(first: 2) { nodes { id } } comments(first: 2) { nodes { id } }
        reviewThreads(first: 2) { nodes { id comments(first: 2) { nodes { id } } } } } } } }";
    let answer = running.query(query).good();
    let mut ids = Vec::new();
    collect_ids(&answer, &mut ids);
    assert!(ids.len() > 150, "{}", ids.len());
    for ids in ids.chunks(100) {
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let found = running.call("t", query, &json!({"ids": ids})).good();
        let back: Vec<&Value> =
            found["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
        assert_eq!(back, ids.iter().collect::<Vec<_>>());
    }
}

fn collect_ids(value: &Value, ids: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            ids.extend(fields.get("id").cloned());
            fields.values().for_each(|value| collect_ids(value, ids));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_ids(value, ids)),
        _ => {}
    }
}

#[test]
fn wrong_specifications_are_refused() {
    for spec in ["one=3", "big/one", "big/one=", "big/one=x", "big/one=3:y", "/one=3", "a/b/c=3"] {
        let refused = spec.parse::<github_standin::Synthetic>();
        assert!(refused.is_err_and(|error| error.to_string().contains("COUNT[:SEED]")), "{spec}");
    }
}
