//! Values that the chart refuses, each with a message that names it.

use super::rendered;
use super::values::WHOLE;

/// A condition of a selector.
const EXPRESSION: &str = "networkPolicy.databaseTo[0].podSelector.matchExpressions[0]";

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
        ("extraEnv[0].name=A,extraEnv[1].name=RUN_SECONDS", "/extraEnv/1/name"),
        ("extraEnv[0].name=RUST_LOG", "a variable that the chart does not set itself"),
        ("migrations.existingSecret=owner,migrations.mode=AtStart", "migrations.existingSecret"),
        ("migrations.existingSecret=owner,migrations.mode=Off", "migrations.existingSecret"),
        ("metrics.prometheusRule.alertLabels.severity=info", "alertLabels must not have severity"),
        ("metrics.prometheusRule.alertLabels.alertname=x", "alertLabels must not have alertname"),
        ("metrics.prometheusRule.alertLabels.identity=x", "alertLabels must not have identity"),
        (r"podLabels.app\.kubernetes\.io/name=x", "/podLabels/app.kubernetes.io~1name"),
        (r"commonLabels.helm\.sh/chart=x", "/commonLabels/helm.sh~1chart"),
        (r"commonLabels.rbac\.authorization\.k8s\.io/x=y", "/commonLabels/rbac"),
        (r"metrics.podMonitor.labels.helm\.sh/chart=x", "/podMonitor/labels/helm"),
        (r"metrics.prometheusRule.labels.helm\.sh/chart=x", "/prometheusRule/labels/helm"),
        (r"metrics.dashboards.labels.helm\.sh/chart=x", "/dashboards/labels/helm"),
    ];
    refused(&table);
}

#[test]
fn what_the_operator_would_refuse_or_misread_is_refused_before() {
    let levels = "off, error, warn, info, debug or trace, or target=level";
    let proxy = "http://HOST:PORT or https://HOST:PORT, without user, password, path and query";
    let alone = "a tag goes into image.tag, a digest into image.digest";
    let table = [
        // tracing takes such a word for a target, and logs nothing of all others.
        ("operator.log=warning", levels),
        ("operator.log=verbose", levels),
        ("operator.log=kube=warning", levels),
        (r"operator.log=info\,kube", levels),
        ("operator.listenHost=256.0.0.1", "/operator/listenHost"),
        ("operator.listenHost=10.0.0.01", "/operator/listenHost"),
        ("operator.githubUrl=https://octo.ghe.com:65536", "/operator/githubUrl"),
        ("operator.githubUrl=http://127.0.0.256", "/operator/githubUrl"),
        ("operator.githubProxy=proxy.example.com:3128", proxy),
        ("operator.githubProxy=socks5://proxy.example.com:1080", proxy),
        ("operator.githubProxy=http://me:secret@proxy.example.com:3128", proxy),
        ("operator.githubProxy=http://proxy.example.com:3128/path", proxy),
        ("operator.githubProxy=http://proxy.example.com:65536", proxy),
        ("extraEnv[0].name=GITHUB_PROXY", "a variable that the chart does not set itself"),
        ("image.repository=registry.example.com/operator:1", alone),
        ("image.repository=registry.example.com/operator@sha256:0", alone),
    ];
    refused(&table);
}

