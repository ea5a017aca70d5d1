//! One pull request by its node id: whole, or as much of it as GitHub can deliver.
//!
//! It must not know why it is not read with its page, nor what becomes of what is missing.

use std::time::Duration;

use backfill_engine::model::{NodeId, Part, PullRequest};

use crate::chunk::Pages;
use crate::client::{Client, Spent};
use crate::error::Error;

/// How long one part may take, which is left out then: five of them fit into a chunk's time.
const LONGEST_PART: Duration = Duration::from_mins(2);

/// How much of a pull request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All parts asked for, or none of it.
    Whole,
    /// Each part by itself, in requests as small as they get. `captured` says which could be
    /// read.
    Reduced,
}

impl Client {
    /// Reads one pull request by its node id: what fails in its page may succeed alone.
    pub async fn pull_request(
        &self,
        node_id: &NodeId,
        parts: &[Part],
        depth: Depth,
    ) -> Result<PullRequest, Error> {
        let mut spent = Spent::default();
        match depth {
            Depth::Whole => {
                let draft = self.draft(node_id, parts, Pages::USUAL, &mut spent).await?;
                self.counted(draft, parts, &mut spent).await
            }
            Depth::Reduced => self.in_parts(node_id, parts, &mut spent).await,
        }
    }

    async fn in_parts(
        &self,
        node_id: &NodeId,
        parts: &[Part],
        spent: &mut Spent,
    ) -> Result<PullRequest, Error> {
        let mut whole = self.draft(node_id, &[], Pages::SMALL, spent).await?.finish()?;
        for part in Part::ALL.into_iter().filter(|part| parts.contains(part)) {
            let read = self.in_time(LONGEST_PART, self.part(node_id, part, spent)).await;
            match read.unwrap_or(Err(Error::TimedOut { status: None, elapsed: LONGEST_PART })) {
                Ok(read) => adopt(&mut whole, part, read),
                Err(error) if error.is_size_related() => {
                    let number = whole.number.get();
                    tracing::debug!(number, part = part.as_str(), %error, "a part is left out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    /// The pull request with this part alone.
    async fn part(
        &self,
        node_id: &NodeId,
        part: Part,
        spent: &mut Spent,
    ) -> Result<PullRequest, Error> {
        let read = match self.draft(node_id, &[part], Pages::ONE_BY_ONE, spent).await {
            Ok(draft) => draft.finish(),
            Err(error) => Err(error),
        };
        match read {
            Err(error) if error.is_size_related() => {
                self.draft(node_id, &[part], Pages::SMALL, spent).await?.finish()
            }
            result => result,
        }
    }
}

/// Takes a part that was read by itself, unless a push came in between.
fn adopt(whole: &mut PullRequest, part: Part, read: PullRequest) {
    if read.head_sha != whole.head_sha {
        return;
    }
    match part {
        Part::Reviews => {
            (whole.reviews, whole.review_count) = (read.reviews, read.review_count);
        }
        Part::ReviewComments => whole.review_comments = read.review_comments,
        Part::Comments => {
            (whole.comments, whole.comment_count) = (read.comments, read.comment_count);
        }
        Part::Commits => {
            (whole.commits, whole.commit_count) = (read.commits, read.commit_count);
        }
        Part::Files => whole.files = read.files,
    }
    whole.captured.extend(read.captured);
}
