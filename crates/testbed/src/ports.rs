//! Free loopback ports, for programs that are started next and for listeners of this process.
//! Must not know who uses them.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;

/// Below the range from which the kernel takes the near end of outgoing connections
/// (32768 on), so that a port stays free while its program is being restarted.
const LOWEST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// What this process has given away: it is bound only seconds later.
static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nothing listens on, never the same twice, for a program that is started next.
pub fn free() -> anyhow::Result<u16> {
    Ok(listen()?.local_addr()?.port())
}

/// Listens on such a port. Whoever listens in this process must not let go of it in between: a
/// child that another thread starts holds it too until it has become its program. Drawn at
/// random, so that two processes that ask at the same time do not draw the same.
pub fn listen() -> anyhow::Result<TcpListener> {
    for _ in 0..200 {
        let bytes = uuid::Uuid::new_v4().into_bytes();
        let port = LOWEST + u16::from_be_bytes([bytes[0], bytes[1]]) % COUNT;
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = given.get_or_insert_default().insert(port);
        if is_new && let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener);
        }
    }
    bail!("no free port on 127.0.0.1 between {LOWEST} and {}", LOWEST + COUNT)
}
