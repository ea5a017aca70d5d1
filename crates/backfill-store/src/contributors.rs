//! The table `contributors`. Rows are keyed by host and GitHub's number, shared by all
//! repositories and never deleted. Must not know what a contributor wrote.

use std::collections::BTreeMap;

use backfill_engine::model::{AccountType, Actor, PullRequest};

use crate::error::Error;
use crate::parents::Ids;
use crate::rows::column;
use crate::transaction::Tx;

/// Everybody who appears in these pull requests, once each, sorted by GitHub's number so that two
/// transactions take the rows in the same order. What one sighting does not tell another may.
pub(crate) fn actors(pull_requests: &[&PullRequest]) -> Vec<Actor> {
    let mut by_id: BTreeMap<i64, Actor> = BTreeMap::new();
    for pull_request in pull_requests {
        let children = pull_request.reviews.iter().map(|review| &review.author);
        let children =
            children.chain(pull_request.review_comments.iter().map(|comment| &comment.author));
        let children = children.chain(pull_request.comments.iter().map(|comment| &comment.author));
        let children = children.chain(pull_request.commits.iter().map(|commit| &commit.author));
        let own = [&pull_request.author, &pull_request.merged_by];
        for actor in own.into_iter().chain(children).flatten() {
            let known = by_id.entry(actor.github_id).or_insert_with(|| actor.clone());
            complete(&mut known.display_name, actor.display_name.as_ref());
            complete(&mut known.avatar_url, actor.avatar_url.as_ref());
            complete(&mut known.profile_url, actor.profile_url.as_ref());
            complete(&mut known.node_id, actor.node_id.as_ref());
        }
    }
    by_id.into_values().collect()
}

fn complete<T: Clone>(known: &mut Option<T>, told: Option<&T>) {
    if known.is_none() {
        *known = told.cloned();
    }
}

/// Stores new and changed accounts; the rows of all. Equal ones are not even locked: a bot that
/// writes everywhere would otherwise make all chunks wait for one another.
pub(crate) async fn upsert(tx: &mut Tx, host: &str, actors: &[Actor]) -> Result<Ids, Error> {
    let wanted = column(actors, |actor| actor.github_id);
    let query = Tx::query(UPSERT)
        .bind(host)
        .bind(&wanted)
        .bind(column(actors, |actor| {
            actor.node_id.as_ref().map(backfill_engine::model::NodeId::as_str)
        }))
        .bind(column(actors, |actor| actor.login.as_str()))
        .bind(column(actors, |actor| actor.display_name.as_deref()))
        .bind(column(actors, |actor| actor.avatar_url.as_deref()))
        .bind(column(actors, |actor| actor.profile_url.as_deref()))
        .bind(column(actors, |actor| account_word(actor.account_type)));
    Ids::all(&tx.fetch_all(query).await?, &wanted, "account")
}

/// The word of the schema.
fn account_word(account_type: AccountType) -> &'static str {
    match account_type {
        AccountType::User => "User",
        AccountType::Bot => "Bot",
        AccountType::Organization => "Organization",
        AccountType::Mannequin => "Mannequin",
    }
}

// What a reading does not tell (a bot has no display name, some fragments carry no avatar) is
// kept, else two ways of seeing one account would rewrite it for ever. OFFSET 0 keeps the look-up
// by key from becoming a join over the whole table; see `Tx::begin_by_key`.
const UPSERT: &str = "-- upsert_contributors\n\
    WITH told AS ( \
        SELECT e.*, known.id, known.id IS NULL OR \
            (known.node_id, known.username, known.display_name, known.avatar_url, \
                known.profile_url, known.account_type) IS DISTINCT FROM \
            (COALESCE(e.node_id, known.node_id), e.username, \
                COALESCE(e.display_name, known.display_name), \
                COALESCE(e.avatar_url, known.avatar_url), \
                COALESCE(e.profile_url, known.profile_url), e.account_type) AS is_news \
        FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
                $8::text[]) \
            AS e(github_id, node_id, username, display_name, avatar_url, profile_url, \
                account_type) \
        LEFT JOIN LATERAL (SELECT it.* FROM contributors it \
                WHERE it.host = $1 AND it.github_id = e.github_id OFFSET 0) AS known ON true), \
    stored AS ( \
        INSERT INTO contributors AS c (host, github_id, node_id, username, display_name, \
            avatar_url, profile_url, account_type, is_bot) \
        SELECT $1, github_id, node_id, username, display_name, avatar_url, profile_url, \
            account_type, account_type = 'Bot' \
        FROM told WHERE is_news ORDER BY github_id \
        ON CONFLICT (host, github_id) DO UPDATE SET \
            node_id = COALESCE(excluded.node_id, c.node_id), username = excluded.username, \
            display_name = COALESCE(excluded.display_name, c.display_name), \
            avatar_url = COALESCE(excluded.avatar_url, c.avatar_url), \
            profile_url = COALESCE(excluded.profile_url, c.profile_url), \
            account_type = excluded.account_type, is_bot = excluded.is_bot, stored_at = now(), \
            deleted_at = NULL \
        RETURNING c.github_id, c.id) \
    SELECT github_id AS number, id FROM told WHERE NOT is_news \
    UNION ALL SELECT github_id, id FROM stored";
