//! What is asked about a repository as a whole: who it is, and its light list.

use backfill_engine::model::{
    Cursor, IndexEntry, NodeId, PullRequestNumber, Repository, RepositoryName,
};
use cynic::QueryBuilder;

use crate::client::{Client, Query, Spent};
use crate::error::Error;
use crate::queries::PageInfo;
use crate::queries::index::{IndexPullRequests, IndexVariables, IndexedNode};
use crate::queries::resolve::{ResolveRepository, ResolveVariables};
use crate::variables_of;

/// The newest pull requests whose average number of files tells the first page size.
const SAMPLE: i32 = 20;

/// What one look at a repository tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The repository, under its present name.
    pub repository: Repository,
    /// Files changed on average in the newest 20 pull requests; `None` where there are none.
    pub mean_changed_files: Option<f64>,
}

/// One page of the light list, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its rows.
    pub entries: Vec<IndexEntry>,
    /// Cursor after the page; `None` after an empty one.
    pub end_cursor: Option<Cursor>,
    /// More follow.
    pub has_next_page: bool,
    /// GitHub's count of the whole list.
    pub total_count: i64,
}

impl Client {
    /// Looks a repository up by name: one query of one point. A rename is followed; a repository
    /// that is not there or that the credential cannot see is [`Error::RepositoryNotFound`].
    ///
    /// Where one of the newest pull requests cannot be read, a second query does without them.
    pub async fn resolve(&self, name: &RepositoryName) -> Result<Resolved, Error> {
        match self.resolve_sampled(name, true).await {
            Err(error) if error.is_size_related() => self.resolve_sampled(name, false).await,
            other => other,
        }
    }

    async fn resolve_sampled(
        &self,
        name: &RepositoryName,
        sampled: bool,
    ) -> Result<Resolved, Error> {
        let variables = ResolveVariables {
            owner: name.owner().to_owned(),
            name: name.name().to_owned(),
            sample: if sampled { SAMPLE } else { 1 },
            sampled,
        };
        let operation = ResolveRepository::build(variables);
        let query = Query {
            operation: "ResolveRepository",
            text: &operation.query,
            variables: variables_of(&operation)?,
            points: 1,
            floor: 0,
        };
        let answer = self.send(query, &mut Spent::default()).await?;
        let found: ResolveRepository = answer.read()?;
        let from = found.repository.ok_or(Error::RepositoryNotFound)?;
        if from.is_disabled {
            return Err(Error::RepositoryBlocked);
        }
        let sample = from.pull_requests.nodes.unwrap_or_default().into_iter().flatten();
        let sizes: Vec<f64> = sample.map(|one| f64::from(one.changed_files)).collect();
        let repository = Repository {
            github_id: from
                .database_id
                .map(|id| id.0)
                .ok_or_else(|| Error::Unreadable("the repository has no databaseId".into()))?,
            node_id: NodeId(from.id.into_inner()),
            name: RepositoryName(from.name_with_owner),
            is_private: from.is_private,
            is_archived: from.is_archived,
            default_branch: from.default_branch_ref.map(|branch| branch.name),
            pull_request_count: from.pull_requests.total_count.into(),
        };
        let mean_changed_files = mean(&sizes);
        Ok(Resolved { repository, mean_changed_files })
    }

    /// One page of `first` (1 to 100) rows of the light list, in the order of the walk: one
    /// point, of which `floor` must be left after it. Its cursors are the walk's. Where GitHub
    /// cannot answer for so many, fewer come.
    pub async fn index(
        &self,
        repository: &NodeId,
        after: Option<&Cursor>,
        first: i64,
        floor: i64,
    ) -> Result<Index, Error> {
        let mut first = first.clamp(1, 100);
        loop {
            match self.index_page(repository, after, first, floor).await {
                Err(error) if error.is_size_related() && first > 1 => first /= 2,
                other => return other,
            }
        }
    }

    async fn index_page(
        &self,
        repository: &NodeId,
        after: Option<&Cursor>,
        first: i64,
        floor: i64,
    ) -> Result<Index, Error> {
        let variables = IndexVariables {
            id: repository.as_str().into(),
            first: i32::try_from(first).unwrap_or(100),
            after: after.map(|cursor| cursor.0.clone()),
        };
        let operation = IndexPullRequests::build(variables);
        let query = Query {
            operation: "IndexPullRequests",
            text: &operation.query,
            variables: variables_of(&operation)?,
            points: 1,
            floor,
        };
        let found: IndexPullRequests = self.send(query, &mut Spent::default()).await?.read()?;
        let Some(IndexedNode::Repository(from)) = found.node else {
            return Err(Error::RepositoryNotFound);
        };
        let page = from.pull_requests;
        let edges = listed(page.edges, &page.page_info, after)?;
        let mut entries = Vec::new();
        for (index, edge) in edges.into_iter().enumerate() {
            let null = || Error::NullNode { index, message: String::new() };
            let edge = edge.ok_or_else(null)?;
            let node = edge.node.ok_or_else(null)?;
            entries.push(IndexEntry {
                number: PullRequestNumber(node.number.into()),
                node_id: NodeId(node.id.into_inner()),
                created_at: node.created_at,
                cursor: Cursor(edge.cursor),
            });
        }
        Ok(Index {
            entries,
            end_cursor: page.page_info.end_cursor.map(Cursor),
            has_next_page: page.page_info.has_next_page,
            total_count: page.total_count.into(),
        })
    }
}

/// The rows of a page of the repository's list. Without rows, or with a cursor that stands still
/// where more follow, it says nothing: taken for a page, a walk would end early or never.
pub(crate) fn listed<T>(
    rows: Option<Vec<T>>,
    page_info: &PageInfo,
    after: Option<&Cursor>,
) -> Result<Vec<T>, Error> {
    let end = page_info.end_cursor.as_deref();
    let stands_still = end.is_none() || end == after.map(Cursor::as_str);
    let message = match rows {
        Some(rows) if !(page_info.has_next_page && stands_still) => return Ok(rows),
        Some(_) => "the cursor stands still",
        None => "the list is null",
    };
    Err(Error::PartMissing { path: "pullRequests".to_owned(), message: message.to_owned() })
}

fn mean(sizes: &[f64]) -> Option<f64> {
    let count = u32::try_from(sizes.len()).ok().filter(|count| *count > 0)?;
    Some(sizes.iter().sum::<f64>() / f64::from(count))
}
