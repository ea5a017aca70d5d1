//! Watched objects that this version can read. One that it cannot must not hide the others.
//!
//! A newer version, or a newer definition of the kind, may have words that this one does not know;
//! after a rollback they stay in the objects. It must not know what is done with an object.

use backfill_api::RepositoryBackfill;
use futures::{Stream, TryStreamExt, future};
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::watcher::{self, Event};

/// The events of readable objects; of one that is not, `unread` is told. Until it goes it is
/// what it was when it was last read, if it ever was: also in a new list, for which `known` is
/// asked for that.
pub fn readable(
    events: impl Stream<Item = watcher::Result<Event<DeserializeGuard<RepositoryBackfill>>>>,
    unread: impl Fn(&str, &str, &str),
    known: impl Fn(&ObjectMeta) -> Option<RepositoryBackfill>,
) -> impl Stream<Item = watcher::Result<Event<RepositoryBackfill>>> {
    events.try_filter_map(move |event| {
        let read = |guard: DeserializeGuard<RepositoryBackfill>, is_listed| match guard.0 {
            Ok(object) => Some(object),
            Err(InvalidObject { metadata, .. }) if metadata.deletion_timestamp.is_some() => {
                going(metadata)
            }
            Err(InvalidObject { metadata, error }) => {
                let before = if is_listed { known(&metadata) } else { None };
                let name = |part: Option<String>| part.unwrap_or_default();
                unread(&name(metadata.namespace), &name(metadata.name), &error);
                before
            }
        };
        future::ok(match event {
            Event::Init => Some(Event::Init),
            Event::InitDone => Some(Event::InitDone),
            Event::InitApply(object) => read(object, true).map(Event::InitApply),
            Event::Apply(object) => read(object, false).map(Event::Apply),
            Event::Delete(object) => {
                let gone = object.0.map_or_else(|invalid| going(invalid.metadata), Some);
                gone.map(Event::Delete)
            }
        })
    })
}

/// An object that goes needs no spec: with this one its rows stay, and our finalizer comes off.
fn going(metadata: ObjectMeta) -> Option<RepositoryBackfill> {
    let spec = serde_json::from_str(r#"{"repository": "unreadable/unreadable"}"#).ok()?;
    Some(RepositoryBackfill { metadata, spec, status: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::cell::RefCell;

    use futures::{StreamExt, stream};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use kube::{Resource, ResourceExt};
    use serde_json::json;

    use super::*;

    fn object(name: &str, part: &str) -> DeserializeGuard<RepositoryBackfill> {
        let object = json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {"namespace": "team", "name": name},
            "spec": {"repository": "acme/api", "include": [part]},
        });
        serde_json::from_value(object).unwrap()
    }

    fn leaving(name: &str) -> DeserializeGuard<RepositoryBackfill> {
        let mut leaving = object(name, "Dreams");
        leaving.meta_mut().deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        leaving
    }

    #[tokio::test]
    async fn an_object_of_a_newer_version_hides_no_other() {
        let events = [
            Event::Init,
            Event::InitApply(object("first", "Reviews")),
            Event::InitApply(object("newer", "Dreams")),
            Event::InitDone,
            Event::Apply(object("newer", "Dreams")),
            Event::Apply(object("last", "Files")),
            Event::Apply(leaving("newer")),
            Event::Delete(object("newer", "Dreams")),
        ];
        let unread = RefCell::new(Vec::new());
        let note = |namespace: &str, name: &str, error: &str| {
            assert!(error.contains("Dreams"), "{error}");
            unread.borrow_mut().push(format!("{namespace}/{name}"));
        };
        let told = readable(stream::iter(events.map(Ok)), note, |_| None);
        let told: Vec<_> = told.map(Result::unwrap).collect().await;
        let names: Vec<_> = told
            .iter()
            .filter_map(|event| match event {
                Event::InitApply(object) | Event::Apply(object) => Some(object.name_any()),
                Event::Delete(object) => Some(format!("-{}", object.name_any())),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["first", "last", "newer", "-newer"]);
        let Event::Apply(leaving) = &told[4] else { panic!("{told:?}") };
        assert_eq!(leaving.spec.deletion_policy, backfill_api::DeletionPolicy::Retain);
        assert_eq!(unread.into_inner(), ["team/newer", "team/newer"]);
    }

    #[tokio::test]
    async fn one_that_becomes_unreadable_stays_what_it_was_in_the_next_list() {
        let events = [
            Event::Init,
            Event::InitApply(object("first", "Reviews")),
            Event::InitDone,
            Event::Init,
            Event::InitApply(object("first", "Dreams")),
            Event::InitApply(object("newer", "Dreams")),
            Event::InitDone,
        ];
        let known = |metadata: &kube::core::ObjectMeta| {
            let is_known = metadata.name.as_deref() == Some("first");
            object("first", "Reviews").0.ok().filter(|_| is_known)
        };
        let told = readable(stream::iter(events.map(Ok)), |_, _, _| (), known);
        let told: Vec<_> = told.map(Result::unwrap).collect().await;
        let listed = told.iter().filter_map(|event| match event {
            Event::InitApply(object) => Some((object.name_any(), object.spec.include.clone())),
            _ => None,
        });
        let first = ("first".to_owned(), vec![backfill_api::Part::Reviews]);
        assert_eq!(listed.collect::<Vec<_>>(), [first.clone(), first]);
    }
}
