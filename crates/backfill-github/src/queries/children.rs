//! What hangs under a pull request: one connection type and one node type for each part.
//!
//! Must not know in which query a connection stands; threads are in `threads`.

use jiff::Timestamp;

use super::actors::{Actor, User};
use super::{AnyDate, BigInt, ObjectId, PageInfo, Uri, schema};

/// One page of a connection.
pub(crate) trait Connection {
    /// What it holds.
    type Node;
    /// GitHub's count of all pages, where the next page starts, and the nodes of this one.
    /// Null nodes are left out: the count tells that they were there.
    fn into_page(self) -> (i64, PageInfo, Vec<Self::Node>);
}

macro_rules! connection {
    ($name:ident of $node:ty) => {
        #[doc = concat!("One page of a `", stringify!($name), "`.")]
        #[derive(cynic::QueryFragment, Clone, Debug)]
        pub(crate) struct $name {
            pub(crate) total_count: i32,
            pub(crate) page_info: PageInfo,
            pub(crate) nodes: Option<Vec<Option<$node>>>,
        }

        impl Connection for $name {
            type Node = $node;
            fn into_page(self) -> (i64, PageInfo, Vec<$node>) {
                let nodes = self.nodes.unwrap_or_default().into_iter().flatten().collect();
                (self.total_count.into(), self.page_info, nodes)
            }
        }
    };
}
connection!(LabelConnection of Label);
connection!(UserConnection of Assignee);
connection!(PullRequestReviewConnection of PullRequestReview);
connection!(PullRequestReviewCommentConnection of PullRequestReviewComment);
connection!(IssueCommentConnection of IssueComment);
connection!(PullRequestCommitConnection of PullRequestCommit);
connection!(PullRequestChangedFileConnection of PullRequestChangedFile);

/// A word of one of GitHub's enums, kept as it is: a new word must not fail a page.
///
/// cynic wants one known word at least; the others come by the fallback.
macro_rules! word {
    ($name:ident, $known:ident = $text:literal) => {
        #[doc = concat!("A word of GitHub's `", stringify!($name), "`.")]
        #[derive(cynic::Enum, Clone, Debug)]
        #[cynic(non_exhaustive)]
        pub(crate) enum $name {
            #[doc = concat!("`", $text, "`.")]
            $known,
            /// Any other.
            #[cynic(fallback)]
            Other(String),
        }

        impl $name {
            /// The word.
            pub(crate) fn into_word(self) -> String {
                match self {
                    Self::$known => $text.to_owned(),
                    Self::Other(word) => word,
                }
            }
        }
    };
}
word!(PullRequestReviewState, Commented = "COMMENTED");
word!(PullRequestReviewCommentState, Submitted = "SUBMITTED");
word!(PatchStatus, Modified = "MODIFIED");
word!(DiffSide, Right = "RIGHT");
word!(CommentAuthorAssociation, None = "NONE");

/// A label.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct Label {
    pub(crate) name: String,
}

/// Somebody a pull request is assigned to.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "User")]
pub(crate) struct Assignee {
    pub(crate) login: String,
}

/// The object id of a commit.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "Commit")]
pub(crate) struct CommitRef {
    pub(crate) oid: ObjectId,
}

/// A review.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct PullRequestReview {
    pub(crate) full_database_id: Option<BigInt>,
    pub(crate) author: Option<Actor>,
    pub(crate) state: PullRequestReviewState,
    pub(crate) body: String,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) commit: Option<CommitRef>,
    pub(crate) url: Uri,
}

/// The numbers of a review.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "PullRequestReview")]
pub(crate) struct ReviewRef {
    pub(crate) full_database_id: Option<BigInt>,
}

/// The numbers of a review comment.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "PullRequestReviewComment")]
pub(crate) struct ReviewCommentRef {
    pub(crate) full_database_id: Option<BigInt>,
}

/// A comment on a line of the change.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct PullRequestReviewComment {
    pub(crate) full_database_id: Option<BigInt>,
    pub(crate) author: Option<Actor>,
    pub(crate) state: PullRequestReviewCommentState,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) pull_request_review: Option<ReviewRef>,
    pub(crate) reply_to: Option<ReviewCommentRef>,
    pub(crate) path: String,
    pub(crate) position: Option<i32>,
    pub(crate) diff_hunk: String,
    pub(crate) commit: Option<CommitRef>,
    pub(crate) url: Uri,
}

/// A comment in the conversation.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct IssueComment {
    pub(crate) full_database_id: Option<BigInt>,
    pub(crate) author: Option<Actor>,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) url: Uri,
}

/// A commit's place in a pull request.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct PullRequestCommit {
    pub(crate) commit: Commit,
}

/// A commit.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) oid: ObjectId,
    pub(crate) message: String,
    pub(crate) authored_date: AnyDate,
    pub(crate) author: Option<GitActor>,
}

/// The name on a commit, and the account it belongs to where GitHub knows it.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct GitActor {
    pub(crate) user: Option<User>,
}

/// A file that a pull request changes.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct PullRequestChangedFile {
    pub(crate) path: String,
    pub(crate) additions: i32,
    pub(crate) deletions: i32,
    pub(crate) change_type: PatchStatus,
}
