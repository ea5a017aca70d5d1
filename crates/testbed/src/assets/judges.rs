//! What judges objects in the tests as GitOps tools do, built from the Go module `tools/judges`.
//! Must not know any object or verdict.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;

use super::go_build::{self, GoProgram};
use crate::supervise::trampoline::tied;

/// The program and the folder of `tools` that pins it.
const NAME: &str = "judges";

/// The program. Made apart from [`super::Assets`]: only what is about GitOps needs it.
pub fn judges() -> anyhow::Result<PathBuf> {
    let release = go_build::pinned(NAME, "github.com/argoproj/argo-cd/v3")?;
    let announced = format!("kstatus and Argo CD {release}'s engine, about 4 minutes on 2 cores");
    let (package, ldflags) = (".".to_owned(), "-s -w".to_owned());
    let program = GoProgram { name: NAME, package, ldflags, tags: "" };
    Ok(go_build::built(NAME, &[program], &announced)?.join(NAME))
}

/// Its answer to a question; `tools/judges/main.go` describes both.
pub fn judge(question: &Value) -> anyhow::Result<Value> {
    let mut child = tied(&judges()?)?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting the judges")?;
    child.stdin.take().context("no way in")?.write_all(question.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("the judges: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
