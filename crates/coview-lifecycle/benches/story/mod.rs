//! One story, told by the typed visitor and by an enum with a `match`, over the same link.
//!
//! The story: log in, go online, an agent asks, the terms are shown and accepted, the session ends,
//! go offline, log out.

pub(crate) mod by_enum;

use core::pin::Pin;
use core::task::Context;
use core::task::Poll;
use core::task::Waker;
use std::collections::VecDeque;

use coview_lifecycle::Anonymous;
use coview_lifecycle::Arrival;
use coview_lifecycle::Link;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Visitor;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AppState;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Identified;
use coview_wire::KeyLength;
use coview_wire::PresenceConnected;
use coview_wire::PresenceId;
use coview_wire::ServerMessage;
use coview_wire::SessionConnected;
use coview_wire::SessionId;
use coview_wire::Settings;
use coview_wire::Terms;
use coview_wire::TermsRequested;
use coview_wire::VisitorId;

/// A link whose other half says yes to everything, and asks as soon as a visitor is online.
pub(crate) struct Yes {
    arrivals: VecDeque<ServerMessage>,
    agent: AgentCard,
    terms: Terms,
    numbers: u64,
}

impl Yes {
    pub(crate) fn new() -> Self {
        let agent = AgentId::new("agent-1").expect("the text is an agent id");
        Self {
            arrivals: VecDeque::new(),
            agent: AgentCard::new(agent, "Grace").expect("the name keeps the limits"),
            terms: Terms::new("1", "May we look?").expect("the text keeps the limits"),
            numbers: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Link for Yes {
    fn send(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Identify(m) => {
                self.arrivals.push_back(Identified { re: m.re, visitor: m.visitor }.into());
            }
            ClientMessage::PresenceConnect(m) => {
                let presence = PresenceId::new(self.number());
                let connected = PresenceConnected { re: m.re, presence, focused: true };
                self.arrivals.push_back(connected.into());
                let asked = TermsRequested {
                    ask: AskId::new(self.number()),
                    agent: self.agent.clone(),
                    terms: self.terms.clone(),
                    expires_ms: 60_000,
                };
                self.arrivals.push_back(asked.into());
            }
            ClientMessage::SessionStart(m) => {
                let session = SessionId::new(self.number());
                let connected = SessionConnected { re: m.re, start: m.start, session, key: None };
                self.arrivals.push_back(connected.into());
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
            | ClientMessage::Bye(_) => {}
        }
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Arrival> {
        self.arrivals
            .pop_front()
            .map_or(Poll::Pending, |message| Poll::Ready(Arrival::Message(message)))
    }
}

pub(crate) fn group() -> GroupId {
    GroupId::new("test").expect("the text is a group id")
}

pub(crate) fn settings() -> Settings {
    Settings {
        share_button: true,
        presence: true,
        key_digits: KeyLength::default(),
        assertion_needed: false,
    }
}

pub(crate) fn visitor() -> Visitor<Anonymous, Yes> {
    Visitor::initialized(Yes::new(), group(), settings(), AppState::Active)
}

fn now<F: Future + Unpin>(mut future: F) -> F::Output {
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the link answers at once"),
    }
}

/// The story as the typed visitor tells it.
pub(crate) fn by_typestate(
    visitor: Visitor<Anonymous, Yes>,
    id: &VisitorId,
) -> Visitor<Anonymous, Yes> {
    let visitor = now(visitor.identify(id.clone())).expect("the link says yes");
    let visitor = now(visitor.connect_presence()).expect("the link says yes");
    let PresenceStep::TermsRequested(asked) = now(visitor.next()) else { panic!("an agent asks") };
    let sharing = now(asked.terms_displayed().accept()).expect("the link says yes");
    sharing.end().disconnect().log_out()
}
