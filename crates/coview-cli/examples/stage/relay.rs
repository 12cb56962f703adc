//! A way to the server that can be cut: it carries bytes until then.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use futures_lite::FutureExt;
use smol::Task;
use smol::Timer;
use smol::net::TcpListener;
use smol::net::TcpStream;

pub(crate) struct Relay {
    address: SocketAddr,
    line: Arc<Mutex<Line>>,
    _accepts: Task<()>,
}

#[derive(Default)]
struct Line {
    is_cut: bool,
    /// Dropping a task drops the sockets it holds.
    carried: Vec<Task<()>>,
}

impl Relay {
    pub(crate) fn to(
        listener: TcpListener,
        server: SocketAddr,
        rate: Option<u32>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let line = Arc::new(Mutex::new(Line::default()));
        let accepts = smol::spawn(accept(listener, server, rate, Arc::clone(&line)));
        Ok(Self { address, line, _accepts: accepts })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every connection breaks, and no new one gets through.
    pub(crate) fn cut(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.is_cut = true;
        line.carried.clear();
    }

    /// New connections get through again.
    pub(crate) fn mend(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).is_cut = false;
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    rate: Option<u32>,
    line: Arc<Mutex<Line>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
        line.carried.retain(|task| !task.is_finished());
        if !line.is_cut {
            line.carried.push(smol::spawn(async move {
                // Which end broke, and why, both ends notice by themselves.
                let _ = carry(client, server, rate).await;
            }));
        }
    }
}

async fn carry(client: TcpStream, server: SocketAddr, rate: Option<u32>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let up = async {
        smol::io::copy(client.clone(), server.clone()).await?;
        Ok(())
    };
    up.or(down(server.clone(), client.clone(), rate)).await
}

/// What is ahead of the rate waits, and what is behind it in the server's socket with it.
async fn down(
    mut from: TcpStream,
    mut to: TcpStream,
    bytes_per_second: Option<u32>,
) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..length]).await?;
        if let Some(rate) = bytes_per_second {
            Timer::after(Duration::from_secs_f64(length as f64 / f64::from(rate.max(1)))).await;
        }
    }
}
