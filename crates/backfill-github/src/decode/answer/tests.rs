//! Bodies as GitHub sent them (github-api.md, sections 1.5, 1.6, 2.2 to 2.4), each with the one
//! cause it must become.

#![allow(clippy::unwrap_used, clippy::panic, clippy::too_many_lines)]

use std::time::Duration;

use backfill_api::{Disposition, Reason};
use http::HeaderMap;
use jiff::Timestamp;

use super::open;
use crate::decode::limits::LimitHeaders;
use crate::decode::refusal::{Answered, Refusal};
use crate::error::Error;

/// Names and values.
type Headers = &'static [(&'static str, &'static str)];

fn refusal_with(status: u16, headers: &[(&'static str, &str)], body: &str) -> Refusal {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let headers = LimitHeaders::read(&headers, Timestamp::UNIX_EPOCH, Duration::ZERO);
    let elapsed = Duration::from_secs(10);
    match open(body.to_owned(), &Answered { status, headers: &headers, elapsed }) {
        Err(refusal) => refusal,
        Ok(found) => panic!("taken as good: {}", found.get()),
    }
}

fn refusal(status: u16, body: &str) -> Refusal {
    refusal_with(status, &[], body)
}

fn error(status: u16, body: &str) -> Error {
    match refusal(status, body) {
        Refusal::Other(error) => error,
        limit => panic!("taken as a limit: {limit:?}"),
    }
}

/// The variant's name, the reason, the disposition, and whether a smaller page may help.
fn facts(error: &Error) -> (String, Reason, Disposition, bool) {
    let shown = format!("{error:?}");
    let name = shown.split([' ', '(', '{']).next().unwrap_or_default();
    (name.to_owned(), error.reason(), error.disposition(), error.is_size_related())
}

const WENT_WRONG: &str = r#"{"data":null,"errors":[{"message":"Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug. Please include `AAAA:BBBB:1` when reporting this issue."}]}"#;
const DATED: &str = r#"{"data":null,"errors":[{"message":"Something went wrong while executing your query on 2025-03-25T04:48:34+00:00. Please include `AAAA` when reporting this issue."}]}"#;
const SLOW: &str = r#"{"message":"We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and contact us if the problem persists."}"#;
const NGINX: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head></html>";

#[test]
fn all_shapes_of_a_timeout_are_one_cause() {
    let shapes = [
        (502, WENT_WRONG),
        (502, DATED),
        (502, NGINX),
        (504, SLOW),
        (504, "504 Gateway Timeout"),
        (200, WENT_WRONG),
        (200, DATED),
    ];
    for (status, body) in shapes {
        let error = error(status, body);
        assert_eq!(
            facts(&error),
            ("TimedOut".into(), Reason::GitHubUnavailable, Disposition::Transient, true),
            "{status} {body}"
        );
        assert_eq!(error.elapsed(), Some(Duration::from_secs(10)));
    }
}

#[test]
fn broken_answers_are_told_apart() {
    let cases = [
        (200, "<html>Unicorn!</html>", "NotJson"),
        (200, "", "Truncated"),
        (200, r#"{"data":{"node":{"id":"x"#, "Truncated"),
        (200, r#"{"data":{"node":{"id" "#, "Truncated"),
        (200, "plain text", "NotJson"),
        (201, "", "NotJson"),
        (500, "", "TimedOut"),
        (503, "<html></html>", "TimedOut"),
        (408, "", "ServerError"),
    ];
    for (status, body, name) in cases {
        let (found, reason, disposition, _) = facts(&error(status, body));
        assert_eq!(
            (found.as_str(), reason, disposition),
            (name, Reason::GitHubUnavailable, Disposition::Transient),
            "{status} {body}"
        );
    }
}

const SPENT: Headers = &[("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "0")];
/// As GitHub answers a credential that it rejects.
const NO_LIMIT: Headers = &[("x-ratelimit-limit", "0"), ("x-ratelimit-remaining", "0")];

#[test]
fn a_refusal_without_points_left_is_exhaustion_only_where_there_were_any() {
    let body = r#"{"message":"Resource not accessible by personal access token"}"#;
    for headers in [SPENT, NO_LIMIT] {
        let found = refusal_with(403, headers, body);
        assert!(matches!(found, Refusal::Other(Error::PermissionDenied { .. })), "{found:?}");
    }
    let found = refusal_with(429, NO_LIMIT, "{}");
    assert!(matches!(found, Refusal::Secondary), "{found:?}");
}

#[test]
fn both_forms_of_exhaustion_are_the_primary_limit() {
    let cases: &[(u16, Headers, &str)] = &[
        (
            200,
            &[],
            r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#,
        ),
        (
            200,
            &[],
            r#"{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded for installation ID 9306189."}]}"#,
        ),
        (
            200,
            &[],
            r#"{"data":null,"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"API rate limit already exceeded for user ID 1."}]}"#,
        ),
        (200, &[], r#"{"errors":[{"message":"API rate limit already exceeded for user ID 1."}]}"#),
        (
            403,
            &[],
            r#"{"message":"API rate limit exceeded for user ID 1.","documentation_url":"x"}"#,
        ),
        (429, SPENT, r#"{"message":"Slow"}"#),
        (403, SPENT, r#"{"message":"Rate limit of this credential: used up"}"#),
    ];
    for (status, headers, body) in cases {
        let found = refusal_with(*status, headers, body);
        assert!(matches!(found, Refusal::Primary), "{body}: {found:?}");
    }
}

#[test]
fn every_form_of_a_secondary_limit_is_one() {
    let body = r#"{"documentation_url":"https://docs.github.com/x#about-secondary-rate-limits","message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID 1."}"#;
    let abuse = r#"{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."}"#;
    let in_errors = r#"{"errors":[{"message":"You have exceeded a secondary rate limit."}]}"#;
    let typed = in_errors.replace("[{", r#"[{"type":"RATE_LIMITED","#);
    let bodies = [(200, body), (403, body), (429, body), (403, abuse), (200, in_errors)];
    for (status, body) in bodies.into_iter().chain([(200, typed.as_str())]) {
        let found = refusal(status, body);
        assert!(matches!(found, Refusal::Secondary), "{status} {body}: {found:?}");
    }
    for (status, retry_after) in [(403, "60"), (429, "60")] {
        let found = refusal_with(status, &[("retry-after", retry_after)], "{}");
        assert!(matches!(found, Refusal::Secondary), "{status}: {found:?}");
    }
}

#[test]
fn the_catalogue_of_refusals_is_known() {
    use Disposition::{Bug, Poison, UserFix};
    let cases = [
        (
            401,
            r#"{"message":"Bad credentials","documentation_url":"x","status":"401"}"#,
            "BadCredentials",
            Reason::CredentialsInvalid,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"errors":[{"path":["query","repository","x"],"extensions":{"code":"undefinedField","typeName":"Repository","fieldName":"x"},"locations":[{"line":1,"column":1}],"message":"Field 'x' doesn't exist on type 'Repository'"}]}"#,
            "QueryRejected",
            Reason::InternalError,
            Bug,
            false,
        ),
        (
            400,
            r#"{"errors":[{"message":"A query attribute must be specified and must be a string."}]}"#,
            "QueryMissing",
            Reason::InternalError,
            Bug,
            true,
        ),
        (
            400,
            r#"{"message":"Problems parsing JSON"}"#,
            "QueryRejected",
            Reason::InternalError,
            Bug,
            false,
        ),
        (
            200,
            r#"{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository"],"message":"Could not resolve to a Repository with the name 'o/r'."}]}"#,
            "RepositoryNotFound",
            Reason::RepositoryNotFound,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"data":{"node":null},"errors":[{"type":"NOT_FOUND","path":["node"],"message":"Could not resolve to a node with the global id of 'x'"}]}"#,
            "RepositoryNotFound",
            Reason::RepositoryNotFound,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"data":{"c3":null},"errors":[{"type":"NOT_FOUND","path":["c3"],"message":"Could not resolve to a node with the global id of 'x'"}]}"#,
            "PullRequestNotFound",
            Reason::PullRequestUnreadable,
            Poison,
            true,
        ),
        (
            200,
            r#"{"data":{"repository":null},"errors":[{"type":"NOT_FOUND","path":["repository","pullRequest"],"message":"Could not resolve to a PullRequest with the number of 9."}]}"#,
            "PullRequestNotFound",
            Reason::PullRequestUnreadable,
            Poison,
            true,
        ),
        (
            200,
            r#"{"data":{"repository":null},"errors":[{"type":"FORBIDDEN","path":["repository"],"message":"Resource not accessible by integration"}]}"#,
            "PermissionDenied",
            Reason::PermissionDenied,
            UserFix,
            false,
        ),
        (
            403,
            r#"{"message":"Resource not accessible by personal access token"}"#,
            "PermissionDenied",
            Reason::PermissionDenied,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"errors":[{"type":"INSUFFICIENT_SCOPES","message":"Your token has not been granted the required scopes to execute this query."}]}"#,
            "InsufficientScopes",
            Reason::PermissionDenied,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"data":{"repository":null},"errors":[{"type":"FORBIDDEN","path":["repository"],"extensions":{"saml_failure":true},"message":"Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization."}]}"#,
            "SamlRequired",
            Reason::SamlRequired,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"data":{"repository":null},"errors":[{"type":"FORBIDDEN","path":["repository"],"extensions":{"saml_failure":false},"message":"Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."}]}"#,
            "IpNotAllowed",
            Reason::IpNotAllowed,
            UserFix,
            false,
        ),
        (
            403,
            r#"{"message":"Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and 1.2.3.4 is not permitted to access this resource."}"#,
            "IpNotAllowed",
            Reason::IpNotAllowed,
            UserFix,
            false,
        ),
        (
            403,
            r#"{"message":"This installation has been suspended","documentation_url":"x"}"#,
            "InstallationSuspended",
            Reason::InstallationSuspended,
            UserFix,
            false,
        ),
        (
            451,
            r#"{"message":"Repository access blocked","block":{"reason":"dmca","created_at":"x","html_url":"x"}}"#,
            "RepositoryBlocked",
            Reason::RepositoryBlocked,
            UserFix,
            false,
        ),
        (
            403,
            r#"{"message":"Repository access blocked","block":{"reason":"tos"}}"#,
            "RepositoryBlocked",
            Reason::RepositoryBlocked,
            UserFix,
            false,
        ),
        (
            403,
            "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header.",
            "NotTheApi",
            Reason::InternalError,
            Bug,
            false,
        ),
        (
            301,
            r#"{"message":"Moved Permanently","url":"x"}"#,
            "NotTheApi",
            Reason::InternalError,
            Bug,
            false,
        ),
        (404, "<html>not here</html>", "NotTheApi", Reason::InternalError, Bug, false),
        (403, "<html>not for you</html>", "NotTheApi", Reason::InternalError, Bug, false),
        (403, "not for you", "NotTheApi", Reason::InternalError, Bug, false),
        (400, "not so", "NotTheApi", Reason::InternalError, Bug, false),
        (
            200,
            r#"{"data":{"user":null},"errors":[{"type":"RESOURCE_LIMITS_EXCEEDED","path":["user"],"message":"Resource limits for this query exceeded."}]}"#,
            "ResourceLimits",
            Reason::PageTooLarge,
            Poison,
            true,
        ),
        (
            200,
            r#"{"errors":[{"type":"MAX_NODE_LIMIT_EXCEEDED","message":"This query requests up to 603,360 possible nodes which exceeds the maximum limit of 500,000."}]}"#,
            "NodeLimit",
            Reason::PageTooLarge,
            Poison,
            true,
        ),
        (
            200,
            r#"{"data":{"node":{"pullRequests":null}},"errors":[{"type":"EXCESSIVE_PAGINATION","path":["node","pullRequests"],"message":"Requesting 101 records on the `pullRequests` connection exceeds the `first` limit of 100 records."}]}"#,
            "QueryRejected",
            Reason::InternalError,
            Bug,
            false,
        ),
        (
            200,
            r#"{"data":{"node":{"pullRequests":null}},"errors":[{"type":"INVALID_CURSOR_ARGUMENTS","path":["node","pullRequests"],"message":"`abc` does not appear to be a valid cursor."}]}"#,
            "CursorRejected",
            Reason::CursorRejected,
            UserFix,
            false,
        ),
        (
            200,
            r#"{"data":{"node":{"pullRequests":{"nodes":[null]}}},"errors":[{"path":["node","pullRequests","edges",0,"node"],"message":"boom"}]}"#,
            "NullNode",
            Reason::PullRequestUnreadable,
            Poison,
            true,
        ),
        (
            200,
            r#"{"data":{"c0":{"page":null}},"errors":[{"path":["c0","page"],"type":"INTERNAL","message":"boom"}]}"#,
            "PartMissing",
            Reason::ResponseInvalid,
            Poison,
            true,
        ),
        (200, r#"{"errors":[]}"#, "Unreadable", Reason::ResponseInvalid, Poison, true),
        (200, r#"{"data":"x","errors":5}"#, "Unreadable", Reason::ResponseInvalid, Poison, true),
        (
            200,
            r#"{"message":"Bad credentials"}"#,
            "BadCredentials",
            Reason::CredentialsInvalid,
            UserFix,
            false,
        ),
    ];
    for (status, body, name, reason, disposition, smaller) in cases {
        let found = error(status, body);
        assert_eq!(
            facts(&found),
            (name.to_owned(), reason, disposition, smaller),
            "{status} {body}"
        );
        assert!(found.to_string().len() < 400, "{found}");
    }
}

#[test]
fn a_body_that_is_no_answer_of_githubs_is_shown_nowhere() {
    for page in
        ["<html>canary: access blocked</html>", "canary", r#"[null,[],"canary"]"#, r#""canary""#]
    {
        for status in [301, 400, 403, 404, 408, 451, 500, 502, 503, 504] {
            let found = error(status, page);
            assert!(!found.to_string().contains("canary"), "{status}: {found}");
            assert_ne!(found.reason(), Reason::PermissionDenied, "{status} {page}");
        }
    }
    let page = "<html>access blocked by the proxy</html>";
    assert_eq!(error(403, page).reason(), Reason::InternalError);
}

#[test]
fn single_sign_on_by_header_is_known() {
    let headers = [("x-github-sso", "required; url=https://github.com/orgs/acme/sso")];
    let found = refusal_with(403, &headers, r#"{"message":"Resource protected"}"#);
    assert!(matches!(found, Refusal::Other(Error::SamlRequired)), "{found:?}");
}

#[test]
fn a_failing_node_names_its_place() {
    let found = error(
        200,
        r#"{"data":{"node":{"pullRequests":{"nodes":[{},null]}}},"errors":[{"path":["node","pullRequests","edges",1,"node","files"],"type":"X","message":"boom"}]}"#,
    );
    assert!(matches!(found, Error::NullNode { index: 1, .. }), "{found:?}");
    let found = error(
        200,
        r#"{"data":{"node":{"pullRequests":{"nodes":[{},{},null]}}},"errors":[{"path":["node","pullRequests","edges",2,"node"],"message":"Something went wrong while executing your query. Please include `A`."}]}"#,
    );
    assert!(matches!(found, Error::NullNode { index: 2, .. }), "{found:?}");
}

#[test]
fn the_limit_outweighs_what_stands_before_it() {
    let found = refusal(
        200,
        r#"{"data":null,"errors":[{"type":"NOT_FOUND","path":["node"],"message":"x"},{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 1."}]}"#,
    );
    assert!(matches!(found, Refusal::Primary), "{found:?}");
}

#[test]
fn a_message_of_githubs_is_bounded_and_on_one_line() {
    let long = format!(r#"{{"message":"{}\nnext"}}"#, "x".repeat(5_000));
    let shown = error(403, &long).to_string();
    assert!(shown.len() < 400 && !shown.contains('\n'), "{shown}");
}
