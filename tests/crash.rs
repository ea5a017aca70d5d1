//! Killed at any instant, the operator loses nothing and doubles nothing.
//!
//! The instants are those at which the world outside can tell one crash from another: each
//! request to GitHub, each COMMIT and each write to Kubernetes, before and after the server
//! has taken it. It must not know how the operator is made.

mod points;
mod random;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::oracle::ALL_PARTS;

/// The object of every test here.
const NAME: &str = "crash";
/// Its repository.
const REPOSITORY: &str = "acme/crash";

/// Nine pull requests with everything on them: threads, more comments than one page holds, and
/// authors whose accounts are gone.
fn world() -> World {
    let comments: Vec<Value> =
        (0..60).map(|n| json!({"author": null, "body": format!("Comment {n}.")})).collect();
    let bot = json!({"__typename": "Bot", "login": "a-bot", "databaseId": 77});
    World::of(REPOSITORY, 6)
        .pull(7, json!({"author": null, "comments": comments}))
        .pull(8, json!({"author": bot, "mergedBy": null}))
        .pull(9, json!({"commits": [{"message": "Ghostly", "author": null}]}))
}

/// A spec with chunks of `size` and every part.
fn spec(size: u32) -> Value {
    let chunk = json!({"size": size, "minSize": size, "maxSize": size});
    json!({"repository": REPOSITORY, "chunk": chunk, "include": ALL_PARTS})
}
