//! The byte stream below a client: TCP, or TLS over TCP.

use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use std::io;
use std::net::TcpStream;

use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_rustls::server::TlsStream;
use smol::Async;

/// A stream that a client can be served on.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Whether fewer bytes than were asked for are all there are for now.
    fn short_is_all(&self) -> bool;

    /// Whether the socket took something since this was asked last. Whoever asks knows whether the
    /// stream did.
    fn socket_took(&mut self, stream_took: bool) -> bool;

    /// Ready when there may be something to read, after there was nothing left. Unlike a read it
    /// asks the operating system no more than once.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What the server's clients are connected by.
pub(crate) enum Stream {
    Plain(Async<TcpStream>),
    Tls(Box<TlsStream<Watched>>),
}

/// A socket that tells when it takes something. TLS has a buffer of its own above, so what that
/// takes says nothing about the client.
pub(crate) struct Watched {
    socket: Async<TcpStream>,
    took: bool,
}

impl Watched {
    pub(crate) const fn new(socket: Async<TcpStream>) -> Self {
        Self { socket, took: false }
    }
}

impl Wire for Stream {
    fn short_is_all(&self) -> bool {
        // TLS gives one record at a time.
        matches!(self, Self::Plain(_))
    }

    fn socket_took(&mut self, stream_took: bool) -> bool {
        match self {
            Self::Plain(_) => stream_took,
            Self::Tls(tls) => core::mem::take(&mut tls.get_mut().0.took),
        }
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let socket = match self {
            Self::Plain(socket) => &*socket,
            Self::Tls(tls) => &tls.get_ref().0.socket,
        };
        // What is wrong with a socket is told by reading it.
        socket.poll_readable(cx).map(|_| ())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_close(cx),
            Self::Tls(tls) => Pin::new(tls).poll_close(cx),
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.took |= matches!(taken, Poll::Ready(Ok(1..)));
        taken
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.socket).poll_write_vectored(cx, buffers);
        self.took |= matches!(taken, Poll::Ready(Ok(1..)));
        taken
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
