//! Argo CD's scripts for the kind, by Argo CD's own engine and by Lua 5.1, with the test files of
//! Argo CD's own layout; and what the actions do to a running operator.

use std::collections::BTreeSet;

use kube::api::{Patch, PatchParams};
use mlua::{Lua, LuaOptions, LuaSerdeExt as _, StdLib};
use serde_json::{Value, json};
use testbed::{Cluster, argocd, clone};

use super::fixtures::{BY_HAND, hold, script, stored};
use crate::documents::blocks;
use crate::support::verdicts;
use crate::support::{Trial, World};

/// Each fixture, and what kstatus and Argo CD must say of it.
const ROWS: [(&str, &str, &str); 13] = [
    ("new", "InProgress", "Progressing"),
    ("walking", "InProgress", "Progressing"),
    ("started", "Current", "Healthy"),
    ("retrying", "InProgress", "Progressing"),
    ("stalled", "Failed", "Degraded"),
    ("complete", "Current", "Healthy"),
    ("planned", "Current", "Healthy"),
    ("edited", "InProgress", "Progressing"),
    ("suspended", "Current", "Suspended"),
    ("suspended-new", "InProgress", "Suspended"),
    ("suspended-in-mid-run", "InProgress", "Suspended"),
    ("deleting", "Terminating", "Progressing"),
    // What the default of the definition is there to prevent.
    ("without-status", "Current", "Progressing"),
];
/// The key of Argo CD's ConfigMap that holds the health.
const HEALTH: &str = "resource.customizations.health.backfill.contributor.info_RepositoryBackfill";
/// The annotation of the action `look-now`, and where it stands in an object.
const REQUESTED_AT: &str = "backfill.contributor.info/requested-at";
const REQUESTED_AT_POINTER: &str = "/metadata/annotations/backfill.contributor.info~1requested-at";

fn text(name: &str) -> String {
    std::fs::read_to_string(script(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&text(name)).unwrap()
}

/// What a script returns under Lua 5.1, with no more libraries than Argo CD gives it.
fn under_lua(script: &str, object: &Value) -> Value {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::PACKAGE | StdLib::OS, LuaOptions::default());
    let lua = lua.unwrap();
    lua.globals().set("obj", lua.to_value(object).unwrap()).unwrap();
    let returned: mlua::Value = lua.load(script).eval().unwrap();
    lua.from_value(returned).unwrap()
}

