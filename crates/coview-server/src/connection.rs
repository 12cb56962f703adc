use core::future::Future;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use coview_hub::ConnId;
use coview_hub::Input;
use coview_wire::CloseReason;
use coview_wire::limits;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_lite::Stream;
use futures_sink::Sink;
use smol::Timer;

use crate::outbox::Due;
use crate::outbox::Outbox;
use crate::shared::Shared;

/// How long a client may take, from when the hub closes its connection, to read what is left and to
/// answer the close, before the socket is let go.
const CLOSING: Duration = Duration::from_secs(2);

/// How many messages of one client are handled in a row before it is another's turn.
const IN_A_ROW: u32 = 16;

/// Reads one client's messages into the hub and writes the hub's to the client, until either side
/// closes.
pub(crate) async fn serve<S>(
    shared: Arc<Shared>,
    conn: ConnId,
    outbox: Arc<Outbox>,
    socket: WebSocketStream<S>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The hub hears of the end however this ends, also when the task is dropped.
    let _goodbye = Goodbye { shared: &shared, conn };
    let mut client =
        Client { socket, outbox: &outbox, unflushed: false, close_written: false, closing: None };
    for turn in (0..IN_A_ROW).cycle() {
        // A client that never stops talking is always ready, and would keep the thread.
        if turn == 0 {
            smol::future::yield_now().await;
        }
        match poll_fn(|cx| client.poll(cx)).await {
            Some(Message::Text(text)) => shared.input(Input::Text { conn, text: &text }),
            Some(Message::Binary(bytes)) => shared.input(Input::Binary { conn, bytes: &bytes }),
            // The library answers pings; the end of the stream follows a close.
            Some(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {}
            None => return,
        }
    }
}

pub(crate) fn websocket_config() -> WebSocketConfig {
    // The library's own read buffer of 128 KiB is allocated at once for every client.
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::MESSAGE_BYTES * 2)
        // A message a little too long gets an answer from the hub; one far too long is not read.
        .max_message_size(Some(limits::MESSAGE_BYTES * 2))
        .max_frame_size(Some(limits::MESSAGE_BYTES * 2))
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

struct Client<'a, S> {
    socket: WebSocketStream<S>,
    outbox: &'a Outbox,
    unflushed: bool,
    close_written: bool,
    /// Set when the hub has closed the connection.
    closing: Option<Timer>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<'_, S> {
    /// The next message, or `None` when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        // The time runs also while a client that does not read keeps the close from being written.
        if self.closing.is_none() && self.outbox.is_closing(cx.waker()) {
            self.closing = Some(Timer::after(CLOSING));
        }
        if let Some(timer) = &mut self.closing
            && Pin::new(timer).poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Poll::Ready(Err(_)) = self.poll_write(cx) {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                // Once the hub has closed the connection it no longer listens.
                if self.closing.is_some() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(message))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "connection broke");
                Poll::Ready(None)
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        let mut socket = Pin::new(&mut self.socket);
        while !self.close_written {
            core::task::ready!(socket.as_mut().poll_ready(cx))?;
            match self.outbox.next(cx.waker()) {
                Due::Send(text) => {
                    socket.as_mut().start_send(Message::text(&*text))?;
                    self.unflushed = true;
                }
                Due::Close(reason) => {
                    socket.as_mut().start_send(Message::Close(Some(close_frame(reason))))?;
                    self.unflushed = true;
                    self.close_written = true;
                }
                Due::Nothing => break,
            }
        }
        if self.unflushed {
            core::task::ready!(socket.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
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
        | CloseReason::Unknown => CloseCode::Policy,
    };
    CloseFrame { code, reason: reason.as_str().into() }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;
    use core::sync::atomic::Ordering;
    use std::io;

    use async_tungstenite::tungstenite::protocol::Role;
    use coview_hub::HubConfig;
    use futures_lite::FutureExt;

    use super::*;
    use crate::config::Limits;

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
        let (shared, _rearmed) = Shared::new(HubConfig::default(), Limits::default(), [7; 32]);
        let (conn, outbox) = shared.open().unwrap();
        let quiet = Arc::new(AtomicBool::new(false));
        let client = Client { says, said: 0, quiet: Arc::clone(&quiet) };
        let config = Some(websocket_config());
        let socket = WebSocketStream::from_raw_socket(client, Role::Server, config).await;
        outbox.push(1, "first".into(), &shared.limits).ok().unwrap();
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
        serve(Arc::clone(&shared), conn, Arc::clone(&outbox), socket).or(close).or(late).await;
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
}
