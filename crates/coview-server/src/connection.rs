use core::future::Future;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;
use core::time::Duration;
use std::io;
use std::io::Read;
use std::io::Write;
use std::sync::Arc;

use coview_hub::ConnId;
use coview_hub::Input;
use coview_wire::CloseReason;
use coview_wire::limits;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use smol::Timer;
use tungstenite::Bytes;
use tungstenite::Message;
use tungstenite::WebSocket;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::Role;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::coding::Data;
use tungstenite::protocol::frame::coding::OpCode;

use crate::outbox::Due;
use crate::outbox::Outbox;
use crate::outbox::Word;
use crate::pace::Pace;
use crate::shared::Shared;
use crate::shared::now;
use crate::watched::Took;

/// How long a client may take, from when the hub closes its connection, to read what is left and to
/// answer the close, before the socket is let go.
const CLOSING: Duration = Duration::from_secs(2);

/// How many bytes of one client are read in a row before it is another's turn: the library reads on
/// for as long as there are frames without a message in them.
const BYTES_IN_A_ROW: usize = 256 * 1024;

/// How many messages of one client are handled in a row before it is another's turn.
const IN_A_ROW: u32 = 16;

/// The longest message that is read from a client who may not send pictures. One a little too long
/// gets an answer from the hub; one far too long is not read.
const LONGEST: usize = limits::MESSAGE_BYTES * 2;

/// The same for a visitor in a session.
const LONGEST_WITH_PICTURE: usize = limits::PICTURE_BYTES + limits::MESSAGE_BYTES;

/// A picture is written in frames of this many bytes. The library keeps its buffer for the longest
/// frame for as long as the connection lasts, and moves what is left in it after each write.
const FRAME: usize = 32 * 1024;

/// Reads one client's messages into the hub and writes the hub's to the client, until either side
/// closes. `read` is what was read from the stream already, `took` knows of the socket below it.
pub(crate) async fn serve<S>(
    shared: Arc<Shared>,
    conn: ConnId,
    outbox: Arc<Outbox>,
    stream: S,
    read: Vec<u8>,
    took: Took,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The hub hears of the end however this ends, also when the task is dropped.
    let _goodbye = Goodbye { shared: &shared, conn };
    let config = Some(websocket_config());
    let mut client = Client {
        socket: WebSocket::from_partially_read(
            Polled::new(stream, took),
            read,
            Role::Server,
            config,
        ),
        outbox: &outbox,
        picture: None,
        blocked: false,
        unflushed: false,
        close_written: false,
        closing: None,
        pace: Pace::new(&shared.limits, now()),
        resting: None,
        stalled: None,
        patience: shared.limits.stalled,
    };
    for turn in (0..IN_A_ROW).cycle() {
        // A client that never stops talking is always ready, and would keep the thread.
        if turn == 0 {
            smol::future::yield_now().await;
        }
        match poll_fn(|cx| client.poll(cx)).await {
            Heard::Message(Message::Text(text)) => {
                if shared.text(conn, &text) {
                    client.take_pictures();
                }
            }
            Heard::Message(Message::Binary(bytes)) => {
                shared.input(Input::Binary { conn, bytes: &bytes });
            }
            // The library answers pings; the end of the stream follows a close.
            Heard::Message(
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
            ) => {}
            Heard::Stalled => {
                tracing::debug!(%conn, "the client reads nothing");
                shared.input(Input::TooSlow { conn });
            }
            Heard::Flooded => {
                tracing::warn!(%conn, "cut off: the client sent too much for too long");
                shared.cut_off_flooding();
                outbox.close(CloseReason::Policy);
            }
            Heard::End => return,
        }
    }
}

/// What comes of a client next.
enum Heard {
    Message(Message),
    /// Something waits for it, and its connection has taken nothing for too long.
    Stalled,
    /// It has sent too much for too long.
    Flooded,
    End,
}

fn websocket_config() -> WebSocketConfig {
    // The library's own read buffer of 128 KiB is allocated at once for every client.
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        // At most one message or frame waits in it, and what the library answers by itself.
        .max_write_buffer_size(limits::MESSAGE_BYTES * 2)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
}

struct Goodbye<'a> {
    shared: &'a Shared,
    conn: ConnId,
}

impl Drop for Goodbye<'_> {
    fn drop(&mut self) {
        self.shared.closed(self.conn);
    }
}

/// A stream as the library reads and writes it: what would wait fails with `WouldBlock`, and the
/// waker is woken when it is worth trying again.
struct Polled<S> {
    stream: S,
    waker: Waker,
    /// How many bytes may still be read in a row.
    left: usize,
    /// How many bytes were read since this was looked at.
    read: usize,
    took: Took,
}

