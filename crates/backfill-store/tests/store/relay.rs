//! A relay between the store and Postgres that reads what passes, can lose a COMMIT or its answer,
//! and can go silent.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the next COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum OnCommit {
    Pass = 0,
    /// It reaches the server, the connection breaks before the answer.
    LoseAnswer = 1,
    /// It never reaches the server.
    LoseCommit = 2,
}

/// The relay. Ends with the test's runtime.
pub struct Relay {
    pub port: u16,
    mode: Arc<AtomicU8>,
    silence: Arc<Mutex<Option<&'static str>>>,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Relay {
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, sent) = (Arc::new(AtomicU8::new(0)), Arc::new(Mutex::new(Vec::new())));
        let silence = Arc::default();
        let given = (mode.clone(), Arc::clone(&silence), sent.clone());
        let server = server.to_owned();
        #[expect(clippy::disallowed_methods, reason = "the relay lives as long as the test")]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server).await.unwrap();
                let (mode, silence, sent) = given.clone();
                tokio::spawn(connection(client, upstream, mode, silence, sent));
            }
        });
        Self { port, mode, silence, sent }
    }

    /// The next connection that says this stays open, but nothing passes on it any more.
    pub fn silence_at(&self, text: &'static str) {
        *self.silence.lock().unwrap() = Some(text);
    }

    pub fn on_commit(&self, mode: OnCommit) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// Everything the clients sent.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap().clone()
    }
}

async fn connection(
    client: TcpStream,
    upstream: TcpStream,
    mode: Arc<AtomicU8>,
    silence: Arc<Mutex<Option<&'static str>>>,
    sent: Arc<Mutex<Vec<u8>>>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    // Whoever ends first ends both: dropping the halves closes the sockets.
    tokio::select! {
        () = forward(from_client, to_server, &mode, &silence, &sent) => {}
        () = back(from_server, to_client) => {}
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mode: &AtomicU8,
    silence: &Mutex<Option<&'static str>>,
    sent: &Mutex<Vec<u8>>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        sent.lock().unwrap().extend_from_slice(bytes);
        let says =
            |text: &&'static str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if silence.lock().unwrap().take_if(|text| says(text)).is_some() {
            std::future::pending::<()>().await;
        }
        if bytes.windows(7).any(|window| window == b"COMMIT\0") {
            let now = mode.swap(OnCommit::Pass as u8, Ordering::SeqCst);
            if now == OnCommit::LoseCommit as u8 {
                return;
            }
            if now == OnCommit::LoseAnswer as u8 {
                to.write_all(bytes).await.unwrap();
                return;
            }
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}
