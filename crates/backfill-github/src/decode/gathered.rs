//! A connection while its pages come in.
//!
//! Whole means: no page is left, and what was found is as many as GitHub counts. Must not know
//! what it holds.

use crate::error::Error;
use crate::queries::children::Connection;

/// What was found so far, and where it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Gathered<T> {
    pub(crate) found: Vec<T>,
    /// GitHub's count, as of the last page.
    pub(crate) total: i64,
    next: Next,
}

/// The page that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The first.
    First,
    /// The one after this cursor.
    After(String),
    /// None: all were read.
    Nothing,
}

impl<T> Gathered<T> {
    /// Nothing yet of the `total` that GitHub counts.
    pub(crate) fn announced(total: i64) -> Self {
        let next = if total > 0 { Next::First } else { Next::Nothing };
        Self { found: Vec::new(), total, next }
    }

    /// The first page.
    pub(crate) fn begin<C: Connection>(
        page: C,
        decode: impl Fn(C::Node) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        let mut gathered = Self { found: Vec::new(), total: 0, next: Next::First };
        gathered.take(page, decode)?;
        Ok(gathered)
    }

    /// One more page. A cursor that does not move ends it, so that every walk ends; what is
    /// missing then shows in the count.
    pub(crate) fn take<C: Connection>(
        &mut self,
        page: C,
        decode: impl Fn(C::Node) -> Result<T, Error>,
    ) -> Result<(), Error> {
        let (total, page_info, nodes) = page.into_page();
        self.total = total;
        for node in nodes {
            self.found.push(decode(node)?);
        }
        let next = match page_info.end_cursor {
            Some(cursor) if page_info.has_next_page => Next::After(cursor),
            _ => Next::Nothing,
        };
        let moved = next != self.next;
        self.next = if moved { next } else { Next::Nothing };
        Ok(())
    }

    /// Where the page starts that is still to be read.
    pub(crate) fn next(&self) -> &Next {
        &self.next
    }

    /// How many GitHub counts beyond what was found.
    pub(crate) fn left(&self) -> i64 {
        self.total - i64::try_from(self.found.len()).unwrap_or(i64::MAX)
    }
}
