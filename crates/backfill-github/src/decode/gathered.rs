//! A connection while its pages come in.
//!
//! Whole means: no page is left, and what was found is as many as GitHub counts. Must not know
//! what it holds.

use std::collections::HashSet;
use std::hash::Hash;

use backfill_engine::model::Part;

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
        // Most lists have one page: no room for twice as many.
        self.found.reserve_exact(nodes.len());
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

    /// Where the page starts that is still to be read, and how many are left.
    pub(crate) fn rest(&self) -> (&Next, i64) {
        (&self.next, self.left())
    }

    /// How many GitHub counts beyond what was found.
    pub(crate) fn left(&self) -> i64 {
        self.total - i64::try_from(self.found.len()).unwrap_or(i64::MAX)
    }
}

/// All of them, if they are as many as GitHub counts.
pub(crate) fn counted<T>(
    all: Gathered<T>,
    part: Option<Part>,
    number: i64,
) -> Result<Vec<T>, Error> {
    match all.left() {
        0 => Ok(all.found),
        left => {
            let expected = all.total;
            Err(Error::Incomplete { number, part, found: expected - left, expected })
        }
    }
}

/// The same for what has an id: one that was read twice would hide another that was missed.
pub(crate) fn distinct<T, K: Eq + Hash>(
    all: Gathered<T>,
    part: Part,
    number: i64,
    id: impl Fn(&T) -> K,
) -> Result<Vec<T>, Error> {
    let ids: HashSet<K> = all.found.iter().map(id).collect();
    if ids.len() == all.found.len() {
        return counted(all, Some(part), number);
    }
    let found = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    Err(Error::Incomplete { number, part: Some(part), found, expected: all.total })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::queries::PageInfo;

    struct Page(i64, Option<&'static str>, Vec<i64>);

    impl Connection for Page {
        type Node = i64;
        fn into_page(self) -> (i64, PageInfo, Vec<i64>) {
            let end_cursor = self.1.map(str::to_owned);
            (self.0, PageInfo { has_next_page: end_cursor.is_some(), end_cursor }, self.2)
        }
    }

    fn after(cursor: &str) -> Next {
        Next::After(cursor.to_owned())
    }

    #[test]
    fn pages_add_up_to_the_newest_count() {
        let mut all = Gathered::begin(Page(3, Some("a"), vec![1, 2]), Ok).unwrap();
        assert_eq!(all.rest(), (&after("a"), 1));
        // One more came while it was read.
        all.take(Page(4, None, vec![3, 4]), Ok).unwrap();
        assert_eq!(all.rest(), (&Next::Nothing, 0));
        assert_eq!(distinct(all, Part::Reviews, 9, |id| *id).unwrap(), [1, 2, 3, 4]);
    }

    #[test]
    fn one_too_few_too_many_or_twice_is_not_whole() {
        let of = |total, nodes| Gathered::begin(Page(total, None, nodes), Ok).unwrap();
        let cases = [(3, vec![1, 2], 2), (1, vec![1, 2], 2), (2, vec![1, 1], 1)];
        for (total, nodes, counts) in cases {
            let error = distinct(of(total, nodes), Part::Commits, 9, |id| *id).unwrap_err();
            let Error::Incomplete { number: 9, part: Some(Part::Commits), found, expected } = error
            else {
                unreachable!("{error:?}")
            };
            assert_eq!((found, expected), (counts, total));
        }
        assert!(counted(of(2, vec![1, 1]), None, 9).is_ok());
    }

    #[test]
    fn a_cursor_that_stands_still_ends_the_reading() {
        let mut all = Gathered::begin(Page(9, Some("a"), vec![1]), Ok).unwrap();
        all.take(Page(9, Some("a"), vec![2]), Ok).unwrap();
        assert_eq!(all.rest().0, &Next::Nothing);
    }

    #[test]
    fn what_is_announced_is_asked_for_from_its_first_page() {
        assert_eq!(Gathered::<i64>::announced(2).rest(), (&Next::First, 2));
        assert_eq!(Gathered::<i64>::announced(0).rest(), (&Next::Nothing, 0));
    }
}
