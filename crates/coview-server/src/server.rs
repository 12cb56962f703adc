use core::fmt;
use core::future::Future;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Weak;

use async_channel::Receiver;
use coview_hub::Input;
use futures_lite::FutureExt;
use futures_rustls::TlsAcceptor;
use smol::Executor;
use smol::Timer;
use smol::net::TcpListener;
use smol::net::TcpStream;
use thiserror::Error;

use crate::config::ServerConfig;
use crate::config::Tls;
use crate::http;
use crate::http::Stream;
use crate::shared::Shared;

/// A server that listens. It serves while [`run`](Self::run) runs.
pub struct Server {
    shared: Arc<Shared>,
    rearmed: Receiver<()>,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
}

/// Why a server does not listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address is taken, or is not this machine's, or needs a privilege.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where it tried.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The operating system gives no random numbers; without them keys could be guessed.
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl Server {
    /// Listens on the address of the configuration.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the address cannot be listened on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees the address.
    pub async fn bind(config: ServerConfig) -> Result<Self, BindError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(BindError::Random)?;
        let address = config.listen;
        let listen = |error| BindError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (shared, rearmed) = Shared::new(config.hub, config.limits, seed);
        Ok(Self { shared, rearmed, listener, address, tls: config.tls })
    }

    /// Where it listens; with port 0 in the configuration, the port it got.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `stop` is ready. Then it takes no more connections, every session ends with
    /// *shutdown*, every client is told and may come back later, and after at most the drain time
    /// of the configuration this returns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts every connection at once; clients come back to whatever listens
    /// then.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let executor = Arc::new(Executor::new());
        let accept = self.accept(&executor);
        let wake = self.wake();
        let serve = async {
            accept.or(wake).or(stop).await;
            tracing::info!("stopping: telling every client");
            self.shared.input(Input::Shutdown);
            let late = async {
                Timer::after(self.shared.limits.drain).await;
            };
            self.drained().or(late).await;
        };
        executor.run(serve).await;
    }

    async fn accept(&self, executor: &Arc<Executor<'static>>) {
        loop {
            match self.listener.accept().await {
                Ok((tcp, _)) => {
                    let Some(greeting) = self.shared.greet() else { continue };
                    let (shared, tls) = (Arc::clone(&self.shared), self.tls.clone());
                    let inner = Arc::downgrade(executor);
                    let greet = async move {
                        greet(shared, inner, tcp, tls).await;
                        drop(greeting);
                    };
                    executor.spawn(greet).detach();
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some will be free in a moment.
                    tracing::warn!(%error, "cannot take a connection");
                    Timer::after(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Wakes the hub when it asked for it.
    async fn wake(&self) {
        loop {
            let rearmed = async {
                // The channel cannot close: its other end is in `shared`.
                let _ = self.rearmed.recv().await;
                false
            };
            let due = async {
                match self.shared.wake_at() {
                    Some(at) => {
                        Timer::at(at).await;
                        true
                    }
                    None => core::future::pending().await,
                }
            };
            if rearmed.or(due).await {
                self.shared.input(Input::Timeout);
            }
        }
    }

    async fn drained(&self) {
        while self.shared.clients() > 0 {
            Timer::after(Duration::from_millis(10)).await;
        }
    }
}

/// Takes a connection in: TLS if the server has it, then HTTP.
async fn greet(
    shared: Arc<Shared>,
    executor: Weak<Executor<'static>>,
    tcp: TcpStream,
    tls: Option<Tls>,
) {
    let _ = tcp.set_nodelay(true);
    let stream: Stream = match tls {
        None => Box::pin(tcp),
        Some(tls) => {
            let late = async {
                Timer::after(shared.limits.handshake).await;
                Err(io::ErrorKind::TimedOut.into())
            };
            match TlsAcceptor::from(tls.0).accept(tcp).or(late).await {
                Ok(stream) => Box::pin(stream),
                Err(error) => {
                    tracing::debug!(%error, "TLS handshake failed");
                    return;
                }
            }
        }
    };
    http::serve(shared, executor, stream).await;
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
