//! `backfill-operator wait`, as the Job of `deploy/argocd` runs it: under that Job's own account.
//!
//! Must not know how it watches.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use backfill_api::RepositoryBackfill;
use kube::Api;
use kube::api::{Patch, PatchParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use testbed::Cluster;

use super::{argocd, documents, rendered};
use crate::support::{LIMIT, Setup, Trial, World};

const ACCOUNT: &str = "wait-for-backfills";
const KIND: &str = "repositorybackfills";

fn manifest() -> String {
    std::fs::read_to_string(argocd("wait.yaml")).unwrap()
}

/// A wait that runs. Killed when dropped.
struct Waiting {
    child: Child,
    output: NamedTempFile,
}

impl Waiting {
    /// Starts one under the account of the Job, which is made in the namespace.
    async fn start(cluster: &Cluster, namespace: &str, args: &[&str]) -> Self {
        let of_it = manifest().replace("namespace: backfills", &format!("namespace: {namespace}"));
        let file = NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), of_it).unwrap();
        let path = file.path().display().to_string();
        cluster.kubectl_text(&["apply", "--server-side", "-f", &path]).unwrap();
        let account = format!("{namespace}:{ACCOUNT}");
        let allowed = cluster.await_permission(&account, namespace, ["watch", KIND]);
        allowed.await.unwrap();
        let kubeconfig = cluster.account_kubeconfig(namespace, ACCOUNT, None).await.unwrap();
        let output = NamedTempFile::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_backfill-operator"))
            .arg("wait")
            .args(args)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("NAMESPACE", namespace)
            // No proxy of the environment is asked: nobody listens there.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .stdout(output.reopen().unwrap())
            .stderr(output.as_file().try_clone().unwrap())
            .spawn();
        Self { child: child.unwrap(), output }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.output.path()).unwrap()
    }

    /// Waits until it has said all of these; it must still run then.
    async fn says(&mut self, texts: &[&str]) {
        let deadline = Instant::now() + LIMIT;
        while !texts.iter().all(|text| self.output().contains(text)) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?} without {texts:?}: {}", self.output());
            assert!(Instant::now() < deadline, "never {texts:?}: {}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.child.try_wait().unwrap(), None, "{}", self.output());
    }

    /// The exit code it ends with.
    async fn code(&mut self) -> i32 {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("it ends by itself");
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_wait_ends_when_all_have_succeeded_and_not_before() {
    let worlds = ["acme/one", "acme/two", "acme/price"].map(|name| World::of(name, 3)).to_vec();
    let trial = Trial::start(Setup { worlds, ..Setup::default() }).await;
    trial.apply("one", json!({"repository": "acme/one"})).await;
    trial.apply("two", json!({"repository": "acme/two", "suspend": true})).await;
    trial.apply("price", json!({"repository": "acme/price", "dryRun": true})).await;
    let mut all = Waiting::start(trial.cluster, &trial.namespace, &[]).await;
    let mut named = Waiting::start(trial.cluster, &trial.namespace, &["one", "price"]).await;
    assert_eq!(named.code().await, 0, "{}", named.output());
    all.says(&["one: Verified 3/3 (100%)", "two: Suspended", "price: Planned"]).await;
    trial.edit("two", json!({"spec": {"suspend": false}})).await;
    assert_eq!(all.code().await, 0, "{}", all.output());
    trial.succeeded("two").await;

    let account = format!("system:serviceaccount:{}:{ACCOUNT}", trial.namespace);
    let audit = trial.cluster.audit().unwrap();
    let asked = audit.iter().filter(|event| event["user"]["username"] == account.as_str());
    let used: BTreeSet<_> = asked
        .map(|event| {
            assert!(event["responseStatus"]["code"].as_i64().unwrap_or(200) < 400, "{event}");
            let part = |part: &Value| part.as_str().unwrap().to_owned();
            (part(&event["objectRef"]["resource"]), part(&event["verb"]))
        })
        .collect();
    let of_kind = |text: &str, kind: &str| {
        documents(text).into_iter().find(|one| one["kind"] == kind).unwrap()
    };
    let rules = of_kind(&manifest(), "Role")["rules"].clone();
    let verbs = rules[0]["verbs"].as_array().unwrap().iter();
    let granted: BTreeSet<_> =
        verbs.map(|verb| (KIND.to_owned(), verb.as_str().unwrap().to_owned())).collect();
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(used, granted, "what the Job's account may and what it uses");
    trial.finish().await;
}

#[tokio::test]
async fn a_stalled_one_ends_the_wait_at_once() {
    let trial = Trial::start(Setup::from(World::of("acme/api", 3))).await;
    trial.apply("fine", json!({"repository": "acme/api"})).await;
    let mut waiting = Waiting::start(trial.cluster, &trial.namespace, &["fine", "not"]).await;
    waiting.says(&["fine: Verified"]).await;
    trial.apply("not", json!({"repository": "acme/gone", "credentialsRef": null})).await;
    assert_eq!(waiting.code().await, 3, "{}", waiting.output());
    assert!(waiting.output().contains("not: CredentialsRequired: "), "{}", waiting.output());
    trial.finish().await;
}

/// Gives an object a status that says `type_` of `generation`, as no operator would here.
async fn claim(api: &Api<RepositoryBackfill>, name: &str, type_: &str, generation: i64) {
    let conditions = [type_, "Ready"].map(|type_| {
        json!({
            "type": type_, "status": "True", "reason": "Verified", "message": "",
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    });
    let status = json!({"observedGeneration": generation, "conditions": conditions});
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn what_is_missing_late_or_of_an_older_spec_is_told_apart() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    let start = async |args: &[&str]| Waiting::start(cluster, &namespace, args).await;
    let short = ["--grace-seconds=1"];
    let mut nothing = start(&short).await;
    assert_eq!(nothing.code().await, 4, "{}", nothing.output());

    let mut late = start(&["late"]).await;
    late.says(&["waiting for Succeeded"]).await;
    let api: Api<RepositoryBackfill> = Api::namespaced(cluster.client().await.unwrap(), &namespace);
    let object: RepositoryBackfill = serde_json::from_value(json!({
        "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
        "metadata": {"name": "late"}, "spec": {"repository": "acme/api", "suspend": false},
    }))
    .unwrap();
    api.create(&kube::api::PostParams::default(), &object).await.unwrap();
    late.says(&["late: no operator has looked at it yet"]).await;
    let mut absent = start(&[&short[..], &["late", "absent"]].concat()).await;
    assert_eq!(absent.code().await, 4, "{}", absent.output());
    assert!(absent.output().contains("not there: absent"), "{}", absent.output());

    // Neither success nor a stall of the spec before counts.
    let edit = Patch::Merge(json!({"spec": {"priority": "High"}}));
    api.patch("late", &PatchParams::default(), &edit).await.unwrap();
    for type_ in ["Succeeded", "Stalled"] {
        claim(&api, "late", type_, 1).await;
        let mut older = start(&["--timeout-seconds=2", "--for=Succeeded"]).await;
        assert_eq!(older.code().await, 5, "{type_}: {}", older.output());
    }
    late.says(&[]).await;
    claim(&api, "late", "Succeeded", 2).await;
    assert_eq!(late.code().await, 0, "{}", late.output());
    let mut ready = start(&["--for=Ready"]).await;
    assert_eq!(ready.code().await, 0, "{}", ready.output());
}

#[tokio::test]
async fn a_wait_that_is_told_to_end_ends_in_good_order() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.create_namespace().await.unwrap();
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let mut waiting = Waiting::start(cluster, &namespace, &["never"]).await;
        waiting.says(&["waiting for Succeeded in "]).await;
        kill(Pid::from_raw(waiting.child.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(waiting.code().await, code, "{}", waiting.output());
    }
    // Whoever may not read is told so at once, and not after an hour.
    let mut waiting = Waiting::start(cluster, &namespace, &["--namespace=kube-system"]).await;
    assert_eq!(waiting.code().await, 1, "{}", waiting.output());
    assert!(waiting.output().contains("the API server refuses"), "{}", waiting.output());
}

#[tokio::test]
async fn the_job_that_waits_is_confined_like_the_operator() {
    let pod = |objects: &[Value], kind: &str| {
        let found = objects.iter().find(|one| one["kind"] == kind).unwrap();
        found["spec"]["template"]["spec"].clone()
    };
    let mut job = pod(&documents(&manifest()), "Job");
    let operator = pod(&rendered(&[]), "Deployment");
    assert_eq!(job["securityContext"], operator["securityContext"]);
    for field in ["image", "securityContext"] {
        assert_eq!(job["containers"][0][field], operator["containers"][0][field], "{field}");
    }
    let args = job["containers"][0]["args"].as_array().unwrap();
    let args = args.iter().map(|arg| arg.as_str().unwrap()).chain(["--help"]);
    let known = Command::new(env!("CARGO_BIN_EXE_backfill-operator")).args(args).output().unwrap();
    assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));

    let cluster = Cluster::shared().await.unwrap();
    job.as_object_mut().unwrap().remove("serviceAccountName");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": job,
        "metadata": {"name": "tried-out", "namespace": "backfill-system"}});
    let file = NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), pod.to_string()).unwrap();
    let path = file.path().display().to_string();
    cluster.kubectl_text(&["create", "--dry-run=server", "-f", &path]).unwrap();
}
