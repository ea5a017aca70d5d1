//! Shows a world as it is now: world lines that a test can compare rows with, and totals.
//!
//! This file must not change anything.

use serde::Serialize;

use super::model::{Issue, PullRequest};
use super::{Repository, World};

/// How much a repository holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub struct Totals {
    pub pull_requests: usize,
    pub reviews: usize,
    pub review_comments: usize,
    pub review_threads: usize,
    pub comments: usize,
    pub commits: usize,
    pub files: usize,
    pub issues: usize,
    pub issue_comments: usize,
}

impl World {
    /// A pull request as it is served now: complete, and with deleted accounts as `null`.
    pub fn pull_request_now(&self, repository: &Repository, number: u32) -> Option<PullRequest> {
        let mut pull = PullRequest::clone(&*repository.pull_request(number)?);
        pull.repository.clone_from(&repository.facts.name_with_owner);
        let ghosts = &self.ghosts;
        let gone = |account: &super::model::Account| ghosts.contains(&account.login);
        let actors = [&mut pull.author, &mut pull.merged_by].into_iter();
        let actors = actors.chain(pull.reviews.iter_mut().map(|review| &mut review.author));
        let actors = actors.chain(pull.review_comments.iter_mut().map(|one| &mut one.author));
        let actors = actors.chain(pull.comments.iter_mut().map(|comment| &mut comment.author));
        for actor in actors.chain(pull.commits.iter_mut().map(|commit| &mut commit.author)) {
            if actor.as_ref().is_some_and(gone) {
                *actor = None;
            }
        }
        pull.assignees.retain(|account| !gone(account));
        pull.review_requests.retain(|account| !gone(account));
        Some(pull)
    }

    /// An issue as a world line, without the line's end; deleted accounts are `null`.
    pub fn issue_line(&self, repository: &Repository, number: u32) -> Option<String> {
        let mut issue = Issue::clone(&**repository.issues.get(&number)?);
        issue.repository.clone_from(&repository.facts.name_with_owner);
        let actors = issue.comments.iter_mut().map(|comment| &mut comment.author);
        for actor in actors.chain([&mut issue.author]) {
            if self.living(actor.as_ref()).is_none() {
                *actor = None;
            }
        }
        issue.assignees.retain(|account| self.living(Some(account)).is_some());
        line("issue", &issue)
    }

    /// A pull request as a world line, without the line's end.
    pub fn pull_request_line(&self, repository: &Repository, number: u32) -> Option<String> {
        let pull = self.pull_request_now(repository, number)?;
        line("pullRequest", &pull)
    }
}

fn line(kind: &str, record: &impl Serialize) -> Option<String> {
    let json = serde_json::to_string(record).ok()?;
    Some(format!("{{\"kind\":\"{kind}\",{}", json.strip_prefix('{')?))
}

impl Repository {
    /// Counts everything; a made repository is made once over for it.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            issues: self.issues.len(),
            issue_comments: self.issues.values().map(|issue| issue.comments.len()).sum(),
            ..Totals::default()
        };
        for pull in self.index.all().filter_map(|entry| self.pull_request(entry.number)) {
            totals.pull_requests += 1;
            totals.reviews += pull.reviews.len();
            totals.review_comments += pull.review_comments.len();
            totals.review_threads += super::threads(&pull).len();
            totals.comments += pull.comments.len();
            totals.commits += pull.commits.len();
            totals.files += pull.files.len();
        }
        totals
    }
}