impl<S> Polled<S> {
    fn new(stream: S, took: Took) -> Self {
        Self { stream, waker: Waker::noop().clone(), left: 0, read: 0, took }
    }
}

impl<S: Unpin> Polled<S> {
    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let mut cx = Context::from_waker(&self.waker);
        match poll(Pin::new(&mut self.stream), &mut cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead + Unpin> Read for Polled<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.poll(|stream, cx| stream.poll_read(cx, buffer))?;
        self.left = self.left.saturating_sub(read);
        self.read += read;
        Ok(read)
    }
}

impl<S: AsyncWrite + Unpin> Write for Polled<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.poll(|stream, cx| stream.poll_write(cx, buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(|stream, cx| stream.poll_flush(cx))
    }
}

struct Client<'a, S> {
    socket: WebSocket<Polled<S>>,
    outbox: &'a Outbox,
    /// What is not written yet of a picture.
    picture: Option<Bytes>,
    /// The socket takes no more for now; what was written last waits in the library's buffer.
    blocked: bool,
    unflushed: bool,
    close_written: bool,
    /// Set when the hub has closed the connection.
    closing: Option<Timer>,
    pace: Pace,
    /// Set while nothing is read, because too much was.
    resting: Option<Timer>,
    /// Set while something waits and the socket takes nothing.
    stalled: Option<Timer>,
    /// How long that may last.
    patience: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<'_, S> {
    /// From now on long messages are read, too. That is not taken back with the end of the session:
    /// pictures may be on their way still.
    fn take_pictures(&mut self) {
        if self.socket.get_config().max_message_size != Some(LONGEST_WITH_PICTURE) {
            self.socket.set_config(|config| {
                config.max_message_size = Some(LONGEST_WITH_PICTURE);
                config.max_frame_size = Some(LONGEST_WITH_PICTURE);
            });
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        self.socket.get_mut().waker.clone_from(cx.waker());
        // The time runs also while a client that does not read keeps the close from being written.
        if self.closing.is_none() && self.outbox.is_closing(cx.waker()) {
            self.closing = Some(Timer::after(CLOSING));
            self.resting = None;
        }
        if let Some(timer) = &mut self.closing
            && Pin::new(timer).poll(cx).is_ready()
        {
            return Poll::Ready(Heard::End);
        }
        let gone = match self.write(cx.waker()) {
            Ok(()) => false,
            Err(error) if would_block(&error) => false,
            // What a client said before it went is heard: it may be its goodbye.
            Err(tungstenite::Error::Io(_)) => true,
            Err(_) => return Poll::Ready(Heard::End),
        };
        if !gone && self.is_stalled(cx) {
            return Poll::Ready(Heard::Stalled);
        }
        if let Some(timer) = &mut self.resting {
            match Pin::new(timer).poll(cx) {
                Poll::Ready(_) => self.resting = None,
                Poll::Pending => return Poll::Pending,
            }
        }
        self.read(cx, gone)
    }

    fn read(&mut self, cx: &mut Context<'_>, gone: bool) -> Poll<Heard> {
        self.socket.get_mut().left = BYTES_IN_A_ROW;
        let read = self.socket.read();
        let bytes = core::mem::take(&mut self.socket.get_mut().read);
        // Once the hub has closed the connection it no longer listens, and the time is bounded.
        if self.closing.is_none() && (bytes > 0 || read.is_ok()) {
            let now = now();
            self.pace.sent(u32::from(read.is_ok()), bytes, now);
            if let Some(wait) = self.pace.wait(now) {
                if self.pace.floods(now) {
                    return Poll::Ready(Heard::Flooded);
                }
                self.resting = Some(Timer::after(wait));
            }
        }
        match read {
            Ok(message) => {
                if self.closing.is_some() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Heard::Message(message))
            }
            Err(error) if would_block(&error) && gone => Poll::Ready(Heard::End),
            Err(error) if would_block(&error) => {
                // There may be more in the socket, which then wakes nobody.
                if self.socket.get_ref().left == 0 || self.resting.is_some() {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Err(tungstenite::Error::ConnectionClosed) => Poll::Ready(Heard::End),
            Err(error) => {
                tracing::debug!(%error, "connection broke");
                Poll::Ready(Heard::End)
            }
        }
    }

    /// Whether something waits of which the socket has taken not one byte for too long.
    fn is_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let took = self.socket.get_ref().took.since_last_asked();
        if !(self.blocked || self.unflushed) || self.closing.is_some() {
            self.stalled = None;
            return false;
        }
        if took || self.stalled.is_none() {
            self.stalled = Some(Timer::after(self.patience));
        }
        let timer = self.stalled.as_mut();
        let late = timer.is_some_and(|timer| Pin::new(timer).poll(cx).is_ready());
        if late {
            self.stalled = None;
        }
        late
    }

    /// Writes what waits, as far as the socket takes it.
    fn write(&mut self, waker: &Waker) -> Result<(), tungstenite::Error> {
        while !self.close_written {
            // Not before the last one is on its way: the library's buffer would grow.
            if self.blocked {
                self.socket.flush()?;
                self.blocked = false;
            }
            let message = if let Some(rest) = self.picture.take() {
                self.next_frame(rest, Data::Continue)
            } else {
                match self.outbox.next(waker) {
                    Due::Send(Word::Text(text)) => Message::text(&*text),
                    Due::Send(Word::Binary(bytes)) => Message::Binary(Bytes::from_owner(bytes)),
                    Due::Show(bytes) => self.next_frame(Bytes::from_owner(bytes), Data::Binary),
                    Due::Close(reason) => {
                        self.close_written = true;
                        Message::Close(Some(close_frame(reason)))
                    }
                    Due::Nothing => break,
                }
            };
            self.unflushed = true;
            match self.socket.write(message) {
                Ok(()) => {}
                // The library has taken the message and keeps what is left of it.
                Err(error) if would_block(&error) => self.blocked = true,
                Err(error) => return Err(error),
            }
        }
        if self.unflushed {
            self.socket.flush()?;
            self.unflushed = false;
            self.blocked = false;
        }
        Ok(())
    }

    /// The next frame of a picture; what follows it is written before anything else.
    fn next_frame(&mut self, mut rest: Bytes, data: Data) -> Message {
        let frame = rest.split_to(rest.len().min(FRAME));
        let last = rest.is_empty();
        if !last {
            self.picture = Some(rest);
        }
        Message::Frame(Frame::message(frame, OpCode::Data(data), last))
    }
}

