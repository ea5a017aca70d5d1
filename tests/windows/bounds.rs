//! Exactly what lies inside `window` and `maxPullRequests` is stored.

use std::time::UNIX_EPOCH;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::objects::{message, status};
use crate::support::oracle::Oracle;
use crate::support::world::created;
use crate::support::{Setup, Trial, World, reason};

/// Pull requests of each repository, a minute apart.
const COUNT: i64 = 30;

/// A spec's bounds, and the first and the last number that lie inside.
type Case = (&'static str, Value, (i64, i64));

fn cases() -> Vec<Case> {
    let at = |number: i64| created(number).to_string();
    let later = |number| (created(number) + SignedDuration::from_secs(1)).to_string();
    vec![
        ("since-is-inclusive", json!({"window": {"since": at(11)}}), (11, 30)),
        ("since-a-second-later", json!({"window": {"since": later(11)}}), (12, 30)),
        ("since-before-all", json!({"window": {"since": at(-9)}}), (1, 30)),
        ("since-after-all", json!({"window": {"since": at(31)}}), (1, 0)),
        ("until-is-exclusive", json!({"window": {"until": at(21)}}), (1, 20)),
        ("until-a-second-later", json!({"window": {"until": later(21)}}), (1, 21)),
        ("until-before-all", json!({"window": {"until": at(1)}}), (1, 0)),
        ("both-edges", json!({"window": {"since": at(9), "until": at(21)}}), (9, 20)),
        ("between-two", json!({"window": {"since": later(9), "until": at(10)}}), (1, 0)),
        ("newest-seven", json!({"maxPullRequests": 7}), (24, 30)),
        ("newest-all", json!({"maxPullRequests": 30}), (1, 30)),
        ("newest-many", json!({"maxPullRequests": 1000}), (1, 30)),
        ("seven-of-a-window", json!({"window": {"until": at(21)}, "maxPullRequests": 7}), (14, 20)),
        ("window-of-fewer", json!({"window": {"since": at(28)}, "maxPullRequests": 7}), (28, 30)),
        ("a-hundred-years", json!({"window": {"sinceDays": 36_500}}), (1, 30)),
        ("a-day", json!({"window": {"sinceDays": 1}}), (1, 0)),
    ]
}

#[tokio::test]
async fn a_window_and_a_number_bound_what_is_stored_to_the_pull_request() {
    let repository = |name: &str| format!("acme/{name}");
    let none = World::empty("acme/none");
    let worlds = |all: World, name: &str| all.and(&World::of(&repository(name), COUNT));
    let world = cases().iter().fold(none, |all, (name, ..)| worlds(all, name));
    let trial = Trial::start(world).await;
    for (name, mut spec, _) in cases() {
        spec["repository"] = repository(name).into();
        // Edges fall into a page as well as between two.
        spec["chunk"] = json!({"size": 4, "minSize": 4, "maxSize": 4});
        trial.apply(name, spec).await;
    }
    for (name, _, (first, last)) in cases() {
        let inside = first..=last;
        let object = trial.succeeded(name).await;
        assert_eq!(reason(&object), "WindowVerified", "{name}");
        let count = i64::try_from(inside.clone().count()).unwrap();
        assert_eq!(message(&object), format!("all {count} that were asked for are stored"));
        let status = status(&object);
        assert_eq!(status.processed_pull_requests, Some(count), "{name}");
        assert_eq!(status.stored_pull_requests, Some(count), "{name}");
        assert_eq!(status.expected_pull_requests, Some(count), "{name}");
        let stored = Oracle::of(&repository(name)).only(move |number, _| inside.contains(&number));
        assert_eq!(stored.check(&trial).await, usize::try_from(count).unwrap(), "{name}");
    }
    trial.finish().await;
}

#[tokio::test]
async fn days_are_counted_from_when_the_window_was_set_and_do_not_drift() {
    let now =
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(UNIX_EPOCH.elapsed().unwrap()).unwrap();
    // In whole seconds, as GitHub has them.
    let ago = |hours| (now - SignedDuration::from_hours(hours)).strftime("%FT%TZ").to_string();
    let world = World::empty("acme/days")
        .pull(1, json!({"createdAt": ago(31 * 24)}))
        .pull(2, json!({"createdAt": ago(30 * 24 - 1)}))
        .pull(3, json!({"createdAt": ago(1)}));
    let trial = Trial::start(world).await;
    trial.apply("days", json!({"repository": "acme/days", "window": {"sinceDays": 30}})).await;
    let object = trial.succeeded("days").await;
    assert_eq!(status(&object).stored_pull_requests, Some(2));
    Oracle::of("acme/days").only(|number, _| number > 1).check(&trial).await;
    let edge = "SELECT extract(epoch FROM now() - window_since) FROM progressive_backfill_state";
    let days = crate::support::rows::number(&trial.rows, edge).await;
    assert!((0..=300).contains(&(days - 30 * 86_400)), "thirty days and a moment: {days} s");
    // Other edits of the spec leave the window's instant alone: no new walk.
    trial.edit("days", json!({"spec": {"priority": "Low"}})).await;
    trial.succeeded("days").await;
    assert_eq!(trial.asked("ResolveRepository").await, 1);
    trial.finish().await;
}

#[tokio::test]
async fn under_a_window_nothing_is_expected_until_its_edge_is_met() {
    let trial = Trial::start(World::of("acme/edge", 12)).await;
    let slow = json!([{"match": {"operation": "ListPullRequests"}, "answer": "slow:0.3"}]);
    trial.standin.set_faults(&crate::support::plan(slow)).await.unwrap();
    let since = created(5).to_string();
    let chunk = json!({"size": 2, "minSize": 2, "maxSize": 2});
    let spec = json!({"repository": "acme/edge", "window": {"since": since}, "chunk": chunk});
    trial.apply("edge", spec).await;
    let object = trial.succeeded("edge").await;
    assert_eq!(status(&object).progress.as_deref(), Some("8/8 (100%)"));
    let all = trial.statuses.all().await;
    let walking = all.iter().filter(|one| one.status.stage == Some(backfill_api::Stage::Walk));
    for one in walking {
        assert_eq!(one.status.expected_pull_requests, None);
        let progress = one.status.progress.as_deref().unwrap_or("0/?");
        assert!(progress.ends_with("/?"), "{progress}");
    }
    trial.finish().await;
}

#[tokio::test]
async fn what_cannot_be_read_beyond_the_edge_is_none_of_the_window() {
    let unreadable = json!([{"match": {"number": 6}, "answer": "502-json"}]);
    let trial = Trial::start(Setup::from(World::of("acme/api", 12)).faults(unreadable)).await;
    let window = json!({"since": created(7).to_string()});
    trial.apply("api", json!({"repository": "acme/api", "window": window})).await;
    let object = trial.succeeded("api").await;
    assert_eq!(message(&object), "all 6 that were asked for are stored");
    assert_eq!(status(&object).quarantined_pull_requests, Some(0));
    let noted = "SELECT count(*) FROM quarantined_pull_requests";
    assert_eq!(crate::support::rows::number(&trial.rows, noted).await, 0);
    trial.finish().await;
}
