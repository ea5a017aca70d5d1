//! A pull request while its parts come in, until it is whole.
//!
//! It says which pages it lacks, takes them, and counts its children against GitHub's totals at
//! the end. Must not know how pages are asked for.

#[cfg(test)]
mod tests;

use backfill_engine::model::{
    ChangedFile, Comment, Commit, NodeId, Part, PullRequest, PullRequestNumber, RepositoryName,
    Review,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::actors::actor;
use super::children::{comment, commit, file, id, is_published, review, review_comment};
use super::gathered::{Gathered, Next, counted, distinct};
use super::thread::Thread;
use crate::cost::weight;
use crate::error::Error;
use crate::queries::children as asked;
use crate::queries::overflow::{Slot, Wanted};
use crate::queries::pull_request as page;
use crate::queries::threads;

/// The most that any connection gives at once.
const LARGEST_PAGE: i64 = 100;
/// GitHub lists no more files of a pull request, and counts no more in that list.
const MOST_FILES: i64 = 3_000;

/// The draft of a pull request. A part that was not asked for, or that GitHub does not know, is
/// `None` and will not be `captured`.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Everything but the lists, which are empty until the end.
    shell: PullRequest,
    labels: Gathered<String>,
    assignees: Gathered<String>,
    reviews: Option<Gathered<Review>>,
    comments: Option<Gathered<Comment>>,
    commits: Option<Gathered<Commit>>,
    files: Option<Gathered<ChangedFile>>,
    threads: Option<Gathered<Thread>>,
    /// Its branch moved between two pages.
    has_moved: bool,
}

impl Draft {
    /// The draft as its first page shows it.
    pub(crate) fn begin(from: page::PullRequest) -> Result<Self, Error> {
        let number = i64::from(from.number);
        let labels = from.labels.ok_or_else(|| null_at(format!("#{number}.labels")))?;
        let labels = Gathered::begin(labels, |label| Ok(label.name))?;
        let assignees = Gathered::begin(from.assignees, |user| Ok(user.login))?;
        let reviews =
            from.reviews.map(|all| Gathered::begin(all, |one| review(one, number))).transpose()?;
        let comments = from
            .comments
            .map(|all| Gathered::begin(all, |one| comment(one, number)))
            .transpose()?;
        let commits =
            from.commits.map(|all| Gathered::begin(all, |one| Ok(commit(one)))).transpose()?;
        let files = from.files.map(|all| Gathered::begin(all, |one| Ok(file(one)))).transpose()?;
        let threads = from.review_threads.map(|all| Gathered::announced(all.total_count.into()));
        let shell = PullRequest {
            github_id: id(from.full_database_id, number, "it")?,
            node_id: NodeId(from.id.into_inner()),
            number: PullRequestNumber(number),
            title: from.title,
            body: from.body,
            is_open: from.state == page::PullRequestState::Open,
            is_merged: from.state == page::PullRequestState::Merged,
            is_draft: from.is_draft,
            author: actor(from.author),
            merged_by: actor(from.merged_by),
            created_at: from.created_at,
            updated_at: from.updated_at,
            closed_at: from.closed_at,
            merged_at: from.merged_at,
            base_branch: from.base_ref_name,
            head_branch: from.head_ref_name,
            head_sha: from.head_ref_oid.0,
            base_sha: Some(from.base_ref_oid.0),
            merge_commit_sha: from.merge_commit.map(|commit| commit.oid.0),
            head_repository: from.head_repository.map(|head| RepositoryName(head.name_with_owner)),
            author_association: Some(from.author_association.into_word()),
            milestone: from.milestone.map(|milestone| milestone.title),
            additions: from.additions.into(),
            deletions: from.deletions.into(),
            changed_files: from.changed_files.into(),
            commit_count: either(
                commits.as_ref().map(|all| all.total),
                from.commit_count.map(|all| all.total_count),
            ),
            review_count: either(
                reviews.as_ref().map(|all| all.total),
                from.review_count.map(|all| all.total_count),
            ),
            comment_count: either(
                comments.as_ref().map(|all| all.total),
                from.comment_count.map(|all| all.total_count),
            ),
            html_url: from.url.0,
            labels: Vec::new(),
            assignees: Vec::new(),
            reviews: Vec::new(),
            review_comments: Vec::new(),
            comments: Vec::new(),
            commits: Vec::new(),
            files: Vec::new(),
            captured: Vec::new(),
        };
        let has_moved = false;
        Ok(Self { shell, labels, assignees, reviews, comments, commits, files, threads, has_moved })
    }

