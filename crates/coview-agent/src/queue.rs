//! A link made of two queues, for tests: no runtime, no socket, no thread.
//!
//! [`agent`] gives a signed-in agent and the [`Peer`] that plays the server. The peer answers by
//! hand ([`Peer::said`], [`Peer::say`]), or says yes or no to every request by itself.
//!
//! ```
//! use coview_agent::{AskStatus, Change, RequestingStep, queue};
//! use coview_wire::VisitorId;
//!
//! # smol::block_on(async {
//! let (agent, mut peer) = queue::agent();
//! peer.grant_all();
//! let requesting = agent.ask(VisitorId::new("customer-42")?).await?;
//!
//! let ask = peer.last_ask().expect("the agent asked");
//! peer.display(ask);
//! let RequestingStep::Changed(requesting, change) = requesting.next().await else { panic!() };
//! assert_eq!(change, Change::Status(AskStatus::Displayed));
//!
//! peer.accept(ask);
//! let RequestingStep::Accepted(viewing) = requesting.next().await else { panic!() };
//! assert_eq!(viewing.guests(), 1);
//! # drop(viewing);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

use alloc::collections::BTreeMap;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::PipeArrival;
use coview_lifecycle::ScreenPipe;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentRights;
use coview_wire::AppState;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::Asked;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::JoinWaiting;
use coview_wire::Joined;
use coview_wire::KeyLength;
use coview_wire::OfflineReason;
use coview_wire::PictureRelay;
use coview_wire::PresenceData;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::Refused;
use coview_wire::Renewed;
use coview_wire::RequestId;
use coview_wire::Roster;
use coview_wire::SessionId;
use coview_wire::TermsSeen;
use coview_wire::ViewEnded;
use coview_wire::ViewFacts;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use coview_wire::VisitorOffline;
use coview_wire::VisitorOnline;
use coview_wire::limits;

use crate::agent::Agent;
use crate::both::Both;
use crate::link::AgentArrival;
use crate::link::AgentLink;
use crate::screen::ViewLink;
use crate::sign_in::SignInFacts;
use crate::state::SignedIn;

/// How long a sign-in lasts, in milliseconds.
const HOUR: u64 = 60 * 60 * 1000;

/// The agent's half of the two queues.
pub struct QueueLink(Both<Queues>);

/// The other half: plays the server. Dropping it closes the link as
/// [`Gone`](LinkClosed::Gone).
pub struct Peer(Both<Queues>);

#[derive(Default)]
struct Queues {
    said: VecDeque<AgentMessage>,
    arrivals: VecDeque<AgentArrival>,
    waker: Option<Waker>,
    manner: Manner,
    left: bool,
    online: BTreeMap<VisitorId, VisitorCard>,
    asks: BTreeMap<AskId, VisitorId>,
    /// Whether a granted join waits for the visitor, and the one that does.
    confirms: bool,
    joining: Option<RequestId>,
    sessions: u64,
    screen: Screen,
}

/// What passes through the pipe for pictures.
#[derive(Default)]
struct Screen {
    signals: VecDeque<Vec<u8>>,
    arrivals: VecDeque<PipeArrival>,
    waker: Option<Waker>,
    session: Option<SessionId>,
    /// How many pipes there have been; only the last is open.
    pipes: u64,
}

/// The agent's half of the pipe for pictures.
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

/// A signed-in agent of the group `test`, and the peer that plays the server.
pub fn agent() -> (Agent<SignedIn, QueueLink>, Peer) {
    agent_with(facts())
}

/// A signed-in agent of the group `test` who is told this, and the peer that plays the server.
pub fn agent_with(facts: SignInFacts) -> (Agent<SignedIn, QueueLink>, Peer) {
    let (link, peer) = link();
    let group = GroupId::new("test").expect("the text is a group id");
    (Agent::initialized(link, group, facts), peer)
}

/// What [`agent`] is told: the agent of [`card`], who may do everything for an hour, and keys of nine
/// digits.
#[must_use]
pub fn facts() -> SignInFacts {
    SignInFacts {
        card: card(),
        lasts_ms: HOUR,
        rights: AgentRights::default(),
        key_digits: KeyLength::default(),
    }
}

/// The two halves of a link, for an agent of your own making.
#[must_use]
pub fn link() -> (QueueLink, Peer) {
    let queues = Both::new(Queues::default());
    (QueueLink(queues.clone()), Peer(queues))
}

/// The card of the agent that [`agent`] makes: `agent-1`, named Grace.
#[must_use]
pub fn card() -> AgentCard {
    let agent = AgentId::new("agent-1").expect("the text is an agent id");
    AgentCard::new(agent, "Grace").expect("the name keeps the limits")
}

/// The card of a visitor about whom nothing but the id is known.
#[must_use]
pub fn visitor_card(visitor: &VisitorId) -> VisitorCard {
    VisitorCard {
        visitor: visitor.clone(),
        profile: Profile::new(),
        data: PresenceData::new(),
        app: AppState::Active,
        reachable: true,
        busy: false,
        online_ms: 0,
    }
}

