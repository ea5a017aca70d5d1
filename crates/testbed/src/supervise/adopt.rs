//! Postgres may be restarted by somebody else (`pg_ctl restart`): finds that new one and
//! ties its life to the supervisor's all the same. Must not start or revive programs.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whether a pid is a running process. One that has ended and waits to be reaped is not.
pub fn alive(pid: i32) -> bool {
    state_and_name(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn state_and_name(pid: i32) -> Option<(char, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    Some((tail.chars().next()?, name))
}

/// The pid on the file's first line, if that process runs and has the program's name.
pub fn replacement(pid_file: &Path, program: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    let (_, name) = state_and_name(pid)?;
    let expected = program.file_name()?.to_str()?;
    (alive(pid) && name == expected).then_some(pid)
}

/// Starts a guard that sends `signal` to `pid` once this process has ended: nobody but
/// a parent can use PDEATHSIG, and we are not the parent of an adopted process.
pub fn guard(trampoline: &Path, pid: i32, signal: &str) -> std::io::Result<Child> {
    Command::new(trampoline)
        .args(["guard", &pid.to_string(), signal])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
}

/// `testbed guard`: waits for the end of its input, then sends the signal.
pub fn stand_guard(pid: i32, signal: Signal) -> anyhow::Result<()> {
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    if alive(pid) {
        kill(Pid::from_raw(pid), signal)?;
    }
    Ok(())
}
