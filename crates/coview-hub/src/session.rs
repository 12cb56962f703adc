//! Sessions: how they begin, who watches, how they end.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentNotice;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::Joined;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionConnected;
use coview_wire::SessionEnded;
use coview_wire::SessionFacts;
use coview_wire::SessionGuests;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::SessionStart;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::ViewEnded;
use coview_wire::ViewFacts;
use coview_wire::ViewGuests;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;
use coview_wire::limits;

use crate::effects::Effects;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::join::Waiting;
use crate::no::No;
use crate::picture::Masks;
use crate::picture::Viewers;
use crate::timer::Due;
use crate::timer::TimerId;

/// How many agents may be kept out of one session before only those who are in it are remembered when
/// they are removed.
const BARRED_UNSEEN: usize = 1_024;

/// A session that runs, or one that was accepted and not started yet.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) visitor: Place,
    pub(crate) name: Option<VisitorId>,
    pub(crate) begun: Begun,
    /// Absent while an accepted session waits for the visitor's start. The session runs from when
    /// it is here.
    pub(crate) consent: Option<Consent>,
    pub(crate) guests: Vec<Place>,
    /// Those of the guests who have a connection.
    pub(crate) viewers: Viewers,
    /// The agent who waits to be let in. There is one at a time.
    pub(crate) waiting: Option<Waiting>,
    /// Whether the visitor is asked about everybody who comes with the key.
    pub(crate) confirm: bool,
    /// Whether an agent has come in with the key.
    pub(crate) claimed: bool,
    /// Whether the key opens this session no more.
    pub(crate) burned: bool,
    /// Agents who were removed, whom the visitor did not let in, or about whom it was asked in vain
    /// too often. They may not come into this session again.
    pub(crate) barred: BTreeSet<AgentId>,
    /// How often the visitor was asked about an agent in vain.
    pub(crate) in_vain: BTreeMap<AgentId, u32>,
    /// What the visitor's client covers, as far as that is recorded.
    pub(crate) masks: Masks,
    /// Until when the key must be used, or the start must come.
    pub(crate) timer: Option<TimerId>,
}

/// The visitor's consent to be seen in one session, on record.
///
/// There are two ways to make it, and each is an act of the visitor. It is in its session and
/// nowhere else, so it is gone with the end; whatever relays the picture must find it there first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// The start it was given with.
    start: StartId,
}

impl Consent {
    /// The visitor tapped share.
    const fn by_manual_start(start: StartId) -> Self {
        Self { start }
    }

    /// The visitor started what an agent asked for, and had accepted exactly this request before.
    const fn by_accepted_request(start: StartId) -> Self {
        Self { start }
    }
}

/// How a session began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begun {
    /// The visitor tapped share.
    ByKey(SessionKey),
    /// The visitor accepted a request.
    ByAsk { ask: AskId, agent: Place },
}

impl Begun {
    const fn key(&self) -> Option<SessionKey> {
        match self {
            Self::ByKey(key) => Some(*key),
            Self::ByAsk { .. } => None,
        }
    }
}

impl Session {
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.guests.len()).unwrap_or(u32::MAX)
    }

    /// The key, while it opens this session.
    pub(crate) fn live_key(&self) -> Option<SessionKey> {
        self.begun.key().filter(|_| !self.burned)
    }

    /// The visitor's start, once it came.
    fn start(&self) -> Option<StartId> {
        self.consent.map(|consent| consent.start)
    }
}

impl Group {
    pub(crate) fn session_start(
        &mut self,
        fx: &mut Effects,
        place: Place,
        it: SessionStart,
    ) -> Result<(), No> {
        match it.by {
            StartBy::RandomKey => self.start_by_key(fx, place, it.re, it.start),
            StartBy::VisitorId { ask } => self.start_by_ask(fx, place, it.re, it.start, ask),
        }
    }

