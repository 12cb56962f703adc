use core::fmt;
use core::future::Future;
use core::time::Duration;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Instant;

use coview_hub::Caller;
use coview_hub::Input;
use futures_lite::FutureExt;
use futures_rustls::TlsAcceptor;
use smol::Async;
use smol::Executor;
use smol::Timer;
use smol::future::yield_now;
use thiserror::Error;

use crate::apart::apart;
use crate::audit::Audit;
use crate::config::ServerConfig;
use crate::connection::Session;
use crate::front::Front;
use crate::http;
use crate::http::Upgraded;
use crate::network::plain;
use crate::origins::Page;
use crate::proxy::How;
use crate::proxy::Source;
use crate::shared::Shared;
use crate::shared::Signals;
use crate::shared::TELL_EVERY;
use crate::shared::now;
use crate::stream::Stream;
use crate::stream::Watched;

/// How many connections are taken in before it is the turn of those that are there.
const ACCEPTS_IN_A_ROW: u32 = 64;

/// A server that listens. It serves while [`run`](Self::run) runs.
pub struct Server {
    shared: Arc<Shared>,
    signals: Signals,
    listener: Async<TcpListener>,
    address: SocketAddr,
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
    /// The audit logs cannot be written, or a line of one is broken. The text says what to do.
    #[error("audit log: {0}")]
    Audit(coview_audit::OpenError),
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
    pub async fn bind(mut config: ServerConfig) -> Result<Self, BindError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(BindError::Random)?;
        let address = config.listen;
        let listen = |error| BindError::Listen { address, error };
        let listener = Async::<TcpListener>::bind(address).map_err(listen)?;
        widen(listener.get_ref()).map_err(listen)?;
        let address = listener.get_ref().local_addr().map_err(listen)?;
        let front = Front::new(&mut config, address);
        let audit = Audit::open(&config).map_err(BindError::Audit)?;
        let (shared, signals) = Shared::new(config, front, audit, seed);
        Ok(Self { shared, signals, listener, address })
    }

    /// A handle on the server, for as long as it is there.
    #[must_use]
    pub fn control(&self) -> Control {
        Control(Arc::downgrade(&self.shared))
    }

    /// Where it listens; with port 0 in the configuration, the port it got.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shared.front.has_tls() { "wss" } else { "ws" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `stop` is ready. Then it takes no more connections, every session ends with
    /// *shutdown*, every client is told and may come back later, and after at most the drain time
    /// of the configuration this returns.
    ///
    /// The same happens when the server has been [drained](Control::drain).
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
            accept.or(wake).or(stop).or(self.drain()).await;
            tracing::info!("stopping: telling every client");
            self.shared.input(Input::Shutdown);
            let late = async {
                Timer::after(self.shared.limits.drain).await;
            };
            self.drained().or(late).await;
        };
        executor.run(apart(serve)).await;
    }

    async fn accept(&self, executor: &Arc<Executor<'static>>) {
        let mut in_vain = InVain::default();
        for turn in (0..ACCEPTS_IN_A_ROW).cycle() {
            if turn == 0 {
                yield_now().await;
            }
            match self.listener.accept().await {
                Ok((tcp, from)) => {
                    let from = Source { address: plain(from.ip()), how: How::Direct };
                    let Some(greeting) = self.shared.greet(from) else { continue };
                    let shared = Arc::clone(&self.shared);
                    let inner = Arc::downgrade(executor);
                    let greet = async move {
                        greet(shared, inner, tcp, from.address).await;
                        drop(greeting);
                    };
                    executor.spawn(greet).detach();
                }
                Err(error) => {
                    // Out of file descriptors, most likely: some will be free in a moment.
                    in_vain.tell(&error, now());
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
                let _ = self.signals.rearmed.recv().await;
                false
            };
            let due = async {
                Timer::at(self.shared.wake_at()).await;
                true
            };
            if rearmed.or(due).await {
                self.shared.input(Input::Timeout);
            }
        }
    }

    /// Waits until the server is to be drained, and then until no session is left or their grace is
    /// over.
    async fn drain(&self) {
        // The channel cannot close: its other end is in `shared`.
        let _ = self.signals.drain.recv().await;
        tracing::info!("draining: clients in no session are sent elsewhere");
        let late = async {
            Timer::after(self.shared.limits.session_grace).await;
        };
        let settled = async {
            while self.shared.stats().sessions > 0 {
                Timer::after(Duration::from_millis(100)).await;
            }
        };
        settled.or(late).await;
    }

    async fn drained(&self) {
        while self.shared.clients() > 0 {
            Timer::after(Duration::from_millis(10)).await;
        }
    }
}

