//! Arguments of fields and directives: defined, required, and literals of the right type.
//!
//! This file must not know variables' types.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Argument, DirectiveList, Field, InputValueDefinition, Type, Value as Literal,
};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, FieldDefinition, InputObjectType};
use serde_json::json;

use super::Walk;

/// What carries arguments: `Field` or `Directive`, and its name.
#[derive(Clone, Copy)]
struct Carrier<'a> {
    kind: &'a str,
    name: &'a str,
}

impl Walk<'_> {
    pub(super) fn field_arguments(&mut self, field: &Node<Field>, definition: &FieldDefinition) {
        let carrier = Carrier { kind: "Field", name: &field.name };
        self.arguments(carrier, &field.arguments, &definition.arguments, field.location());
    }

    pub(super) fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives {
            let Some(definition) = self.schema.directive_definitions.get(&directive.name) else {
                let name = directive.name.as_str();
                self.fail(
                    format!("Directive @{name} is not defined"),
                    directive.location(),
                    json!({"code": "undefinedDirective", "directiveName": name}),
                );
                continue;
            };
            let carrier = Carrier { kind: "Directive", name: &directive.name };
            let at = directive.location();
            self.arguments(carrier, &directive.arguments, &definition.arguments, at);
        }
    }

    fn arguments(
        &mut self,
        carrier: Carrier<'_>,
        given: &[Node<Argument>],
        defined: &[Node<InputValueDefinition>],
        at: Option<SourceSpan>,
    ) {
        let Carrier { kind, name } = carrier;
        for argument in given {
            self.within(argument.name.to_string(), |walk| {
                match defined.iter().find(|one| one.name == argument.name) {
                    None => walk.fail(
                        format!("{kind} '{name}' doesn't accept argument '{}'", argument.name),
                        argument.location(),
                        json!({
                            "code": "argumentNotAccepted",
                            "name": name,
                            "typeName": kind,
                            "argumentName": argument.name.as_str(),
                        }),
                    ),
                    Some(one) => {
                        walk.literal(carrier, &argument.name, &argument.value, &one.ty);
                    }
                }
            });
        }
        let missing: Vec<&str> = defined
            .iter()
            .filter(|one| one.is_required())
            .filter(|one| given.iter().all(|argument| argument.name != one.name))
            .map(|one| one.name.as_str())
            .collect();
        if !missing.is_empty() {
            let names = missing.join(", ");
            self.fail(
                format!("{kind} '{name}' is missing required arguments: {names}"),
                at,
                json!({
                    "code": "missingRequiredArguments",
                    "className": kind,
                    "name": name,
                    "arguments": names,
                }),
            );
        }
    }

    fn literal(&mut self, carrier: Carrier<'_>, argument: &str, value: &Node<Literal>, ty: &Type) {
        let Carrier { kind, name } = carrier;
        if let (Literal::Object(fields), Some(input)) = (&**value, self.input(ty)) {
            let input = input.clone();
            return self.input_fields(&input, fields, value.location());
        }
        if !self.fits(value, ty) {
            let shown = value.serialize().no_indent().to_string();
            self.fail(
                format!(
                    "Argument '{argument}' on {kind} '{name}' has an invalid value ({shown}). \
                     Expected type '{ty}'."
                ),
                value.location(),
                json!({
                    "code": "argumentLiteralsIncompatible",
                    "typeName": kind,
                    "argumentName": argument,
                }),
            );
        }
    }

    fn input(&self, ty: &Type) -> Option<&Node<InputObjectType>> {
        match self.schema.types.get(ty.inner_named_type())? {
            ExtendedType::InputObject(input) if !ty.is_list() => Some(input),
            _ => None,
        }
    }

    fn input_fields(
        &mut self,
        input: &InputObjectType,
        fields: &[(apollo_compiler::Name, Node<Literal>)],
        at: Option<SourceSpan>,
    ) {
        let name = input.name.as_str();
        let carrier = Carrier { kind: "InputObject", name };
        for (key, value) in fields {
            match input.fields.get(key) {
                None => self.fail(
                    format!("InputObject '{name}' doesn't accept argument '{key}'"),
                    value.location(),
                    json!({
                        "code": "argumentNotAccepted",
                        "name": name,
                        "typeName": "InputObject",
                        "argumentName": key.as_str(),
                    }),
                ),
                Some(field) => self.literal(carrier, key, value, &field.ty),
            }
        }
        for (key, field) in &input.fields {
            if field.is_required() && fields.iter().all(|(given, _)| given != key) {
                self.fail(
                    format!(
                        "Argument '{key}' on InputObject '{name}' is required. Expected type {}",
                        field.ty
                    ),
                    at,
                    json!({
                        "code": "missingRequiredInputObjectAttribute",
                        "argumentName": key.as_str(),
                        "argumentType": field.ty.to_string(),
                        "inputObjectType": name,
                    }),
                );
            }
        }
    }

    /// Whether a literal is of a type; variables are checked elsewhere.
    fn fits(&self, value: &Literal, ty: &Type) -> bool {
        match value {
            Literal::Variable(_) => return true,
            Literal::Null => return !ty.is_non_null(),
            Literal::List(list) => {
                return ty.is_list() && list.iter().all(|one| self.fits(one, ty.item_type()));
            }
            _ if ty.is_list() => return self.fits(value, ty.item_type()),
            _ => {}
        }
        let name = ty.inner_named_type().as_str();
        match (name, self.schema.types.get(name)) {
            ("Int", _) => matches!(value, Literal::Int(number) if number.try_to_i32().is_ok()),
            ("Float", _) => matches!(value, Literal::Int(_) | Literal::Float(_)),
            ("Boolean", _) => matches!(value, Literal::Boolean(_)),
            ("ID", _) => matches!(value, Literal::String(_) | Literal::Int(_)),
            (_, Some(ExtendedType::Enum(names))) => {
                matches!(value, Literal::Enum(given) if names.values.contains_key(given))
            }
            (_, Some(ExtendedType::InputObject(_))) => matches!(value, Literal::Object(_)),
            _ => matches!(value, Literal::String(_)),
        }
    }
}
