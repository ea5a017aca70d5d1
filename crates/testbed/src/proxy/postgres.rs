//! A proxy before Postgres. Counts the COMMITs that clients send as simple queries, which
//! is how sqlx ends a transaction. Must not know any table.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use super::frames::{self, Message};
use super::gate::{Gate, Shared, controls};
use super::tripwire::{Trap, When};
use crate::postgres::Postgres;

/// Codes of the messages before a session that ask for encryption.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// A proxy before a Postgres server.
#[derive(Debug)]
pub struct PostgresProxy {
    gate: Gate,
    server: Postgres,
}

impl PostgresProxy {
    /// Opens a port before this server.
    pub fn open(server: &Postgres) -> anyhow::Result<Self> {
        let port = server.port;
        let gate = Gate::open(move |stream, shared| async move {
            let server = TcpStream::connect(("127.0.0.1", port)).await?;
            server.set_nodelay(true)?;
            converse(stream, server, &shared).await
        })?;
        Ok(Self { gate, server: server.clone() })
    }

    /// The URL of a database through this proxy, given its own URL.
    pub fn url(&self, database_url: &str) -> String {
        let name = database_url.rsplit('/').next().unwrap_or_default();
        self.server.url_through(self.port(), name)
    }
}

controls!(PostgresProxy);

/// Ends when either side does, and closes both.
async fn converse(client: TcpStream, server: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    start_session(&mut from_client, &mut to_client, &mut to_server).await?;
    let withheld = Withheld::default();
    tokio::select! {
        ended = requests(from_client, to_server, shared, &withheld) => ended,
        ended = answers(from_server, to_client, &withheld) => ended,
    }
}

/// Refuses encryption, which could not be read, and passes the start message on.
async fn start_session(
    from_client: &mut OwnedReadHalf,
    to_client: &mut OwnedWriteHalf,
    to_server: &mut OwnedWriteHalf,
) -> anyhow::Result<()> {
    loop {
        let message = frames::read(from_client, false).await?.context("no start message")?;
        let code = message.body().first_chunk().map(|code| u32::from_be_bytes(*code));
        if !code.is_some_and(|code| ENCRYPTION_REQUESTS.contains(&code)) {
            return Ok(to_server.write_all(&message.bytes).await?);
        }
        to_client.write_all(b"N").await?;
    }
}

/// Set once the answers to a COMMIT are to be kept from the client; sent to when the
/// server has committed.
type Withheld = std::sync::Mutex<Option<oneshot::Sender<()>>>;

async fn requests(
    mut from_client: OwnedReadHalf,
    mut to_server: OwnedWriteHalf,
    shared: &Shared,
    withheld: &Withheld,
) -> anyhow::Result<()> {
    while let Some(message) = frames::read(&mut from_client, true).await? {
        if message.commits() {
            match shared.wire.arrive() {
                Some(trap) => return trip(trap, &message, to_server, shared, withheld).await,
                None => shared.delay().await,
            }
        }
        to_server.write_all(&message.bytes).await?;
    }
    Ok(())
}

async fn trip(
    trap: Trap,
    message: &Message,
    mut to_server: OwnedWriteHalf,
    shared: &Shared,
    withheld: &Withheld,
) -> anyhow::Result<()> {
    if trap.when() == When::AfterForward {
        let (sender, committed) = oneshot::channel();
        withheld.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(sender);
        to_server.write_all(&message.bytes).await?;
        committed.await.context("the server ended before it committed")?;
    }
    trap.spring(&shared.wire);
    Ok(())
}

async fn answers(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    withheld: &Withheld,
) -> anyhow::Result<()> {
    while let Some(message) = frames::read(&mut from_server, true).await? {
        let waiting = {
            let mut withheld = withheld.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let ends = message.kind() == Some(b'C') || message.kind() == Some(b'E');
            withheld.take_if(|_| ends)
        };
        if let Some(committed) = waiting {
            // The other half springs the trap and its end closes both connections.
            let _ = committed.send(());
            let mut rest = Vec::new();
            from_server.read_to_end(&mut rest).await?;
            return Ok(());
        }
        to_client.write_all(&message.bytes).await?;
    }
    Ok(())
}
