//! The way to the Kubernetes API server, for every subcommand that goes there: by a kubeconfig, or
//! as a pod has it. It must not know what is asked there.

use anyhow::{Context as _, bail};
use kube::config::Kubeconfig;
use kube::{Client, Config};

/// A client for the cluster of the environment. No proxy of the environment is heeded, and a
/// kubeconfig that names one is refused.
pub async fn client() -> anyhow::Result<Client> {
    connect().await.context("no way to the Kubernetes API server")
}

async fn connect() -> anyhow::Result<Client> {
    let mut config = Config::infer().await?;
    // kube takes HTTPS_PROXY where the kubeconfig names none; the service account names none ever.
    if config.proxy_url.take().is_some() && names_a_proxy(&Kubeconfig::read()?) {
        bail!("the kubeconfig names a proxy-url, and no proxy to the API server is supported");
    }
    Ok(Client::try_from(config)?)
}

/// Whether the cluster of the current context is to be reached by a proxy.
fn names_a_proxy(kubeconfig: &Kubeconfig) -> bool {
    let current = kubeconfig.current_context.as_deref();
    let mut contexts = kubeconfig.contexts.iter();
    let context = contexts.find(|it| Some(it.name.as_str()) == current);
    let cluster = context.and_then(|it| Some(it.context.as_ref()?.cluster.as_str()));
    let mut clusters = kubeconfig.clusters.iter();
    let cluster = clusters.find(|it| Some(it.name.as_str()) == cluster);
    let proxy = cluster.and_then(|it| it.cluster.as_ref()?.proxy_url.as_deref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_proxy_of_the_current_cluster_is_one_of_the_kubeconfig() {
        let named = |current: &str| {
            let text = format!(
                "current-context: {current}
contexts:
- {{name: plain, context: {{cluster: a}}}}
- {{name: empty, context: {{cluster: b}}}}
- {{name: by-proxy, context: {{cluster: c}}}}
clusters:
- {{name: a, cluster: {{server: 'https://a'}}}}
- {{name: b, cluster: {{server: 'https://b', proxy-url: ''}}}}
- {{name: c, cluster: {{server: 'https://c', proxy-url: 'http://proxy:3128'}}}}
"
            );
            names_a_proxy(&Kubeconfig::from_yaml(&text).unwrap())
        };
        assert_eq!(["plain", "empty", "by-proxy"].map(named), [false, false, true]);
    }
}
