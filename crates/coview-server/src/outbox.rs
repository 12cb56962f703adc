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
///
/// Nothing waits for nearly all clients nearly all the time, so that takes next to no memory.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    queue: Option<Box<Queue>>,
    close: Option<CloseReason>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Queue {
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
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Every change under this lock leaves the queues whole, so a panic elsewhere does too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let queue = waiting.queue.get_or_insert_default();
        if queue.turn.0 != turn {
            queue.turn = (turn, queue.has_room(limits));
        }
        let bytes = queue.bytes + word.len();
        let full = queue.counted() >= limits.queue_messages || bytes > limits.queue_bytes;
        let more = queue.exempt_turn == Some(turn);
        if full && !more && (queue.exempt > 0 || !queue.turn.1) {
            return Err(Full);
        }
        queue.words.push_back((after, word));
        if full || more {
            queue.exempt_turn = Some(turn);
            queue.exempt = queue.words.len();
            queue.bytes = 0;
        } else {
            queue.bytes = bytes;
        }
        wake(&mut waiting);
        Ok(())
    }

    /// Takes a piece of the picture. If it does not fit, it and all that wait are thrown away: each
    /// piece builds on the one before.
    pub(crate) fn show(&self, picture: Arc<[u8]>, limits: &Limits) -> Result<(), Full> {
        let mut waiting = self.lock();
        let queue = waiting.queue.get_or_insert_default();
        let bytes = queue.picture_bytes + picture.len();
        if bytes > limits.queue_picture_bytes || queue.pictures.len() >= PICTURES {
            waiting.forget_pictures();
            return Err(Full);
        }
        queue.pictures.push_back(picture);
        queue.picture_bytes = bytes;
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
            waiting.queue = None;
        }
        waiting.forget_pictures();
        waiting.close = Some(reason);
        wake(&mut waiting);
    }

    /// Whether so much waits already that what another turn sends may be too much.
    pub(crate) fn is_behind(&self, limits: &Limits) -> bool {
        let waiting = self.lock();
        waiting.queue.as_ref().is_some_and(|queue| queue.exempt > 0 || !queue.has_room(limits))
    }

    /// Has the reader look again.
    pub(crate) fn wake(&self) {
        wake(&mut self.lock());
    }

    /// Whether the connection is to be closed. Who asks is awake, and is woken by nothing before it
    /// asks to be.
    pub(crate) fn is_closing(&self) -> bool {
        let mut waiting = self.lock();
        waiting.waker = None;
        waiting.close.is_some()
    }

    /// Has this waker woken by whatever comes, and tells whether the connection is to be closed.
    pub(crate) fn wait(&self, waker: &Waker) -> bool {
        let mut waiting = self.lock();
        waiting.waker = Some(waker.clone());
        waiting.close.is_some()
    }

    /// The next thing to do, unless it has to wait before this gate; if there is nothing, the waker
    /// is woken when there is.
    pub(crate) fn next(&self, gate: &Gate, waker: &Waker) -> Due {
        let mut waiting = self.lock();
        let due = waiting.queue.as_mut().and_then(|queue| queue.next(gate));
        if waiting.queue.as_ref().is_some_and(|queue| queue.is_empty()) {
            waiting.queue = None;
        }
        match due {
            Some(Due::Nothing) => {}
            Some(due) => return due,
            None => {
                if let Some(reason) = waiting.close {
                    return Due::Close(reason);
                }
            }
        }
        waiting.waker = Some(waker.clone());
        Due::Nothing
    }
}

impl Waiting {
    fn forget_pictures(&mut self) {
        // A viewer that was behind once need not keep the room for it.
        if let Some(queue) = &mut self.queue {
            queue.pictures = VecDeque::new();
            queue.picture_bytes = 0;
            if queue.is_empty() {
                self.queue = None;
            }
        }
    }
}

impl Queue {
    fn counted(&self) -> usize {
        self.words.len() - self.exempt
    }

    fn has_room(&self, limits: &Limits) -> bool {
        self.counted() <= limits.queue_messages / 2 && self.bytes <= limits.queue_bytes / 2
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.pictures.is_empty()
    }

    /// What is first; nothing if it waits before the gate, and `None` if there is none.
    fn next(&mut self, gate: &Gate) -> Option<Due> {
        if self.words.front().is_some_and(|(after, _)| !gate.is_open(*after)) {
            return Some(Due::Nothing);
        }
        if let Some((_, word)) = self.words.pop_front() {
            match self.exempt.checked_sub(1) {
                Some(left) => self.exempt = left,
                None => self.bytes -= word.len(),
            }
            return Some(Due::Send(word));
        }
        let picture = self.pictures.pop_front()?;
        self.picture_bytes -= picture.len();
        Some(Due::Show(picture))
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
        matches!(outbox.next(&Gate::default(), Waker::noop()), Due::Send(_))
    }

    fn show(outbox: &Outbox, bytes: usize) -> bool {
        outbox.show(vec![bytes.to_le_bytes()[0]; bytes].into(), &limits()).is_ok()
    }

    /// How long the next picture is, if there is one and nothing goes before it.
    fn seen(outbox: &Outbox) -> Option<usize> {
        match outbox.next(&Gate::default(), Waker::noop()) {
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
        assert!(matches!(outbox.next(&Gate::default(), Waker::noop()), Due::Send(Word::Text(_))));
        assert!(matches!(outbox.next(&Gate::default(), Waker::noop()), Due::Send(Word::Binary(_))));
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
        assert!(matches!(
            outbox.next(&Gate::default(), Waker::noop()),
            Due::Close(CloseReason::Left)
        ));
    }
}
