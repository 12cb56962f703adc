//! The way of the pictures between a driver and whoever shares or watches.

use core::fmt;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_channel::Sender;
use coview_lifecycle::PipeArrival;
use coview_lifecycle::ScreenPipe;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;

/// How many messages may wait for an app that does not take them.
const WAITING: usize = 4096;

/// How many bytes may wait for an app that does not take them. A sharer stops long before, since
/// nothing is acknowledged; this is for one that does not.
const WAITING_BYTES: usize = 32 * 1024 * 1024;

/// What came of the pictures and waits for a pipe. Shared by the driver, the link and the pipe.
///
/// The driver puts in and never waits. So that a pipe which is opened late has missed nothing, it
/// holds the viewers that are there (a visitor's side) and what came before the pipe (an agent's).
#[derive(Clone, Default)]
pub(crate) struct Pictures(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The session that runs, as the engine knows.
    session: Option<SessionId>,
    viewers: BTreeSet<ViewerId>,
    waiting: VecDeque<PipeArrival>,
    bytes: usize,
    /// Whether something was taken or thrown away that a pipe opened now would lack.
    stale: bool,
    /// The number of the pipe that was opened last.
    pipe: u64,
    open: bool,
    waker: Option<Waker>,
}

/// The pipe for the pictures of one session over a WebSocket driven by smol.
pub struct PicturePipe {
    pictures: Pictures,
    number: Option<u64>,
    say: Sender<Vec<u8>>,
}

