use core::pin::Pin;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;
use core::task::Context;
use core::task::Poll;
use std::io;
use std::sync::Arc;

use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;

/// Whether a socket takes what is written to it. TLS has a buffer of its own above, so what it takes
/// says nothing about the client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Took(Arc<AtomicBool>);

impl Took {
    /// Whether the socket took a byte since this was asked last.
    pub(crate) fn since_last_asked(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A socket that tells when it takes something.
pub(crate) struct Watched<S> {
    socket: S,
    took: Took,
}

impl<S> Watched<S> {
    pub(crate) const fn new(socket: S, took: Took) -> Self {
        Self { socket, took }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.socket).poll_write(cx, buffer);
        self.note(&taken);
        taken
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut self.socket).poll_write_vectored(cx, buffers);
        self.note(&taken);
        taken
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

impl<S> Watched<S> {
    fn note(&self, taken: &Poll<io::Result<usize>>) {
        if matches!(taken, Poll::Ready(Ok(1..))) {
            self.took.0.store(true, Ordering::Relaxed);
        }
    }
}
