//! RepositoryBackfill objects as their users write and read them. Must not know the database.

use std::time::Duration;

use backfill_api::{RepositoryBackfill, RepositoryBackfillStatus};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::rows::number;
use super::{LIMIT, Trial};

/// Status of the condition `type_`, if it speaks of the object's present generation.
pub fn condition<'o>(object: &'o RepositoryBackfill, type_: &str) -> Option<&'o str> {
    let status = object.status.as_ref()?;
    let found = status.conditions.iter().find(|condition| condition.type_ == type_)?;
    let present = found.observed_generation == object.metadata.generation;
    present.then_some(found.status.as_str())
}

/// Whether the condition `type_` is True of the object's present generation.
pub fn has(object: &RepositoryBackfill, type_: &str) -> bool {
    condition(object, type_) == Some("True")
}

/// The reason of Ready, `""` before the operator has looked at this generation.
pub fn reason(object: &RepositoryBackfill) -> &str {
    let ready = object.status.iter().flat_map(|status| &status.conditions);
    let mut ready = ready.filter(|condition| {
        condition.type_ == "Ready" && condition.observed_generation == object.metadata.generation
    });
    ready.next().map_or("", |condition| &condition.reason)
}

/// The message of Ready.
pub fn message(object: &RepositoryBackfill) -> String {
    let mut all = object.status.iter().flat_map(|status| &status.conditions);
    all.find(|c| c.type_ == "Ready").map_or(String::new(), |condition| condition.message.clone())
}

/// The status; empty before there is one.
pub fn status(object: &RepositoryBackfill) -> RepositoryBackfillStatus {
    object.status.clone().unwrap_or_default()
}

impl Trial {
    /// Creates or replaces an object. `credentialsRef` names the Secret `github` unless given.
    pub async fn apply(&self, name: &str, mut spec: Value) {
        let fields = spec.as_object_mut().unwrap();
        let github = fields.entry("credentialsRef").or_insert(json!({"name": "github"}));
        if github.is_null() {
            fields.remove("credentialsRef");
        }
        let object = json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        });
        let params = PatchParams::apply("a-user").force();
        self.objects().patch(name, &params, &Patch::Apply(&object)).await.unwrap();
    }

    /// Changes fields of an object as `kubectl patch --type=merge` does.
    pub async fn edit(&self, name: &str, patch: Value) {
        let params = PatchParams::default();
        self.objects().patch(name, &params, &Patch::Merge(&patch)).await.unwrap();
    }

    /// Sets an annotation below `backfill.contributor.info/`.
    pub async fn annotate(&self, name: &str, key: &str, value: &str) {
        let key = format!("backfill.contributor.info/{key}");
        self.edit(name, json!({"metadata": {"annotations": {key: value}}})).await;
    }

    /// Deletes an object and waits until it is gone.
    pub async fn delete(&self, name: &str) {
        let uid = self.get(name).await.uid();
        self.objects().delete(name, &DeleteParams::default()).await.unwrap();
        self.within(LIMIT, &format!("{name} is gone"), async || {
            let found = self.objects().get_opt(name).await.unwrap();
            (found.and_then(|object| object.uid()) != uid).then_some(())
        })
        .await;
    }

    /// The object as it is now.
    pub async fn get(&self, name: &str) -> RepositoryBackfill {
        self.objects().get(name).await.unwrap()
    }

    /// Waits until `test` holds of the object.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        test: impl Fn(&RepositoryBackfill) -> bool,
    ) -> RepositoryBackfill {
        self.until_within(LIMIT, name, what, test).await
    }

    /// As [`Trial::until`] with a limit of its own.
    pub async fn until_within(
        &self,
        limit: Duration,
        name: &str,
        what: &str,
        test: impl Fn(&RepositoryBackfill) -> bool,
    ) -> RepositoryBackfill {
        self.within(limit, &format!("{name}: {what}"), async || {
            Some(self.get(name).await).filter(|object| test(object))
        })
        .await
    }

    /// Waits until Ready gives this reason.
    pub async fn until_reason(&self, name: &str, wanted: &str) -> RepositoryBackfill {
        self.until(name, wanted, |object| reason(object) == wanted).await
    }

    /// Waits until the object says Succeeded of its present generation.
    pub async fn succeeded(&self, name: &str) -> RepositoryBackfill {
        self.until(name, "Succeeded", |object| has(object, "Succeeded") && has(object, "Ready"))
            .await
    }

    /// Waits until a walk under way has stored something. The status tells it up to five seconds
    /// later.
    pub async fn moves(&self) {
        let moved = "SELECT count(*) FROM progressive_backfill_state \
                     WHERE processed_prs > 0 AND status <> 'completed'";
        self.within(LIMIT, "a walk moves", async || {
            (number(&self.rows, moved).await > 0).then_some(())
        })
        .await;
    }

    /// Waits until only a person can mend the object, for this reason, and a Warning says so.
    pub async fn stalled(&self, name: &str, wanted: &str) -> RepositoryBackfill {
        let found = self
            .until(name, wanted, |object| has(object, "Stalled") && reason(object) == wanted)
            .await;
        assert_eq!(condition(&found, "Ready"), Some("False"));
        assert!(!message(&found).is_empty(), "a person is told what to mend");
        self.within(LIMIT, &format!("{name}: a Warning of {wanted}"), async || {
            let warns = |event: &Event| {
                event.reason.as_deref() == Some(wanted) && event.type_.as_deref() == Some("Warning")
            };
            self.about(name).await.iter().any(warns).then_some(())
        })
        .await;
        found
    }

    /// The events of an object, with how often each was seen.
    pub async fn events(&self, name: &str) -> Vec<(String, i32)> {
        let seen = |event: &Event| event.series.as_ref().map_or(1, |series| series.count);
        let events = self.about(name).await.into_iter();
        events.map(|event| (event.reason.clone().unwrap_or_default(), seen(&event))).collect()
    }

    /// The events of an object as they are.
    async fn about(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut all = events.list(&ListParams::default()).await.unwrap().items;
        all.retain(|event| {
            event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name)
        });
        all
    }
}