    /// A manual start. It is never refused because of a request: the request ends instead, and the
    /// agent is told that the visitor is busy.
    fn start_by_key(
        &mut self,
        fx: &mut Effects,
        place: Place,
        re: RequestId,
        start: StartId,
    ) -> Result<(), No> {
        match self.state(place) {
            // The start crossed the request, or the app lets the visitor change their mind.
            StateKind::TermsRequested | StateKind::TermsShown => {}
            StateKind::Anonymous
            | StateKind::Identified
            | StateKind::PresenceConnected
            | StateKind::SharingManualAnonymous
            | StateKind::SharingManualIdentified
            | StateKind::SharingManualPresence
            | StateKind::ConfirmingAnonymous
            | StateKind::ConfirmingIdentified
            | StateKind::ConfirmingPresence
            | StateKind::SharingOneClick => self.check(place, Trigger::StartManual)?,
        }
        self.note_start(place, start)?;
        let session = SessionId::new(self.next_number());
        let Some(key) = self.keys.draw(fx, session) else {
            return Err(No::because(RefusalCode::LimitExceeded, "too many live keys"));
        };
        let timer = fx.set_timer(fx.policy.key_unclaimed, Due::KeyUnclaimed(self.index, session));
        let consent = Some(Consent::by_manual_start(start));
        let name = self.begin(fx, place, session, Begun::ByKey(key), consent, Some(timer));
        if let Some(ask) = self.visitor(place).ask() {
            self.end_ask(fx, ask, AskOutcome::Busy, Some(WithdrawReason::Busy));
        }
        fx.counts.sessions_manual += 1;
        fx.event(Event::SessionStarted {
            group: self.id.clone(),
            session,
            client: place,
            visitor: name,
            ask: None,
        });
        let conn = self.visitor(place).conn;
        fx.tell_visitor(conn, SessionConnected { re, start, session, key: Some(key) });
        Ok(())
    }

    /// The start that follows *accepted*. Anything else under a visitor id is refused: without an
    /// accepted request there is no consent.
    fn start_by_ask(
        &mut self,
        fx: &mut Effects,
        place: Place,
        re: RequestId,
        start: StartId,
        accepted: AskId,
    ) -> Result<(), No> {
        self.note_start(place, start)?;
        let waiting = self.visitor(place).session();
        let waiting = waiting.and_then(|id| self.sessions.get_mut(&id).map(|it| (id, it)));
        let Some((id, session)) = waiting else { return Err(No::new(RefusalCode::TermsOver)) };
        let agent = match session.begun {
            Begun::ByAsk { ask, agent } if ask == accepted && session.consent.is_none() => agent,
            Begun::ByAsk { .. } | Begun::ByKey(_) => return Err(No::new(RefusalCode::TermsOver)),
        };
        session.consent = Some(Consent::by_accepted_request(start));
        session.guests.push(agent);
        fx.timers.cancel(session.timer.take());
        let name = session.name.clone();
        fx.counts.sessions_one_click += 1;
        fx.event(Event::SessionStarted {
            group: self.id.clone(),
            session: id,
            client: place,
            visitor: name,
            ask: Some(accepted),
        });
        let conn = self.visitor(place).conn;
        fx.tell_visitor(conn, SessionConnected { re, start, session: id, key: None });
        self.guest_is_in(fx, id, agent, None);
        Ok(())
    }

    /// Start numbers grow; a number that was there before is refused, whatever became of it.
    fn note_start(&mut self, place: Place, start: StartId) -> Result<(), No> {
        let visitor = self.visitor(place);
        if visitor.doings().last_start.is_some_and(|last| start <= last) {
            const WORDS: &str = "a start must have a greater number than every start before";
            return Err(No::because(RefusalCode::IllegalOrder, WORDS));
        }
        visitor.doings().last_start = Some(start);
        Ok(())
    }

    /// The visitor accepted: the session has its number, and waits for the visitor's start.
    pub(crate) fn accept_session(
        &mut self,
        fx: &mut Effects,
        place: Place,
        ask: AskId,
        agent: Place,
    ) -> SessionId {
        let session = SessionId::new(self.next_number());
        let timer = fx.set_timer(fx.policy.first_reply, Due::StartAfterAccept(self.index, session));
        self.begin(fx, place, session, Begun::ByAsk { ask, agent }, None, Some(timer));
        self.agent(agent).view = Some(session);
        session
    }

    fn begin(
        &mut self,
        fx: &mut Effects,
        place: Place,
        id: SessionId,
        begun: Begun,
        consent: Option<Consent>,
        timer: Option<TimerId>,
    ) -> Option<VisitorId> {
        let visitor = self.visitor(place);
        visitor.doings().session = Some(id);
        let name = visitor.id.clone();
        let session = Session {
            visitor: place,
            name: name.clone(),
            begun,
            consent,
            guests: Vec::new(),
            viewers: Viewers::default(),
            waiting: None,
            confirm: false,
            claimed: false,
            burned: false,
            barred: BTreeSet::new(),
            in_vain: BTreeMap::new(),
            masks: Masks::default(),
            timer,
        };
        self.sessions.insert(id, session);
        if let Some(name) = &name {
            self.change_person(fx, name, |dealings| dealings.sharing += 1);
        }
        name
    }

