//! Free loopback ports. Must not keep them: who asks binds soon.

use std::net::TcpListener;

use anyhow::bail;

/// Below the range from which the kernel takes the near end of outgoing connections
/// (32768 on), so that a port stays free while its program is being restarted.
const LOWEST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port that nothing listens on. Drawn at random, so that two testbeds that start at the
/// same time do not draw the same.
pub fn free() -> anyhow::Result<u16> {
    for _ in 0..200 {
        let bytes = uuid::Uuid::new_v4().into_bytes();
        let port = LOWEST + u16::from_be_bytes([bytes[0], bytes[1]]) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 between {LOWEST} and {}", LOWEST + COUNT)
}
