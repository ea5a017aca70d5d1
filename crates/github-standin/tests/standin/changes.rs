//! A world that changes while it is read.

use serde_json::{Value, json};

use crate::client::{Running, pull, start, world};

fn read(running: &Running, number: u32) -> Value {
    let query = format!(
        "{{ repository(owner: \"o\", name: \"r\") {{ pullRequest(number: {number}) {{ title body \
         state updatedAt author {{ login }} labels(first: 9) {{ nodes {{ name }} }} \
         comments(first: 9) {{ nodes {{ id body author {{ login }} }} }} \
         reviewThreads(first: 9) {{ totalCount }} }} }} }}"
    );
    running.query(&query).good()["repository"]["pullRequest"].clone()
}

fn done(running: &Running, change: &Value) {
    let answer = running.change(change);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_pull_request_appears_is_updated_and_goes() {
    let running = start(world(&[pull(1, 0)]));
    done(&running, &pull(2, 9));
    assert_eq!(read(&running, 2)["title"], "Pull 2");
    let before = read(&running, 1);
    done(
        &running,
        &json!({"kind": "pullRequest", "repository": "o/r", "number": 1,
        "state": "CLOSED", "labels": ["new"]}),
    );
    let after = read(&running, 1);
    assert_eq!((&after["state"], &after["title"]), (&json!("CLOSED"), &before["title"]));
    assert_eq!(after["labels"]["nodes"], json!([{"name": "new"}]));
    assert!(after["updatedAt"].as_str().unwrap() > before["updatedAt"].as_str().unwrap());
    done(&running, &json!({"kind": "delete", "repository": "o/r", "number": 2}));
    let gone = running
        .query("{ repository(owner: \"o\", name: \"r\") { pullRequest(number: 2) { id } } }");
    assert_eq!(gone.error()["type"], "NOT_FOUND");
}

/// A pull request touched during a walk moves to the front of UPDATED_AT DESC.
#[test]
fn an_update_moves_the_row() {
    let running = start(world(&[pull(1, 0), pull(2, 1), pull(3, 2)]));
    let first = "{ repository(owner: \"o\", name: \"r\") { pullRequests(first: 1,
        orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { number } } } }";
    let newest =
        || running.query(first).good()["repository"]["pullRequests"]["nodes"][0]["number"].clone();
    assert_eq!(newest(), 3);
    done(&running, &json!({"kind": "comment", "repository": "o/r", "number": 1, "body": "hi"}));
    assert_eq!(newest(), 1);
}

