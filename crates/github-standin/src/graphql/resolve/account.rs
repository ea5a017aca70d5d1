//! Accounts of every kind.
//!
//! This file must not know what an account wrote.

use super::super::execute::Scene;
use super::super::object::{Answer, Object};
use super::super::plan::Field;
use super::{WEB, unknown};
use crate::world::ids;
use crate::world::model::{Account, AccountKind};

/// The actor, or null if the account was deleted.
pub fn actor<'w>(scene: &Scene<'w>, account: Option<&Account>) -> Answer<'w> {
    Answer::object(scene.world.living(account).cloned().map(Object::Account))
}

/// The owner of a name like `owner/repository`.
pub fn owner<'w>(login: &str, kind: Option<AccountKind>) -> Answer<'w> {
    Answer::Object(Object::Account(Account {
        kind: kind.unwrap_or(AccountKind::Organization),
        login: login.into(),
        database_id: ids::hashed(login),
    }))
}

pub fn account<'w>(account: &Account, field: &Field) -> Answer<'w> {
    let login = &account.login;
    match field.name.as_str() {
        "id" => Answer::Text(ids::account(account.kind, account.database_id)),
        "databaseId" => Answer::database_id(account.database_id),
        "login" | "name" => Answer::text(login),
        "email" if account.kind == AccountKind::User => Answer::text(""),
        "email" => Answer::Null,
        "avatarUrl" => {
            let size = field.number("size").map(|size| format!("&s={size}")).unwrap_or_default();
            let id = account.database_id;
            Answer::Text(format!("https://avatars.githubusercontent.com/u/{id}?v=4{size}"))
        }
        "url" if account.kind == AccountKind::Bot => Answer::Text(format!("{WEB}/apps/{login}")),
        "url" => Answer::Text(format!("{WEB}/{login}")),
        "resourcePath" if account.kind == AccountKind::Bot => {
            Answer::Text(format!("/apps/{login}"))
        }
        "resourcePath" => Answer::Text(format!("/{login}")),
        "createdAt" | "updatedAt" => Answer::text("2008-01-14T04:33:35Z"),
        _ => unknown(field),
    }
}
