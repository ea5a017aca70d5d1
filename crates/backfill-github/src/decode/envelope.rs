//! The outside of a GraphQL answer: `data`, `errors`, or the `message` of a refusal.
//!
//! cynic's own envelope loses GitHub's top-level `type` and fails on a bare `message`, so this
//! one is ours. Must not know what was asked.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::queries::RateLimit;
use crate::queries::resolve::Viewer;

/// An answer, opened but not yet read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Envelope<'a> {
    /// What was asked for, as far as it came.
    #[serde(rename = "data", borrow, default)]
    pub(crate) found: Option<&'a RawValue>,
    /// What went wrong.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) errors: Vec<GraphQlError>,
    /// What a refusal outside GraphQL says.
    #[serde(default)]
    pub(crate) message: Option<String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<GraphQlError>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// One entry of `errors`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct GraphQlError {
    /// GitHub's text.
    #[serde(default)]
    pub(crate) message: String,
    /// GitHub's word for the cause.
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    /// A second word, beside or instead of the first.
    #[serde(default)]
    pub(crate) code: Option<String>,
    /// Field names, aliases and list indices down to what failed.
    #[serde(default)]
    pub(crate) path: Option<Vec<Segment>>,
    /// More words.
    #[serde(default)]
    pub(crate) extensions: Option<Extensions>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Segment {
    /// A place in a list.
    Index(usize),
    /// A field or alias.
    Field(String),
}

/// The extensions that the client reads.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Extensions {
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) saml_failure: bool,
}

impl Segment {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Field(field) if field == name)
    }
}

impl GraphQlError {
    /// One of GitHub's words for this error is `word`.
    pub(crate) fn is(&self, word: &str) -> bool {
        let extension = self.extensions.as_ref().and_then(|more| more.code.as_deref());
        [self.kind.as_deref(), self.code.as_deref(), extension].contains(&Some(word))
    }

    /// The path as people read it.
    pub(crate) fn path_text(&self) -> String {
        let segments = self.path.as_deref().unwrap_or_default().iter();
        let words: Vec<_> = segments
            .map(|segment| match segment {
                Segment::Index(index) => index.to_string(),
                Segment::Field(field) => field.clone(),
            })
            .collect();
        words.join(".")
    }

    /// The place in the list of pull requests that the error lies under.
    pub(crate) fn page_index(&self) -> Option<usize> {
        let path = self.path.as_deref()?;
        path.windows(3).find_map(|steps| match steps {
            [Segment::Field(list), Segment::Field(nodes), Segment::Index(index)]
                if list == "pullRequests" && (nodes == "nodes" || nodes == "edges") =>
            {
                Some(*index)
            }
            _ => None,
        })
    }

    /// The repository that a branch comes from belongs to an organization that shows it to nobody
    /// or not to us. It is missing then, as a deleted one is.
    pub(crate) fn is_only_hidden_head(&self) -> bool {
        let path = self.path.as_deref().unwrap_or_default();
        self.is("FORBIDDEN") && path.iter().any(|step| step.is("headRepository"))
    }
}

/// What an answer tells beside what it was asked for, even one that failed in part.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Told {
    /// The price that it names itself.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Whose the token is, of a query that asks for it.
    pub(crate) viewer: Option<Viewer>,
}

/// What the text of an answer tells so; nothing where it is no answer.
pub(crate) fn told(text: &str) -> Told {
    #[derive(Deserialize)]
    struct Outside {
        #[serde(rename = "data")]
        found: Option<Told>,
    }
    let outside = serde_json::from_str::<Outside>(text).ok();
    outside.and_then(|outside| outside.found).unwrap_or_default()
}
