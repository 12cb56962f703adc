//! A link made of two queues, for tests: no runtime, no socket, no thread.
//!
//! [`visitor`] gives an anonymous visitor and the [`Peer`] that plays the server. The peer answers
//! by hand ([`Peer::said`], [`Peer::say`]), or says yes or no to every request by itself.
//!
//! ```
//! use coview_lifecycle::{PresenceStep, queue};
//! use coview_wire::VisitorId;
//!
//! # smol::block_on(async {
//! let (visitor, mut peer) = queue::visitor();
//! peer.grant_all();
//! let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
//! let visitor = visitor.connect_presence().await?;
//!
//! peer.ask_to_share("Grace");
//! let PresenceStep::TermsRequested(asked) = visitor.next().await else { panic!() };
//! assert_eq!(asked.agent().name(), "Grace");
//! let sharing = asked.terms_displayed().accept().await?;
//! # drop(sharing);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

use alloc::collections::BTreeSet;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AppState;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Identified;
use coview_wire::JoinId;
use coview_wire::JoinRequested;
use coview_wire::KeyLength;
use coview_wire::PresenceConnected;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionConnected;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::Settings;
use coview_wire::StartBy;
use coview_wire::Terms;
use coview_wire::TermsRequested;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;

use crate::both::Both;
use crate::link::Arrival;
use crate::link::Connectivity;
use crate::link::Link;
use crate::link::LinkClosed;
use crate::screen::PipeArrival;
use crate::screen::ScreenLink;
use crate::screen::ScreenPipe;
use crate::state::Anonymous;
use crate::visitor::Visitor;

/// The visitor's half of the two queues.
pub struct QueueLink(Both<Queues>);

/// The other half: plays the server. Dropping it closes the link as
/// [`Gone`](LinkClosed::Gone).
pub struct Peer(Both<Queues>);

#[derive(Default)]
struct Queues {
    said: VecDeque<ClientMessage>,
    arrivals: VecDeque<Arrival>,
    waker: Option<Waker>,
    manner: Manner,
    left: bool,
    asks: u64,
    joins: u64,
    screen: Screen,
}

/// What passes through the pipe for pictures.
#[derive(Default)]
struct Screen {
    pictures: VecDeque<Vec<u8>>,
    viewers: BTreeSet<ViewerId>,
    arrivals: VecDeque<PipeArrival>,
    waker: Option<Waker>,
    session: Option<SessionId>,
    /// How many pipes there have been; only the last is open.
    pipes: u64,
}

/// The visitor's half of the pipe for pictures.
pub struct QueuePipe {
    queues: Both<Queues>,
    number: u64,
}

#[derive(Clone, Copy, Default)]
enum Manner {
    #[default]
    Silent,
    Grant,
    Refuse(RefusalCode),
}

/// An anonymous visitor of the group `test`, and the peer that plays the server.
pub fn visitor() -> (Visitor<Anonymous, QueueLink>, Peer) {
    let (link, peer) = link();
    let group = GroupId::new("test").expect("the text is a group id");
    let settings = Settings {
        share_button: true,
        presence: true,
        key_digits: KeyLength::default(),
        assertion_needed: false,
    };
    (Visitor::initialized(link, group, settings, AppState::Active), peer)
}

/// The two halves of a link, for a visitor of your own making.
#[must_use]
pub fn link() -> (QueueLink, Peer) {
    let queues = Both::new(Queues::default());
    (QueueLink(queues.clone()), Peer(queues))
}

impl Peer {
    /// The next message the visitor said.
    #[must_use]
    pub fn said(&mut self) -> Option<ClientMessage> {
        self.0.with(|queues| queues.said.pop_front())
    }

    /// Says something to the visitor.
    pub fn say(&mut self, message: impl Into<ServerMessage>) {
        self.arrive(Arrival::Message(message.into()));
    }

    /// Lets anything arrive on the link. As the other half of a link does, it closes the pipe for
    /// pictures when the session is over, and interrupts it when the connection broke.
    pub fn arrive(&mut self, arrival: Arrival) {
        self.screen(|screen| screen.hears(&arrival));
        change(&self.0, |queues| queues.arrivals.push_back(arrival));
    }

    /// Lets something happen to a viewer of the session.
    pub fn viewer(&mut self, viewer: ViewerId, event: ViewerEvent) {
        self.screen(|screen| screen.viewer(viewer, event));
    }

    /// The next binary message the visitor said: a [`Picture`](coview_wire::Picture) or a
    /// [`MaskNotice`](coview_wire::MaskNotice).
    #[must_use]
    pub fn picture(&mut self) -> Option<Vec<u8>> {
        self.0.with(|queues| queues.screen.pictures.pop_front())
    }

