//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use github_standin::clock::Clock;
use github_standin::faults::Plan;
use github_standin::gate::Limits;
use github_standin::http::{self, Bound};
use github_standin::world::{Moment, World};
use github_standin::{Error, Standin, Synthetic};

/// Serves a GitHub made of state: its GraphQL API over worlds from files or from a seed.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// World files: NDJSON, plain or gzip.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    world: Vec<PathBuf>,
    /// A repository made from a seed; may be given several times.
    #[arg(long, value_name = "owner/name=COUNT[:SEED]")]
    synthetic: Vec<Synthetic>,
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Milliseconds added to every GraphQL answer.
    #[arg(long, default_value_t = 0, value_name = "N")]
    latency_ms: u64,
    /// A fault plan.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Limits other than GitHub's.
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// The time it shows when it starts.
    #[arg(long, default_value = "real", value_name = "RFC3339|real")]
    time: String,
    /// A log of all requests, one JSON line each.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The only tokens that are good; without any, every token is.
    #[arg(long, value_name = "TOKEN")]
    token: Vec<String>,
}

impl Args {
    /// Loads everything and takes the address.
    pub async fn bind(self) -> Result<Bound, Error> {
        let mut world = World::default();
        for path in &self.world {
            world.load(path)?;
        }
        for synthetic in self.synthetic {
            world.add_synthetic(synthetic);
        }
        let limits = match &self.limits {
            Some(path) => serde_json::from_str::<Limits>(&read(path)?)
                .map_err(|source| Error::Line { place: path.display().to_string(), source })?,
            None => Limits::default(),
        };
        let clock = match self.time.as_str() {
            "real" => Clock::default(),
            given => Clock::starting_at(given.parse::<Moment>().map_err(|_| Error::Argument {
                what: "--time",
                given: given.into(),
                form: "RFC 3339 or `real`",
            })?),
        };
        let standin = Standin::new(world, limits, &self.token, clock)?;
        if let Some(path) = &self.faults {
            standin.set_plan(Plan::parse(&read(path)?)?);
        }
        let latency = Duration::from_millis(self.latency_ms);
        http::bind(standin, self.listen, latency, self.log).await
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })
}
