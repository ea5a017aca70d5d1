//! The chart by a real Helm: what it refuses, what it renders, and that installing, upgrading and
//! uninstalling it on a real API server costs no object.
//!
//! There is no node, so nothing is waited for and no hook runs here.

mod grants;
mod metrics;
mod names;
mod notes;
mod placement;
mod publishing;
mod refusals;
mod rules;
mod values;
mod versions;

use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::{Value, json};
use testbed::{Choices, Cluster, assets, chart, clone};

use crate::support::LIMIT;

/// What every install must name.
const DATABASE: &str = "database.existingSecret=database";

fn helm(args: &[&str]) -> Output {
    let mut helm = Command::new(assets::helm().unwrap());
    helm.args(args).current_dir(clone::root().unwrap()).output().unwrap()
}

fn rendered(args: &[&str]) -> Result<Vec<Value>, String> {
    rendered_of(chart::CHART, args)
}

fn rendered_of(chart: &str, args: &[&str]) -> Result<Vec<Value>, String> {
    let start = ["template", "rel", chart, "--namespace", "backfill-system"];
    let output = helm(&[&start[..], args].concat());
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    // YAML's own type refuses a key that comes twice, where JSON's would take the last.
    let parsed = documents.map(|document| serde_yaml_ng::Value::deserialize(document).unwrap());
    let values = parsed.map(|value| serde_json::to_value(value).unwrap());
    Ok(values.filter(|value| !value.is_null()).collect())
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["kind"].as_str()).collect()
}

#[test]
fn the_chart_passes_lint_and_what_is_generated_is_up_to_date() {
    let linted = helm(&["lint", "--strict", chart::CHART, "--set", DATABASE]);
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
    let root = clone::root().unwrap();
    let carried = chart::carried(&root).unwrap();
    for file in chart::present(&root).unwrap() {
        assert!(carried.iter().any(|one| one.path == file), "{} has no source", file.display());
    }
    for file in carried.into_iter().chain(chart::plain(&root).unwrap()) {
        let stored = std::fs::read_to_string(root.join(&file.path)).unwrap_or_default();
        assert!(stored == file.text, "{} is stale; run `make generate`", file.path.display());
    }
}

