//! The CustomResourceDefinitions as they are installed.
//!
//! It must not know what a field means, only how a schema has to look.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;

use crate::repository_backfill::RepositoryBackfill;

/// The definition of RepositoryBackfill.
///
/// Its status starts as `{observedGeneration: -1}`: without it kstatus would call an object that
/// nobody has looked at yet complete.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = RepositoryBackfill::crd();
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = schema {
            strip_nullable(root);
            let status = root.properties.as_mut().and_then(|fields| fields.get_mut("status"));
            if let Some(status) = status {
                status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
            }
        }
    }
    crd
}

/// [`crd`] as the YAML text of the file under `crds/`.
pub fn crd_yaml() -> Result<String, serde_yaml_ng::Error> {
    serde_yaml_ng::to_string(&crd())
}

/// Removes `nullable`: here an absent field is the one way to say "not set".
fn strip_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.properties.iter_mut().flatten().for_each(|(_, field)| strip_nullable(field));
    if let Some(
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaPropsOrArray::Schema(items),
    ) = &mut schema.items
    {
        strip_nullable(items);
    }
}
