//! The kind as its users meet it: on a real API server and through kubectl.
//!
//! No operator runs here; it must not know what one would make of an object.

mod specs;

use std::time::{Duration, Instant};

use backfill_api::RepositoryBackfill;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Status;
use serde_json::{Value, json};
use testbed::Cluster;

use crate::support::LIMIT;

/// A namespace of the shared cluster, and objects of the kind in it as plain JSON.
struct Place {
    cluster: &'static Cluster,
    namespace: String,
    objects: Api<DynamicObject>,
}

impl Place {
    async fn new() -> Self {
        let cluster = Cluster::shared().await.unwrap();
        let namespace = cluster.create_namespace().await.unwrap();
        let kind = ApiResource::erase::<RepositoryBackfill>(&());
        let client = cluster.client().await.unwrap();
        let objects = Api::namespaced_with(client, &namespace, &kind);
        Self { cluster, namespace, objects }
    }

    /// Creates `spec` as `name`; what the server made of it.
    async fn create(&self, name: &str, spec: &Value) -> Result<Value, Box<Status>> {
        self.post(name, spec, &PostParams::default()).await
    }

    /// As [`Self::create`], but keeps nothing.
    async fn try_out(&self, spec: &Value) -> Result<Value, Box<Status>> {
        self.post("tried-out", spec, &PostParams { dry_run: true, ..PostParams::default() }).await
    }

    async fn post(&self, name: &str, spec: &Value, how: &PostParams) -> Result<Value, Box<Status>> {
        let object = serde_json::from_value(manifest(name, spec)).unwrap();
        match self.objects.create(how, &object).await {
            Ok(created) => Ok(serde_json::to_value(created).unwrap()),
            Err(kube::Error::Api(answer)) => Err(answer),
            Err(error) => panic!("{error}"),
        }
    }

    async fn merge(&self, name: &str, patch: &Value) -> Result<Value, Box<Status>> {
        let patched = self.objects.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        match patched {
            Ok(patched) => Ok(serde_json::to_value(patched).unwrap()),
            Err(kube::Error::Api(answer)) => Err(answer),
            Err(error) => panic!("{error}"),
        }
    }

    async fn set_status(&self, name: &str, status: &Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.objects.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The server publishes its documentation a moment after it serves a kind.
    async fn await_documentation(&self) {
        let deadline = Instant::now() + LIMIT;
        while !self.cluster.kubectl(&["explain", "rbf"]).unwrap().status.success() {
            assert!(Instant::now() < deadline, "kubectl explain knows no rbf");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["-n", &self.namespace], args].concat();
        self.cluster.kubectl_text(&args).unwrap()
    }
}

fn manifest(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "backfill.contributor.info/v1alpha1",
        "kind": "RepositoryBackfill",
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// `repository: a/b` and whatever `fields` say beside it or instead.
fn with(fields: &Value) -> Value {
    let mut spec = json!({"repository": "a/b"});
    json_merge(&mut spec, fields);
    spec
}

fn json_merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        into[name] = value.clone();
    }
}

#[tokio::test]
async fn a_spec_that_can_be_carried_out_is_taken() {
    let place = Place::new().await;
    for fields in specs::good() {
        let taken = place.try_out(&with(&fields)).await;
        assert!(taken.is_ok(), "{fields}: {taken:?}");
        // What the server takes, every reader must be able to read back.
        let read = serde_json::from_value::<RepositoryBackfill>(taken.unwrap());
        assert!(read.is_ok(), "{fields}: {read:?}");
    }
}

#[tokio::test]
async fn a_spec_that_cannot_be_is_refused_with_the_field_named() {
    let place = Place::new().await;
    for (fields, field, message) in specs::bad() {
        let refused = place.try_out(&with(&fields)).await.expect_err(&fields.to_string());
        let causes = refused.details.as_ref().map(|details| details.causes.as_slice());
        let named = causes.unwrap_or_default().iter().any(|cause| cause.field == field);
        assert!(named, "{fields}: {field} is not named in {causes:?}");
        assert!(refused.message.contains(message), "{fields}: {}", refused.message);
    }
}