    /// Tells everybody that an agent came in: the agent itself first.
    pub(crate) fn guest_is_in(
        &mut self,
        fx: &mut Effects,
        session: SessionId,
        place: Place,
        re: Option<RequestId>,
    ) {
        let Some(view) = self.view_facts(session, place) else { return };
        let agent = self.agent(place);
        let (conn, card) = (agent.conn, agent.card.clone());
        fx.event(Event::GuestJoined {
            group: self.id.clone(),
            session,
            name: card.name().into(),
            agent: card.agent,
            count: view.count,
        });
        fx.tell_agent(conn, Joined { re, view });
        self.tell_guests(fx, session);
        self.viewer_joins(fx, session, place);
    }

    /// An agent leaves; without a number, the session it is in or waits to be let into.
    pub(crate) fn leave(&mut self, fx: &mut Effects, place: Place, session: Option<SessionId>) {
        if session.is_none() {
            self.cancel_join(fx, place);
        }
        if let Some(own) = self.agent(place).view
            && session.is_none_or(|session| session == own)
        {
            self.remove_guest(fx, own, place, EndReason::Left);
        }
    }

    /// An agent ends the session for everybody. One who is not in it, any more or ever, ends
    /// nothing.
    pub(crate) fn agent_ends(&mut self, fx: &mut Effects, place: Place, session: SessionId) {
        if self.agent(place).view == Some(session) {
            self.end_session(fx, session, EndReason::Agent, true);
        }
    }

