//! The state that a stand-in serves: repositories with their history.
//!
//! It comes from files (`load`), from a seed (`crate::synthetic`) and from changes while the
//! server runs (`change`). Nothing here may know GraphQL or HTTP.

mod big;
mod change;
mod complete;
mod dump;
pub mod ids;
pub mod index;
mod load;
pub mod model;
mod moment;
mod repository;
mod text;
mod threads;

use std::collections::{HashMap, HashSet};

pub use dump::Totals;
pub use moment::Moment;
pub use repository::Repository;
pub use text::Text;
pub use threads::{Thread, threads};

use crate::synthetic::Synthetic;
use model::{Account, Issue, PullRequest, RepositoryFacts};

/// What a node id stands for; children carry their own database id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GitHub's own")]
pub enum NodeKind {
    Repository,
    PullRequest,
    Issue,
    Review(u64),
    Thread(u64),
    ReviewComment(u64),
    IssueComment(u64),
}

/// Where a node lives: the repository's slot and the number it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The repository's slot, for [`World::slot`].
    pub slot: usize,
    /// The number of the pull request or issue; 0 for the repository itself.
    pub number: u32,
    /// What it is.
    pub kind: NodeKind,
}

/// Everything a stand-in knows.
#[derive(Debug, Default)]
pub struct World {
    slots: Vec<Option<Repository>>,
    /// Lower-case names, present and former, and the slot each leads to.
    names: HashMap<String, usize>,
    nodes: HashMap<String, Place>,
    ghosts: HashSet<String>,
}

impl World {
    /// The repository of a name; a former name leads there only if renames are followed.
    /// GitHub compares names without case.
    pub fn repository(&self, name: &str, follow_renames: bool) -> Option<(usize, &Repository)> {
        let slot = *self.names.get(&name.to_lowercase())?;
        let repository = self.slot(slot)?;
        let current = repository.facts.name_with_owner.eq_ignore_ascii_case(name);
        (current || follow_renames).then_some((slot, repository))
    }

    /// The repository in a slot, unless it was deleted.
    pub fn slot(&self, slot: usize) -> Option<&Repository> {
        self.slots.get(slot)?.as_ref()
    }

    /// All repositories that are not deleted.
    pub fn repositories(&self) -> impl Iterator<Item = &Repository> {
        self.slots.iter().flatten()
    }

    /// The account, unless it was deleted.
    pub fn living<'a>(&self, account: Option<&'a Account>) -> Option<&'a Account> {
        account.filter(|account| !self.ghosts.contains(&account.login))
    }

    /// Where a node id leads; ids of made pull requests are read, all others looked up.
    pub fn node(&self, id: &str) -> Option<Place> {
        let place = self.nodes.get(id).copied().or_else(|| self.derived_node(id))?;
        let repository = self.slot(place.slot)?;
        let there = match place.kind {
            NodeKind::Repository => true,
            NodeKind::Issue => repository.issues.contains_key(&place.number),
            _ => {
                repository.index.get(place.number).is_some()
                    || repository.issues.contains_key(&place.number)
            }
        };
        there.then_some(place)
    }

    fn derived_node(&self, id: &str) -> Option<Place> {
        let (prefix, repository_id, own) = ids::read_inside(id)?;
        let (slot, repository) = self.slots.iter().enumerate().find_map(|(slot, repository)| {
            let repository = repository.as_ref()?;
            (repository.facts.database_id == repository_id).then_some((slot, repository))
        })?;
        let (parent, kind) = match prefix {
            "PR" => (own, NodeKind::PullRequest),
            "PRR" => (own / ids::CHILDREN_PER_PULL_REQUEST, NodeKind::Review(own)),
            "PRRT" => (own / ids::CHILDREN_PER_PULL_REQUEST, NodeKind::Thread(own)),
            "PRRC" => (own / ids::CHILDREN_PER_PULL_REQUEST, NodeKind::ReviewComment(own)),
            "IC" => (own / ids::CHILDREN_PER_PULL_REQUEST, NodeKind::IssueComment(own)),
            _ => return None,
        };
        let number = repository.index.with_database_id(parent)?.number;
        Some(Place { slot, number, kind })
    }

    /// Adds a repository made from a seed.
    pub fn add_synthetic(&mut self, synthetic: Synthetic) {
        let facts = synthetic.repository();
        self.add(Repository::synthetic(facts, synthetic));
    }

    fn add(&mut self, repository: Repository) -> usize {
        let slot = self.slots.len();
        self.names.insert(repository.facts.name_with_owner.to_lowercase(), slot);
        let place = Place { slot, number: 0, kind: NodeKind::Repository };
        self.nodes.insert(repository.facts.id.clone(), place);
        self.slots.push(Some(repository));
        slot
    }

    /// The slot of a repository that has this name now, added if there is none.
    fn slot_named(&mut self, name: &str) -> usize {
        match self.repository(name, false) {
            Some((slot, _)) => slot,
            None => self.add(Repository::new(RepositoryFacts {
                name_with_owner: name.into(),
                ..RepositoryFacts::default()
            })),
        }
    }

    fn keep_pull_request(
        &mut self,
        slot: usize,
        mut pull: PullRequest,
    ) -> Result<(), crate::Error> {
        let Some(repository) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Err(crate::Error::Absent(pull.repository));
        };
        complete::pull_request(&mut pull, repository.facts.database_id)?;
        let pull = repository.keep(pull);
        let repository_id = repository.facts.database_id;
        let number = pull.number;
        let mut note = |id: String, kind| self.nodes.insert(id, Place { slot, number, kind });
        note(pull.id.clone(), NodeKind::PullRequest);
        for review in &pull.reviews {
            note(review.id.clone(), NodeKind::Review(review.full_database_id));
        }
        for comment in &pull.review_comments {
            note(comment.id.clone(), NodeKind::ReviewComment(comment.full_database_id));
        }
        for comment in &pull.comments {
            note(comment.id.clone(), NodeKind::IssueComment(comment.full_database_id));
        }
        for thread in threads(&pull) {
            let root = pull.review_comments[thread.comments[0]].full_database_id;
            note(ids::inside("PRRT", repository_id, root), NodeKind::Thread(root));
        }
        Ok(())
    }

    fn keep_issue(&mut self, slot: usize, mut issue: Issue) -> Result<(), crate::Error> {
        let Some(repository) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return Err(crate::Error::Absent(issue.repository));
        };
        complete::issue(&mut issue, repository.facts.database_id)?;
        let number = issue.number;
        self.nodes.insert(issue.id.clone(), Place { slot, number, kind: NodeKind::Issue });
        for comment in &issue.comments {
            let kind = NodeKind::IssueComment(comment.full_database_id);
            self.nodes.insert(comment.id.clone(), Place { slot, number, kind });
        }
        repository.issues.insert(number, std::sync::Arc::new(issue));
        Ok(())
    }
}
