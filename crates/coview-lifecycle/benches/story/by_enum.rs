//! The same visitor as it is written without types for its states: one struct, one enum, a `match`
//! in each verb. It keeps the same promises at run time: late messages are told apart by their ids,
//! facts wait until the state can tell them, keys are shown by the start tracker.

use core::task::Context;
use core::task::Poll;
use core::task::Waker;

use coview_lifecycle::Arrival;
use coview_lifecycle::Connectivity;
use coview_lifecycle::Link;
use coview_lifecycle::LinkClosed;
use coview_start::DisplayKey;
use coview_start::KeyDisplay;
use coview_start::StartMode;
use coview_start::StartTracker;
use coview_wire::AgentCard;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::Identify;
use coview_wire::LogOut;
use coview_wire::OfflineReason;
use coview_wire::PresenceConnect;
use coview_wire::PresenceData;
use coview_wire::PresenceDisconnect;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionEnd;
use coview_wire::SessionId;
use coview_wire::SessionStart;
use coview_wire::Settings;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::TermsAccepted;
use coview_wire::TermsDisplayed;
use coview_wire::TermsRequested;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use super::Yes;

/// A visitor whose state is a value.
#[expect(dead_code, reason = "what the story does not read is kept all the same")]
pub(crate) struct Machine {
    link: Yes,
    state: State,
    group: GroupId,
    settings: Settings,
    connectivity: Connectivity,
    known_connectivity: Connectivity,
    closed: Option<LinkClosed>,
    presence: Presence,
    known_focused: bool,
    last_offline: Option<OfflineReason>,
    tracker: StartTracker,
    last_request: RequestId,
    last_start: StartId,
    waiting: Option<(RequestId, Awaited)>,
    at_the_door: Option<Box<TermsRequested>>,
    newest_ask: Option<AskId>,
    withdrawn: Option<WithdrawReason>,
    count: u32,
    guests: Vec<AgentCard>,
    guests_changed: bool,
    session_over: Option<EndReason>,
    problem: Option<RefusalCode>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Off,
    On { presence: PresenceId, focused: bool },
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Identity,
    Presence,
    Session(StartId, StartMode),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Anonymous,
    Identified,
    Online,
}

enum State {
    Anonymous,
    Identified {
        visitor: VisitorId,
    },
    Online {
        visitor: VisitorId,
    },
    TermsRequested {
        visitor: VisitorId,
        asked: Box<TermsRequested>,
    },
    TermsShown {
        visitor: VisitorId,
        asked: Box<TermsRequested>,
    },
    Sharing {
        visitor: Option<VisitorId>,
        home: Home,
        start: StartId,
        session: SessionId,
        key: Option<DisplayKey>,
    },
}

