//! Changes a world while it is served: every line of `POST /_standin/world` is one change.
//!
//! Lines of a world file add or update (only the fields given), the other kinds are named in
//! [`CHANGES`]. This file must not know HTTP.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::load::{Kind, parse};
use super::model::{Comment, Issue, PullRequest, RepositoryFacts, Review, ReviewComment};
use super::{Moment, World};
use crate::Error;

/// The kinds of line a change may be.
pub const CHANGES: &str =
    "repository, pullRequest, issue, comment, review, reviewComment, rename, delete, ghost";

/// A record's fields by name, each as its JSON text.
type Fields = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct On {
    repository: String,
    #[serde(default)]
    number: u32,
}

#[derive(Deserialize)]
struct Rename {
    repository: String,
    to: String,
}

#[derive(Deserialize)]
struct Ghost {
    login: String,
}

impl World {
    /// Applies one change at a time `now`, which is what `updatedAt` becomes if not given.
    pub fn change(&mut self, line: &str, now: Moment) -> Result<(), Error> {
        match parse::<Kind>(line, "change")?.kind.as_str() {
            "repository" => self.change_repository(line),
            "pullRequest" => self.change_pull_request(line, now),
            "issue" => self.change_issue(line, now),
            "comment" => self.add_comment(line, now),
            "review" => self.add_to_pull_request(line, now, |pull, mut review: Review| {
                or_now(&mut review.created_at, review.submitted_at.unwrap_or(now));
                pull.reviews.push(review);
            }),
            "reviewComment" => {
                self.add_to_pull_request(line, now, |pull, mut comment: ReviewComment| {
                    or_now(&mut comment.created_at, now);
                    pull.review_comments.push(comment);
                })
            }
            "rename" => self.rename(&parse(line, "rename")?),
            "delete" => self.delete(&parse(line, "delete")?),
            "ghost" => {
                self.ghosts.insert(parse::<Ghost>(line, "ghost")?.login);
                Ok(())
            }
            other => {
                Err(Error::Kind { place: "change".into(), kind: other.into(), allowed: CHANGES })
            }
        }
    }

    fn change_repository(&mut self, line: &str) -> Result<(), Error> {
        let given: RepositoryFacts = parse(line, "repository")?;
        let facts = match self.repository(&given.name_with_owner, false) {
            Some((_, repository)) => merged(&repository.facts, line, &[])?,
            None => given,
        };
        self.put_repository(facts)
    }

    fn change_pull_request(&mut self, line: &str, now: Moment) -> Result<(), Error> {
        let on: On = parse(line, "pullRequest")?;
        let known = self.repository(&on.repository, true);
        let old = known.and_then(|(_, repository)| repository.pull_request(on.number));
        let pull: PullRequest = match old {
            Some(old) => merged(&*old, line, &[("updatedAt", now)])?,
            None => merged(
                &PullRequest { created_at: now, updated_at: now, ..PullRequest::default() },
                line,
                &[],
            )?,
        };
        let slot = self.slot_of(&on.repository);
        self.keep_pull_request(slot, pull)
    }

    fn change_issue(&mut self, line: &str, now: Moment) -> Result<(), Error> {
        let on: On = parse(line, "issue")?;
        let known = self.repository(&on.repository, true);
        let old = known.and_then(|(_, repository)| repository.issues.get(&on.number).cloned());
        let issue: Issue = match old {
            Some(old) => merged(&*old, line, &[("updatedAt", now)])?,
            None => merged(&Issue { created_at: now, ..Issue::default() }, line, &[])?,
        };
        let slot = self.slot_of(&on.repository);
        self.keep_issue(slot, issue)
    }

    fn add_comment(&mut self, line: &str, now: Moment) -> Result<(), Error> {
        let on: On = parse(line, "comment")?;
        let mut comment: Comment = parse(line, "comment")?;
        or_now(&mut comment.created_at, now);
        let issue = self
            .repository(&on.repository, true)
            .and_then(|(slot, repository)| Some((slot, repository.issues.get(&on.number)?)));
        if let Some((slot, issue)) = issue {
            let mut issue = Issue::clone(issue);
            issue.updated_at = comment.created_at.max(issue.updated_at);
            issue.comments.push(comment);
            return self.keep_issue(slot, issue);
        }
        self.add_to_pull_request(line, now, |pull, _: Comment| pull.comments.push(comment))
    }

    fn add_to_pull_request<T: DeserializeOwned>(
        &mut self,
        line: &str,
        now: Moment,
        add: impl FnOnce(&mut PullRequest, T),
    ) -> Result<(), Error> {
        let on: On = parse(line, "change")?;
        let absent = || Error::Absent(format!("pull request {}#{}", on.repository, on.number));
        let (slot, repository) = self.repository(&on.repository, true).ok_or_else(absent)?;
        let mut pull = PullRequest::clone(&*repository.pull_request(on.number).ok_or_else(absent)?);
        add(&mut pull, parse(line, "change")?);
        pull.updated_at = now.max(pull.updated_at);
        self.keep_pull_request(slot, pull)
    }

    fn rename(&mut self, rename: &Rename) -> Result<(), Error> {
        let absent = || Error::Absent(format!("repository {}", rename.repository));
        let (slot, _) = self.repository(&rename.repository, true).ok_or_else(absent)?;
        let repository = self.slots[slot].as_mut().ok_or_else(absent)?;
        repository.facts.name_with_owner.clone_from(&rename.to);
        self.names.insert(rename.to.to_lowercase(), slot);
        Ok(())
    }

    /// Deletes a repository, or one pull request or issue of it.
    fn delete(&mut self, on: &On) -> Result<(), Error> {
        let absent = || Error::Absent(format!("{}#{}", on.repository, on.number));
        let (slot, _) = self.repository(&on.repository, true).ok_or_else(absent)?;
        if on.number == 0 {
            self.slots[slot] = None;
            return Ok(());
        }
        let repository = self.slots[slot].as_mut().ok_or_else(absent)?;
        let was_issue = repository.issues.remove(&on.number).is_some();
        if was_issue || repository.remove(on.number) { Ok(()) } else { Err(absent()) }
    }

    fn slot_of(&mut self, name: &str) -> usize {
        match self.repository(name, true) {
            Some((slot, _)) => slot,
            None => self.slot_named(name),
        }
    }
}

fn or_now(time: &mut Moment, now: Moment) {
    if *time == Moment::default() {
        *time = now;
    }
}

/// The old record with the fields of a line over it, and defaults where the line is silent.
fn merged<T: Serialize + DeserializeOwned>(
    old: &T,
    line: &str,
    defaults: &[(&str, Moment)],
) -> Result<T, Error> {
    let wrong = |source| Error::Line { place: "change".into(), source };
    let old = serde_json::to_string(old).map_err(wrong)?;
    let mut fields: Fields = serde_json::from_str(&old).map_err(wrong)?;
    let given: Fields = serde_json::from_str(line).map_err(wrong)?;
    for (name, time) in defaults {
        let raw = RawValue::from_string(format!("\"{time}\"")).map_err(wrong)?;
        fields.insert((*name).into(), raw);
    }
    fields.extend(given);
    let text = serde_json::to_string(&fields).map_err(wrong)?;
    serde_json::from_str(&text).map_err(wrong)
}
