//! Review threads: the only way to a pull request's review comments, which have no flat list.
//!
//! Two levels deep, so the one dear thing we ask for (github-api.md 6.1): only pull requests
//! that have threads are asked, in the rounds that `overflow` composes.

use super::children::{Connection, DiffSide, PullRequestReviewCommentConnection};
use super::{PageInfo, schema};

/// The one variable that threads share in a round.
#[derive(cynic::QueryVariables, Clone, Debug)]
pub(crate) struct ThreadVariables {
    /// Comments a thread on its first page.
    pub(crate) inner: i32,
}

/// One page of threads.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(variables = "ThreadVariables")]
pub(crate) struct PullRequestReviewThreadConnection {
    pub(crate) total_count: i32,
    pub(crate) page_info: PageInfo,
    pub(crate) nodes: Option<Vec<Option<PullRequestReviewThread>>>,
}

impl Connection for PullRequestReviewThreadConnection {
    type Node = PullRequestReviewThread;
    fn into_page(self) -> (i64, PageInfo, Vec<PullRequestReviewThread>) {
        let nodes = self.nodes.unwrap_or_default().into_iter().flatten().collect();
        (self.total_count.into(), self.page_info, nodes)
    }
}

/// A thread with the first page of its comments.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(variables = "ThreadVariables")]
pub(crate) struct PullRequestReviewThread {
    pub(crate) id: cynic::Id,
    pub(crate) is_resolved: bool,
    pub(crate) line: Option<i32>,
    pub(crate) diff_side: DiffSide,
    #[arguments(first: $inner)]
    pub(crate) comments: PullRequestReviewCommentConnection,
}
