//! A repository's history: pull requests with everything that makes them whole.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cursor, NodeId, PullRequestNumber, RepositoryName};
pub use backfill_api::Part;

/// What kind of account an [`Actor`] is (GitHub's `Actor` interface).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AccountType {
    /// A person's account.
    User,
    /// A GitHub App acting as itself.
    Bot,
    /// An organization.
    Organization,
    /// A placeholder left by an import.
    Mannequin,
}

/// An account that wrote something. A deleted account is no `Actor`: its author is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The account's kind.
    pub account_type: AccountType,
    /// GitHub's number of the account: what identifies it, logins are re-used.
    pub github_id: i64,
    /// Node id, where GitHub gives one.
    pub node_id: Option<NodeId>,
    /// The login at the time of reading.
    pub login: String,
    /// The name shown, where the account has one.
    pub display_name: Option<String>,
    /// Avatar, as a URL.
    pub avatar_url: Option<String>,
    /// Profile page, as a URL.
    pub profile_url: Option<String>,
}

/// A repository as Resolve found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// GitHub's number of the repository.
    pub github_id: i64,
    /// Node id: survives renames, so it tells a renamed repository from a replaced one.
    pub node_id: NodeId,
    /// The name as it is now, after any rename.
    pub name: RepositoryName,
    /// Only visible to some.
    pub is_private: bool,
    /// Read-only by its owner's wish.
    pub is_archived: bool,
    /// Name of the default branch; none in an empty repository.
    pub default_branch: Option<String>,
    /// GitHub's count of pull requests, all states.
    pub pull_request_count: i64,
}

/// One pull request with the children that were asked for, each list complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Node id.
    pub node_id: NodeId,
    /// GitHub's 64-bit number of it.
    pub github_id: i64,
    /// Number inside the repository.
    pub number: PullRequestNumber,
    /// Title, without NUL characters.
    pub title: String,
    /// Body, `""` where GitHub says empty.
    pub body: String,
    /// Open; a merged one is not.
    pub is_open: bool,
    /// Merged into its base.
    pub is_merged: bool,
    /// Still a draft.
    pub is_draft: bool,
    /// Author; `None` for a deleted account.
    pub author: Option<Actor>,
    /// Who merged it.
    pub merged_by: Option<Actor>,
    /// When it was opened: the walk's order.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// When it was closed or merged.
    pub closed_at: Option<Timestamp>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// Branch it goes to.
    pub base_branch: String,
    /// Branch it comes from.
    pub head_branch: String,
    /// Commit at the tip of the head.
    pub head_sha: String,
    /// Commit of the base.
    pub base_sha: Option<String>,
    /// The commit that merged it.
    pub merge_commit_sha: Option<String>,
    /// The repository it comes from; `None` where that is gone.
    pub head_repository: Option<RepositoryName>,
    /// GitHub's word for the author's relation to the repository.
    pub author_association: Option<String>,
    /// Title of the milestone.
    pub milestone: Option<String>,
    /// Lines added.
    pub additions: i64,
    /// Lines removed.
    pub deletions: i64,
    /// Files touched.
    pub changed_files: i64,
    /// GitHub's count of commits.
    pub commit_count: i64,
    /// GitHub's count of reviews.
    pub review_count: i64,
    /// GitHub's count of comments in the conversation.
    pub comment_count: i64,
    /// Page of it, as a URL.
    pub html_url: String,
    /// Label names, in GitHub's order.
    pub labels: Vec<String>,
    /// Logins of those it is assigned to.
    pub assignees: Vec<String>,
    /// Reviews, if captured.
    pub reviews: Vec<Review>,
    /// Comments on lines, if captured.
    pub review_comments: Vec<ReviewComment>,
    /// Comments in the conversation, if captured.
    pub comments: Vec<Comment>,
    /// Commits, if captured.
    pub commits: Vec<Commit>,
    /// Files, if captured.
    pub files: Vec<ChangedFile>,
    /// The parts that were asked for and are complete above: tells "none" from "not asked".
    pub captured: Vec<Part>,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// GitHub's 64-bit number of it.
    pub github_id: i64,
    /// Author; `None` for a deleted account.
    pub author: Option<Actor>,
    /// GitHub's upper-case state, such as `APPROVED`.
    pub state: String,
    /// Text, `""` where empty.
    pub body: String,
    /// When it was submitted; none while pending.
    pub submitted_at: Option<Timestamp>,
    /// Last change.
    pub updated_at: Option<Timestamp>,
    /// The commit reviewed.
    pub commit_id: Option<String>,
    /// Page of it, as a URL.
    pub html_url: Option<String>,
}

/// A comment on a line of the change, inside a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewComment {
    /// GitHub's 64-bit number of it.
    pub github_id: i64,
    /// Author; `None` for a deleted account.
    pub author: Option<Actor>,
    /// Text, `""` where empty.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Option<Timestamp>,
    /// `github_id` of the review it belongs to; old comments have none.
    pub review_github_id: Option<i64>,
    /// `github_id` of the comment it answers.
    pub in_reply_to: Option<i64>,
    /// Node id of the thread.
    pub thread_id: Option<NodeId>,
    /// The thread is resolved.
    pub is_resolved: bool,
    /// File.
    pub path: Option<String>,
    /// Position in the diff; none when outdated.
    pub position: Option<i64>,
    /// Line in the file; none when outdated.
    pub line: Option<i64>,
    /// `LEFT` or `RIGHT`.
    pub side: Option<String>,
    /// The hunk it was written on.
    pub diff_hunk: Option<String>,
    /// The commit it was written on.
    pub commit_id: Option<String>,
    /// Page of it, as a URL.
    pub html_url: Option<String>,
}

/// A comment in the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// GitHub's 64-bit number of it.
    pub github_id: i64,
    /// Author; `None` for a deleted account.
    pub author: Option<Actor>,
    /// Text, `""` where empty.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Option<Timestamp>,
    /// Page of it, as a URL.
    pub html_url: Option<String>,
}

/// A commit of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Object id.
    pub oid: String,
    /// Whole message.
    pub message: String,
    /// When it was written, by its author's clock.
    pub authored_at: Option<Timestamp>,
    /// Account of the author, where GitHub knows it.
    pub author: Option<Actor>,
}

/// A file that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path in the head.
    pub path: String,
    /// Lines added.
    pub additions: i64,
    /// Lines removed.
    pub deletions: i64,
    /// GitHub's word, such as `MODIFIED`.
    pub change_type: String,
}

/// One row of the light list: enough to step over a pull request or to diff two sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Number inside the repository.
    pub number: PullRequestNumber,
    /// Node id.
    pub node_id: NodeId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// The cursor just past it.
    pub cursor: Cursor,
}
