//! Whatever is wrong with credentials or the repository's name is said with its own reason, and
//! mends without a restart.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use testbed::Cluster;

use crate::support::objects::{message, status};
use crate::support::oracle::Oracle;
use crate::support::secrecy::metric;
use crate::support::written::Written;
use crate::support::{Ground, LIMIT, Setup, Trial, World, first_page_only, plan};

async fn secret(trial: &Trial, manifest: Value) {
    let secrets: Api<Secret> = Api::namespaced(trial.client.clone(), &trial.namespace);
    let secret: Secret = serde_json::from_value(manifest).unwrap();
    secrets.create(&PostParams::default(), &secret).await.unwrap();
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_says_what_it_needs() {
    let repositories = ["acme/one", "acme/two", "acme/three", "acme/four"];
    let none = World::empty("acme/none");
    let world = repositories.iter().fold(none, |all, name| all.and(&World::of(name, 2)));
    let trial = Trial::start(world).await;
    trial.apply("nameless", json!({"repository": "acme/one", "credentialsRef": null})).await;
    let of = |repository: &str, name: &str| {
        let reference = json!({"name": name});
        json!({"repository": repository, "credentialsRef": reference})
    };
    trial.apply("missing", of("acme/two", "not-there")).await;
    let plain = json!({"metadata": {"name": "plain"}, "stringData": {"token": trial.token}});
    secret(&trial, plain).await;
    trial.apply("unlabelled", of("acme/three", "plain")).await;
    let two_words = format!("{} and more", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "wordy", &two_words).await.unwrap();
    trial.apply("malformed", of("acme/four", "wordy")).await;

    trial.stalled("nameless", "CredentialsRequired").await;
    let missing = trial.stalled("missing", "CredentialsNotFound").await;
    assert!(message(&missing).contains("secret not-there"), "{}", message(&missing));
    assert_eq!(status(&missing).stage, Some(backfill_api::Stage::Resolve));
    let unlabelled = trial.stalled("unlabelled", "CredentialsNotLabelled").await;
    let label = "backfill.contributor.info/credentials: \"true\"";
    assert!(message(&unlabelled).contains(label), "{}", message(&unlabelled));
    let malformed = trial.stalled("malformed", "CredentialsMalformed").await;
    assert!(message(&malformed).contains("secret wordy"), "{}", message(&malformed));
    assert_eq!(trial.counts().await["requests"], 0, "nothing was asked without a token");

    trial.edit("nameless", json!({"spec": {"credentialsRef": {"name": "github"}}})).await;
    let (cluster, namespace) = (trial.cluster, &trial.namespace);
    cluster.create_credentials(namespace, "not-there", &trial.token).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(trial.client.clone(), namespace);
    let labels = json!({"metadata": {"labels": {"backfill.contributor.info/credentials": "true"}}});
    secrets.patch("plain", &PatchParams::default(), &Patch::Merge(&labels)).await.unwrap();
    cluster.create_credentials(namespace, "wordy", &format!("{}\n", trial.token)).await.unwrap();
    for name in ["missing", "unlabelled", "malformed"] {
        trial.annotate(name, "requested-at", "now").await;
    }
    for name in ["nameless", "missing", "unlabelled", "malformed"] {
        trial.succeeded(name).await;
    }
    for repository in repositories {
        Oracle::of(repository).check(&trial).await;
    }
    trial.finish().await;
}

/// A kubeconfig of an account that may do what the operator does in this namespace, but read no
/// Secret.
async fn without_secrets(cluster: &Cluster, namespace: &str) -> PathBuf {
    let run = |args: &[&str]| cluster.kubectl_text(&[args, &["-n", namespace]].concat()).unwrap();
    run(&["create", "serviceaccount", "blind"]);
    let objects = "--resource=repositorybackfills.backfill.contributor.info";
    let statuses = format!("{objects}/status");
    run(&["create", "role", "objects", "--verb=get,list,watch,patch", objects]);
    run(&["create", "role", "statuses", "--verb=patch", &statuses]);
    let events = "--resource=events.events.k8s.io";
    run(&["create", "role", "events", "--verb=create,patch", events]);
    let account = format!("--serviceaccount={namespace}:blind");
    for role in ["objects", "statuses", "events"] {
        run(&["create", "rolebinding", role, &format!("--role={role}"), &account]);
    }
    let who = format!("{namespace}:blind");
    let list = ["list", "repositorybackfills.backfill.contributor.info"];
    cluster.await_permission(&who, namespace, list).await.unwrap();
    cluster.account_kubeconfig(namespace, "blind", None).await.unwrap()
}

#[tokio::test]
async fn a_secret_that_the_operator_may_not_read_is_for_a_person_to_mend() {
    let cluster = Cluster::shared().await.unwrap();
    let mut ground = Ground::new(cluster, &World::of("acme/api", 4).into()).await;
    ground.options.kubeconfig = without_secrets(cluster, &ground.namespace).await;
    let trial = ground.start().await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let refused = trial.stalled("api", "CredentialsForbidden").await;
    let told = message(&refused);
    let names = ["get secret github in namespace", "Role", &trial.namespace];
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
    let run = |args: &[&str]| {
        cluster.kubectl_text(&[args, &["-n", &trial.namespace]].concat()).unwrap();
    };
    run(&["create", "role", "secrets", "--verb=get", "--resource=secrets"]);
    let account = format!("--serviceaccount={}:blind", trial.namespace);
    run(&["create", "rolebinding", "secrets", "--role=secrets", &account]);
    let who = format!("{}:blind", trial.namespace);
    cluster.await_permission(&who, &trial.namespace, ["get", "secrets"]).await.unwrap();
    trial.annotate("api", "requested-at", "now").await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn a_token_refused_from_the_start_is_replaced_without_a_restart() {
    let trial = Trial::start(World::of("acme/api", 4)).await;
    let refused = json!([{"match": {"credential": trial.token}, "answer": "401"}]);
    trial.standin.set_faults(&plan(refused)).await.unwrap();
    trial.apply("api", json!({"repository": "acme/api"})).await;
    let invalid = trial.stalled("api", "CredentialsInvalid").await;
    assert!(message(&invalid).contains("secret github"), "{}", message(&invalid));
    // Not asked again and again: GitHub locks out whoever does. This brings a look, and is no
    // request to try once more.
    let looks = "backfill_reconcile_duration_seconds_count";
    // Twice: the first may count the end of the look that was refused, the second cannot.
    for value in ["look", "look-again"] {
        let before = metric(&trial, looks).await;
        trial.annotate("api", "restart-requested-at", value).await;
        trial
            .within(LIMIT, "api is looked at again", async || {
                (metric(&trial, looks).await > before).then_some(())
            })
            .await;
    }
    let handled = status(&trial.get("api").await).last_handled_restart_requested_at;
    assert_eq!(handled, None, "nothing has begun anew");
    assert_eq!(trial.counts().await["requests"], 1);
    let other = format!("{}2", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "github", &other).await.unwrap();
    trial.annotate("api", "requested-at", "now").await;
    trial.succeeded("api").await;
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn a_token_refused_under_way_is_replaced_and_the_walk_goes_on_where_it_was() {
    let setup = Setup::from(World::of("acme/api", 40)).faults(first_page_only());
    let trial = Trial::start(setup).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.moves().await;
    let refused = json!([{"match": {"credential": trial.token}, "answer": "401"}]);
    trial.standin.set_faults(&plan(refused)).await.unwrap();
    let invalid = trial.stalled("api", "CredentialsInvalid").await;
    let before = status(&invalid).processed_pull_requests.unwrap();
    assert!((4..40).contains(&before), "{before}");
    let other = format!("{}2", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "github", &other).await.unwrap();
    trial.annotate("api", "requested-at", "now").await;
    trial.succeeded("api").await;
    let pages = trial.counts().await["pages_by_cursor"].clone();
    let lists = pages.as_object().unwrap().iter().filter(|(page, _)| page.contains(" List"));
    let served: Vec<u64> = lists.filter_map(|(_, served)| served.as_u64()).collect();
    assert_eq!(served.len(), 10, "{pages}");
    assert!(served.iter().sum::<u64>() <= 11, "one page is read again at most: {pages}");
    // Both are tokens of one account, whose limits they share.
    let strangers = "SELECT count(*) FROM github_credentials WHERE identity NOT LIKE 'viewer:%'";
    assert_eq!(crate::support::rows::number(&trial.rows, strangers).await, 0);
    Oracle::of("acme/api").check(&trial).await;
    trial.finish().await;
}

#[tokio::test]
async fn what_is_proved_outlasts_an_edit_that_cannot_be_followed() {
    let trial = Trial::start(World::of("acme/api", 8)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    let refused = json!([{"match": {"credential": trial.token}, "answer": "401"}]);
    trial.standin.set_faults(&plan(refused)).await.unwrap();
    trial.edit("api", json!({"spec": {"maxPullRequests": 3}})).await;
    let other = trial.stalled("api", "CredentialsInvalid").await;
    assert_eq!(status(&other).stage, Some(backfill_api::Stage::Resolve), "no walk has begun");
    let requests = trial.counts().await["requests"].clone();
    trial.edit("api", json!({"spec": {"maxPullRequests": null}})).await;
    trial.succeeded("api").await;
    assert_eq!(trial.counts().await["requests"], requests, "nothing is left to ask");
    trial.finish().await;
}

#[tokio::test]
async fn an_edit_that_mends_is_not_answered_with_the_old_fault() {
    let trial = Trial::start(World::of("acme/api", 8)).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let refused = json!([{"match": {"operation": "ListPullRequests"}, "answer": "401"}]);
    trial.standin.set_faults(&plan(refused)).await.unwrap();
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.stalled("api", "CredentialsInvalid").await;
    let mended = json!([{"match": {"credential": trial.token}, "answer": "401"}]);
    trial.standin.set_faults(&plan(mended)).await.unwrap();
    let other = format!("{}2", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "other", &other).await.unwrap();
    trial.edit("api", json!({"spec": {"credentialsRef": {"name": "other"}}})).await;
    trial.succeeded("api").await;
    let stalled = |one: &Written| {
        one.status.observed_generation == Some(2)
            && one.status.conditions.iter().any(|it| it.type_ == "Stalled" && it.status == "True")
    };
    assert!(!trial.statuses.all().await.iter().any(stalled), "the edit did not count");
    trial.finish().await;
}

#[tokio::test]
async fn a_stand_in_that_knows_only_other_tokens_refuses_ours() {
    let setup = Setup { tokens: vec!["another".to_owned()], ..World::of("acme/api", 1).into() };
    let trial = Trial::start(setup).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.stalled("api", "CredentialsInvalid").await;
    trial.cluster.create_credentials(&trial.namespace, "github", "another").await.unwrap();
    trial.annotate("api", "requested-at", "now").await;
    trial.succeeded("api").await;
    trial.finish().await;
}

#[tokio::test]
async fn a_repository_that_appears_later_is_found_at_the_next_look() {
    let trial = Trial::start(World::of("acme/api", 1)).await;
    trial.apply("late", json!({"repository": "acme/late"})).await;
    let absent = trial.stalled("late", "RepositoryNotFound").await;
    assert!(message(&absent).contains("acme/late"), "{}", message(&absent));
    let line = crate::support::world::ordinary("acme/late", 3);
    trial.standin.change_world(&line).await.unwrap();
    trial.annotate("late", "requested-at", "now").await;
    trial.succeeded("late").await;
    Oracle::of("acme/late").check(&trial).await;
    trial.finish().await;
}
