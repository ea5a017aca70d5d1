//! A pull request whose pages do not fit together, or are not all there.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;

/// A pull request with these files on its first page of as many as GitHub counts.
fn begun(changed: i64, counted: i64, files: std::ops::Range<i64>) -> Draft {
    let mut pull_request = bare();
    pull_request["changedFiles"] = changed.into();
    pull_request["files"] = page(counted, files);
    draft(pull_request).unwrap()
}

fn draft(pull_request: Value) -> Result<Draft, Error> {
    Draft::begin(serde_json::from_value(pull_request).unwrap())
}

/// A pull request without anything.
fn bare() -> Value {
    json!({
        "id": "PR_1", "fullDatabaseId": "7", "number": 1, "title": "", "body": "",
        "state": "OPEN", "isDraft": false, "author": null, "mergedBy": null,
        "authorAssociation": "NONE", "createdAt": "2024-01-01T00:00:00Z",
        "updatedAt": "2024-01-01T00:00:00Z", "closedAt": null, "mergedAt": null,
        "baseRefName": "main", "baseRefOid": "b", "headRefName": "change", "headRefOid": "head",
        "headRepository": null, "mergeCommit": null, "milestone": null, "additions": 0,
        "deletions": 0, "changedFiles": 0, "url": "https://github.com/o/r/pull/1",
        "labels": list(0, &[], None), "assignees": list(0, &[], None),
    })
}

#[test]
fn labels_that_are_null_without_a_word_are_not_none() {
    assert!(draft(bare()).unwrap().finish().unwrap().labels.is_empty());
    let mut without = bare();
    without["labels"] = Value::Null;
    let error = draft(without).unwrap_err();
    assert!(matches!(error, Error::PartMissing { .. }), "{error:?}");
}

fn page(counted: i64, files: std::ops::Range<i64>) -> Value {
    let end = (files.end < counted).then(|| files.end.to_string());
    let counts = json!({"additions": 0, "deletions": 0, "changeType": "ADDED"});
    let file = |place: i64| {
        let mut file = counts.clone();
        file["path"] = format!("f{place}").into();
        file
    };
    list(counted, &files.map(file).collect::<Vec<_>>(), end.as_deref())
}

fn list(counted: i64, nodes: &[Value], end: Option<&str>) -> Value {
    let page_info = json!({"hasNextPage": end.is_some(), "endCursor": end});
    json!({"totalCount": counted, "nodes": nodes, "pageInfo": page_info})
}

/// Its second page, as it was when the branch stood at `head`.
fn follow(draft: &mut Draft, head: &str, page: &Value) {
    let under = json!({"headRefOid": head, "page": page});
    draft.take(Slot::Files, &serde_json::value::to_raw_value(&under).unwrap()).unwrap();
}

#[test]
fn a_list_that_github_cuts_off_is_stored_and_not_called_whole() {
    for (changed, counted, whole) in
        [(3, 3, true), (3_000, 3_000, true), (5_000, 3_000, false), (5_000, 5_000, true)]
    {
        let read = begun(changed, counted, 0..counted).finish().unwrap();
        assert_eq!(read.files.len(), usize::try_from(counted).unwrap());
        assert_eq!(read.captured.contains(&Part::Files), whole, "{counted} of {changed}");
    }
}

#[test]
fn pages_that_a_push_came_between_are_not_one_list() {
    let mut same = begun(4, 4, 0..2);
    follow(&mut same, "head", &page(4, 2..4));
    assert_eq!(same.finish().unwrap().files.len(), 4);
    let mut pushed = begun(4, 4, 0..2);
    follow(&mut pushed, "another", &page(4, 2..4));
    assert!(matches!(pushed.finish(), Err(Error::Moved(1))));
}

#[test]
fn one_file_read_twice_hides_another() {
    let mut shifted = begun(4, 4, 0..2);
    let again = [page(4, 1..2)["nodes"][0].clone(), page(4, 3..4)["nodes"][0].clone()];
    follow(&mut shifted, "head", &list(4, &again, None));
    let Err(Error::Incomplete { found, expected, .. }) = shifted.finish() else {
        unreachable!("f2 is missing")
    };
    assert_eq!((found, expected), (3, 4));
}