    /// Its node id.
    pub(crate) fn node_id(&self) -> &NodeId {
        &self.shell.node_id
    }

    /// What its children weigh in memory, as far as GitHub counts them.
    pub(crate) fn weight(&self) -> i64 {
        let totals = [
            (Slot::Reviews, self.reviews.as_ref().map(|all| all.total)),
            (Slot::Threads, self.threads.as_ref().map(|all| all.total)),
            (Slot::Comments, self.comments.as_ref().map(|all| all.total)),
            (Slot::Commits, self.commits.as_ref().map(|all| all.total)),
            (Slot::Files, self.files.as_ref().map(|all| all.total)),
        ];
        totals.into_iter().map(|(slot, total)| weight(slot, total.unwrap_or(0))).sum()
    }

    /// The pages it still lacks: one of each connection that goes on.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let mut add = |slot, node: &NodeId, (next, left): (&Next, i64)| {
            let after = match next {
                Next::First => None,
                Next::After(cursor) => Some(cursor.clone()),
                Next::Nothing => return,
            };
            let expected = left.clamp(1, LARGEST_PAGE);
            // A hundred threads cost a point, whether they exist or not.
            let first = if slot == Slot::Threads { expected } else { LARGEST_PAGE };
            wanted.push(Wanted { slot, node: node.clone(), after, first, expected });
        };
        let own = &self.shell.node_id;
        let listed = [
            (Slot::Labels, Some(self.labels.rest())),
            (Slot::Assignees, Some(self.assignees.rest())),
            (Slot::Reviews, self.reviews.as_ref().map(Gathered::rest)),
            (Slot::Comments, self.comments.as_ref().map(Gathered::rest)),
            (Slot::Commits, self.commits.as_ref().map(Gathered::rest)),
            (Slot::Files, self.files.as_ref().map(Gathered::rest)),
            (Slot::Threads, self.threads.as_ref().map(Gathered::rest)),
        ];
        for (slot, rest) in listed {
            add(slot, own, rest.unwrap_or((&Next::Nothing, 0)));
        }
        for (at, thread) in self.threads.iter().flat_map(|all| all.found.iter().enumerate()) {
            add(Slot::ThreadComments(at), &thread.id, thread.comments.rest());
        }
        wanted
    }

    /// Takes a page it wanted, as `{"page": …}`.
    pub(crate) fn take(&mut self, slot: Slot, under: &RawValue) -> Result<(), Error> {
        let number = self.shell.number.get();
        let (shell, has_moved) = (&self.shell, &mut self.has_moved);
        match slot {
            Slot::Labels => self
                .labels
                .take::<asked::LabelConnection>(page_of(under, shell, has_moved)?, |label| {
                    Ok(label.name)
                }),
            Slot::Assignees => self
                .assignees
                .take::<asked::UserConnection>(page_of(under, shell, has_moved)?, |user| {
                    Ok(user.login)
                }),
            Slot::Reviews => continued(&mut self.reviews)?
                .take::<asked::PullRequestReviewConnection>(
                    page_of(under, shell, has_moved)?,
                    |one| review(one, number),
                ),
            Slot::Comments => continued(&mut self.comments)?
                .take::<asked::IssueCommentConnection>(page_of(under, shell, has_moved)?, |one| {
                    comment(one, number)
                }),
            Slot::Commits => continued(&mut self.commits)?
                .take::<asked::PullRequestCommitConnection>(
                    page_of(under, shell, has_moved)?,
                    |one| Ok(commit(one)),
                ),
            Slot::Files => continued(&mut self.files)?
                .take::<asked::PullRequestChangedFileConnection>(
                    page_of(under, shell, has_moved)?,
                    |one| Ok(file(one)),
                ),
            Slot::Threads => continued(&mut self.threads)?
                .take::<threads::PullRequestReviewThreadConnection>(
                page_of(under, shell, has_moved)?,
                |one| Thread::begin(one, number),
            ),
            Slot::ThreadComments(at) => {
                let threads = continued(&mut self.threads)?;
                let thread = threads.found.get_mut(at).ok_or_else(unasked)?;
                thread.comments.take::<asked::PullRequestReviewCommentConnection>(
                    page_of(under, shell, has_moved)?,
                    |one| review_comment(one, number),
                )
            }
        }
    }

    /// The whole pull request, or where it does not add up to GitHub's counts.
    pub(crate) fn finish(self) -> Result<PullRequest, Error> {
        let mut whole = self.shell;
        let number = whole.number.get();
        if self.has_moved {
            return Err(Error::Moved(number));
        }
        whole.labels = counted(self.labels, None, number)?;
        // Not counted: GitHub counts apps among them that it does not list.
        whole.assignees = self.assignees.found;
        if let Some(reviews) = self.reviews {
            whole.reviews = distinct(reviews, Part::Reviews, number, |one| one.github_id)?;
            whole.reviews.retain(is_published);
            whole.review_count = i64::try_from(whole.reviews.len()).unwrap_or(i64::MAX);
            whole.captured.push(Part::Reviews);
        }
        if let Some(threads) = self.threads {
            for thread in distinct(threads, Part::ReviewComments, number, Thread::key)? {
                whole.review_comments.extend(thread.finish(number)?);
            }
            whole.captured.push(Part::ReviewComments);
        }
        if let Some(comments) = self.comments {
            whole.comment_count = comments.total;
            whole.comments = distinct(comments, Part::Comments, number, |one| one.github_id)?;
            whole.captured.push(Part::Comments);
        }
        if let Some(commits) = self.commits {
            whole.commit_count = commits.total;
            whole.commits = distinct(commits, Part::Commits, number, |one| one.oid.clone())?;
            whole.captured.push(Part::Commits);
        }
        if let Some(files) = self.files {
            let is_cut = files.total >= MOST_FILES && files.total < whole.changed_files;
            whole.files = distinct(files, Part::Files, number, |one| one.path.clone())?;
            if !is_cut {
                whole.captured.push(Part::Files);
            }
        }
        Ok(whole)
    }
}

