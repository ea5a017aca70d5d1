//! The certificate under which metrics and probes are served, read again when it changes.
//!
//! Certificates live for weeks, this process for months. Must not know what is served.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use axum_server::tls_rustls::RustlsConfig;

/// How often the files are looked at. The kubelet takes up to a minute to bring a changed Secret.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// A certificate with its chain and its key, from the files of a Secret of type
/// `kubernetes.io/tls`.
pub struct Certificate {
    dir: PathBuf,
    loaded: Pair,
    config: RustlsConfig,
}

/// What the two files hold.
#[derive(Clone, PartialEq)]
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads the pair. Errors name the file that is missing, or say what does not fit.
    pub async fn load(dir: PathBuf) -> anyhow::Result<Self> {
        let loaded = read(&dir).await?;
        let Pair { certificate, key } = loaded.clone();
        let config = RustlsConfig::from_pem(certificate, key).await;
        let config = config.with_context(|| unfit(&dir))?;
        Ok(Self { dir, loaded, config })
    }

    /// What a server takes; a pair that is read later counts for it too.
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Takes up each pair that is new and whole, for ever. One that is not leaves the old in use.
    pub async fn follow(mut self) {
        let mut refused = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let error = match read(&self.dir).await {
                Ok(pair) if pair == self.loaded => continue,
                Ok(pair) => match self.take(pair).await {
                    Ok(()) => {
                        tracing::info!(dir = %self.dir.display(), "the certificate was renewed");
                        refused = None;
                        continue;
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let error = format!("{error:#}");
            if refused.as_ref() != Some(&error) {
                tracing::warn!(error, "the old certificate stays in use");
                refused = Some(error);
            }
        }
    }

    async fn take(&mut self, pair: Pair) -> anyhow::Result<()> {
        let Pair { certificate, key } = pair.clone();
        let taken = self.config.reload_from_pem(certificate, key).await;
        taken.with_context(|| unfit(&self.dir))?;
        self.loaded = pair;
        Ok(())
    }
}

async fn read(dir: &Path) -> anyhow::Result<Pair> {
    let file = async |name| {
        let path = dir.join(name);
        tokio::fs::read(&path).await.with_context(|| format!("{} cannot be read", path.display()))
    };
    Ok(Pair { certificate: file(CERTIFICATE).await?, key: file(KEY).await? })
}

fn unfit(dir: &Path) -> String {
    format!("{CERTIFICATE} and {KEY} in {} are no certificate and its key", dir.display())
}
