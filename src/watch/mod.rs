//! The watch on the objects, and a look at each that changes.
//!
//! It must not know what a look does.

mod kept;
mod readable;
mod settled;

use std::sync::Arc;

use backfill_api::RepositoryBackfill;
use futures::{StreamExt, TryStreamExt};
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store as Objects};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates, watcher};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::backfill::{self, Context};
use crate::metrics;
use crate::web::Health;
use kept::keep;
use readable::readable;
use settled::settled;

/// Watches the objects and looks at each, until told to stop; what runs then ends its chunk.
pub async fn watch(
    client: Client,
    namespace: Option<&str>,
    (objects, writer): (Objects<RepositoryBackfill>, Writer<RepositoryBackfill>),
    concurrency: u16,
    health: Arc<Health>,
    ctx: Arc<Context>,
) {
    let api: Api<DeserializeGuard<RepositoryBackfill>> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    // Status writes are our own and bring no look. Finalizers and annotations do not change the
    // generation, so they stand beside it.
    let interesting =
        predicates::generation.combine(predicates::annotations).combine(predicates::finalizers);
    let (metrics, unread) = (ctx.metrics.clone(), ctx.clone());
    let events = watcher(api, watcher::Config::default())
        .inspect_err(move |error| {
            tracing::warn!(%error, "the watch has failed and is opened again");
            metrics.count(metrics::WATCH_ERRORS, &[], 1);
        })
        .default_backoff();
    let unread = move |namespace: &str, name: &str, error: &str| {
        tracing::error!(namespace, name, error, "an object cannot be read by this version");
        unread.metrics.count(metrics::UNREADABLE_OBJECTS, &[], 1);
        unread.memory.note_unreadable();
    };
    let (earlier, listed) = (objects.clone(), health.clone());
    let events = readable(events, unread, move |metadata| known(&earlier, metadata));
    let events = events
        .modify(keep)
        .reflect(writer)
        // Not `wait_until_ready`: it wakes one waiter only, and the controller is one.
        .inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone) {
                health.set_ready();
                tracing::info!("objects listed");
            }
        });
    let stream = settled(events).predicate_filter(interesting, PredicateConfig::default());
    let (stopping, unlisted) = (ctx.stopping.clone(), never_listed(ctx.stopping.clone(), listed));
    let looks = Controller::for_stream(stream, objects)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(async move { stopping.cancelled().await })
        .run(backfill::reconcile, |_, error, _| match *error {}, ctx)
        .for_each(|result| async move {
            // Objects that are gone by the time of their look are ordinary.
            if let Err(error) = result {
                tracing::debug!(%error, "no look");
            }
        });
    tokio::select! {
        () = looks => {}
        () = unlisted => {}
    }
}

/// Told to stop before the objects were listed. The controller begins no look before, and does not
/// end before either: where the list is refused, it would be waited for in vain.
async fn never_listed(stopping: CancellationToken, health: Arc<Health>) {
    stopping.cancelled().await;
    if health.is_ready() {
        std::future::pending::<()>().await;
    }
}

/// The object as it is known.
fn known(
    objects: &Objects<RepositoryBackfill>,
    metadata: &ObjectMeta,
) -> Option<RepositoryBackfill> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let key = ObjectRef::new(metadata.name.as_deref()?).within(namespace);
    let object = objects.get(&key).filter(|object| object.metadata.uid == metadata.uid)?;
    Some(RepositoryBackfill::clone(&object))
}