/// The verb means nothing in this state.
#[derive(Debug)]
pub(crate) struct Misuse;

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    TermsRequested,
    TermsWithdrawn(WithdrawReason),
    PresenceLost,
    SessionEnded(EndReason),
    Connectivity(Connectivity),
    Focus(bool),
    Guests(u32),
    Problem(RefusalCode),
    Closed(LinkClosed),
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            link: Yes::new(),
            state: State::Anonymous,
            group: super::group(),
            settings: super::settings(),
            connectivity: Connectivity::Connected,
            known_connectivity: Connectivity::Connected,
            closed: None,
            presence: Presence::Off,
            known_focused: true,
            last_offline: None,
            tracker: StartTracker::new(),
            last_request: RequestId::new(0),
            last_start: StartId::new(0),
            waiting: None,
            at_the_door: None,
            newest_ask: None,
            withdrawn: None,
            count: 0,
            guests: Vec::new(),
            guests_changed: false,
            session_over: None,
            problem: None,
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.next();
        self.last_request
    }

    pub(crate) fn identify(&mut self, visitor: VisitorId) -> Result<(), Misuse> {
        match self.state {
            State::Anonymous => {
                let re = self.next_request();
                self.waiting = Some((re, Awaited::Identity));
                self.link.send(ClientMessage::Identify(Identify {
                    re,
                    visitor,
                    assertion: None,
                    profile: None,
                }));
                Ok(())
            }
            State::Identified { .. }
            | State::Online { .. }
            | State::TermsRequested { .. }
            | State::TermsShown { .. }
            | State::Sharing { .. } => Err(Misuse),
        }
    }

    pub(crate) fn connect_presence(&mut self) -> Result<(), Misuse> {
        match self.state {
            State::Identified { .. } => {
                let re = self.next_request();
                self.waiting = Some((re, Awaited::Presence));
                let data = PresenceData::new();
                self.link.send(ClientMessage::PresenceConnect(PresenceConnect { re, data }));
                Ok(())
            }
            State::Anonymous
            | State::Online { .. }
            | State::TermsRequested { .. }
            | State::TermsShown { .. }
            | State::Sharing { .. } => Err(Misuse),
        }
    }

    pub(crate) fn terms_displayed(&mut self) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.state, State::Anonymous) {
            State::TermsRequested { visitor, asked } => {
                let re = self.next_request();
                let ask = asked.ask;
                self.link.send(ClientMessage::TermsDisplayed(TermsDisplayed { re, ask }));
                self.state = State::TermsShown { visitor, asked };
                Ok(())
            }
            state @ (State::Anonymous
            | State::Identified { .. }
            | State::Online { .. }
            | State::TermsShown { .. }
            | State::Sharing { .. }) => {
                self.state = state;
                Err(Misuse)
            }
        }
    }

    pub(crate) fn accept(&mut self) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.state, State::Anonymous) {
            State::TermsShown { visitor, asked } => {
                let ask = asked.ask;
                self.withdrawn = None;
                let re = self.next_request();
                self.link.send(ClientMessage::TermsAccepted(TermsAccepted { re, ask }));
                self.last_start = self.last_start.next();
                let start = self.last_start;
                self.tracker.asked(start, StartMode::OneClick);
                let re = self.next_request();
                self.waiting = Some((re, Awaited::Session(start, StartMode::OneClick)));
                let by = StartBy::VisitorId { ask };
                self.link.send(ClientMessage::SessionStart(SessionStart { re, start, by }));
                self.state = State::Online { visitor };
                Ok(())
            }
            state @ (State::Anonymous
            | State::Identified { .. }
            | State::Online { .. }
            | State::TermsRequested { .. }
            | State::Sharing { .. }) => {
                self.state = state;
                Err(Misuse)
            }
        }
    }

    pub(crate) fn end(&mut self) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.state, State::Anonymous) {
            State::Sharing { visitor, home, start, .. } => {
                self.tracker.ended(start);
                self.session_over = None;
                self.guests_changed = false;
                self.guests = Vec::new();
                let re = self.next_request();
                self.link.send(ClientMessage::SessionEnd(SessionEnd { re, start }));
                self.state = go_home(home, visitor);
                Ok(())
            }
            state @ (State::Anonymous
            | State::Identified { .. }
            | State::Online { .. }
            | State::TermsRequested { .. }
            | State::TermsShown { .. }) => {
                self.state = state;
                Err(Misuse)
            }
        }
    }

    pub(crate) fn disconnect(&mut self) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.state, State::Anonymous) {
            State::Online { visitor } => {
                self.presence = Presence::Off;
                self.at_the_door = None;
                let re = self.next_request();
                self.link.send(ClientMessage::PresenceDisconnect(PresenceDisconnect { re }));
                self.state = State::Identified { visitor };
                Ok(())
            }
            state @ (State::Anonymous
            | State::Identified { .. }
            | State::TermsRequested { .. }
            | State::TermsShown { .. }
            | State::Sharing { .. }) => {
                self.state = state;
                Err(Misuse)
            }
        }
    }

    pub(crate) fn log_out(&mut self) -> Result<(), Misuse> {
        match self.state {
            State::Identified { .. } => {
                let re = self.next_request();
                self.link.send(ClientMessage::LogOut(LogOut { re }));
                self.last_offline = None;
                self.state = State::Anonymous;
                Ok(())
            }
            State::Anonymous
            | State::Online { .. }
            | State::TermsRequested { .. }
            | State::TermsShown { .. }
            | State::Sharing { .. } => Err(Misuse),
        }
    }

    /// Waits for the answer to the last request.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RefusalCode>> {
        loop {
            if self.closed.is_some() {
                return Poll::Ready(Err(RefusalCode::NoAnswer));
            }
            match self.link.poll_recv(cx) {
                Poll::Ready(arrival) => {
                    if let Some(answer) = self.absorb(arrival) {
                        return Poll::Ready(answer);
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for news.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        while self.closed.is_none() {
            match self.link.poll_recv(cx) {
                Poll::Ready(arrival) => drop(self.absorb(arrival)),
                Poll::Pending => break,
            }
        }
        match self.due() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }

    fn due(&mut self) -> Option<Event> {
        match core::mem::replace(&mut self.state, State::Anonymous) {
            state @ (State::Anonymous | State::Identified { .. }) => {
                self.state = state;
                if let Some(reason) = self.closed {
                    return Some(Event::Closed(reason));
                }
            }
            State::Online { visitor } => {
                if self.presence == Presence::Lost {
                    self.presence = Presence::Off;
                    self.at_the_door = None;
                    self.state = State::Identified { visitor };
                    return Some(Event::PresenceLost);
                }
                if let Some(asked) = self.at_the_door.take() {
                    self.state = State::TermsRequested { visitor, asked };
                    return Some(Event::TermsRequested);
                }
                self.state = State::Online { visitor };
            }
            State::TermsRequested { visitor, asked } => match self.withdrawn.take() {
                Some(reason) => {
                    self.state = State::Online { visitor };
                    return Some(Event::TermsWithdrawn(reason));
                }
                None => self.state = State::TermsRequested { visitor, asked },
            },
            State::TermsShown { visitor, asked } => match self.withdrawn.take() {
                Some(reason) => {
                    self.state = State::Online { visitor };
                    return Some(Event::TermsWithdrawn(reason));
                }
                None => self.state = State::TermsShown { visitor, asked },
            },
            State::Sharing { visitor, home, start, session, key } => {
                match self.session_over.take() {
                    Some(reason) => {
                        self.state = go_home(home, visitor);
                        return Some(Event::SessionEnded(reason));
                    }
                    None => self.state = State::Sharing { visitor, home, start, session, key },
                }
            }
        }
        if self.known_connectivity != self.connectivity {
            self.known_connectivity = self.connectivity;
            return Some(Event::Connectivity(self.connectivity));
        }
        if core::mem::take(&mut self.guests_changed) {
            return Some(Event::Guests(self.count));
        }
        if let Presence::On { focused, .. } = self.presence
            && self.known_focused != focused
        {
            self.known_focused = focused;
            return Some(Event::Focus(focused));
        }
        self.problem.take().map(Event::Problem)
    }

    /// Takes one arrival in; the answer if it was the one that is waited for.
    fn absorb(&mut self, arrival: Arrival) -> Option<Result<(), RefusalCode>> {
        match arrival {
            Arrival::Message(message) => return self.absorb_message(message),
            Arrival::Connectivity(connectivity) => self.connectivity = connectivity,
            Arrival::Closed(reason) => {
                self.closed = Some(reason);
                self.lose_presence(OfflineReason::Lost);
                self.withdraw(None, WithdrawReason::PresenceOver);
                self.session_ends(None, EndReason::VisitorLost);
            }
        }
        None
    }

    fn absorb_message(&mut self, message: ServerMessage) -> Option<Result<(), RefusalCode>> {
        match message {
            ServerMessage::Identified(m) => {
                self.waiting.take_if(|waiting| *waiting == (m.re, Awaited::Identity))?;
                self.state = State::Identified { visitor: m.visitor };
                return Some(Ok(()));
            }
            ServerMessage::PresenceConnected(m) => {
                self.waiting.take_if(|waiting| *waiting == (m.re, Awaited::Presence))?;
                self.presence = Presence::On { presence: m.presence, focused: m.focused };
                self.known_focused = true;
                match core::mem::replace(&mut self.state, State::Anonymous) {
                    State::Identified { visitor } => self.state = State::Online { visitor },
                    state @ (State::Anonymous
                    | State::Online { .. }
                    | State::TermsRequested { .. }
                    | State::TermsShown { .. }
                    | State::Sharing { .. }) => self.state = state,
                }
                return Some(Ok(()));
            }
            ServerMessage::PresenceLost(m) => {
                if matches!(self.presence, Presence::On { presence, .. } if presence == m.presence)
                {
                    self.lose_presence(m.reason);
                }
            }
            ServerMessage::PresenceFocus(m) => {
                if let Presence::On { presence, focused } = &mut self.presence
                    && *presence == m.presence
                {
                    *focused = m.focused;
                }
            }
            ServerMessage::TermsRequested(asked) => {
                let online = matches!(self.presence, Presence::On { .. });
                if online && self.newest_ask.is_none_or(|newest| newest < asked.ask) {
                    self.withdraw(None, WithdrawReason::Unknown);
                    self.newest_ask = Some(asked.ask);
                    self.at_the_door = Some(Box::new(asked));
                }
            }
            ServerMessage::TermsWithdrawn(m) => self.withdraw(Some(m.ask), m.reason),
            ServerMessage::SessionConnected(m) => {
                let (_, what) = self.waiting.take_if(|(re, what)| {
                    *re == m.re && matches!(what, Awaited::Session(start, _) if *start == m.start)
                })?;
                self.tracker.connected(m.start, m.key.as_ref());
                let key = match self.tracker.display_of(m.start) {
                    KeyDisplay::Show(key) => Some(key.clone()),
                    KeyDisplay::Hidden => None,
                };
                if key.is_none() && what == Awaited::Session(m.start, StartMode::Manual) {
                    self.tracker.ended(m.start);
                    return Some(Err(RefusalCode::Malformed));
                }
                self.count = 0;
                self.guests = Vec::new();
                let (home, visitor) = match core::mem::replace(&mut self.state, State::Anonymous) {
                    State::Anonymous => (Home::Anonymous, None),
                    State::Identified { visitor } => (Home::Identified, Some(visitor)),
                    State::Online { visitor } => (Home::Online, Some(visitor)),
                    state @ (State::TermsRequested { .. }
                    | State::TermsShown { .. }
                    | State::Sharing { .. }) => {
                        self.state = state;
                        return Some(Err(RefusalCode::Malformed));
                    }
                };
                let (start, session) = (m.start, m.session);
                self.state = State::Sharing { visitor, home, start, session, key };
                return Some(Ok(()));
            }
            ServerMessage::SessionGuests(m) => {
                if let State::Sharing { session, .. } = &self.state
                    && *session == m.session
                    && (self.count != m.count || self.guests != m.guests)
                {
                    (self.count, self.guests) = (m.count, m.guests);
                    self.guests_changed = true;
                }
            }
            ServerMessage::SessionEnded(m) => {
                self.session_ends(Some((m.start, m.session)), m.reason);
            }
            ServerMessage::Refused(m) => {
                let (_, what) = self.waiting.take_if(|(re, _)| *re == m.re)?;
                if let Awaited::Session(start, _) = what {
                    self.tracker.failed(start);
                }
                return Some(Err(m.code));
            }
            ServerMessage::Problem(m) => {
                if m.code != RefusalCode::IllegalOrder {
                    self.problem = Some(m.code);
                }
            }
            // The story has no reconnects.
            ServerMessage::Resumed(_)
            | ServerMessage::JoinRequested(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::Welcome(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
        None
    }

    fn lose_presence(&mut self, reason: OfflineReason) {
        if let Presence::On { .. } = self.presence {
            self.presence = Presence::Lost;
            self.last_offline = Some(reason);
            self.withdraw(None, WithdrawReason::PresenceOver);
        }
    }

    fn withdraw(&mut self, ask: Option<AskId>, reason: WithdrawReason) {
        self.at_the_door.take_if(|asked| ask.is_none_or(|ask| ask == asked.ask));
        if let State::TermsRequested { asked, .. } | State::TermsShown { asked, .. } = &self.state
            && ask.is_none_or(|ask| ask == asked.ask)
        {
            self.withdrawn.get_or_insert(reason);
        }
    }

    fn session_ends(&mut self, ended: Option<(StartId, SessionId)>, reason: EndReason) {
        if let State::Sharing { start, session, .. } = &self.state
            && ended.is_none_or(|ended| ended == (*start, *session))
        {
            self.tracker.ended(*start);
            self.session_over.get_or_insert(reason);
            self.guests_changed = false;
        }
    }
}

fn go_home(home: Home, visitor: Option<VisitorId>) -> State {
    match (home, visitor) {
        (Home::Identified, Some(visitor)) => State::Identified { visitor },
        (Home::Online, Some(visitor)) => State::Online { visitor },
        (Home::Anonymous, _) | (Home::Identified | Home::Online, None) => State::Anonymous,
    }
}

fn now<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the link answers at once"),
    }
}

/// The story as the enum tells it.
pub(crate) fn by_enum(machine: &mut Machine, id: &VisitorId) -> Result<(), Misuse> {
    machine.identify(id.clone())?;
    now(|cx| machine.poll_answer(cx)).expect("the link says yes");
    machine.connect_presence()?;
    now(|cx| machine.poll_answer(cx)).expect("the link says yes");
    assert_eq!(now(|cx| machine.poll_next(cx)), Event::TermsRequested);
    machine.terms_displayed()?;
    machine.accept()?;
    now(|cx| machine.poll_answer(cx)).expect("the link says yes");
    machine.end()?;
    machine.disconnect()?;
    machine.log_out()
}
