//! What is true now, as far as this side has been told.
//!
//! Messages are absorbed into facts as they arrive, whatever state the visitor's type is in. A fact
//! that does not fit the type waits here until the visitor is in a state that can tell the app.
//! Facts overwrite one another instead of queueing up, so an app that does not look for a while
//! finds the latest truth and memory stays bounded.

use alloc::boxed::Box;
use alloc::vec::Vec;

use coview_start::StartMode;
use coview_start::StartTracker;
use coview_wire::AgentCard;
use coview_wire::Answered;
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
use coview_wire::SessionKey;
use coview_wire::Settings;
use coview_wire::Snapshot;
use coview_wire::StartId;
use coview_wire::TermsRequested;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::joins::Joins;
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
    /// The request whose answer a pending future waits for.
    waiting: Option<(RequestId, Awaited)>,
    /// The answer, from its arrival until the future takes it.
    answer: Option<Result<Granted, RefusalCode>>,
    /// The assertion that was handed over last and has not been answered.
    refreshing: Option<RequestId>,
    /// The request of an agent that waits at the door: the app has not been told.
    at_the_door: Option<Box<TermsRequested>>,
    /// The request the app has been told of and has not answered.
    told: Option<Told>,
    /// The newest request there was on this connection. Their ids only grow, so what is not above
    /// it is a repetition or is over.
    newest_ask: Option<AskId>,
    session: Option<Session>,
    session_over: Option<(StartId, EndReason)>,
    known: Known,
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
struct Told {
    ask: AskId,
    over: Option<WithdrawReason>,
}

#[derive(Debug)]
struct Session {
    start: StartId,
    session: SessionId,
    count: u32,
    guests: Vec<AgentCard>,
    joins: Joins,
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

/// What the app knows of the things that change without moving the visitor.
#[derive(Debug)]
struct Known {
    connectivity: Connectivity,
    focused: bool,
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
            answer: None,
            refreshing: None,
            at_the_door: None,
            told: None,
            newest_ask: None,
            session: None,
            session_over: None,
            known: Known {
                connectivity: Connectivity::Connected,
                focused: true,
                guests: true,
                problem: None,
            },
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
        self.waiting = Some((re, what));
    }

    /// A newer assertion goes with this request. Nobody waits for the answer; only a no is told.
    pub(crate) const fn refresh(&mut self, re: RequestId) {
        self.refreshing = Some(re);
    }

