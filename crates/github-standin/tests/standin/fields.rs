//! What single fields answer: ids, threads, ghosts, text that is no Unicode, the query language.

use serde_json::{Value, json};

use crate::client::{pull, start, world};

const O_R: &str = "repository(owner: \"o\", name: \"r\")";

#[test]
fn what_a_world_leaves_out_is_derived_and_can_be_found_again() {
    let mut line = pull(7, 0);
    line["reviews"] = json!([{"body": "fine"}]);
    line["comments"] = json!([{"body": "c"}]);
    line["reviewComments"] = json!([{"path": "p", "review": null}]);
    let issue = json!({"kind": "issue", "repository": "o/r", "number": 3,
        "createdAt": "2020-02-01T00:00:00Z", "comments": [{"body": "i"}]});
    let running = start(world(&[line, issue]));
    let answer = running.query(&format!(
        "{{ {O_R} {{ id databaseId pullRequest(number: 7) {{ id fullDatabaseId databaseId
             additions baseRefName headRefOid state author {{ login }} mergedAt
             headRepository {{ id }}
             reviews(first: 1) {{ nodes {{ id state submittedAt }} }}
             comments(first: 1) {{ nodes {{ id }} }}
             reviewThreads(first: 1) {{ nodes {{ id comments(first: 1) {{ nodes {{ id
               pullRequestReview {{ id }} replyTo {{ id }} }} }} }} }} }}
           issue(number: 3) {{ id comments(first: 1) {{ nodes {{ id body }} }} }} }} }}"
    ));
    let repository = &answer.good()["repository"];
    let pull = &repository["pullRequest"];
    assert_eq!(pull["fullDatabaseId"], "77000007");
    assert_eq!(pull["databaseId"], 77_000_007);
    assert_eq!((&pull["additions"], &pull["state"]), (&json!(0), &json!("OPEN")));
    assert_eq!((&pull["author"], &pull["headRepository"]), (&Value::Null, &Value::Null));
    assert_eq!(pull["headRefOid"].as_str().unwrap().len(), 40);
    let thread = &pull["reviewThreads"]["nodes"][0];
    let comment = &thread["comments"]["nodes"][0];
    assert_eq!((&comment["pullRequestReview"], &comment["replyTo"]), (&Value::Null, &Value::Null));
    let ids = [
        (&repository["id"], "Repository", "R_kg"),
        (&pull["id"], "PullRequest", "PR_kw"),
        (&pull["reviews"]["nodes"][0]["id"], "PullRequestReview", "PRR_kw"),
        (&pull["comments"]["nodes"][0]["id"], "IssueComment", "IC_kw"),
        (&thread["id"], "PullRequestReviewThread", "PRRT_kw"),
        (&comment["id"], "PullRequestReviewComment", "PRRC_kw"),
        (&repository["issue"]["id"], "Issue", "I_kw"),
        (&repository["issue"]["comments"]["nodes"][0]["id"], "IssueComment", "IC_kw"),
    ];
    for (id, kind, prefix) in ids {
        assert!(id.as_str().unwrap().starts_with(prefix), "{id}");
        let query = "query($id: ID!) { node(id: $id) { __typename id } }";
        let node = running.call("t", query, &json!({"id": id})).good()["node"].clone();
        assert_eq!(node, json!({"__typename": kind, "id": id}));
    }
}

