//! A chunk of the walk: one list page, and what makes each of its pull requests whole.
//!
//! A page ends early behind enough children. Rounds of follow-ups go on until nothing is lacking;
//! all that a round lacks goes into one request where GitHub's limits and our memory allow. It
//! must not know the store, nor how large a page is best.

use backfill_engine::model::{Cursor, NodeId, Part, PullRequest, RepositoryName};
use backfill_engine::plan::list_points;
use cynic::QueryBuilder;
use serde_json::value::RawValue;
use std::collections::HashMap;

use crate::client::{Client, Query, Spent};
use crate::cost::{MOST_ALIASES, follow_up_points, requests};
use crate::decode::pull_request::Draft;
use crate::error::Error;
use crate::queries::PageInfo;
use crate::queries::list::{ListPullRequests, PullRequestConnection, RepositoryNode};
use crate::queries::overflow::{OPERATION, Wanted, compose};
use crate::queries::pull_request::{PullRequestNode, ReadPullRequest, ReadVariables};
use crate::repository::listed;
use crate::variables_of;

/// Rounds of follow-ups of one chunk: 100,000 children of one kind.
const MOST_ROUNDS: usize = 1_000;

/// What a chunk's children may weigh, as far as GitHub announces them, before it takes another pull
/// request. A page of 50 has some hundred of them as a rule and many thousand at times, and all
/// are held until they are stored.
const ENOUGH_WEIGHT: i64 = 1_500;

/// How much one request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages {
    /// Children a connection on its first page.
    inner: i32,
    /// Children a connection on a later page.
    later: i64,
    /// Connections in one request that follows up.
    connections: usize,
}

impl Pages {
    /// Leaf sizes cost no points (github-api.md 6.1), and 50 leaves about one pull request in a
    /// hundred to a follow-up.
    pub(crate) const USUAL: Self = Self { inner: 50, later: 100, connections: MOST_ALIASES };
    /// For what failed so: one connection at a time.
    pub(crate) const ONE_BY_ONE: Self = Self { inner: 10, later: 100, connections: 1 };
    /// For what failed even so.
    pub(crate) const SMALL: Self = Self { inner: 10, later: 10, connections: 1 };
}

/// Which page of the walk is asked for.
#[derive(Clone, Debug)]
pub struct ChunkRequest<'a> {
    /// Its name, for logs.
    pub repository: &'a RepositoryName,
    /// Its node id: what is asked by.
    pub node_id: &'a NodeId,
    /// Where the page starts; `None` at the top.
    pub after: Option<&'a Cursor>,
    /// Pull requests on the page, 1 to 100.
    pub size: i64,
    /// What is read of each.
    pub parts: &'a [Part],
}

/// A page of the walk with every pull request whole, or its beginning where they have more than
/// about 1,500 children together.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// In GitHub's order, newest first, none left out.
    pub pull_requests: Vec<PullRequest>,
    /// Cursor after the last of them; `None` after an empty page.
    pub end_cursor: Option<Cursor>,
    /// More follow.
    pub has_next_page: bool,
    /// It ends before the page that was asked for.
    pub is_cut: bool,
    /// Response time of the list query, in seconds: what the page size learns from.
    pub list_seconds: f64,
    /// Requests sent.
    pub requests: i64,
    /// Points they cost.
    pub points: i64,
    /// NUL characters and lone surrogates taken out.
    pub removed_characters: i64,
}

impl Client {
    /// Reads one chunk. Fails as a whole: there is no half page. No request is repeated but one
    /// whose connection broke at once, and the pull requests whose children do not add up, which
    /// are read once more by themselves.
    pub async fn chunk(&self, request: &ChunkRequest<'_>) -> Result<Chunk, Error> {
        let mut spent = Spent::default();
        let parts = request.parts;
        let size = i32::try_from(request.size.clamp(1, 100)).unwrap_or(100);
        let variables = ReadVariables {
            first: Some(size),
            after: request.after.map(|cursor| cursor.0.clone()),
            ..read_variables(request.node_id, Pages::USUAL.inner, parts)
        };
        let operation = ListPullRequests::build(variables);
        let query = Query {
            operation: "ListPullRequests",
            text: &operation.query,
            variables: variables_of(&operation)?,
            points: list_points(size.into(), parts),
            floor: self.floor(),
        };
        let answer = self.send(query, &mut spent).await?;
        let list_seconds = answer.seconds;
        let found: ListPullRequests = answer.read()?;
        // The text is as large as what was read from it, and the follow-ups take a while.
        drop(answer);
        let Some(RepositoryNode::Repository(repository)) = found.node else {
            return Err(Error::RepositoryNotFound);
        };
        let (mut drafts, end, is_cut) = begin(repository.pull_requests, request.after)?;
        self.complete(&mut drafts, Pages::USUAL, &mut spent).await?;
        let mut pull_requests = Vec::with_capacity(drafts.len());
        for draft in drafts {
            pull_requests.push(self.counted(draft, parts, &mut spent).await?);
        }
        tracing::debug!(
            repository = %request.repository,
            pull_requests = pull_requests.len(),
            requests = spent.requests,
            points = spent.points,
            "chunk read"
        );
        Ok(Chunk {
            pull_requests,
            end_cursor: end.end_cursor.map(Cursor),
            has_next_page: end.has_next_page,
            is_cut,
            list_seconds,
            requests: spent.requests,
            points: spent.points,
            removed_characters: spent.removed_characters,
        })
    }

