//! The container engine of the machine, if one works. Must not know what is built.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// A program that builds a Dockerfile.
#[derive(Debug, Clone, Copy)]
pub struct Engine(&'static str);

const KNOWN: [Engine; 3] = [Engine("docker"), Engine("podman"), Engine("buildah")];

impl Engine {
    /// The one that `wanted` names; without a name the first that works. `none` is none.
    pub fn choose(wanted: &str) -> anyhow::Result<Option<Self>> {
        match wanted {
            "" => Ok(KNOWN.into_iter().find(Self::works)),
            "none" => Ok(None),
            name => {
                let known = KNOWN.into_iter().find(|engine| engine.0 == name);
                known.map(Some).with_context(|| {
                    format!("ENGINE is {name:?}; it may be docker, podman, buildah or none")
                })
            }
        }
    }

    /// A client alone is not enough: it must answer for its engine.
    fn works(&self) -> bool {
        let mut asked = Command::new(self.0);
        asked.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    }

    /// Builds the Dockerfile of `root` as the image `name`, with these options and their values.
    pub fn build(self, root: &Path, name: &str, options: &[(&str, String)]) -> anyhow::Result<()> {
        let mut build = Command::new(self.0);
        // By itself buildah keeps no layers: each build would take as long as the first.
        if std::env::var_os("BUILDAH_LAYERS").is_none() {
            build.env("BUILDAH_LAYERS", "true");
        }
        build.args(["build", "--tag", name]);
        for (option, value) in options {
            build.args([option, value.as_str()]);
        }
        let status = build.arg(".").current_dir(root).status();
        let other = "`make image ENGINE=none` builds it without an engine";
        let status = status.with_context(|| format!("{self} does not start; {other}"))?;
        if !status.success() {
            bail!("{self} could not build the image ({status}); {other}");
        }
        Ok(())
    }
}

impl Display for Engine {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}
