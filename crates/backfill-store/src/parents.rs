//! The rows that a chunk's rows point at, by GitHub's numbers. Must not know any table.
//!
//! They are looked up once for the chunk and not row by row inside an insert: there the planner
//! chooses the index by statistics that a growing table does not have yet, and may read a whole
//! repository for each row.

use std::collections::{BTreeSet, HashMap};

use backfill_engine::model::PullRequest;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::rows::{get, new_id};

/// Row ids by number.
pub(crate) struct Ids(HashMap<i64, Uuid>);

impl Ids {
    /// From rows with a `number` and an `id`.
    pub(crate) fn from_rows(rows: &[PgRow]) -> Result<Self, Error> {
        let pairs = rows.iter().map(|row| Ok((get(row, "number")?, get(row, "id")?)));
        pairs.collect::<Result<_, Error>>().map(Self)
    }

    /// The same, where each of `wanted` was stored a moment ago.
    pub(crate) fn all(rows: &[PgRow], wanted: &[i64], what: &str) -> Result<Self, Error> {
        let ids = Self::from_rows(rows)?;
        match wanted.iter().find(|number| !ids.0.contains_key(number)) {
            None => Ok(ids),
            Some(number) => Err(Error::Inconsistent(format!("{what} {number} was not stored"))),
        }
    }

    /// The row of this number, if there is one.
    pub(crate) fn of(&self, number: i64) -> Option<Uuid> {
        self.0.get(&number).copied()
    }
}

/// What the tables of children need besides the children.
pub(crate) struct Parents {
    pub(crate) repository_id: Uuid,
    /// By GitHub's number of the account.
    pub(crate) accounts: Ids,
    /// By number of the pull request.
    pub(crate) pull_requests: Ids,
    /// Numbers of the pull requests that this chunk brings in.
    new: BTreeSet<i64>,
}

impl Parents {
    /// Of the pull requests in `rows`, of which `stored` have a row: the others get their id here.
    pub(crate) fn new(
        repository_id: Uuid,
        accounts: Ids,
        stored: Ids,
        rows: &[&PullRequest],
    ) -> Self {
        let numbers = rows.iter().map(|it| it.number.get());
        let new: BTreeSet<i64> = numbers.filter(|number| stored.of(*number).is_none()).collect();
        let mut pull_requests = stored;
        pull_requests.0.extend(new.iter().map(|number| (*number, new_id())));
        Self { repository_id, accounts, pull_requests, new }
    }

    /// The rows under which there may be children already, which may have to be buried.
    pub(crate) fn earlier(&self, rows: &[&PullRequest]) -> Vec<Option<Uuid>> {
        let numbers = rows.iter().map(|it| it.number.get());
        let earlier = numbers.filter(|number| !self.new.contains(number));
        earlier.map(|number| self.pull_requests.of(number)).collect()
    }
}
