//! Authors, texts and times as odd as GitHub has them.

use serde_json::json;

use crate::support::oracle::Oracle;
use crate::support::rows::{number, text};
use crate::support::world::{created, ordinary, user};
use crate::support::{Trial, World, reason, secrecy};

#[tokio::test]
async fn ghosts_bots_mannequins_and_organizations_are_authors_like_any_other() {
    let of_type = |kind: &str, id: i64| {
        let login = format!("a-{kind}");
        json!({"__typename": kind, "login": login, "databaseId": id})
    };
    let kinds = ["Bot", "Mannequin", "Organization"];
    let mut world = World::empty("acme/odd").pull(1, json!({"author": null, "mergedBy": null}));
    for (number, kind) in (2..).zip(kinds) {
        let author = of_type(kind, 50 + number);
        let review = json!({"author": author, "state": "COMMENTED", "body": ""});
        let comment = json!({"author": author, "body": "Beep."});
        let fields = json!({"author": author, "reviews": [review], "comments": [comment]});
        world = world.pull(number, fields);
    }
    let ghostly = json!({"author": null, "body": "Boo.", "path": "x", "position": null});
    world = world.pull(
        9,
        json!({
            "reviews": [{"author": null, "state": "DISMISSED"}], "reviewComments": [ghostly],
            "comments": [{"author": null, "body": ""}], "headRepository": null, "mergedBy": null,
        }),
    );
    // Deleted accounts whose login somebody else has taken: two people, one name.
    world = world.pull(10, json!({"author": user(1)}));
    let namesake = json!({"__typename": "User", "login": "user-1", "databaseId": 77});
    world = world.pull(11, json!({"author": namesake}));
    let trial = Trial::start(world).await;
    trial.apply("odd", json!({"repository": "acme/odd"})).await;
    trial.succeeded("odd").await;
    Oracle::of("acme/odd").check(&trial).await;
    let ghosts = "SELECT count(*) FROM pull_requests WHERE author_id IS NULL";
    assert_eq!(number(&trial.rows, ghosts).await, 1);
    let bots = "SELECT string_agg(account_type, ',') FROM contributors WHERE is_bot";
    assert_eq!(text(&trial.rows, bots).await, "Bot");
    trial.finish().await;
}

#[tokio::test]
async fn texts_that_postgres_cannot_hold_lose_only_what_it_cannot_hold() {
    let long = "ä🚀x".repeat(65_536 / 7);
    let with_nul = json!({
        "title": "Nul \u{0} here", "body": "a\u{0}b\u{0}",
        "comments": [{"author": user(1), "body": "\u{0}"}],
        "reviewComments": [{"author": user(1), "path": "x", "diffHunk": "-\u{0}+"}],
    });
    let mut surrogate = ordinary("acme/texts", 3).to_string();
    surrogate = surrogate.replace("Why change 3 is needed.", "half \\ud800 a pair");
    let world = World::empty("acme/texts")
        .pull(1, with_nul)
        .pull(2, json!({"title": "", "body": long, "comments": [{"author": null, "body": long}]}))
        .line(&surrogate)
        .pull(
            4,
            json!({
                "body": "\u{1}\u{7f}\u{fffd}\u{202e}\r\n\t\"\\'\u{10ffff}",
                "labels": ["ü,{}\""],
            }),
        );
    let trial = Trial::start(world).await;
    trial.apply("texts", json!({"repository": "acme/texts"})).await;
    trial.succeeded("texts").await;
    Oracle::of("acme/texts").check(&trial).await;
    let removed = secrecy::metric(&trial, "backfill_sanitized_characters_total").await;
    assert_eq!(removed.map(f64::round), Some(6.0), "what was removed is counted");
    trial.finish().await;
}

#[tokio::test]
async fn many_pull_requests_of_one_second_are_neither_skipped_nor_repeated() {
    let same = created(1).to_string();
    let world = (1..=61).fold(World::empty("acme/burst"), |world, number| {
        world.pull(number, json!({"createdAt": same}))
    });
    let trial = Trial::start(world).await;
    let chunk = json!({"size": 7, "minSize": 7, "maxSize": 7});
    trial.apply("burst", json!({"repository": "acme/burst", "chunk": chunk})).await;
    assert_eq!(reason(&trial.succeeded("burst").await), "Verified");
    assert_eq!(Oracle::of("acme/burst").check(&trial).await, 61);
    let twice = "SELECT count(*) FROM (SELECT unnest(pr_numbers) n FROM backfill_chunks \
                 GROUP BY n HAVING count(*) > 1) twice";
    assert_eq!(number(&trial.rows, twice).await, 0);
    trial.finish().await;
}
