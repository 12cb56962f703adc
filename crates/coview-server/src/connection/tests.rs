use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;
use std::sync::Mutex;
use std::task::Wake;

use coview_audit::Ticket;
use coview_hub::Accounts;
use coview_hub::Caller;
use coview_hub::GroupConfig;
use coview_hub::HubConfig;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::Terms;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_lite::FutureExt;

use super::choppy::Choppy;
use super::choppy::masked;
use super::*;
use crate::audit::Audit;
use crate::config::ServerConfig;
use crate::front::Front;
use crate::shared::Signals;

pub(super) fn shared() -> (Arc<Shared>, Signals) {
    shared_by(HubConfig::default())
}

fn shared_by(hub: HubConfig) -> (Arc<Shared>, Signals) {
    let mut config = ServerConfig::loopback(hub);
    let front = Front::new(&mut config, ([127, 0, 0, 1], 7300).into());
    Shared::new(config, front, Audit::default(), [7; 32])
}

/// A client that never reads, and says the same again and again or nothing at all.
struct Client {
    says: &'static [u8],
    said: usize,
    quiet: Arc<AtomicBool>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = self.says.len();
        if len == 0 || self.quiet.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        assert!(self.said < 1_000_000, "nobody else got a turn");
        self.said += 1;
        buffer[..len].copy_from_slice(self.says);
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl Wire for Client {
    fn short_is_all(&self) -> bool {
        false
    }

    fn socket_took(&mut self, stream_took: bool) -> bool {
        stream_took
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

async fn serve_a_client(says: &'static [u8], while_served: impl Future<Output = ()>) {
    let (shared, _signals) = shared();
    let opened = shared.open(Caller::default()).unwrap();
    let outbox = Arc::clone(&opened.1);
    let quiet = Arc::new(AtomicBool::new(false));
    let client = Client { says, said: 0, quiet: Arc::clone(&quiet) };
    outbox.push(1, Ticket::default(), Word::Text("first".into()), &shared.limits).ok().unwrap();
    let close = async {
        while_served.await;
        quiet.store(true, Ordering::Relaxed);
        outbox.close(CloseReason::TooSlow);
        core::future::pending().await
    };
    let late = async {
        Timer::after(10 * CLOSING).await;
        panic!("the client is still there");
    };
    Session::new(Arc::clone(&shared), opened, client, &mut [], Admitted::default())
        .or(close)
        .or(late)
        .await;
    assert_eq!(shared.clients(), 0);
}

#[test]
fn a_client_that_never_reads_is_let_go_after_the_close() {
    smol::block_on(serve_a_client(b"", smol::future::yield_now()));
}

#[test]
fn a_client_that_never_stops_talking_leaves_turns_to_others() {
    // An empty text message with a mask of zeros.
    const SAYS: &[u8] = &[0x81, 0x80, 0, 0, 0, 0];
    smol::block_on(serve_a_client(SAYS, async {
        for _ in 0..100 {
            smol::future::yield_now().await;
        }
    }));
}

/// A client that is gone: what it said last can be read, and nothing can be written.
struct Gone {
    said: &'static [u8],
    /// It can be read only the second time it is tried.
    comes_late: bool,
}

impl AsyncRead for Gone {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if core::mem::take(&mut self.comes_late) || self.said.is_empty() {
            return Poll::Pending;
        }
        let said = core::mem::take(&mut self.said);
        buffer[..said.len()].copy_from_slice(said);
        Poll::Ready(Ok(said.len()))
    }
}

impl AsyncWrite for Gone {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Gone {
    fn short_is_all(&self) -> bool {
        true
    }

    fn socket_took(&mut self, stream_took: bool) -> bool {
        stream_took
    }

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn what_a_client_said_last_is_heard_though_it_reads_nothing_any_more() {
    for comes_late in [false, true] {
        let (shared, _signals) = shared();
        let opened = shared.open(Caller::default()).unwrap();
        let word = Word::Text("too late".into());
        opened.1.push(1, Ticket::default(), word, &shared.limits).ok().unwrap();
        // "bye", with a mask of zeros.
        let said = &[0x81, 0x83, 0, 0, 0, 0, b'b', b'y', b'e'];
        let client = Gone { said, comes_late };
        let none = Admitted::default();
        smol::block_on(Session::new(Arc::clone(&shared), opened, client, &mut [], none));
        assert_eq!(shared.stats().messages_in, 1);
        assert_eq!(shared.clients(), 0);
    }
}

#[test]
fn pings_of_a_client_that_reads_nothing_leave_a_few_answers_and_no_more() {
    // The longest there is, with a mask of zeros.
    const SAYS: &[u8] = &{
        let mut ping = [0; 131];
        ping[0] = 0x89;
        ping[1] = 0x80 | 125;
        ping
    };
    let (shared, _signals) = shared();
    let opened = shared.open(Caller::default()).unwrap();
    let client = Client { says: SAYS, said: 0, quiet: Arc::default() };
    let none = Admitted::default();
    let mut session =
        core::pin::pin!(Session::new(Arc::clone(&shared), opened, client, &mut [], none));
    let mut cx = Context::from_waker(core::task::Waker::noop());
    for _ in 0..100 {
        assert!(session.as_mut().poll(&mut cx).is_pending());
    }
    assert!(session.stream.said >= 1000, "{} pings were read", session.stream.said);
    let rare = session.rare.as_ref().unwrap();
    let waits = rare.unsent.len() + rare.answers.len();
    assert!((127..=2 * (PONGS + 127)).contains(&waits), "{waits} bytes wait");
}

/// A client that is polled by hand.
struct ByHand {
    session: Session<Choppy>,
    took: Arc<Mutex<Vec<u8>>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl ByHand {
    fn new(shared: &Arc<Shared>) -> Self {
        let opened = shared.open(Caller::default()).unwrap();
        let stream = Choppy::quiet();
        let took = stream.took();
        let none = Admitted::default();
        let session = Session::new(Arc::clone(shared), opened, stream, &mut [], none);
        Self { session, took, woken: Arc::default() }
    }

    /// The client says this. Its task is not polled yet.
    fn says(&mut self, text: &str) {
        self.session.stream.says_more(&masked(0x81, text.as_bytes()));
    }

    /// Polls its task once, and tells what was written to it.
    fn poll(&mut self) -> String {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = core::task::Waker::from(Arc::clone(&self.woken));
        let polled = Pin::new(&mut self.session).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        String::from_utf8_lossy(&core::mem::take(&mut *self.took.lock().unwrap())).into_owned()
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_visitor_is_asked_before_the_agent_is_told_so() {
    let mut group = GroupConfig::new(Terms::new("1", "You are seen.").unwrap());
    let grace = AgentCard::new(AgentId::new("grace").unwrap(), "Grace").unwrap();
    let accounts = Accounts::default().with(AgentToken::new("token").unwrap(), grace);
    group.proofs = Arc::new(accounts);
    group.assertion_needed = false;
    let hub = HubConfig::one_group(GroupId::new("g").unwrap(), group);
    let (shared, _signals) = shared_by(hub);

    let mut visitor = ByHand::new(&shared);
    for text in [
        r#"{"t":"hello","re":0,"version":1,"group":"g","app":"active"}"#,
        r#"{"t":"identify","re":1,"visitor":"ada"}"#,
        r#"{"t":"presence_connect","re":2}"#,
    ] {
        visitor.says(text);
        assert!(
            visitor.poll().contains(r#""re":"#),
            "what concerns nobody else is answered at once"
        );
    }
    let mut agent = ByHand::new(&shared);
    agent.says(r#"{"t":"sign_in","re":0,"version":1,"group":"g","token":"token"}"#);
    assert!(agent.poll().contains("signed_in"));

    agent.says(r#"{"t":"ask","re":1,"visitor":"ada"}"#);
    assert_eq!(agent.poll(), "", "the visitor first");
    assert!(visitor.is_woken() && agent.is_woken());
    assert!(visitor.poll().contains("terms_requested"));
    // What it says meanwhile does not put it off again.
    agent.says(r#"{"t":"withdraw","re":2}"#);
    let told = agent.poll();
    assert!(told.contains("asked") && told.contains("ask_ended"), "{told}");
    assert!(visitor.is_woken() && visitor.poll().contains("terms_withdrawn"));
}
