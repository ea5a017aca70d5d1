//! Free loopback ports, for programs that are started next and for listeners of this process.
//! Must not know who uses them.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;

/// Below the range from which the kernel takes the near end of outgoing connections
/// (32768 on), so that a port stays free while its program is being restarted.
const LOWEST: u16 = 12_000;
const COUNT: u16 = 20_000;
/// Loopback says at once whether anybody listens; a listener that is flooded says nothing.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// What this process has given away: it is bound only seconds later.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nothing listens on, never the same twice, for a program that is started next. It
/// is not bound to see that: a child that another thread starts meanwhile would hold the listener
/// until it has become its program.
pub fn free() -> anyhow::Result<u16> {
    draw(|port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let answer = TcpStream::connect_timeout(&address, ANSWER_LIMIT);
        answer.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused).then_some(port)
    })
}

/// Listens on such a port. Whoever listens in this process must not let go of it in between: a
/// child that another thread starts holds it too until it has become its program.
pub fn listen() -> anyhow::Result<TcpListener> {
    draw(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
}

/// What `take` makes of the first port that it can use. Drawn at random, so that two processes
/// that ask at the same time do not draw the same.
fn draw<T>(take: impl Fn(u16) -> Option<T>) -> anyhow::Result<T> {
    for _ in 0..200 {
        let bytes = uuid::Uuid::new_v4().into_bytes();
        let port = LOWEST + u16::from_be_bytes([bytes[0], bytes[1]]) % COUNT;
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = given.get_or_insert_default().insert(port);
        drop(given);
        if is_new && let Some(taken) = take(port) {
            return Ok(taken);
        }
    }
    bail!("no free port on 127.0.0.1 between {LOWEST} and {}", LOWEST + COUNT)
}
