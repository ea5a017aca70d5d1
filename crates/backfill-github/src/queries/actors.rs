//! The accounts behind what was written: GitHub's `Actor` interface by its five types.
//!
//! Must not decide what a missing account means; `decode::actors` does.

use super::{Uri, WideInt, schema};

macro_rules! account {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* }) => {
        $(#[$doc])*
        #[derive(cynic::QueryFragment, Clone, Debug)]
        pub(crate) struct $name {
            pub(crate) id: cynic::Id,
            pub(crate) database_id: Option<WideInt>,
            pub(crate) login: String,
            pub(crate) avatar_url: Uri,
            pub(crate) url: Uri,
            $(pub(crate) $field: Option<String>,)*
        }
    };
}
account! {
    /// A person's account.
    User { name }
}
account! {
    /// A GitHub App acting as itself.
    Bot {}
}
account! {
    /// An organization.
    Organization { name }
}
account! {
    /// A placeholder left by an import.
    Mannequin {}
}

/// What is known of an account of any other type.
#[derive(cynic::QueryFragment, Clone, Debug)]
#[cynic(graphql_type = "Actor")]
pub(crate) struct OtherActor {
    pub(crate) login: String,
}

/// Who did something.
#[derive(cynic::InlineFragments, Clone, Debug)]
pub(crate) enum Actor {
    User(User),
    Bot(Bot),
    Organization(Organization),
    Mannequin(Mannequin),
    /// `EnterpriseUserAccount`, which has no number, and whatever GitHub adds.
    #[cynic(fallback)]
    Other(OtherActor),
}