#[test]
fn what_the_api_server_would_refuse_is_refused_before() {
    let table = [
        ("podSecurityContext.runAsUser=2147483648", "/podSecurityContext/runAsUser"),
        ("podSecurityContext.runAsGroup=4294967294", "/podSecurityContext/runAsGroup"),
        ("extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv names A twice"),
        (
            "extraVolumes[0].name=a,extraVolumes[0].emptyDir.medium=,extraVolumes[1].name=a,\
             extraVolumes[1].emptyDir.medium=",
            "extraVolumes names a twice",
        ),
        (
            "extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/a,\
             extraVolumeMounts[1].name=b,extraVolumeMounts[1].mountPath=/a",
            "extraVolumeMounts names /a twice",
        ),
        (
            "extraVolumes[0].name=a,extraVolumes[0].emptyDir.medium=,\
             extraVolumeMounts[0].name=b,extraVolumeMounts[0].mountPath=/b",
            "extraVolumeMounts names b, which is no volume of extraVolumes",
        ),
        ("migrations.mode=Off,extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv names A twice"),
        ("commonLabels.two words=x", "/commonLabels"),
        ("podLabels.-a=x", "/podLabels"),
        ("nodeSelector.a/b/c=x", "/nodeSelector"),
        ("podAnnotations.two words=x", "/podAnnotations"),
        ("deploymentAnnotations.-a=x", "/deploymentAnnotations"),
        ("serviceAccount.annotations.a b=x", "/serviceAccount/annotations"),
        ("resources.limits.cpu=-1", "/resources/limits/cpu"),
        (
            "networkPolicy.metricsFrom[0].ipBlock.cidr=10.0.0.0/8,\
             networkPolicy.metricsFrom[0].podSelector.matchLabels.a=b",
            "/networkPolicy/metricsFrom/0/podSelector",
        ),
        ("networkPolicy.databaseTo[0].ipBlock.cidr=10.0.0.5", "/databaseTo/0/ipBlock/cidr"),
        ("networkPolicy.databaseTo[0].ipBlock.cidr=256.0.0.0/8", "/databaseTo/0/ipBlock/cidr"),
        ("metrics.podMonitor.interval=30s1m", "/metrics/podMonitor/interval"),
        ("metrics.podMonitor.scrapeTimeout=1s1s", "/metrics/podMonitor/scrapeTimeout"),
        (
            "metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,\
             metrics.podMonitor.interval=2m1s",
            "metrics.podMonitor.interval (2m1s) must not be above 2m",
        ),
        (
            "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=zone,\
             topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway,\
             topologySpreadConstraints[0].minDomains=2",
            "/topologySpreadConstraints/0/whenUnsatisfiable",
        ),
        ("networkPolicy.databaseTo[0].ipBlock.cidr=10.0.0.0/33", "/databaseTo/0/ipBlock/cidr"),
        ("networkPolicy.extraEgress[0].ports[0].port=70000", "/extraEgress/0/ports/0/port"),
        ("networkPolicy.extraEgress[0].ports[0].endPort=443", "missing property 'port'"),
        (
            "networkPolicy.extraEgress[0].ports[0].port=443,\
             networkPolicy.extraEgress[0].ports[0].endPort=80",
            "networkPolicy.extraEgress has endPort 80, which must not be below port 443",
        ),
        ("database.existingSecret=a..b", "/database/existingSecret"),
        ("database.existingSecretKey=..", "/database/existingSecretKey"),
        ("imagePullSecrets[0].name=a,imagePullSecrets[1].name=a", "/imagePullSecrets"),
    ];
    refused(&table);
}

#[test]
fn a_limit_below_the_request_is_refused_with_both() {
    let table = [
        ("resources.limits.memory=32Mi", "memory (32Mi) must not be below", "memory (64Mi)"),
        ("resources.limits.memory=65535Ki", "memory (65535Ki) must not be below", "memory (64Mi)"),
        ("resources.limits.memory=67M", "memory (67M) must not be below", "memory (64Mi)"),
        ("resources.limits.memory=60000000", "memory (60000000) must not be", "memory (64Mi)"),
        ("resources.requests.memory=0.5Gi", "memory (256Mi) must not be below", "memory (0.5Gi)"),
        ("resources.limits.cpu=99m", "cpu (99m) must not be below", "cpu (100m)"),
        ("resources.limits.cpu=0.05", "cpu (0.05) must not be below", "cpu (100m)"),
        (
            "resources.limits.ephemeral-storage=1G,resources.requests.ephemeral-storage=1Gi",
            "ephemeral-storage (1G) must not be below",
            "ephemeral-storage (1Gi)",
        ),
    ];
    for (value, limit, request) in table {
        let both = [format!("resources.limits.{limit}"), format!("resources.requests.{request}")];
        refused(&[(value, &both[0]), (value, &both[1])]);
    }
}

#[test]
fn a_toleration_that_kubernetes_has_not_is_refused() {
    let table = [
        ("operator=Exists,key=a,value=b", "/tolerations/0/value"),
        ("operator=Equal,value=b", "'/tolerations/0': missing property 'key'"),
        ("effect=NoSchedule", "'/tolerations/0': missing property 'key'"),
        ("key=,value=b", "/tolerations/0/key"),
        ("operator=Exists,tolerationSeconds=5", "missing property 'effect'"),
        ("key=a,effect=NoSchedule,tolerationSeconds=5", "value must be 'NoExecute'"),
    ];
    for (fields, named) in table {
        refused(&[(&each(fields, "tolerations[0]"), named)]);
    }
}

#[test]
fn a_selector_that_kubernetes_has_not_is_refused() {
    let peers = ["metricsFrom[0]", "databaseTo[0]", "extraEgress[0].to[0]"];
    for peer in peers.map(|peer| format!("networkPolicy.{peer}")) {
        for selector in ["podSelector", "namespaceSelector"] {
            let value = format!("{peer}.{selector}.matchLabel.a=b");
            refused(&[(&value, "'matchLabel' not allowed")]);
        }
    }
    let spread = "maxSkew=1,topologyKey=zone,whenUnsatisfiable=DoNotSchedule,\
                  labelSelector.matchLabel.a=b";
    let spread = each(spread, "topologySpreadConstraints[0]");
    refused(&[(&spread, "'matchLabel' not allowed")]);
    let table = [
        ("key=a", "missing property 'operator'"),
        ("operator=Exists", "missing property 'key'"),
        ("key=a b,operator=Exists", "/matchExpressions/0/key"),
        ("key=a,operator=Equal", "/matchExpressions/0/operator"),
        ("key=a,operator=In", "missing property 'values'"),
        ("key=a,operator=NotIn,values[0]=b c", "/matchExpressions/0/values/0"),
        ("key=a,operator=Exists,values[0]=b", "/matchExpressions/0/values"),
    ];
    for (fields, named) in table {
        refused(&[(&each(fields, EXPRESSION), named)]);
    }
}

