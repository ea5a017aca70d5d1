//! The manifests of `examples/github/` and their credentials as people apply them: to an operator
//! whose GitHub has the repositories they name. Those in `examples/` are what `make demo` applies.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use testbed::clone;

use crate::support::oracle::Oracle;
use crate::support::{Setup, Trial, World, reason};

/// One pull request a week, the newest an hour old.
fn weekly(repository: &str, count: i64) -> World {
    let now = SignedDuration::try_from(UNIX_EPOCH.elapsed().unwrap()).unwrap();
    let newest = Timestamp::UNIX_EPOCH + now - SignedDuration::from_hours(1);
    (1..=count).fold(World::empty(repository), |world, number| {
        let age = SignedDuration::from_hours(24 * 7 * (count - number));
        // In whole seconds, as GitHub has them.
        let created = (newest - age).strftime("%FT%TZ").to_string();
        world.pull(number, json!({"createdAt": created}))
    })
}

/// Applies one example as it stands, but for the token.
fn apply(trial: &Trial, file: &str) {
    let text = std::fs::read_to_string(clone::root().unwrap().join("examples").join(file));
    let text = text.unwrap().replace("REPLACE_ME", &trial.token);
    let written = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(written.path(), text).unwrap();
    let path = written.path().display().to_string();
    trial.cluster.kubectl_text(&["apply", "-n", &trial.namespace, "-f", &path]).unwrap();
}

#[test]
fn who_applies_a_folder_of_backfills_overwrites_no_secret() {
    for folder in ["examples", "examples/github"] {
        for entry in std::fs::read_dir(clone::root().unwrap().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("kind: Secret"), "{} holds a Secret", path.display());
            }
        }
    }
}

#[tokio::test]
async fn each_example_for_github_ends_as_it_says() {
    let listed = std::fs::read_dir(clone::root().unwrap().join("examples/github")).unwrap();
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let known = ["first-backfill.yaml", "last-30-days.yaml"].map(str::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(known), "each is tried here");

    let worlds = vec![weekly("tlswg/tls13-spec", 30), weekly("sveltejs/svelte", 30)];
    let trial = Trial::start(Setup { worlds, ..Setup::default() }).await;
    // The examples have a Secret of their own.
    let secret = ["delete", "secret", "github", "-n", &trial.namespace];
    trial.cluster.kubectl_text(&secret).unwrap();
    apply(&trial, "credentials/github.yaml");
    apply(&trial, "github/first-backfill.yaml");
    assert_eq!(reason(&trial.succeeded("tls13-spec").await), "Verified");
    Oracle::of("tlswg/tls13-spec").check(&trial).await;

    apply(&trial, "github/last-30-days.yaml");
    assert_eq!(reason(&trial.succeeded("svelte-recent").await), "WindowVerified");
    // Ages of 0, 1, 2, 3 and 4 weeks.
    let recent = Oracle::of("sveltejs/svelte").only(|number, _| number > 25);
    assert_eq!(recent.check(&trial).await, 5);
    trial.finish().await;
}
