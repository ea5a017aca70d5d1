//! What GitHub refuses, in its shapes: HTTP, documents, pagination, things that are not there.

use serde_json::{Value, json};

use crate::client::{credentials, pull, start, start_with, world};

#[test]
fn requests_that_are_no_queries_are_refused_as_github_does() {
    let running = start(world(&[]));
    let post = |headers: &str, body: &str| running.request("POST", "/graphql", headers, body);
    let good = credentials("t");
    let nobody = post("user-agent: x\r\n", "{}");
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.json()["message"], "This endpoint requires you to be authenticated.");
    let no_agent = post("authorization: bearer t\r\n", "{}");
    assert_eq!(no_agent.status, 403);
    assert!(no_agent.body.contains("Request forbidden by administrative rules"));
    let garbage = post(&good, "{");
    assert_eq!(
        (garbage.status, garbage.json()),
        (400, json!({"message": "Problems parsing JSON"}))
    );
    for body in ["{}", "[]", "{\"query\": 3}", "{\"query\": null}"] {
        let answer = post(&good, body);
        assert_eq!(answer.status, 400, "{body}");
        let message = "A query attribute must be specified and must be a string.";
        assert_eq!(answer.json(), json!({"errors": [{"message": message}]}));
    }
    assert_eq!(running.violations(), ["no_user_agent"]);
    assert_eq!(running.counted()["requests"], 7);
}

#[test]
fn only_configured_tokens_are_good() {
    let tokens = ["one".to_owned(), "two".to_owned()];
    let running = start_with(world(&[]), <_>::default(), &tokens);
    assert_eq!(running.call("two", "{ viewer { login } }", &json!({})).status, 200);
    let bad = running.call("three", "{ viewer { login } }", &json!({}));
    assert_eq!(bad.status, 401);
    assert_eq!(bad.json()["message"], "Bad credentials");
    assert_eq!(bad.json()["status"], "401");
    assert!(bad.header("x-ratelimit-limit").is_some());
    assert!(bad.header("x-github-request-id").is_some());
}

#[test]
fn a_token_is_an_identity() {
    let running = start(world(&[]));
    let who = |token| running.call(token, "{ viewer { login databaseId } }", &json!({})).good();
    assert_eq!(who("a"), who("a"));
    assert_ne!(who("a"), who("b"));
}

#[test]
fn an_unknown_field_has_no_data_and_is_a_violation() {
    let running = start(world(&[]));
    let answer = running.query("query Q { repository(owner: \"o\", name: \"r\") { x } }");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "{\"errors\":[{\"path\":[\"query Q\",\"repository\",\"x\"],\"extensions\":{\"code\":\
         \"undefinedField\",\"fieldName\":\"x\",\"typeName\":\"Repository\"},\"locations\":\
         [{\"line\":1,\"column\":47}],\"message\":\"Field 'x' doesn't exist on type \
         'Repository'\"}]}"
    );
    assert_eq!(running.violations(), ["invalid_query"]);
    assert_eq!(running.counted()["points"], 0);
}

