//! `ListPullRequests`: one page of the walk, newest first.
//!
//! `CREATED_AT` never changes, so the order is fixed and its cursor exact (github-api.md 3.3).
//! By node id, so that a renamed repository is followed and a freed name cannot lead astray.

use super::pull_request::{PullRequest, ReadVariablesFields};
use super::{PageInfo, RateLimit, schema};

/// The query.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "ReadVariables")]
pub(crate) struct ListPullRequests {
    #[expect(dead_code, reason = "asked for; the envelope reads it")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[arguments(id: $id)]
    pub(crate) node: Option<RepositoryNode>,
}

/// What the id led to.
#[derive(cynic::InlineFragments, Debug)]
#[cynic(graphql_type = "Node", variables = "ReadVariables")]
pub(crate) enum RepositoryNode {
    Repository(Repository),
    #[cynic(fallback)]
    Other,
}

/// The repository, for the sake of its list.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(variables = "ReadVariables")]
pub(crate) struct Repository {
    #[arguments(first: $first, after: $after, orderBy: { field: CREATED_AT, direction: DESC })]
    pub(crate) pull_requests: PullRequestConnection,
}

/// One page, with a cursor for each row, so that a chunk may end before it.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(variables = "ReadVariables")]
pub(crate) struct PullRequestConnection {
    pub(crate) page_info: PageInfo,
    pub(crate) edges: Option<Vec<Option<PullRequestEdge>>>,
}

/// A row with its cursor.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(variables = "ReadVariables")]
pub(crate) struct PullRequestEdge {
    pub(crate) cursor: String,
    pub(crate) node: Option<PullRequest>,
}