#[tokio::test]
async fn a_spec_without_a_repository_is_refused() {
    let place = Place::new().await;
    let refused = place.try_out(&json!({})).await.unwrap_err();
    assert!(refused.message.contains("spec.repository: Required value"), "{}", refused.message);
}

#[tokio::test]
async fn a_field_that_does_not_exist_yet_is_refused_and_not_ignored() {
    let place = Place::new().await;
    let strict = PatchParams::apply("test").validation_strict();
    for (name, value) in [
        ("host", json!("github.com")),
        ("follow", json!({"mode": "Poll"})),
        ("execution", json!("Job")),
        ("embeddings", json!({"mode": "Include"})),
    ] {
        let fields = manifest("unknown", &with(&json!({name: value})));
        let refused = place.objects.patch("unknown", &strict, &Patch::Apply(&fields)).await;
        let refused = refused.expect_err(name).to_string();
        assert!(refused.contains(&format!(".spec.{name}: field not declared")), "{refused}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let place = Place::new().await;
    let defaults = json!({
        "repository": "a/b",
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
    let taken = place.create("defaults", &json!({"repository": "a/b"})).await.unwrap();
    assert_eq!(taken["spec"], defaults);
    let nulls = json!({"chunk": null, "window": null, "include": null, "suspend": null});
    assert_eq!(place.try_out(&with(&nulls)).await.unwrap()["spec"], defaults);
}

#[tokio::test]
async fn an_object_nobody_has_looked_at_says_so() {
    let place = Place::new().await;
    place.create("new", &json!({"repository": "a/b"})).await.unwrap();
    let stored = serde_json::to_value(place.objects.get("new").await.unwrap()).unwrap();
    assert_eq!(stored["status"], json!({"observedGeneration": -1}));
    // The status belongs to the operator: who may only write objects cannot forge it.
    let forged = json!({"status": {"observedGeneration": 1, "storedPullRequests": 7}});
    let patched = place.merge("new", &forged).await.unwrap();
    assert_eq!(patched["status"], json!({"observedGeneration": -1}));
}

#[tokio::test]
async fn the_repository_cannot_change_and_everything_else_can() {
    let place = Place::new().await;
    place.create("edited", &json!({"repository": "a/b"})).await.unwrap();
    let moved = place.merge("edited", &json!({"spec": {"repository": "a/c"}})).await.unwrap_err();
    let message = "spec.repository: Invalid value: \"a/c\": must not change; create another \
                   RepositoryBackfill for another repository";
    assert!(moved.message.contains(message), "{}", moved.message);
    let edits = json!({
        "credentialsRef": {"name": "other"},
        "window": {"sinceDays": 3},
        "maxPullRequests": 9,
        "include": ["Files"],
        "chunk": {"size": 2},
        "pacing": {"mode": "Interval"},
        "priority": "Low",
        "minRateLimitPoints": 1000,
        "failurePolicy": {"maxConsecutiveErrors": 2},
        "readinessPolicy": "Started",
        "deletionPolicy": "Delete",
        "dryRun": true,
        "suspend": true,
    });
    for (field, value) in edits.as_object().unwrap() {
        let before = place.objects.get("edited").await.unwrap().metadata.generation;
        let edited = place.merge("edited", &json!({"spec": {field: value}})).await.unwrap();
        assert_eq!(edited["metadata"]["generation"].as_i64(), before.map(|g| g + 1), "{field}");
    }
}

#[tokio::test]
async fn kubectl_get_shows_the_columns_of_the_documentation() {
    let place = Place::new().await;
    place.create("shown", &json!({"repository": "kubernetes/kubernetes"})).await.unwrap();
    let ready = json!({
        "type": "Ready", "status": "Unknown", "reason": "RateLimited",
        "message": "secret github: 0 of 5000 points", "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({
        "observedGeneration": 1, "conditions": [ready], "progress": "41250/83012 (49%)",
        "backTo": "2020-03-04", "stage": "Walk", "storedPullRequests": 41250,
        "quarantinedPullRequests": 1, "nextAttemptTime": "2026-01-01T06:41:00Z",
        "estimatedCompletionTime": "2026-01-02T00:00:00Z", "cursor": "Y3Vyc29y",
    });
    place.set_status("shown", &status).await;
    let text = place.kubectl(&["get", "rbf", "shown", "-o", "wide"]);
    let (header, row) = text.trim_end().split_once('\n').unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.split("  ")
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect()
    };
    let narrow = ["NAME", "REPOSITORY", "READY", "PROGRESS", "BACK-TO", "REASON", "LAST-PROGRESS"];
    let wide =
        ["MESSAGE", "AGE", "STAGE", "STORED", "QUARANTINED", "NEXT-ATTEMPT", "ETA", "CURSOR"];
    let expected: Vec<&str> = narrow.iter().chain(&wide).copied().collect();
    assert_eq!(header.split_whitespace().collect::<Vec<_>>(), expected);
    let row = cells(row);
    for cell in [
        "kubernetes/kubernetes",
        "Unknown",
        "41250/83012 (49%)",
        "2020-03-04",
        "RateLimited",
        "secret github: 0 of 5000 points",
        "Walk",
        "41250",
        "2026-01-01T06:41:00Z",
        "Y3Vyc29y",
    ] {
        assert!(row.iter().any(|shown| shown == cell), "{cell} is not in {row:?}");
    }
}

#[tokio::test]
async fn kubectl_knows_the_short_name_and_the_category() {
    let place = Place::new().await;
    place.create("named", &json!({"repository": "a/b"})).await.unwrap();
    for name in ["rbf", "repositorybackfills", "backfill"] {
        let found = place.kubectl(&["get", name, "-o", "name"]);
        let expected = "repositorybackfill.backfill.contributor.info/named";
        assert_eq!(found.trim(), expected, "kubectl get {name}");
    }
}

#[tokio::test]
async fn kubectl_explain_describes_every_field() {
    let place = Place::new().await;
    let whole = [
        ("rbf", "Captures the pull-request history of one GitHub repository into Postgres."),
        ("rbf.spec.window.since", "Created at or after this instant."),
        ("rbf.spec.chunk.minSize", "Never fewer, except at the end"),
        ("rbf.spec.deletionPolicy", "What happens to the rows when the object is deleted."),
        ("rbf.status.backTo", "reached without a gap"),
        ("rbf.status.conditions.reason", "One word of the catalogue of reasons."),
    ];
    place.await_documentation().await;
    for (path, text) in whole {
        let explained = place.kubectl(&["explain", path]);
        let words = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(text), "kubectl explain {path}:\n{explained}");
    }
    let everything = place.kubectl(&["explain", "rbf.spec"]);
    assert!(!everything.contains("<no description>"), "{everything}");
}

#[tokio::test]
async fn kubectl_wait_does_not_take_a_new_object_for_a_finished_one() {
    let place = Place::new().await;
    place.create("waited-for", &json!({"repository": "a/b"})).await.unwrap();
    let wait = |condition: &str, limit: &str| {
        let condition = format!("--for=condition={condition}");
        let args = ["-n", &place.namespace, "wait", "rbf/waited-for", limit, &condition];
        place.cluster.kubectl_text(&args).map_err(|error| error.to_string())
    };
    let not_yet = |condition: &str| {
        let said = wait(condition, "--timeout=1s").unwrap_err();
        assert!(said.contains("timed out"), "{said}");
    };
    not_yet("Ready");
    not_yet("Succeeded");
    let condition = |kind: &str| {
        json!({"type": kind, "status": "True", "reason": "Verified", "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let status = json!({"status": {"observedGeneration": 1,
        "conditions": [condition("Ready"), condition("Succeeded")]}});
    let patch = ["-n", &place.namespace, "patch", "rbf/waited-for", "--type=merge", "-p"];
    place.kubectl(&[&patch[..], &[&status.to_string(), "--subresource=status"]].concat());
    for condition in ["Ready", "Succeeded"] {
        wait(condition, "--timeout=60s").unwrap();
    }
    // What was true of the spec before is not true of this one.
    place.kubectl(&[&patch[..], &[r#"{"spec": {"maxPullRequests": 5}}"#]].concat());
    not_yet("Ready");
    not_yet("Succeeded");
}
