use core::task::Waker;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use coview_wire::CloseReason;

use crate::config::Limits;

/// What waits to be written to one client. It is bounded: a client that does not read is cut off
/// and nobody else notices.
///
/// How much a client was sent in one go says nothing about whether it reads: a roster may be longer
/// than the limits. So what a single turn of the hub sends to a client with room is taken whole and
/// does not count, once until it is read.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    texts: VecDeque<Arc<str>>,
    /// The bytes of those that count.
    bytes: usize,
    /// How many texts at the front do not count.
    exempt: usize,
    /// The last turn that sent something, and whether there was room for it to begin with.
    turn: (u64, bool),
    /// The turn whose texts do not count.
    exempt_turn: Option<u64>,
    close: Option<CloseReason>,
    waker: Option<Waker>,
}

/// What to do next for one client.
pub(crate) enum Due {
    Send(Arc<str>),
    Close(CloseReason),
    Nothing,
}

/// The queue is full.
pub(crate) struct Full;

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Every change under this lock is a single push or pop, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a text that the hub sends in a turn of this number.
    pub(crate) fn push(&self, turn: u64, text: Arc<str>, limits: &Limits) -> Result<(), Full> {
        let mut waiting = self.lock();
        if waiting.turn.0 != turn {
            let room = waiting.counted() <= limits.queue_messages / 2
                && waiting.bytes <= limits.queue_bytes / 2;
            waiting.turn = (turn, room);
        }
        let bytes = waiting.bytes + text.len();
        let full = waiting.counted() >= limits.queue_messages || bytes > limits.queue_bytes;
        let more = waiting.exempt_turn == Some(turn);
        if full && !more && (waiting.exempt > 0 || !waiting.turn.1) {
            return Err(Full);
        }
        waiting.texts.push_back(text);
        if full || more {
            waiting.exempt_turn = Some(turn);
            waiting.exempt = waiting.texts.len();
            waiting.bytes = 0;
        } else {
            waiting.bytes = bytes;
        }
        wake(&mut waiting);
        Ok(())
    }

    /// Closes after what has been pushed before.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut waiting = self.lock();
        // What a slow client did not read it will not read now either.
        if reason == CloseReason::TooSlow {
            waiting.texts.clear();
            waiting.exempt = 0;
            waiting.bytes = 0;
        }
        waiting.close = Some(reason);
        wake(&mut waiting);
    }

    /// Whether the connection is to be closed; if not, the waker is woken when it is.
    pub(crate) fn is_closing(&self, waker: &Waker) -> bool {
        let mut waiting = self.lock();
        if waiting.close.is_none() {
            waiting.waker = Some(waker.clone());
        }
        waiting.close.is_some()
    }

    /// The next thing to do; if there is nothing, the waker is woken when there is.
    pub(crate) fn next(&self, waker: &Waker) -> Due {
        let mut waiting = self.lock();
        if let Some(text) = waiting.texts.pop_front() {
            match waiting.exempt.checked_sub(1) {
                Some(left) => waiting.exempt = left,
                None => waiting.bytes -= text.len(),
            }
            return Due::Send(text);
        }
        if let Some(reason) = waiting.close {
            return Due::Close(reason);
        }
        waiting.waker = Some(waker.clone());
        Due::Nothing
    }
}

impl Waiting {
    fn counted(&self) -> usize {
        self.texts.len() - self.exempt
    }
}

fn wake(waiting: &mut Waiting) {
    if let Some(waker) = waiting.waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { queue_messages: 4, queue_bytes: 100, ..Limits::default() }
    }

    fn push(outbox: &Outbox, turn: u64, bytes: usize) -> bool {
        outbox.push(turn, "x".repeat(bytes).into(), &limits()).is_ok()
    }

    fn read(outbox: &Outbox) -> bool {
        matches!(outbox.next(Waker::noop()), Due::Send(_))
    }

    #[test]
    fn a_client_that_does_not_read_is_full_by_messages_or_by_bytes() {
        let outbox = Outbox::default();
        assert!((0..4).all(|turn| push(&outbox, turn, 1)));
        assert!(!push(&outbox, 4, 1));
        assert!(read(&outbox) && push(&outbox, 5, 1), "there is room again");

        let outbox = Outbox::default();
        assert!(push(&outbox, 0, 60) && push(&outbox, 1, 40));
        assert!(!push(&outbox, 2, 1));
    }

    #[test]
    fn a_long_answer_is_taken_whole_by_a_client_with_room() {
        let outbox = Outbox::default();
        assert!((0..50).all(|_| push(&outbox, 7, 30)), "one turn");
        assert!((0..4).all(|turn| push(&outbox, 8 + turn, 25)), "what follows counts by itself");
        assert!(!push(&outbox, 12, 1));
        assert!((0..54).all(|_| read(&outbox)) && !read(&outbox));
        assert!((0..50).all(|_| push(&outbox, 13, 30)), "and again when it is read");
        assert!((0..50).all(|_| read(&outbox)));
        assert!((0..4).all(|turn| push(&outbox, 14 + turn, 25)) && !push(&outbox, 18, 1));
    }

    #[test]
    fn a_second_long_answer_has_to_wait_for_the_first_to_be_read() {
        let outbox = Outbox::default();
        assert!((0..50).all(|_| push(&outbox, 1, 30)));
        assert!(!(0..50).all(|_| push(&outbox, 2, 30)));

        let outbox = Outbox::default();
        assert!((0..3).all(|turn| push(&outbox, turn, 25)));
        assert!(!(0..50).all(|_| push(&outbox, 4, 30)), "who is behind gets nothing extra");
    }
}
