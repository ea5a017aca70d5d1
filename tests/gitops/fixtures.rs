//! The objects by which Argo CD's scripts are tested are those of the running operator: one for
//! each row of the status contract, captured here and held against what is stored.
//!
//! `FIXTURES=write` writes them anew.

use std::path::PathBuf;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use testbed::{Cluster, argocd, clone};

use crate::support::{Ground, LIMIT, Setup, Trial, World};

/// Objects that no operator leaves behind: they are made by hand.
pub const BY_HAND: [&str; 2] = ["suspended-in-mid-run", "without-status"];
/// What stands in a fixture for every instant.
const INSTANT: &str = "2026-01-01T00:00:00Z";

/// A file below the folder of the scripts.
pub fn script(name: &str) -> PathBuf {
    clone::root().unwrap().join(argocd::SCRIPTS).join(name)
}

/// A stored object.
pub fn stored(path: &str) -> Value {
    let file = script(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {}", file.display()));
    serde_yaml_ng::from_str(&text).unwrap()
}

/// Holds an object against the stored one, or writes it where `FIXTURES=write` asks for that.
pub fn hold(path: &str, object: &Value) {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test alone")]
    let writes = std::env::var("FIXTURES").is_ok_and(|value| value == "write");
    if writes {
        let file = script(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, serde_yaml_ng::to_string(object).unwrap()).unwrap();
    }
    assert_eq!(stored(path), *object, "{path}; FIXTURES=write writes it anew");
}

/// The object without what differs from run to run.
fn scrubbed(object: &impl serde::Serialize) -> Value {
    let mut object = serde_json::to_value(object).unwrap();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    metadata.insert("namespace".to_owned(), "default".into());
    metadata.insert("resourceVersion".to_owned(), "1".into());
    metadata.insert("uid".to_owned(), "00000000-0000-0000-0000-000000000001".into());
    // Which of several objects asks GitHub first is chance, and the others are told its answer.
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("rateLimit");
    }
    scrub(&mut object);
    object
}

fn scrub(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.parse::<jiff::Timestamp>().is_ok() {
                INSTANT.clone_into(text);
            }
            // "from 07:12 UTC" in a message.
            let words: Vec<&str> = text.split(' ').collect();
            let is_clock = |word: &&str| word.len() == 5 && word.as_bytes()[2] == b':';
            let clock = |word| if is_clock(&word) { "00:00" } else { word };
            *text = words.into_iter().map(clock).collect::<Vec<_>>().join(" ");
        }
        Value::Array(all) => all.iter_mut().for_each(scrub),
        Value::Object(all) => all.values_mut().for_each(scrub),
        _ => {}
    }
}

async fn hold_now(trial: &Trial, name: &str) {
    hold(&format!("testdata/{name}.yaml"), &scrubbed(&trial.get(name).await));
}

#[tokio::test]
async fn each_row_of_the_status_contract_is_as_the_operator_writes_it() {
    let names = ["walking", "started", "planned", "complete", "edited", "deleting"];
    let worlds = names.map(|name| World::of(&format!("acme/{name}"), 3));
    let setup = Setup { worlds: worlds.to_vec(), ..Setup::default() };
    let ground = Ground::new(Cluster::shared().await.unwrap(), &setup).await;
    let mut trial = ground.start().await;
    // One chunk, then a pause: it stays on its way.
    let spec = |name: &str| json!({"repository": format!("acme/{name}")});
    let paused = |name: &str, policy: &str| {
        json!({
            "repository": format!("acme/{name}"), "readinessPolicy": policy,
            "chunk": {"size": 1, "minSize": 1, "maxSize": 1},
            "pacing": {"mode": "Interval", "maxChunks": 1, "periodSeconds": 3600},
        })
    };
    trial.apply("walking", paused("walking", "Complete")).await;
    trial.apply("started", paused("started", "Started")).await;
    let no_credentials = json!({"repository": "acme/stalled", "credentialsRef": null});
    trial.apply("stalled", no_credentials).await;
    trial.apply("planned", json!({"repository": "acme/planned", "dryRun": true})).await;
    trial.apply("suspended", json!({"repository": "acme/suspended", "suspend": true})).await;
    for name in ["complete", "edited", "deleting"] {
        trial.apply(name, spec(name)).await;
        trial.succeeded(name).await;
    }
    for (name, reason) in [
        ("walking", "Paced"),
        ("started", "Paced"),
        ("stalled", "CredentialsRequired"),
        ("planned", "Planned"),
        ("suspended", "Suspended"),
    ] {
        trial.until_reason(name, reason).await;
        hold_now(&trial, name).await;
    }
    hold_now(&trial, "complete").await;

    // Without an operator: what is edited, made, or held back from being deleted.
    trial.operator.terminate().unwrap();
    trial.operator.wait(LIMIT).await.unwrap();
    trial.edit("edited", json!({"spec": {"priority": "High"}})).await;
    trial.apply("new", spec("new")).await;
    trial.apply("suspended-new", json!({"repository": "acme/new", "suspend": true})).await;
    trial.edit("deleting", json!({"metadata": {"finalizers": ["example.com/held"]}})).await;
    trial.objects().delete("deleting", &DeleteParams::default()).await.unwrap();
    for name in ["edited", "new", "suspended-new", "deleting"] {
        hold_now(&trial, name).await;
    }
    trial.edit("deleting", json!({"metadata": {"finalizers": null}})).await;
    trial.restart("again").await;
    trial.finish().await;
}

#[tokio::test]
async fn trouble_that_passes_is_as_the_operator_writes_it() {
    let everything = json!([{"match": {}, "answer": "502-html"}]);
    let trial = Trial::start(Setup::from(World::of("acme/retrying", 3)).faults(everything)).await;
    trial.apply("retrying", json!({"repository": "acme/retrying"})).await;
    trial.until_reason("retrying", "GitHubUnavailable").await;
    hold_now(&trial, "retrying").await;
    trial.standin.set_faults(&crate::support::plan(json!([]))).await.unwrap();
    trial.succeeded("retrying").await;
    trial.finish().await;
}

#[tokio::test]
async fn those_made_by_hand_are_taken_by_the_server() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    let client = cluster.client().await.unwrap();
    let api: kube::Api<backfill_api::RepositoryBackfill> =
        kube::Api::namespaced(client, &namespace);
    for name in BY_HAND {
        let mut object = stored(&format!("testdata/{name}.yaml"));
        let status = object.as_object_mut().unwrap().remove("status");
        let metadata = json!({"name": name});
        let apply = json!({"apiVersion": object["apiVersion"], "kind": object["kind"],
            "metadata": metadata, "spec": object["spec"]});
        let params = PatchParams::apply("a-user");
        api.patch(name, &params, &Patch::Apply(&apply)).await.unwrap();
        if let Some(status) = status {
            let patch = Patch::Merge(json!({"status": status}));
            api.patch_status(name, &params, &patch).await.unwrap();
        }
    }
}
