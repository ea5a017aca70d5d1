//! The way to the cluster of the story: kubectl and helm under one kubeconfig. Must not know whose
//! cluster it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::assets::{self, Assets};
use crate::{Cluster, output};

/// A cluster, and a directory for what is written on the way.
#[derive(Debug)]
pub struct Reach {
    kubectl: PathBuf,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    dir: PathBuf,
}

impl Reach {
    /// The cluster of this process.
    pub fn own(cluster: &Cluster) -> Self {
        Self {
            kubectl: cluster.assets().kubectl.clone(),
            kubeconfig: Some(cluster.kubeconfig_path()),
            context: None,
            dir: cluster.dir().path().to_owned(),
        }
    }

    /// The one that this context of the user's kubeconfig names.
    pub fn context(name: &str, dir: &Path) -> anyhow::Result<Self> {
        let kubectl = Assets::find()?.kubectl;
        Ok(Self { kubectl, kubeconfig: None, context: Some(name.to_owned()), dir: dir.to_owned() })
    }

    /// A file of its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What kubectl prints. Errors with what it says.
    pub fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        output::text(self.command(&self.kubectl, "--context").args(args))
    }

    /// What helm prints. Errors with what it says.
    pub fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        output::text(self.command(&assets::helm()?, "--kube-context").args(args))
    }

    /// Applies a manifest.
    pub fn apply(&self, manifest: &Value) -> anyhow::Result<()> {
        let file = self.file("e2e.json");
        std::fs::write(&file, manifest.to_string())?;
        self.kubectl(&["apply", "--filename", &file.display().to_string()]).map(drop)
    }

    fn command(&self, program: &Path, context: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(name) = &self.context {
            command.args([context, name]);
        }
        command.env("KUBECACHEDIR", self.file("kubectl-cache"));
        command.env("HELM_CACHE_HOME", self.file("helm"));
        command
    }
}
