//! Opens an answer: its data if nothing of it failed, else the cause.
//!
//! Must not know HTTP beyond the status, nor what was asked.

use std::ops::Range;

use serde::Deserialize;

use super::envelope::Envelope;
use super::refusal::{Answered, Refusal, by_errors, by_message, by_status};
use crate::error::Error;

/// The data of an answer, where it lies in the answer's text.
#[derive(Debug)]
pub(crate) struct Found {
    text: String,
    place: Range<usize>,
}

impl Found {
    /// Its JSON.
    pub(crate) fn get(&self) -> &str {
        &self.text[self.place.clone()]
    }
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) found: Found,
    /// From the request to the last byte.
    pub(crate) seconds: f64,
}

impl Answer {
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_str(self.found.get()).map_err(|error| Error::Unreadable(error.into()))
    }
}

/// The data of an answer of which nothing failed.
pub(crate) fn open(text: String, answered: &Answered<'_>) -> Result<Found, Refusal> {
    let place = find(&text, answered)?;
    Ok(Found { text, place })
}

fn find(text: &str, answered: &Answered<'_>) -> Result<Range<usize>, Refusal> {
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
        let start = found.get().as_ptr().addr() - text.as_ptr().addr();
        return Ok(start..start + found.get().len());
    }
    let message = envelope.message.unwrap_or_default();
    let told = by_message(&message, headers);
    Err(told.unwrap_or_else(|| Error::Unreadable("neither data nor errors".into()).into()))
}

#[cfg(test)]
mod tests;
