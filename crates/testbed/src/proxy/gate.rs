//! The listening side of a proxy: a loopback port that can be closed, with everything that
//! came through it, and opened again. Must not read what passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::tripwire::Tripwire;
use crate::ports;

/// What the two sides of a proxy share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) wire: Tripwire,
    delay_ms: AtomicU64,
    is_cut: watch::Sender<bool>,
}

impl Shared {
    /// Waits as long as requests are to take longer.
    pub(super) async fn delay(&self) {
        let delay_ms = self.delay_ms.load(Ordering::SeqCst);
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }
}

/// A proxy's port. It closes when dropped.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) shared: Arc<Shared>,
    pub(super) port: u16,
    closing: CancellationToken,
}

impl Gate {
    /// Opens a port and lets `serve` have each connection, on a thread of its own.
    pub(super) fn open<F, Fut>(serve: F) -> anyhow::Result<Self>
    where
        F: Fn(TcpStream, Arc<Shared>) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let listener = ports::listen()?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            wire: Tripwire::default(),
            delay_ms: AtomicU64::new(0),
            is_cut: watch::Sender::new(false),
        });
        let closing = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (theirs, ended) = (shared.clone(), closing.clone());
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).ok();
                ended.run_until_cancelled(accept(listener, port, theirs, serve)).await
            })
        });
        Ok(Self { shared, port, closing })
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    pub(super) fn set_cut(&self, is_cut: bool) {
        self.shared.is_cut.send_replace(is_cut);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Without a listener one is opened.
async fn accept<F, Fut>(mut listener: Option<TcpListener>, port: u16, shared: Arc<Shared>, serve: F)
where
    F: Fn(TcpStream, Arc<Shared>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut is_cut = shared.is_cut.subscribe();
    let mut connections = JoinSet::new();
    loop {
        if *is_cut.borrow_and_update() {
            listener = None;
            connections.abort_all();
        } else if listener.is_none() {
            listener = TcpListener::bind(("127.0.0.1", port)).await.ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        tokio::select! {
            changed = is_cut.changed() => if changed.is_err() { return },
            accepted = accept_one(listener.as_ref()) => if let Ok(stream) = accepted {
                connections.spawn(serve(stream, shared.clone()));
            },
            // A failed connection is the client's to notice; here it is only forgotten.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn accept_one(listener: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match listener {
        Some(listener) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
        None => std::future::pending().await,
    }
}

/// The controls that every proxy has, over its `gate` field.
macro_rules! controls {
    ($proxy:ident) => {
        impl $proxy {
            /// Its loopback port.
            pub fn port(&self) -> u16 {
                self.gate.port
            }

            /// The counter, to set actions on.
            pub fn wire(&self) -> &$crate::proxy::Tripwire {
                &self.gate.shared.wire
            }

            /// Requests counted since the start or the last reset of [`Self::wire`].
            pub fn count(&self) -> u64 {
                self.wire().count()
            }

            /// Runs `action` once, at exactly the k-th request counted.
            pub fn trip_at(
                &self,
                k: u64,
                when: $crate::proxy::When,
                action: impl FnOnce() + Send + 'static,
            ) {
                self.wire().trip_at(k, when, action);
            }

            /// Closes the port and every connection, until [`Self::restore`].
            pub fn cut(&self) {
                self.gate.set_cut(true);
            }

            /// Opens the port again.
            pub fn restore(&self) {
                self.gate.set_cut(false);
            }

            /// Makes each counted request take longer from now on.
            pub fn delay(&self, delay: std::time::Duration) {
                self.gate.set_delay(delay);
            }
        }
    };
}
pub(super) use controls;
