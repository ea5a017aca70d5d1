//! GraphQL as GitHub speaks it: documents, prices, cursors, answers and error texts.
//!
//! Nothing here may know HTTP, limits over time, or the fault plan.

pub mod cursor;
pub mod document;
pub mod execute;
pub mod failure;
pub mod object;
pub mod paging;
pub mod plan;
pub mod price;
mod resolve;
mod variables;
mod wording;

/// GitHub's words for a root object that is not there.
pub fn missing(field: &plan::Field) -> failure::Failure {
    let text = |name| field.text(name).unwrap_or_default();
    match field.name.as_str() {
        "repository" => resolve::no_repository(&format!("{}/{}", text("owner"), text("name"))),
        _ => resolve::no_node(text("id")),
    }
}
