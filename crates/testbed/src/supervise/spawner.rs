//! The one thread that starts children. PDEATHSIG fires when the *thread* that forked
//! ends, and the threads of a test end with the test: this one ends with the process.
//! Must not know what it starts.

use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use anyhow::anyhow;

type Order = (Command, Sender<std::io::Result<Child>>);

/// Starts a command from the thread that lives as long as this process.
pub fn spawn(command: Command) -> anyhow::Result<Child> {
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // The caller may have given up waiting; then the child is reaped by its drop.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, outcome) = channel();
    orders.send((command, answer)).map_err(|_| anyhow!("the spawning thread has ended"))?;
    Ok(outcome.recv()??)
}
