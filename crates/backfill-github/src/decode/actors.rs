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
        github_id: github_id.0,
        node_id: Some(NodeId(id.into_inner())),
        login,
        display_name: name,
        avatar_url: Some(avatar.0),
        profile_url: Some(url.0),
    })
}

/// What GitHub puts behind an app's name where it answers for it as for a person.
const BOT: &str = "[bot]";

/// The account of a commit's author or of an assignee. GitHub answers with a `User` there even
/// for an app (`dependabot[bot]`), which elsewhere, under the same number, is the `Bot`
/// `dependabot`: one account must not read differently from page to page.
pub(crate) fn user_account(user: asked::User) -> Option<Actor> {
    let Some(github_id) = user.database_id else {
        without_number(&user.login);
        return None;
    };
    let (account_type, login) = match user.login.strip_suffix(BOT) {
        Some(app) => (AccountType::Bot, app.to_owned()),
        None => (AccountType::User, user.login),
    };
    Some(Actor {
        account_type,
        github_id: github_id.0,
        node_id: Some(NodeId(user.id.into_inner())),
        login,
        display_name: user.name,
        avatar_url: Some(user.avatar_url.0),
        profile_url: Some(user.url.0),
    })
}

fn without_number(login: &str) {
    tracing::debug!(login, "an account has no number and is stored as a deleted one");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cynic::Id;

    use super::*;
    use crate::queries::{Uri, WideInt};

    #[test]
    fn an_app_that_comes_as_a_person_is_the_bot_it_is_elsewhere() {
        let read = |login: &str| {
            let user = asked::User {
                id: Id::new("U_1"),
                database_id: Some(WideInt(49_699_333)),
                login: login.to_owned(),
                avatar_url: Uri("https://avatars".to_owned()),
                url: Uri("https://github.com/apps/dependabot".to_owned()),
                name: None,
            };
            let actor = user_account(user).unwrap();
            (actor.account_type, actor.login)
        };
        assert_eq!(read("dependabot[bot]"), (AccountType::Bot, "dependabot".to_owned()));
        assert_eq!(read("mona"), (AccountType::User, "mona".to_owned()));
    }
}