#[test]
fn a_namespaced_install_has_a_role_and_no_cluster_role() {
    let narrow = ["watchNamespace=team", "rbac.aggregateRoles=false"];
    let set = |values: &[&'static str]| {
        values.iter().flat_map(|value| ["--set", value]).collect::<Vec<_>>()
    };
    let objects = rendered(&set(&[&[DATABASE], &narrow[..]].concat())).unwrap();
    let kinds = kinds(&objects);
    assert!(kinds.contains(&"Role") && kinds.contains(&"RoleBinding"), "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind.starts_with("ClusterRole")), "{kinds:?}");
    let role = objects.iter().find(|object| object["kind"] == "Role").unwrap();
    assert_eq!(role["metadata"]["namespace"], "team");
}

/// Hooks run before the release's own policy is made or replaced.
#[test]
fn the_migration_is_let_out_before_it_runs() {
    let policy = "networkPolicy.enabled=true,networkPolicy.databasePort=6432";
    let objects = rendered(&["--set", DATABASE, "--set", policy]).unwrap();
    let job = objects.iter().find(|one| one["kind"] == "Job").unwrap();
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    let policies = objects.iter().filter(|one| one["kind"] == "NetworkPolicy");
    let mut hooks =
        policies.filter(|one| !one["metadata"]["annotations"]["helm.sh/hook"].is_null());
    let before = hooks.next().unwrap();
    assert_eq!(hooks.next(), None);
    let hook = |object: &Value, key: &str| object["metadata"]["annotations"][key].clone();
    assert_eq!(hook(before, "helm.sh/hook"), hook(job, "helm.sh/hook"));
    assert_eq!(
        (hook(before, "helm.sh/hook-weight"), hook(job, "helm.sh/hook-weight")),
        (json!("-5"), Value::Null)
    );
    for (label, value) in before["spec"]["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[label], value, "{label}");
    }
    let rules = before["spec"]["egress"].as_array().unwrap();
    let ports: Vec<_> = rules.iter().flat_map(|rule| rule["ports"].as_array().unwrap()).collect();
    let ports: Vec<_> = ports.iter().map(|port| port["port"].as_u64().unwrap()).collect();
    assert_eq!(ports, [53, 53, 6432]);
    let off = ["--set", DATABASE, "--set", policy, "--set", "migrations.mode=AtStart"];
    assert_eq!(
        kinds(&rendered(&off).unwrap()).iter().filter(|one| **one == "NetworkPolicy").count(),
        1
    );
}

#[test]
fn monitoring_is_made_only_where_the_cluster_knows_it() {
    let on = ["--set", DATABASE, "--set", "metrics.podMonitor.enabled=true"];
    let without = rendered(&on).unwrap();
    assert!(!kinds(&without).contains(&"PodMonitor"));
    let with = rendered(&[&on[..], &["--api-versions", "monitoring.coreos.com/v1"]].concat());
    assert!(kinds(&with.unwrap()).contains(&"PodMonitor"));
}

#[test]
fn each_release_has_a_job_of_its_own() {
    let objects = rendered(&values::WHOLE).unwrap();
    let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let label = find("PodMonitor")["spec"]["jobLabel"].as_str().unwrap();
    // Prometheus takes the job's name from this label of the pods: the release's name.
    assert_eq!(find("Deployment")["spec"]["template"]["metadata"]["labels"][label], "rel");
}

#[test]
fn a_label_that_several_values_give_is_rendered_once() {
    let labels = [
        "commonLabels.team=all",
        "podLabels.team=pods",
        "metrics.podMonitor.labels.team=monitor",
        "metrics.prometheusRule.labels.team=rule",
        "metrics.dashboards.labels.team=dashboard",
        r"deploymentAnnotations.checkov\.io/skip1=another answer",
    ];
    let set: Vec<&str> = labels.iter().flat_map(|label| ["--set", label]).collect();
    let objects = rendered(&[&values::WHOLE[..], &set].concat()).unwrap();
    for object in &objects {
        let expected = match object["kind"].as_str().unwrap() {
            "PodMonitor" => "monitor",
            "PrometheusRule" => "rule",
            "ConfigMap" => "dashboard",
            _ => "all",
        };
        assert_eq!(object["metadata"]["labels"]["team"], expected, "{object}");
    }
    let deployment = objects.iter().find(|one| one["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["team"], "pods");
    let annotations = &deployment["metadata"]["annotations"];
    assert_eq!(annotations["checkov.io/skip1"], "another answer");
}

#[test]
fn a_name_that_reads_like_a_number_stays_a_text() {
    let names = [
        ("nameOverride", "70001"),
        ("fullnameOverride", "70002"),
        ("watchNamespace", "70003"),
        ("database.existingSecret", "70004"),
        ("database.existingSecretKey", "70005"),
        ("migrations.existingSecret", "70006"),
        ("priorityClassName", "70007"),
        ("serviceAccount.name", "70008"),
        ("metrics.tls.existingSecret", "70009"),
        ("metrics.tls.caKey", "70010"),
        ("metrics.tls.serverName", "70011"),
        ("metrics.auth.existingSecret", "70012"),
        ("metrics.auth.existingSecretKey", "70013"),
    ];
    let given = names.map(|(value, number)| format!("{value}={number}"));
    let set: Vec<&str> = given.iter().flat_map(|one| ["--set-string", one.as_str()]).collect();
    for object in rendered(&[&values::WHOLE[..], &set].concat()).unwrap() {
        let text = object.to_string();
        for (value, number) in names {
            assert!(!text.contains(&format!(":{number}")), "{value} is a number in {text}");
        }
    }
}

#[test]
fn the_migration_may_be_another_role_s() {
    let secrets = |more: &[&str]| {
        let objects = rendered(&[&["--set", DATABASE], more].concat()).unwrap();
        ["Job", "Deployment"].map(|kind| {
            let object = objects.iter().find(|one| one["kind"] == kind).unwrap();
            let env = &object["spec"]["template"]["spec"]["containers"][0]["env"][0];
            env["valueFrom"]["secretKeyRef"]["name"].as_str().unwrap().to_owned()
        })
    };
    let [job, operator] = secrets(&[]);
    assert_eq!(job, operator);
    let owned = secrets(&["--set", "migrations.existingSecret=owner"]);
    assert_eq!(owned, ["owner".to_owned(), operator]);
}

#[test]
fn what_is_logged_is_left_to_the_operator_unless_told_otherwise() {
    let filters = |more: &[&str]| {
        let objects = rendered(&[&["--set", DATABASE], more].concat()).unwrap();
        ["Job", "Deployment"].map(|kind| {
            let object = objects.iter().find(|one| one["kind"] == kind).unwrap();
            let env = object["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
            let filter = env.unwrap().iter().find(|one| one["name"] == "RUST_LOG");
            filter.map(|one| one["value"].clone())
        })
    };
    assert_eq!(filters(&[]), [None, None]);
    assert_eq!(
        filters(&["--set", "operator.log=debug"]),
        [Some(json!("debug")), Some(json!("debug"))]
    );
}

#[test]
fn the_kind_outlives_the_release_unless_told_otherwise() {
    let policy = |args: &[&str]| {
        let objects = rendered(&[&["--set", DATABASE], args].concat()).unwrap();
        let kind = objects.into_iter().find(|one| one["kind"] == "CustomResourceDefinition");
        kind.map(|kind| kind["metadata"]["annotations"].clone())
    };
    let kept = json!({"helm.sh/resource-policy": "keep",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false"});
    assert_eq!(policy(&[]), Some(kept));
    assert_eq!(policy(&["--set", "crds.keep=false"]), Some(Value::Null));
    assert_eq!(policy(&["--set", "crds.enabled=false"]), None);
}

/// Everything that would run as a pod, in a namespace that enforces `restricted`.
#[tokio::test]
async fn every_pod_passes_pod_security_restricted() {
    let cluster = Cluster::shared().await.unwrap();
    let objects = rendered(&["--set", DATABASE]).unwrap();
    let mut pods = 0;
    for object in objects.iter().filter(|one| one["spec"]["template"]["spec"].is_object()) {
        let mut spec = object["spec"]["template"]["spec"].clone();
        // The account is not there yet, and which one it is does not matter here.
        spec.as_object_mut().unwrap().remove("serviceAccountName");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": "tried-out", "namespace": "backfill-system"}});
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        std::fs::write(file.path(), pod.to_string()).unwrap();
        let path = file.path().display().to_string();
        cluster.kubectl_text(&["create", "--dry-run=server", "-f", &path]).unwrap();
        pods += 1;
    }
    assert_eq!(pods, 2, "the operator and the migration");
}

#[tokio::test]
async fn upgrading_uninstalling_and_installing_again_keeps_every_object() {
    let cluster = Cluster::start(Choices::default()).await.unwrap();
    let kubeconfig = cluster.kubeconfig_path().display().to_string();
    let release = |verb: &str, more: &[&str]| {
        let fixed = [verb, "rel", "--kubeconfig", &kubeconfig, "--namespace", "backfill"];
        let output = helm(&[&fixed[..], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "helm {verb}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    // Hooks need a node to run on.
    let values = [chart::CHART, "--create-namespace", "--no-hooks", "--set", DATABASE];
    let notes = release("install", &values);
    notes::check(&notes);
    let object = json!({"apiVersion": "backfill.contributor.info/v1alpha1",
        "kind": "RepositoryBackfill", "metadata": {"name": "kept", "namespace": "default"},
        "spec": {"repository": "octo/widgets", "credentialsRef": {"name": "github"}}});
    let file = cluster.dir().join("kept.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let path = file.display().to_string();
    testbed_served(&cluster, &path).await;
    let uid = || {
        let get = ["get", "rbf", "kept", "-o", "jsonpath={.metadata.uid}"];
        cluster.kubectl_text(&get).unwrap()
    };
    let before = uid();
    release("upgrade", &[&values[..], &["--set", "operator.runSeconds=30"]].concat());
    let get = ["-n", "backfill", "get", "deployment", "-o", "yaml"];
    assert!(cluster.kubectl_text(&get).unwrap().contains("--run-seconds=30"));
    assert_eq!(uid(), before);
    release("uninstall", &["--no-hooks"]);
    assert_eq!(uid(), before, "the object outlives the release");
    assert_eq!(cluster.kubectl_text(&get[..4]).unwrap(), "", "and nothing else does");
    release("install", &values);
    assert_eq!(uid(), before);
    cluster.end().await.unwrap();
}

/// Creates the object as soon as its kind is served.
async fn testbed_served(cluster: &Cluster, path: &str) {
    let deadline = std::time::Instant::now() + LIMIT;
    while let Err(error) = cluster.kubectl_text(&["create", "-f", path]) {
        assert!(std::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
