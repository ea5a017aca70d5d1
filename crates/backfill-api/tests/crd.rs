//! The definition as a reviewer of Kubernetes APIs would read it.
#![allow(clippy::unwrap_used, clippy::panic)]

use backfill_api::{RepositoryBackfillSpec, crd};
use serde_json::{Map, Value, json};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../crds/repositorybackfills.backfill.contributor.info.yaml"
);

fn definition() -> Value {
    serde_yaml_ng::from_str(&crd::crd_yaml().unwrap()).unwrap()
}

fn schema() -> Value {
    definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Every rule of the conventions that `schema` or anything below it breaks.
fn complaints(path: &str, schema: &Value, found: &mut Vec<String>) {
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            found.push(format!("{path}: {rule}"));
        }
    };
    let has = |key: &str| schema.get(key).is_some();
    must(!has("nullable"), "absent is the one way to say unset");
    must(has("description") || path.is_empty(), "needs a description");
    let format = schema["format"].as_str();
    match schema["type"].as_str() {
        Some("string") => {
            must(has("maxLength") || has("enum") || format == Some("date-time"), "has no bound");
            must(matches!(format, None | Some("date-time")), "has an unknown format");
            for word in schema["enum"].as_array().into_iter().flatten() {
                let word = word.as_str().unwrap();
                must(word.starts_with(|c: char| c.is_ascii_uppercase()), "enum is not PascalCase");
            }
            let named_time = path.to_lowercase().ends_with("time");
            let instant = format == Some("date-time");
            let exempt = [".since", ".until", ".verifiedAsOf"].iter().any(|e| path.ends_with(e));
            must(named_time == instant || exempt, "an instant is named …Time");
        }
        Some("integer") => {
            must(has("minimum") && has("maximum"), "has no bounds");
            must(matches!(format, Some("int32" | "int64")), "is neither int32 nor int64");
        }
        Some("array") => {
            must(has("maxItems") && has("x-kubernetes-list-type"), "has no bound or list type");
            complaints(&format!("{path}[]"), &schema["items"], found);
        }
        Some("object") => {
            must(!has("additionalProperties"), "is a map without bound");
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                complaints(&format!("{path}.{name}"), field, found);
            }
        }
        Some("boolean") => {}
        other => must(false, &format!("has type {other:?}")),
    }
}

#[test]
fn every_field_is_bounded_and_named_by_the_conventions() {
    let mut found = Vec::new();
    let schema = schema();
    complaints("", &schema, &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_walker_sees_what_it_is_meant_to_see() {
    let bad = json!({"type": "object", "properties": {
        "free": {"type": "string", "description": "."},
        "list": {"type": "array", "maxItems": 1, "description": ".",
                 "items": {"type": "string", "maxLength": 1, "description": "."}},
        "count": {"type": "integer", "format": "uint8", "minimum": 0, "description": "."},
        "maybe": {"type": "boolean", "nullable": true, "description": "."},
        "when": {"type": "string", "format": "date-time", "description": "."},
        "word": {"type": "string", "enum": ["lower"]},
        "map": {"type": "object", "additionalProperties": {"type": "string"}, "description": "."},
        "any": {"description": "."},
    }});
    let mut found = Vec::new();
    complaints("", &bad, &mut found);
    for field in [".free", ".list", ".count", ".maybe", ".when", ".word", ".map", ".any"] {
        assert!(found.iter().any(|line| line.starts_with(&format!("{field}:"))), "{field}");
    }
}

/// Fills in the defaults as the API server does: a field's own, then those below it.
fn fill_in(value: &mut Map<String, Value>, schema: &Value) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(default) = field.get("default").filter(|_| !value.contains_key(name)) {
            value.insert(name.clone(), default.clone());
        }
        if let Some(Value::Object(below)) = value.get_mut(name) {
            fill_in(below, field);
        }
    }
}