    /// Changes what passes through the pipe, and wakes whoever waits for it.
    fn screen(&self, then: impl FnOnce(&mut Screen)) {
        let waker = self.0.with(|queues| {
            then(&mut queues.screen);
            queues.screen.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Closes the link for good.
    pub fn close(&mut self, reason: LinkClosed) {
        self.arrive(Arrival::Closed(reason));
    }

    /// From now on says yes to every request by itself. A manual start gets the key `123 456 786`.
    pub fn grant_all(&mut self) {
        self.0.with(|queues| queues.manner = Manner::Grant);
    }

    /// From now on says no to every request by itself.
    pub fn refuse_all(&mut self, code: RefusalCode) {
        self.0.with(|queues| queues.manner = Manner::Refuse(code));
    }

    /// From now on says nothing by itself.
    pub fn be_silent(&mut self) {
        self.0.with(|queues| queues.manner = Manner::Silent);
    }

    /// Lets an agent of this name ask to share, with a minute to answer; gives the request's id.
    ///
    /// # Panics
    ///
    /// If the name is empty, longer than 64 characters or has a control character.
    pub fn ask_to_share(&mut self, agent_name: &str) -> AskId {
        let ask = self.0.with(|queues| {
            queues.asks += 1;
            AskId::new(queues.asks)
        });
        let agent = AgentId::new("agent-1").expect("the text is an agent id");
        self.say(TermsRequested {
            ask,
            agent: AgentCard::new(agent, agent_name).expect("the name keeps the limits"),
            terms: Terms::new("1", "The agent will see this app's screen.")
                .expect("the text keeps the limits"),
            expires_ms: 60_000,
        });
        ask
    }

    /// Lets an agent of this name type the key of a session and wait to be let in, for a minute;
    /// gives the number of the join.
    ///
    /// # Panics
    ///
    /// If the name is empty, longer than 64 characters or has a control character.
    pub fn ask_to_join(&mut self, session: SessionId, agent_name: &str) -> JoinId {
        let join = self.0.with(|queues| {
            queues.joins += 1;
            JoinId::new(queues.joins)
        });
        let agent = AgentId::new("agent-1").expect("the text is an agent id");
        let agent = AgentCard::new(agent, agent_name).expect("the name keeps the limits");
        self.say(JoinRequested { session, join, agent, expires_ms: 60_000 });
        join
    }

    /// Whether the visitor has been dropped.
    #[must_use]
    pub fn visitor_left(&self) -> bool {
        self.0.with(|queues| queues.left)
    }
}

/// Changes the queues, and wakes whoever waits for what arrived by it.
fn change(both: &Both<Queues>, then: impl FnOnce(&mut Queues)) {
    let waker = both.with(|queues| {
        then(queues);
        if queues.arrivals.is_empty() { None } else { queues.waker.take() }
    });
    // A waker may run the task at once, which looks into the queues.
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Screen {
    fn open(&mut self, session: SessionId) {
        self.pipes += 1;
        self.session = Some(session);
        self.arrivals.clear();
        for viewer in self.viewers.clone() {
            self.tell(viewer, ViewerEvent::Joined);
        }
    }

    fn close(&mut self) {
        self.session = None;
        self.viewers.clear();
        self.arrivals.clear();
    }

    fn tell(&mut self, viewer: ViewerId, event: ViewerEvent) {
        if let Some(session) = self.session {
            let notice = ViewerNotice { session, viewer, event };
            self.arrivals.push_back(PipeArrival::Message(notice.encode()));
        }
    }

    fn viewer(&mut self, viewer: ViewerId, event: ViewerEvent) {
        match event {
            ViewerEvent::Joined => {
                self.viewers.insert(viewer);
            }
            ViewerEvent::Left => {
                self.viewers.remove(&viewer);
            }
            ViewerEvent::Acknowledged(_) | ViewerEvent::Refresh => {}
        }
        self.tell(viewer, event);
    }

    fn hears(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Message(ServerMessage::SessionEnded(ended)) => {
                if self.session == Some(ended.session) {
                    self.close();
                }
            }
            Arrival::Message(ServerMessage::Resumed(resumed)) => {
                let running = resumed.snapshot.session.as_ref().map(|facts| facts.session);
                if self.session != running {
                    self.close();
                }
            }
            Arrival::Message(
                ServerMessage::Welcome(_)
                | ServerMessage::Identified(_)
                | ServerMessage::PresenceConnected(_)
                | ServerMessage::PresenceLost(_)
                | ServerMessage::PresenceFocus(_)
                | ServerMessage::TermsRequested(_)
                | ServerMessage::TermsWithdrawn(_)
                | ServerMessage::SessionConnected(_)
                | ServerMessage::SessionGuests(_)
                | ServerMessage::JoinRequested(_)
                | ServerMessage::JoinWithdrawn(_)
                | ServerMessage::Refused(_)
                | ServerMessage::Problem(_)
                | ServerMessage::Pong(_)
                | ServerMessage::Closing(_),
            )
            | Arrival::Connectivity(Connectivity::Connected) => {}
            Arrival::Connectivity(Connectivity::Reconnecting | Connectivity::Parked) => {
                self.viewers.clear();
                self.arrivals.push_back(PipeArrival::Interrupted);
            }
            Arrival::Closed(_) => self.close(),
        }
    }
}

impl Queues {
    fn answer(&mut self, message: &ClientMessage) {
        let granted: (RequestId, ServerMessage) = match message {
            ClientMessage::Identify(m) => {
                (m.re, Identified { re: m.re, visitor: m.visitor.clone() }.into())
            }
            ClientMessage::PresenceConnect(m) => {
                let presence = PresenceId::new(m.re.get());
                (m.re, PresenceConnected { re: m.re, presence, focused: true }.into())
            }
            ClientMessage::SessionStart(m) => {
                let key = match m.by {
                    StartBy::RandomKey => SessionKey::parse("123 456 786").ok(),
                    StartBy::VisitorId { .. } => None,
                };
                let session = SessionId::new(m.re.get());
                (m.re, SessionConnected { re: m.re, start: m.start, session, key }.into())
            }
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::LogOut(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDisplayed(_)
            | ClientMessage::TermsAccepted(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => return,
        };
        match self.manner {
            Manner::Silent => {}
            Manner::Grant => self.arrivals.push_back(Arrival::Message(granted.1)),
            Manner::Refuse(code) => {
                let refused = Refused { re: granted.0, code, explanation: None, retry_ms: None };
                self.arrivals.push_back(Arrival::Message(refused.into()));
            }
        }
    }
}

impl Link for QueueLink {
    fn send(&mut self, message: ClientMessage) {
        change(&self.0, |queues| {
            queues.answer(&message);
            queues.said.push_back(message);
        });
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        let waker = cx.waker().clone();
        let (arrival, waker) = self.0.with(|queues| match queues.arrivals.pop_front() {
            Some(arrival) => (Poll::Ready(arrival), Some(waker)),
            None => (Poll::Pending, queues.waker.replace(waker)),
        });
        // The waker it replaces may be all that held a task, and its end looks into the queues.
        drop(waker);
        arrival
    }
}

impl ScreenLink for QueueLink {
    type Pipe = QueuePipe;

    fn screen(&mut self, session: SessionId) -> QueuePipe {
        let (number, waker) = self.0.with(|queues| {
            queues.screen.open(session);
            (queues.screen.pipes, queues.screen.waker.take())
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        QueuePipe { queues: self.0.clone(), number }
    }
}

impl ScreenPipe for QueuePipe {
    fn send(&mut self, bytes: Vec<u8>) {
        self.queues.with(|queues| queues.screen.pictures.push_back(bytes));
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<PipeArrival> {
        let waker = cx.waker().clone();
        let number = self.number;
        let (arrival, waker) = self.queues.with(|Queues { screen, .. }| {
            if screen.pipes != number || screen.session.is_none() {
                return (Poll::Ready(PipeArrival::Closed), Some(waker));
            }
            match screen.arrivals.pop_front() {
                Some(arrival) => (Poll::Ready(arrival), Some(waker)),
                None => (Poll::Pending, screen.waker.replace(waker)),
            }
        });
        drop(waker);
        arrival
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close(LinkClosed::Gone);
    }
}

impl Drop for QueueLink {
    fn drop(&mut self) {
        self.0.with(|queues| queues.left = true);
    }
}

impl fmt::Debug for QueueLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueLink")
    }
}

impl fmt::Debug for QueuePipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueuePipe")
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::pending::RequestError;

    fn is_error<E: core::error::Error + Send + Sync + 'static>(_: &E) {}

    #[test]
    fn a_visitor_under_test_goes_wherever_a_real_one_goes() {
        let (visitor, mut peer) = visitor();
        let app = std::thread::spawn(move || {
            let sharing =
                smol::future::block_on(visitor.start_manual()).inspect_err(is_error).unwrap();
            assert_eq!(sharing.key().to_string(), "123 456 786");
            drop(sharing.end());
        });
        let start = loop {
            match peer.said() {
                Some(ClientMessage::SessionStart(start)) => break start,
                Some(other) => panic!("{other:?}"),
                None => std::thread::yield_now(),
            }
        };
        peer.say(SessionConnected {
            re: start.re,
            start: start.start,
            session: SessionId::new(1),
            key: SessionKey::parse("123 456 786").ok(),
        });
        app.join().unwrap();
        assert!(peer.visitor_left());
    }

    #[test]
    fn without_a_peer_the_link_is_closed_and_nobody_waits_for_ever() {
        let (visitor, peer) = visitor();
        let mut pending = visitor.start_manual();
        let first = smol::future::block_on(smol::future::poll_once(&mut pending));
        assert!(first.is_none());
        drop(peer);
        let answer = smol::future::block_on(pending);
        assert!(matches!(answer, Err(RequestError::Closed(LinkClosed::Gone))), "{answer:?}");
    }
}
