//! The link between a typed visitor or agent and its engine: two queues and no runtime.

use core::cell::RefCell;
use core::fmt;
use core::task::Context;
use core::task::Poll;
use std::collections::VecDeque;
use std::rc::Rc;

use coview_agent::AgentArrival;
use coview_agent::AgentLink;
use coview_agent::ViewLink;
use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Link;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::ScreenLink;
use coview_proto::AgentRole;
use coview_proto::Role;
use coview_proto::VisitorRole;
use coview_wire::AgentMessage;
use coview_wire::ClientMessage;
use coview_wire::SessionId;

use crate::picture::pipe::Pictures;
use crate::picture::pipe::SimPipe;

/// The typed value's half. Nobody is woken: the world looks at every typed value it has given
/// something to.
pub struct SimLink<R: Role>(Rc<RefCell<Mailbox<R>>>);

/// The engine's half.
pub(crate) struct Other<R: Role>(Rc<RefCell<Mailbox<R>>>);

struct Mailbox<R: Role> {
    said: VecDeque<R::Says>,
    arrived: VecDeque<Arrived<R>>,
    pictures: Pictures,
    /// Whether the typed value was dropped.
    left: bool,
}

pub(crate) enum Arrived<R: Role> {
    Message(R::Hears),
    Connectivity(Connectivity),
    Closed(LinkClosed),
}

pub(crate) fn pair<R: Role>() -> (SimLink<R>, Other<R>) {
    let mailbox = Mailbox {
        said: VecDeque::new(),
        arrived: VecDeque::new(),
        pictures: Pictures::default(),
        left: false,
    };
    let mailbox = Rc::new(RefCell::new(mailbox));
    (SimLink(Rc::clone(&mailbox)), Other(mailbox))
}

impl<R: Role> Other<R> {
    pub(crate) fn arrive(&self, what: Arrived<R>) {
        self.0.borrow_mut().arrived.push_back(what);
    }

    pub(crate) fn said(&self) -> Option<R::Says> {
        self.0.borrow_mut().said.pop_front()
    }

    pub(crate) fn pictures(&self) -> Pictures {
        self.0.borrow().pictures.clone()
    }

    pub(crate) fn left(&self) -> bool {
        self.0.borrow().left
    }
}

impl<R: Role> SimLink<R> {
    fn receive(&self) -> Option<Arrived<R>> {
        self.0.borrow_mut().arrived.pop_front()
    }
}

impl Link for SimLink<VisitorRole> {
    fn send(&mut self, message: ClientMessage) {
        self.0.borrow_mut().said.push_back(message);
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Arrival> {
        match self.receive() {
            Some(Arrived::Message(message)) => Poll::Ready(Arrival::Message(message)),
            Some(Arrived::Connectivity(now)) => Poll::Ready(Arrival::Connectivity(now)),
            Some(Arrived::Closed(reason)) => Poll::Ready(Arrival::Closed(reason)),
            None => Poll::Pending,
        }
    }
}

impl AgentLink for SimLink<AgentRole> {
    fn send(&mut self, message: AgentMessage) {
        self.0.borrow_mut().said.push_back(message);
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<AgentArrival> {
        match self.receive() {
            Some(Arrived::Message(notice)) => Poll::Ready(AgentArrival::Message(notice)),
            Some(Arrived::Connectivity(now)) => Poll::Ready(AgentArrival::Connectivity(now)),
            Some(Arrived::Closed(reason)) => Poll::Ready(AgentArrival::Closed(reason)),
            None => Poll::Pending,
        }
    }
}

impl ScreenLink for SimLink<VisitorRole> {
    type Pipe = SimPipe;

    fn screen(&mut self, session: SessionId) -> SimPipe {
        self.0.borrow().pictures.to_share(session)
    }
}

impl ViewLink for SimLink<AgentRole> {
    type Pipe = SimPipe;

    fn view(&mut self, session: SessionId) -> SimPipe {
        self.0.borrow().pictures.to_view(session)
    }
}

impl<R: Role> Drop for SimLink<R> {
    fn drop(&mut self) {
        self.0.borrow_mut().left = true;
    }
}

impl<R: Role> fmt::Debug for SimLink<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mailbox = self.0.borrow();
        f.debug_struct("SimLink")
            .field("said", &mailbox.said.len())
            .field("arrived", &mailbox.arrived.len())
            .finish_non_exhaustive()
    }
}