impl Peer {
    /// The next message the agent said.
    #[must_use]
    pub fn said(&mut self) -> Option<AgentMessage> {
        self.0.with(|queues| queues.said.pop_front())
    }

    /// Says something to the agent.
    pub fn say(&mut self, notice: impl Into<AgentNotice>) {
        self.arrive(AgentArrival::Message(notice.into()));
    }

    /// Lets anything arrive on the link. As the other half of a link does, it closes the pipe for
    /// pictures when the session is over, and interrupts it when the connection broke.
    pub fn arrive(&mut self, arrival: AgentArrival) {
        self.screen(|screen| screen.hears(&arrival));
        change(&self.0, |queues| queues.arrivals.push_back(arrival));
    }

    /// Shows the agent a body of the picture, if a pipe for it is open.
    pub fn show(&mut self, body: &[u8]) {
        self.screen(|screen| {
            if let Some(session) = screen.session {
                let picture = PictureRelay::encode(session, body);
                screen.arrivals.push_back(PipeArrival::Message(picture));
            }
        });
    }

    /// The next binary message the agent said: a [`ViewerSignal`](coview_wire::ViewerSignal).
    #[must_use]
    pub fn signal(&mut self) -> Option<Vec<u8>> {
        self.0.with(|queues| queues.screen.signals.pop_front())
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
        self.arrive(AgentArrival::Closed(reason));
    }

    /// From now on says yes to every request by itself. A `watch` is answered with those who were
    /// [brought online](Self::bring_online), a `renew` with another hour and every right.
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

    /// From now on a join that is granted waits until the visitor [lets the agent in](Self::let_in)
    /// or [does not](Self::keep_out).
    pub fn confirm_joins(&mut self) {
        self.0.with(|queues| queues.confirms = true);
    }

    /// Lets the visitor let the agent in whose join waits; gives the session's id. `None` if no join
    /// waits.
    pub fn let_in(&mut self) -> Option<SessionId> {
        let (re, session) =
            self.0.with(|queues| Some((queues.joining.take()?, queues.next_session())))?;
        let guests = vec![card()];
        let view = ViewFacts { session, ask: None, visitor: None, count: 1, guests };
        self.say(Joined { re: Some(re), view });
        Some(session)
    }

    /// Lets a join that waits come to nothing; says whether one did.
    pub fn keep_out(&mut self, code: RefusalCode) -> bool {
        let Some(re) = self.0.with(|queues| queues.joining.take()) else { return false };
        self.say(Refused { re, code, explanation: None, retry_ms: None });
        true
    }

    /// Lets a visitor come online.
    pub fn bring_online(&mut self, visitor: &VisitorId) {
        let card = visitor_card(visitor);
        self.0.with(|queues| queues.online.insert(visitor.clone(), card.clone()));
        self.say(VisitorOnline { card });
    }

    /// Lets a visitor go offline.
    pub fn take_offline(&mut self, visitor: &VisitorId, reason: OfflineReason) {
        self.0.with(|queues| queues.online.remove(visitor));
        self.say(VisitorOffline { visitor: visitor.clone(), reason });
    }

    /// The request that was granted last.
    #[must_use]
    pub fn last_ask(&self) -> Option<AskId> {
        self.0.with(|queues| queues.asks.keys().next_back().copied())
    }

    /// Lets the terms appear on the visitor's screen.
    pub fn display(&mut self, ask: AskId) {
        self.say(TermsSeen { ask });
    }

    /// Lets the visitor accept and the session begin; gives the session's id.
    pub fn accept(&mut self, ask: AskId) -> SessionId {
        let (session, visitor) =
            self.0.with(|queues| (queues.next_session(), queues.asks.get(&ask).cloned()));
        self.say(AskEnded { ask, outcome: AskOutcome::Accepted, session: Some(session) });
        let guests = vec![card()];
        let view = ViewFacts { session, ask: Some(ask), visitor, count: 1, guests };
        self.say(Joined { re: None, view });
        session
    }

    /// Lets a request end without a session.
    pub fn end_ask(&mut self, ask: AskId, outcome: AskOutcome) {
        self.say(AskEnded { ask, outcome, session: None });
    }

    /// Lets a session end.
    pub fn end_session(&mut self, session: SessionId, reason: EndReason) {
        self.say(ViewEnded { session, reason });
    }

    /// Whether the agent has been dropped.
    #[must_use]
    pub fn agent_left(&self) -> bool {
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
    }

    fn close(&mut self) {
        self.session = None;
        self.arrivals.clear();
    }

