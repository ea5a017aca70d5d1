//! One repository of a world: its facts, the order of its pull requests, and where each is kept.
//!
//! A pull request is either kept in memory (it came from a file or was changed) or made on
//! demand from a seed. This file must not know GraphQL or HTTP.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::index::{Entry, Index};
use super::model::{Issue, PullRequest, RepositoryFacts};
use super::{complete, ids};
use crate::synthetic::Synthetic;

/// A repository and everything in it.
#[derive(Debug, Default)]
pub struct Repository {
    /// Its own facts, complete.
    pub facts: RepositoryFacts,
    /// Its pull requests in order.
    pub index: Index,
    /// Its issues by number.
    pub issues: BTreeMap<u32, Arc<Issue>>,
    kept: HashMap<u32, Arc<PullRequest>>,
    synthetic: Option<Synthetic>,
}

impl Repository {
    /// A repository with these facts and nothing in it.
    pub fn new(mut facts: RepositoryFacts) -> Self {
        complete::repository(&mut facts);
        Repository { facts, ..Repository::default() }
    }

    /// A repository whose pull requests are made from a seed.
    pub fn synthetic(facts: RepositoryFacts, synthetic: Synthetic) -> Self {
        let mut repository = Repository::new(facts);
        for entry in synthetic.entries() {
            repository.index.put(entry);
        }
        repository.synthetic = Some(synthetic);
        repository
    }

    /// The whole pull request of a number.
    pub fn pull_request(&self, number: u32) -> Option<Arc<PullRequest>> {
        if let Some(kept) = self.kept.get(&number) {
            return Some(Arc::clone(kept));
        }
        let entry = self.index.get(number)?;
        let mut made = self.synthetic.as_ref()?.pull_request(entry);
        made.repository.clone_from(&self.facts.name_with_owner);
        complete::pull_request(&mut made, self.facts.database_id).ok()?;
        Some(Arc::new(made))
    }

    /// The node id of a pull request, without making the rest of it.
    pub fn pull_request_id(&self, entry: &Entry) -> String {
        self.kept.get(&entry.number).map_or_else(
            || ids::inside("PR", self.facts.database_id, entry.database_id),
            |kept| kept.id.clone(),
        )
    }

    /// Keeps a pull request, which must be complete, in place of the one with its number.
    pub fn keep(&mut self, pull: PullRequest) -> Arc<PullRequest> {
        self.index.put(Entry {
            number: pull.number,
            database_id: pull.full_database_id,
            created: pull.created_at,
            updated: pull.updated_at,
            state: pull.state,
        });
        let pull = Arc::new(pull);
        self.kept.insert(pull.number, Arc::clone(&pull));
        pull
    }

    /// Takes a pull request out; `false` if there is none.
    pub fn remove(&mut self, number: u32) -> bool {
        self.kept.remove(&number);
        self.index.remove(number).is_some()
    }
}