#[test]
fn comments_reviews_and_threads_are_added_and_can_be_found() {
    let running = start(world(&[pull(1, 0)]));
    let who = json!({"__typename": "User", "login": "w", "databaseId": 3});
    done(
        &running,
        &json!({"kind": "comment", "repository": "o/r", "number": 1, "body": "one",
        "author": who}),
    );
    done(&running, &json!({"kind": "review", "repository": "o/r", "number": 1, "body": "two"}));
    done(
        &running,
        &json!({"kind": "reviewComment", "repository": "o/r", "number": 1,
        "path": "p", "body": "three"}),
    );
    let now = read(&running, 1);
    let comment = &now["comments"]["nodes"][0];
    assert_eq!((&comment["body"], &comment["author"]["login"]), (&json!("one"), &json!("w")));
    assert_eq!(now["reviewThreads"]["totalCount"], 1);
    let query = "query($id: ID!) { node(id: $id) { ... on IssueComment { body } } }";
    let node = running.call("t", query, &json!({"id": comment["id"]})).good();
    assert_eq!(node["node"]["body"], "one");
    let totals = running.get("/_standin/totals").json();
    assert_eq!(totals["o/r"]["comments"], 1);
    assert_eq!(
        (&totals["o/r"]["reviews"], &totals["o/r"]["reviewComments"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_renamed_repository_is_followed_until_its_name_is_taken() {
    let running = start(world(&[pull(1, 0)]));
    done(&running, &json!({"kind": "rename", "repository": "o/r", "to": "o/new"}));
    let ask = |name: &str, follow: bool| {
        running.query(&format!(
            "{{ repository(owner: \"o\", name: \"{name}\", followRenames: {follow}) \
             {{ nameWithOwner pullRequests {{ totalCount }} }} }}"
        ))
    };
    assert_eq!(ask("r", true).good()["repository"]["nameWithOwner"], "o/new");
    assert_eq!(ask("new", false).good()["repository"]["pullRequests"]["totalCount"], 1);
    assert_eq!(ask("r", false).error()["type"], "NOT_FOUND");
    done(
        &running,
        &json!({"kind": "repository", "nameWithOwner": "o/r", "databaseId": 5,
        "createdAt": "2021-01-01T00:00:00Z"}),
    );
    assert_eq!(ask("r", true).good()["repository"]["pullRequests"]["totalCount"], 0);
    done(&running, &json!({"kind": "delete", "repository": "o/r"}));
    assert_eq!(ask("r", true).error()["type"], "NOT_FOUND");
}

#[test]
fn a_deleted_account_becomes_null_everywhere() {
    let mut line = pull(1, 0);
    let who = json!({"__typename": "User", "login": "w", "databaseId": 3});
    line["author"] = who.clone();
    line["comments"] = json!([{"body": "c", "author": who}]);
    let running = start(world(&[line]));
    assert_eq!(read(&running, 1)["author"]["login"], "w");
    done(&running, &json!({"kind": "ghost", "login": "w"}));
    let now = read(&running, 1);
    assert_eq!(
        (&now["author"], &now["comments"]["nodes"][0]["author"]),
        (&Value::Null, &Value::Null)
    );
    let dump: Value =
        serde_json::from_str(running.get("/_standin/world?repository=o/r").body.trim()).unwrap();
    assert_eq!((&dump["author"], &dump["comments"][0]["author"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_refused_change_says_what_is_wrong_and_how_far_it_came() {
    let running = start(world(&[]));
    let lines = format!("{}\n{}", pull(1, 0), json!({"kind": "banana"}));
    let answer = running.post("/_standin/world", &lines);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["changed"], 1);
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("banana") && message.contains("ghost"), "{message}");
    let absent = json!({"kind": "comment", "repository": "o/r", "number": 9});
    assert!(running.change(&absent).body.contains("o/r#9"));
}

#[test]
fn a_made_world_can_be_changed_like_any_other() {
    let mut made = github_standin::world::World::default();
    made.add_synthetic("o/r=300:3".parse().unwrap());
    let running = start(made);
    let before = running.get("/_standin/world?repository=o/r").body;
    let first: Value = serde_json::from_str(before.lines().next().unwrap()).unwrap();
    let number = first["number"].clone();
    done(
        &running,
        &json!({"kind": "pullRequest", "repository": "o/r", "number": number,
        "title": "changed"}),
    );
    let after = running.get("/_standin/world?repository=o/r").body;
    let changed: Vec<(&str, &str)> =
        before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1);
    let now: Value = serde_json::from_str(changed[0].1).unwrap();
    assert_eq!(now["title"], "changed");
    for field in ["id", "body", "comments", "reviewComments", "files", "createdAt"] {
        assert_eq!(now[field], first[field], "{field}");
    }
}

#[test]
fn issues_change_and_are_shown_too() {
    let running = start(world(&[]));
    done(
        &running,
        &json!({"kind": "issue", "repository": "o/r", "number": 4, "title": "t",
        "body": "a\u{0}b", "author": {"__typename": "User", "login": "w"}}),
    );
    done(&running, &json!({"kind": "comment", "repository": "o/r", "number": 4, "body": "c"}));
    done(&running, &json!({"kind": "issue", "repository": "o/r", "number": 4, "state": "CLOSED"}));
    done(&running, &json!({"kind": "ghost", "login": "w"}));
    let text = running.get("/_standin/world?repository=o/r&kind=issue").body;
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["kind"], &line["state"]), (&json!("issue"), &json!("CLOSED")));
    assert_eq!((&line["body"], &line["author"]), (&json!("a\u{0}b"), &Value::Null));
    let query = "{ repository(owner: \"o\", name: \"r\") { issues(first: 1, states: [CLOSED],
        orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { title closed
        comments(first: 1) { nodes { body } } } } } }";
    assert_eq!(
        running.query(query).good()["repository"]["issues"]["nodes"],
        json!([{"title": "t", "closed": true, "comments": {"nodes": [{"body": "c"}]}}])
    );
    assert_eq!(running.get("/_standin/totals").json()["o/r"]["issueComments"], 1);
}
