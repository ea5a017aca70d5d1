//! Errors that harm nothing, and those that only look so.

#![allow(clippy::unwrap_used)]
use std::time::Duration;

use super::super::answer::open;
use super::*;

fn refused(body: &str) -> Error {
    let headers = LimitHeaders::default();
    let answered = Answered { status: 200, headers: &headers, elapsed: Duration::ZERO };
    match open(body.to_owned(), &answered).unwrap_err() {
        Refusal::Other(error) => error,
        limit => unreachable!("{limit:?}"),
    }
}

#[test]
fn an_error_of_the_server_that_comes_late_is_a_timeout() {
    let headers = LimitHeaders::default();
    let found = |status, seconds| {
        let elapsed = Duration::from_secs(seconds);
        match by_status(&Answered { status, headers: &headers, elapsed }, "") {
            Some(Refusal::Other(error)) => error,
            other => unreachable!("{other:?}"),
        }
    };
    for status in [500, 503, 599] {
        let (late, early) = (found(status, 9), found(status, 1));
        assert!(late.is_size_related() && late.elapsed().is_some(), "{late:?}");
        assert!(!early.is_size_related(), "{early:?}");
        assert_eq!(late.reason(), early.reason());
    }
    assert!(!found(408, 9).is_size_related());
}

#[test]
fn no_errors_may_be_told_as_null() {
    let headers = LimitHeaders::default();
    let answered = Answered { status: 200, headers: &headers, elapsed: Duration::ZERO };
    let body = r#"{"data":{"a":1},"errors":null}"#;
    assert_eq!(open(body.to_owned(), &answered).unwrap().get(), r#"{"a":1}"#);
}

#[test]
fn an_account_whose_number_fails_is_not_taken_as_deleted() {
    for part in ["author", "mergedBy", "user"] {
        let found = refused(&format!(
            r#"{{"data":{{"a":1}},"errors":[{{"path":["node","pullRequests","edges",3,"node","{part}","databaseId"],"message":"Something went wrong"}}]}}"#
        ));
        assert!(matches!(found, Error::NullNode { index: 3, .. }), "{part}: {found:?}");
    }
    let found = refused(
        r#"{"data":{"a":1},"errors":[{"type":"RESOURCE_LIMITS_EXCEEDED","path":["node","pullRequests","edges",3,"node","databaseId"],"message":"x"}]}"#,
    );
    assert!(matches!(found, Error::ResourceLimits { .. }), "{found:?}");
}

#[test]
fn a_guarded_fork_is_a_missing_one_and_stalls_nothing() {
    let headers = LimitHeaders::default();
    let answered = Answered { status: 200, headers: &headers, elapsed: Duration::ZERO };
    let of = |path: &str, message: &str| {
        format!(
            r#"{{"data":{{"a":1}},"errors":[{{"type":"FORBIDDEN","path":{path},"extensions":{{"saml_failure":true}},"message":"{message}"}}]}}"#
        )
    };
    let texts = [
        "Resource protected by organization SAML enforcement.",
        "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled.",
    ];
    for text in texts {
        for path in [
            r#"["node","pullRequests","edges",3,"node","headRepository"]"#,
            r#"["node","headRepository","nameWithOwner"]"#,
        ] {
            let read = open(of(path, text), &answered).unwrap();
            assert_eq!(read.get(), r#"{"a":1}"#, "{path}");
        }
        // Anything else of one pull request is that one's trouble, not the whole history's.
        let found = refused(&of(r#"["node","pullRequests","edges",3,"node","milestone"]"#, text));
        assert!(matches!(found, Error::NullNode { index: 3, .. }), "{found:?}");
        let found = refused(&of(r#"["node"]"#, text));
        assert_eq!(found.disposition(), backfill_api::Disposition::UserFix, "{found:?}");
    }
}
