//! Every status that the operator writes, collected by a watch from the first object on, and
//! the rules that each of them keeps. Must not know what a test expects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backfill_api::conditions::violations;
use backfill_api::{RepositoryBackfill, RepositoryBackfillStatus};
use futures::StreamExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt};

use super::LIMIT;

/// One status as the operator wrote it.
#[derive(Clone, Debug)]
pub struct Written {
    pub uid: String,
    pub name: String,
    pub generation: i64,
    pub status: RepositoryBackfillStatus,
    /// Others may have been written before it that a server which was started again has forgotten.
    pub after_gap: bool,
}

#[derive(Debug, Default)]
struct Seen {
    written: Vec<Written>,
    last: BTreeMap<String, RepositoryBackfillStatus>,
    version: String,
    trouble: Option<String>,
}

/// The collection.
#[derive(Clone, Debug)]
pub struct Recorder {
    api: Api<RepositoryBackfill>,
    seen: Arc<Mutex<Seen>>,
}

impl Recorder {
    /// Starts to watch a namespace that holds no object yet.
    pub async fn start(api: Api<RepositoryBackfill>) -> Self {
        let version = api.list(&ListParams::default()).await.unwrap().metadata.resource_version;
        let seen = Seen { version: version.unwrap(), ..Seen::default() };
        let recorder = Self { api, seen: Arc::new(Mutex::new(seen)) };
        let watching = recorder.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { watching.watch().await });
        recorder
    }

    async fn watch(&self) {
        loop {
            let version = self.seen.lock().unwrap().version.clone();
            // A watch that ends or cannot be had goes on from the last version seen.
            let Ok(events) = self.api.watch(&WatchParams::default(), &version).await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut events = events.boxed();
            while let Some(event) = events.next().await {
                match event {
                    Ok(
                        WatchEvent::Added(object)
                        | WatchEvent::Modified(object)
                        | WatchEvent::Deleted(object),
                    ) => self.note(&object, false),
                    Ok(WatchEvent::Bookmark(mark)) => {
                        self.seen.lock().unwrap().version = mark.metadata.resource_version;
                    }
                    Ok(WatchEvent::Error(refused)) if refused.code == 410 => {
                        // A server that was started again no longer knows what it has sent.
                        self.list().await;
                        break;
                    }
                    Ok(WatchEvent::Error(refused)) => {
                        self.seen.lock().unwrap().trouble = Some(refused.to_string());
                    }
                    Err(_) => break,
                }
            }
        }
    }

    /// Goes on from the objects as they are.
    async fn list(&self) {
        let Ok(present) = self.api.list(&ListParams::default()).await else { return };
        present.items.iter().for_each(|object| self.note(object, true));
        self.seen.lock().unwrap().version = present.metadata.resource_version.unwrap();
    }

    fn note(&self, object: &RepositoryBackfill, after_gap: bool) {
        let mut seen = self.seen.lock().unwrap();
        seen.version = object.resource_version().unwrap();
        let (Some(uid), Some(status)) = (object.uid(), object.status.clone()) else { return };
        // The server's own default is no status of ours.
        if status.observed_generation == Some(-1) || seen.last.get(&uid) == Some(&status) {
            return;
        }
        seen.last.insert(uid.clone(), status.clone());
        let generation = object.metadata.generation.unwrap();
        seen.written.push(Written { uid, name: object.name_any(), generation, status, after_gap });
    }

    /// All statuses so far, oldest first, once the watch has seen every object as it is now.
    pub async fn all(&self) -> Vec<Written> {
        let newest = self.api.list(&ListParams::default()).await.unwrap();
        let newest = newest.items.into_iter().filter_map(|object| Some((object.uid()?, object)));
        let newest: Vec<_> = newest.collect();
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            {
                let seen = self.seen.lock().unwrap();
                assert_eq!(seen.trouble, None, "the watch was refused");
                let caught_up = newest.iter().all(|(uid, object)| {
                    let ours = object.status.as_ref().filter(|s| s.observed_generation != Some(-1));
                    ours.is_none() || seen.last.get(uid) == ours || after(&seen, uid, ours)
                });
                if caught_up {
                    return seen.written.clone();
                }
            }
            assert!(tokio::time::Instant::now() < deadline, "the watch lags behind");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The reasons of Ready of one object, each as long as it stood once.
    pub async fn reasons(&self, name: &str) -> Vec<String> {
        let all = self.all().await;
        let ready = all.iter().filter(|one| one.name == name).filter_map(|one| {
            let ready = one.status.conditions.iter().find(|c| c.type_ == "Ready")?;
            Some(ready.reason.clone())
        });
        let mut reasons: Vec<String> = ready.collect();
        reasons.dedup();
        reasons
    }
}

/// Whether this status was written by now, and others after it.
fn after(seen: &Seen, uid: &str, status: Option<&RepositoryBackfillStatus>) -> bool {
    seen.written.iter().any(|one| one.uid == uid && Some(&one.status) == status)
}

/// What any status breaks of the contract with kstatus, Flux and `kubectl wait`.
pub fn broken(all: &[Written]) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: BTreeMap<&str, &Written> = BTreeMap::new();
    for (place, one) in all.iter().enumerate() {
        let observed = one.status.observed_generation.unwrap_or(0);
        let mut rules = violations(&one.status, observed);
        if observed > one.generation {
            rules.push(format!("generation {observed} was observed before it was there"));
        }
        if let Some(before) = last.insert(&one.uid, one).filter(|_| !one.after_gap) {
            rules.extend(times(&before.status, &one.status));
        }
        let status = serde_json::to_string(&one.status).unwrap();
        found.extend(rules.iter().map(|r| format!("{} status {place}: {r}: {status}", one.name)));
    }
    found
}

/// `lastTransitionTime` moves when the condition's status does, and only then.
fn times(before: &RepositoryBackfillStatus, now: &RepositoryBackfillStatus) -> Vec<String> {
    let earlier = |type_: &str| before.conditions.iter().find(|c| c.type_ == type_);
    let moved = now.conditions.iter().filter(|condition| {
        earlier(&condition.type_).is_some_and(|earlier| {
            earlier.status == condition.status
                && earlier.last_transition_time != condition.last_transition_time
        })
    });
    moved.map(|condition| format!("{} moved its lastTransitionTime", condition.type_)).collect()
}
