//! What the operator's users put into a cluster: the CRDs, the operator's account and its
//! permissions, namespaces with credentials, and a kubeconfig of that account.
//! Must not know how the cluster was started.

use std::path::PathBuf;

use anyhow::{Context, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, ObjectMeta, PostParams,
};
use serde_json::Value;

use super::Cluster;
use super::kubeconfig::{self, Identity};
use super::pki::Pki;
use crate::clone;
use crate::until::until_ok;

/// Namespace of the operator's ServiceAccount, as `deploy/kustomize` has it.
pub const OPERATOR_NAMESPACE: &str = "backfill-system";
/// The operator's ServiceAccount, as `deploy/kustomize` has it.
pub const OPERATOR_ACCOUNT: &str = "backfill-operator";
/// The files of `deploy/kustomize` that need no node to run on.
const MANIFESTS: [&str; 3] = ["namespace.yaml", "service-account.yaml", "rbac.yaml"];
/// The API that the CRDs serve.
const GROUP_VERSION: &str = "backfill.contributor.info/v1alpha1";
/// Label without which the operator refuses to read a Secret.
const CREDENTIALS_LABEL: &str = "backfill.contributor.info/credentials";
/// Longer than any testbed lives.
const TOKEN_SECONDS: i64 = 30 * 24 * 3600;

impl Cluster {
    /// Applies the CRDs of `crds/` and the account and permissions of `deploy/kustomize`,
    /// and waits until the CRDs are served and pods could be made in the operator's namespace.
    pub async fn apply_manifests(&self) -> anyhow::Result<()> {
        let root = clone::root()?;
        let manifests = MANIFESTS.map(|name| root.join("deploy/kustomize").join(name));
        let mut args = vec!["apply", "--server-side"];
        let files: Vec<String> = manifests.iter().map(|file| file.display().to_string()).collect();
        let crds = root.join("crds").display().to_string();
        let has_crds = has_manifests(&root.join("crds"))?;
        for file in files.iter().chain(has_crds.then_some(&crds)) {
            args.extend(["-f", file]);
        }
        until_ok("the manifests", async || self.kubectl_text(&args)).await?;
        let client = self.client().await?;
        // Not `kubectl wait`: it fails at once on a kind that has no conditions yet.
        if has_crds {
            let served = async || Ok(client.list_api_group_resources(GROUP_VERSION).await?);
            until_ok("the kinds", served).await?;
        }
        until_ok("the operator's namespace", async || self.has_account(OPERATOR_NAMESPACE).await)
            .await
    }

    /// Whether the controllers have made a namespace's first ServiceAccount, without which no
    /// pod can be made there. An error says that they have not.
    pub(super) async fn has_account(&self, namespace: &str) -> anyhow::Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        Ok(accounts.get("default").await.map(drop)?)
    }

    /// Makes a namespace with a unique name and the credentials Secret `github` in it.
    pub async fn create_namespace(&self) -> anyhow::Result<String> {
        let name = format!("test-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let namespaces: Api<Namespace> = Api::all(self.client().await?);
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        until_ok("a namespace", async || {
            match namespaces.create(&PostParams::default(), &namespace).await {
                // The answer to an earlier try was lost.
                Err(kube::Error::Api(refused)) if refused.code == 409 => Ok(()),
                made => Ok(made.map(drop)?),
            }
        })
        .await?;
        self.create_credentials(&name, "github", "test-token").await?;
        Ok(name)
    }

    /// Makes a credentials Secret with the label the operator asks for. An existing one
    /// gets the new token.
    pub async fn create_credentials(
        &self,
        namespace: &str,
        name: &str,
        token: &str,
    ) -> anyhow::Result<()> {
        let secrets: Api<Secret> = Api::namespaced(self.client().await?, namespace);
        let label = (CREDENTIALS_LABEL.to_owned(), "true".to_owned());
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some([label].into()),
            ..ObjectMeta::default()
        };
        let string_data = Some([("token".to_owned(), token.to_owned())].into());
        let secret = Secret { metadata, string_data, ..Secret::default() };
        let params = kube::api::PatchParams::apply("testbed").force();
        let patch = kube::api::Patch::Apply(&secret);
        until_ok("a Secret", async || Ok(secrets.patch(name, &params, &patch).await?)).await?;
        Ok(())
    }

    /// The RepositoryBackfills of a namespace.
    pub async fn backfills(&self, namespace: &str) -> anyhow::Result<Vec<DynamicObject>> {
        let kind =
            GroupVersionKind::gvk("backfill.contributor.info", "v1alpha1", "RepositoryBackfill");
        let kind = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client().await?, namespace, &kind);
        Ok(api.list(&ListParams::default()).await?.items)
    }

    /// A new kubeconfig that holds a token of the operator's own ServiceAccount, and so has
    /// exactly the permissions that users give it. `server` replaces the API server's
    /// address, for a proxy.
    pub async fn operator_kubeconfig(&self, server: Option<&str>) -> anyhow::Result<PathBuf> {
        self.account_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, server)
            .await
            .context("asking for the operator's token: are the manifests applied?")
    }

    /// The same of any other ServiceAccount.
    pub async fn account_kubeconfig(
        &self,
        namespace: &str,
        account: &str,
        server: Option<&str>,
    ) -> anyhow::Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let spec = TokenRequestSpec {
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer =
            accounts.create_token_request(account, &PostParams::default(), &request).await?;
        let token = answer.status.context("a token request without an answer")?.token;
        let name = format!("{account}-{}.kubeconfig", uuid::Uuid::new_v4().simple());
        let file = self.dir().join(&name);
        let own = self.server();
        let pki = Pki::at(&self.dir().join("pki"));
        kubeconfig::write(&file, server.unwrap_or(&own), &pki, &Identity::Token(&token))?;
        Ok(file)
    }

    /// Waits until a ServiceAccount, `NAMESPACE:NAME`, may do this in `namespace`, a verb and a
    /// resource: the API server goes by a binding only a moment after it has taken it.
    pub async fn await_permission(
        &self,
        account: &str,
        namespace: &str,
        [verb, resource]: [&str; 2],
    ) -> anyhow::Result<()> {
        let user = format!("--as=system:serviceaccount:{account}");
        let args = ["auth", "can-i", verb, resource, "-n", namespace, &user];
        until_ok("the permission", async || self.kubectl_text(&args)).await.map(drop)
    }
}

/// Whether a condition of an object has this status.
pub fn is_condition(object: &DynamicObject, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

/// A condition of an object, if it has it.
pub fn condition<'a>(object: &'a DynamicObject, kind: &str) -> Option<&'a Value> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

fn has_manifests(dir: &std::path::Path) -> anyhow::Result<bool> {
    if !dir.is_dir() {
        bail!("{} is missing", dir.display());
    }
    let mut names = std::fs::read_dir(dir)?.flatten().map(|entry| entry.file_name());
    Ok(names.any(|name| name.to_string_lossy().ends_with(".yaml")))
}
