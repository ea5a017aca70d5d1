//! A repository made from a seed, with the distributions that were measured on real ones
//! (github-api.md section 7). A pull request is a pure function of seed and index, so only its
//! index entry is kept and 100,000 of them need no gigabytes.
//!
//! Nothing here may know GraphQL, HTTP or any clock.

mod prng;
mod shape;
mod words;

use std::str::FromStr;

pub use prng::Prng;

use crate::Error;
use crate::world::index::Entry;
use crate::world::model::{PullRequest, RepositoryFacts, State};
use crate::world::{Moment, ids};

/// Pull requests per block; each block also has [`GAPS`] numbers that are not pull requests,
/// 6.5 % of the numbers (5 to 8 % in real repositories).
const BLOCK: u64 = 100;
const GAPS: u64 = 7;
/// 2015-01-01T00:00:00Z.
const FIRST_CREATED: i64 = 1_420_070_400;
/// 2026-01-01T00:00:00Z: nothing is updated later.
const LAST_UPDATED: i64 = 1_767_225_600;
/// Seconds between two pull requests on average.
const SPACING_SECONDS: u64 = 2_700;
/// Ids pass 2^31, which is more than `databaseId` should hold, at index 47,000.
const FIRST_ID: u64 = 2_100_000_000;
const ID_SPACING: u64 = 1_009;
/// So many pull requests may share one second, more than a page of 25.
const BURST: u64 = 32;

/// What streams of draws are for; each name has its own so that none moves another.
const STREAM_NUMBERS: u64 = 1;
const STREAM_TIMES: u64 = 2;
const STREAM_BURSTS: u64 = 3;
const STREAM_BODY: u64 = 4;

/// `--synthetic owner/name=COUNT[:SEED]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    name: String,
    count: u64,
    seed: u64,
}

impl FromStr for Synthetic {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        let parsed = || {
            let (name, rest) = given.split_once('=')?;
            let (owner, short) = name.split_once('/')?;
            let (count, seed) = rest.split_once(':').unwrap_or((rest, "1"));
            let named = !owner.is_empty() && !short.is_empty() && !short.contains('/');
            let count = count.parse().ok().filter(|count| *count <= 10_000_000)?;
            named.then_some(Synthetic { name: name.into(), count, seed: seed.parse().ok()? })
        };
        parsed().ok_or_else(|| Error::Argument {
            what: "--synthetic",
            given: given.into(),
            form: "owner/name=COUNT[:SEED], COUNT at most 10,000,000",
        })
    }
}

impl Synthetic {
    /// The repository's facts.
    pub fn repository(&self) -> RepositoryFacts {
        RepositoryFacts {
            name_with_owner: self.name.clone(),
            created_at: Moment(FIRST_CREATED - 86_400),
            ..RepositoryFacts::default()
        }
    }

    /// The index entries in the order of their numbers.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        (0..self.count.div_ceil(BLOCK)).flat_map(move |block| {
            let numbers = self.numbers(block);
            let first = block * BLOCK;
            let indexes = first..(first + BLOCK).min(self.count);
            indexes.zip(numbers).map(move |(index, number)| self.entry(index, number))
        })
    }

    /// The whole pull request of an entry, not yet completed.
    pub fn pull_request(&self, entry: Entry) -> PullRequest {
        let index = (entry.database_id - FIRST_ID) / ID_SPACING;
        shape::pull_request(Prng::new(self.seed, STREAM_BODY, index), &self.name, entry)
    }

    /// The numbers of a block in ascending order, the gaps left out.
    fn numbers(&self, block: u64) -> Vec<u32> {
        let mut prng = Prng::new(self.seed, STREAM_NUMBERS, block);
        let mut gaps = std::collections::BTreeSet::new();
        while (gaps.len() as u64) < GAPS {
            gaps.insert(prng.below(BLOCK + GAPS));
        }
        let first = block * (BLOCK + GAPS) + 1;
        (0..BLOCK + GAPS)
            .filter(|place| !gaps.contains(place))
            .filter_map(|place| u32::try_from(first + place).ok())
            .collect()
    }

    fn entry(&self, index: u64, number: u32) -> Entry {
        let mut prng = Prng::new(self.seed, STREAM_TIMES, index);
        let jitter = prng.below(SPACING_SECONDS);
        let burst = index / BURST;
        let created = if Prng::new(self.seed, STREAM_BURSTS, burst).chance(0.04) {
            burst * BURST * SPACING_SECONDS
        } else {
            index * SPACING_SECONDS + jitter
        };
        let created = FIRST_CREATED + i64::try_from(created).unwrap_or(0);
        let draw = prng.unit();
        let state = match draw {
            _ if draw < 0.70 => State::Merged,
            _ if draw < 0.95 => State::Closed,
            _ => State::Open,
        };
        let alive = prng.log_normal(3.0 * 86_400.0, 2.0, 1e9);
        let updated = created.saturating_add_unsigned(alive).min(LAST_UPDATED.max(created));
        Entry {
            number,
            database_id: FIRST_ID + index * ID_SPACING + ids::hashed(&self.name) % ID_SPACING,
            created: Moment(created),
            updated: Moment(updated),
            state,
        }
    }
}

#[cfg(test)]
mod tests;
