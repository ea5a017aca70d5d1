//! `ResolveRepository`: a repository by name, who we are, and what a page will be like.

use super::{RateLimit, WideInt, schema};

/// Its variables.
#[derive(cynic::QueryVariables, Clone, Debug)]
pub(crate) struct ResolveVariables {
    /// Login of the owner.
    pub(crate) owner: String,
    /// Name after the slash.
    pub(crate) name: String,
    /// How many of the newest pull requests tell the average number of changed files.
    pub(crate) sample: i32,
    /// Whether to ask for them at all.
    pub(crate) sampled: bool,
}

/// The query. A renamed repository answers under its new name.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Query", variables = "ResolveVariables")]
pub(crate) struct ResolveRepository {
    #[expect(dead_code, reason = "asked for; the envelope reads it")]
    pub(crate) rate_limit: Option<RateLimit>,
    #[expect(dead_code, reason = "asked for; the envelope reads it")]
    pub(crate) viewer: Viewer,
    #[arguments(owner: $owner, name: $name, followRenames: true)]
    pub(crate) repository: Option<ResolvedRepository>,
}

/// The account that the token belongs to.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "User")]
pub(crate) struct Viewer {
    pub(crate) database_id: Option<WideInt>,
    pub(crate) login: String,
}

/// The repository.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "Repository", variables = "ResolveVariables")]
pub(crate) struct ResolvedRepository {
    pub(crate) id: cynic::Id,
    pub(crate) database_id: Option<WideInt>,
    pub(crate) name_with_owner: String,
    pub(crate) is_private: bool,
    pub(crate) is_archived: bool,
    pub(crate) is_disabled: bool,
    pub(crate) default_branch_ref: Option<Ref>,
    #[arguments(first: $sample, orderBy: { field: CREATED_AT, direction: DESC })]
    pub(crate) pull_requests: Sample,
}

/// A branch.
#[derive(cynic::QueryFragment, Debug)]
pub(crate) struct Ref {
    pub(crate) name: String,
}

/// The newest pull requests, for their sizes.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PullRequestConnection", variables = "ResolveVariables")]
pub(crate) struct Sample {
    pub(crate) total_count: i32,
    #[directives(include(if: $sampled))]
    pub(crate) nodes: Option<Vec<Option<SampledPullRequest>>>,
}

/// The size of one.
#[derive(cynic::QueryFragment, Debug)]
#[cynic(graphql_type = "PullRequest")]
pub(crate) struct SampledPullRequest {
    pub(crate) changed_files: i32,
}
