//! A query made ready to run: variables put in, skipped parts left out, fragments merged, one
//! list of fields for each concrete type. Prices and answers are both walks over a plan.
//!
//! This file must not know what any field means.

use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{Directive, Field as Node, Selection, SelectionSet};
use apollo_compiler::parser::SourceMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Map, Value};

use super::failure::Position;
use super::variables::literal;

/// A field to be answered.
#[derive(Debug)]
pub struct Field {
    /// The name in the answer: the alias if there is one.
    pub key: String,
    /// The name in the schema.
    pub name: String,
    /// Where it stands in the query's text.
    pub position: Position,
    /// Its arguments, defaults included; one that is absent was not given.
    pub arguments: Map<String, Value>,
    /// Whether `null` may stand in its place.
    pub nullable: bool,
    /// Whether it is a connection, which is what costs points.
    pub connection: bool,
    /// For each concrete type it can yield, what is asked of it.
    pub children: Vec<(String, Vec<Field>)>,
}

impl Field {
    /// What is asked of an object of this type.
    pub fn children_of(&self, type_name: &str) -> Option<(&str, &[Field])> {
        let (name, fields) = match self.children.as_slice() {
            [only] => only,
            many => many.iter().find(|(name, _)| name == type_name)?,
        };
        Some((name, fields))
    }

    /// An argument that holds a whole number.
    pub fn number(&self, argument: &str) -> Option<i64> {
        self.arguments.get(argument)?.as_i64()
    }

    /// An argument that holds a text.
    pub fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument)?.as_str()
    }

    /// Whether a connection is asked for its count only, which needs no page size.
    pub fn only_counts(&self) -> bool {
        let counts = |field: &Field| matches!(field.name.as_str(), "totalCount" | "__typename");
        self.children.iter().all(|(_, fields)| fields.iter().all(counts))
    }
}

/// Makes plans of one document with one set of variables.
pub struct Planner<'d> {
    /// The schema the document was validated against.
    pub schema: &'d Schema,
    /// The document.
    pub document: &'d ExecutableDocument,
    /// The variables, defaults put in.
    pub variables: &'d Map<String, Value>,
}

impl Planner<'_> {
    /// The fields that some selection sets ask of one concrete type, merged by response key.
    pub fn fields(&self, sets: &[&SelectionSet], type_name: &str) -> Vec<Field> {
        let mut merged: IndexMap<&str, (&Node, Vec<&SelectionSet>)> = IndexMap::default();
        for set in sets {
            self.collect(set, type_name, &mut merged);
        }
        merged.into_values().map(|(node, sets)| self.field(node, &sets)).collect()
    }

    fn collect<'s>(
        &'s self,
        set: &'s SelectionSet,
        type_name: &str,
        merged: &mut IndexMap<&'s str, (&'s Node, Vec<&'s SelectionSet>)>,
    ) {
        for selection in &set.selections {
            if !self.included(selection.directives().iter().map(|one| &**one)) {
                continue;
            }
            let (inner, condition) = match selection {
                Selection::Field(node) => {
                    let entry = merged.entry(node.response_key());
                    entry.or_insert_with(|| (node, Vec::new())).1.push(&node.selection_set);
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    (&fragment.selection_set, fragment.type_condition.as_ref())
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                        continue;
                    };
                    (&fragment.selection_set, Some(fragment.type_condition()))
                }
            };
            if condition.is_none_or(|wanted| {
                wanted == type_name || self.schema.is_subtype(wanted, type_name)
            }) {
                self.collect(inner, type_name, merged);
            }
        }
    }

    fn field(&self, node: &Node, sets: &[&SelectionSet]) -> Field {
        let definition = &node.definition;
        let mut arguments = Map::new();
        for argument in &definition.arguments {
            let given = node.arguments.iter().find(|given| given.name == argument.name);
            let value = given.and_then(|given| literal(&given.value, self.variables));
            let value = value.or_else(|| literal(argument.default_value.as_ref()?, &Map::new()));
            if let Some(value) = value {
                arguments.insert(argument.name.to_string(), value);
            }
        }
        let type_name = definition.ty.inner_named_type();
        Field {
            key: node.response_key().to_string(),
            name: node.name.to_string(),
            position: position(node, &self.document.sources),
            arguments,
            nullable: !definition.ty.is_non_null(),
            connection: type_name.ends_with("Connection"),
            children: self
                .concrete(type_name)
                .into_iter()
                .map(|name| (name.clone(), self.fields(sets, &name)))
                .collect(),
        }
    }

    /// The object types a named type can turn out to be; none for scalars and enums.
    fn concrete(&self, type_name: &str) -> Vec<String> {
        match self.schema.types.get(type_name) {
            Some(ExtendedType::Object(object)) => vec![object.name.to_string()],
            Some(ExtendedType::Union(union)) => {
                union.members.iter().map(|member| member.name.to_string()).collect()
            }
            Some(ExtendedType::Interface(interface)) => {
                let implements = |(name, ty): (&_, &ExtendedType)| {
                    let object = ty.as_object()?;
                    object.implements_interfaces.contains(&interface.name).then(|| {
                        let name: &apollo_compiler::Name = name;
                        name.to_string()
                    })
                };
                self.schema.types.iter().filter_map(implements).collect()
            }
            _ => Vec::new(),
        }
    }

    fn included<'s>(&self, directives: impl Iterator<Item = &'s Directive>) -> bool {
        directives.into_iter().all(|directive| {
            let condition = directive
                .specified_argument_by_name("if")
                .and_then(|value| literal(value, self.variables));
            let condition = condition.and_then(|value| value.as_bool());
            match directive.name.as_str() {
                "include" => condition.unwrap_or(true),
                "skip" => !condition.unwrap_or(false),
                _ => true,
            }
        })
    }
}

/// Where a field starts: its alias if it has one.
fn position(node: &Node, sources: &SourceMap) -> Position {
    let start = node.alias.as_ref().unwrap_or(&node.name).location();
    start
        .and_then(|span| span.line_column(sources))
        .map_or_else(Position::default, |at| Position { line: at.line, column: at.column })
}
