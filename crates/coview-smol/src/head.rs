use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::ready;
use std::io;

use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;

/// What ends the head of an HTTP answer.
const END: &[u8] = b"\r\n\r\n";

/// A head that is longer is given as far as it came; what reads it has a limit of its own.
const LONGEST: usize = 16 * 1024;

/// A stream that gives what it reads first, up to the end of an HTTP head, in one piece.
///
/// The library takes a head that comes in many small pieces for an attack on its memory, and ends the
/// connection. A client chose its server, and a slow network may bring the answer byte by byte.
pub(crate) struct WholeHead<S> {
    stream: S,
    head: Head,
}

enum Head {
    Coming(Vec<u8>),
    /// It has come, and whatever was read with it; so much of that was given.
    Come(Vec<u8>, usize),
    Given,
}

impl<S> WholeHead<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, head: Head::Coming(Vec::new()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WholeHead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, head } = self.get_mut();
        loop {
            match head {
                Head::Coming(read) => {
                    let mut piece = [0; 1024];
                    let count = ready!(Pin::new(&mut *stream).poll_read(cx, &mut piece))?;
                    // The end may have begun in the piece before.
                    let from = read.len().saturating_sub(END.len() - 1);
                    read.extend_from_slice(&piece[..count]);
                    let ended = read[from..].windows(END.len()).any(|it| it == END);
                    if ended || count == 0 || read.len() >= LONGEST {
                        *head = Head::Come(core::mem::take(read), 0);
                    }
                }
                Head::Come(read, given) if *given < read.len() => {
                    let rest = &read[*given..];
                    let count = rest.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&rest[..count]);
                    *given += count;
                    return Poll::Ready(Ok(count));
                }
                Head::Come(..) => *head = Head::Given,
                Head::Given => return Pin::new(stream).poll_read(cx, buffer),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WholeHead<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::AsyncReadExt;
    use futures_lite::future::block_on;

    use super::*;

    /// Gives so many bytes at a time.
    struct Slow(&'static [u8], usize);

    impl AsyncRead for Slow {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(count);
            buffer[..count].copy_from_slice(piece);
            self.0 = rest;
            Poll::Ready(Ok(count))
        }
    }

    fn reads(bytes: &'static [u8], at_a_time: usize) -> Vec<Vec<u8>> {
        let mut stream = WholeHead::new(Slow(bytes, at_a_time));
        let mut buffer = [0; 32];
        let mut reads = Vec::new();
        while let count @ 1.. = block_on(stream.read(&mut buffer)).unwrap() {
            reads.push(buffer[..count].to_vec());
        }
        reads
    }

    #[test]
    fn a_head_is_given_whole_and_what_follows_as_it_comes() {
        let all = b"HTTP/1.1 101 S\r\n\r\nabc";
        assert_eq!(reads(all, 1), [&all[..18], b"a", b"b", b"c"]);
        assert_eq!(reads(all, 20), [&all[..20], b"c"]);
        assert_eq!(reads(all, 64), [all]);
    }

    #[test]
    fn what_is_no_head_or_ends_before_its_end_is_given_all_the_same() {
        assert_eq!(reads(b"HTTP/1.1 101 S\r\n\r", 1), [b"HTTP/1.1 101 S\r\n\r"]);
        assert_eq!(reads(b"", 1), Vec::<Vec<u8>>::new());
        static LONG: [u8; 2 * LONGEST] = [b'x'; 2 * LONGEST];
        assert_eq!(reads(&LONG, 1_000).concat(), LONG);
    }
}
