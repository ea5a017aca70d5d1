//! `first`, `last`, `after`, `before`: what they may be and which part of a list they cut.
//!
//! GitHub checks them in its resolvers, so these failures carry a path. This file must not know
//! what is listed.

use std::ops::Range;

use super::cursor::{Form, Reading};
use super::failure::Failure;
use super::plan::Field;
use crate::world::index::Key;

/// The largest page GitHub serves.
pub const LARGEST_PAGE: i64 = 100;

/// A page that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Take from the end: `last`.
    pub from_end: bool,
    /// At most this many rows; 0 if only the count is wanted.
    pub size: usize,
    /// Only what comes after this key.
    pub after: Option<Key>,
    /// Only what comes before this key.
    pub before: Option<Key>,
    /// A cursor of another connection was given, so the page is empty.
    pub foreign: bool,
}

impl Paging {
    /// Reads a connection's arguments.
    pub fn of(field: &Field, form: Form) -> Result<Paging, Failure> {
        let mut paging =
            Paging { from_end: false, size: 0, after: None, before: None, foreign: false };
        let name = &field.name;
        match (field.number("first"), field.number("last")) {
            (None, None) if field.only_counts() => {}
            (None, None) => {
                let message = format!(
                    "You must provide a `first` or `last` value to properly paginate the \
                     `{name}` connection."
                );
                return Err(Failure::new("MISSING_PAGINATION_BOUNDARIES", message));
            }
            (Some(_), Some(_)) => {
                let message = format!(
                    "Passing both `first` and `last` to paginate the `{name}` connection is not \
                     supported."
                );
                return Err(Failure::new("MULTIPLE_PAGINATION_BOUNDARIES", message));
            }
            (Some(first), None) => paging.size = size(name, "first", first)?,
            (None, Some(last)) => {
                paging.size = size(name, "last", last)?;
                paging.from_end = true;
            }
        }
        for (argument, place) in [("after", &mut paging.after), ("before", &mut paging.before)] {
            let Some(cursor) = field.text(argument) else { continue };
            match form.read(cursor) {
                Reading::Key(key) => *place = Some(key),
                Reading::Foreign => paging.foreign = true,
                Reading::Broken => {
                    let message = format!("`{cursor}` does not appear to be a valid cursor.");
                    return Err(Failure::new("INVALID_CURSOR_ARGUMENTS", message));
                }
            }
        }
        Ok(paging)
    }

    /// The part of a list that the page holds, given its keys in ascending order.
    pub fn cut(&self, keys: &[Key]) -> Range<usize> {
        if self.foreign {
            return 0..0;
        }
        let low = self.after.map_or(0, |after| keys.partition_point(|key| *key <= after));
        let high =
            self.before.map_or(keys.len(), |before| keys.partition_point(|key| *key < before));
        let high = high.max(low);
        if self.from_end {
            high.saturating_sub(self.size).max(low)..high
        } else {
            low..low.saturating_add(self.size).min(high)
        }
    }
}

fn size(connection: &str, argument: &str, asked: i64) -> Result<usize, Failure> {
    match usize::try_from(asked) {
        Ok(size @ 1..=100) => Ok(size),
        _ if asked > LARGEST_PAGE => Err(Failure::new(
            "EXCESSIVE_PAGINATION",
            format!(
                "Requesting {asked} records on the `{connection}` connection exceeds the \
                 `{argument}` limit of {LARGEST_PAGE} records."
            ),
        )),
        _ => Err(Failure::new(
            "INVALID_PAGINATION_BOUNDARIES",
            format!("`{argument}` on the `{connection}` connection cannot be less than 1."),
        )),
    }
}

/// Whether a failure says that a client's `first` or `last` was missing or out of range.
pub fn is_sin(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        Some(
            "MISSING_PAGINATION_BOUNDARIES"
                | "MULTIPLE_PAGINATION_BOUNDARIES"
                | "EXCESSIVE_PAGINATION"
                | "INVALID_PAGINATION_BOUNDARIES"
                | "ARGUMENT_LIMIT"
        )
    )
}
