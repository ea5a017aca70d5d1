//! The object's side of a run that is under way: what was wished meanwhile, and who is told.
//!
//! Reads the watched objects only. It must not know what a run does with a wish.

use backfill_engine::model::BackfillState;

use super::limits::keep_limits;
use crate::backfill::observe::Look;
use crate::backfill::publish;
use crate::run_chunks::{Signals, Wish};

impl Signals for Look<'_> {
    fn wish(&self) -> Wish {
        let Self { ctx, object, .. } = self;
        let key = kube::runtime::reflector::ObjectRef::from_obj(*object);
        let Some(now) = ctx.objects.get(&key) else { return Wish::Drop };
        if ctx.stopping.is_cancelled() {
            return Wish::Finish;
        }
        let meta = &now.metadata;
        if meta.uid != object.metadata.uid || meta.deletion_timestamp.is_some() {
            Wish::Drop
        } else if meta.generation != object.metadata.generation
            || meta.annotations != object.metadata.annotations
        {
            Wish::Finish
        } else {
            Wish::GoOn
        }
    }

    async fn progress(&self, state: &BackfillState) {
        let was_due = publish::progress(self, state).await;
        if let Some(github) = self.github.as_ref().filter(|_| was_due) {
            keep_limits(self, github).await;
        }
    }
}
