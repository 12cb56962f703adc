//! A network that can be pulled: it carries bytes between a client and the server until it is cut.

use core::net::SocketAddr;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use futures_lite::FutureExt;
use smol::Task;
use smol::net::TcpListener;
use smol::net::TcpStream;

pub(super) struct Relay {
    address: SocketAddr,
    line: Arc<Line>,
    _accepts: Task<()>,
}

#[derive(Default)]
struct Line {
    is_cut: AtomicBool,
    carried: Mutex<Vec<Task<()>>>,
}

impl Relay {
    pub(super) async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((server.ip(), 0)).await?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line::default());
        let accepts = smol::spawn(accept(listener, server, Arc::clone(&line)));
        Ok(Self { address, line, _accepts: accepts })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pulls the plug: every connection breaks, and no new one gets through.
    pub(super) fn cut(&self) {
        self.line.is_cut.store(true, Ordering::SeqCst);
        // Dropping the tasks drops the sockets they hold.
        self.line.carried.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Puts the plug back: new connections get through.
    pub(super) fn mend(&self) {
        self.line.is_cut.store(false, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, line: Arc<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        let carried = smol::spawn(async move {
            // Which end broke, and why, both ends notice by themselves.
            let _ = carry(client, server).await;
        });
        let mut tasks = line.carried.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        // Asked under the lock, so that no connection slips through a cut.
        if !line.is_cut.load(Ordering::SeqCst) {
            tasks.push(carried);
        }
    }
}

async fn carry(client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let up = smol::io::copy(client.clone(), server.clone());
    let down = smol::io::copy(server, client);
    up.or(down).await.map(drop)
}
