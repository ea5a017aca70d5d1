//! Opens an answer: its data if nothing of it failed, else the cause.
//!
//! Must not know HTTP beyond the status, nor what was asked.

use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::refusal::{Answered, Refusal, by_errors, by_message, by_status};
use crate::error::Error;

/// The data of an answer of which nothing failed.
pub(crate) fn open(text: &str, answered: &Answered<'_>) -> Result<Box<RawValue>, Refusal> {
    if let Some(refusal) = by_status(answered, text) {
        return Err(refusal);
    }
    let &Answered { status, elapsed, headers } = answered;
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| {
        if text.trim_start().starts_with('<') || status != 200 {
            Error::NotJson { status, elapsed }
        } else if error.is_eof() {
            Error::Truncated { elapsed }
        } else if error.is_syntax() {
            Error::NotJson { status, elapsed }
        } else {
            Error::Unreadable(error.into())
        }
    })?;
    if let Some(refusal) = by_errors(&envelope.errors, answered) {
        return Err(refusal);
    }
    if let Some(found) = envelope.found {
        return Ok(found.to_owned());
    }
    let message = envelope.message.unwrap_or_default();
    let told = by_message(&message, headers);
    Err(told.unwrap_or_else(|| Error::Unreadable("neither data nor errors".into()).into()))
}

#[cfg(test)]
mod tests;
