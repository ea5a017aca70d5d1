//! Values that the chart refuses, each with a message that names it.

use super::rendered;
use super::values::WHOLE;

#[test]
fn a_bad_value_is_refused_with_its_name() {
    let table = [
        ("database.existingSecret=", "database.existingSecret"),
        ("databse.existingSecret=x", "databse"),
        ("replicas=2", "replicas"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=latest", "digest"),
        ("image.repository=registry.example.com/operator:1", "/image/repository"),
        ("image.repository=registry.example.com/operator/", "/image/repository"),
        ("image.tag=-rc", "/image/tag"),
        ("image.tag=a:b", "/image/tag"),
        ("migrations.mode=Never", "mode"),
        ("operator.maxConcurrentRuns=0", "maxConcurrentRuns"),
        ("operator.runSeconds=4000", "runSeconds"),
        ("operator.minRateLimitPoints=-1", "minRateLimitPoints"),
        ("operator.githubUrl=ftp://x", "/operator/githubUrl"),
        ("operator.githubUrl=http://api.github.com", "/operator/githubUrl"),
        ("operator.githubUrl=http://127.0.0.1.example.com", "/operator/githubUrl"),
        ("operator.githubUrl=https://me:secret@github.example.com", "/operator/githubUrl"),
        ("operator.listenHost=localhost", "/operator/listenHost"),
        ("operator.listenHost=::", "/operator/listenHost"),
        ("operator.listenPort=70000", "listenPort"),
        ("networkPolicy.enabled=maybe", "enabled"),
        ("watchNamespace=Not_A_Name", "watchNamespace"),
        ("crds.keep=perhaps", "keep"),
        ("metrics.podMonitor.scrapeTimeout=soon", "scrapeTimeout"),
        ("podLabels.team=two words", "/podLabels/team"),
        ("nodeSelector.disk=a/b", "/nodeSelector/disk"),
        ("metrics.dashboards.labels.team=a:b", "/dashboards/labels/team"),
        (
            "extraEnv[0].name=A,extraEnv[0].value=b,extraEnv[0].valueFrom.fieldRef.fieldPath=c",
            "/extraEnv/0/value",
        ),
        ("extraEnv[0].name=A,extraEnv[0].valueFrom.fieldRef.apiVersion=v1", "fieldPath"),
        ("migrations.existingSecret=owner,migrations.mode=AtStart", "migrations.existingSecret"),
        ("migrations.existingSecret=owner,migrations.mode=Off", "migrations.existingSecret"),
        ("metrics.prometheusRule.alertLabels.severity=info", "alertLabels must not have severity"),
        (r"podLabels.app\.kubernetes\.io/name=x", "/podLabels/app.kubernetes.io~1name"),
        (r"commonLabels.helm\.sh/chart=x", "/commonLabels/helm.sh~1chart"),
        (r"commonLabels.rbac\.authorization\.k8s\.io/x=y", "/commonLabels/rbac"),
        (r"metrics.podMonitor.labels.helm\.sh/chart=x", "/podMonitor/labels/helm"),
        (r"metrics.prometheusRule.labels.helm\.sh/chart=x", "/prometheusRule/labels/helm"),
        (r"metrics.dashboards.labels.helm\.sh/chart=x", "/dashboards/labels/helm"),
    ];
    for (value, named) in table {
        let error = rendered(&[&WHOLE[..], &["--set", value]].concat()).expect_err(value);
        assert!(error.contains(named), "{value}: {error}");
    }
}

#[test]
fn a_good_value_of_an_odd_form_is_taken() {
    let table = [
        "operator.githubUrl=https://octo.ghe.com:8443/api/",
        "operator.githubUrl=http://127.0.0.1:8080",
        "operator.githubUrl=http://[::1]:8080/",
        "operator.listenHost=[::]",
        "operator.listenHost=[fd00::1]",
        "image.repository=registry.example.com:5000/a/b-c__d/e.f",
        "image.repository=localhost/operator",
        "image.tag=_1.2-rc.3",
        "podLabels.team=",
        "podLabels.team=A_b-c.d",
        "extraEnv[0].name=EMPTY",
        "extraEnv[0].name=NAME,extraEnv[0].valueFrom.fieldRef.fieldPath=metadata.name",
        "migrations.existingSecret=owner",
    ];
    for value in table {
        rendered(&[&WHOLE[..], &["--set", value]].concat()).expect(value);
    }
}