/// Tries to take a connection that came to nothing. While descriptors are short there are ten in a
/// second, and a log of them would fill the disk.
#[derive(Default)]
struct InVain {
    tries: u64,
    told: Option<Instant>,
}

impl InVain {
    fn tell(&mut self, error: &io::Error, now: Instant) {
        self.tries += 1;
        if self.told.is_none_or(|told| told + TELL_EVERY <= now) {
            self.told = Some(now);
            tracing::warn!(%error, tries = self.tries, "cannot take a connection");
        }
    }
}

/// Makes room for everybody who comes back in one instant after a restart. The standard library lets
/// 128 connections wait to be taken in; whoever finds no room is not told, tries again after 1, 3, 7
/// seconds and so on, and may be kept out for minutes. The kernel has a limit of its own,
/// `net.core.somaxconn` on Linux, and takes the smaller of the two.
#[cfg(unix)]
fn widen(listener: &TcpListener) -> io::Result<()> {
    const WAITING: i32 = 65_535;
    Ok(rustix::net::listen(listener, WAITING)?)
}

#[cfg(not(unix))]
fn widen(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// A handle on a running server, for whoever gets the operator's signals.
#[derive(Clone)]
pub struct Control(Weak<Shared>);

impl Control {
    /// Begins to drain the server: nothing new begins, clients in no session are told to connect
    /// again, elsewhere if there is another server, and `/healthz` answers 503. When no session is
    /// left, or the [grace](crate::Limits::session_grace) of those that are is over,
    /// [`Server::run`] ends as if it had been stopped.
    ///
    /// A second time changes nothing, nor does it after the server is gone.
    pub fn drain(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.drain();
        }
    }

    /// Takes over what can change while the server runs: the certificate, and the keys that tokens
    /// and assertions are checked with. Connections that are open keep the certificate they began
    /// with; who is signed in stays so until the sign-in expires.
    ///
    /// Answers with what differs otherwise, in words for the operator: that is taken over when the
    /// server is started again.
    pub fn reload(&self, config: ServerConfig) -> Vec<String> {
        self.0.upgrade().map_or_else(Vec::new, |shared| shared.front.replace(config))
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

/// Takes a connection in: TLS if the server has it, then HTTP. All of it has the time of one
/// handshake, whatever it is spent with. A client is served by a task of its own: this one has room
/// for all that comes before.
async fn greet(
    shared: Arc<Shared>,
    executor: Weak<Executor<'static>>,
    tcp: Async<TcpStream>,
    from: IpAddr,
) {
    let greeted = async {
        let _ = tcp.get_ref().set_nodelay(true);
        let stream = match shared.front.tls() {
            None => Stream::Plain(tcp),
            Some(tls) => match TlsAcceptor::from(tls.0).accept(Watched::new(tcp)).await {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, "TLS handshake failed");
                    return None;
                }
            },
        };
        http::serve(&shared, stream, from).await
    };
    let late = async {
        Timer::after(shared.limits.handshake).await;
        tracing::debug!("connection ended: it became no client in time");
        None
    };
    let Some(upgraded) = greeted.or(late).await else { return };
    // The tasks of the server's executor know it weakly, so that it and they end together.
    let Some(executor) = executor.upgrade() else { return };
    if let Some(session) = open(&shared, upgraded) {
        executor.spawn(session).detach();
    }
}

fn open(shared: &Arc<Shared>, upgraded: Upgraded) -> Option<Session<Stream>> {
    let Upgraded { client, stream, mut read } = upgraded;
    let origin = client.page.as_ref().map(Page::origin);
    let opened = shared.open(Caller { origin, address: Some(client.address) })?;
    Some(Session::new(Arc::clone(shared), opened, stream, &mut read, client.admitted))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