    /// The answer to the request that was waited for, once.
    pub(crate) const fn take_answer(&mut self) -> Option<Result<Granted, RefusalCode>> {
        self.answer.take()
    }

    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = None;
        self.answer = None;
    }

    pub(crate) fn absorb(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Message(message) => self.absorb_message(message),
            Arrival::Connectivity(connectivity) => self.connectivity = connectivity,
            Arrival::Closed(reason) => {
                self.closed = Some(reason);
                self.lose_presence(OfflineReason::Lost);
                self.end_session(None, session_end_of(reason));
            }
        }
    }

    fn absorb_message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Resumed(resumed) => self.reconcile(resumed.snapshot),
            ServerMessage::Identified(identified) => {
                let granted = Granted::Identity(identified.visitor);
                self.answer(identified.re, Awaited::Identity, Ok(granted));
            }
            ServerMessage::PresenceConnected(connected) => {
                let facts =
                    PresenceFacts { presence: connected.presence, focused: connected.focused };
                if self.answer(connected.re, Awaited::Presence, Ok(Granted::Presence)) {
                    self.presence_begins(facts);
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
                self.session_begins(
                    connected.re,
                    connected.start,
                    connected.session,
                    connected.key.as_ref(),
                );
            }
            ServerMessage::SessionGuests(guests) => {
                self.guests_are(guests.session, guests.count, guests.guests);
            }
            ServerMessage::JoinRequested(asked) => {
                let session = asked.session;
                if let Some(running) = self.session.as_mut().filter(|s| s.session == session) {
                    running.joins.requested(asked);
                }
            }
            ServerMessage::JoinWithdrawn(over) => {
                if let Some(running) = &mut self.session {
                    running.joins.withdraw(Some(over.join), over.reason);
                }
            }
            ServerMessage::SessionEnded(ended) => {
                self.end_session(Some((ended.start, ended.session)), ended.reason);
            }
            ServerMessage::Refused(refused) => self.refused(refused.re, refused.code),
            ServerMessage::Problem(problem) => {
                // An older server answers a request it does not know with a problem.
                let waits = |re: &RequestId| {
                    self.refreshing == Some(*re)
                        || self.waiting.is_some_and(|(waiting, _)| waiting == *re)
                };
                if let Some(re) = problem.re.filter(waits) {
                    self.refused(re, problem.code);
                } else if problem.code != RefusalCode::IllegalOrder {
                    // An illegal order is a verb that crossed news on its way; the news follows.
                    self.known.problem = Some(problem.code);
                }
            }
            // The engine below has acted on these.
            ServerMessage::Welcome(_) | ServerMessage::Pong(_) | ServerMessage::Closing(_) => {}
        }
    }

    /// Makes the facts agree with one snapshot of the truth, whatever was missed. What this side
    /// has given up meanwhile stays given up: the engine says so again to the server.
    fn reconcile(&mut self, snapshot: Snapshot) {
        if let Some((re, what)) = self.waiting {
            match snapshot.answered.filter(|answered| answered.re == re) {
                Some(Answered { refused: Some(code), .. }) => self.refused(re, code),
                Some(Answered { refused: None, .. }) => self.granted_in(re, what, &snapshot),
                // What was seen was answered, whatever the snapshot names as the last answer.
                None if snapshot.seen.is_some_and(|seen| seen >= re) => {
                    self.granted_in(re, what, &snapshot);
                }
                None => {}
            }
        }
        if let Some(Answered { re, refused: Some(code) }) = snapshot.answered {
            self.refresh_refused(re, code);
        }
        self.reconcile_ask(&snapshot);
        match (self.presence, snapshot.presence) {
            (Presence::On { .. }, Some(facts)) => self.presence_is(facts),
            (Presence::On { .. }, None) => self.lose_presence(OfflineReason::Lost),
            (Presence::Off | Presence::Lost, _) => {}
        }
        if let Some(asked) = snapshot.ask {
            self.ask(asked);
        }
        if let Some(running) = &mut self.session {
            let (start, session) = (running.start, running.session);
            match snapshot.session {
                Some(facts) if facts.start == start => {
                    let over = snapshot.join_over;
                    running.joins.reconcile(facts.join, |join| {
                        over.filter(|over| over.join == join)
                            .map_or(WithdrawReason::Unknown, |over| over.reason)
                    });
                    self.guests_are(facts.session, facts.count, facts.guests);
                }
                Some(_) | None => {
                    let reason = snapshot
                        .ended
                        .filter(|ended| ended.start == start)
                        .map_or(EndReason::VisitorLost, |ended| ended.reason);
                    self.end_session(Some((start, session)), reason);
                }
            }
        }
    }

    fn reconcile_ask(&mut self, snapshot: &Snapshot) {
        let waiting = snapshot.ask.as_ref().map(|asked| asked.ask);
        let at_the_door = self.at_the_door.as_ref().map(|asked| asked.ask);
        let told = self.told.as_ref().map(|told| told.ask);
        for ask in [at_the_door, told].into_iter().flatten().filter(|ask| waiting != Some(*ask)) {
            let reason = match snapshot.ask_over.filter(|over| over.ask == ask) {
                Some(over) => over.reason,
                None if snapshot.presence.is_none() => WithdrawReason::PresenceOver,
                None => WithdrawReason::Unknown,
            };
            self.withdraw(Some(ask), reason);
        }
        if waiting.is_none() {
            // Nothing said before the reconnect can still arrive, and a server that was started
            // anew may number its requests from the beginning.
            self.newest_ask = None;
        }
    }

    /// The request that is waited for was granted while nobody listened: what it was granted stands
    /// in the snapshot, or has ended since.
    fn granted_in(&mut self, re: RequestId, what: Awaited, snapshot: &Snapshot) {
        match what {
            Awaited::Identity => {
                let answer = snapshot.visitor.clone().map(Granted::Identity);
                self.answer(re, what, answer.ok_or(RefusalCode::Cancelled));
            }
            Awaited::Presence => match snapshot.presence {
                Some(facts) => {
                    self.answer(re, what, Ok(Granted::Presence));
                    self.presence_begins(facts);
                }
                None => self.refused(re, RefusalCode::NotOnline),
            },
            Awaited::Session(start) => match &snapshot.session {
                Some(facts) if facts.start == start => {
                    self.session_begins(re, start, facts.session, facts.key.as_ref());
                    self.guests_are(facts.session, facts.count, facts.guests.clone());
                }
                Some(_) | None => self.refused(re, RefusalCode::SessionGone),
            },
        }
    }

    /// Keeps the answer if it is the one that is waited for, and says so.
    fn answer(
        &mut self,
        re: RequestId,
        what: Awaited,
        answer: Result<Granted, RefusalCode>,
    ) -> bool {
        let is_it = self.waiting == Some((re, what));
        if is_it {
            self.waiting = None;
            self.answer = Some(answer);
        }
        is_it
    }

    fn session_begins(
        &mut self,
        re: RequestId,
        start: StartId,
        session: SessionId,
        key: Option<&SessionKey>,
    ) {
        if self.answer(re, Awaited::Session(start), Ok(Granted::Session(start, session))) {
            self.tracker.connected(start, key);
            self.session = Some(Session {
                start,
                session,
                count: 0,
                guests: Vec::new(),
                joins: Joins::default(),
            });
        }
    }

    fn refused(&mut self, re: RequestId, code: RefusalCode) {
        self.refresh_refused(re, code);
        if let Some((_, what)) = self.waiting.take_if(|(waiting, _)| *waiting == re) {
            self.answer = Some(Err(code));
            if let Awaited::Session(start) = what {
                self.tracker.failed(start);
            }
        }
    }

    fn refresh_refused(&mut self, re: RequestId, code: RefusalCode) {
        if self.refreshing.take_if(|refreshing| *refreshing == re).is_some() {
            self.known.problem = Some(code);
        }
    }

    fn presence_begins(&mut self, facts: PresenceFacts) {
        // The newest device has the focus, so only its absence is news.
        self.known.focused = true;
        self.last_offline = None;
        self.presence_is(facts);
    }

    fn presence_is(&mut self, facts: PresenceFacts) {
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
        // A request that was sent before the server heard of a disconnect is stale.
        let online = matches!(self.presence, Presence::On { .. });
        if online && self.newest_ask.is_none_or(|newest| newest < asked.ask) {
            // At most one request waits at a time, so an older one is over.
            self.withdraw(None, WithdrawReason::Unknown);
            self.newest_ask = Some(asked.ask);
            self.at_the_door = Some(Box::new(asked));
        }
    }

    fn withdraw(&mut self, ask: Option<AskId>, reason: WithdrawReason) {
        self.at_the_door.take_if(|asked| ask.is_none_or(|ask| ask == asked.ask));
        if let Some(told) = &mut self.told
            && ask.is_none_or(|ask| ask == told.ask)
        {
            told.over.get_or_insert(reason);
        }
    }

    fn guests_are(&mut self, session: SessionId, count: u32, guests: Vec<AgentCard>) {
        if let Some(running) = &mut self.session
            && running.session == session
            && (running.count != count || running.guests != guests)
        {
            running.count = count;
            running.guests = guests;
            self.known.guests = false;
        }
    }

    fn end_session(&mut self, ended: Option<(StartId, SessionId)>, reason: EndReason) {
        if let Some(running) = &self.session
            && ended.is_none_or(|ended| ended == (running.start, running.session))
        {
            let start = running.start;
            self.tracker.ended(start);
            self.session_over = Some((start, reason));
            self.session = None;
            self.known.guests = true;
        }
    }

    /// Takes the request that waits at the door, if there is one, to tell the app.
    pub(crate) fn let_in(&mut self) -> Option<Box<TermsRequested>> {
        let asked = self.at_the_door.take()?;
        self.told = Some(Told { ask: asked.ask, over: None });
        Some(asked)
    }

    /// Why the request the app was told of is over without an answer, if it is.
    pub(crate) fn take_withdrawn(&mut self) -> Option<WithdrawReason> {
        let reason = self.told.as_ref()?.over?;
        self.told = None;
        Some(reason)
    }

    /// This side answered the request; whatever still comes about it is stale.
    pub(crate) fn request_answered(&mut self) {
        self.told = None;
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
        self.known.guests = true;
    }

    /// This side forgot who the visitor is.
    pub(crate) const fn logged_out(&mut self) {
        self.last_offline = None;
        self.refreshing = None;
    }

    pub(crate) fn presence_given_up(&mut self) {
        self.presence = Presence::Off;
        self.at_the_door = None;
    }

    /// The agents who wait to be let into the session that runs, if one does.
    pub(crate) fn joins(&mut self) -> Option<&mut Joins> {
        self.session.as_mut().map(|running| &mut running.joins)
    }

    pub(crate) fn guests(&self) -> (u32, &[AgentCard]) {
        self.session.as_ref().map_or((0, &[]), |session| (session.count, &session.guests))
    }

    /// One thing that changed without moving the visitor; each is told once, as it is now.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        if self.known.connectivity != self.connectivity {
            self.known.connectivity = self.connectivity;
            return Some(Change::Connectivity(self.connectivity));
        }
        if !self.known.guests {
            self.known.guests = true;
            return Some(Change::Guests(self.guests().0));
        }
        if let Presence::On { focused, .. } = self.presence
            && self.known.focused != focused
        {
            self.known.focused = focused;
            return Some(Change::Focus(focused));
        }
        self.known.problem.take().map(Change::Problem)
    }
}

fn session_end_of(reason: LinkClosed) -> EndReason {
    match reason {
        LinkClosed::Left => EndReason::VisitorLeft,
        LinkClosed::Server(coview_wire::CloseReason::Shutdown) => EndReason::Shutdown,
        LinkClosed::Refused(_) | LinkClosed::Server(_) | LinkClosed::Gone => EndReason::VisitorLost,
    }
}
