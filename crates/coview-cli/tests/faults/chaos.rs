//! A network between a client and the server that does what networks do: it chops, trickles, delays,
//! holds up, cuts in the middle of anything, and lets one direction die alone.

use std::future::poll_fn;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use futures_lite::AsyncReadExt;
use futures_lite::AsyncWriteExt;
use rustix::net::sockopt::set_socket_linger;
use smol::Task;
use smol::Timer;
use smol::future::yield_now;
use smol::net::TcpListener;
use smol::net::TcpStream;

/// Numbers by chance, which a seed repeats.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed that is printed, or that of the environment.
    #[expect(clippy::disallowed_methods, reason = "a test may be told its seed, and need not be")]
    pub fn new(test: &str) -> Self {
        let told = std::env::var("COVIEW_FAULTS_SEED").ok();
        let seed = told.map_or_else(
            || {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                since.unwrap().as_micros() as u64
            },
            |told| told.parse().expect("a seed is a number"),
        );
        println!("{test}: COVIEW_FAULTS_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    /// One of them.
    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Another sequence of numbers.
    pub fn another(&mut self) -> Self {
        Self(self.next())
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

pub const WAYS: [Way; 2] = [Way::ToServer, Way::ToClient];

/// How bytes are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As they come.
    Whole,
    /// Each in a segment of its own.
    Trickled,
    /// In pieces of up to so many bytes, some of them a little later.
    Chopped(usize),
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both sides are told that nothing comes any more.
    Closed,
    /// Both sides are told that there is no such connection.
    Reset,
}

/// A proxy in front of a server.
pub struct Chaos {
    address: SocketAddr,
    network: Arc<Network>,
    _accept: Task<()>,
}

struct Network {
    server: SocketAddr,
    state: Mutex<State>,
}

struct State {
    manner: Manner,
    chance: Chance,
    held: [bool; 2],
    /// Who waits for a way to be open again.
    waiting: Vec<Waker>,
    /// Where the connections are to be cut: after so many more bytes this way.
    cuts: Vec<(Way, usize, Cut)>,
    connections: Vec<Connection>,
    /// How many there have been.
    taken_in: usize,
    /// Everything that went to clients.
    heard: Vec<u8>,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Whether what comes this way is thrown away, because its receiver was told that it is over.
    over: Arc<[AtomicBool; 2]>,
    _pumps: [Task<()>; 2],
}

impl Chaos {
    pub async fn to(server: SocketAddr, chance: Chance) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            manner: Manner::Whole,
            chance,
            held: [false; 2],
            waiting: Vec::new(),
            cuts: Vec::new(),
            connections: Vec::new(),
            taken_in: 0,
            heard: Vec::new(),
        };
        let network = Arc::new(Network { server, state: Mutex::new(state) });
        let accepting = Arc::clone(&network);
        let accept = smol::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Whoever cannot be taken in at once is let go, and comes again.
                take_in(&accepting, client).await;
            }
        });
        Self { address, network, _accept: accept }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on bytes are passed on like this.
    pub fn passes(&self, manner: Manner) {
        self.network.state().manner = manner;
    }

    /// Holds up what goes this way, over all connections, until [`release`](Self::release). Nobody
    /// is told.
    pub fn hold(&self, way: Way) {
        self.network.state().held[way as usize] = true;
    }

    pub fn release(&self, way: Way) {
        let mut state = self.network.state();
        state.held[way as usize] = false;
        for waker in state.waiting.drain(..) {
            waker.wake();
        }
    }

    /// Cuts every connection; new ones can be made.
    pub fn cut(&self, how: Cut) {
        self.network.state().cut(how);
    }

    /// Cuts every connection after this many more bytes, this way. What was said so before comes first.
    pub fn cut_after(&self, way: Way, bytes: usize, how: Cut) {
        self.network.state().cuts.push((way, bytes, how));
    }

    /// Forgets the cuts that have not come.
    pub fn spare(&self) {
        self.network.state().cuts.clear();
    }

    /// Tells whom the connections go to, this way, that nothing comes any more. The other way they go
    /// on, and who sends is told nothing.
    pub fn half_close(&self, way: Way) {
        for connection in &self.network.state().connections {
            connection.over[way as usize].store(true, Ordering::Relaxed);
            let to = match way {
                Way::ToServer => &connection.server,
                Way::ToClient => &connection.client,
            };
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.network.state().taken_in
    }

    /// Whether these bytes went to a client in a row, as they stand here.
    pub fn told(&self, text: &str) -> bool {
        let state = self.network.state();
        state.heard.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.cut(Cut::Closed);
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn pass(&self, way: Way) {
        poll_fn(|cx| {
            let mut state = self.state();
            if state.held[way as usize] {
                state.waiting.push(cx.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// How many of these bytes are passed on next, and after which wait.
    fn piece(&self, bytes: usize) -> (usize, Option<Duration>) {
        let mut state = self.state();
        match state.manner {
            Manner::Whole => (bytes, None),
            Manner::Trickled => (1, None),
            Manner::Chopped(most) => {
                let piece = 1 + state.chance.below(most.min(bytes));
                let late = state.chance.below(4) == 0;
                let wait = Duration::from_micros(100 * (1 + state.chance.below(20)) as u64);
                (piece, late.then_some(wait))
            }
        }
    }
}

impl State {
    fn cut(&mut self, how: Cut) {
        for connection in self.connections.drain(..) {
            if how == Cut::Reset {
                for stream in [&connection.client, &connection.server] {
                    // A socket that has nothing left to wait for resets what it closes.
                    let _ = set_socket_linger(stream, Some(Duration::ZERO));
                }
            }
        }
    }

    /// How many of the bytes that go this way may still pass before a cut, and how it is made.
    fn until_cut(&mut self, way: Way, bytes: usize) -> Option<(usize, Cut)> {
        let &(where_to, left, how) = self.cuts.first()?;
        if where_to != way {
            return None;
        }
        if left > bytes {
            self.cuts[0].1 = left - bytes;
            return None;
        }
        self.cuts.remove(0);
        Some((left, how))
    }
}

async fn take_in(network: &Arc<Network>, client: TcpStream) {
    let Ok(server) = TcpStream::connect(network.server).await else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let mut state = network.state();
    state.taken_in += 1;
    let over = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let pump = |way, from: &TcpStream, to: &TcpStream| {
        let (network, over) = (Arc::clone(network), Arc::clone(&over));
        smol::spawn(pump(network, over, way, from.clone(), to.clone()))
    };
    let pumps = [pump(Way::ToServer, &client, &server), pump(Way::ToClient, &server, &client)];
    state.connections.push(Connection { client, server, over, _pumps: pumps });
}

async fn pump(
    network: Arc<Network>,
    over: Arc<[AtomicBool; 2]>,
    way: Way,
    mut from: TcpStream,
    mut to: TcpStream,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let (piece, wait) = network.piece(rest.len());
            if let Some(wait) = wait {
                Timer::after(wait).await;
            }
            network.pass(way).await;
            if over[way as usize].load(Ordering::Relaxed) {
                break;
            }
            let (mut now, after) = rest.split_at(piece);
            let cut = network.state().until_cut(way, now.len());
            if let Some((left, _)) = cut {
                now = &now[..left];
            }
            if way == Way::ToClient {
                network.state().heard.extend_from_slice(now);
            }
            if to.write_all(now).await.is_err() {
                return;
            }
            if let Some((_, how)) = cut {
                // Among others it drops the task that runs this.
                network.state().cut(how);
                return;
            }
            rest = after;
            // The receiver has the next turn, and reads what is there so far.
            yield_now().await;
        }
    }
    // The end of the stream is held up like everything else.
    network.pass(way).await;
    let _ = to.shutdown(Shutdown::Write);
}