    /// An agent removes another from a session: all connections of that agent id, for the rest of
    /// this session.
    pub(crate) fn eject(&mut self, fx: &mut Effects, place: Place, id: SessionId, whom: &AgentId) {
        if self.agent(place).view != Some(id) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&id).filter(|it| it.consent.is_some()) else {
            return;
        };
        let guests = session.guests.clone();
        let waiting = session.waiting.as_ref().map(Waiting::agent);
        let is_here =
            |place: &Place| self.agents.get(place).is_some_and(|it| it.card.agent == *whom);
        let is_here = guests.iter().chain(&waiting).any(is_here);
        // Also if the agent has just left by itself: whoever is ejected shall not come back. Names of
        // agents who are not there cost nothing, so no more than these are remembered.
        if is_here || session.barred.len() < BARRED_UNSEEN {
            session.barred.insert(whom.clone());
        }
        for guest in guests {
            if self.agent(guest).card.agent == *whom {
                self.remove_guest(fx, id, guest, EndReason::Ejected);
            }
        }
        self.remove_waiting(fx, id);
    }

    /// Takes an agent out of a session, which goes on. Only an accepted session that has not
    /// started yet ends with its one agent, because there would be nobody to share with, and one
    /// whose key is burned with its last, because nobody could come any more.
    pub(crate) fn remove_guest(
        &mut self,
        fx: &mut Effects,
        id: SessionId,
        place: Place,
        reason: EndReason,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.consent.is_none() {
            return self.end_session(fx, id, reason, false);
        }
        self.viewer_leaves(fx, place);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.guests.retain(|guest| *guest != place);
        let count = session.count();
        let agent = self.agent(place);
        agent.view = None;
        let ended = ViewEnded { session: id, reason };
        agent.past().view_ended = Some(ended);
        let (conn, name) = (agent.conn, agent.card.agent.clone());
        if reason == EndReason::Ejected {
            fx.tell_agent(conn, ended);
        }
        fx.event(Event::GuestLeft {
            group: self.id.clone(),
            session: id,
            agent: name,
            count,
            reason,
        });
        self.tell_guests(fx, id);
        self.end_if_nobody_can_come(fx, id);
    }

    /// Ends a session whose key is burned and that has no guest.
    pub(crate) fn end_if_nobody_can_come(&mut self, fx: &mut Effects, id: SessionId) {
        if self.sessions.get(&id).is_some_and(|it| it.burned && it.guests.is_empty()) {
            self.end_session(fx, id, EndReason::KeyBurned, true);
        }
    }

    /// The visitor ends the session of a start. Any other start is over already.
    pub(crate) fn visitor_ends(&mut self, fx: &mut Effects, place: Place, start: StartId) {
        if let Some(id) = self.visitor(place).session()
            && self.sessions.get(&id).is_some_and(|session| session.start() == Some(start))
        {
            self.end_session(fx, id, EndReason::Visitor, false);
        }
    }

    /// Nobody used the key in time.
    pub(crate) fn key_unclaimed(&mut self, fx: &mut Effects, session: SessionId) {
        self.end_session(fx, session, EndReason::Unclaimed, true);
    }

    /// The visitor accepted and then said nothing more.
    pub(crate) fn start_never_came(&mut self, fx: &mut Effects, session: SessionId) {
        self.end_session(fx, session, EndReason::VisitorLost, true);
    }

    /// Ends a session for good. The visitor is told unless it is its own end; a session the visitor
    /// has not started yet is told to the agent alone.
    pub(crate) fn end_session(
        &mut self,
        fx: &mut Effects,
        id: SessionId,
        reason: EndReason,
        tell_visitor: bool,
    ) {
        self.settle_masks(fx, id);
        let Some(over) = self.sessions.remove(&id) else { return };
        fx.timers.cancel(over.timer);
        if let Some(key) = over.live_key() {
            self.keys.retire(&key, fx.now, &fx.policy);
        }
        fx.counts.sessions_ended += 1;
        fx.event(Event::SessionEnded { group: self.id.clone(), session: id, reason });

        let visitor = self.visitor(over.visitor);
        let doings = visitor.doings();
        doings.session = None;
        if let Some(start) = over.start() {
            let ended = SessionEnded { start, session: id, reason };
            doings.ended = Some(ended);
            if tell_visitor {
                let conn = visitor.conn;
                fx.tell_visitor(conn, ended);
            }
        }
        let waiting = match over.begun {
            Begun::ByAsk { agent, .. } if over.consent.is_none() => Some(agent),
            Begun::ByAsk { .. } | Begun::ByKey(_) => None,
        };
        if let Some(waiting) = &over.waiting {
            self.session_of_waiting_gone(fx, waiting);
        }
        self.viewers_gone(fx, over.viewers);
        for place in over.guests.into_iter().chain(waiting) {
            let agent = self.agent(place);
            agent.view = None;
            let ended = ViewEnded { session: id, reason };
            agent.past().view_ended = Some(ended);
            let conn = agent.conn;
            fx.tell_agent(conn, ended);
        }
        if let Some(name) = over.name {
            self.change_person(fx, &name, |dealings| {
                dealings.sharing = dealings.sharing.saturating_sub(1);
            });
        }
    }

    /// Tells the visitor and all agents of a session who is in it now.
    fn tell_guests(&mut self, fx: &mut Effects, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let (count, guests) = (session.count(), self.cards(session));
        if let Some(visitor) = self.visitors.get(&session.visitor) {
            let guests = guests.clone();
            fx.tell_visitor(visitor.conn, SessionGuests { session: id, count, guests });
        }
        let notice = AgentNotice::from(ViewGuests { session: id, count, guests });
        let mut text: Option<Arc<str>> = None;
        for guest in &session.guests {
            if let Some(conn) = self.agents.get(guest).and_then(|agent| agent.conn) {
                let text = text.get_or_insert_with(|| fx.encoded(&notice)).clone();
                fx.send(conn, text);
            }
        }
    }

    fn cards(&self, session: &Session) -> Vec<AgentCard> {
        let agents = session.guests.iter().filter_map(|guest| self.agents.get(guest));
        agents.take(limits::GUESTS).map(|agent| agent.card.clone()).collect()
    }

    /// A running session as the snapshot of its visitor tells it.
    pub(crate) fn session_facts(&self, fx: &Effects, id: SessionId) -> Option<SessionFacts> {
        let session = self.sessions.get(&id)?;
        Some(SessionFacts {
            start: session.start()?,
            session: id,
            key: session.begun.key(),
            count: session.count(),
            guests: self.cards(session),
            join: self.join_requested(fx, id),
        })
    }

    /// A running session as an agent in it is told it.
    pub(crate) fn view_facts(&self, id: SessionId, place: Place) -> Option<ViewFacts> {
        let session = self.sessions.get(&id).filter(|session| session.consent.is_some())?;
        let ask = match session.begun {
            Begun::ByAsk { ask, agent } => (agent == place).then_some(ask),
            Begun::ByKey(_) => None,
        };
        Some(ViewFacts {
            session: id,
            ask,
            visitor: session.name.clone(),
            count: session.count(),
            guests: self.cards(session),
        })
    }
}
