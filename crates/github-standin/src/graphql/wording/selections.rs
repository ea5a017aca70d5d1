//! Fields and fragments: do they exist, may they stand here, do they need selections.
//!
//! This file must not know arguments and variables.

use apollo_compiler::Node;
use apollo_compiler::ast::{Field, Selection};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, FieldDefinition};
use serde_json::json;

use super::Walk;

impl<'d> Walk<'d> {
    /// Checks what is selected of a type.
    pub(super) fn selections(&mut self, parent: &str, selections: &'d [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => self.field(parent, field),
                Selection::InlineFragment(inline) => {
                    let condition =
                        inline.type_condition.as_ref().map(apollo_compiler::Name::as_str);
                    let part = condition.map_or("...".into(), |name| format!("... on {name}"));
                    self.within(part, |walk| {
                        let inner = condition.unwrap_or(parent);
                        if walk.composite(inner, inline.location())
                            && walk.possible(parent, inner, None, inline.location())
                        {
                            walk.directives(&inline.directives);
                            walk.selections(inner, &inline.selection_set);
                        }
                    });
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    self.within(format!("... {name}"), |walk| match walk.fragments.get(name) {
                        None => walk.fail(
                            format!("Fragment {name} was used, but not defined"),
                            spread.location(),
                            json!({"code": "useAndDefineFragment", "fragmentName": name}),
                        ),
                        Some(fragment) => {
                            let inner = fragment.type_condition.as_str();
                            walk.possible(parent, inner, Some(name), spread.location());
                        }
                    });
                }
            }
        }
    }

    fn field(&mut self, parent: &str, field: &'d Node<Field>) {
        let key = field.alias.as_ref().unwrap_or(&field.name).to_string();
        self.within(key, |walk| {
            let Ok(definition) = walk.schema.type_field(parent, &field.name) else {
                walk.fail(
                    format!("Field '{}' doesn't exist on type '{parent}'", field.name),
                    field.location(),
                    json!({
                        "code": "undefinedField",
                        "typeName": parent,
                        "fieldName": field.name.as_str(),
                    }),
                );
                return;
            };
            let definition: &FieldDefinition = definition;
            walk.directives(&field.directives);
            walk.field_arguments(field, definition);
            walk.has_right_selections(field, definition);
            let type_name = definition.ty.inner_named_type().as_str();
            if !field.selection_set.is_empty() && walk.has_fields(type_name) {
                walk.selections(type_name, &field.selection_set);
            }
        });
    }

    fn has_right_selections(&mut self, field: &Node<Field>, definition: &FieldDefinition) {
        let (name, type_name) = (&field.name, definition.ty.inner_named_type().as_str());
        let extensions = json!({
            "code": "selectionMismatch",
            "nodeName": format!("field '{name}'"),
            "typeName": type_name,
        });
        if self.has_fields(type_name) && field.selection_set.is_empty() {
            let message = format!(
                "Field must have selections (field '{name}' returns {type_name} but has no \
                 selections. Did you mean '{name} {{ ... }}'?)"
            );
            self.fail(message, field.location(), extensions);
        } else if !self.has_fields(type_name) && !field.selection_set.is_empty() {
            let inner = field.selection_set.iter().filter_map(|one| match one {
                Selection::Field(field) => Some(format!("\"{}\"", field.name)),
                _ => None,
            });
            let message = format!(
                "Selections can't be made on scalars (field '{name}' returns {type_name} but \
                 has selections [{}])",
                inner.collect::<Vec<_>>().join(", ")
            );
            self.fail(message, field.location(), extensions);
        }
    }

    fn has_fields(&self, type_name: &str) -> bool {
        matches!(
            self.schema.types.get(type_name),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        )
    }

    /// Whether a fragment's type exists and has fields.
    pub(super) fn composite(&mut self, type_name: &str, at: Option<SourceSpan>) -> bool {
        if self.has_fields(type_name) {
            return true;
        }
        if self.schema.types.contains_key(type_name) {
            self.fail(
                format!(
                    "Invalid fragment on type {type_name} (must be Union, Interface or Object)"
                ),
                at,
                json!({"code": "fragmentOnNonCompositeType", "typeName": type_name}),
            );
        } else {
            self.fail(
                format!("No such type {type_name}, so it can't be a fragment condition"),
                at,
                json!({"code": "undefinedType", "typeName": type_name}),
            );
        }
        false
    }

    /// Whether an object can be of both types.
    fn possible(
        &mut self,
        parent: &str,
        inner: &str,
        fragment: Option<&str>,
        at: Option<SourceSpan>,
    ) -> bool {
        let (outer, own) = (self.objects(parent), self.objects(inner));
        if own.is_empty() || outer.iter().any(|name| own.contains(name)) {
            return true;
        }
        let title = fragment.map_or("Fragment".to_owned(), |name| format!("Fragment {name}"));
        self.fail(
            format!("{title} on {inner} can't be spread inside {parent}"),
            at,
            json!({
                "code": "cannotSpreadFragment",
                "typeName": inner,
                "fragmentName": fragment.unwrap_or("unknown"),
                "parentName": parent,
            }),
        );
        false
    }

    fn objects(&self, type_name: &str) -> Vec<&'d str> {
        let objects = self.schema.types.iter().filter(|(name, definition)| {
            let own = name.as_str() == type_name;
            definition.is_object() && (own || self.schema.is_subtype(type_name, name))
        });
        objects.map(|(name, _)| name.as_str()).collect()
    }
}
