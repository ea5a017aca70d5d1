//! From GitHub's accounts to the engine's.
//!
//! An account without a number (`EnterpriseUserAccount`, or whatever GitHub adds) cannot be a
//! row, for logins are re-used: it is taken as a deleted one. Nothing here fails.

use backfill_engine::model::{AccountType, Actor, NodeId};

use crate::queries::actors as asked;

/// The account; `None` where GitHub has none, or gives no number.
pub(crate) fn actor(from: Option<asked::Actor>) -> Option<Actor> {
    let (account_type, id, github_id, login, name, avatar, url) = match from? {
        asked::Actor::User(user) => return user_account(user),
        asked::Actor::Bot(bot) => {
            let asked::Bot { id, database_id, login, avatar_url, url } = bot;
            (AccountType::Bot, id, database_id, login, None, avatar_url, url)
        }
        asked::Actor::Organization(organization) => {
            let asked::Organization { id, database_id, login, avatar_url, url, name } =
                organization;
            (AccountType::Organization, id, database_id, login, name, avatar_url, url)
        }
        asked::Actor::Mannequin(mannequin) => {
            let asked::Mannequin { id, database_id, login, avatar_url, url } = mannequin;
            (AccountType::Mannequin, id, database_id, login, None, avatar_url, url)
        }
        asked::Actor::Other(other) => {
            without_number(&other.login);
            return None;
        }
    };
    let Some(github_id) = github_id else {
        without_number(&login);
        return None;
    };
    Some(Actor {
        account_type,
        github_id: github_id.into(),
        node_id: Some(NodeId(id.into_inner())),
        login,
        display_name: name,
        avatar_url: Some(avatar.0),
        profile_url: Some(url.0),
    })
}

/// A person's account.
pub(crate) fn user_account(user: asked::User) -> Option<Actor> {
    let Some(github_id) = user.database_id else {
        without_number(&user.login);
        return None;
    };
    Some(Actor {
        account_type: AccountType::User,
        github_id: github_id.into(),
        node_id: Some(NodeId(user.id.into_inner())),
        login: user.login,
        display_name: user.name,
        avatar_url: Some(user.avatar_url.0),
        profile_url: Some(user.url.0),
    })
}

fn without_number(login: &str) {
    tracing::debug!(login, "an account has no number and is stored as a deleted one");
}
