use core::cell::RefCell;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use coview_hub::ConnId;
use coview_hub::Input;
use coview_wire::CloseReason;
use coview_wire::limits;
use smol::Timer;

use crate::front::Admitted;
use crate::outbox::Due;
use crate::outbox::Outbox;
use crate::outbox::Word;
use crate::pace::Pace;
use crate::shared::Shared;
use crate::shared::Told;
use crate::shared::now;
use crate::stream::Wire;
use crate::websocket;
use crate::websocket::CloseCode;
use crate::websocket::Fresh;
use crate::websocket::Goodbye;
use crate::websocket::Heard;
use crate::websocket::Reader;

#[cfg(test)]
pub(crate) mod choppy;
#[cfg(test)]
mod tests;

/// How long a client may take, from when the hub closes its connection, to read what is left and to
/// answer the close, before the socket is let go.
const CLOSING: Duration = Duration::from_secs(2);

/// How many bytes of one client are read in a row before it is another's turn.
const BYTES_IN_A_ROW: usize = 256 * 1024;

/// How many messages of one client are handled in a row before it is another's turn.
const IN_A_ROW: u32 = 16;

/// The longest message that is read from a client who may not send pictures. One a little too long
/// gets an answer from the hub; one far too long is not read.
const LONGEST: usize = limits::MESSAGE_BYTES * 2;

/// The same for a visitor in a session.
const LONGEST_WITH_PICTURE: usize = limits::PICTURE_BYTES + limits::MESSAGE_BYTES;

/// A picture is written in frames of this many bytes, so that what answers a ping or ends the
/// connection need not wait for all of it.
const FRAME: usize = 32 * 1024;

/// How many bytes are read at once.
const READ: usize = 64 * 1024;

/// So many bytes are enough for one write; what is due beyond that is written by the next one.
const WRITE: usize = 32 * 1024;

/// How many bytes of answers to pings wait at most; of many pings the last one is to be answered.
const PONGS: usize = 2 * 1024;

thread_local! {
    /// What comes from the clients of this thread goes through one buffer, and what goes to them
    /// through another: an idle client needs none.
    static INPUT: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads one client's messages into the hub and writes the hub's to the client, until either side
/// closes.
///
/// There is one for each client, so its size counts: whatever only few need is behind a pointer.
pub(crate) struct Session<S: Wire> {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    conn: ConnId,
    stream: S,
    reader: Reader,
    pace: Pace,
    rare: Option<Box<Rare>>,
    sends_pictures: bool,
    /// Nothing was left to read the last time.
    drained: bool,
    /// Whether others were told something together with this client since it was written to last.
    others: Others,
    /// The stream took something since that was looked at.
    wrote: bool,
    unflushed: bool,
    /// After a close nothing else is written.
    close_written: bool,
    /// The client has closed, and waits for the answer.
    leaving: bool,
    /// Nothing can be written any more.
    gone: bool,
    _admitted: Admitted,
}

/// What a client has only when something is unusual about it.
#[derive(Default)]
struct Rare {
    /// What the stream did not take, and how many bytes of it it took meanwhile.
    unsent: Vec<u8>,
    sent: usize,
    /// What answers the client's own frames.
    answers: Vec<u8>,
    /// A picture of which only so many bytes are written.
    picture: Option<(Arc<[u8]>, usize)>,
    /// Set when the hub has closed the connection, or the client has.
    closing: Option<Timer>,
    /// Set while nothing is read, because too much was.
    resting: Option<Timer>,
    /// Set while something waits and the socket takes nothing.
    stalled: Option<Timer>,
}

impl Rare {
    fn is_over(&self) -> bool {
        self.unsent.is_empty()
            && self.answers.is_empty()
            && self.picture.is_none()
            && self.closing.is_none()
            && self.resting.is_none()
            && self.stalled.is_none()
    }
}

/// Whoever is told something because of what a client said is written to before that client, and
/// before the server waits for more of it: what one waits for is what another does, more often than
/// that the server has heard one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    NotTold,
    /// They were told, and have not been written to.
    Told,
    /// They have had their turn.
    Served,
}

/// What is to be done with a client next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Something will wake it.
    Wait,
    /// It is another's turn, and then again this one's.
    Again,
    /// It has sent too much for too long.
    Flooded,
    End,
}

