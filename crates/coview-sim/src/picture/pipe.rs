//! The way of the pictures between an engine and whoever shares or watches: two queues.

use core::cell::RefCell;
use core::fmt;
use core::task::Context;
use core::task::Poll;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::rc::Rc;

use coview_lifecycle::PipeArrival;
use coview_lifecycle::ScreenPipe;
use coview_wire::SessionId;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;

/// What came of the pictures, and what is to be said about them. The engine's owner, the link and
/// the pipe share it.
#[derive(Clone, Default)]
pub(crate) struct Pictures(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// The session that runs, as the engine knows.
    session: Option<SessionId>,
    viewers: BTreeSet<ViewerId>,
    arrived: VecDeque<PipeArrival>,
    said: VecDeque<Vec<u8>>,
    /// Whether something was taken or thrown away that a pipe opened now would lack.
    stale: bool,
    /// The number of the pipe that was opened last.
    pipe: u64,
    open: bool,
}

/// A pipe for the pictures of one session, over the simulated link.
pub struct SimPipe {
    pictures: Pictures,
    number: Option<u64>,
}

/// How much waits for an app that opens no pipe.
const WAITING: usize = 64;

impl Pictures {
    /// This session runs, or none: a pipe of another one is closed.
    pub(crate) fn session_is(&self, session: Option<SessionId>) {
        let mut state = self.0.borrow_mut();
        if state.session != session {
            state.forget();
            state.session = session;
            state.open = false;
        }
    }

    /// The connection broke: what follows begins anew.
    pub(crate) fn interrupted(&self) {
        let mut state = self.0.borrow_mut();
        state.forget();
        if state.open {
            state.arrived.push_back(PipeArrival::Interrupted);
        }
    }

    /// The hub said this.
    pub(crate) fn heard(&self, bytes: Vec<u8>) {
        let mut state = self.0.borrow_mut();
        let notice = ViewerNotice::decode(&bytes).ok();
        match notice.map(|notice| (notice.viewer, notice.event)) {
            Some((viewer, ViewerEvent::Joined)) => {
                state.viewers.insert(viewer);
            }
            Some((viewer, ViewerEvent::Left)) => {
                state.viewers.remove(&viewer);
            }
            Some((_, ViewerEvent::Acknowledged(_) | ViewerEvent::Refresh)) | None => {}
        }
        if !state.open && (notice.is_some() || state.stale) {
            return;
        }
        state.arrived.push_back(PipeArrival::Message(bytes));
        if !state.open && state.arrived.len() > WAITING {
            state.arrived.clear();
            state.stale = true;
        }
    }

    /// The next thing to say about the picture.
    pub(crate) fn said(&self) -> Option<Vec<u8>> {
        self.0.borrow_mut().said.pop_front()
    }

    /// A pipe for a visitor, that begins with the viewers that are there.
    pub(crate) fn to_share(&self, session: SessionId) -> SimPipe {
        let mut state = self.0.borrow_mut();
        let number = state.open(session);
        if number.is_some() {
            state.arrived.clear();
            for viewer in state.viewers.clone() {
                let joined = ViewerNotice { session, viewer, event: ViewerEvent::Joined };
                state.arrived.push_back(PipeArrival::Message(joined.encode()));
            }
        }
        SimPipe { pictures: self.clone(), number }
    }

    /// A pipe for an agent, that begins with what came before it, or with a whole picture.
    pub(crate) fn to_view(&self, session: SessionId) -> SimPipe {
        let mut state = self.0.borrow_mut();
        let number = state.open(session);
        if number.is_some() && core::mem::take(&mut state.stale) {
            state.arrived.clear();
            let refresh = ViewerSignal { session, says: ViewerSays::Refresh };
            state.said.push_back(refresh.encode());
        }
        SimPipe { pictures: self.clone(), number }
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
        self.arrived.clear();
        self.stale = false;
    }

    fn is_open(&self, number: Option<u64>) -> bool {
        self.open && number == Some(self.pipe)
    }
}

impl ScreenPipe for SimPipe {
    fn send(&mut self, bytes: Vec<u8>) {
        self.pictures.0.borrow_mut().said.push_back(bytes);
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<PipeArrival> {
        let mut state = self.pictures.0.borrow_mut();
        if !state.is_open(self.number) {
            return Poll::Ready(PipeArrival::Closed);
        }
        match state.arrived.pop_front() {
            Some(arrival) => {
                state.stale = true;
                Poll::Ready(arrival)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for SimPipe {
    fn drop(&mut self) {
        let mut state = self.pictures.0.borrow_mut();
        if state.is_open(self.number) {
            state.open = false;
            state.stale = true;
            state.arrived.clear();
        }
    }
}

impl fmt::Debug for SimPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimPipe")
    }
}
