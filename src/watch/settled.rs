//! Watched objects, told only when the reflector shows them: after a list is whole.
//!
//! The reflector keeps a list apart until its last page, so a look at an object of an earlier page
//! would see the object as it was before the list, and nothing would call for another look. It must
//! not know what is done with an object.

use futures::{Stream, TryStreamExt, stream};
use kube::runtime::watcher::{self, Event};

/// The objects of `events` that were applied: those of a list together at its end, others at once.
pub fn settled<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
) -> impl Stream<Item = watcher::Result<K>> {
    let mut listed = Vec::new();
    events
        .map_ok(move |event| {
            let applied = match event {
                Event::Init => {
                    listed.clear();
                    Vec::new()
                }
                Event::InitApply(object) => {
                    listed.push(object);
                    Vec::new()
                }
                Event::InitDone => std::mem::take(&mut listed),
                Event::Apply(object) => vec![object],
                Event::Delete(_) => Vec::new(),
            };
            stream::iter(applied.into_iter().map(Ok))
        })
        .try_flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_a_list_holds_is_told_when_it_is_whole() {
        let (tell, told) = futures::channel::mpsc::unbounded();
        let mut objects = Box::pin(settled(told.map(Ok::<Event<u32>, watcher::Error>)));
        let mut after = |events: Vec<Event<u32>>| {
            for event in events {
                tell.unbounded_send(event).unwrap();
            }
            let mut seen = Vec::new();
            while let Some(Some(object)) = futures::FutureExt::now_or_never(objects.next()) {
                seen.push(object.unwrap());
            }
            seen
        };
        assert_eq!(
            after(vec![Event::Init, Event::InitApply(1), Event::InitApply(2)]),
            Vec::<u32>::new()
        );
        assert_eq!(after(vec![Event::InitApply(3), Event::InitDone]), vec![1, 2, 3]);
        assert_eq!(after(vec![Event::Apply(4), Event::Delete(1)]), vec![4]);
        // A list that broke off begins anew.
        assert_eq!(after(vec![Event::Init, Event::InitApply(5), Event::Init]), Vec::<u32>::new());
        assert_eq!(after(vec![Event::InitApply(6), Event::InitDone]), vec![6]);
    }
}
