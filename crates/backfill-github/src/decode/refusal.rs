//! From a refusal to its cause: GitHub's statuses, words and texts, as seen on the wire.
//!
//! The catalogue is github-api.md, sections 1.5, 1.6, 2 and 2.4. Must not know what was asked.

#[cfg(test)]
mod tests;

use std::time::Duration;

use backfill_engine::chunk::NOISE_SECONDS;

use super::envelope::{Envelope, GraphQlError};
use super::limits::LimitHeaders;
use crate::error::Error;

/// A cause, before the governor has said until when a limit holds.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The primary limit is exhausted.
    Primary,
    /// A secondary limit was met.
    Secondary,
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The longest text of GitHub's that is kept.
const LONGEST_MESSAGE: usize = 300;

/// The answer around a body.
pub(crate) struct Answered<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a LimitHeaders,
    pub(crate) elapsed: Duration,
}

/// The cause, if the HTTP status or a bare `message` says that nothing was answered.
pub(crate) fn by_status(answered: &Answered<'_>, body: &str) -> Option<Refusal> {
    let &Answered { status, headers, elapsed } = answered;
    if (200..300).contains(&status) {
        return None;
    }
    if status == 502 || status == 504 {
        return Some(Error::TimedOut { status: Some(status), elapsed }.into());
    }
    if status >= 500 && elapsed.as_secs_f64() >= NOISE_SECONDS {
        return Some(Error::TimedOut { status: Some(status), elapsed }.into());
    }
    if status >= 500 || status == 408 {
        return Some(Error::ServerError { status }.into());
    }
    let said = said(body);
    if status == 401 {
        return Some(Error::BadCredentials.into());
    }
    if status == 451 {
        return Some(Error::RepositoryBlocked.into());
    }
    let is_html = body.trim_start().starts_with('<');
    let text = said.as_deref().unwrap_or(if is_html { "" } else { body });
    if let Some(refusal) = by_message(text, headers) {
        return Some(refusal);
    }
    if speaks_of_secondary_limit(body) {
        return Some(Refusal::Secondary);
    }
    let is_githubs = said.is_some();
    let speaks_of_limit = text.to_lowercase().contains("rate limit");
    let is_spent = headers.rate_limit.is_some_and(|told| told.remaining == 0);
    let message = short(&said.unwrap_or_default());
    Some(match status {
        429 if is_spent => Refusal::Primary,
        403 if is_spent && speaks_of_limit => Refusal::Primary,
        429 => Refusal::Secondary,
        403 if headers.retry_after.is_some() => Refusal::Secondary,
        403 if headers.sso_required => Error::SamlRequired.into(),
        403 if is_githubs => Error::PermissionDenied { message }.into(),
        400 if is_githubs => Error::QueryRejected { message }.into(),
        _ => Error::NotTheApi { status, message }.into(),
    })
}

/// What GitHub says in a refusal outside GraphQL. `None` where the body is not its JSON: what a
/// proxy writes may repeat the request, and is shown to nobody.
fn said(body: &str) -> Option<String> {
    let object = body.trim_start().starts_with('{').then_some(body)?;
    let envelope: Envelope<'_> = serde_json::from_str(object).ok()?;
    let first = envelope.errors.into_iter().next().map(|error| error.message);
    Some(envelope.message.or(first).unwrap_or_default())
}

/// The cause by the text of a bare `message`, under whatever status it comes.
pub(crate) fn by_message(message: &str, headers: &LimitHeaders) -> Option<Refusal> {
    let has = |text: &str| message.contains(text);
    if speaks_of_secondary_limit(message) {
        Some(Refusal::Secondary)
    } else if has("API rate limit exceeded") || has("API rate limit already exceeded") {
        Some(Refusal::Primary)
    } else if has("Bad credentials") {
        Some(Error::BadCredentials.into())
    } else if has("SAML enforcement") || headers.sso_required {
        Some(Error::SamlRequired.into())
    } else if has("IP allow list enabled") {
        Some(Error::IpNotAllowed.into())
    } else if has("installation has been suspended") {
        Some(Error::InstallationSuspended.into())
    } else if has("access blocked") || has("Repository is disabled") {
        Some(Error::RepositoryBlocked.into())
    } else if has("forbidden by administrative rules") {
        Some(Error::NotTheApi { status: 403, message: "no User-Agent".to_owned() }.into())
    } else if has("A query attribute must be specified") {
        Some(Error::QueryMissing.into())
    } else {
        None
    }
}

