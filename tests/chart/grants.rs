//! Who installs the chart grants what the operator uses and nothing else. The API server's
//! audit log is the witness; the least that can be granted, a Role, is what is used here.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{Cluster, chart};

use super::{DATABASE, helm, rendered};
use crate::support::rows::number;
use crate::support::{Ground, LIMIT, Setup, Trial, World, first_page_only, plan, reason};

/// Group, resource with its subresource, verb.
type Grant = (String, String, String);

/// Everything the operator's role of these objects grants.
fn granted(objects: &[Value], kind: &str) -> BTreeSet<Grant> {
    let role = objects.iter().find(|object| object["kind"] == kind).unwrap();
    let mut grants = BTreeSet::new();
    let each = |list: &Value| {
        let texts = list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        texts.collect::<Vec<_>>()
    };
    for rule in role["rules"].as_array().unwrap() {
        assert!(rule.get("nonResourceURLs").is_none(), "{rule}");
        for group in each(&rule["apiGroups"]) {
            for resource in each(&rule["resources"]) {
                let verbs = each(&rule["verbs"]).into_iter();
                grants.extend(verbs.map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    grants
}

/// What this user has asked the API server for, and what it was refused.
fn asked(cluster: &Cluster, who: &str) -> (BTreeSet<Grant>, Vec<Value>) {
    let (mut used, mut refused) = (BTreeSet::new(), Vec::new());
    for event in cluster.audit().unwrap() {
        if event["user"]["username"] != who {
            continue;
        }
        if event["responseStatus"]["code"] == 403 {
            refused.push(event.clone());
        }
        let about = &event["objectRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resource = match &about["subresource"] {
            Value::String(part) => format!("{}/{part}", text(&about["resource"])),
            _ => text(&about["resource"]),
        };
        if !resource.is_empty() {
            used.insert((text(&about["apiGroup"]), resource, text(&event["verb"])));
        }
    }
    (used, refused)
}

/// A role for one namespace grants what the role for all of them does.
#[test]
fn a_role_and_a_cluster_role_grant_the_same() {
    let wide = rendered(&["--set", DATABASE]).unwrap();
    let narrow =
        rendered(&["--set", DATABASE, "--set", "watchNamespace=team,rbac.aggregateRoles=false"]);
    assert_eq!(granted(&wide, "ClusterRole"), granted(&narrow.unwrap(), "Role"));
}

/// What is off needs no permission: by default no object's metadata is ever written.
#[test]
fn without_row_deletion_no_object_may_be_changed() {
    let verbs = |more: &[&str]| {
        let objects = rendered(&[&["--set", DATABASE], more].concat()).unwrap();
        let own = granted(&objects, "ClusterRole").into_iter();
        let own = own.filter(|(_, resource, _)| resource == "repositorybackfills");
        own.map(|(_, _, verb)| verb).collect::<Vec<_>>()
    };
    assert_eq!(verbs(&[]), ["get", "list", "watch"]);
    let on = verbs(&["--set", "operator.allowRowDeletion=true"]);
    assert_eq!(on, ["get", "list", "patch", "watch"]);
}

/// One operator of an install for one namespace does everything it can do.
#[tokio::test]
async fn what_is_granted_is_used_and_nothing_else() {
    let cluster = Cluster::shared().await.unwrap();
    let setup = Setup::from(World::of("acme/api", 20))
        .faults(first_page_only())
        .args(&["--allow-row-deletion"]);
    let mut ground = Ground::new(cluster, &setup).await;
    let namespace = ground.namespace.clone();
    let watched = format!("watchNamespace={namespace},rbac.aggregateRoles=false");
    let chosen = ["--set", DATABASE, "--set", &watched, "--set", "crds.enabled=false"];
    let chosen = [&chosen[..], &["--set", "operator.allowRowDeletion=true"]].concat();
    let kubeconfig = cluster.kubeconfig_path().display().to_string();
    let place = ["--kubeconfig", &kubeconfig, "--namespace", &namespace, "--no-hooks"];
    let output = helm(&[&["install", "rel", chart::CHART][..], &place, &chosen].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let account = "rel-backfill-operator";
    let full_name = format!("{namespace}:{account}");
    let allowed = cluster.await_permission(&full_name, &namespace, ["list", "repositorybackfills"]);
    allowed.await.unwrap();
    ground.options.kubeconfig =
        cluster.account_kubeconfig(&namespace, account, None).await.unwrap();
    let trial = ground.start().await;
    everything(&trial).await;

    let who = format!("system:serviceaccount:{namespace}:{account}");
    let granted = granted(&rendered(&chosen).unwrap(), "Role");
    trial
        .within(LIMIT, "every grant is in the audit log", async || {
            let unused: Vec<_> = granted.difference(&asked(cluster, &who).0).cloned().collect();
            unused.is_empty().then_some(())
        })
        .await;
    let (used, refused) = asked(cluster, &who);
    assert_eq!(refused, Vec::<Value>::new());
    assert_eq!(used.difference(&granted).collect::<Vec<_>>(), Vec::<&Grant>::new());
    trial.finish().await;
}

/// A walk, the same event twice, an object that another one keeps waiting, and a deletion that
/// takes the rows along.
async fn everything(trial: &Trial) {
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let spec = json!({"repository": "acme/api", "chunk": chunk, "deletionPolicy": "Delete"});
    trial.apply("first", spec.clone()).await;
    trial.moves().await;
    trial.apply("second", spec).await;
    trial.stalled("second", "RepositoryClaimed").await;
    trial.delete("second").await;
    for suspend in [true, false, true, false] {
        trial.edit("first", json!({"spec": {"suspend": suspend}})).await;
        if suspend {
            trial.until_reason("first", "Suspended").await;
        } else {
            trial.until("first", "going on", |one| !["", "Suspended"].contains(&reason(one))).await;
        }
    }
    trial.standin.set_faults(&plan(json!([]))).await.unwrap();
    trial.succeeded("first").await;
    trial.delete("first").await;
    assert_eq!(number(&trial.rows, "SELECT count(*) FROM pull_requests").await, 0);
}
