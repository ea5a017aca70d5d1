//! Values that the chart refuses, each with a message that names it.

use super::{DATABASE, rendered};

#[test]
fn a_bad_value_is_refused_with_its_name() {
    let table = [
        ("database.existingSecret=", "database.existingSecret"),
        ("databse.existingSecret=x", "databse"),
        ("replicas=2", "replicas"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=latest", "digest"),
        ("migrations.mode=Never", "mode"),
        ("operator.maxConcurrentRuns=0", "maxConcurrentRuns"),
        ("operator.runSeconds=4000", "runSeconds"),
        ("operator.minRateLimitPoints=-1", "minRateLimitPoints"),
        ("operator.githubUrl=ftp://x", "githubUrl"),
        ("operator.listenPort=70000", "listenPort"),
        ("networkPolicy.enabled=maybe", "enabled"),
        ("watchNamespace=Not_A_Name", "watchNamespace"),
        ("crds.keep=perhaps", "keep"),
        ("metrics.podMonitor.scrapeTimeout=soon", "scrapeTimeout"),
        (r"podLabels.app\.kubernetes\.io/name=x", "/podLabels/app.kubernetes.io~1name"),
        (r"commonLabels.helm\.sh/chart=x", "/commonLabels/helm.sh~1chart"),
        (r"commonLabels.rbac\.authorization\.k8s\.io/x=y", "/commonLabels/rbac"),
        (r"metrics.podMonitor.labels.helm\.sh/chart=x", "/podMonitor/labels/helm"),
        (r"metrics.prometheusRule.labels.helm\.sh/chart=x", "/prometheusRule/labels/helm"),
        (r"metrics.dashboards.labels.helm\.sh/chart=x", "/dashboards/labels/helm"),
    ];
    for (value, named) in table {
        let error = rendered(&["--set", DATABASE, "--set", value]).expect_err(value);
        assert!(error.contains(named), "{value}: {error}");
    }
}
