//! Reads world files: NDJSON, plain or gzip, lines in any order.
//!
//! This file must not know changes of a running world.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::World;
use super::model::{Issue, PullRequest, RepositoryFacts};
use crate::Error;

/// What a world line says it is.
#[derive(Deserialize)]
pub(super) struct Kind {
    pub(super) kind: String,
}

pub(super) fn parse<'a, T: Deserialize<'a>>(line: &'a str, place: &str) -> Result<T, Error> {
    serde_json::from_str(line).map_err(|source| Error::Line { place: place.into(), source })
}

impl World {
    /// Reads one file into the world. Repositories are added before what stands in them.
    pub fn load(&mut self, path: &Path) -> Result<(), Error> {
        let read = |source| Error::Read { path: path.into(), source };
        let file = std::fs::File::open(path).map_err(read)?;
        let mut plain = BufReader::new(file);
        let zipped = plain.fill_buf().map_err(read)?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn Read> =
            if zipped { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) };
        let mut lines = Vec::new();
        for line in BufReader::new(bytes).lines() {
            lines.push(line.map_err(read)?);
        }
        self.load_lines(&lines, &path.display().to_string())
    }

    /// Reads world lines; `place` names their origin in errors.
    pub fn load_lines(&mut self, lines: &[String], place: &str) -> Result<(), Error> {
        let (mut pulls, mut issues) = (Vec::new(), Vec::new());
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{place}:{}", at + 1);
            match parse::<Kind>(line, &place)?.kind.as_str() {
                "repository" => self.put_repository(parse(line, &place)?)?,
                "pullRequest" => pulls.push(parse::<PullRequest>(line, &place)?),
                "issue" => issues.push(parse::<Issue>(line, &place)?),
                other => {
                    let allowed = "repository, pullRequest, issue";
                    return Err(Error::Kind { place, kind: other.into(), allowed });
                }
            }
        }
        for pull in pulls {
            let slot = self.slot_named(&pull.repository);
            self.keep_pull_request(slot, pull)?;
        }
        for issue in issues {
            let slot = self.slot_named(&issue.repository);
            self.keep_issue(slot, issue)?;
        }
        Ok(())
    }

    /// Adds a repository, or replaces the facts of the one that has this name now.
    pub(super) fn put_repository(&mut self, mut facts: RepositoryFacts) -> Result<(), Error> {
        if facts.name_with_owner.split('/').filter(|part| !part.is_empty()).count() != 2 {
            return Err(Error::Argument {
                what: "nameWithOwner",
                given: facts.name_with_owner,
                form: "owner/name",
            });
        }
        match self.repository(&facts.name_with_owner, false).map(|(slot, _)| slot) {
            None => {
                self.add(super::Repository::new(facts));
            }
            Some(slot) => {
                if let Some(repository) = self.slots[slot].as_mut() {
                    facts.database_id = repository.facts.database_id;
                    facts.id.clone_from(&repository.facts.id);
                    repository.facts = facts;
                }
            }
        }
        Ok(())
    }
}