impl Pictures {
    fn with<T>(&self, then: impl FnOnce(&mut State) -> T) -> T {
        // A thread that panicked in here left at worst a message out, which the next whole picture
        // makes good.
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wake_after<T>(&self, then: impl FnOnce(&mut State) -> T) -> T {
        let (result, waker) = self.with(|state| {
            let result = then(state);
            (result, state.waker.take())
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// This session runs, or none: a pipe of another one is closed.
    pub(crate) fn session_is(&self, session: Option<SessionId>) {
        if self.with(|state| state.session != session) {
            self.wake_after(|state| {
                state.forget();
                state.session = session;
                state.open = false;
            });
        }
    }

    /// The connection broke: what follows begins anew.
    pub(crate) fn interrupted(&self) {
        self.wake_after(|state| {
            state.forget();
            if state.open {
                state.put(PipeArrival::Interrupted);
            }
        });
    }

    /// The server said this. Gives what has to be answered, if it had to be thrown away.
    pub(crate) fn heard(&self, bytes: Vec<u8>) -> Option<ViewerSignal> {
        self.wake_after(|state| match ViewerNotice::decode(&bytes) {
            Ok(notice) => {
                state.heard_of_viewer(notice, bytes);
                None
            }
            Err(_) => state.heard_picture(bytes),
        })
    }

    /// A pipe for a visitor, that begins with the viewers that are there.
    pub(crate) fn open_to_share(&self, session: SessionId, say: Sender<Vec<u8>>) -> PicturePipe {
        let number = self.wake_after(|state| {
            let number = state.open(session)?;
            state.drop_waiting();
            state.tell_viewers(session);
            Some(number)
        });
        PicturePipe { pictures: self.clone(), number, say }
    }

    /// A pipe for an agent, that begins with what came before it, or with a whole picture.
    pub(crate) fn open_to_view(&self, session: SessionId, say: Sender<Vec<u8>>) -> PicturePipe {
        let (number, stale) = self.wake_after(|state| match state.open(session) {
            None => (None, false),
            Some(number) => {
                let stale = state.stale;
                if stale {
                    state.drop_waiting();
                }
                state.stale = false;
                (Some(number), stale)
            }
        });
        if stale {
            let refresh = ViewerSignal { session, says: ViewerSays::Refresh };
            let _ = say.try_send(refresh.encode());
        }
        PicturePipe { pictures: self.clone(), number, say }
    }
}

impl State {
    fn open(&mut self, session: SessionId) -> Option<u64> {
        if self.session != Some(session) {
            return None;
        }
        self.pipe += 1;
        self.open = true;
        Some(self.pipe)
    }

    fn forget(&mut self) {
        self.viewers.clear();
        self.drop_waiting();
        self.stale = false;
    }

    fn drop_waiting(&mut self) {
        self.waiting = VecDeque::new();
        self.bytes = 0;
    }

    fn put(&mut self, arrival: PipeArrival) {
        if let PipeArrival::Message(bytes) = &arrival {
            self.bytes += bytes.len();
        }
        self.waiting.push_back(arrival);
    }

    fn overflows(&self) -> bool {
        self.waiting.len() > WAITING || self.bytes > WAITING_BYTES
    }

    fn heard_of_viewer(&mut self, notice: ViewerNotice, bytes: Vec<u8>) {
        match notice.event {
            ViewerEvent::Joined if self.viewers.len() < WAITING => {
                self.viewers.insert(notice.viewer);
            }
            // No server lets so many watch; one that says so is not followed without end.
            ViewerEvent::Joined => return,
            ViewerEvent::Left => {
                self.viewers.remove(&notice.viewer);
            }
            ViewerEvent::Acknowledged(_) | ViewerEvent::Refresh => {}
        }
        if self.open {
            self.put(PipeArrival::Message(bytes));
            if self.overflows() {
                self.drop_waiting();
                self.put(PipeArrival::Interrupted);
                self.tell_viewers(notice.session);
            }
        }
    }

    fn heard_picture(&mut self, bytes: Vec<u8>) -> Option<ViewerSignal> {
        if self.stale && !self.open {
            return None;
        }
        self.put(PipeArrival::Message(bytes));
        if !self.overflows() {
            return None;
        }
        self.drop_waiting();
        if !self.open {
            self.stale = true;
            return None;
        }
        self.put(PipeArrival::Interrupted);
        self.session.map(|session| ViewerSignal { session, says: ViewerSays::Refresh })
    }

    fn tell_viewers(&mut self, session: SessionId) {
        for viewer in self.viewers.clone() {
            let joined = ViewerNotice { session, viewer, event: ViewerEvent::Joined };
            self.put(PipeArrival::Message(joined.encode()));
        }
    }

    fn is_open(&self, number: Option<u64>) -> bool {
        self.open && number == Some(self.pipe)
    }
}

impl ScreenPipe for PicturePipe {
    fn send(&mut self, bytes: Vec<u8>) {
        if self.pictures.with(|state| state.is_open(self.number)) {
            // If the driver is gone the pipe says so when it is polled next.
            let _ = self.say.try_send(bytes);
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<PipeArrival> {
        let waker = cx.waker().clone();
        let (arrival, waker) = self.pictures.with(|state| {
            if !state.is_open(self.number) {
                return (Poll::Ready(PipeArrival::Closed), Some(waker));
            }
            match state.waiting.pop_front() {
                Some(arrival) => {
                    if let PipeArrival::Message(bytes) = &arrival {
                        state.bytes -= bytes.len();
                    }
                    state.stale = true;
                    (Poll::Ready(arrival), Some(waker))
                }
                None => (Poll::Pending, state.waker.replace(waker)),
            }
        });
        // The waker it replaces may be all that held a task, and its end may look in here.
        drop(waker);
        arrival
    }
}

impl Drop for PicturePipe {
    fn drop(&mut self) {
        self.pictures.with(|state| {
            if state.is_open(self.number) {
                state.open = false;
                state.stale = true;
                state.drop_waiting();
            }
        });
    }
}

impl fmt::Debug for PicturePipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PicturePipe")
    }
}

#[cfg(test)]
mod tests {
    use coview_wire::PictureRelay;

    use super::*;

    const SESSION: SessionId = SessionId::new(7);

    fn recv(pipe: &mut PicturePipe) -> Poll<PipeArrival> {
        pipe.poll_recv(&mut Context::from_waker(Waker::noop()))
    }

    fn all(pipe: &mut PicturePipe) -> Vec<PipeArrival> {
        let mut all = Vec::new();
        while let Poll::Ready(arrival) = recv(pipe) {
            all.push(arrival);
        }
        all
    }

    fn notice(viewer: u32, event: ViewerEvent) -> Vec<u8> {
        ViewerNotice { session: SESSION, viewer: ViewerId::new(viewer), event }.encode()
    }

    fn message(viewer: u32, event: ViewerEvent) -> PipeArrival {
        PipeArrival::Message(notice(viewer, event))
    }

    fn picture(bytes: usize) -> Vec<u8> {
        PictureRelay::encode(SESSION, &vec![0; bytes])
    }

    fn running() -> Pictures {
        let pictures = Pictures::default();
        pictures.session_is(Some(SESSION));
        pictures
    }

    #[test]
    fn a_pipe_begins_with_the_viewers_that_are_there() {
        let (say, _said) = async_channel::unbounded();
        let pictures = running();
        for (viewer, event) in [
            (1, ViewerEvent::Joined),
            (2, ViewerEvent::Joined),
            (1, ViewerEvent::Acknowledged(3)),
            (1, ViewerEvent::Left),
        ] {
            assert_eq!(pictures.heard(notice(viewer, event)), None);
        }
        for _ in 0..2 {
            let mut pipe = pictures.open_to_share(SESSION, say.clone());
            assert_eq!(recv(&mut pipe), Poll::Ready(message(2, ViewerEvent::Joined)));
            assert!(recv(&mut pipe).is_pending());
        }
    }

    #[test]
    fn there_is_one_pipe_and_it_is_of_the_session_that_runs() {
        let (say, _said) = async_channel::unbounded();
        let pictures = running();
        let closed = Poll::Ready(PipeArrival::Closed);
        let mut other = pictures.open_to_share(SessionId::new(8), say.clone());
        assert_eq!(recv(&mut other), closed);
        let mut first = pictures.open_to_share(SESSION, say.clone());
        drop(other);
        assert!(recv(&mut first).is_pending());
        let mut second = pictures.open_to_share(SESSION, say.clone());
        assert_eq!(recv(&mut first), closed);
        drop(first);
        assert!(recv(&mut second).is_pending(), "the first closed nothing but itself");
        pictures.session_is(Some(SESSION));
        assert!(recv(&mut second).is_pending(), "no other session");
        pictures.session_is(None);
        assert_eq!(recv(&mut second), closed);
        pictures.session_is(Some(SESSION));
        assert_eq!(recv(&mut second), closed, "a pipe does not open again");
    }

    #[test]
    fn a_closed_pipe_says_nothing() {
        let (say, said) = async_channel::unbounded();
        let pictures = running();
        let mut first = pictures.open_to_share(SESSION, say.clone());
        let mut second = pictures.open_to_share(SESSION, say);
        first.send(vec![1]);
        second.send(vec![2]);
        pictures.session_is(None);
        second.send(vec![3]);
        assert_eq!(said.try_recv(), Ok(vec![2]));
        assert!(said.is_empty());
    }

    #[test]
    fn viewers_are_not_counted_without_end() {
        let (say, _said) = async_channel::unbounded();
        let pictures = running();
        for viewer in 0..2 * WAITING {
            pictures.heard(notice(viewer as u32, ViewerEvent::Joined));
        }
        let mut pipe = pictures.open_to_share(SESSION, say);
        assert_eq!(all(&mut pipe).len(), WAITING);
    }

    #[test]
    fn an_interruption_forgets_what_came_before() {
        let (say, _said) = async_channel::unbounded();
        let pictures = running();
        pictures.interrupted();
        let mut pipe = pictures.open_to_share(SESSION, say);
        pictures.heard(notice(1, ViewerEvent::Joined));
        pictures.interrupted();
        pictures.heard(notice(2, ViewerEvent::Joined));
        assert_eq!(all(&mut pipe), [PipeArrival::Interrupted, message(2, ViewerEvent::Joined)]);
    }

    #[test]
    fn notices_nobody_takes_become_one_list_of_viewers() {
        let (say, _said) = async_channel::unbounded();
        let pictures = running();
        let mut pipe = pictures.open_to_share(SESSION, say);
        pictures.heard(notice(1, ViewerEvent::Joined));
        pictures.heard(notice(2, ViewerEvent::Joined));
        pictures.heard(notice(1, ViewerEvent::Left));
        for number in 0..WAITING {
            pictures.heard(notice(2, ViewerEvent::Acknowledged(number as u32)));
        }
        let told = all(&mut pipe);
        assert_eq!(told[..2], [PipeArrival::Interrupted, message(2, ViewerEvent::Joined)]);
        assert!(told.len() < 10, "{}", told.len());
    }

    #[test]
    fn a_picture_that_came_early_is_kept_for_the_first_viewer_only() {
        let (say, said) = async_channel::unbounded();
        let pictures = running();
        pictures.heard(picture(3));
        let mut first = pictures.open_to_view(SESSION, say.clone());
        assert_eq!(recv(&mut first), Poll::Ready(PipeArrival::Message(picture(3))));
        assert!(said.is_empty(), "nothing was missed");
        pictures.heard(picture(4));
        let mut second = pictures.open_to_view(SESSION, say.clone());
        let refresh = ViewerSignal { session: SESSION, says: ViewerSays::Refresh };
        assert_eq!(said.try_recv().unwrap(), refresh.encode());
        assert!(recv(&mut second).is_pending(), "it could do nothing with the rest");
        pictures.interrupted();
        drop(second);
        pictures.interrupted();
        drop(pictures.open_to_view(SESSION, say));
        assert!(said.is_empty(), "a whole picture comes by itself");
    }

    #[test]
    fn pictures_nobody_takes_are_thrown_away_and_a_whole_one_is_asked_for() {
        let (say, said) = async_channel::unbounded();
        let pictures = running();
        let half = WAITING_BYTES / 2;
        // Nobody watches: the server is not asked for more of it.
        assert_eq!(pictures.heard(picture(half)), None);
        assert_eq!(pictures.heard(picture(half)), None);
        assert_eq!(pictures.with(|state| (state.waiting.len(), state.bytes)), (0, 0));
        assert_eq!(pictures.heard(picture(1)), None);
        assert_eq!(pictures.with(|state| state.bytes), 0);
        let mut pipe = pictures.open_to_view(SESSION, say);
        assert_eq!(said.len(), 1);

        assert_eq!(pictures.heard(picture(half)), None);
        let refresh = ViewerSignal { session: SESSION, says: ViewerSays::Refresh };
        assert_eq!(pictures.heard(picture(half)), Some(refresh));
        pictures.heard(picture(5));
        assert_eq!(all(&mut pipe), [PipeArrival::Interrupted, PipeArrival::Message(picture(5))]);
        assert_eq!(pictures.with(|state| state.bytes), 0);
    }
}
