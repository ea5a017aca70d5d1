//! The tools themselves: what Helm and kubectl wait for, that applying a second time changes
//! nothing, and that the examples for Argo CD and Flux are such as these take.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Cluster, assets, chart, clone};

use super::{argocd, documents, rendered};
use crate::support::{LIMIT, Setup, Trial, World, has};

/// A program that waits. Killed when dropped.
struct Waiting(Child);

impl Waiting {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Whether it ended well, and what it said.
    async fn ended(mut self) -> (bool, String) {
        let deadline = Instant::now() + LIMIT;
        while self.runs() {
            assert!(Instant::now() < deadline, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut said = std::io::read_to_string(self.0.stdout.take().unwrap()).unwrap();
        said += &std::io::read_to_string(self.0.stderr.take().unwrap()).unwrap();
        (self.0.wait().unwrap().success(), said)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A chart of somebody's own that holds one backfill, which `helm install --wait` installs.
fn install(trial: &Trial, dir: &TempDir, name: &str, spec: &Value, limit: &str) -> Waiting {
    let chart = dir.path().join(name);
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    let object = json!({"apiVersion": "backfill.contributor.info/v1alpha1",
        "kind": "RepositoryBackfill", "metadata": {"name": name}, "spec": spec});
    std::fs::write(chart.join("templates/backfill.yaml"), object.to_string()).unwrap();
    let about = json!({"apiVersion": "v2", "name": name, "version": "1.0.0"});
    std::fs::write(chart.join("Chart.yaml"), about.to_string()).unwrap();
    let mut helm = Command::new(assets::helm().unwrap());
    helm.args(["install", name, "--wait", "--timeout", limit, "--namespace", &trial.namespace]);
    helm.arg("--kubeconfig").arg(trial.cluster.kubeconfig_path()).arg(chart);
    Waiting::start(&mut helm)
}

fn kubectl_wait(trial: &Trial, name: &str, condition: &str, limit: &str) -> Waiting {
    let mut kubectl = Command::new(&trial.cluster.assets().kubectl);
    kubectl.args(["-n", &trial.namespace, "wait", &format!("rbf/{name}")]);
    kubectl.args([format!("--for=condition={condition}"), format!("--timeout={limit}")]);
    Waiting::start(kubectl.env("KUBECONFIG", trial.cluster.kubeconfig_path()))
}

/// One chunk, then a pause: it stays on its way until it is edited.
fn paused(repository: &str, policy: &str) -> Value {
    json!({
        "repository": repository, "credentialsRef": {"name": "github"}, "readinessPolicy": policy,
        "chunk": {"size": 1, "minSize": 1, "maxSize": 1},
        "pacing": {"mode": "Interval", "maxChunks": 1, "periodSeconds": 3600},
    })
}

#[tokio::test]
async fn helm_and_kubectl_wait_until_it_is_done_and_no_longer() {
    let names = ["acme/walking", "acme/started"];
    let worlds = names.map(|name| World::of(name, 3)).to_vec();
    let trial = Trial::start(Setup { worlds, ..Setup::default() }).await;
    let dir = tempfile::tempdir().unwrap();
    let mut helm = install(&trial, &dir, "walking", &paused("acme/walking", "Complete"), "150s");
    trial
        .within(LIMIT, "Helm makes the object", async || {
            trial.objects().get_opt("walking").await.unwrap()
        })
        .await;
    let mut kubectl = kubectl_wait(&trial, "walking", "Ready", "150s");
    trial.until_reason("walking", "Paced").await;

    let started = install(&trial, &dir, "started", &paused("acme/started", "Started"), "150s");
    let (success, said) = started.ended().await;
    assert!(success, "ready as soon as it moves: {said}");
    assert!(!has(&trial.get("started").await, "Succeeded"));
    let without = json!({"repository": "acme/stalled"});
    let stalled = install(&trial, &dir, "stalled", &without, "10s");
    let (success, said) = stalled.ended().await;
    assert!(!success, "{said}");
    let stalled = kubectl_wait(&trial, "stalled", "Stalled", "60s").ended().await;
    assert!(stalled.0, "{}", stalled.1);

    assert!(helm.runs() && kubectl.runs(), "of one that is on its way nobody says done");
    let pacing = json!({"mode": "Budget", "maxChunks": null, "periodSeconds": null});
    trial.edit("walking", json!({"spec": {"pacing": pacing}})).await;
    for waiting in [helm, kubectl] {
        let (success, said) = waiting.ended().await;
        assert!(success, "{said}");
        assert!(has(&trial.get("walking").await, "Succeeded"), "{said}");
    }

    // What is true of the spec before an edit is not true of the edited one.
    trial.operator.terminate().unwrap();
    trial.operator.wait(LIMIT).await.unwrap();
    trial.edit("walking", json!({"spec": {"priority": "High"}})).await;
    let (success, said) = kubectl_wait(&trial, "walking", "Ready", "2s").ended().await;
    assert!(!success, "{said}");
    trial.finish().await;
}

fn kubectl(cluster: &Cluster, args: &[&str], file: &std::path::Path) -> Output {
    cluster.kubectl(&[args, &["-f", &file.display().to_string()]].concat()).unwrap()
}

/// Panics unless the server says that applying the file would change nothing. Where a controller
/// writes to an object between the two looks at it they differ, but not for long.
async fn assert_no_difference(cluster: &Cluster, file: &std::path::Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let diff = kubectl(cluster, &["diff", "--server-side"], file);
        if diff.status.code() == Some(0) {
            return;
        }
        let said = String::from_utf8_lossy(&diff.stdout).into_owned();
        let error = String::from_utf8_lossy(&diff.stderr).into_owned();
        assert!(Instant::now() < deadline, "{}: {said}{error}", file.display());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_was_applied_does_not_differ_from_its_manifest() {
    let trial = Trial::start(World::of("octo/widgets", 3)).await;
    let dir = tempfile::tempdir().unwrap();
    let manifest = |name: &str, more: &Value| {
        let mut spec = json!({"repository": "octo/widgets", "credentialsRef": {"name": "github"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({"apiVersion": "backfill.contributor.info/v1alpha1",
            "kind": "RepositoryBackfill", "spec": spec,
            "metadata": {"name": name, "namespace": trial.namespace}});
        let file = dir.path().join(format!("{name}.json"));
        std::fs::write(&file, object.to_string()).unwrap();
        file
    };
    let whole = manifest("whole", &json!({}));
    let window = json!({"suspend": true, "window": {"since": "2024-01-01T00:00:00+02:00"},
        "include": ["Comments", "Reviews"], "maxPullRequests": 2, "chunk": {"size": 2}});
    let partly = manifest("partly", &window);
    let apply = |file: &std::path::PathBuf| {
        let done = kubectl(trial.cluster, &["apply", "--server-side"], file);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    [&whole, &partly].into_iter().for_each(apply);
    trial.succeeded("whole").await;
    trial.until_reason("partly", "Suspended").await;
    for (name, file) in [("whole", &whole), ("partly", &partly)] {
        assert_no_difference(trial.cluster, file).await;
        let before = trial.get(name).await;
        apply(file);
        let after = trial.get(name).await;
        assert_eq!(before.resource_version(), after.resource_version(), "{name}");
        assert_eq!(before.managed_fields(), after.managed_fields(), "{name}");
    }
    // The kind, as it was applied when this cluster was set up.
    assert_no_difference(trial.cluster, &clone::root().unwrap().join("crds")).await;
    // And what the chart renders.
    let names = ["crds.enabled=false", "fullnameOverride=twice", "rbac.aggregateRoles=false"];
    let mut values: Vec<String> = names.iter().map(|value| (*value).to_owned()).collect();
    values.push(format!("watchNamespace={}", trial.namespace));
    let set: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let objects = rendered(&[&set[..], &["--no-hooks"]].concat());
    assert!(objects.len() >= 4, "{objects:?}");
    let file = dir.path().join("chart.json");
    let mut list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    for object in list["items"].as_array_mut().unwrap() {
        object["metadata"]["namespace"] = trial.namespace.clone().into();
    }
    std::fs::write(&file, list.to_string()).unwrap();
    apply(&file);
    assert_no_difference(trial.cluster, &file).await;
    trial.finish().await;
}

#[test]
fn the_examples_install_the_chart_with_values_that_it_takes() {
    let read = |path: std::path::PathBuf| documents(&std::fs::read_to_string(path).unwrap());
    let root = clone::root().unwrap();
    let application = read(argocd("application.yaml")).remove(0);
    let flux = read(root.join("deploy/flux/helm-release.yaml"));
    let of_kind = |kind: &str| flux.iter().find(|one| one["kind"] == kind).unwrap();
    let (release, source) = (of_kind("HelmRelease"), of_kind("GitRepository"));
    assert_eq!(application["spec"]["source"]["path"], chart::CHART);
    assert_eq!(release["spec"]["chart"]["spec"]["chart"], chart::CHART);
    let named = &release["spec"]["chart"]["spec"]["sourceRef"];
    assert_eq!(named["name"], source["metadata"]["name"]);
    assert_eq!(named["kind"], source["kind"]);
    assert_eq!(source["spec"]["url"], application["spec"]["source"]["repoURL"]);
    let values =
        [&application["spec"]["source"]["helm"]["valuesObject"], &release["spec"]["values"]];
    for values in values {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), values.to_string()).unwrap();
        let path = file.path().display().to_string();
        let deployment = rendered(&["-f", &path]);
        let deployment = deployment.iter().find(|one| one["kind"] == "Deployment").unwrap();
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        assert!(image.as_str().unwrap().starts_with("registry.example.com/"), "{image}");
    }
}
