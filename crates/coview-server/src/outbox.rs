use core::task::Waker;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use coview_audit::Ticket;
use coview_wire::CloseReason;

use crate::audit::Gate;
use crate::config::Limits;

/// What waits to be written to one client. It is bounded: a client that does not read is cut off
/// and nobody else notices.
///
/// How much a client was sent in one go says nothing about whether it reads: a roster may be longer
/// than the limits. So what a single turn of the hub sends to a client with room is taken whole and
/// does not count, once until it is read.
///
/// Pieces of the picture wait in a queue of their own, behind everything else, and cut nobody off:
/// if they are too many, all of them go, and the visitor sends a whole picture instead.
///
/// A word may follow from something that has to be on record first. Until it is, that word and
/// everything behind it waits, pictures and the close too.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Waiting {
    /// Each with the record it follows from.
    words: VecDeque<(Ticket, Word)>,
    /// The bytes of those that count.
    bytes: usize,
    /// How many words at the front do not count.
    exempt: usize,
    /// The last turn that sent something, and whether there was room for it to begin with.
    turn: (u64, bool),
    /// The turn whose words do not count.
    exempt_turn: Option<u64>,
    pictures: VecDeque<Arc<[u8]>>,
    picture_bytes: usize,
    close: Option<CloseReason>,
    waker: Option<Waker>,
}

/// How many pieces of the picture may wait, however short they are: each takes memory of its own. A
/// visitor stops long before, since nothing is acknowledged; this is for one that does not.
const PICTURES: usize = 4096;

/// A message that is never dropped.
pub(crate) enum Word {
    Text(Arc<str>),
    Binary(Arc<[u8]>),
}

/// What to do next for one client.
pub(crate) enum Due {
    Send(Word),
    Show(Arc<[u8]>),
    Close(CloseReason),
    Nothing,
}

/// The queue is full.
pub(crate) struct Full;

impl Word {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Outbox {
    /// An outbox whose words wait before this gate.
    pub(crate) fn behind(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::clone(gate), ..Self::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Every change under this lock leaves the queues whole, so a panic elsewhere does too.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a word that the hub sends in a turn of this number, and that may be told when this
    /// ticket is durable.
    pub(crate) fn push(
        &self,
        turn: u64,
        after: Ticket,
        word: Word,
        limits: &Limits,
    ) -> Result<(), Full> {
        let mut waiting = self.lock();
        if waiting.turn.0 != turn {
            let room = waiting.counted() <= limits.queue_messages / 2
                && waiting.bytes <= limits.queue_bytes / 2;
            waiting.turn = (turn, room);
        }
        let bytes = waiting.bytes + word.len();
        let full = waiting.counted() >= limits.queue_messages || bytes > limits.queue_bytes;
        let more = waiting.exempt_turn == Some(turn);
        if full && !more && (waiting.exempt > 0 || !waiting.turn.1) {
            return Err(Full);
        }
        waiting.words.push_back((after, word));
        if full || more {
            waiting.exempt_turn = Some(turn);
            waiting.exempt = waiting.words.len();
            waiting.bytes = 0;
        } else {
            waiting.bytes = bytes;
        }
        wake(&mut waiting);
        Ok(())
    }

    /// Takes a piece of the picture. If it does not fit, it and all that wait are thrown away: each
    /// piece builds on the one before.
    pub(crate) fn show(&self, picture: Arc<[u8]>, limits: &Limits) -> Result<(), Full> {
        let mut waiting = self.lock();
        let bytes = waiting.picture_bytes + picture.len();
        if bytes > limits.queue_picture_bytes || waiting.pictures.len() >= PICTURES {
            waiting.forget_pictures();
            return Err(Full);
        }
        waiting.pictures.push_back(picture);
        waiting.picture_bytes = bytes;
        wake(&mut waiting);
        Ok(())
    }

    /// Throws away the pictures that wait.
    pub(crate) fn forget_pictures(&self) {
        self.lock().forget_pictures();
    }

    /// Closes after what has been pushed before, but for pictures: nobody looks at them any more.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut waiting = self.lock();
        // What a slow client did not read it will not read now either.
        if reason == CloseReason::TooSlow {
            waiting.words.clear();
            waiting.exempt = 0;
            waiting.bytes = 0;
        }
        waiting.forget_pictures();
        waiting.close = Some(reason);
        wake(&mut waiting);
    }

