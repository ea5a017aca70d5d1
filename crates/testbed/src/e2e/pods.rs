//! What runs beside the operator: Postgres and the stand-in GitHub, as pods. Must not know
//! what happens to them.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::assets::Assets;
use crate::clone;
use crate::cluster::pki::Pki;
use crate::node::images;
use crate::standin::STANDIN;

/// Their namespace.
pub const NAMESPACE: &str = "beside";
/// Name of the stand-in, for pods.
pub const GITHUB_NAME: &str = "github.beside.svc";
const PASSWORD: &str = "only-for-this-run";
const POSTGRES_IMAGE: &str = "docker.io/library/postgres:e2e";
const STANDIN_IMAGE: &str = "docker.io/library/github-standin:e2e";
/// Pull requests of the history: enough that the last is not read before everything happened.
pub const PULL_REQUESTS: u32 = 3_000;
/// The history's repository.
pub const REPOSITORY: &str = "e2e/history";

/// The connection URL, for pods.
pub fn database_url() -> String {
    connection(&format!("postgres.{NAMESPACE}.svc"))
}

fn connection(host: &str) -> String {
    format!("postgres://postgres:{PASSWORD}@{host}:5432/postgres?sslmode=disable")
}

/// What prints the result of a statement inside the pod of Postgres.
pub fn psql(statement: &str) -> anyhow::Result<[String; 4]> {
    let psql = Assets::find()?.postgres_bin.join("psql").display().to_string();
    Ok([psql, connection("127.0.0.1"), "-Atc".to_owned(), statement.to_owned()])
}

/// The stand-in's address for the operator.
pub fn github_url() -> String {
    format!("https://{GITHUB_NAME}")
}

/// Where the API server shows what the stand-in holds of the repository.
pub fn world_path() -> String {
    let proxy = format!("/api/v1/namespaces/{NAMESPACE}/services/github:8080/proxy");
    format!("{proxy}/_standin/world?repository={REPOSITORY}")
}

/// Writes their images.
pub fn write_images(front: &Path, state: &Path) -> anyhow::Result<()> {
    let bin = Assets::find()?.postgres_bin;
    let installed = bin.parent().context("Postgres has no directory")?;
    let shell = Path::new("/bin/sh");
    let account = image::File {
        path: "etc/passwd".to_owned(),
        mode: 0o444,
        bytes: b"postgres:x:65532:65532::/tmp:/bin/sh\n".to_vec(),
    };
    let paths = [installed, shell];
    images::write(POSTGRES_IMAGE, &[], &paths, vec![account], &state.join("postgres.tar"))?;
    let binary = clone::binary(STANDIN)?;
    let files = vec![images::file("front", front)?, images::file(STANDIN, &binary)?];
    // Named where it lies too, so that its libraries come along.
    images::write(STANDIN_IMAGE, &[], &[&binary], files, &state.join("github-standin.tar"))
}

/// The operator's account and everything that runs beside it.
pub fn manifests(pki: &Pki) -> anyhow::Result<Value> {
    let read = |name: &str| std::fs::read_to_string(pki.file(name));
    let bin = Assets::find()?.postgres_bin.display().to_string();
    let serve = format!(
        "[ -f /data/pg/PG_VERSION ] || {bin}/initdb -D /data/pg -U postgres --auth=scram-sha-256 \
         --pwfile=/secret/password --locale=C --encoding=UTF8 || exit 1; \
         echo 'host all all all scram-sha-256' >> /data/pg/pg_hba.conf; \
         exec {bin}/postgres -D /data/pg -c listen_addresses=0.0.0.0 \
         -c unix_socket_directories=/tmp"
    );
    let postgres = container(
        "postgres",
        POSTGRES_IMAGE,
        &json!(["/bin/sh", "-c", serve]),
        5432,
        &[("data", "/data"), ("tmp", "/tmp"), ("password", "/secret")],
    );
    let synthetic = format!("--synthetic={REPOSITORY}={PULL_REQUESTS}:1");
    let command =
        json!([format!("/{STANDIN}"), synthetic, "--listen=0.0.0.0:8080", "--latency-ms=500"]);
    let standin = container("standin", STANDIN_IMAGE, &command, 8080, &[]);
    let (certificate, key) = ("/tls/github.crt", "/tls/github.key");
    let command = json!(["/front", ":8443", certificate, key, "http://127.0.0.1:8080"]);
    let front = container("tls", STANDIN_IMAGE, &command, 8443, &[("tls", "/tls")]);
    Ok(json!({ "apiVersion": "v1", "kind": "List", "items": [
        secret("password", &json!({ "password": PASSWORD })),
        secret("tls", &json!({
            "github.crt": read("github.crt")?, "github.key": read("github.key")?,
        })),
        deployment("postgres", &[postgres], &json!([
            { "name": "data", "emptyDir": {} }, { "name": "tmp", "emptyDir": {} },
            { "name": "password", "secret": { "secretName": "password" } },
        ])),
        exposed("postgres", &json!([{ "name": "sql", "port": 5432 }])),
        deployment("github", &[standin, front], &json!([
            { "name": "tls", "secret": { "secretName": "tls" } },
        ])),
        exposed("github", &json!([
            { "name": "https", "port": 443, "targetPort": 8443 }, { "name": "http", "port": 8080 },
        ])),
    ]}))
}

fn metadata(name: &str) -> Value {
    json!({ "name": name, "namespace": NAMESPACE, "labels": { "app": name } })
}

fn secret(name: &str, text: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata(name), "stringData": text })
}

fn exposed(name: &str, ports: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(name),
        "spec": { "selector": { "app": name }, "ports": ports },
    })
}

/// A pod that PodSecurity `restricted` lets in.
fn deployment(name: &str, containers: &[Value], volumes: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(name),
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": {
                "automountServiceAccountToken": false,
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                    "fsGroup": 65532, "seccompProfile": { "type": "RuntimeDefault" },
                },
                "containers": containers, "volumes": volumes,
            }},
        },
    })
}

fn container(
    name: &str,
    image: &str,
    command: &Value,
    port: u16,
    mounts: &[(&str, &str)],
) -> Value {
    let mounts: Vec<Value> =
        mounts.iter().map(|(name, path)| json!({ "name": name, "mountPath": path })).collect();
    json!({
        "name": name, "image": image, "command": command, "imagePullPolicy": "Never",
        "volumeMounts": mounts,
        "readinessProbe": { "tcpSocket": { "port": port }, "periodSeconds": 1 },
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    })
}
