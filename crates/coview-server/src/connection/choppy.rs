//! Many clients on one thread, whose sockets give and take a few bytes at a time.

use std::collections::VecDeque;
use std::io::Read;
use std::io::Write;
use std::sync::Mutex;

use coview_audit::Ticket;
use coview_hub::Caller;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_lite::FutureExt;
use smol::LocalExecutor;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

use super::tests::shared;
use super::*;

/// A small generator, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % end
    }
}

pub(crate) struct Choppy {
    random: Random,
    says: VecDeque<u8>,
    took: Arc<Mutex<Vec<u8>>>,
    is_smooth: bool,
    panics: bool,
}

impl Choppy {
    /// A client that says this, is quiet then, and reads all it is told.
    fn new(seed: u64, says: Vec<u8>) -> Self {
        Self {
            random: Random(seed),
            says: says.into(),
            took: Arc::default(),
            is_smooth: false,
            panics: false,
        }
    }

    /// A client that says nothing and takes everything at once, so that its stream wakes nobody.
    pub(crate) fn quiet() -> Self {
        Self { is_smooth: true, ..Self::new(1, Vec::new()) }
    }

    /// What it will have been told.
    pub(crate) fn took(&self) -> Arc<Mutex<Vec<u8>>> {
        Arc::clone(&self.took)
    }

    /// It says something more.
    pub(crate) fn says_more(&mut self, bytes: &[u8]) {
        self.says.extend(bytes);
    }

    /// How much the stream gives or takes this time; if nothing, it does soon.
    fn some(&mut self, cx: &Context<'_>, most: usize) -> Poll<usize> {
        assert!(!self.panics, "as the test wants");
        if self.is_smooth {
            return Poll::Ready(most);
        }
        if self.random.below(3) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let few = [1, 7, 200, 40_000][self.random.below(4)];
        Poll::Ready((1 + self.random.below(few)).min(most))
    }
}

impl AsyncRead for Choppy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = self.says.len().min(buffer.len());
        if most == 0 {
            return Poll::Pending;
        }
        let some = core::task::ready!(self.some(cx, most));
        for (place, byte) in buffer.iter_mut().zip(self.says.drain(..some)) {
            *place = byte;
        }
        Poll::Ready(Ok(some))
    }
}

