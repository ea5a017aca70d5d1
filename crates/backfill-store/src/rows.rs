//! Between rows and values: columns by name, words by their spelling, slices as columns.
//! Must not know any table.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Row, Type};
use uuid::Uuid;

use crate::error::Error;

/// A timestamp as the driver takes it.
pub(crate) type At = jiff_sqlx::Timestamp;

/// The column of a row.
pub(crate) fn get<'r, T>(row: &'r PgRow, column: &str) -> Result<T, Error>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(Error::from_driver)
}

/// An instant that is always there.
pub(crate) fn get_at(row: &PgRow, column: &str) -> Result<Timestamp, Error> {
    get::<At>(row, column).map(At::to_jiff)
}

/// An instant that may be missing.
pub(crate) fn get_at_opt(row: &PgRow, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(get::<Option<At>>(row, column)?.map(At::to_jiff))
}

/// An instant for the driver.
pub(crate) fn at(instant: Timestamp) -> At {
    instant.to_sqlx()
}

/// A unit variant by its published word.
pub(crate) fn word<'a, T: Deserialize<'a>>(column: &str, text: &'a str) -> Result<T, Error> {
    let word: StrDeserializer<'a, WordError> = text.into_deserializer();
    T::deserialize(word)
        .map_err(|_| Error::Inconsistent(format!("{column} holds the unknown word {text:?}")))
}

/// The id of a row that is to be written. Ids grow with time, so that the rows of a chunk lie side
/// by side in the index.
#[expect(clippy::disallowed_methods, reason = "nothing but the order of rows depends on it")]
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// One column of many rows, as `UNNEST` takes it.
pub(crate) fn column<'a, R, T>(rows: &'a [R], pick: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}

/// A list of texts inside a column: `UNNEST` flattens arrays of arrays, so it travels as JSON.
pub(crate) fn texts<'a>(list: impl IntoIterator<Item = &'a str>) -> serde_json::Value {
    list.into_iter().collect()
}
