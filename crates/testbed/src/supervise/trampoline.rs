//! `testbed child`: becomes another program after tying its life to its parent's.
//! Must not know what it becomes. It exists because the tie (PDEATHSIG) can only be
//! set by the child itself, and setting it between fork and exec needs unsafe code.

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Pid, Uid, getppid, setgid, setgroups, setuid};

use super::protocol::Program;

/// Arguments of `testbed child`.
#[derive(Debug, clap::Args)]
pub struct ChildArgs {
    /// The process that must still be the parent when the tie is set.
    #[arg(long)]
    parent: i32,
    /// User and group id to change to first.
    #[arg(long)]
    uid: Option<u32>,
    /// What the kernel sends when the parent's thread dies.
    #[arg(long, default_value = "SIGKILL")]
    death_signal: Signal,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Becomes the program. Returns only with the reason why it could not.
pub fn become_program(args: &ChildArgs) -> anyhow::Result<Infallible> {
    if let Some(uid) = args.uid {
        setgroups(&[]).context("giving up the groups")?;
        setgid(Gid::from_raw(uid)).context("changing the group")?;
        setuid(Uid::from_raw(uid)).context("changing the user")?;
    }
    // After setuid: a change of user clears the tie.
    prctl::set_pdeathsig(args.death_signal)?;
    if getppid() != Pid::from_raw(args.parent) {
        bail!("the parent {} has ended already", args.parent);
    }
    let (program, rest) = args.command.split_first().context("no program given")?;
    let error = Command::new(program).args(rest).exec();
    Err(error).with_context(|| format!("starting {program}"))
}

/// The command that starts a program through the trampoline, in a group of its own
/// so that Ctrl-C at a terminal reaches only the one who ends things in order.
/// It must be spawned by a thread that lives as long as this process.
pub fn command(trampoline: &Path, program: &Program) -> anyhow::Result<Command> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&program.log)
        .with_context(|| format!("opening {}", program.log.display()))?;
    let mut command = Command::new(trampoline);
    command.arg("child").arg(format!("--parent={}", std::process::id()));
    command.arg(format!("--death-signal={}", program.death_signal));
    command.args(program.uid.map(|uid| format!("--uid={uid}")));
    command.arg("--").arg(&program.path).args(&program.args).envs(&program.env);
    command.process_group(0).stdin(std::process::Stdio::null());
    command.stdout(log.try_clone()?).stderr(log).current_dir("/");
    Ok(command)
}

/// The command that runs a tool such as a compiler, which stops when this process ends. It
/// keeps our terminal. The thread that spawns it must also wait for it.
pub fn tied(program: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(crate::clone::binary("testbed")?);
    command.arg("child").arg(format!("--parent={}", std::process::id()));
    command.arg("--death-signal=SIGINT").arg("--").arg(program);
    // What the cargo that runs us says of our crate is no variable of the tool's: a cargo would
    // build ring, and all that needs it, anew whenever another crate or a person asks for it.
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in std::env::vars_os() {
        if ours.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    Ok(command)
}
