//! The order of a repository's pull requests: one small entry each, sorted three ways.
//!
//! Pages are cut by value, so a cursor stays exact when rows come and go around it. This file
//! must not know bodies, GraphQL or cursors' bytes.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};

use super::Moment;
use super::model::State;

/// What a light list needs to know of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Entry {
    pub number: u32,
    pub database_id: u64,
    pub created: Moment,
    pub updated: Moment,
    pub state: State,
}

/// What a list is sorted by; ties are broken by the database id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The database id alone, GitHub's order when none is asked for.
    Id,
    /// The time of creation, which never changes.
    Created,
    /// The time of the last update.
    Updated,
}

/// A place in the order: the sort value and the database id.
pub type Key = (Moment, u64);

/// The pull requests of one repository in every order that can be asked for.
#[derive(Debug, Default)]
pub struct Index {
    entries: HashMap<u32, Entry>,
    by_id: BTreeSet<(Key, u32)>,
    by_created: BTreeSet<(Key, u32)>,
    by_updated: BTreeSet<(Key, u32)>,
}

/// Which stretch of the order is wanted.
#[derive(Clone, Debug)]
pub struct Stretch<'s> {
    /// The order.
    pub sort: SortBy,
    /// From the greatest to the smallest.
    pub descending: bool,
    /// Only what comes after this key in the order asked for.
    pub after: Option<Key>,
    /// Only what comes before this key in the order asked for.
    pub before: Option<Key>,
    /// Take from the end of the stretch, not from its beginning.
    pub from_end: bool,
    /// At most this many.
    pub size: usize,
    /// Only these states; empty means all.
    pub states: &'s [State],
}

/// A stretch, in the order asked for.
#[derive(Debug)]
pub struct Cut {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Something comes before the first of them.
    pub more_before: bool,
    /// Something comes after the last of them.
    pub more_after: bool,
}

impl Entry {
    /// The entry's place in an order.
    pub fn key(&self, sort: SortBy) -> Key {
        match sort {
            SortBy::Id => (Moment::default(), self.database_id),
            SortBy::Created => (self.created, self.database_id),
            SortBy::Updated => (self.updated, self.database_id),
        }
    }
}

impl Index {
    /// Adds an entry or replaces the one with its number.
    pub fn put(&mut self, entry: Entry) {
        self.remove(entry.number);
        for sort in [SortBy::Id, SortBy::Created, SortBy::Updated] {
            self.order_mut(sort).insert((entry.key(sort), entry.number));
        }
        self.entries.insert(entry.number, entry);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, number: u32) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        for sort in [SortBy::Id, SortBy::Created, SortBy::Updated] {
            self.order_mut(sort).remove(&(entry.key(sort), number));
        }
        Some(entry)
    }

    /// The entry of a number.
    pub fn get(&self, number: u32) -> Option<Entry> {
        self.entries.get(&number).copied()
    }

    /// The entry of a database id.
    pub fn with_database_id(&self, id: u64) -> Option<Entry> {
        let key = (Moment::default(), id);
        let (_, number) = self.by_id.range((key, 0)..=(key, u32::MAX)).next()?;
        self.get(*number)
    }

    /// How many entries there are in these states; empty means all.
    pub fn count(&self, states: &[State]) -> usize {
        if states.is_empty() {
            return self.entries.len();
        }
        self.entries.values().filter(|entry| states.contains(&entry.state)).count()
    }

    /// All entries by database id.
    pub fn all(&self) -> impl Iterator<Item = Entry> + '_ {
        self.by_id.iter().filter_map(|(_, number)| self.get(*number))
    }

    /// Cuts a stretch out of an order.
    pub fn cut(&self, stretch: &Stretch<'_>) -> Cut {
        let (low, high) = if stretch.descending {
            (stretch.before, stretch.after)
        } else {
            (stretch.after, stretch.before)
        };
        let up = stretch.descending == stretch.from_end;
        let (mut entries, more) = self.take(stretch, low, high, up);
        if stretch.from_end {
            entries.reverse();
        }
        let before_it = || self.any_beyond(stretch, stretch.after, !stretch.descending);
        let after_it = || self.any_beyond(stretch, stretch.before, stretch.descending);
        let (more_before, more_after) = if stretch.from_end {
            (more || before_it(), after_it())
        } else {
            (before_it(), more || after_it())
        };
        Cut { entries, more_before, more_after }
    }

    /// Up to `size` entries strictly between two keys, walking up or down, and whether more come.
    fn take(
        &self,
        stretch: &Stretch<'_>,
        low: Option<Key>,
        high: Option<Key>,
        up: bool,
    ) -> (Vec<Entry>, bool) {
        if matches!((low, high), (Some(low), Some(high)) if low >= high) {
            return (Vec::new(), false);
        }
        let low = low.map_or(Unbounded, |key| Excluded((key, u32::MAX)));
        let high = high.map_or(Unbounded, |key| Excluded((key, 0)));
        let mut range = self.order(stretch.sort).range((low, high));
        let mut entries = Vec::with_capacity(stretch.size.min(100));
        while let Some((_, number)) = if up { range.next() } else { range.next_back() } {
            let Some(entry) = self.get(*number).filter(|entry| wanted(stretch, entry)) else {
                continue;
            };
            if entries.len() == stretch.size {
                return (entries, true);
            }
            entries.push(entry);
        }
        (entries, false)
    }

    /// Whether a wanted entry lies on or beyond a key: below it (`below`) or above it.
    fn any_beyond(&self, stretch: &Stretch<'_>, key: Option<Key>, below: bool) -> bool {
        let Some(key) = key else { return false };
        let order = self.order(stretch.sort);
        let found = |(_, number): &(Key, u32)| {
            self.get(*number).is_some_and(|entry| wanted(stretch, &entry))
        };
        if below {
            order.range(..=(key, u32::MAX)).any(found)
        } else {
            order.range((key, 0)..).any(found)
        }
    }

    fn order(&self, sort: SortBy) -> &BTreeSet<(Key, u32)> {
        match sort {
            SortBy::Id => &self.by_id,
            SortBy::Created => &self.by_created,
            SortBy::Updated => &self.by_updated,
        }
    }

    fn order_mut(&mut self, sort: SortBy) -> &mut BTreeSet<(Key, u32)> {
        match sort {
            SortBy::Id => &mut self.by_id,
            SortBy::Created => &mut self.by_created,
            SortBy::Updated => &mut self.by_updated,
        }
    }
}

fn wanted(stretch: &Stretch<'_>, entry: &Entry) -> bool {
    stretch.states.is_empty() || stretch.states.contains(&entry.state)
}
