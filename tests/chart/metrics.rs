//! How metrics and probes are served: what the operator, the kubelet and Prometheus are told of a
//! certificate and of a token, and which values for it are refused.

use serde_json::{Value, json};

use super::refusals::refused;
use super::values::WHOLE;
use super::{DATABASE, rendered};

/// Served over TLS.
const TLS: &str = "metrics.tls.existingSecret=pair,metrics.tls.serverName=operator.example.com";
/// Served to who has the token.
const AUTH: &str = "metrics.auth.existingSecret=scraper,metrics.auth.existingSecretKey=word";
/// A volume of the user's own, where a path is still to be given.
const MOUNT: &str = "extraVolumes[0].name=a,extraVolumes[0].emptyDir.medium=,\
                     extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=";

/// What is rendered with these values, by its kind.
fn one(kind: &str, values: &[&str]) -> Value {
    let set: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    let objects = rendered(&[&WHOLE[..], &set].concat()).unwrap();
    objects.into_iter().find(|object| object["kind"] == kind).unwrap()
}

fn pod(values: &[&str]) -> Value {
    one("Deployment", values)["spec"]["template"]["spec"].take()
}

fn endpoint(values: &[&str]) -> Value {
    one("PodMonitor", values)["spec"]["podMetricsEndpoints"][0].take()
}

/// The flags by which the operator is told how to serve metrics.
fn told(pod: &Value) -> Vec<&str> {
    let flags = pod["containers"][0]["args"].as_array().unwrap().iter();
    flags.filter_map(Value::as_str).filter(|flag| flag.starts_with("--metrics-")).collect()
}

/// The scheme of each probe.
fn schemes(pod: &Value) -> [&Value; 3] {
    let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    probes.map(|probe| {
        let asked = &pod["containers"][0][probe]["httpGet"];
        assert_eq!(asked["port"], "http", "{probe}");
        &asked["scheme"]
    })
}

#[test]
fn metrics_are_plain_and_open_unless_told_otherwise() {
    let plain = pod(&[]);
    assert_eq!(told(&plain), Vec::<&str>::new());
    assert_eq!(schemes(&plain), [&Value::Null; 3]);
    assert_eq!(plain["volumes"], Value::Null);
    assert_eq!(plain["containers"][0]["volumeMounts"], Value::Null);
    let endpoint = endpoint(&[]);
    for field in ["scheme", "tlsConfig", "authorization"] {
        assert_eq!(endpoint[field], Value::Null, "{field}");
    }
}

