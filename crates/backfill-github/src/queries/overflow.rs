//! `CompletePullRequests`: everything that a chunk still lacks, in one aliased query a round.
//!
//! cynic has no aliases made at run time, so the text is composed here; what stands inside each
//! connection is the selection that cynic derives, so the two cannot drift apart.

use backfill_engine::model::NodeId;
use serde_json::{Map, Value, json};

use super::children::{
    IssueCommentConnection, LabelConnection, PullRequestChangedFileConnection,
    PullRequestCommitConnection, PullRequestReviewCommentConnection, PullRequestReviewConnection,
    UserConnection,
};
use super::threads::{PullRequestReviewThreadConnection, ThreadVariables};
use super::{RateLimit, selection_of};

/// A connection that can be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// Labels of a pull request.
    Labels,
    /// Who it is assigned to.
    Assignees,
    /// Its reviews.
    Reviews,
    /// Comments of its conversation.
    Comments,
    /// Its commits.
    Commits,
    /// Its files.
    Files,
    /// Its review threads, each with the first page of its comments.
    Threads,
    /// Comments of the thread with this place in the pull request's list.
    ThreadComments(usize),
}

impl Slot {
    /// Type it hangs under, its field, and the name and type of its fragment.
    fn shape(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Labels => ("PullRequest", "labels", "LabelConnection"),
            Self::Assignees => ("PullRequest", "assignees", "UserConnection"),
            Self::Reviews => ("PullRequest", "reviews", "PullRequestReviewConnection"),
            Self::Comments => ("PullRequest", "comments", "IssueCommentConnection"),
            Self::Commits => ("PullRequest", "commits", "PullRequestCommitConnection"),
            Self::Files => ("PullRequest", "files", "PullRequestChangedFileConnection"),
            Self::Threads => ("PullRequest", "reviewThreads", "PullRequestReviewThreadConnection"),
            Self::ThreadComments(_) => {
                ("PullRequestReviewThread", "comments", "PullRequestReviewCommentConnection")
            }
        }
    }

    /// A push changes it, and its cursors are mere places in the list.
    fn follows_head(self) -> bool {
        matches!(self, Self::Commits | Self::Files)
    }

    /// What is selected of one of its pages.
    fn selection(self) -> String {
        match self {
            Self::Labels => selection_of::<LabelConnection, ()>(),
            Self::Assignees => selection_of::<UserConnection, ()>(),
            Self::Reviews => selection_of::<PullRequestReviewConnection, ()>(),
            Self::Comments => selection_of::<IssueCommentConnection, ()>(),
            Self::Commits => selection_of::<PullRequestCommitConnection, ()>(),
            Self::Files => selection_of::<PullRequestChangedFileConnection, ()>(),
            Self::Threads => selection_of::<PullRequestReviewThreadConnection, ThreadVariables>(),
            Self::ThreadComments(_) => selection_of::<PullRequestReviewCommentConnection, ()>(),
        }
    }
}

/// One page that is still to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The connection.
    pub(crate) slot: Slot,
    /// Node id of the pull request or thread it hangs under.
    pub(crate) node: NodeId,
    /// Cursor before the page; `None` for the first.
    pub(crate) after: Option<String>,
    /// Page size, 1 to 100.
    pub(crate) first: i64,
    /// How many it will bring, as far as GitHub's count tells, 1 to 100.
    pub(crate) expected: i64,
}

/// The name in the query's text, by which faults, logs and counts know it.
pub(crate) const OPERATION: &str = "CompletePullRequests";

/// The text and the variables of one request; the page of `wanted[i]` comes back as `c<i>.page`.
pub(crate) fn compose(wanted: &[Wanted], inner: i64) -> (String, Value) {
    let mut declared = Vec::new();
    let mut fields = Vec::new();
    let mut fragments = std::collections::BTreeMap::new();
    let mut variables = Map::new();
    for (at, page) in wanted.iter().enumerate() {
        let (parent, field, fragment) = page.slot.shape();
        let head = if page.slot.follows_head() { "headRefOid " } else { "" };
        declared.push(format!("$n{at}: ID!, $f{at}: Int!, $a{at}: String"));
        fields.push(format!(
            "  c{at}: node(id: $n{at}) {{ ... on {parent} {{ \
             {head}page: {field}(first: $f{at}, after: $a{at}) {{ ...{fragment} }} }} }}\n"
        ));
        fragments.entry(fragment).or_insert_with(|| page.slot.selection());
        variables.insert(format!("n{at}"), json!(page.node));
        variables.insert(format!("f{at}"), json!(page.first));
        variables.insert(format!("a{at}"), json!(page.after));
    }
    if wanted.iter().any(|page| page.slot == Slot::Threads) {
        declared.push("$inner: Int!".to_owned());
        variables.insert("inner".to_owned(), json!(inner));
    }
    let rate_limit = selection_of::<RateLimit, ()>();
    let declared = declared.join(", ");
    let mut parts = vec![format!(
        "query {OPERATION}({declared}) {{
  rateLimit {rate_limit}
"
    )];
    parts.append(&mut fields);
    parts.push(
        "}
"
        .to_owned(),
    );
    for (fragment, selection) in fragments {
        parts.push(format!(
            "fragment {fragment} on {fragment} {selection}
"
        ));
    }
    (parts.concat(), Value::Object(variables))
}