    /// The draft of one pull request, with all its pages.
    pub(crate) async fn draft(
        &self,
        node_id: &NodeId,
        parts: &[Part],
        pages: Pages,
        spent: &mut Spent,
    ) -> Result<Draft, Error> {
        let operation = ReadPullRequest::build(read_variables(node_id, pages.inner, parts));
        let query = Query {
            operation: "ReadPullRequest",
            text: &operation.query,
            variables: variables_of(&operation)?,
            points: 1,
            floor: 0,
        };
        let answer = self.send(query, spent).await.map_err(|error| match error {
            Error::RepositoryNotFound => Error::PullRequestNotFound,
            other => other,
        })?;
        let Some(PullRequestNode::PullRequest(node)) = answer.read::<ReadPullRequest>()?.node
        else {
            return Err(Error::PullRequestNotFound);
        };
        let mut drafts = [Draft::begin(node)?];
        self.complete(&mut drafts, pages, spent).await?;
        let [draft] = drafts;
        Ok(draft)
    }

    /// The draft as a whole pull request. One that does not add up changed while it was read, so
    /// it is read once more.
    pub(crate) async fn counted(
        &self,
        draft: Draft,
        parts: &[Part],
        spent: &mut Spent,
    ) -> Result<PullRequest, Error> {
        let node_id = draft.node_id().clone();
        match draft.finish() {
            Err(error @ (Error::Incomplete { .. } | Error::Moved(_))) => {
                tracing::debug!(%error, "reading a pull request once more");
                self.draft(&node_id, parts, Pages::USUAL, spent).await?.finish()
            }
            result => result,
        }
    }

    /// Follows every connection of the drafts to its end.
    async fn complete(
        &self,
        drafts: &mut [Draft],
        pages: Pages,
        spent: &mut Spent,
    ) -> Result<(), Error> {
        for _ in 0..MOST_ROUNDS {
            let round = lacking(drafts, pages.later);
            if round.is_empty() {
                return Ok(());
            }
            for request in requests(round, pages.inner.into(), pages.connections) {
                self.follow_up(drafts, &request, pages.inner, spent).await?;
            }
        }
        Ok(())
    }

    async fn follow_up(
        &self,
        drafts: &mut [Draft],
        request: &[Lacking],
        inner: i32,
        spent: &mut Spent,
    ) -> Result<(), Error> {
        let wanted: Vec<Wanted> = request.iter().map(|page| page.wanted.clone()).collect();
        let (text, variables) = compose(&wanted, inner.into());
        let points = follow_up_points(&wanted);
        let query = Query { operation: OPERATION, text: &text, variables, points, floor: 0 };
        let answer = self.send(query, spent).await?;
        let pages: HashMap<String, &RawValue> = answer.read()?;
        for (at, page) in request.iter().enumerate() {
            let alias = format!("c{at}");
            let found = pages.get(&alias).ok_or_else(|| Error::PartMissing {
                path: alias,
                message: "an alias is missing".to_owned(),
            })?;
            drafts[page.draft].take(page.wanted.slot, found)?;
        }
        Ok(())
    }
}

/// The drafts of a page, where they end, and whether that is before the page does: those behind
/// enough children are the next chunk's.
fn begin(
    page: PullRequestConnection,
    after: Option<&Cursor>,
) -> Result<(Vec<Draft>, PageInfo, bool), Error> {
    let edges = listed(page.edges, &page.page_info, after)?;
    let (mut drafts, mut weight, mut cursor) = (Vec::new(), 0, None);
    for (index, edge) in edges.into_iter().enumerate() {
        let null = || Error::NullNode { index, message: String::new() };
        let edge = edge.ok_or_else(null)?;
        let draft = Draft::begin(edge.node.ok_or_else(null)?)?;
        weight += draft.weight();
        if weight > ENOUGH_WEIGHT && index > 0 {
            return Ok((drafts, PageInfo { has_next_page: true, end_cursor: cursor }, true));
        }
        drafts.push(draft);
        cursor = Some(edge.cursor);
    }
    Ok((drafts, page.page_info, false))
}

/// A page that a draft lacks.
struct Lacking {
    draft: usize,
    wanted: Wanted,
}

impl AsRef<Wanted> for Lacking {
    fn as_ref(&self) -> &Wanted {
        &self.wanted
    }
}

/// The pages that the drafts lack, each of at most `most` children.
fn lacking(drafts: &[Draft], most: i64) -> Vec<Lacking> {
    let each = drafts.iter().enumerate();
    each.flat_map(|(draft, one)| {
        one.wanted().into_iter().map(move |wanted| {
            let first = wanted.first.min(most);
            Lacking { draft, wanted: Wanted { first, ..wanted } }
        })
    })
    .collect()
}

fn read_variables(id: &NodeId, inner: i32, parts: &[Part]) -> ReadVariables {
    ReadVariables {
        id: id.as_str().into(),
        first: None,
        after: None,
        inner,
        reviews: parts.contains(&Part::Reviews),
        review_comments: parts.contains(&Part::ReviewComments),
        comments: parts.contains(&Part::Comments),
        commits: parts.contains(&Part::Commits),
        files: parts.contains(&Part::Files),
    }
}