    /// Has the reader look again.
    pub(crate) fn wake(&self) {
        wake(&mut self.lock());
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
        if let Some((after, _)) = waiting.words.front()
            && !self.gate.is_open(*after)
        {
            waiting.waker = Some(waker.clone());
            return Due::Nothing;
        }
        if let Some((_, word)) = waiting.words.pop_front() {
            match waiting.exempt.checked_sub(1) {
                Some(left) => waiting.exempt = left,
                None => waiting.bytes -= word.len(),
            }
            return Due::Send(word);
        }
        if let Some(picture) = waiting.pictures.pop_front() {
            waiting.picture_bytes -= picture.len();
            return Due::Show(picture);
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
        self.words.len() - self.exempt
    }

    fn forget_pictures(&mut self) {
        // A viewer that was behind once need not keep the room for it.
        self.pictures = VecDeque::new();
        self.picture_bytes = 0;
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
        Limits {
            queue_messages: 4,
            queue_bytes: 100,
            queue_picture_bytes: 1000,
            ..Limits::default()
        }
    }

    fn push(outbox: &Outbox, turn: u64, bytes: usize) -> bool {
        outbox
            .push(turn, Ticket::default(), Word::Text("x".repeat(bytes).into()), &limits())
            .is_ok()
    }

    fn read(outbox: &Outbox) -> bool {
        matches!(outbox.next(Waker::noop()), Due::Send(_))
    }

    fn show(outbox: &Outbox, bytes: usize) -> bool {
        outbox.show(vec![bytes.to_le_bytes()[0]; bytes].into(), &limits()).is_ok()
    }

    /// How long the next picture is, if there is one and nothing goes before it.
    fn seen(outbox: &Outbox) -> Option<usize> {
        match outbox.next(Waker::noop()) {
            Due::Show(picture) => Some(picture.len()),
            Due::Send(_) | Due::Close(_) | Due::Nothing => None,
        }
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

    #[test]
    fn words_go_before_pictures_and_pictures_in_order() {
        let outbox = Outbox::default();
        assert!(show(&outbox, 300) && show(&outbox, 301));
        assert!(push(&outbox, 1, 10));
        let word = Word::Binary([1, 2, 3].into());
        assert!(outbox.push(2, Ticket::default(), word, &limits()).is_ok());
        assert!(matches!(outbox.next(Waker::noop()), Due::Send(Word::Text(_))));
        assert!(matches!(outbox.next(Waker::noop()), Due::Send(Word::Binary(_))));
        assert_eq!(seen(&outbox), Some(300));
        assert!(push(&outbox, 3, 10) && read(&outbox));
        assert_eq!((seen(&outbox), seen(&outbox)), (Some(301), None));
    }

    #[test]
    fn pictures_that_are_too_many_all_go_and_words_stay() {
        let outbox = Outbox::default();
        assert!((0..10).all(|_| show(&outbox, 100)));
        assert!(push(&outbox, 1, 10));
        assert!(!show(&outbox, 1), "1001 bytes");
        assert!(read(&outbox) && seen(&outbox).is_none());
        assert!(show(&outbox, 1000), "there is room again");
        assert_eq!(seen(&outbox), Some(1000));
        assert!(
            (0..20).all(|_| show(&outbox, 1000) && seen(&outbox).is_some()),
            "who reads loses none"
        );
    }

    #[test]
    fn pictures_however_short_are_not_too_many() {
        let outbox = Outbox::default();
        let limits = Limits { queue_picture_bytes: usize::MAX, ..limits() };
        let show = || outbox.show([].into(), &limits).is_ok();
        assert!((0..PICTURES).all(|_| show()) && !show());
        assert_eq!(seen(&outbox), None, "all of them went");
        assert!(show() && seen(&outbox) == Some(0));
    }

    #[test]
    fn pictures_neither_fill_the_queue_of_words_nor_the_other_way_round() {
        let outbox = Outbox::default();
        assert!((0..100).all(|_| show(&outbox, 10)));
        assert!((0..4).all(|turn| push(&outbox, turn, 25)) && !push(&outbox, 4, 1));
        assert!((0..4).all(|_| read(&outbox)));
        assert_eq!(seen(&outbox), Some(10));
    }

    #[test]
    fn no_picture_is_written_once_they_are_forgotten_or_the_client_is_closed() {
        let outbox = Outbox::default();
        assert!(show(&outbox, 10));
        outbox.forget_pictures();
        assert_eq!(seen(&outbox), None);
        assert!((0..10).all(|_| show(&outbox, 100)), "they do not count any more");
        assert!(push(&outbox, 1, 10));
        outbox.close(CloseReason::Left);
        assert!(read(&outbox));
        assert!(matches!(outbox.next(Waker::noop()), Due::Close(CloseReason::Left)));
    }
}