/// The given fields, each below `above`.
fn each(fields: &str, above: &str) -> String {
    let fields: Vec<_> = fields.split(',').map(|field| format!("{above}.{field}")).collect();
    fields.join(",")
}

/// Fails unless each value is refused, in words that hold the text beside it.
pub fn refused(table: &[(&str, &str)]) {
    for (value, named) in table {
        let error = rendered(&[&WHOLE[..], &["--set", value]].concat()).expect_err(value);
        assert!(error.contains(named), "{value}: {error}");
    }
}

#[test]
fn a_good_value_of_an_odd_form_is_taken() {
    let table = [
        "operator.githubUrl=https://octo.ghe.com:8443/api/",
        "operator.githubUrl=https://octo.ghe.com:65535",
        "operator.githubUrl=http://127.0.0.1:8080",
        "operator.githubUrl=http://[::1]:8080/",
        "operator.githubProxy=http://proxy.example.com:3128",
        "operator.githubProxy=https://[fd00::1]:8443/",
        "operator.log=off",
        "operator.log=backfill_operator=debug",
        r"operator.log=info\,kube=warn\,backfill_operator::web=trace",
        "operator.listenHost=255.10.99.0",
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
        "podSecurityContext.runAsUser=2147483647",
        r"podLabels.example\.com/team_a\.b=x",
        r"podAnnotations.Example\.COM/Team=x",
        "metrics.prometheusRule.alertLabels._x=y",
        "metrics.podMonitor.scrapeTimeout=30s",
        "metrics.podMonitor.scrapeTimeout=60s,metrics.podMonitor.interval=1m",
        "metrics.podMonitor.scrapeTimeout=1999ms,metrics.podMonitor.interval=02s",
        "resources.limits.cpu=500m",
        "resources.limits.cpu=0.5",
        "resources.limits.memory=null",
        "networkPolicy.databaseTo[0].ipBlock.cidr=fd00::/8",
        "networkPolicy.databaseTo[0].ipBlock.cidr=192.168.255.0/24",
        "metrics.podMonitor.interval=1h,metrics.podMonitor.enabled=true,\
         metrics.prometheusRule.enabled=false",
        "metrics.podMonitor.interval=2m,metrics.podMonitor.enabled=true,\
         metrics.prometheusRule.enabled=true",
        "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].topologyKey=zone,\
         topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule,\
         topologySpreadConstraints[0].minDomains=2",
        "networkPolicy.extraEgress[0].ports[0].port=https",
        "networkPolicy.extraEgress[0].ports[0].port=30000,\
         networkPolicy.extraEgress[0].ports[0].endPort=32767",
        "networkPolicy.extraEgress[0].ports[0].port=443,\
         networkPolicy.extraEgress[0].ports[0].endPort=443",
        "database.existingSecretKey=.url",
        "extraEnv[0].name=HTTPS_PROXY,extraEnv[1].name=SSL_CERT_FILE",
        "extraVolumes[0].name=a,extraVolumes[0].emptyDir.medium=,\
         extraVolumeMounts[0].name=a,extraVolumeMounts[0].mountPath=/a,\
         extraVolumeMounts[1].name=a,extraVolumeMounts[1].mountPath=/b",
        "resources.limits.memory=65536Ki",
        "resources.limits.memory=0.0625Gi",
        "resources.limits.memory=67108864",
        "resources.limits.cpu=100m",
        "resources.limits.cpu=0.1",
        "resources.limits.ephemeral-storage=1Gi",
        "resources.requests=null",
        "tolerations[0].operator=Exists",
        "tolerations[0].key=a,tolerations[0].value=b",
        "tolerations[0].key=a,tolerations[0].operator=Exists,tolerations[0].value=",
    ];
    for value in table {
        taken(value);
    }
    taken(&each("operator=Exists,effect=NoExecute,tolerationSeconds=0", "tolerations[0]"));
    taken(&each("key=example.com/a,operator=In,values[0]=b,values[1]=", EXPRESSION));
    taken(&each("key=a,operator=DoesNotExist", EXPRESSION));
}

fn taken(value: &str) {
    rendered(&[&WHOLE[..], &["--set", value]].concat()).expect(value);
}
