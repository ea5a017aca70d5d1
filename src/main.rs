//! The operator's entry point: picks the subcommand. Everything else lives in the modules.

mod api_server;
mod args;
mod backfill;
mod catalogue;
mod faults;
mod metrics;
mod rounds;
mod run_chunks;
mod telemetry;
mod wait;
mod watch;
mod web;
mod wiring;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Both rustls users of the graph, kube and reqwest, take the process-wide provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider was installed twice"))?;
    match Cli::parse().command {
        Command::Operator(args) => wiring::operator(*args).await?,
        Command::Migrate(args) => wiring::migrate(&args).await?,
        Command::Recover(args) => wiring::recover(&args).await?,
        Command::Wait(args) => return wait::wait(&args).await,
        Command::Crd => catalogue::crds()?,
        Command::Fields => catalogue::fields(),
        Command::Flags => catalogue::flags(),
        Command::Reasons => catalogue::reasons(),
        Command::Metrics => catalogue::metrics(),
    }
    Ok(ExitCode::SUCCESS)
}
