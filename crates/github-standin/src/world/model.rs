//! What a world holds, field by field as a world file names it.
//!
//! These are plain records: they must not know GraphQL, HTTP or where they are kept.

use serde::{Deserialize, Serialize};

use super::{Moment, Text};

/// The kind of an account, GraphQL's `__typename` of an `Actor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// A person.
    #[default]
    User,
    /// An app or another automaton.
    Bot,
    /// An organization.
    Organization,
    /// A placeholder left by an import.
    Mannequin,
    /// An account that exists only inside an enterprise.
    EnterpriseUserAccount,
}

/// An actor. A deleted account is the absence of one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// The GraphQL type.
    #[serde(rename = "__typename")]
    pub kind: AccountKind,
    /// The login, unique in a world.
    pub login: String,
    /// The account's id; 0 until it is derived from the login.
    pub database_id: u64,
}

/// A repository's own facts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct RepositoryFacts {
    pub name_with_owner: String,
    pub id: String,
    pub database_id: u64,
    pub owner_type: Option<AccountKind>,
    pub description: Option<Text>,
    pub is_private: bool,
    pub is_archived: bool,
    pub is_disabled: bool,
    pub is_empty: bool,
    pub is_fork: bool,
    pub default_branch: Option<String>,
    pub created_at: Moment,
    pub updated_at: Option<Moment>,
    pub pushed_at: Option<Moment>,
}

/// `PullRequestState` in GraphQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub enum State {
    #[default]
    Open,
    Closed,
    Merged,
}

impl State {
    /// The GraphQL enum value.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "OPEN",
            State::Closed => "CLOSED",
            State::Merged => "MERGED",
        }
    }
}

/// A milestone as far as a pull request shows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Milestone {
    pub number: u32,
    pub title: Text,
}

/// A pull request with everything that hangs on it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct PullRequest {
    pub repository: String,
    pub number: u32,
    pub id: String,
    #[serde(with = "super::big")]
    pub full_database_id: u64,
    pub title: Text,
    pub body: Text,
    pub state: State,
    pub is_draft: bool,
    pub author: Option<Account>,
    pub author_association: Option<String>,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub closed_at: Option<Moment>,
    pub merged_at: Option<Moment>,
    pub merged_by: Option<Account>,
    pub merge_commit_oid: Option<String>,
    pub base_ref_name: String,
    pub base_ref_oid: String,
    pub head_ref_name: String,
    pub head_ref_oid: String,
    pub head_repository: Option<String>,
    pub additions: u32,
    pub deletions: u32,
    pub changed_files: u32,
    pub locked: bool,
    pub milestone: Option<Milestone>,
    pub labels: Vec<Text>,
    pub assignees: Vec<Account>,
    pub review_requests: Vec<Account>,
    pub closing_issues: Vec<u32>,
    pub reviews: Vec<Review>,
    pub review_comments: Vec<ReviewComment>,
    pub comments: Vec<Comment>,
    pub commits: Vec<Commit>,
    pub files: Vec<ChangedFile>,
}

/// A review.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Review {
    pub id: String,
    #[serde(with = "super::big")]
    pub full_database_id: u64,
    pub author: Option<Account>,
    pub author_association: Option<String>,
    pub state: ReviewState,
    pub body: Text,
    pub submitted_at: Option<Moment>,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub commit_oid: Option<String>,
}

/// `PullRequestReviewState` in GraphQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub enum ReviewState {
    Approved,
    ChangesRequested,
    #[default]
    Commented,
    Dismissed,
    Pending,
}

impl ReviewState {
    /// The GraphQL enum value.
    pub fn name(self) -> &'static str {
        match self {
            ReviewState::Approved => "APPROVED",
            ReviewState::ChangesRequested => "CHANGES_REQUESTED",
            ReviewState::Commented => "COMMENTED",
            ReviewState::Dismissed => "DISMISSED",
            ReviewState::Pending => "PENDING",
        }
    }
}

/// A comment on a line of the diff.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct ReviewComment {
    pub id: String,
    #[serde(with = "super::big")]
    pub full_database_id: u64,
    /// The review's `fullDatabaseId`; old comments have none.
    #[serde(with = "super::big::option")]
    pub review: Option<u64>,
    /// The `fullDatabaseId` of the comment it answers.
    #[serde(with = "super::big::option")]
    pub reply_to: Option<u64>,
    pub author: Option<Account>,
    pub author_association: Option<String>,
    pub body: Text,
    pub position: Option<i64>,
    pub line: Option<i64>,
    pub diff_side: Option<String>,
    /// Only a thread's first comment says whether the thread is resolved.
    pub is_resolved: bool,
    pub path: Text,
    pub diff_hunk: Text,
    pub commit_oid: Option<String>,
    pub original_commit_oid: Option<String>,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// A comment on a pull request or an issue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Comment {
    pub id: String,
    #[serde(with = "super::big")]
    pub full_database_id: u64,
    pub author: Option<Account>,
    pub author_association: Option<String>,
    pub body: Text,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// A commit of a pull request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Commit {
    pub oid: String,
    pub message: Text,
    pub authored_date: Moment,
    pub committed_date: Option<Moment>,
    pub author: Option<Account>,
    pub author_name: Option<Text>,
    pub author_email: Option<Text>,
}

/// A file that a pull request changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct ChangedFile {
    pub path: Text,
    pub additions: u32,
    pub deletions: u32,
    pub change_type: Option<String>,
}

/// An issue; issues and pull requests share one sequence of numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Issue {
    pub repository: String,
    pub number: u32,
    pub id: String,
    #[serde(with = "super::big")]
    pub database_id: u64,
    pub title: Text,
    pub body: Text,
    pub state: State,
    pub state_reason: Option<String>,
    pub author: Option<Account>,
    pub author_association: Option<String>,
    pub created_at: Moment,
    pub updated_at: Moment,
    pub closed_at: Option<Moment>,
    pub labels: Vec<Text>,
    pub assignees: Vec<Account>,
    pub comments: Vec<Comment>,
}
