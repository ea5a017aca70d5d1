//! Figures of one run: from the database, from the kernel, from the stand-in.
//! Must not start or stop anything.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};

/// From the first claim to the last commit, as the database saw it, and what it holds.
const FIGURES: &str = "-- bench_figures
    SELECT (SELECT extract(epoch FROM max(completed_at) - min(started_at))::float8
              FROM backfill_chunks WHERE status = 'completed') AS seconds,
           (SELECT count(*) FROM pull_requests) + (SELECT count(*) FROM reviews)
         + (SELECT count(*) FROM comments) + (SELECT count(*) FROM contributors) AS rows";

pub const HEADER: &str =
    "  PULLS  WHO             WALL s   ROWS  ROWS/s   CPU s  PEAK MiB  REQUESTS  POINTS";

/// What a process has cost the machine.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    cpu_seconds: f64,
    peak_mib: f64,
}

impl Cost {
    /// So far, of a running process, from `/proc`.
    pub fn of(pid: i32) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(") ").context("an unreadable stat")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        // utime and stime: fields 14 and 15 of proc(5), of which two lie before the bracket.
        let (user, system): (f64, f64) = (fields[11].parse()?, fields[12].parse()?);
        let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
        let ticks = f64::from(i32::try_from(ticks)?);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kib: f64 =
            peak.and_then(|text| text.trim().strip_suffix(" kB")).context("no VmHWM")?.parse()?;
        Ok(Self { cpu_seconds: (user + system) / ticks, peak_mib: peak_kib / 1024.0 })
    }

    /// The processor time since an earlier look; the peak is that of the whole life.
    pub fn since(self, before: &Self) -> Self {
        Self { cpu_seconds: self.cpu_seconds - before.cpu_seconds, ..self }
    }
}

/// Everything about one history.
#[derive(Debug)]
pub struct Measured {
    wall_seconds: f64,
    rows: i64,
    cost: Cost,
    requests: u64,
    points: u64,
}

/// The run that took neither least nor most, with the largest peak of all.
pub fn median(mut runs: Vec<Measured>) -> Measured {
    let peak_mib = runs.iter().map(|run| run.cost.peak_mib).fold(0.0, f64::max);
    runs.sort_by(|one, other| one.wall_seconds.total_cmp(&other.wall_seconds));
    let mut median = runs.swap_remove(runs.len() / 2);
    median.cost.peak_mib = peak_mib;
    median
}

impl Measured {
    /// Collects the figures of a run that is complete.
    pub async fn read(url: &str, cost: Cost, requests: &Value) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        let row = sqlx::query(FIGURES).fetch_one(&mut connection).await?;
        Ok(Self {
            wall_seconds: row.try_get("seconds")?,
            rows: row.try_get("rows")?,
            cost,
            requests: requests["requests"].as_u64().context("no count of requests")?,
            points: requests["points"].as_u64().context("no count of points")?,
        })
    }

    /// The operator's line of the table.
    pub fn line(&self, count: u32) -> String {
        let rows = f64::from(i32::try_from(self.rows).unwrap_or(i32::MAX));
        format!(
            "{count:>7}  operator      {:>8.2} {:>6} {:>7.0} {:>7.2} {:>9.1} {:>9} {:>7}",
            self.wall_seconds,
            self.rows,
            rows / self.wall_seconds,
            self.cost.cpu_seconds,
            self.cost.peak_mib,
            self.requests,
            self.points
        )
    }

    /// The plain loop's line, and the operator's time as a multiple of it.
    pub fn beside(&self, count: u32, wall: Duration) -> String {
        let plain = wall.as_secs_f64();
        let ratio = self.wall_seconds / plain;
        format!(
            "{count:>7}  plain loop    {plain:>8.2}      -       -       -         - {:>9} {:>7}\n\
             {count:>7}  operator / plain loop: {ratio:.2} of the time, the same requests",
            self.requests, self.points
        )
    }
}
