//! Names and numbers that must not be swapped for one another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text as GitHub gave it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The bare number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }
    };
}

text_id! {
    /// GitHub's global node id. Opaque; old and new forms occur in one repository's history.
    NodeId
}
text_id! {
    /// A cursor of `pullRequests(orderBy: CREATED_AT DESC)`. Opaque, never expires, and belongs
    /// to one repository and this one order.
    Cursor
}
text_id! {
    /// `owner/name`, as GitHub spells it (`nameWithOwner`).
    RepositoryName
}
number_id! {
    /// The number of a pull request inside its repository, from 1.
    PullRequestNumber
}
number_id! {
    /// The fencing epoch of a lease: grows by one at each acquire, so that a late writer loses.
    Epoch
}
number_id! {
    /// GraphQL rate-limit points.
    Points
}

impl RepositoryName {
    /// The part before the slash; the whole text where there is none.
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(owner, _)| owner)
    }

    /// The part after the slash; empty where there is none.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}