#[test]
fn what_is_not_there_is_null_with_its_path() {
    let running = start(world(&[pull(7, 0)]));
    let answer = running.query(
        "{ a: repository(owner: \"o\", name: \"gone\") { id }
           b: repository(owner: \"o\", name: \"r\") { p9: pullRequest(number: 9) { title }
              p7: pullRequest(number: 7) { title } issue(number: 7) { id } }
           node(id: \"PR_x\") { id } }",
    );
    let json = answer.json();
    let b = json!({"p9": null, "p7": {"title": "Pull 7"}, "issue": null});
    assert_eq!(json["data"], json!({"a": null, "b": b, "node": null}));
    let errors = json["errors"].as_array().unwrap();
    let seen: Vec<(&Value, &Value)> = errors.iter().map(|e| (&e["path"], &e["message"])).collect();
    assert_eq!(
        seen,
        [
            (&json!(["a"]), &json!("Could not resolve to a Repository with the name 'o/gone'.")),
            (
                &json!(["b", "p9"]),
                &json!("Could not resolve to a PullRequest with the number of 9.")
            ),
            (&json!(["b", "issue"]), &json!("Could not resolve to an Issue with the number of 7.")),
            (&json!(["node"]), &json!("Could not resolve to a node with the global id of 'PR_x'")),
        ]
    );
    assert!(errors.iter().all(|error| error["type"] == "NOT_FOUND"));
    assert_eq!(errors[0]["locations"], json!([{"line": 1, "column": 3}]));
    assert_eq!(running.violations(), [""; 0]);
}

#[test]
fn page_sizes_are_checked_where_the_page_is_cut() {
    let running = start(world(&[pull(7, 0)]));
    let ask = |arguments: &str| {
        running.query(&format!(
            "{{ repository(owner: \"o\", name: \"r\") {{ issues{arguments} {{ nodes {{ id }} }} }} \
             viewer {{ __typename }} }}"
        ))
    };
    let table = [
        (
            "",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `issues` connection.",
        ),
        (
            "(first: 101)",
            "EXCESSIVE_PAGINATION",
            "Requesting 101 records on the `issues` connection exceeds the `first` limit of 100 \
          records.",
        ),
        (
            "(last: 500)",
            "EXCESSIVE_PAGINATION",
            "Requesting 500 records on the `issues` connection exceeds the `last` limit of 100 \
          records.",
        ),
        (
            "(first: 0)",
            "INVALID_PAGINATION_BOUNDARIES",
            "`first` on the `issues` connection cannot be less than 1.",
        ),
        (
            "(first: 1, last: 1)",
            "MULTIPLE_PAGINATION_BOUNDARIES",
            "Passing both `first` and `last` to paginate the `issues` connection is not supported.",
        ),
    ];
    for (arguments, kind, message) in table {
        let answer = ask(arguments);
        let json = answer.json();
        let viewer = json!({"__typename": "User"});
        assert_eq!(json["data"], json!({"repository": null, "viewer": viewer}), "{arguments}");
        let error = answer.error();
        assert_eq!((&error["type"], &error["message"]), (&json!(kind), &json!(message)));
        assert_eq!(error["path"], json!(["repository", "issues"]));
    }
    assert_eq!(running.violations(), ["page_size"; 5]);
    let counted = "{ repository(owner: \"o\", name: \"r\") { issues { totalCount } } }";
    assert_eq!(running.query(counted).good()["repository"]["issues"]["totalCount"], 0);
}

#[test]
fn nodes_takes_a_hundred_ids_and_says_which_are_missing() {
    let running = start(world(&[pull(7, 0), pull(8, 1)]));
    let ids = running.query(
        "{ repository(owner: \"o\", name: \"r\") { pullRequests(first: 2) { nodes { id } } } }",
    );
    let id = |n: usize| ids.good()["repository"]["pullRequests"]["nodes"][n]["id"].clone();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { number } } }";
    let answer = running.call("t", query, &json!({"ids": [id(1), "none", id(0)]}));
    assert_eq!(answer.json()["data"], json!({"nodes": [{"number": 8}, null, {"number": 7}]}));
    assert_eq!(answer.error()["path"], json!(["nodes", 1]));
    assert_eq!(answer.error()["type"], "NOT_FOUND");
    let many: Vec<Value> = vec![id(0); 101];
    let refused = running.call("t", query, &json!({"ids": many}));
    assert_eq!(refused.json()["data"], Value::Null);
    assert_eq!(refused.error()["type"], "ARGUMENT_LIMIT");
    assert_eq!(
        refused.error()["message"],
        "You may not provide more than 100 node ids; you provided 101."
    );
    let two = "query($ids: [ID!]!) { a: nodes(ids: $ids) { id } b: nodes(ids: $ids) { id } }";
    let ids: Vec<Value> = vec![id(0); 99];
    assert_eq!(running.call("t", two, &json!({"ids": ids})).good()["b"][98]["id"], id(0));
}

#[test]
fn introspection_and_typename_are_answered() {
    let running = start(world(&[]));
    let answer = running
        .query("{ __typename __schema { queryType { name } } __type(name: \"Label\") { kind } }");
    assert_eq!(
        answer.good(),
        json!({"__typename": "Query", "__schema": {"queryType": {"name": "Query"}},
               "__type": {"kind": "OBJECT"}})
    );
}