#[test]
fn the_servers_defaults_are_those_of_the_types() {
    let minimal = json!({"repository": "kubernetes/kubernetes"});
    let parsed: RepositoryBackfillSpec = serde_json::from_value(minimal.clone()).unwrap();
    let mut filled = minimal.as_object().unwrap().clone();
    fill_in(&mut filled, &schema()["properties"]["spec"]);
    assert_eq!(serde_json::to_value(&parsed).unwrap(), Value::Object(filled.clone()));
    let expected = json!({
        "repository": "kubernetes/kubernetes",
        "include": ["Reviews", "ReviewComments", "Comments"],
        "chunk": {"minSize": 1, "maxSize": 50},
        "pacing": {"mode": "Budget"},
        "priority": "Normal",
        "failurePolicy": {"maxConsecutiveErrors": 5},
        "readinessPolicy": "Complete",
        "deletionPolicy": "Retain",
        "dryRun": false,
        "suspend": false,
    });
    assert_eq!(Value::Object(filled), expected);
}

#[test]
fn a_default_is_whole_before_its_own_defaults_are_filled_in() {
    fn check(path: &str, schema: &Value) {
        if let Some(Value::Object(default)) = schema.get("default") {
            let mut whole = default.clone();
            fill_in(&mut whole, schema);
            assert_eq!(&whole, default, "{path}: rules run before nested defaults are filled in");
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            check(&format!("{path}.{name}"), field);
        }
    }
    check("", &schema());
}

#[test]
fn an_object_nobody_has_looked_at_is_not_complete() {
    assert_eq!(schema()["properties"]["status"]["default"], json!({"observedGeneration": -1}));
    assert_eq!(definition()["spec"]["versions"][0]["subresources"], json!({"status": {}}));
}

#[test]
fn the_columns_are_those_of_the_documentation() {
    let definition = definition();
    let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    let line = |column: &Value| {
        let wide = if column["priority"] == 1 { " wide" } else { "" };
        let text = |key: &str| column[key].as_str().unwrap().to_owned();
        format!("{} {} {}{wide}", text("name"), text("type"), text("jsonPath"))
    };
    let lines: Vec<String> = columns.iter().map(line).collect();
    let expected = [
        "Repository string .spec.repository",
        r#"Ready string .status.conditions[?(@.type=="Ready")].status"#,
        "Progress string .status.progress",
        "Back-To string .status.backTo",
        r#"Reason string .status.conditions[?(@.type=="Ready")].reason"#,
        "Last-Progress date .status.lastProgressTime",
        r#"Message string .status.conditions[?(@.type=="Ready")].message"#,
        "Age date .metadata.creationTimestamp",
        "Stage string .status.stage wide",
        "Stored integer .status.storedPullRequests wide",
        "Quarantined integer .status.quarantinedPullRequests wide",
        "Next-Attempt string .status.nextAttemptTime wide",
        "ETA string .status.estimatedCompletionTime wide",
        "Cursor string .status.cursor wide",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_names_are_those_of_the_documentation() {
    let definition = definition();
    assert_eq!(definition["metadata"]["name"], "repositorybackfills.backfill.contributor.info");
    assert_eq!(definition["spec"]["scope"], "Namespaced");
    assert_eq!(definition["spec"]["names"]["shortNames"], json!(["rbf"]));
    assert_eq!(definition["spec"]["names"]["categories"], json!(["backfill"]));
}

/// Client-side apply keeps the whole object in an annotation of at most 262,144 bytes.
#[test]
fn the_definition_stays_small() {
    let size = serde_json::to_string(&crd::crd()).unwrap().len();
    assert!(size < 100_000, "{size} bytes");
}

/// The outermost instants that the pattern of `window` and the server's `date-time` let through.
#[test]
fn every_instant_the_server_accepts_can_be_read() {
    for since in [
        "1000-01-01T00:00:00+23:59",
        "2999-12-31T23:59:59.999999999-23:59",
        "2020-02-29T23:59:59.1Z",
    ] {
        let spec = json!({"repository": "a/b", "window": {"since": since}});
        let read = serde_json::from_value::<RepositoryBackfillSpec>(spec);
        assert!(read.is_ok_and(|spec| spec.window.is_some_and(|w| w.since.is_some())), "{since}");
    }
    let pattern = &schema()["properties"]["spec"]["properties"]["window"]["properties"]["until"];
    assert!(pattern["pattern"].as_str().unwrap().starts_with("^[12][0-9]{3}-"));
}

#[test]
fn the_installed_file_is_current() {
    let stored = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        stored == crd::crd_yaml().unwrap(),
        "the file under crds/ is stale; run `make generate`"
    );
}