fn would_block(error: &tungstenite::Error) -> bool {
    matches!(error, tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn close_frame(reason: CloseReason) -> CloseFrame {
    let code = match reason {
        CloseReason::Left => CloseCode::Normal,
        CloseReason::Shutdown => CloseCode::Away,
        CloseReason::Silent | CloseReason::TooSlow => CloseCode::Again,
        CloseReason::Protocol => CloseCode::Protocol,
        CloseReason::Refused
        | CloseReason::Superseded
        | CloseReason::Policy
        | CloseReason::SignInExpired
        | CloseReason::Unknown => CloseCode::Policy,
    };
    CloseFrame { code, reason: reason.as_str().into() }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;
    use core::sync::atomic::Ordering;

    use coview_audit::Ticket;
    use coview_hub::Caller;
    use coview_hub::HubConfig;
    use futures_lite::FutureExt;

    use super::*;
    use crate::audit::Audit;
    use crate::config::ServerConfig;
    use crate::front::Front;
    use crate::shared::Signals;

    fn shared() -> (Arc<Shared>, Signals) {
        let mut config = ServerConfig::loopback(HubConfig::default());
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
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    async fn serve_a_client(says: &'static [u8], while_served: impl Future<Output = ()>) {
        let (shared, _signals) = shared();
        let (conn, outbox) = shared.open(Caller::default()).unwrap();
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
        serve(Arc::clone(&shared), conn, Arc::clone(&outbox), client, Vec::new(), Took::default())
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
    }

    impl AsyncRead for Gone {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let said = core::mem::take(&mut self.said);
            if said.is_empty() {
                return Poll::Pending;
            }
            buffer[..said.len()].copy_from_slice(said);
            Poll::Ready(Ok(said.len()))
        }
    }

    impl AsyncWrite for Gone {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_a_client_said_last_is_heard_though_it_reads_nothing_any_more() {
        let (shared, _signals) = shared();
        let (_, outbox) = shared.open(Caller::default()).unwrap();
        outbox
            .push(1, Ticket::default(), Word::Text("too late".into()), &shared.limits)
            .ok()
            .unwrap();
        // "bye", with a mask of zeros.
        let stream = Gone { said: &[0x81, 0x83, 0, 0, 0, 0, b'b', b'y', b'e'] };
        let stream = Polled::new(stream, Took::default());
        let mut client = super::Client {
            socket: WebSocket::from_raw_socket(stream, Role::Server, Some(websocket_config())),
            outbox: &outbox,
            picture: None,
            blocked: false,
            unflushed: false,
            close_written: false,
            closing: None,
            pace: Pace::new(&shared.limits, now()),
            resting: None,
            stalled: None,
            patience: shared.limits.stalled,
        };
        let mut heard = || smol::block_on(poll_fn(|cx| client.poll(cx)));
        let Heard::Message(message) = heard() else { panic!("nothing was heard") };
        assert_eq!(message, Message::text("bye"));
        assert!(matches!(heard(), Heard::End));
    }
}