#[test]
fn threads_follow_replies_and_reviews_list_their_own_comments() {
    let mut line = pull(1, 0);
    let at = |n: u32| format!("2020-03-01T00:0{n}:00Z");
    line["reviews"] = json!([{"fullDatabaseId": "50", "createdAt": at(0)}]);
    line["reviewComments"] = json!([
        {"fullDatabaseId": "11", "review": "50", "path": "a", "position": 4, "createdAt": at(1),
         "isResolved": true},
        {"fullDatabaseId": "12", "review": null, "path": "b", "position": null, "createdAt": at(2)},
        {"fullDatabaseId": "13", "review": "50", "path": "a", "replyTo": "11", "createdAt": at(3)},
        {"fullDatabaseId": "14", "review": "50", "path": "a", "replyTo": "13", "createdAt": at(4)},
        {"fullDatabaseId": "15", "review": "50", "path": "c", "replyTo": "99", "createdAt": at(5)},
    ]);
    let running = start(world(&[line]));
    let good = running
        .query(&format!(
            "{{ {O_R} {{ pullRequest(number: 1) {{
              reviewThreads(first: 9) {{ totalCount nodes {{ isResolved isOutdated path line
                diffSide
                comments(first: 9) {{ nodes {{ fullDatabaseId
                  replyTo {{ fullDatabaseId }} }} }} }} }}
              reviews(first: 9) {{ nodes {{ comments(first: 9) {{ totalCount }} }} }} }} }} }}"
        ))
        .good();
    let pull = &good["repository"]["pullRequest"];
    let threads = pull["reviewThreads"]["nodes"].as_array().unwrap();
    let ids = |thread: &Value| -> Vec<String> {
        let nodes = thread["comments"]["nodes"].as_array().unwrap();
        nodes.iter().map(|one| one["fullDatabaseId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        threads.iter().map(ids).collect::<Vec<_>>(),
        [vec!["11", "13", "14"], vec!["12"], vec!["15"]]
    );
    assert_eq!(threads[0]["comments"]["nodes"][2]["replyTo"]["fullDatabaseId"], "13");
    assert_eq!((&threads[0]["isResolved"], &threads[0]["line"]), (&json!(true), &json!(4)));
    assert_eq!((&threads[1]["isOutdated"], &threads[1]["line"]), (&json!(true), &Value::Null));
    assert_eq!(pull["reviews"]["nodes"][0]["comments"]["totalCount"], 4);
}

#[test]
fn text_reaches_the_client_as_it_stands_in_the_world() {
    let line = r#"{"kind":"pullRequest","repository":"o/r","number":1,"title":"a\u0000b",
        "body":"x\ud800y\r\n\"\\ \u00e9","createdAt":"2020-02-01T00:00:00Z"}"#;
    let mut made = world(&[]);
    made.load_lines(&[line.replace('\n', " ")], "line").unwrap();
    let running = start(made);
    let answer =
        running.query(&format!("{{ {O_R} {{ pullRequest(number: 1) {{ title body }} }} }}"));
    assert_eq!(
        answer.body,
        r#"{"data":{"repository":{"pullRequest":{"title":"a\u0000b","body":"x\ud800y\r\n\"\\ \u00e9"}}}}"#
    );
    let dump = running.get("/_standin/world?repository=o/r").body;
    assert!(dump.contains(r#""body":"x\ud800y\r\n\"\\ \u00e9""#), "{dump}");
}

#[test]
fn ids_beyond_31_bits_are_sent_as_they_are() {
    let mut line = pull(1, 0);
    line["fullDatabaseId"] = json!("2362920014");
    let running = start(world(&[line]));
    let query = format!("{{ {O_R} {{ pullRequest(number: 1) {{ databaseId fullDatabaseId }} }} }}");
    let expected = json!({"databaseId": 2_362_920_014_u64, "fullDatabaseId": "2362920014"});
    assert_eq!(running.query(&query).good()["repository"]["pullRequest"], expected);
}

#[test]
fn the_query_language_is_whole() {
    let mut line = pull(1, 0);
    line["author"] = json!({"__typename": "Bot", "login": "robot", "databaseId": 9});
    let running = start(world(&[line]));
    let query = "query Q($n: Int!, $with: Boolean = false) {
        one: repository(owner: \"O\", name: \"R\") { ...Names p: pullRequest(number: $n) {
            author { ...Who ... on Bot { databaseId } ... on User { email } }
            body @include(if: $with) t: title @skip(if: $with) title: number } }
        again: repository(owner: \"o\", name: \"r\") { ... @include(if: $with) { id } name } }
        fragment Names on Repository { nameWithOwner owner { login } name }
        fragment Who on Actor { __typename login }";
    let expected = json!({
        "one": {"nameWithOwner": "o/r", "owner": {"login": "o"}, "name": "r", "p": {
            "author": {"__typename": "Bot", "login": "robot", "databaseId": 9},
            "t": "Pull 1", "title": 1}},
        "again": {"name": "r"},
    });
    assert_eq!(running.call("t", query, &json!({"n": 1})).good(), expected);
    let with = running.call("t", query, &json!({"n": 1, "with": true})).good();
    assert_eq!(with["one"]["p"]["body"], "b");
    assert_eq!(with["one"]["p"].get("t"), None);
    assert!(with["again"]["id"].is_string());
}

#[test]
fn an_empty_repository_has_no_branch() {
    let empty = json!({"kind": "repository", "nameWithOwner": "o/e", "isEmpty": true,
        "createdAt": "2020-01-01T00:00:00Z"});
    let running = start(world(&[empty]));
    let query = "{ repository(owner: \"o\", name: \"e\") { isEmpty defaultBranchRef { name }
        pullRequests(first: 1) { totalCount nodes { id } pageInfo { endCursor } } } }";
    let expected = json!({"isEmpty": true, "defaultBranchRef": null, "pullRequests":
        {"totalCount": 0, "nodes": [], "pageInfo": {"endCursor": null}}});
    assert_eq!(running.query(query).good()["repository"], expected);
}