fn speaks_of_secondary_limit(message: &str) -> bool {
    message.contains("secondary rate limit") || message.contains("abuse detection")
}

/// The cause that weighs most among the `errors` of an answer under status 200. An answer that
/// has any is never used in part: a page counts as complete only if nothing failed under it.
pub(crate) fn by_errors(errors: &[GraphQlError], answered: &Answered<'_>) -> Option<Refusal> {
    let harms = |error: &&GraphQlError| weight(error) < 2 || !error.is_only_hidden_head();
    let mut errors: Vec<_> = errors.iter().filter(harms).collect();
    errors.sort_by_key(|error| weight(error));
    errors.first().map(|error| cause(error, answered))
}

/// The smaller, the more it says about the whole request.
fn weight(error: &GraphQlError) -> u8 {
    if error.is("RATE_LIMITED") || error.is("RATE_LIMIT") || error.is("graphql_rate_limit") {
        0
    } else if error.is("RESOURCE_LIMITS_EXCEEDED") {
        1
    } else if error.path.is_none() {
        2
    } else {
        3
    }
}

fn cause(error: &GraphQlError, answered: &Answered<'_>) -> Refusal {
    let elapsed = answered.elapsed;
    let message = short(&error.message);
    if weight(error) == 0 {
        let is_secondary = speaks_of_secondary_limit(&error.message);
        return if is_secondary { Refusal::Secondary } else { Refusal::Primary };
    }
    // Under one pull request it is another's organization that is guarded: not the one we walk.
    let is_guarded = |refusal: &Refusal| {
        matches!(refusal, Refusal::Other(Error::SamlRequired | Error::IpNotAllowed))
    };
    let in_page = error.page_index().is_some();
    match by_message(&error.message, answered.headers) {
        Some(refusal) if !(in_page && is_guarded(&refusal)) => return refusal,
        _ => {}
    }
    let whole_query = error.path.is_none();
    if whole_query && error.message.starts_with("Something went wrong while executing your query") {
        return Error::TimedOut { status: Some(answered.status), elapsed }.into();
    }
    if !in_page && error.extensions.as_ref().is_some_and(|more| more.saml_failure) {
        return Error::SamlRequired.into();
    }
    let kind = error.kind.as_deref().unwrap_or_default();
    match kind {
        "RESOURCE_LIMITS_EXCEEDED" => Error::ResourceLimits { elapsed },
        "MAX_NODE_LIMIT_EXCEEDED" => Error::NodeLimit { message },
        "INVALID_CURSOR_ARGUMENTS" => Error::CursorRejected { message },
        "EXCESSIVE_PAGINATION" | "MISSING_PAGINATION_BOUNDARIES" | "ARGUMENT_LIMIT" => {
            Error::QueryRejected { message }
        }
        "INSUFFICIENT_SCOPES" => Error::InsufficientScopes { message },
        _ => by_place(error, message),
    }
    .into()
}

/// The cause by where it struck: the page's list, the thing asked for, or the query itself.
fn by_place(error: &GraphQlError, message: String) -> Error {
    let path = error.path.as_deref().unwrap_or_default();
    if let Some(index) = error.page_index() {
        return Error::NullNode { index, message };
    }
    if error.is("FORBIDDEN") {
        return Error::PermissionDenied { message };
    }
    if error.is("NOT_FOUND") {
        // An alias of a follow-up is a pull request or one of its threads.
        let is_alias = path.len() == 1 && error.path_text().starts_with('c');
        if is_alias || message.contains("to a PullRequest") {
            return Error::PullRequestNotFound;
        }
        if path.len() <= 1 {
            return Error::RepositoryNotFound;
        }
    }
    if error.kind.is_none() && (error.extensions.is_some() || path.is_empty()) {
        return Error::QueryRejected { message };
    }
    Error::PartMissing { path: error.path_text(), message }
}

/// The text, bounded, on one line.
pub(crate) fn short(message: &str) -> String {
    let line = message.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    line.take(LONGEST_MESSAGE).collect()
}
