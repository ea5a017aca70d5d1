//! The object's side of a run that is under way: what was wished meanwhile, and who is told.
//!
//! Reads the watched objects only. It must not know what a run does with a wish.

use backfill_api::RepositoryBackfill;
use backfill_engine::model::BackfillState;

use super::limits::keep_limits;
use super::observe::Observed;
use super::{Context, publish};
use crate::run_chunks::{Signals, Wish};

/// What a run is told by the watched objects while it is under way.
pub struct Watched<'a> {
    pub ctx: &'a Context,
    pub object: &'a RepositoryBackfill,
    pub observed: &'a Observed,
}

impl Signals for Watched<'_> {
    fn wish(&self) -> Wish {
        let key = kube::runtime::reflector::ObjectRef::from_obj(self.object);
        let Some(now) = self.ctx.objects.get(&key) else { return Wish::Drop };
        if self.ctx.stopping.is_cancelled() {
            return Wish::Finish;
        }
        let meta = &now.metadata;
        if meta.uid != self.object.metadata.uid || meta.deletion_timestamp.is_some() {
            Wish::Drop
        } else if meta.generation != self.object.metadata.generation
            || meta.annotations != self.object.metadata.annotations
        {
            Wish::Finish
        } else {
            Wish::GoOn
        }
    }

    async fn progress(&self, state: &BackfillState) {
        let was_due = publish::progress(self.ctx, self.object, self.observed, state).await;
        if let Some(github) = self.observed.github.as_ref().filter(|_| was_due) {
            keep_limits(self.ctx, self.object, github).await;
        }
    }
}
