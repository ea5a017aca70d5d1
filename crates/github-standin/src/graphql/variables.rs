//! Variables and literals as plain JSON values.
//!
//! This file must not know fields; wording of what is wrong follows graphql-ruby.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::executable::{Operation, VariableDefinition};
use apollo_compiler::parser::SourceMap;
use apollo_compiler::schema::ExtendedType;
use serde_json::{Map, Value, json};

use super::failure::{Failure, Position};

/// A literal with its variables put in; `None` where it is a variable that was not given.
pub fn literal(literal_value: &Literal, variables: &Map<String, Value>) -> Option<Value> {
    Some(match literal_value {
        Literal::Null => Value::Null,
        Literal::Enum(name) => Value::from(name.as_str()),
        Literal::Variable(name) => return variables.get(name.as_str()).cloned(),
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Float(number) => number.try_to_f64().map_or(Value::Null, Value::from),
        Literal::Int(number) => match number.as_str().parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::Null,
        },
        Literal::Boolean(truth) => Value::from(*truth),
        Literal::List(list) => {
            list.iter().map(|one| literal(one, variables).unwrap_or(Value::Null)).collect()
        }
        Literal::Object(fields) => fields
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), literal(value, variables)?)))
            .collect(),
    })
}

/// The operation's variables with defaults put in, or what is wrong with them.
pub fn coerce(
    schema: &Schema,
    operation: &Operation,
    given: &Map<String, Value>,
    sources: &SourceMap,
) -> Result<Map<String, Value>, Vec<Failure>> {
    let mut variables = Map::new();
    let mut failures = Vec::new();
    for definition in &operation.variables {
        let name = definition.name.as_str();
        let value = match (given.get(name), &definition.default_value) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(default)) => literal(default, &Map::new()),
            (None, None) => None,
        };
        let problem = problem(schema, &definition.ty, value.as_ref().unwrap_or(&Value::Null));
        if let Some((path, explanation)) = problem {
            let place = definition.location().and_then(|span| span.line_column(sources));
            failures.push(invalid(definition, value.as_ref(), &path, &explanation, place));
        } else if let Some(value) = value {
            variables.insert(name.into(), in_list(&definition.ty, value));
        }
    }
    if failures.is_empty() { Ok(variables) } else { Err(failures) }
}

/// A single value stands for a list of one.
fn in_list(ty: &Type, value: Value) -> Value {
    if ty.is_list() && !value.is_array() && !value.is_null() {
        Value::from(vec![value])
    } else {
        value
    }
}

fn invalid(
    definition: &VariableDefinition,
    value: Option<&Value>,
    path: &[Value],
    explanation: &str,
    place: Option<apollo_compiler::parser::LineColumn>,
) -> Failure {
    let at = if path.is_empty() {
        String::new()
    } else {
        let parts: Vec<String> =
            path.iter().map(|part| part.to_string().replace('"', "")).collect();
        format!(" for {} ({explanation})", parts.join("."))
    };
    Failure {
        message: format!(
            "Variable ${} of type {} was provided invalid value{at}",
            definition.name, definition.ty
        ),
        extensions: Some(json!({
            "value": value.unwrap_or(&Value::Null),
            "problems": [{"path": path, "explanation": explanation}],
        })),
        position: place.map(|at| Position { line: at.line, column: at.column }),
        ..Failure::default()
    }
}

/// What is wrong with a value of a type: where in it, and why.
fn problem(schema: &Schema, ty: &Type, value: &Value) -> Option<(Vec<Value>, String)> {
    if value.is_null() {
        let why = "Expected value to not be null".to_owned();
        return ty.is_non_null().then_some((Vec::new(), why));
    }
    if ty.is_list() {
        let Some(list) = value.as_array() else {
            return problem(schema, ty.item_type(), value);
        };
        return list.iter().enumerate().find_map(|(place, one)| {
            let (mut path, why) = problem(schema, ty.item_type(), one)?;
            path.insert(0, place.into());
            Some((path, why))
        });
    }
    let name = ty.inner_named_type().as_str();
    if let Some(ExtendedType::InputObject(input)) = schema.types.get(name) {
        return input_problem(schema, input, value);
    }
    let fits = match (name, schema.types.get(name)) {
        ("Int", _) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", _) => value.is_number(),
        ("Boolean", _) => value.is_boolean(),
        ("ID", _) => value.is_string() || value.is_i64(),
        (_, Some(ExtendedType::Enum(values))) => {
            let known = |text: &str| values.values.keys().any(|value| value.as_str() == text);
            if !value.as_str().is_some_and(known) {
                let names: Vec<&str> =
                    values.values.keys().map(apollo_compiler::Name::as_str).collect();
                let why = format!("Expected {value} to be one of: {}", names.join(", "));
                return Some((Vec::new(), why));
            }
            true
        }
        _ => value.is_string(),
    };
    (!fits).then(|| (Vec::new(), format!("Could not coerce value {value} to {name}")))
}

fn input_problem(
    schema: &Schema,
    input: &apollo_compiler::schema::InputObjectType,
    value: &Value,
) -> Option<(Vec<Value>, String)> {
    let Some(object) = value.as_object() else {
        return Some((Vec::new(), format!("Expected {value} to be a key-value object.")));
    };
    let unknown = object.keys().find(|key| !input.fields.keys().any(|name| name.as_str() == *key));
    if let Some(unknown) = unknown {
        let why = format!("Field is not defined on {}", input.name);
        return Some((vec![unknown.as_str().into()], why));
    }
    input.fields.iter().find_map(|(name, field)| {
        let given = object.get(name.as_str()).unwrap_or(&Value::Null);
        if given.is_null() && field.default_value.is_some() {
            return None;
        }
        let (mut path, why) = problem(schema, &field.ty, given)?;
        path.insert(0, name.as_str().into());
        Some((path, why))
    })
}
