//! The CustomResourceDefinitions as they are installed.
//!
//! It must not know what a field means, only how a schema has to look.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSON, JSONSchemaProps,
    JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::repository_backfill::RepositoryBackfill;

/// Why a definition could not be written as text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no JSON form.
    #[error("a definition has no JSON form")]
    Json(#[from] serde_json::Error),
    /// It has no YAML form.
    #[error("a definition has no YAML form")]
    Yaml(#[from] serde_yaml_ng::Error),
}

/// A column of `kubectl get`: its name, type and path.
type Column = (&'static str, &'static str, &'static str);

/// What `kubectl get rbf` shows. Only an instant of the past may be a date: kubectl prints dates of
/// the future as `<invalid>`.
const COLUMNS: [Column; 8] = [
    ("Repository", "string", ".spec.repository"),
    ("Ready", "string", r#".status.conditions[?(@.type=="Ready")].status"#),
    ("Progress", "string", ".status.progress"),
    ("Back-To", "string", ".status.backTo"),
    ("Reason", "string", r#".status.conditions[?(@.type=="Ready")].reason"#),
    ("Last-Progress", "date", ".status.lastProgressTime"),
    ("Message", "string", r#".status.conditions[?(@.type=="Ready")].message"#),
    ("Age", "date", ".metadata.creationTimestamp"),
];

/// What `-o wide` adds.
const WIDE_COLUMNS: [Column; 6] = [
    ("Stage", "string", ".status.stage"),
    ("Stored", "integer", ".status.storedPullRequests"),
    ("Quarantined", "integer", ".status.quarantinedPullRequests"),
    ("Next-Attempt", "string", ".status.nextAttemptTime"),
    ("ETA", "string", ".status.estimatedCompletionTime"),
    ("Cursor", "string", ".status.cursor"),
];

/// The definition of RepositoryBackfill.
///
/// Its status starts as `{observedGeneration: -1}`: without it kstatus would call an object that
/// nobody has looked at yet complete.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = RepositoryBackfill::crd();
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns());
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = schema {
            strip_nullable(root);
            let status = root.properties.as_mut().and_then(|fields| fields.get_mut("status"));
            if let Some(status) = status {
                status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            }
        }
    }
    crd
}

/// [`crd`] as the text of `crds/repositorybackfills.backfill.contributor.info.yaml`.
pub fn crd_yaml() -> Result<String, Error> {
    Ok(serde_yaml_ng::to_string(&plain(serde_json::to_value(crd())?))?)
}

fn columns() -> Vec<CustomResourceColumnDefinition> {
    let column = |(name, type_, json_path): Column, priority| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: json_path.to_owned(),
        priority,
        ..CustomResourceColumnDefinition::default()
    };
    let narrow = COLUMNS.into_iter().map(|each| column(each, None));
    narrow.chain(WIDE_COLUMNS.into_iter().map(|each| column(each, Some(1)))).collect()
}

/// Removes `nullable`: here an absent field is the one way to say "not set".
fn strip_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.properties.iter_mut().flatten().for_each(|(_, field)| strip_nullable(field));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        strip_nullable(items);
    }
}

/// Sorts keys, and writes `1` for `1.0`, so that the text is the same whatever features
/// `serde_json` was built with and reads like a definition written by hand.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.into_iter().collect();
            sorted.into_iter().map(|(key, field)| (key, plain(field))).collect()
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Number(number) => whole(&number).map_or(Value::Number(number), Value::from),
        other => other,
    }
}

/// The number as an integer, if it is one that a float holds exactly (below 2^53).
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    format!("{float:.0}").parse().ok().filter(|whole: &i64| whole.unsigned_abs() < 1 << 53)
}