    fn hears(&mut self, arrival: &AgentArrival) {
        match arrival {
            AgentArrival::Message(AgentNotice::ViewEnded(ended)) => {
                if self.session == Some(ended.session) {
                    self.close();
                }
            }
            AgentArrival::Message(AgentNotice::Resumed(resumed)) => {
                let running = resumed.snapshot.view.as_ref().map(|view| view.session);
                if self.session != running {
                    self.close();
                }
            }
            AgentArrival::Message(
                AgentNotice::SignedIn(_)
                | AgentNotice::Roster(_)
                | AgentNotice::VisitorOnline(_)
                | AgentNotice::VisitorChanged(_)
                | AgentNotice::VisitorOffline(_)
                | AgentNotice::Asked(_)
                | AgentNotice::TermsSeen(_)
                | AgentNotice::Renewed(_)
                | AgentNotice::JoinWaiting(_)
                | AgentNotice::AskEnded(_)
                | AgentNotice::Joined(_)
                | AgentNotice::ViewGuests(_)
                | AgentNotice::Refused(_)
                | AgentNotice::Problem(_)
                | AgentNotice::Pong(_)
                | AgentNotice::Closing(_),
            )
            | AgentArrival::Connectivity(Connectivity::Connected) => {}
            AgentArrival::Connectivity(Connectivity::Reconnecting | Connectivity::Parked) => {
                self.arrivals.push_back(PipeArrival::Interrupted);
            }
            AgentArrival::Closed(_) => self.close(),
        }
    }
}

impl Queues {
    fn next_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId::new(self.sessions)
    }

    fn answer(&mut self, message: &AgentMessage) {
        let re = match message {
            AgentMessage::Ask(m) => m.re,
            AgentMessage::Join(m) => m.re,
            AgentMessage::Watch(m) => m.re,
            AgentMessage::Renew(m) => m.re,
            AgentMessage::Leave(_) => {
                self.joining = None;
                return;
            }
            AgentMessage::SignIn(_)
            | AgentMessage::Resume(_)
            | AgentMessage::Unwatch(_)
            | AgentMessage::Withdraw(_)
            | AgentMessage::EndSession(_)
            | AgentMessage::Eject(_)
            | AgentMessage::Ping(_)
            | AgentMessage::Bye(_) => return,
        };
        match self.manner {
            Manner::Silent => {}
            Manner::Grant => {
                for notice in self.grant(re, message) {
                    self.arrivals.push_back(AgentArrival::Message(notice));
                }
            }
            Manner::Refuse(code) => {
                let refused = Refused { re, code, explanation: None, retry_ms: None };
                self.arrivals.push_back(AgentArrival::Message(refused.into()));
            }
        }
    }

    fn grant(&mut self, re: RequestId, message: &AgentMessage) -> Vec<AgentNotice> {
        match message {
            AgentMessage::Ask(asked) => {
                let ask = self.asks.keys().next_back().map_or(AskId::new(1), |last| last.next());
                self.asks.insert(ask, asked.visitor.clone());
                vec![Asked { re, ask, expires_ms: 60_000 }.into()]
            }
            AgentMessage::Join(_) if self.confirms => {
                self.joining = Some(re);
                vec![JoinWaiting { re, expires_ms: 60_000 }.into()]
            }
            AgentMessage::Renew(_) => {
                vec![Renewed { re, expires_ms: HOUR, rights: AgentRights::default() }.into()]
            }
            AgentMessage::Join(_) => {
                let session = self.next_session();
                let guests = vec![card()];
                let view = ViewFacts { session, ask: None, visitor: None, count: 1, guests };
                vec![Joined { re: Some(re), view }.into()]
            }
            AgentMessage::Watch(watch) => {
                let online: Vec<VisitorCard> = self
                    .online
                    .values()
                    .filter(|card| watch.visitor.as_ref().is_none_or(|v| *v == card.visitor))
                    .cloned()
                    .collect();
                let pages = online.len().div_ceil(limits::ROSTER_PAGE).max(1);
                (0..pages)
                    .map(|page| {
                        let visitors = online
                            .iter()
                            .skip(page * limits::ROSTER_PAGE)
                            .take(limits::ROSTER_PAGE)
                            .cloned()
                            .collect();
                        let (first, more) = (page == 0, page + 1 < pages);
                        Roster { re: Some(re), first, more, visitors }.into()
                    })
                    .collect()
            }
            AgentMessage::SignIn(_)
            | AgentMessage::Resume(_)
            | AgentMessage::Unwatch(_)
            | AgentMessage::Withdraw(_)
            | AgentMessage::Leave(_)
            | AgentMessage::EndSession(_)
            | AgentMessage::Eject(_)
            | AgentMessage::Ping(_)
            | AgentMessage::Bye(_) => Vec::new(),
        }
    }
}

impl AgentLink for QueueLink {
    fn send(&mut self, message: AgentMessage) {
        change(&self.0, |queues| {
            queues.answer(&message);
            queues.said.push_back(message);
        });
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<AgentArrival> {
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

impl ViewLink for QueueLink {
    type Pipe = QueuePipe;

    fn view(&mut self, session: SessionId) -> QueuePipe {
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
        self.queues.with(|queues| queues.screen.signals.push_back(bytes));
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
    use super::*;
    use crate::step::SignedInStep;

    #[test]
    fn an_agent_under_test_goes_to_another_thread_and_hears_that_its_peer_is_gone() {
        let (agent, peer) = agent();
        let console = std::thread::spawn(move || smol::future::block_on(agent.next()));
        drop(peer);
        let step = console.join().unwrap();
        assert!(matches!(step, SignedInStep::Closed(LinkClosed::Gone)), "{step:?}");
    }
}