#[test]
fn the_operator_gets_of_each_secret_only_what_it_serves_by() {
    let served = pod(&[TLS, AUTH]);
    let [tls, token] =
        ["metrics-tls", "metrics-token"].map(|name| format!("/etc/backfill-operator/{name}"));
    let flags =
        [format!("--metrics-cert-dir={tls}"), format!("--metrics-token-file={token}/token")];
    assert_eq!(told(&served), flags);
    assert_eq!(schemes(&served), [&json!("HTTPS"); 3]);
    let volumes = json!([
        {"name": "metrics-tls", "secret": {"secretName": "pair", "items": [
            {"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}]}},
        {"name": "metrics-token", "secret": {"secretName": "scraper", "items": [
            {"key": "word", "path": "token"}]}},
    ]);
    assert_eq!(served["volumes"], volumes);
    let mounts = json!([
        {"name": "metrics-tls", "mountPath": tls, "readOnly": true},
        {"name": "metrics-token", "mountPath": token, "readOnly": true},
    ]);
    assert_eq!(served["containers"][0]["volumeMounts"], mounts);
    // The migration serves nothing.
    assert_eq!(one("Job", &[TLS, AUTH]), one("Job", &[]));
}

#[test]
fn a_certificate_and_a_token_do_without_one_another_and_beside_other_volumes() {
    let names = |list: &Value| {
        let each = list.as_array().unwrap().iter();
        each.map(|volume| volume["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let further = format!("{MOUNT}/etc/a");
    let cases = [(TLS, "metrics-tls", json!("HTTPS")), (AUTH, "metrics-token", Value::Null)];
    for (values, volume, scheme) in cases {
        let served = pod(&[values, &further]);
        assert_eq!(told(&served).len(), 1, "{values}");
        assert_eq!(schemes(&served), [&scheme; 3], "{values}");
        assert_eq!(names(&served["volumes"]), [volume, "a"]);
        assert_eq!(names(&served["containers"][0]["volumeMounts"]), [volume, "a"]);
        let job = one("Job", &[values, &further]);
        assert_eq!(names(&job["spec"]["template"]["spec"]["volumes"]), ["a"]);
    }
}

#[test]
fn prometheus_is_told_how_metrics_are_served() {
    let served = endpoint(&[TLS, AUTH]);
    assert_eq!(served["port"], "http");
    assert_eq!(served["scheme"], "https");
    let authority = json!({"secret": {"name": "pair", "key": "ca.crt"}});
    let verified = json!({"ca": authority, "serverName": "operator.example.com"});
    assert_eq!(served["tlsConfig"], verified);
    let token = json!({"type": "Bearer", "credentials": {"name": "scraper", "key": "word"}});
    assert_eq!(served["authorization"], token);

    let public = endpoint(&[TLS, "metrics.tls.caKey="]);
    assert_eq!(public["tlsConfig"], json!({"serverName": "operator.example.com"}));
    assert_eq!(public["authorization"], Value::Null);
    let open = endpoint(&[AUTH]);
    assert_eq!(open["authorization"], token);
    assert_eq!([&open["scheme"], &open["tlsConfig"]], [&Value::Null; 2]);
}

#[test]
fn a_certificate_needs_a_name_only_where_a_pod_monitor_is_made() {
    let unnamed = ["--set", DATABASE, "--set", "metrics.tls.existingSecret=pair"];
    rendered(&unnamed).unwrap();
    // Whether or not the cluster knows PodMonitors yet.
    let monitored = [&unnamed[..], &["--set", "metrics.podMonitor.enabled=true"]].concat();
    let said = rendered(&monitored).unwrap_err();
    assert!(said.contains("metrics.tls.serverName must be a name in the certificate"), "{said}");
    refused(&[("metrics.tls.serverName=a", "metrics.tls.serverName is for metrics.tls.existing")]);
}

#[test]
fn a_scrape_takes_no_longer_than_its_interval() {
    let said = |limit: &str, interval: &str| {
        let name = "metrics.podMonitor";
        format!("{name}.scrapeTimeout ({limit}) must not be above {name}.interval ({interval})")
    };
    refused(&[
        ("metrics.podMonitor.scrapeTimeout=31s", &said("31s", "30s")),
        (
            "metrics.podMonitor.scrapeTimeout=1m,metrics.podMonitor.interval=59s999ms",
            &said("1m", "59s999ms"),
        ),
    ]);
}

#[test]
fn a_bad_value_for_how_metrics_are_served_is_refused_with_its_name() {
    let table = [
        ("metrics.tls.existingSecret=a..b", "/metrics/tls/existingSecret"),
        ("metrics.tls.caKey=..", "/metrics/tls/caKey"),
        ("metrics.tls.serverName=https://a", "/metrics/tls/serverName"),
        ("metrics.tls.serverName=*.example.com", "/metrics/tls/serverName"),
        ("metrics.tls.key=a", "'key' not allowed"),
        ("metrics.auth.existingSecret=A", "/metrics/auth/existingSecret"),
        ("metrics.auth.existingSecretKey=", "/metrics/auth/existingSecretKey"),
        ("metrics.auth.token=a", "'token' not allowed"),
        ("extraEnv[0].name=METRICS_CERT_DIR", "a variable that the chart does not set itself"),
        ("extraEnv[0].name=METRICS_TOKEN_FILE", "a variable that the chart does not set itself"),
    ];
    refused(&table);
}

#[test]
fn nothing_is_mounted_over_what_metrics_are_served_by() {
    for (values, name) in [(TLS, "metrics-tls"), (AUTH, "metrics-token")] {
        let same = format!("extraVolumes[0].name={name},extraVolumes[0].emptyDir.medium=");
        let said = format!("extraVolumes names {name}, which is a volume of the chart itself");
        refused(&[(&format!("{values},{same}"), &said)]);
        let place = format!("/etc/backfill-operator/{name}");
        let inside = format!("{place}/a");
        for path in ["/", "/etc/", "/etc/./backfill-operator", &place, &inside] {
            let said = format!("extraVolumeMounts names {path}, but the chart itself mounts");
            refused(&[(&format!("{values},{MOUNT}{path}"), &said)]);
        }
        // Beside it, and where the chart mounts nothing.
        pod(&[values, &format!("{MOUNT}{place}-a")]);
        pod(&[&format!("{MOUNT}{place}").replace("name=a", &format!("name={name}"))]);
    }
}