impl<S: Wire> Session<S> {
    /// A client that the hub knows by this number. `read` is what was read from the stream already.
    pub(crate) fn new(
        shared: Arc<Shared>,
        (conn, outbox): (ConnId, Arc<Outbox>),
        stream: S,
        read: &mut [u8],
        admitted: Admitted,
    ) -> Self {
        let mut reader = Reader::default();
        reader.keep(&mut Fresh::new(read));
        let pace = Pace::new(&shared.limits, now());
        Self {
            shared,
            outbox,
            conn,
            stream,
            reader,
            pace,
            rare: None,
            sends_pictures: false,
            drained: false,
            others: Others::NotTold,
            wrote: false,
            unflushed: false,
            close_written: false,
            leaving: false,
            gone: false,
            _admitted: admitted,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn is_closing(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.closing.is_some())
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Next {
        // The time runs also while a client that does not read keeps the close from being written.
        if self.outbox.is_closing() && !self.is_closing() {
            let rare = self.rare();
            rare.closing = Some(Timer::after(CLOSING));
            rare.resting = None;
        }
        if is_over(self.rare.as_mut().and_then(|rare| rare.closing.as_mut()), cx) {
            return Next::End;
        }
        let next = match self.read(cx) {
            Next::End => {
                // Whoever has said its last word may still read what that is answered with.
                let _ = self.write(cx);
                return Next::End;
            }
            Next::Flooded => {
                tracing::warn!(conn = %self.conn, "cut off: the client sent too much for too long");
                self.shared.cut_off_flooding();
                self.outbox.close(CloseReason::Policy);
                return Next::Again;
            }
            next @ (Next::Wait | Next::Again) => next,
        };
        if self.gone {
            // What a client said before it went is heard: it may be its goodbye.
            let rests = self.rare.as_ref().is_some_and(|rare| rare.resting.is_some());
            return if next == Next::Wait && !rests { Next::End } else { next };
        }
        if self.others == Others::Told && !self.is_closing() {
            self.others = Others::Served;
            return Next::Again;
        }
        self.others = Others::NotTold;
        let waits = match self.write(cx) {
            Poll::Ready(Ok(())) if self.leaving => return Next::End,
            Poll::Ready(Ok(())) => false,
            Poll::Ready(Err(_)) => {
                self.gone = true;
                self.drained = false;
                return Next::Again;
            }
            Poll::Pending => true,
        };
        if self.is_stalled(cx, waits) {
            tracing::debug!(conn = %self.conn, "the client reads nothing");
            self.shared.input(Input::TooSlow { conn: self.conn });
            return Next::Again;
        }
        // Whoever found nothing more to write is woken for it, and still has to hear of a close that
        // this turn brought about and a record holds back.
        if !self.is_closing() && self.outbox.wait(cx.waker()) {
            return Next::Again;
        }
        next
    }

    /// Reads what has come, and tells the hub.
    fn read(&mut self, cx: &mut Context<'_>) -> Next {
        if let Some(rare) = &mut self.rare
            && rare.resting.is_some()
        {
            if !is_over(rare.resting.as_mut(), cx) {
                return Next::Wait;
            }
            rare.resting = None;
        }
        if self.leaving {
            return Next::Wait;
        }
        let now = now();
        let mut messages = IN_A_ROW;
        if self.reader.has_more()
            && let Some(next) = self.hear(&mut Fresh::new(&mut []), &mut messages, now)
        {
            return next;
        }
        INPUT.with_borrow_mut(|buffer| {
            let mut bytes = 0;
            while bytes < BYTES_IN_A_ROW {
                if self.drained {
                    // To wait for more is a system call that the others need not wait for.
                    if self.others == Others::Told && !self.gone {
                        return Next::Again;
                    }
                    if self.stream.poll_readable(cx).is_pending() {
                        return Next::Wait;
                    }
                }
                let read = match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                    Poll::Ready(Ok(0)) => return Next::End,
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, "connection broke");
                        return Next::End;
                    }
                    Poll::Pending => {
                        self.drained = true;
                        return Next::Wait;
                    }
                };
                self.drained = read < buffer.len() && self.stream.short_is_all();
                bytes += read;
                let listens = !self.is_closing();
                if listens {
                    self.pace.sent(&self.shared.limits, 0, read, now);
                }
                let mut fresh = Fresh::new(&mut buffer[..read]);
                if let Some(next) = self.hear(&mut fresh, &mut messages, now) {
                    return next;
                }
                // Bytes without a message in them count, too.
                if listens && let Some(next) = self.rest(now) {
                    return next;
                }
            }
            Next::Again
        })
    }

    /// Tells the hub what is read, until there is a reason to do something else; then the rest is
    /// kept.
    fn hear(&mut self, fresh: &mut Fresh<'_>, messages: &mut u32, now: Instant) -> Option<Next> {
        loop {
            let longest = if self.sends_pictures { LONGEST_WITH_PICTURE } else { LONGEST };
            // Once the hub has closed the connection it no longer listens, and the time is bounded.
            let listens = !self.is_closing();
            if *messages == 0 {
                self.reader.keep(fresh);
                return Some(Next::Again);
            }
            let heard = match self.reader.next(fresh, longest) {
                Ok(heard) => heard?,
                Err(error) => {
                    tracing::debug!(%error, "connection broke");
                    return Some(Next::End);
                }
            };
            *messages -= 1;
            let mut wait = None;
            if listens {
                self.pace.sent(&self.shared.limits, 1, 0, now);
                wait = self.pace.wait(&self.shared.limits, now);
                if wait.is_some() && self.pace.floods(&self.shared.limits) {
                    self.reader.keep(fresh);
                    return Some(Next::Flooded);
                }
            }
            match heard {
                Heard::Text(text) if listens => {
                    // That is not taken back with the end of the session: pictures may be on their
                    // way still.
                    let (told, may_send_pictures) = self.shared.text(self.conn, text);
                    self.sends_pictures |= may_send_pictures;
                    self.lets_others_go_first(told);
                }
                Heard::Binary(bytes) if listens => {
                    let told = self.shared.input(Input::Binary { conn: self.conn, bytes });
                    self.lets_others_go_first(told);
                }
                Heard::Text(_) | Heard::Binary(_) | Heard::Pong => {}
                Heard::Ping(payload) if !self.close_written => {
                    let answers = &mut self.rare.get_or_insert_default().answers;
                    if answers.len() > PONGS {
                        answers.clear();
                    }
                    websocket::pong(answers, payload);
                }
                Heard::Ping(_) => {}
                Heard::Close(_) if self.close_written => return Some(Next::End),
                Heard::Close(goodbye) => {
                    self.leaving = true;
                    self.close_written = true;
                    let rare = self.rare.get_or_insert_default();
                    websocket::close(&mut rare.answers, goodbye);
                    // It need not read the answer.
                    rare.closing.get_or_insert_with(|| Timer::after(CLOSING));
                    return Some(Next::Again);
                }
            }
            if let Some(wait) = wait {
                self.reader.keep(fresh);
                self.rare().resting = Some(Timer::after(wait));
                return Some(Next::Again);
            }
            // The answers would be too many for the queue of a client that has had no chance to
            // read any of them.
            if self.outbox.is_behind(&self.shared.limits) {
                self.reader.keep(fresh);
                return Some(Next::Again);
            }
        }
    }

    /// Lets the others go first, if any were told, but not twice in one turn of this client.
    fn lets_others_go_first(&mut self, told: Told) {
        if told.others && self.others == Others::NotTold {
            self.others = Others::Told;
        }
    }

    /// Has a client rest that has sent too much.
    fn rest(&mut self, now: Instant) -> Option<Next> {
        let wait = self.pace.wait(&self.shared.limits, now)?;
        if self.pace.floods(&self.shared.limits) {
            return Some(Next::Flooded);
        }
        self.rare().resting = Some(Timer::after(wait));
        Some(Next::Again)
    }

    /// Whether something waits of which the socket has taken not one byte for too long.
    fn is_stalled(&mut self, cx: &mut Context<'_>, waits: bool) -> bool {
        let took = self.stream.socket_took(core::mem::take(&mut self.wrote));
        if !waits || self.is_closing() {
            if let Some(rare) = &mut self.rare {
                rare.stalled = None;
            }
            return false;
        }
        let patience = self.shared.limits.stalled;
        let rare = self.rare();
        if took || rare.stalled.is_none() {
            rare.stalled = Some(Timer::after(patience));
        }
        let late = is_over(rare.stalled.as_mut(), cx);
        if late {
            rare.stalled = None;
        }
        late
    }

    /// Writes what waits, as far as the stream takes it. Ready when nothing waits any more.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        OUTPUT.with_borrow_mut(|out| {
            loop {
                if let Some(rare) = &mut self.rare
                    && !rare.unsent.is_empty()
                {
                    let unsent = &rare.unsent[rare.sent..];
                    let (sent, written) = write_all(&mut self.stream, cx, unsent);
                    self.wrote |= sent > 0;
                    rare.sent += sent;
                    core::task::ready!(written)?;
                    rare.unsent = Vec::new();
                    rare.sent = 0;
                }
                out.clear();
                self.gather(cx, out);
                if out.is_empty() {
                    break;
                }
                self.unflushed = true;
                let (sent, written) = write_all(&mut self.stream, cx, out);
                self.wrote |= sent > 0;
                if written.is_pending() {
                    self.rare().unsent = out[sent..].to_vec();
                }
                core::task::ready!(written)?;
            }
            if self.unflushed {
                core::task::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                self.unflushed = false;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Takes what is due, enough for one write. If it is nothing, the outbox wakes this client when
    /// there is something.
    fn gather(&mut self, cx: &Context<'_>, out: &mut Vec<u8>) {
        if let Some(rare) = &mut self.rare {
            out.append(&mut rare.answers);
            rare.answers = Vec::new();
        }
        while out.len() < WRITE && !self.close_written {
            // What follows a piece of a picture is written before any other message.
            if let Some(rare) = &mut self.rare
                && let Some((picture, written)) = &mut rare.picture
            {
                let end = picture.len().min(*written + FRAME);
                let is_last = end == picture.len();
                websocket::part(out, &picture[*written..end], *written == 0, is_last);
                *written = end;
                if is_last {
                    rare.picture = None;
                }
                continue;
            }
            match self.outbox.next(self.shared.gate(), cx.waker()) {
                Due::Send(Word::Text(text)) => websocket::text(out, &text),
                Due::Send(Word::Binary(bytes)) => websocket::binary(out, &bytes),
                Due::Show(picture) => self.rare().picture = Some((picture, 0)),
                Due::Close(reason) => {
                    self.close_written = true;
                    websocket::close(out, Some(goodbye(reason)));
                }
                Due::Nothing => break,
            }
        }
    }
}

