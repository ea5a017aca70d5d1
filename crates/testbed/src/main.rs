//! The command line of the testbed; `make` calls it. Must hold no logic of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nix::sys::signal::Signal;
use testbed::demo::{DemoArgs, demo};
use testbed::gates;
use testbed::supervise::{SuperviseArgs, adopt, supervise, trampoline};
use testbed::up::{self, UpArgs};

/// Real parts to try and to test the operator with.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a cluster, Postgres, the stand-in GitHub and the operator.
    Up(UpArgs),
    /// Starts the operator again in a running testbed.
    Operator,
    /// Ends everything and removes it.
    Down,
    /// A backfill from its manifest to the proof.
    Demo(DemoArgs),
    /// What 1,000 and 10,000 pull requests take, beside a plain loop.
    Bench,
    /// The chart and the image on a real node, from installing to removing.
    E2e,
    /// The part of it inside namespaces of its own (internal).
    #[command(hide = true)]
    E2eInside(testbed::e2e::InsideArgs),
    /// Builds everything and runs all tests.
    Test,
    /// Formatting, lints and the house rules.
    Check,
    /// The operator's container image, by an engine or as an archive.
    Image,
    /// Writes the generated files anew.
    Generate,
    /// Ends one part and starts it again: postgres, kube-apiserver, etcd.
    Restart {
        /// The part.
        name: String,
        /// What ends it, such as SIGKILL; without one it ends in good order.
        #[arg(long)]
        signal: Option<String>,
    },
    /// Becomes another program tied to its parent's life (internal).
    #[command(hide = true)]
    Child(trampoline::ChildArgs),
    /// Keeps the programs of one testbed running (internal).
    #[command(hide = true)]
    Supervise(SuperviseArgs),
    /// Sends a signal to a process once its starter has ended (internal).
    #[command(hide = true)]
    Guard {
        /// The process.
        pid: i32,
        /// What it is sent.
        signal: Signal,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Child(args) => match trampoline::become_program(&args)? {},
        Command::Guard { pid, signal } => adopt::stand_guard(pid, signal),
        Command::Supervise(args) => block_on(supervise(&args)),
        Command::Up(args) => block_on(async {
            let mut session = up::up(&args).await?;
            session.detach().await?;
            session.print_next().await
        }),
        Command::Operator => block_on(up::operator()),
        Command::Down => block_on(up::down()),
        Command::Demo(args) => block_on(demo(&args)),
        Command::Bench => block_on(testbed::bench::bench()),
        Command::E2e => block_on(testbed::e2e::e2e()),
        Command::E2eInside(args) => block_on(testbed::e2e::inside(&args)),
        Command::Test => gates::test(),
        Command::Check => gates::check(),
        Command::Image => image::make(&testbed::clone::root()?),
        Command::Generate => gates::generate(),
        Command::Restart { name, signal } => block_on(up::restart(&name, signal.as_deref())),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
