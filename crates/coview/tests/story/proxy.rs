//! The network between a client and the server, which can be cut, held up and listened to.

use std::future::poll_fn;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Poll;
use std::task::Waker;

use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use smol::Task;
use smol::net::TcpListener;
use smol::net::TcpStream;

use crate::frames::Frame;
use crate::frames::frames;

/// A proxy in front of a server.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    _accept: Task<()>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

struct Network {
    server: SocketAddr,
    to_server: Gate,
    to_client: Gate,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    down: bool,
    pumps: Vec<Task<()>>,
    /// Everything that passed, by connection and way.
    heard: Vec<Arc<Heard>>,
}

#[derive(Default)]
struct Heard {
    to_server: Mutex<Vec<u8>>,
    to_client: Mutex<Vec<u8>>,
}

/// Lets bytes through, or keeps them until it is opened again.
#[derive(Default)]
struct Gate(Mutex<(bool, Vec<Waker>)>);

impl Gate {
    fn hold(&self, hold: bool) {
        let mut gate = self.0.lock().unwrap();
        gate.0 = hold;
        for waker in gate.1.drain(..) {
            waker.wake();
        }
    }

    async fn pass(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            if gate.0 {
                gate.1.push(cx.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn gate(&self, way: Way) -> &Gate {
        match way {
            Way::ToServer => &self.to_server,
            Way::ToClient => &self.to_client,
        }
    }
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(Network {
            server,
            to_server: Gate::default(),
            to_client: Gate::default(),
            state: Mutex::default(),
        });
        let accepting = Arc::clone(&network);
        let accept = smol::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                take_in(&accepting, client).await;
            }
        });
        Self { address, network, _accept: accept }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Keeps what goes this way until [`release`](Self::release).
    pub fn hold(&self, way: Way) {
        self.network.gate(way).hold(true);
    }

    pub fn release(&self, way: Way) {
        self.network.gate(way).hold(false);
    }

    /// The network is pulled: nothing arrives any more, and nobody is told.
    pub fn stall(&self) {
        self.hold(Way::ToServer);
        self.hold(Way::ToClient);
    }

    /// Breaks every connection; new ones can be made.
    pub fn cut(&self) {
        self.network.state().pumps.clear();
    }

    /// Breaks every connection, and every new one until [`up`](Self::up).
    pub fn down(&self) {
        let mut state = self.network.state();
        state.down = true;
        state.pumps.clear();
    }

    pub fn up(&self) {
        self.network.state().down = false;
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.network.state().heard.len()
    }

    /// Every text that came by this way, over all connections. What is still held has come by.
    pub fn texts(&self, way: Way) -> Vec<String> {
        let state = self.network.state();
        let texts = state.heard.iter().flat_map(|heard| {
            let bytes = match way {
                Way::ToServer => heard.to_server.lock().unwrap(),
                Way::ToClient => heard.to_client.lock().unwrap(),
            };
            frames(&bytes)
        });
        texts.filter_map(Frame::into_text).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn take_in(network: &Arc<Network>, client: TcpStream) {
    if network.state().down {
        return;
    }
    let Ok(server) = TcpStream::connect(network.server).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let mut state = network.state();
    if state.down {
        return;
    }
    let heard = Arc::new(Heard::default());
    state.heard.push(Arc::clone(&heard));
    for (way, from, to) in [
        (Way::ToServer, client.clone(), server.clone()),
        (Way::ToClient, server.clone(), client.clone()),
    ] {
        let pump = pump(Arc::clone(network), way, Arc::clone(&heard), from, to);
        state.pumps.push(smol::spawn(pump));
    }
}

async fn pump(
    network: Arc<Network>,
    way: Way,
    heard: Arc<Heard>,
    mut from: TcpStream,
    mut to: TcpStream,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..count];
        match way {
            Way::ToServer => heard.to_server.lock().unwrap().extend_from_slice(bytes),
            Way::ToClient => heard.to_client.lock().unwrap().extend_from_slice(bytes),
        }
        network.gate(way).pass().await;
        if to.write_all(bytes).await.is_err() {
            break;
        }
    }
    // The end of the stream is held up like everything else.
    network.gate(way).pass().await;
    let _ = to.shutdown(Shutdown::Write);
}
