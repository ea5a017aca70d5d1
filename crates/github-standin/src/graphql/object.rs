//! The things a query can walk through, and what one field of them answers with.
//!
//! This file must not know how a field is found or written.

use std::cell::OnceCell;
use std::sync::Arc;

use super::cursor::Form;
use super::failure::Failure;
use crate::world::index::{Entry, Key};
use crate::world::model::{Account, AccountKind, Issue, Milestone, PullRequest};
use crate::world::{Repository, Text, Thread};

/// A pull request of which only the index entry is known until more is asked for.
#[derive(Clone)]
pub struct Pull<'w> {
    /// Where it stands.
    pub repository: &'w Repository,
    /// Its index entry.
    pub entry: Entry,
    whole: OnceCell<Arc<PullRequest>>,
}

impl<'w> Pull<'w> {
    /// The pull request of an entry.
    pub fn new(repository: &'w Repository, entry: Entry) -> Self {
        Pull { repository, entry, whole: OnceCell::new() }
    }

    /// All of it, made on first use.
    pub fn whole(&self) -> &Arc<PullRequest> {
        self.whole
            .get_or_init(|| self.repository.pull_request(self.entry.number).unwrap_or_default())
    }

    /// The pull request as the place its children hang on.
    pub fn inside(&self) -> Inside<'w> {
        Inside { repository: self.repository, pull: Arc::clone(self.whole()) }
    }
}

/// A whole pull request and its repository: what children need to know of their parent.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Inside<'w> {
    pub repository: &'w Repository,
    pub pull: Arc<PullRequest>,
}

/// What an issue comment hangs on.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub enum Commented<'w> {
    PullRequest(Inside<'w>),
    Issue(&'w Repository, Arc<Issue>),
}

/// A commit: one of a pull request's list, or only an id that something names.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Commit<'w> {
    pub inside: Inside<'w>,
    pub place: Option<usize>,
    pub oid: String,
}

/// Something with fields.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub enum Object<'w> {
    RateLimit,
    Repository(&'w Repository),
    /// A repository outside the world: only its name is known.
    Fork(String),
    Ref(&'w Repository),
    PullRequest(Box<Pull<'w>>),
    Review(Inside<'w>, usize),
    Thread(Inside<'w>, Thread),
    ReviewComment(Inside<'w>, usize),
    IssueComment(Commented<'w>, usize),
    Issue(&'w Repository, Arc<Issue>),
    PullRequestCommit(Inside<'w>, usize),
    Commit(Commit<'w>),
    CommitAuthor(Commit<'w>),
    ChangedFile(Inside<'w>, usize),
    ReviewRequest(Inside<'w>, usize),
    Label(&'w Repository, Text),
    Milestone(&'w Repository, Milestone),
    Account(Account),
    Connection(Box<Connection<'w>>),
    Edge(Box<Row<'w>>),
    PageEnds(PageEnds),
}

/// A row of a connection: what cursor it has, and the node.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Row<'w> {
    pub key: Key,
    pub form: Form,
    pub node: Object<'w>,
}

impl Row<'_> {
    /// The row's cursor.
    pub fn cursor(&self) -> String {
        match &self.node {
            Object::Label(_, name) => self.form.write(self.key, &name.decoded()),
            _ => self.form.write(self.key, ""),
        }
    }
}

/// One page of a connection.
#[derive(Clone)]
pub struct Connection<'w> {
    /// How many rows there are on all pages.
    pub total: usize,
    /// The page's rows.
    pub rows: Vec<Row<'w>>,
    /// Something comes before the page.
    pub more_before: bool,
    /// Something comes after the page.
    pub more_after: bool,
}

/// `PageInfo`.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct PageEnds {
    pub start: Option<String>,
    pub end: Option<String>,
    pub more_before: bool,
    pub more_after: bool,
}

impl Object<'_> {
    /// The name of the GraphQL type; empty where the schema leaves only one choice.
    pub fn type_name(&self) -> &'static str {
        match self {
            Object::Repository(_) | Object::Fork(_) => "Repository",
            Object::PullRequest(_) => "PullRequest",
            Object::Review(..) => "PullRequestReview",
            Object::Thread(..) => "PullRequestReviewThread",
            Object::ReviewComment(..) => "PullRequestReviewComment",
            Object::IssueComment(..) => "IssueComment",
            Object::Issue(..) => "Issue",
            Object::Account(account) => match account.kind {
                AccountKind::User => "User",
                AccountKind::Bot => "Bot",
                AccountKind::Organization => "Organization",
                AccountKind::Mannequin => "Mannequin",
                AccountKind::EnterpriseUserAccount => "EnterpriseUserAccount",
            },
            _ => "",
        }
    }
}

/// What a field answers with.
pub enum Answer<'w> {
    /// Nothing.
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text that must still be escaped.
    Text(String),
    /// JSON that is ready to be written.
    Literal(String),
    /// Something with fields.
    Object(Object<'w>),
    /// A list; `None` stands for null.
    List(Vec<Option<Object<'w>>>),
    /// The failures of a list's places, in place of some of its objects.
    Partial(Vec<Result<Object<'w>, Failure>>),
    /// An error.
    Failed(Failure),
}

impl<'w> Answer<'w> {
    /// The object if there is one.
    pub fn object(object: Option<Object<'w>>) -> Self {
        object.map_or(Answer::Null, Answer::Object)
    }

    /// Text of the world.
    pub fn of(text: &Text) -> Self {
        Answer::Literal(text.literal().to_owned())
    }

    /// Anything that shows itself as a text.
    pub fn text(text: impl std::fmt::Display) -> Self {
        Answer::Text(text.to_string())
    }

    /// The text if there is one.
    pub fn texts(text: Option<impl std::fmt::Display>) -> Self {
        text.map_or(Answer::Null, Answer::text)
    }

    /// A count.
    pub fn count(count: usize) -> Self {
        Answer::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// `databaseId`, as it is: GitHub declares 32 bits and sends more.
    pub fn database_id(id: u64) -> Self {
        Answer::Literal(id.to_string())
    }
}
