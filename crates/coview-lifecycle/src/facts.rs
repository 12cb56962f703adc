//! What is true now, as far as this side has been told.
//!
//! Messages are absorbed into facts as they arrive, whatever state the visitor's type is in. A fact
//! that does not fit the type waits here until the visitor is in a state that can tell the app.
//! Facts overwrite one another instead of queueing up, so an app that does not look for a while
//! finds the latest truth and memory stays bounded.

use alloc::vec::Vec;

use coview_start::StartMode;
use coview_start::StartTracker;
use coview_wire::AgentCard;
use coview_wire::AppState;
use coview_wire::AskId;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::OfflineReason;
use coview_wire::PresenceFacts;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::Settings;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::TermsRequested;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::link::Arrival;
use crate::link::Connectivity;
use crate::link::LinkClosed;
use crate::step::Change;

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) group: GroupId,
    pub(crate) settings: Settings,
    pub(crate) app: AppState,
    pub(crate) connectivity: Connectivity,
    pub(crate) closed: Option<LinkClosed>,
    pub(crate) presence: Presence,
    pub(crate) last_offline: Option<OfflineReason>,
    pub(crate) tracker: StartTracker,
    last_request: RequestId,
    last_start: StartId,
    /// The request whose answer a pending future waits for, and the answer once it is here.
    waiting: Option<Waiting>,
    /// The request of an agent that is at the door or on the screen.
    asked: Option<TermsRequested>,
    /// The request that went away last, until the app has been told.
    ask_over: Option<(AskId, WithdrawReason)>,
    /// The request this side answered last: a snapshot may still speak of it.
    answered_ask: Option<AskId>,
    session: Option<Session>,
    session_over: Option<(StartId, EndReason)>,
    changed: Changed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Off,
    On {
        presence: PresenceId,
        focused: bool,
    },
    /// The server took it away; the app has not been told.
    Lost,
}

#[derive(Debug)]
struct Session {
    start: StartId,
    session: SessionId,
    count: u32,
    guests: Vec<AgentCard>,
}

#[derive(Debug)]
struct Waiting {
    re: RequestId,
    what: Awaited,
    answer: Option<Result<Granted, RefusalCode>>,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    Identity,
    Presence,
    Session(StartId),
}

/// What a request was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    Identity(VisitorId),
    Presence,
    Session(StartId, SessionId),
}

/// What changed without moving the visitor, until the app has been told.
#[derive(Debug, Default)]
struct Changed {
    connectivity: bool,
    focus: bool,
    guests: bool,
    problem: Option<RefusalCode>,
}

impl Facts {
    pub(crate) fn new(group: GroupId, settings: Settings, app: AppState) -> Self {
        Self {
            group,
            settings,
            app,
            connectivity: Connectivity::Connected,
            closed: None,
            presence: Presence::Off,
            last_offline: None,
            tracker: StartTracker::new(),
            last_request: RequestId::new(0),
            last_start: StartId::new(0),
            waiting: None,
            asked: None,
            ask_over: None,
            answered_ask: None,
            session: None,
            session_over: None,
            changed: Changed::default(),
        }
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.next();
        self.last_request
    }

    pub(crate) fn next_start(&mut self, mode: StartMode) -> StartId {
        self.last_start = self.last_start.next();
        self.tracker.asked(self.last_start, mode);
        self.last_start
    }

    pub(crate) const fn last_start(&self) -> StartId {
        self.last_start
    }

    pub(crate) fn wait_for(&mut self, re: RequestId, what: Awaited) {
        self.waiting = Some(Waiting { re, what, answer: None });
    }

