//! What the operator has said of an object stays true to the object: through a restart, and though
//! somebody writes over it.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::support::objects::{condition, message};
use crate::support::secrecy::metric;
use crate::support::{LIMIT, Setup, Trial, World, first_page_only, reason};

#[tokio::test]
async fn a_plan_and_an_empty_repository_need_nothing_more_after_a_restart() {
    let world = World::empty("acme/none").and(&World::of("acme/api", 9));
    let mut trial = Trial::start(world).await;
    trial.apply("none", json!({"repository": "acme/none"})).await;
    trial.apply("plan", json!({"repository": "acme/api", "dryRun": true})).await;
    trial.until_reason("none", "RepositoryEmpty").await;
    trial.until_reason("plan", "Planned").await;
    let secrets: Api<Secret> = Api::namespaced(trial.client.clone(), &trial.namespace);
    secrets.delete("github", &DeleteParams::default()).await.unwrap();
    let before = trial.counts().await["requests"].clone();
    let versions = [trial.get("none").await, trial.get("plan").await];
    trial.restart("two").await;
    for object in versions {
        let name = object.metadata.name.clone().unwrap();
        let labels = format!("name=\"{name}\",namespace=\"{}\"", trial.namespace);
        let series = format!("backfill_object_stalled{{{labels},reason=\"\"}}");
        let look = async || (metric(&trial, &series).await == Some(0.0)).then_some(());
        trial.within(LIMIT, "it was looked at", look).await;
        assert_eq!(trial.get(&name).await, object, "nothing was written");
    }
    assert_eq!(trial.counts().await["requests"], before);
    // Whoever asks again is told what is missing.
    trial.annotate("plan", "requested-at", "now").await;
    trial.stalled("plan", "CredentialsNotFound").await;
    trial.finish().await;
}

#[tokio::test]
async fn a_status_that_somebody_else_wrote_is_put_right() {
    let setup = Setup::from(World::of("acme/api", 60)).faults(first_page_only());
    let trial = Trial::start(setup).await;
    trial.apply("first", json!({"repository": "acme/api"})).await;
    trial.moves().await;
    trial.edit("first", json!({"spec": {"suspend": true}})).await;
    trial.apply("second", json!({"repository": "acme/api"})).await;
    trial.stalled("second", "RepositoryClaimed").await;
    let forged = json!({"status": {"stage": null, "conditions": [{
        "type": "Ready", "status": "True", "reason": "Suspended", "message": "trust me",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]}});
    let params = PatchParams::default();
    trial.objects().patch_status("second", &params, &Patch::Merge(&forged)).await.unwrap();
    assert_eq!(message(&trial.get("second").await), "trust me");
    trial.until_reason("second", "RepositoryClaimed").await;
    let second = trial.get("second").await;
    assert_eq!(
        (condition(&second, "Ready"), reason(&second)),
        (Some("False"), "RepositoryClaimed")
    );
    trial.finish().await;
}
