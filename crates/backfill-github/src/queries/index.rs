//! `IndexPullRequests`: the light list, 100 a page for one point.
//!
//! It steps over a pull request that cannot be read, and compares what GitHub has with what is
//! stored. Same order as the walk, so its cursors are the walk's.

use jiff::Timestamp;

use super::{PageInfo, RateLimit, schema};

/// Its variables.
#[derive(cynic::QueryVariables, Clone, Debug)]
pub(crate) struct IndexVariables {
    /// Node id of the repository.
    pub(crate) id: cynic::Id,
    /// Pull requests a page, 1 to 100.
    pub(crate) first: i32,
    /// Cursor.
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

/// The query.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "IndexVariables")]
pub(crate) struct IndexPullRequests {
    #[expect(dead_code, reason = "asked for; the envelope reads it")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[arguments(id: $id)]
    pub(crate) node: Option<IndexedNode>,
}

/// What the id led to.
#[derive(cynic::InlineFragments, Debug)]
#[cynic(graphql_type = "Node", variables = "IndexVariables")]
pub(crate) enum IndexedNode {
    Repository(IndexedRepository),
    #[cynic(fallback)]
    Other,
}

/// The repository, for the sake of its list.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Repository", variables = "IndexVariables")]
pub(crate) struct IndexedRepository {
    #[arguments(first: $first, after: $after, orderBy: { field: CREATED_AT, direction: DESC })]
    pub(crate) pull_requests: IndexConnection,
}

/// One page, with a cursor for each row.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PullRequestConnection")]
pub(crate) struct IndexConnection {
    pub(crate) total_count: i32,
    pub(crate) page_info: PageInfo,
    pub(crate) edges: Option<Vec<Option<IndexEdge>>>,
}

/// A row with its cursor.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PullRequestEdge")]
pub(crate) struct IndexEdge {
    pub(crate) cursor: String,
    pub(crate) node: Option<IndexNode>,
}

/// What the index knows of a pull request.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PullRequest")]
pub(crate) struct IndexNode {
    pub(crate) id: cynic::Id,
    pub(crate) number: i32,
    pub(crate) created_at: Timestamp,
}