    /// The answer to the request that is waited for, once.
    pub(crate) fn take_answer(&mut self) -> Option<Result<Granted, RefusalCode>> {
        let answer = self.waiting.as_mut()?.answer.take()?;
        self.waiting = None;
        Some(answer)
    }

    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = None;
    }

    pub(crate) fn absorb(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Message(message) => self.absorb_message(message),
            Arrival::Connectivity(connectivity) => {
                self.changed.connectivity |= self.connectivity != connectivity;
                self.connectivity = connectivity;
            }
            Arrival::Closed(reason) => {
                self.closed = Some(reason);
                self.lose_presence(OfflineReason::Lost);
                self.end_session(None, session_end_of(reason));
                self.withdraw(None, WithdrawReason::PresenceOver);
            }
        }
    }

    fn absorb_message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Resumed(resumed) => self.reconcile(resumed.snapshot),
            ServerMessage::Identified(identified) => {
                self.answer(identified.re, Awaited::Identity, || {
                    Ok(Granted::Identity(identified.visitor))
                });
            }
            ServerMessage::PresenceConnected(connected) => {
                let facts =
                    PresenceFacts { presence: connected.presence, focused: connected.focused };
                self.answer(connected.re, Awaited::Presence, || Ok(Granted::Presence));
                if self.is_granted(Awaited::Presence) {
                    self.presence_is(facts);
                }
            }
            ServerMessage::PresenceLost(lost) => {
                if matches!(self.presence, Presence::On { presence, .. } if presence == lost.presence)
                {
                    self.lose_presence(lost.reason);
                }
            }
            ServerMessage::PresenceFocus(focus) => {
                if matches!(self.presence, Presence::On { presence, .. } if presence == focus.presence)
                {
                    self.presence_is(PresenceFacts {
                        presence: focus.presence,
                        focused: focus.focused,
                    });
                }
            }
            ServerMessage::TermsRequested(asked) => self.ask(asked),
            ServerMessage::TermsWithdrawn(over) => self.withdraw(Some(over.ask), over.reason),
            ServerMessage::SessionConnected(connected) => {
                let start = connected.start;
                self.answer(connected.re, Awaited::Session(start), || {
                    Ok(Granted::Session(start, connected.session))
                });
                if self.is_granted(Awaited::Session(start)) {
                    self.tracker.connected(start, connected.key.as_ref());
                    self.session = Some(Session {
                        start,
                        session: connected.session,
                        count: 0,
                        guests: Vec::new(),
                    });
                }
            }
            ServerMessage::SessionGuests(guests) => {
                self.guests_are(guests.session, guests.count, guests.guests);
            }
            ServerMessage::SessionEnded(ended) => self.end_session(Some(ended.start), ended.reason),
            ServerMessage::Refused(refused) => self.refused(refused.re, refused.code),
            ServerMessage::Problem(problem) => {
                // An illegal order is a verb that crossed news on its way; the news itself follows.
                if problem.code != RefusalCode::IllegalOrder {
                    self.changed.problem = Some(problem.code);
                }
            }
            // The engine below has acted on these.
            ServerMessage::Welcome(_) | ServerMessage::Pong(_) | ServerMessage::Closing(_) => {}
        }
    }

    /// Makes the facts agree with one snapshot of the truth, whatever was missed. What this side
    /// has given up meanwhile stays given up: the engine says so again to the server.
    fn reconcile(&mut self, snapshot: Snapshot) {
        if let Some(waiting) = &self.waiting
            && let Some(answered) = snapshot.answered
            && answered.re == waiting.re
        {
            match answered.refused {
                Some(code) => self.refused(answered.re, code),
                None => self.granted_in(&snapshot),
            }
        }
        match (self.presence, snapshot.presence) {
            (Presence::On { .. }, Some(facts)) => self.presence_is(facts),
            (Presence::On { .. }, None) => self.lose_presence(OfflineReason::Lost),
            (Presence::Off | Presence::Lost, _) => {}
        }
        if let Some(asked) = &self.asked
            && snapshot.ask.as_ref().is_none_or(|still| still.ask != asked.ask)
        {
            let id = asked.ask;
            let reason = snapshot
                .ask_over
                .filter(|over| over.ask == id)
                .map_or(WithdrawReason::Unknown, |over| over.reason);
            self.withdraw(Some(id), reason);
        }
        if let Some(ask) = snapshot.ask {
            self.ask(ask);
        }
        if let Some(running) = &self.session {
            let start = running.start;
            match snapshot.session {
                Some(facts) if facts.start == start => {
                    self.guests_are(facts.session, facts.count, facts.guests);
                }
                Some(_) | None => {
                    let reason = snapshot
                        .ended
                        .filter(|ended| ended.start == start)
                        .map_or(EndReason::VisitorLost, |ended| ended.reason);
                    self.end_session(Some(start), reason);
                }
            }
        }
    }

    /// The request that is waited for was granted while nobody listened: what it was granted stands
    /// in the snapshot, or has ended since.
    fn granted_in(&mut self, snapshot: &Snapshot) {
        let Some(Waiting { re, what, answer: None }) = self.waiting else { return };
        match what {
            Awaited::Identity => {
                let answer = snapshot.visitor.clone().map(Granted::Identity);
                self.answer(re, what, || answer.ok_or(RefusalCode::Cancelled));
            }
            Awaited::Presence => match snapshot.presence {
                Some(facts) => {
                    self.answer(re, what, || Ok(Granted::Presence));
                    self.presence_is(facts);
                }
                None => self.refused(re, RefusalCode::NotOnline),
            },
            Awaited::Session(start) => match &snapshot.session {
                Some(facts) if facts.start == start => {
                    self.answer(re, what, || Ok(Granted::Session(start, facts.session)));
                    self.tracker.connected(start, facts.key.as_ref());
                    self.session = Some(Session {
                        start,
                        session: facts.session,
                        count: facts.count,
                        guests: facts.guests.clone(),
                    });
                }
                Some(_) | None => self.refused(re, RefusalCode::SessionGone),
            },
        }
    }

    fn answer(
        &mut self,
        re: RequestId,
        what: Awaited,
        answer: impl FnOnce() -> Result<Granted, RefusalCode>,
    ) {
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.what == what
            && waiting.answer.is_none()
        {
            waiting.answer = Some(answer());
        }
    }

    fn is_granted(&self, what: Awaited) -> bool {
        matches!(&self.waiting, Some(w) if w.what == what && matches!(w.answer, Some(Ok(_))))
    }

    fn refused(&mut self, re: RequestId, code: RefusalCode) {
        if let Some(waiting) = &mut self.waiting
            && waiting.re == re
            && waiting.answer.is_none()
        {
            waiting.answer = Some(Err(code));
            if let Awaited::Session(start) = waiting.what {
                self.tracker.failed(start);
            }
        }
    }

    fn presence_is(&mut self, facts: PresenceFacts) {
        let was_focused = match self.presence {
            Presence::On { focused, .. } => focused,
            // The newest device has the focus, so only its absence is news.
            Presence::Off | Presence::Lost => true,
        };
        self.changed.focus |= was_focused != facts.focused;
        self.presence = Presence::On { presence: facts.presence, focused: facts.focused };
    }

    fn lose_presence(&mut self, reason: OfflineReason) {
        if let Presence::On { .. } = self.presence {
            self.presence = Presence::Lost;
            self.last_offline = Some(reason);
            self.withdraw(None, WithdrawReason::PresenceOver);
        }
    }

    fn ask(&mut self, asked: TermsRequested) {
        // A request that was sent before the server heard of a disconnect, or that this side has
        // answered already, is stale.
        let online = matches!(self.presence, Presence::On { .. });
        if online && self.answered_ask.is_none_or(|answered| answered != asked.ask) {
            self.asked = Some(asked);
        }
    }

    fn withdraw(&mut self, ask: Option<AskId>, reason: WithdrawReason) {
        if let Some(asked) = &self.asked
            && ask.is_none_or(|ask| ask == asked.ask)
        {
            self.ask_over = Some((asked.ask, reason));
            self.asked = None;
        }
    }

    fn guests_are(&mut self, session: SessionId, count: u32, guests: Vec<AgentCard>) {
        if let Some(running) = &mut self.session
            && running.session == session
            && (running.count != count || running.guests != guests)
        {
            running.count = count;
            running.guests = guests;
            self.changed.guests = true;
        }
    }

    fn end_session(&mut self, start: Option<StartId>, reason: EndReason) {
        if let Some(running) = &self.session
            && start.is_none_or(|start| start == running.start)
        {
            let start = running.start;
            self.tracker.ended(start);
            self.session_over = Some((start, reason));
            self.session = None;
            self.changed.guests = false;
        }
    }

    /// The request at the door, if there is one.
    pub(crate) fn request_at_the_door(&self) -> Option<&TermsRequested> {
        self.asked.as_ref()
    }

    /// Why this request is over without an answer, if it is.
    pub(crate) fn request_over(&self, ask: AskId) -> Option<WithdrawReason> {
        match (&self.asked, self.ask_over) {
            (Some(asked), _) if asked.ask == ask => None,
            (_, Some((over, reason))) if over == ask => Some(reason),
            (_, _) => Some(WithdrawReason::Unknown),
        }
    }

    /// This side answered the request; whatever still comes about it is stale.
    pub(crate) fn request_answered(&mut self, ask: AskId) {
        self.answered_ask = Some(ask);
        if self.asked.as_ref().is_some_and(|asked| asked.ask == ask) {
            self.asked = None;
        }
    }

    /// Why the session of this start is over, if somebody else ended it.
    pub(crate) fn session_over(&self, start: StartId) -> Option<EndReason> {
        match (&self.session, self.session_over) {
            (Some(running), _) if running.start == start => None,
            (_, Some((over, reason))) if over == start => Some(reason),
            (_, _) => Some(EndReason::Unknown),
        }
    }

    /// This side ended the session; whatever still comes about it is stale.
    pub(crate) fn session_given_up(&mut self, start: StartId) {
        self.tracker.ended(start);
        self.session = None;
        self.session_over = None;
        self.changed.guests = false;
    }

    pub(crate) fn presence_given_up(&mut self) {
        self.presence = Presence::Off;
        self.asked = None;
        self.changed.focus = false;
    }

    pub(crate) fn guests(&self) -> (u32, &[AgentCard]) {
        self.session.as_ref().map_or((0, &[]), |session| (session.count, &session.guests))
    }

    /// One thing that changed without moving the visitor; each is told once.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        let changed = &mut self.changed;
        if core::mem::take(&mut changed.connectivity) {
            return Some(Change::Connectivity(self.connectivity));
        }
        if core::mem::take(&mut changed.guests) {
            return Some(Change::Guests(self.guests().0));
        }
        if core::mem::take(&mut changed.focus)
            && let Presence::On { focused, .. } = self.presence
        {
            return Some(Change::Focus(focused));
        }
        self.changed.problem.take().map(Change::Problem)
    }
}

fn session_end_of(reason: LinkClosed) -> EndReason {
    match reason {
        LinkClosed::Left => EndReason::VisitorLeft,
        LinkClosed::Server(coview_wire::CloseReason::Shutdown) => EndReason::Shutdown,
        LinkClosed::Refused(_) | LinkClosed::Server(_) | LinkClosed::Gone => EndReason::VisitorLost,
    }
}
