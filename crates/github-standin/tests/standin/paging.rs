//! All pages together are the world, in every order and from both ends.

use serde_json::{Value, json};

use crate::client::{Running, pull, start, world};

const PAGE: &str = "query Walk($first: Int, $last: Int, $after: String, $before: String,
    $by: IssueOrder, $states: [PullRequestState!]) {
  repository(owner: \"o\", name: \"r\") {
    pullRequests(first: $first, last: $last, after: $after, before: $before, orderBy: $by,
                 states: $states) {
      totalCount
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      edges { cursor node { number } }
      nodes { number } } } }";

/// Seven pull requests, of which 2, 3 and 4 share a second and 6 was updated first.
fn seven() -> Running {
    let mut lines: Vec<Value> =
        [(1, 0), (2, 5), (3, 5), (4, 5), (5, 7), (6, 9), (9, 11)].map(|(n, m)| pull(n, m)).into();
    for (place, line) in lines.iter_mut().enumerate() {
        line["updatedAt"] = json!(format!("2021-01-{:02}T00:00:00Z", 20 - place));
        line["state"] = json!(if place % 2 == 0 { "MERGED" } else { "OPEN" });
    }
    start(world(&lines))
}

fn page(running: &Running, variables: &Value) -> Value {
    running.call("t", PAGE, variables).good()["repository"]["pullRequests"].clone()
}

fn numbers(page: &Value) -> Vec<u64> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["number"].as_u64().unwrap()).collect()
}

/// Walks forward; checks that edges agree with nodes and that page info tells the truth.
fn forward(running: &Running, by: &Value, size: usize) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = page(running, &json!({"first": size, "after": after, "by": by}));
        let ends = &page["pageInfo"];
        let edges = page["edges"].as_array().unwrap();
        assert_eq!(ends["hasPreviousPage"], !all.is_empty());
        assert_eq!(ends["startCursor"], edges[0]["cursor"]);
        assert_eq!(ends["endCursor"], edges[edges.len() - 1]["cursor"]);
        assert!(edges.iter().zip(page["nodes"].as_array().unwrap()).all(|(e, n)| e["node"] == *n));
        all.extend(numbers(&page));
        if ends["hasNextPage"] == false {
            return all;
        }
        assert_eq!(edges.len(), size);
        after = ends["endCursor"].clone();
    }
}

fn backward(running: &Running, by: &Value, size: usize) -> Vec<u64> {
    let (mut all, mut before) = (Vec::new(), Value::Null);
    loop {
        let page = page(running, &json!({"last": size, "before": before, "by": by}));
        assert_eq!(page["pageInfo"]["hasNextPage"], !all.is_empty());
        all.splice(0..0, numbers(&page));
        if page["pageInfo"]["hasPreviousPage"] == false {
            return all;
        }
        before = page["pageInfo"]["startCursor"].clone();
    }
}

#[test]
fn every_order_is_whole_in_both_directions_at_every_size() {
    let running = seven();
    let order = |field: &str, direction: &str| json!({"field": field, "direction": direction});
    let ascending = vec![1, 2, 3, 4, 5, 6, 9];
    let descending: Vec<u64> = ascending.iter().rev().copied().collect();
    let table = [
        (Value::Null, &ascending),
        (order("CREATED_AT", "ASC"), &ascending),
        (order("CREATED_AT", "DESC"), &descending),
        (order("UPDATED_AT", "ASC"), &descending),
        (order("UPDATED_AT", "DESC"), &ascending),
    ];
    for (by, expected) in table {
        for size in 1..=8 {
            assert_eq!(&forward(&running, &by, size), expected, "forward {by} by {size}");
            assert_eq!(&backward(&running, &by, size), expected, "backward {by} by {size}");
        }
    }
    assert_eq!(running.violations(), [""; 0]);
}

#[test]
fn states_filter_pages_and_counts() {
    let running = seven();
    let page = page(&running, &json!({"first": 2, "states": ["OPEN"]}));
    assert_eq!((numbers(&page), &page["totalCount"]), (vec![2, 4], &json!(3)));
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
}

/// Section 3.2: `after` is a predicate on the key and survives the row.
#[test]
fn a_cursor_outlives_its_row() {
    let running = seven();
    let by = json!({"field": "CREATED_AT", "direction": "DESC"});
    let first = page(&running, &json!({"first": 3, "by": by}));
    assert_eq!(numbers(&first), [9, 6, 5]);
    let after = first["pageInfo"]["endCursor"].clone();
    let gone = json!({"kind": "delete", "repository": "o/r", "number": 5});
    assert_eq!(running.change(&gone).status, 200);
    let second = page(&running, &json!({"first": 3, "after": after, "by": by}));
    assert_eq!(numbers(&second), [4, 3, 2]);
    assert_eq!(second["totalCount"], 6);
}

