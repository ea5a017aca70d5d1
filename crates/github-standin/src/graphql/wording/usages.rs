//! Variables: declared, used, and of a type that fits where they stand.
//!
//! This file must not know literals.

use apollo_compiler::Node;
use apollo_compiler::ast::{
    Argument, DirectiveList, InputValueDefinition, OperationDefinition, Selection, Type,
    Value as Literal, VariableDefinition,
};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;
use serde_json::json;

use super::Walk;

/// A variable where it stands.
struct Usage {
    variable: String,
    argument: String,
    ty: Type,
    has_default: bool,
    path: Vec<String>,
    at: Option<SourceSpan>,
}

impl<'d> Walk<'d> {
    /// Checks all variables of an operation, those in its fragments too.
    pub(super) fn usages(&mut self, operation: &'d Node<OperationDefinition>) {
        let mut usages = Vec::new();
        let mut seen = Vec::new();
        self.collect("Query", &operation.selection_set, &mut seen, &mut usages);
        let title = operation.name.as_ref().map_or("anonymous query", |name| name.as_str());
        for definition in &operation.variables {
            let name = definition.name.as_str();
            if !usages.iter().any(|usage| usage.variable == name) {
                self.fail(
                    format!("Variable ${name} is declared by {title} but not used"),
                    definition.location(),
                    json!({"code": "variableNotUsed", "variableName": name}),
                );
            }
        }
        for usage in usages {
            let name = usage.variable.as_str();
            let path = std::mem::replace(&mut self.path, usage.path.clone());
            match operation.variables.iter().find(|one| one.name.as_str() == name) {
                None => self.fail(
                    format!("Variable ${name} is used by {title} but not declared"),
                    usage.at,
                    json!({"code": "variableNotDefined", "variableName": name}),
                ),
                Some(definition) => self.fit(definition, &usage),
            }
            self.path = path;
        }
    }

    fn fit(&mut self, definition: &VariableDefinition, usage: &Usage) {
        let declared = &*definition.ty;
        let wanted = &usage.ty;
        let safe = definition.default_value.is_some() || usage.has_default;
        let depth = |ty: &Type| {
            std::iter::successors(Some(ty), |ty| ty.is_list().then(|| ty.item_type())).count()
        };
        let wrong = if declared.inner_named_type() != wanted.inner_named_type() {
            "Type mismatch"
        } else if depth(declared) != depth(wanted) {
            "List dimension mismatch"
        } else if wanted.is_non_null() && !declared.is_non_null() && !safe {
            "Nullability mismatch"
        } else {
            return;
        };
        self.fail(
            format!(
                "{wrong} on variable ${} and argument {} ({declared} / {wanted})",
                usage.variable, usage.argument
            ),
            usage.at,
            json!({
                "code": "variableMismatch",
                "variableName": usage.variable,
                "typeName": declared.to_string(),
                "argumentName": usage.argument,
                "errorMessage": wrong,
            }),
        );
    }

    fn collect(
        &mut self,
        parent: &str,
        selections: &'d [Selection],
        seen: &mut Vec<&'d str>,
        usages: &mut Vec<Usage>,
    ) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name).to_string();
                    self.within(key, |walk| {
                        walk.directive_usages(&field.directives, usages);
                        let Ok(definition) = walk.schema.type_field(parent, &field.name) else {
                            return;
                        };
                        let type_name = definition.ty.inner_named_type().clone();
                        walk.argument_usages(&field.arguments, &definition.arguments, usages);
                        walk.collect(&type_name, &field.selection_set, seen, usages);
                    });
                }
                Selection::InlineFragment(inline) => {
                    self.directive_usages(&inline.directives, usages);
                    let inner = inline.type_condition.as_ref().map_or(parent, |name| name.as_str());
                    self.collect(inner, &inline.selection_set, seen, usages);
                }
                Selection::FragmentSpread(spread) => {
                    self.directive_usages(&spread.directives, usages);
                    let name = spread.fragment_name.as_str();
                    if seen.contains(&name) {
                        continue;
                    }
                    seen.push(name);
                    if let Some(fragment) = self.fragments.get(name).copied() {
                        let inner = fragment.type_condition.as_str();
                        self.collect(inner, &fragment.selection_set, seen, usages);
                    }
                }
            }
        }
    }

    fn directive_usages(&mut self, directives: &DirectiveList, usages: &mut Vec<Usage>) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.argument_usages(&directive.arguments, &definition.arguments, usages);
            }
        }
    }

    fn argument_usages(
        &mut self,
        given: &[Node<Argument>],
        defined: &[Node<InputValueDefinition>],
        usages: &mut Vec<Usage>,
    ) {
        for argument in given {
            if let Some(one) = defined.iter().find(|one| one.name == argument.name) {
                self.path.push(argument.name.to_string());
                let has_default = one.default_value.is_some();
                self.value_usages(&argument.name, &argument.value, &one.ty, has_default, usages);
                self.path.pop();
            }
        }
    }

    fn value_usages(
        &self,
        argument: &str,
        value: &Node<Literal>,
        ty: &Type,
        has_default: bool,
        usages: &mut Vec<Usage>,
    ) {
        match &**value {
            Literal::Variable(name) => usages.push(Usage {
                variable: name.to_string(),
                argument: argument.to_owned(),
                ty: ty.clone(),
                has_default,
                path: self.path.clone(),
                at: value.location(),
            }),
            Literal::List(list) => {
                for one in list {
                    self.value_usages(argument, one, ty.item_type(), false, usages);
                }
            }
            Literal::Object(fields) => {
                let definition = self.schema.types.get(ty.inner_named_type());
                let Some(ExtendedType::InputObject(input)) = definition else { return };
                for (key, one) in fields {
                    if let Some(field) = input.fields.get(key) {
                        let default = field.default_value.is_some();
                        self.value_usages(key, one, &field.ty, default, usages);
                    }
                }
            }
            _ => {}
        }
    }
}
