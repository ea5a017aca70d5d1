//! Watched objects that this version can read. One that it cannot must not hide the others.
//!
//! A newer version, or a newer definition of the kind, may have words that this one does not know;
//! after a rollback they stay in the objects. It must not know what is done with an object.

use backfill_api::RepositoryBackfill;
use futures::{Stream, TryStreamExt, future};
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event};

/// The events of readable objects; of an object that is not, `unread` is told, and it stays what
/// it was when it was last read.
pub fn readable(
    events: impl Stream<Item = watcher::Result<Event<DeserializeGuard<RepositoryBackfill>>>>,
    unread: impl Fn(&str, &str, &str),
) -> impl Stream<Item = watcher::Result<Event<RepositoryBackfill>>> {
    events.try_filter_map(move |event| {
        let read = |guard: DeserializeGuard<RepositoryBackfill>| match guard.0 {
            Ok(object) => Some(object),
            Err(invalid) => {
                let name = |part: Option<String>| part.unwrap_or_default();
                let metadata = invalid.metadata;
                unread(&name(metadata.namespace), &name(metadata.name), &invalid.error);
                None
            }
        };
        future::ok(match event {
            Event::Init => Some(Event::Init),
            Event::InitDone => Some(Event::InitDone),
            Event::InitApply(object) => read(object).map(Event::InitApply),
            Event::Apply(object) => read(object).map(Event::Apply),
            Event::Delete(object) => read(object).map(Event::Delete),
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;

    use futures::{StreamExt, stream};
    use kube::ResourceExt;
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

    #[tokio::test]
    async fn an_object_of_a_newer_version_hides_no_other() {
        let events = [
            Event::Init,
            Event::InitApply(object("first", "Reviews")),
            Event::InitApply(object("newer", "Dreams")),
            Event::InitDone,
            Event::Apply(object("newer", "Dreams")),
            Event::Apply(object("last", "Files")),
        ];
        let unread = RefCell::new(Vec::new());
        let told = readable(stream::iter(events.map(Ok)), |namespace, name, error| {
            assert!(error.contains("Dreams"), "{error}");
            unread.borrow_mut().push(format!("{namespace}/{name}"));
        });
        let told: Vec<_> = told.map(Result::unwrap).collect().await;
        let names: Vec<_> = told
            .iter()
            .filter_map(|event| match event {
                Event::InitApply(object) | Event::Apply(object) => Some(object.name_any()),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["first", "last"]);
        assert_eq!(told.len(), 4, "and the list's beginning and end");
        assert_eq!(unread.into_inner(), ["team/newer", "team/newer"]);
    }
}