#[test]
fn foreign_cursors_give_an_empty_page_and_broken_ones_an_error() {
    let running = seven();
    let by = json!({"field": "CREATED_AT", "direction": "ASC"});
    let timed = page(&running, &json!({"first": 1, "by": by}))["pageInfo"]["endCursor"].clone();
    let empty = page(&running, &json!({"first": 5, "after": timed}));
    assert_eq!((numbers(&empty), &empty["totalCount"]), (vec![], &json!(7)));
    assert_eq!(empty["pageInfo"]["hasNextPage"], false);
    assert_eq!(empty["pageInfo"]["endCursor"], Value::Null);
    let broken = running.call("t", PAGE, &json!({"first": 5, "after": "abc"}));
    assert_eq!(broken.json()["data"], json!({"repository": null}));
    let error = broken.error();
    assert_eq!(error["type"], "INVALID_CURSOR_ARGUMENTS");
    assert_eq!(error["message"], "`abc` does not appear to be a valid cursor.");
    assert_eq!(error["path"], json!(["repository", "pullRequests"]));
}

#[test]
fn served_pages_are_counted_by_cursor() {
    let running = seven();
    forward(&running, &Value::Null, 4);
    forward(&running, &Value::Null, 4);
    running.plan(&json!([{"match": {"times": 1}, "answer": "502-json"}]));
    assert_eq!(running.call("t", PAGE, &json!({"first": 4})).status, 502);
    backward(&running, &Value::Null, 7);
    let counted = running.counted();
    let pages = counted["pages_by_cursor"].as_object().unwrap();
    assert_eq!(pages["o/r Walk null"], 2);
    assert_eq!(pages["o/r Walk before:null"], 1);
    let others: Vec<&Value> =
        pages.iter().filter(|(key, _)| !key.ends_with("null")).map(|(_, count)| count).collect();
    assert_eq!(others, [&json!(2)]);
}

/// An inner list of each kind, 23 long, read by fives in both directions.
#[test]
fn inner_lists_are_whole_too() {
    let at = |n: u32| format!("2020-03-01T00:{n:02}:00Z");
    let mut line = pull(1, 0);
    let author = json!({"__typename": "User", "login": "a", "databaseId": 5});
    let list = |make: &dyn Fn(u32) -> Value| (0..23).map(make).collect::<Vec<_>>();
    line["labels"] = list(&|n| json!(format!("label {n}"))).into();
    line["comments"] = list(&|n| json!({"body": n.to_string(), "createdAt": at(n / 3)})).into();
    line["reviews"] =
        list(&|n| json!({"body": n.to_string(), "createdAt": at(n / 3), "author": author})).into();
    line["reviewComments"] =
        list(&|n| json!({"body": n.to_string(), "path": "p", "createdAt": at(n)})).into();
    line["commits"] = list(&|n| json!({"oid": format!("{n:040}"), "message": "m"})).into();
    line["files"] = list(&|n| json!({"path": n.to_string()})).into();
    let running = start(world(&[line]));
    let table = [
        ("labels", "name"),
        ("comments", "body"),
        ("reviews", "body"),
        ("reviewThreads", "id"),
        ("commits", "commit { oid }"),
        ("files", "path"),
    ];
    for (connection, field) in table {
        let whole = inner(&running, connection, field, "first: 100");
        assert_eq!(whole["totalCount"], 23, "{connection}");
        let (mut ahead, mut back) = (Vec::new(), Vec::new());
        let mut page = inner(&running, connection, field, "first: 5");
        loop {
            ahead.extend(page["nodes"].as_array().unwrap().clone());
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            let after = format!("first: 5, after: {}", page["pageInfo"]["endCursor"]);
            page = inner(&running, connection, field, &after);
        }
        page = inner(&running, connection, field, "last: 5");
        loop {
            back.splice(0..0, page["nodes"].as_array().unwrap().clone());
            if page["pageInfo"]["hasPreviousPage"] == false {
                break;
            }
            let before = format!("last: 5, before: {}", page["pageInfo"]["startCursor"]);
            page = inner(&running, connection, field, &before);
        }
        assert_eq!(Value::from(ahead), whole["nodes"], "{connection} forward");
        assert_eq!(Value::from(back), whole["nodes"], "{connection} backward");
    }
}

fn inner(running: &Running, connection: &str, field: &str, arguments: &str) -> Value {
    let query = format!(
        "{{ repository(owner: \"o\", name: \"r\") {{ pullRequest(number: 1) {{ \
         page: {connection}({arguments}) {{ totalCount nodes {{ {field} }} \
         pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }} }} }}"
    );
    running.query(&query).good()["repository"]["pullRequest"]["page"].clone()
}
