//! A review thread while its comments come in.
//!
//! Must not know the pull request it hangs under, but for its number.

use backfill_engine::model::{NodeId, Part, ReviewComment};

use super::children::{Remark, review_comment};
use super::gathered::{Gathered, distinct};
use crate::error::Error;
use crate::queries::threads::PullRequestReviewThread;

/// The draft of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) id: NodeId,
    is_resolved: bool,
    line: Option<i64>,
    side: String,
    pub(crate) comments: Gathered<Remark>,
}

impl Thread {
    /// The thread as the first page of its comments shows it.
    pub(crate) fn begin(from: PullRequestReviewThread, number: i64) -> Result<Self, Error> {
        Ok(Self {
            id: NodeId(from.id.into_inner()),
            is_resolved: from.is_resolved,
            line: from.line.map(i64::from),
            side: from.diff_side.into_word(),
            comments: Gathered::begin(from.comments, |one| review_comment(one, number))?,
        })
    }

    /// What no other thread shares.
    pub(crate) fn key(&self) -> NodeId {
        self.id.clone()
    }

    /// Its published comments, each with what only the thread knows.
    pub(crate) fn finish(
        self,
        number: i64,
    ) -> Result<impl Iterator<Item = ReviewComment> + use<>, Error> {
        let Self { id, is_resolved, line, side, comments } = self;
        let comments =
            distinct(comments, Part::ReviewComments, number, |one| one.comment.github_id)?;
        let published = comments.into_iter().filter(|one| one.is_published);
        Ok(published.map(move |one| ReviewComment {
            thread_id: Some(id.clone()),
            is_resolved,
            line,
            side: Some(side.clone()),
            ..one.comment
        }))
    }
}
