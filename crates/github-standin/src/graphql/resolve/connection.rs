//! Connections, edges and `PageInfo`, the same for every list.
//!
//! This file must not know what is listed.

use super::super::cursor::Form;
use super::super::object::{Answer, Connection, Object, PageEnds, Row};
use super::super::paging::Paging;
use super::super::plan::Field;
use super::unknown;
use crate::world::Moment;
use crate::world::index::Key;

/// A page of a list in memory: `keys` ascending, `node` makes the row of a place in them.
pub fn page<'w>(
    field: &Field,
    form: Form,
    keys: &[Key],
    node: impl Fn(usize) -> Object<'w>,
) -> Answer<'w> {
    let paging = match Paging::of(field, form) {
        Ok(paging) => paging,
        Err(failure) => return Answer::Failed(failure),
    };
    let range = paging.cut(keys);
    let connection = Connection {
        total: keys.len(),
        more_before: !paging.foreign && range.start > 0,
        more_after: !paging.foreign && range.end < keys.len(),
        rows: range.map(|place| Row { key: keys[place], form, node: node(place) }).collect(),
    };
    Answer::Object(Object::Connection(Box::new(connection)))
}

/// A page of a list whose rows have no key but their place.
pub fn page_by_place<'w>(
    field: &Field,
    form: Form,
    count: usize,
    node: impl Fn(usize) -> Object<'w>,
) -> Answer<'w> {
    let keys: Vec<Key> = (1..=count as u64).map(|place| (Moment::default(), place)).collect();
    page(field, form, &keys, node)
}

pub fn connection<'w>(page: &Connection<'w>, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "totalCount" => Answer::count(page.total),
        "nodes" => Answer::List(page.rows.iter().map(|row| Some(row.node.clone())).collect()),
        "edges" => Answer::List(
            page.rows.iter().map(|row| Some(Object::Edge(Box::new(row.clone())))).collect(),
        ),
        "pageInfo" => Answer::Object(Object::PageEnds(PageEnds {
            start: page.rows.first().map(Row::cursor),
            end: page.rows.last().map(Row::cursor),
            more_before: page.more_before,
            more_after: page.more_after,
        })),
        _ => unknown(field),
    }
}

pub fn edge<'w>(row: &Row<'w>, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "cursor" => Answer::Text(row.cursor()),
        "node" => Answer::Object(row.node.clone()),
        _ => unknown(field),
    }
}

pub fn page_ends<'w>(facts: &PageEnds, field: &Field) -> Answer<'w> {
    match field.name.as_str() {
        "startCursor" => Answer::texts(facts.start.as_ref()),
        "endCursor" => Answer::texts(facts.end.as_ref()),
        "hasNextPage" => Answer::Bool(facts.more_after),
        "hasPreviousPage" => Answer::Bool(facts.more_before),
        _ => unknown(field),
    }
}