#[test]
fn each_state_has_its_verdict_by_kstatus_argo_cd_and_lua() {
    let tests = yaml("health_test.yaml");
    let tests = tests["tests"].as_array().unwrap();
    let path = |name: &str| format!("testdata/{name}.yaml");
    let tested: BTreeSet<_> =
        tests.iter().map(|test| test["inputPath"].as_str().unwrap()).collect();
    let there = std::fs::read_dir(script("testdata")).unwrap();
    let there: BTreeSet<_> = there
        .map(|entry| format!("testdata/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|(name, ..)| path(name)).collect();
    assert_eq!(there, rows);
    assert_eq!(tested, rows.iter().map(String::as_str).collect());

    let cases: Vec<_> =
        ROWS.iter().map(|(name, ..)| json!({"object": stored(&path(name))})).collect();
    let verdicts = verdicts::of(&cases);
    for (((name, kstatus, argo), case), verdict) in ROWS.iter().zip(&cases).zip(&verdicts) {
        assert_eq!(verdict["kstatus"], *kstatus, "{name}");
        assert_eq!(verdict["health"], *argo, "{name}: {verdict}");
        // The rule by which every other test judges says the same of it.
        if !BY_HAND.contains(name) {
            assert_eq!(verdicts::expected(&case["object"]), (*kstatus, *argo), "{name}");
        }
        let test = tests.iter().find(|test| test["inputPath"] == path(name)).unwrap();
        let (health, message) = (&verdict["health"], &verdict["message"]);
        assert_eq!(test["healthStatus"], json!({"status": health, "message": message}), "{name}");
        let by_lua = under_lua(&text("health.lua"), &case["object"]);
        assert_eq!(by_lua, test["healthStatus"], "{name}");
    }
}

#[test]
fn what_is_stalled_is_degraded_in_whatever_order_its_conditions_stand() {
    let mut object = stored("testdata/stalled.yaml");
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let stalled = conditions.iter().find(|one| one["type"] == "Stalled").unwrap().clone();
    let ready = json!({"type": "Ready", "status": "True", "reason": "Verified",
        "observedGeneration": object["metadata"]["generation"]});
    for conditions in [json!([ready, stalled]), json!([stalled, ready])] {
        object["status"]["conditions"] = conditions;
        let health = under_lua(&text("health.lua"), &object);
        assert_eq!(health["status"], "Degraded", "{object}");
        let message = health["message"].as_str().unwrap();
        assert!(message.starts_with("CredentialsRequired: "), "{message}");
    }
}

#[test]
fn without_the_scripts_argo_cd_has_no_opinion() {
    let asked = json!({"configMap": {}, "cases": [{"object": stored("testdata/stalled.yaml")}]});
    let verdict = testbed::assets::judge(&asked).unwrap();
    assert_eq!(verdict[0]["health"], "");
    assert_eq!(verdict[0]["offered"], json!([]));
}

/// The output of an action, with the one instant in it that is now.
fn output(verdict: &Value) -> Value {
    assert_eq!(verdict["impacted"].as_array().unwrap().len(), 1);
    assert_eq!(verdict["impacted"][0]["operation"], "patch");
    let mut object = verdict["impacted"][0]["resource"].clone();
    if let Some(at) = object.pointer_mut(REQUESTED_AT_POINTER) {
        at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        *at = "2026-01-01T00:00:00Z".into();
    }
    object
}

#[test]
fn each_action_is_offered_where_it_helps_and_changes_one_field() {
    let tests = yaml("actions/action_test.yaml");
    let input = |test: &Value| stored(&format!("actions/{}", test["inputPath"].as_str().unwrap()));
    let discoveries = tests["discoveryTests"].as_array().unwrap();
    assert!(!discoveries.is_empty(), "{tests}");
    for test in discoveries {
        let verdict = verdicts::of(&[json!({"object": input(test)})]).remove(0);
        let named = |disabled: bool| {
            let all = test["result"].as_array().unwrap().iter();
            let these = all.filter(|action| action["disabled"] == disabled);
            these.map(|action| action["name"].as_str().unwrap()).collect::<BTreeSet<_>>()
        };
        assert_eq!(verdict["offered"], json!(named(false)), "{test}");
        assert_eq!(verdict["disabled"], json!(named(true)), "{test}");
        let by_lua = under_lua(&text("actions/discovery.lua"), &input(test));
        for action in argocd::ACTIONS {
            assert_eq!(by_lua[action]["disabled"], named(true).contains(action), "{action}");
        }
    }
    let actions = tests["actionTests"].as_array().unwrap();
    let acted: BTreeSet<_> = actions.iter().map(|test| test["action"].as_str().unwrap()).collect();
    assert_eq!(acted, BTreeSet::from(argocd::ACTIONS));
    for test in actions {
        let action = test["action"].as_str().unwrap();
        let mut expected = input(test);
        match action {
            "look-now" => {
                expected["metadata"]["annotations"] = json!({REQUESTED_AT: "2026-01-01T00:00:00Z"});
            }
            "suspend" => expected["spec"]["suspend"] = true.into(),
            _ => expected["spec"]["suspend"] = false.into(),
        }
        let case = json!({"object": input(test), "action": action});
        assert_eq!(output(&verdicts::of(&[case])[0]), expected, "{action}");
        hold(&format!("actions/{}", test["expectedOutputPath"].as_str().unwrap()), &expected);
    }
}

#[test]
fn each_action_is_harmless_in_each_state() {
    for action in argocd::ACTIONS {
        let all = ROWS.iter().map(|(name, ..)| stored(&format!("testdata/{name}.yaml")));
        let cases: Vec<_> = all.map(|object| json!({"object": object, "action": action})).collect();
        for (case, verdict) in cases.iter().zip(verdicts::of(&cases)) {
            let mut output = output(&verdict);
            let mut input = case["object"].clone();
            for object in [&mut output, &mut input] {
                object["spec"].as_object_mut().unwrap().remove("suspend");
                object["metadata"].as_object_mut().unwrap().remove("annotations");
            }
            assert_eq!(output, input, "{action}");
        }
    }
}

#[test]
fn an_object_without_a_spec_makes_no_action_fail() {
    for (action, suspend) in
        [("look-now", Value::Null), ("suspend", json!(true)), ("resume", json!(false))]
    {
        let script = text(&format!("actions/{action}/action.lua"));
        let acted = under_lua(&script, &json!({"metadata": {"name": "api"}}));
        assert_eq!(acted["spec"]["suspend"], suspend, "{action}");
    }
}

#[tokio::test]
async fn each_action_does_to_a_running_operator_what_it_says() {
    let trial = Trial::start(World::of("acme/api", 3)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.succeeded("api").await;
    let act = async |action: &str| {
        let case = json!({"object": trial.get("api").await, "action": action});
        let resource = verdicts::of(&[case])[0]["impacted"][0]["resource"].clone();
        let annotations = &resource["metadata"]["annotations"];
        let patch = json!({"metadata": {"annotations": annotations}, "spec": resource["spec"]});
        let patch = Patch::Merge(patch);
        trial.objects().patch("api", &PatchParams::default(), &patch).await.unwrap();
    };
    act("suspend").await;
    trial.until_reason("api", "Suspended").await;
    act("resume").await;
    trial.succeeded("api").await;
    act("look-now").await;
    trial
        .until("api", "looked at on request", |object| {
            object.status.as_ref().is_some_and(|status| status.last_handled_requested_at.is_some())
        })
        .await;
    trial.finish().await;
}

#[tokio::test]
async fn the_config_map_holds_the_scripts_and_leaves_other_keys_alone() {
    let generated = argocd::config_map(&clone::root().unwrap()).unwrap();
    let stored = std::fs::read_to_string(clone::root().unwrap().join(&generated.path));
    let path = generated.path.display().to_string();
    assert!(stored.unwrap_or_default() == generated.text, "{path} is stale; run `make generate`");
    let cluster = Cluster::shared().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, text).unwrap();
        path
    };
    let shown = blocks("sh").into_iter().map(|(_, text)| text);
    let [command] = &shown.filter(|text| text.contains(&path)).collect::<Vec<_>>()[..] else {
        panic!("it is shown once how the keys get there")
    };
    for install in ["create", "apply", "apply --server-side --force-conflicts"] {
        let namespace = cluster.create_namespace().await.unwrap();
        let here =
            |text: &str| text.replace("namespace: argocd\n", &format!("namespace: {namespace}\n"));
        let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"url": "theirs"},
            "metadata": {"name": "argocd-cm", "namespace": namespace}});
        let theirs = file("theirs.yaml", &theirs.to_string());
        let install: Vec<_> = install.split(' ').chain(["-f", &theirs]).collect();
        cluster.kubectl_text(&install).unwrap();
        let ours = file("ours.yaml", &here(&generated.text));
        let command = command.replace(&path, &ours);
        let command = command.replace("--namespace argocd", &format!("--namespace {namespace}"));
        let words: Vec<_> = command.split_whitespace().collect();
        assert_eq!(words[0], "kubectl");
        // An upgrade of Argo CD afterwards, the way it was installed, leaves them there too.
        for upgrade in [false, true] {
            if upgrade && install[0] == "apply" {
                cluster.kubectl_text(&install).unwrap();
            } else {
                cluster.kubectl_text(&words[1..]).unwrap();
            }
            let get = ["-n", &namespace, "get", "configmap", "argocd-cm", "-o", "json"];
            let found: Value = serde_json::from_str(&cluster.kubectl_text(&get).unwrap()).unwrap();
            assert_eq!(found["data"]["url"], "theirs", "{install:?}");
            assert_eq!(found["data"][HEALTH], self::text("health.lua"), "{install:?}");
            assert_eq!(found["data"].as_object().unwrap().len(), 3, "{install:?}");
        }
    }
}
