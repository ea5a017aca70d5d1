//! The rows that a chunk's rows point at, by GitHub's numbers. Must not know any table.
//!
//! They are looked up once for the chunk and not row by row inside an insert: there the planner
//! chooses the index by statistics that a growing table does not have yet, and may read a whole
//! repository for each row.

use std::collections::HashMap;

use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::Error;
use crate::rows::get;

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
}