impl AsyncWrite for Choppy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let some = core::task::ready!(self.some(cx, bytes.len()));
        self.took.lock().unwrap().extend_from_slice(&bytes[..some]);
        Poll::Ready(Ok(some))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.some(cx, 1).map(|_| Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Choppy {
    fn short_is_all(&self) -> bool {
        false
    }

    fn socket_took(&mut self, stream_took: bool) -> bool {
        stream_took
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if self.says.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// What a client was told, to be read by the library.
struct Told(VecDeque<u8>);

impl Read for Told {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A frame with this first byte.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [9, 8, 7, payload.len() as u8];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let head = [first, 0x80 | u8::try_from(payload.len()).expect("a short one")];
    head.into_iter().chain(mask).chain(masked).collect()
}

const CLIENTS: usize = 8;
const WORDS: usize = 40;
const PINGS: usize = 40;

fn serve(seed: u64) {
    let (shared, _signals) = shared();
    let executor = LocalExecutor::new();
    let mut clients = Vec::new();
    for id in 0..CLIENTS {
        let opened = shared.open(Caller::default()).unwrap();
        let outbox = Arc::clone(&opened.1);
        let says = (0..PINGS).flat_map(|at| masked(0x89, format!("{id} pings {at}").as_bytes()));
        let stream = Choppy::new(seed * 1000 + id as u64 + 1, says.collect());
        let took = Arc::clone(&stream.took);
        let none = Admitted::default();
        let session = Session::new(Arc::clone(&shared), opened, stream, &mut [], none);
        clients.push((outbox, took, executor.spawn(session)));
    }
    let feed = async {
        let mut random = Random(seed + 77);
        for at in 0..WORDS {
            for (id, (outbox, ..)) in clients.iter().enumerate() {
                let text = format!("{id} is told {at} {}", "x".repeat(random.below(900)));
                let word = Word::Text(text.into());
                outbox.push(at as u64, Ticket::default(), word, &shared.limits).ok().unwrap();
                if at % 4 == 0 {
                    let mut picture = vec![id as u8; 1 + random.below(3 * FRAME)];
                    picture[0] = at as u8;
                    outbox.show(picture.into(), &shared.limits).ok().unwrap();
                }
            }
            for _ in 0..random.below(60) {
                smol::future::yield_now().await;
            }
        }
        // Once all is written; whoever is closed sees no more pictures.
        for (outbox, took, _) in &clients {
            let all = |took: &[u8]| read(took).len() == WORDS + WORDS / 4 + PINGS;
            while !all(&took.lock().unwrap()) {
                for _ in 0..5_000 {
                    smol::future::yield_now().await;
                }
            }
            outbox.close(CloseReason::Left);
        }
        // They do not answer the close, and are let go.
        while shared.clients() > 0 {
            Timer::after(Duration::from_millis(10)).await;
        }
    };
    let late = async {
        Timer::after(Duration::from_secs(60)).await;
        panic!("something is lost");
    };
    smol::block_on(executor.run(feed).or(late));
    for (id, (_, took, _)) in clients.iter().enumerate() {
        let (mut words, mut pictures, mut pongs, mut last) = (0, 0, 0, None);
        for message in read(&took.lock().unwrap()) {
            assert!(last.is_none(), "nothing follows a close");
            match message {
                Message::Text(text) => {
                    assert!(text.starts_with(&format!("{id} is told {words} ")), "{text}");
                    words += 1;
                }
                Message::Binary(bytes) => {
                    assert_eq!(usize::from(bytes[0]), pictures * 4);
                    assert!(bytes[1..].iter().all(|byte| usize::from(*byte) == id));
                    pictures += 1;
                }
                Message::Pong(payload) => {
                    assert_eq!(payload, format!("{id} pings {pongs}").into_bytes());
                    pongs += 1;
                }
                Message::Close(close) => last = close.map(|it| u16::from(it.code)),
                Message::Ping(_) | Message::Frame(_) => panic!("nobody says that"),
            }
        }
        assert_eq!((words, pictures, pongs), (WORDS, WORDS / 4, PINGS));
        assert_eq!(last, Some(1000));
    }
}

/// The messages so far; the last one may not be whole.
fn read(told: &[u8]) -> Vec<Message> {
    let mut client =
        WebSocket::from_raw_socket(Told(told.iter().copied().collect()), Role::Client, None);
    let mut messages = Vec::new();
    loop {
        match client.read() {
            Ok(message) => messages.push(message),
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return messages,
            Err(tungstenite::Error::ConnectionClosed) => return messages,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn choppy_clients_of_one_thread_get_whole_frames_in_order_and_none_of_another() {
    for seed in 1..3 {
        serve(seed);
    }
}

#[test]
fn a_panic_while_one_client_is_served_leaves_the_buffers_to_others() {
    let (shared, _signals) = shared();
    let executor = LocalExecutor::new();
    let serve = |stream| {
        let opened = shared.open(Caller::default()).unwrap();
        let word = Word::Text("a word".into());
        opened.1.push(1, Ticket::default(), word, &shared.limits).ok().unwrap();
        let none = Admitted::default();
        executor.spawn(Session::new(Arc::clone(&shared), opened, stream, &mut [], none)).detach();
    };
    // One panics in the middle of a read, one in the middle of a write.
    serve(Choppy { panics: true, ..Choppy::new(1, masked(0x89, b"ping")) });
    serve(Choppy { panics: true, ..Choppy::quiet() });
    let stream = Choppy::new(1, masked(0x89, b"ping"));
    let took = Arc::clone(&stream.took);
    serve(stream);
    let others = async {
        while shared.clients() > 1 || read(&took.lock().unwrap()).len() < 2 {
            smol::future::yield_now().await;
        }
    };
    let late = async {
        Timer::after(Duration::from_secs(20)).await;
        panic!("nobody is served any more");
    };
    smol::block_on(executor.run(others).or(late));
}
