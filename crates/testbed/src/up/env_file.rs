//! `.testbed/env`, a file to `source`, and the words that `make up` ends with.
//! Must not look anything up: it is given all it writes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::session::Settings;
use crate::cluster::Cluster;

/// The lines of the file.
pub fn text(cluster: &Cluster, settings: &Settings, operator_pid: Option<i32>) -> String {
    let mut paths = vec![cluster.assets().postgres_bin.display().to_string()];
    if let Some(dir) = cluster.assets().kubectl.parent() {
        paths.insert(0, dir.display().to_string());
    }
    let mut lines = vec![
        ("KUBECONFIG", cluster.kubeconfig_path().display().to_string()),
        ("DATABASE_URL", settings.database_url.clone()),
        ("PGDATA", cluster.postgres().directory.display().to_string()),
        ("GITHUB_URL", settings.github_url.clone()),
        ("OPERATOR_URL", format!("http://127.0.0.1:{}", settings.operator_port)),
    ];
    lines.push(("OPERATOR_PID", operator_pid.map_or_else(String::new, |pid| pid.to_string())));
    let mut text = String::new();
    for (name, value) in lines {
        // A String takes every line that is written to it.
        let _ = writeln!(text, "export {name}={}", quoted(&value));
    }
    let _ = writeln!(text, "export PATH={}\":$PATH\"", quoted(&paths.join(":")));
    text
}

/// Writes the file, readable by its owner alone: it holds the database's password.
pub fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())?;
    Ok(())
}

/// What to do next in a testbed that is up.
pub fn next_steps(cluster: &Cluster, settings: &Settings, pids: &str) -> String {
    let logs = cluster.dir().join("log");
    let stand_in = match settings.standin {
        Some(_) => format!("the stand-in GitHub {}", settings.github_url),
        None => format!("GitHub {}", settings.github_url),
    };
    format!(
        "
The testbed is up, with {stand_in}.
  running     {pids}
  logs        {}

  source .testbed/env                       kubectl, psql and the variables of this testbed
  kubectl apply -f examples/                three backfills
  kubectl get rbf -w                        their progress
  psql $DATABASE_URL                        their rows
  curl $OPERATOR_URL/metrics                the operator's metrics
  kill -9 $OPERATOR_PID; make operator      it goes on where it was

  make restart-postgres, make restart-apiserver: an outage of a second. The same parts come
  back by themselves when you kill them. `make down` ends everything and removes it.",
        logs.display()
    )
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_survives_the_shell() {
        assert_eq!(quoted("/a b/$c"), "'/a b/$c'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
