//! `ReadPullRequest`: one pull request by its node id, and the selection that the list shares.

use jiff::Timestamp;

use super::actors::Actor;
use super::children::{
    CommentAuthorAssociation, CommitRef, IssueCommentConnection, LabelConnection,
    PullRequestChangedFileConnection, PullRequestCommitConnection, PullRequestReviewConnection,
    UserConnection,
};
use super::{
    BigInt, CommentCount, CommitCount, ObjectId, RateLimit, ReviewCount, ThreadCount, Uri, schema,
};

/// The variables of both queries that select a whole pull request.
#[derive(cynic::QueryVariables, Clone, Debug)]
pub(crate) struct ReadVariables {
    /// Node id: the repository's for the list, else the pull request's.
    pub(crate) id: cynic::Id,
    /// Pull requests a page, 1 to 100; only the list has it.
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<i32>,
    /// Cursor of the list.
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// Children a connection on its first page, 1 to 100.
    pub(crate) inner: i32,
    pub(crate) reviews: bool,
    pub(crate) review_comments: bool,
    pub(crate) comments: bool,
    pub(crate) commits: bool,
    pub(crate) files: bool,
}

/// The query.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "ReadVariables")]
pub(crate) struct ReadPullRequest {
    #[expect(dead_code, reason = "asked for; the envelope reads it")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[arguments(id: $id)]
    pub(crate) node: Option<PullRequestNode>,
}

/// What the id led to.
#[derive(cynic::InlineFragments, Debug)]
#[cynic(graphql_type = "Node", variables = "ReadVariables")]
#[expect(clippy::large_enum_variant, reason = "one of them exists at a time")]
pub(crate) enum PullRequestNode {
    PullRequest(PullRequest),
    #[cynic(fallback)]
    Other,
}

/// GitHub's three states.
#[derive(cynic::Enum, Clone, Debug, PartialEq, Eq)]
#[cynic(non_exhaustive)]
pub(crate) enum PullRequestState {
    Open,
    Merged,
    /// `CLOSED`, and any word that GitHub adds.
    #[cynic(fallback)]
    Closed(String),
}

/// Title of a milestone.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct Milestone {
    pub(crate) title: String,
}

/// Name of the repository that the head is in.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "Repository")]
pub(crate) struct HeadRepository {
    pub(crate) name_with_owner: String,
}

/// A pull request with the first pages of its children; of its threads only the count.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(variables = "ReadVariables")]
pub(crate) struct PullRequest {
    pub(crate) id: cynic::Id,
    pub(crate) full_database_id: Option<BigInt>,
    pub(crate) number: i32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) state: PullRequestState,
    pub(crate) is_draft: bool,
    pub(crate) author: Option<Actor>,
    pub(crate) merged_by: Option<Actor>,
    pub(crate) author_association: CommentAuthorAssociation,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) merged_at: Option<Timestamp>,
    pub(crate) base_ref_name: String,
    pub(crate) base_ref_oid: ObjectId,
    pub(crate) head_ref_name: String,
    pub(crate) head_ref_oid: ObjectId,
    pub(crate) head_repository: Option<HeadRepository>,
    pub(crate) merge_commit: Option<CommitRef>,
    pub(crate) milestone: Option<Milestone>,
    pub(crate) additions: i32,
    pub(crate) deletions: i32,
    pub(crate) changed_files: i32,
    pub(crate) url: Uri,
    #[arguments(first: $inner)]
    pub(crate) labels: Option<LabelConnection>,
    #[arguments(first: $inner)]
    pub(crate) assignees: UserConnection,
    #[arguments(first: $inner)]
    #[directives(include(if: $reviews))]
    pub(crate) reviews: Option<PullRequestReviewConnection>,
    #[cynic(alias, rename = "reviews")]
    #[directives(skip(if: $reviews))]
    pub(crate) review_count: Option<ReviewCount>,
    #[directives(include(if: $review_comments))]
    pub(crate) review_threads: Option<ThreadCount>,
    #[arguments(first: $inner)]
    #[directives(include(if: $comments))]
    pub(crate) comments: Option<IssueCommentConnection>,
    #[cynic(alias, rename = "comments")]
    #[directives(skip(if: $comments))]
    pub(crate) comment_count: Option<CommentCount>,
    #[arguments(first: $inner)]
    #[directives(include(if: $commits))]
    pub(crate) commits: Option<PullRequestCommitConnection>,
    #[cynic(alias, rename = "commits")]
    #[directives(skip(if: $commits))]
    pub(crate) commit_count: Option<CommitCount>,
    #[arguments(first: $inner)]
    #[directives(include(if: $files))]
    pub(crate) files: Option<PullRequestChangedFileConnection>,
}