/// A count that came with its list or alone.
fn either(listed: Option<i64>, alone: Option<i32>) -> i64 {
    listed.or(alone.map(i64::from)).unwrap_or_default()
}

/// The page, and whether the branch was elsewhere by then.
fn page_of<C: DeserializeOwned>(
    under: &RawValue,
    shell: &PullRequest,
    has_moved: &mut bool,
) -> Result<C, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Under<C> {
        head_ref_oid: Option<String>,
        page: Option<C>,
    }
    let found: Option<Under<C>> =
        serde_json::from_str(under.get()).map_err(|source| Error::Unreadable(source.into()))?;
    let found = found.ok_or(Error::PullRequestNotFound)?;
    *has_moved |= found.head_ref_oid.is_some_and(|head| head != shell.head_sha);
    found.page.ok_or_else(|| null_at(format!("#{}", shell.number)))
}

/// A list that must be there, and no error says why it is not: nobody knows what is in it.
fn null_at(path: String) -> Error {
    Error::PartMissing { path, message: "a connection is null".to_owned() }
}

fn continued<T>(part: &mut Option<Gathered<T>>) -> Result<&mut Gathered<T>, Error> {
    part.as_mut().ok_or_else(unasked)
}

fn unasked() -> Error {
    Error::Unreadable("GitHub answered what was not asked".into())
}
