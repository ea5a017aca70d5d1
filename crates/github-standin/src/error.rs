//! The one error type of this crate: what can go wrong before an answer exists.
//!
//! What GitHub itself would answer with is not an error here but an answer.

use std::path::PathBuf;

/// Why a stand-in did not start, or refused a change of its world, plan or limits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The address could not be bound, or the log not written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line of a world, or a change, is not JSON of the right form.
    #[error("{place}: {source}")]
    Line {
        /// The file and line, or the kind of line.
        place: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A line names a kind that does not exist.
    #[error("{place}: unknown kind {kind:?}; allowed: {allowed}")]
    Kind {
        /// The file and line.
        place: String,
        /// What it said.
        kind: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// A field that must be there is not.
    #[error("{of}: field `{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
        /// The record.
        of: String,
    },
    /// A change speaks of something the world does not hold.
    #[error("the world holds no {0}")]
    Absent(String),
    /// A fault plan names an answer that does not exist.
    #[error("unknown answer {answer:?}; allowed: {allowed}")]
    Answer {
        /// What it said.
        answer: String,
        /// What it may say.
        allowed: String,
    },
    /// `--synthetic` or another argument is not of its form.
    #[error("{what} {given:?}: expected {form}")]
    Argument {
        /// The argument's name.
        what: &'static str,
        /// Its value.
        given: String,
        /// Its form.
        form: &'static str,
    },
    /// The schema that was built in is not valid GraphQL.
    #[error("schema.graphql: {0}")]
    Schema(String),
}
