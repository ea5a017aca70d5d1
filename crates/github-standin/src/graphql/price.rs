//! What a query costs, by GitHub's two formulas. Both depend on the shape that is asked for,
//! never on what comes back.
//!
//! Points: one request for each connection per parent, divided by 100, rounded, at least 1.
//! Nodes: the sizes of all connections, each times the sizes around it; at most 500,000.
//! Source: <https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>.
//! This file must not know budgets.

use super::failure::Failure;
use super::plan::Field;

/// The most nodes one call may ask for.
pub const MOST_NODES: u64 = 500_000;

/// The price of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Requests by the formula, before they are divided by 100.
    pub requests: u64,
    /// Nodes by the formula.
    pub nodes: u64,
    /// The connection at the end of the dearest chain, and the nodes along that chain.
    dearest: Option<(u64, String)>,
}

impl Price {
    /// The price of a plan's root fields. Aliases add up; objects that are no connections are
    /// free; `nodes(ids:)` counts like as many aliases, which nobody has measured.
    pub fn of(fields: &[Field]) -> Self {
        let mut price = Price::default();
        for field in fields {
            price.add(&Price::of_field(field, 1, 0));
        }
        price
    }

    /// Points, at least 1.
    pub fn points(&self) -> u64 {
        ((self.requests + 50) / 100).max(1)
    }

    /// GitHub's refusal of a query that asks for too many nodes.
    pub fn refusal(&self) -> Option<Failure> {
        if self.nodes <= MOST_NODES {
            return None;
        }
        let (asked, limit) = (grouped(self.nodes), grouped(MOST_NODES));
        let message = match &self.dearest {
            Some((along, connection)) if *along > MOST_NODES => format!(
                "By the time this query traverses to the {connection} connection, it is \
                 requesting up to {} possible nodes which exceeds the maximum limit of {limit}.",
                grouped(*along)
            ),
            _ => format!(
                "This query requests up to {asked} possible nodes which exceeds the maximum \
                 limit of {limit}."
            ),
        };
        Some(Failure::new("MAX_NODE_LIMIT_EXCEEDED", message))
    }

    fn of_field(field: &Field, parents: u64, along: u64) -> Price {
        let mut price = Price::default();
        let (mut parents, mut along) = (parents, along);
        if field.connection {
            price.requests = parents;
            parents = parents.saturating_mul(size(field));
            along = along.saturating_add(parents);
            price.nodes = parents;
            price.dearest = Some((along, field.name.clone()));
        } else if let Some(ids) = field.arguments.get("ids").and_then(|ids| ids.as_array()) {
            parents = parents.saturating_mul(ids.len() as u64);
        }
        for key in keys(field) {
            let same_key = field.children.iter().flat_map(|(_, fields)| fields);
            let dearest = same_key
                .filter(|child| child.key == key)
                .map(|child| Price::of_field(child, parents, along))
                .max_by_key(|price| (price.requests, price.nodes));
            if let Some(dearest) = dearest {
                price.add(&dearest);
            }
        }
        price
    }

    fn add(&mut self, other: &Price) {
        self.requests = self.requests.saturating_add(other.requests);
        self.nodes = self.nodes.saturating_add(other.nodes);
        let along = |price: &Price| price.dearest.as_ref().map_or(0, |(along, _)| *along);
        if along(other) > along(self) {
            self.dearest.clone_from(&other.dearest);
        }
    }
}

/// The response keys asked of any type the field can yield, each once.
fn keys(field: &Field) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for child in field.children.iter().flat_map(|(_, fields)| fields) {
        if !keys.contains(&child.key.as_str()) {
            keys.push(&child.key);
        }
    }
    keys
}

/// The page size asked for, 0 if none.
fn size(field: &Field) -> u64 {
    let asked = field.number("first").or_else(|| field.number("last"));
    u64::try_from(asked.unwrap_or(0)).unwrap_or(0)
}

/// A number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
