//! The cluster's DNS, as a pod: names of Services for whoever looks them up the usual way. Must
//! not know which there are.

use serde_json::{Value, json};

use super::images::DNS;

/// Its cluster address, where every pod is sent.
pub const ADDRESS: &str = "10.96.0.10";
/// What every name ends with.
pub const DOMAIN: &str = "cluster.local";
const NAMESPACE: &str = "kube-system";
/// Above 1023, so that nobody needs a privilege.
const PORT: u16 = 5353;

/// Its account, what that may read, the server and its address.
pub fn manifests() -> Value {
    let named = json!({ "name": "dns", "namespace": NAMESPACE });
    let zones = format!(".:{PORT} {{\n  errors\n  kubernetes {DOMAIN}\n}}\n");
    let listens = |protocol: &str| {
        let name = protocol.to_lowercase();
        json!({ "name": name, "protocol": protocol, "port": 53, "targetPort": PORT })
    };
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": named },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": "dns" },
            "rules": [
                { "apiGroups": [""], "resources": ["services", "namespaces", "pods"],
                    "verbs": ["list", "watch"] },
                { "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
                    "verbs": ["list", "watch"] },
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": "dns" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "dns" },
            "subjects": [{ "kind": "ServiceAccount", "name": "dns", "namespace": NAMESPACE }],
        },
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": named,
            "data": { "Corefile": zones },
        },
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": named,
            "spec": {
                "selector": { "matchLabels": { "app": "dns" } },
                "template": { "metadata": { "labels": { "app": "dns" } }, "spec": {
                    "serviceAccountName": "dns",
                    "dnsPolicy": "Default",
                    "containers": [{
                        "name": "dns", "image": DNS, "imagePullPolicy": "Never",
                        "args": ["-conf", "/zones/Corefile"],
                        "volumeMounts": [{ "name": "zones", "mountPath": "/zones" }],
                        "readinessProbe": { "tcpSocket": { "port": PORT }, "periodSeconds": 1 },
                    }],
                    "volumes": [{ "name": "zones", "configMap": { "name": "dns" } }],
                }},
            },
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": named,
            "spec": {
                "clusterIP": ADDRESS, "selector": { "app": "dns" },
                "ports": [listens("UDP"), listens("TCP")],
            },
        },
    ]})
}
