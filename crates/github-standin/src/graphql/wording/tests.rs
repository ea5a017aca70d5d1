//! Each kind of mistake and GitHub's words for it.
#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value, json};

use crate::graphql::document::Documents;

/// The failures of a query as a client sees them.
fn failures(query: &str, variables: &Value) -> Value {
    let none = Map::new();
    let given = variables.as_object().unwrap_or(&none);
    let failures = Documents::new().unwrap().plan(query, None, given).unwrap_err();
    serde_json::to_value(failures).unwrap()
}

fn first_message(query: &str) -> String {
    failures(query, &json!({}))[0]["message"].as_str().unwrap().to_owned()
}

/// The whole error as github-api.md 2.4 quotes it.
#[test]
fn an_unknown_field_has_path_extensions_and_location() {
    let query = "query {\n  repository(owner: \"o\", name: \"r\") { x }\n}";
    assert_eq!(
        failures(query, &json!({})),
        json!([{
            "path": ["query", "repository", "x"],
            "extensions": {"code": "undefinedField", "typeName": "Repository", "fieldName": "x"},
            "locations": [{"line": 2, "column": 39}],
            "message": "Field 'x' doesn't exist on type 'Repository'",
        }])
    );
}

#[test]
fn the_keys_stand_in_githubs_order_and_the_path_names_operation_and_fragments() {
    let query = "query Q { repository(owner: \"o\", name: \"r\") { ... on Repository { x } ...F } \
                 } fragment F on Repository { y }";
    let failures = Documents::new().unwrap().plan(query, None, &Map::new()).unwrap_err();
    let text = serde_json::to_string(&failures[0]).unwrap();
    assert!(text.starts_with(r#"{"path":["query Q","repository","... on Repository","x"],"ext"#));
    assert_eq!(serde_json::to_value(&failures[1]).unwrap()["path"], json!(["fragment F", "y"]));
}

#[test]
fn each_mistake_has_githubs_words() {
    let repository =
        |inner: &str| format!("{{ repository(owner: \"o\", name: \"r\") {{ {inner} }} }}");
    let table = [
        (
            repository("owner"),
            "Field must have selections (field 'owner' returns RepositoryOwner but has no \
          selections. Did you mean 'owner { ... }'?)",
        ),
        (
            repository("name { x }"),
            "Selections can't be made on scalars (field 'name' returns String but has selections \
          [\"x\"])",
        ),
        (repository("id(a: 1)"), "Field 'id' doesn't accept argument 'a'"),
        (
            repository("issues(first: \"9\") { totalCount }"),
            "Argument 'first' on Field 'issues' has an invalid value (\"9\"). Expected type 'Int'.",
        ),
        (
            repository("issues(first: 1, orderBy: {field: AGE, direction: ASC}) { totalCount }"),
            "Argument 'field' on InputObject 'IssueOrder' has an invalid value (AGE). \
             Expected type 'IssueOrderField!'.",
        ),
        (
            repository("issues(first: 1, orderBy: {field: CREATED_AT}) { totalCount }"),
            "Argument 'direction' on InputObject 'IssueOrder' is required. Expected type \
          OrderDirection!",
        ),
        (
            "{ repository(owner: \"o\") { id } }".into(),
            "Field 'repository' is missing required arguments: name",
        ),
        (
            "{ node(id: $id) { id } }".into(),
            "Variable $id is used by anonymous query but not declared",
        ),
        ("query Q($a: Int) { viewer { id } }".into(), "Variable $a is declared by Q but not used"),
        (
            "query Q($a: Int!) { node(id: $a) { id } }".into(),
            "Type mismatch on variable $a and argument id (Int! / ID!)",
        ),
        (
            "query Q($a: ID) { node(id: $a) { id } }".into(),
            "Nullability mismatch on variable $a and argument id (ID / ID!)",
        ),
        (
            "query Q($a: ID!) { nodes(ids: $a) { id } }".into(),
            "List dimension mismatch on variable $a and argument ids (ID! / [ID!]!)",
        ),
        ("{ viewer { ...F } }".into(), "Fragment F was used, but not defined"),
        (
            "{ viewer { id } } fragment F on User { id }".into(),
            "Fragment F was defined, but not used",
        ),
        ("{ viewer { ... on Bot { id } } }".into(), "Fragment on Bot can't be spread inside User"),
        (
            "{ viewer { ... on Cat { id } } }".into(),
            "No such type Cat, so it can't be a fragment condition",
        ),
        (
            "{ viewer { ... on Int { id } } }".into(),
            "Invalid fragment on type Int (must be Union, Interface or Object)",
        ),
        ("{ viewer { id @when(a: 1) } }".into(), "Directive @when is not defined"),
        ("mutation { createIssue { id } }".into(), "Schema is not configured for mutations"),
        ("{ viewer { id }".into(), "Unexpected end of document"),
        ("{ viewer { id } } }".into(), "Parse error on \"}\" at [1, 19]"),
    ];
    for (query, words) in table {
        assert_eq!(first_message(&query), words, "{query}");
    }
}

#[test]
fn variables_are_refused_with_their_problem() {
    let query = "query Q($o: String!, $n: Int = 5, $s: [PullRequestState!], $by: IssueOrder) {
        repository(owner: $o, name: \"r\") {
            pullRequests(first: $n, states: $s, orderBy: $by) { totalCount } } }";
    let missing = failures(query, &json!({}));
    assert_eq!(missing[0]["message"], "Variable $o of type String! was provided invalid value");
    assert_eq!(
        missing[0]["extensions"],
        json!({"value": null,
               "problems": [{"path": [], "explanation": "Expected value to not be null"}]})
    );
    let table = [
        (json!({"o": "o", "n": "x"}), "$n of type Int was provided invalid value", json!([])),
        (
            json!({"o": "o", "s": ["OPEN", "GONE"]}),
            "for 1 (Expected \"GONE\" to be one of",
            json!([1]),
        ),
        (
            json!({"o": "o", "by": {"field": "CREATED_AT"}}),
            "for direction (Expected value to not",
            json!(["direction"]),
        ),
        (
            json!({"o": "o", "by": {"age": 1}}),
            "for age (Field is not defined on IssueOrder)",
            json!(["age"]),
        ),
    ];
    for (variables, words, path) in table {
        let failure = &failures(query, &variables)[0];
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        assert_eq!(failure["extensions"]["problems"][0]["path"], path);
    }
    assert!(
        Documents::new()
            .unwrap()
            .plan(query, None, json!({"o": "o", "s": "OPEN"}).as_object().unwrap())
            .is_ok()
    );
}

#[test]
fn the_operation_is_picked_by_name() {
    let documents = Documents::new().unwrap();
    let query = "query A { viewer { id } } query B { viewer { login } }";
    let plan = |name| documents.plan(query, name, &Map::new());
    assert_eq!(plan(None).unwrap_err()[0].message, "An operation name is required");
    assert_eq!(plan(Some("C")).unwrap_err()[0].message, "No operation named \"C\"");
    assert_eq!(plan(Some("B")).unwrap().fields[0].children[0].1[0].name, "login");
}
