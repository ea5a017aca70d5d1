//! What is done again and again beside the looks: tidying up after objects, asking the database.
//!
//! It must not know what a look decides; what it finds out goes into metrics only.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;

use crate::backfill::Context;
use crate::metrics;

/// How often each round is made: twice between two scrapes that are 30 s apart.
const EVERY: Duration = Duration::from_secs(15);
/// How long the database may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Drops what is remembered and shown of objects that are gone, and counts who waits to run.
pub async fn look_after(ctx: Arc<Context>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let living: HashSet<String> =
            ctx.objects.state().iter().filter_map(|object| object.uid()).collect();
        ctx.memory.retain(&living);
        ctx.metrics.retain_objects(&living);
        ctx.metrics.set(metrics::RUNS_QUEUED, &[], f64::from(ctx.permits.queued()));
    }
}

/// Asks the database whether it can be worked with, whether or not an object needs it now.
pub async fn ask_database(ctx: Arc<Context>) {
    let mut before = Some(String::new());
    loop {
        let answer = tokio::time::timeout(ANSWER_LIMIT, ctx.store.ping()).await;
        let trouble = match answer {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        let up = trouble.is_none();
        ctx.metrics.set(metrics::DATABASE_UP, &[], f64::from(u8::from(up)));
        if before != trouble {
            match &trouble {
                None => tracing::info!("the database answers"),
                Some(error) => tracing::warn!(error, "the database cannot be worked with"),
            }
        }
        before = trouble;
        tokio::time::sleep(EVERY).await;
    }
}
