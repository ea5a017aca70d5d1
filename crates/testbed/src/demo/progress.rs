//! Shows every backfill's progress while it happens, one line per object. Must not read
//! anything but the objects' status: that is all a user has.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::bail;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::cluster::{Cluster, condition, is_condition};
use crate::operator::OPERATOR;
use crate::run_dir::tail;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Without a terminal a line is printed again this often.
const PRINT_EVERY: Duration = Duration::from_secs(2);

/// Prints progress until every object is ready or stalled.
pub async fn watch(cluster: &Cluster) -> anyhow::Result<()> {
    let mut board = Board::new();
    loop {
        let objects = cluster.backfills("default").await?;
        let is_over = !objects.is_empty() && objects.iter().all(settled);
        board.show(&objects, is_over);
        if is_over {
            return Ok(());
        }
        if cluster.pid(OPERATOR).await?.is_none() {
            bail!("the operator ended; it says:\n{}", tail(&cluster.dir().log(OPERATOR)));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn settled(object: &DynamicObject) -> bool {
    is_condition(object, "Ready", "True") || is_condition(object, "Stalled", "True")
}

/// The lines on the screen.
struct Board {
    began: Instant,
    printed: Instant,
    is_terminal: bool,
    height: usize,
    /// When each object was first seen moving, and how far it was then.
    starts: BTreeMap<String, (Instant, i64)>,
    last: BTreeMap<String, String>,
}

impl Board {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            printed: now.checked_sub(PRINT_EVERY).unwrap_or(now),
            is_terminal: std::io::stdout().is_terminal(),
            height: 0,
            starts: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    fn show(&mut self, objects: &[DynamicObject], is_over: bool) {
        let due = self.printed.elapsed() >= PRINT_EVERY;
        if !(self.is_terminal || due || is_over) {
            return;
        }
        self.printed = Instant::now();
        let mut text = String::new();
        if self.is_terminal && self.height > 0 {
            text.push_str(&up(self.height));
        }
        for object in objects {
            let name = object.metadata.name.clone().unwrap_or_default();
            let line = self.line(&name, object);
            let same = self.last.get(&name) == Some(&line);
            if self.is_terminal {
                text.push_str(&line);
                text.push_str("\x1b[K\n");
            } else if !same {
                let elapsed = self.began.elapsed().as_secs();
                text.push_str(&[&elapsed.to_string(), " s  ", &line, "\n"].concat());
            }
            self.last.insert(name, line);
        }
        self.height = objects.len();
        // A closed output is no reason to stop the backfill.
        let _ = std::io::stdout().write_all(text.as_bytes());
        let _ = std::io::stdout().flush();
    }

    fn line(&mut self, name: &str, object: &DynamicObject) -> String {
        let status = &object.data["status"];
        let count = status["processedPullRequests"].as_i64().unwrap_or(0);
        let (since, first) = *self.starts.entry(name.to_owned()).or_insert((Instant::now(), count));
        let rate = rate(count - first, since.elapsed());
        let left = status["expectedPullRequests"].as_i64().map(|all| (all - count).max(0));
        let reason = condition(object, "Ready").and_then(|ready| ready["reason"].as_str());
        let is_over = settled(object);
        let eta = left.filter(|left| !is_over && *left > 0).and_then(|left| eta(left, rate));
        let points = match (&status["rateLimit"]["remaining"], &status["rateLimit"]["limit"]) {
            (Value::Number(remaining), Value::Number(limit)) => format!("{remaining}/{limit}"),
            _ => "-".to_owned(),
        };
        format!(
            "{name:<24} {:<14} {:<18} {:>8}  ETA {:<6} points left {points}",
            reason.unwrap_or("Pending"),
            status["progress"].as_str().unwrap_or("-"),
            if is_over { "-".to_owned() } else { format!("{rate:.0}/s") },
            eta.unwrap_or_else(|| "-".to_owned()),
        )
    }
}

fn up(lines: usize) -> String {
    format!("\x1b[{lines}A")
}

fn rate(count: i64, elapsed: Duration) -> f64 {
    let count = f64::from(i32::try_from(count).unwrap_or(i32::MAX));
    count / elapsed.as_secs_f64().max(0.001)
}

fn eta(left: i64, rate: f64) -> Option<String> {
    let left = f64::from(i32::try_from(left).ok()?);
    let eta = Duration::try_from_secs_f64(left / rate).ok()?;
    Some(if eta.as_secs() < 120 {
        format!("{} s", eta.as_secs())
    } else {
        format!("{} min", eta.as_secs() / 60)
    })
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::json;

    use super::{eta, settled};

    #[test]
    fn an_eta_needs_a_rate() {
        assert_eq!(eta(100, 0.0), None);
        assert_eq!(eta(100, 10.0).as_deref(), Some("10 s"));
        assert_eq!(eta(100_000, 10.0).as_deref(), Some("166 min"));
    }

    #[test]
    fn an_object_is_settled_when_ready_or_stalled() {
        let with = |kind: &str, status: &str| -> DynamicObject {
            let conditions = json!([{"type": kind, "status": status}]);
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}}))
                .unwrap()
        };
        assert!(settled(&with("Ready", "True")) && settled(&with("Stalled", "True")));
        assert!(!settled(&with("Ready", "Unknown")));
    }
}