impl<S: Wire> Future for Session<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.turn(cx);
        if self.rare.as_ref().is_some_and(|rare| rare.is_over()) {
            self.rare = None;
        }
        match next {
            Next::End => return Poll::Ready(()),
            Next::Wait => {}
            // A client that never stops talking would keep the thread.
            Next::Again | Next::Flooded => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

impl<S: Wire> Drop for Session<S> {
    fn drop(&mut self) {
        // The hub hears of the end however this ends, also when the task is dropped.
        self.shared.closed(self.conn);
    }
}

/// Writes as much as the stream takes, and tells how much that was.
fn write_all<S: Wire>(
    stream: &mut S,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> (usize, Poll<io::Result<()>>) {
    let mut sent = 0;
    while sent < bytes.len() {
        match Pin::new(&mut *stream).poll_write(cx, &bytes[sent..]) {
            Poll::Ready(Ok(0)) => {
                return (sent, Poll::Ready(Err(io::ErrorKind::WriteZero.into())));
            }
            Poll::Ready(Ok(taken)) => sent += taken,
            Poll::Ready(Err(error)) => return (sent, Poll::Ready(Err(error))),
            Poll::Pending => return (sent, Poll::Pending),
        }
    }
    (sent, Poll::Ready(Ok(())))
}

/// Whether there is a timer, and its time is over.
fn is_over(timer: Option<&mut Timer>, cx: &mut Context<'_>) -> bool {
    timer.is_some_and(|timer| Pin::new(timer).poll(cx).is_ready())
}

const fn goodbye(reason: CloseReason) -> Goodbye<'static> {
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
    Goodbye { code, reason: reason.as_str() }
}
