//! What we ask GitHub: one query a file, each a struct whose text cynic derives.
//!
//! The structs are checked against `schemas/github.graphql` when they are compiled. They must
//! not know HTTP, the budget, or how answers become the engine's model (`decode` does that).

pub(crate) mod actors;
pub(crate) mod children;
pub(crate) mod index;
pub(crate) mod list;
pub(crate) mod overflow;
pub(crate) mod pull_request;
pub(crate) mod resolve;
#[cfg(test)]
mod tests;
pub(crate) mod threads;

use serde::Deserialize;

/// The markers that cynic derives from the trimmed schema.
#[cynic::schema("github")]
pub(crate) mod schema {}

cynic::impl_scalar!(jiff::Timestamp, schema::DateTime);

/// A 64-bit number: GitHub sends it as text, since JSON numbers lose digits beyond 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BigInt(pub(crate) i64);
cynic::impl_scalar!(BigInt, schema::BigInt);

impl<'de> Deserialize<'de> for BigInt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// An `Int` that may be larger than GraphQL's 32 bits: GitHub sends a `databaseId` as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct WideInt(pub(crate) i64);
impl cynic::schema::IsScalar<i32> for WideInt {
    type SchemaType = i32;
}

/// A date by somebody's own clock. Git allows dates that no calendar has: those are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnyDate(pub(crate) Option<jiff::Timestamp>);
cynic::impl_scalar!(AnyDate, schema::DateTime);

impl<'de> Deserialize<'de> for AnyDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(Self(text.and_then(|text| text.parse().ok())))
    }
}

/// A URL.
#[derive(cynic::Scalar, Clone, Debug)]
#[cynic(graphql_type = "URI")]
pub(crate) struct Uri(pub(crate) String);

/// A Git object id in hexadecimal.
#[derive(cynic::Scalar, Clone, Debug)]
#[cynic(graphql_type = "GitObjectID")]
pub(crate) struct ObjectId(pub(crate) String);

/// The price of the query it stands in, and what is left after it.
#[derive(cynic::QueryFragment, Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) cost: i32,
    pub(crate) limit: i32,
    pub(crate) remaining: i32,
    pub(crate) used: i32,
    pub(crate) reset_at: jiff::Timestamp,
}

/// Where a page ends.
#[derive(cynic::QueryFragment, Clone, Debug)]
pub(crate) struct PageInfo {
    pub(crate) has_next_page: bool,
    pub(crate) end_cursor: Option<String>,
}

/// The number of things in a connection, without the things.
macro_rules! count_only {
    ($name:ident, $graphql_type:tt) => {
        #[doc = concat!("How many there are in a `", $graphql_type, "`.")]
        #[derive(cynic::QueryFragment, Clone, Debug)]
        #[cynic(graphql_type = $graphql_type)]
        pub(crate) struct $name {
            pub(crate) total_count: i32,
        }
    };
}
count_only!(ReviewCount, "PullRequestReviewConnection");
count_only!(ThreadCount, "PullRequestReviewThreadConnection");
count_only!(CommentCount, "IssueCommentConnection");
count_only!(CommitCount, "PullRequestCommitConnection");

/// The selection that cynic derives for `Fragment`, braces included: the body of a named
/// fragment of a composed query.
pub(crate) fn selection_of<Fragment, Variables>() -> String
where
    Fragment: cynic::QueryFragment,
    Variables: cynic::QueryVariables,
{
    let document = cynic::queries::build_executable_document::<Fragment, Variables>(
        cynic::queries::OperationType::Query,
        None,
        std::collections::HashSet::new(),
        None,
    );
    let body = document.find('{').map_or("", |at| &document[at..]);
    body.trim_end().to_owned()
}
