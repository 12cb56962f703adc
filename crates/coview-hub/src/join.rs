//! Joining with a key: at once, or when the visitor has let the agent in.

use alloc::boxed::Box;
use alloc::vec::Vec;

use coview_lifecycle::table::Trigger;
use coview_wire::Join;
use coview_wire::JoinId;
use coview_wire::JoinRequested;
use coview_wire::JoinWaiting;
use coview_wire::JoinWithdrawn;
use coview_wire::Moment;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::WithdrawReason;

use crate::config::KeyUse;
use crate::effects::Effects;
use crate::effects::millis;
use crate::event::Departure;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::no::No;
use crate::signin::may_record;
use crate::timer::Due;
use crate::timer::TimerId;
use crate::tries::Guesser;
use crate::tries::TooMany;

/// An agent who knew the key of a session and waits until the visitor lets it in.
///
/// It is no guest: it has no number as a viewer, is in no list and has been told nothing of the
/// session. When the wait ends it is taken out of the session, so it cannot end twice.
#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) join: JoinId,
    /// The `join` message, which is answered when the wait ends.
    pub(crate) re: RequestId,
    pub(crate) agent: Place,
    pub(crate) expires: Moment,
    pub(crate) timer: TimerId,
}

impl Waiting {
    pub(crate) const fn agent(&self) -> Place {
        self.agent
    }
}

impl Group {
    /// An agent joins with a key. Wrong, used, expired and forbidden look the same from outside,
    /// and each counts as a try.
    pub(crate) fn join(&mut self, fx: &mut Effects, place: Place, it: &Join) -> Result<(), No> {
        let agent = self.agent(place);
        if agent.is_busy() {
            return Err(No::new(RefusalCode::AgentBusy));
        }
        let name = agent.card.agent.clone();
        let who = Guesser { agent: &name, address: fx.address(agent.conn) };
        if let Err(TooMany { left, news }) = self.wrong_keys.may_try(who, fx.now) {
            fx.counts.too_many_tries += 1;
            if news {
                fx.event(Event::TooManyTries { group: self.id.clone(), agent: name });
            }
            return Err(No::wait(left));
        }
        let (at_risk, values) = (self.keys.at_risk(it.key.length()), self.keys.values());
        let must_ask = self.wrong_keys.must_ask(at_risk, values, fx.now, &fx.policy);
        let found = self.keys.find(&it.key);
        // If the key is wrong, the same is asked about another session.
        let allowed = self.may_enter(found.session, place);
        let Some(id) = found.hit().filter(|_| allowed) else {
            self.wrong_keys.count(who, at_risk, fx.now, &fx.policy);
            fx.counts.wrong_keys += 1;
            fx.event(Event::WrongKey { group: self.id.clone(), agent: name });
            if self.wrong_keys.steps_up(at_risk, values, fx.now, &fx.policy) {
                fx.event(Event::StepUp { group: self.id.clone() });
            }
            return Err(No::new(RefusalCode::NoSuchKey));
        };
        let confirm = self.config.confirm_join;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(No::new(RefusalCode::NoSuchKey));
        };
        // For good: whoever hit this key by guessing knows it from now on, also when the guesses
        // before are forgotten.
        session.confirm |= confirm || must_ask;
        let (confirm, asked) = (session.confirm, session.waiting.is_some());
        if self.is_full_for(fx, id, place) {
            Err(No::new(RefusalCode::SessionFull))
        } else if asked {
            Err(No::new(RefusalCode::VisitorBusy))
        } else if confirm {
            self.ask_to_let_in(fx, id, place, it.re);
            Ok(())
        } else {
            self.let_in(fx, id, place, it.re);
            Ok(())
        }
    }

    /// Whether an agent may come into this session with its key: it was not removed or declined there,
    /// and its token allows keys and this visitor.
    fn may_enter(&mut self, id: Option<SessionId>, place: Place) -> bool {
        let Some(session) = id.and_then(|id| self.sessions.get(&id)) else { return false };
        let visitor = session.name.clone();
        let agent = self.agents.get(&place).map(|agent| &agent.card.agent);
        let barred = agent.is_none_or(|agent| session.barred.contains(agent));
        let keys = self.agent(place).sign_in.rights.manual_keys;
        // Without a shortcut, so that the time tells nothing.
        self.may_see(place, visitor.as_ref()) & keys & !barred
    }

    /// Whether a session has as many guests as it may have with this one more.
    fn is_full_for(&self, fx: &Effects, id: SessionId, place: Place) -> bool {
        self.sessions.get(&id).is_none_or(|session| {
            let most = self.most_guests(fx, session.guests.iter().copied().chain([place]));
            session.count() >= most
        })
    }

    /// The agent waits from now on, and the visitor is asked.
    fn ask_to_let_in(&mut self, fx: &mut Effects, id: SessionId, agent: Place, re: RequestId) {
        let join = JoinId::new(self.next_number());
        let patience = fx.policy.terms_unanswered;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // The key is in use as long as somebody waits.
        fx.timers.cancel(session.timer.take());
        let timer = fx.set_timer(patience, Due::JoinUnanswered(self.index, id));
        let expires = fx.now + patience;
        session.waiting = Some(Waiting { join, re, agent, expires, timer });
        let visitor = session.visitor;
        let waiting = self.agent(agent);
        waiting.joining = Some(id);
        let (conn, card) = (waiting.conn, waiting.card.clone());
        fx.counts.joins_asked += 1;
        fx.event(Event::JoinRequested {
            group: self.id.clone(),
            session: id,
            join,
            name: Box::from(card.name()),
            agent: card.agent,
        });
        fx.tell_agent(conn, JoinWaiting { re, expires_ms: millis(patience) });
        if let Some(requested) = self.join_requested(fx, id) {
            let conn = self.visitor(visitor).conn;
            fx.tell_visitor(conn, requested);
        }
    }

    /// The agent is in the session from now on.
    fn let_in(&mut self, fx: &mut Effects, id: SessionId, place: Place, re: RequestId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.guests.push(place);
        session.claimed = true;
        fx.timers.cancel(session.timer.take());
        self.agent(place).view = Some(id);
        self.guest_is_in(fx, id, place, Some(re));
        match self.config.key_use {
            KeyUse::Session => {}
            KeyUse::Once => self.burn_key(fx, id),
        }
    }

    /// The key of a session opens it no more. The session goes on.
    fn burn_key(&mut self, fx: &mut Effects, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id)
            && let Some(key) = session.live_key()
        {
            session.burned = true;
            self.keys.retire(&key, fx.now, &fx.policy);
            fx.counts.keys_burned += 1;
            fx.event(Event::KeyBurned { group: self.id.clone(), session: id });
        }
    }

    pub(crate) fn join_confirmed(
        &mut self,
        fx: &mut Effects,
        place: Place,
        join: JoinId,
    ) -> Result<(), No> {
        let Some(id) = self.is_asked_about(place, join) else { return Ok(()) };
        self.check(place, Trigger::Confirm)?;
        may_record(fx)?;
        let Some(over) = self.take_waiting(fx, id) else { return Ok(()) };
        fx.counts.joins_confirmed += 1;
        fx.event(Event::JoinConfirmed { group: self.id.clone(), session: id, join });
        // What the token allows may have changed since the agent was asked about.
        if !self.may_enter(Some(id), over.agent) {
            self.turn_away_from(fx, id, &over, RefusalCode::SessionGone);
        } else if self.is_full_for(fx, id, over.agent) {
            self.turn_away_from(fx, id, &over, RefusalCode::SessionFull);
        } else {
            self.agent(over.agent).heard.answer(over.re, None);
            self.let_in(fx, id, over.agent, over.re);
        }
        Ok(())
    }

    /// The visitor does not know this agent, who knew the key: nobody else shall come in with it.
    pub(crate) fn join_declined(
        &mut self,
        fx: &mut Effects,
        place: Place,
        join: JoinId,
    ) -> Result<(), No> {
        let Some(id) = self.is_asked_about(place, join) else { return Ok(()) };
        self.check(place, Trigger::Refuse)?;
        let Some(over) = self.take_waiting(fx, id) else { return Ok(()) };
        fx.counts.joins_declined += 1;
        fx.event(Event::JoinDeclined { group: self.id.clone(), session: id, join });
        let name = self.agent(over.agent).card.agent.clone();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.barred.insert(name);
        }
        self.burn_key(fx, id);
        self.turn_away_from(fx, id, &over, RefusalCode::JoinDeclined);
        self.end_if_nobody_can_come(fx, id);
        Ok(())
    }

    /// The session of this visitor in which this join waits. If there is none, whatever the visitor
    /// says about it is late and means nothing.
    fn is_asked_about(&mut self, place: Place, join: JoinId) -> Option<SessionId> {
        let id = self.visitor(place).session()?;
        let waiting = self.sessions.get(&id)?.waiting.as_ref()?;
        (waiting.join == join).then_some(id)
    }

    /// The visitor did not answer in time: that is a no, but burns nothing.
    pub(crate) fn join_expired(&mut self, fx: &mut Effects, id: SessionId) {
        self.withdraw_join(fx, id, RefusalCode::NoAnswer, WithdrawReason::Expired);
    }

    /// The agent does not want to wait any more. Nothing happens if it does not wait.
    pub(crate) fn cancel_join(&mut self, fx: &mut Effects, place: Place) {
        if let Some(id) = self.agent(place).joining {
            self.withdraw_join(fx, id, RefusalCode::Cancelled, WithdrawReason::Agent);
        }
    }

    /// The agent is gone for good.
    pub(crate) fn lose_join_of_agent(&mut self, fx: &mut Effects, place: Place, why: Departure) {
        if let Some(id) = self.agent(place).joining {
            let (code, reason) = match why {
                Departure::Shutdown => (RefusalCode::ShuttingDown, WithdrawReason::Shutdown),
                Departure::Left
                | Departure::Lost
                | Departure::Policy
                | Departure::SignInExpired => (RefusalCode::Cancelled, WithdrawReason::AgentLost),
            };
            self.withdraw_join(fx, id, code, reason);
        }
    }

    /// Nothing new begins any more, so nobody waits for it.
    pub(crate) fn drain_joins(&mut self, fx: &mut Effects) {
        let waiting = self.sessions.iter().filter(|(_, session)| session.waiting.is_some());
        let waiting: Vec<SessionId> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.withdraw_join(fx, id, RefusalCode::ShuttingDown, WithdrawReason::Shutdown);
        }
    }

    /// An agent was removed from a session, or may do less: if it waits to be let in there and may not
    /// come in any more, it waits no more.
    pub(crate) fn remove_waiting(&mut self, fx: &mut Effects, id: SessionId) {
        let waiting = self.sessions.get(&id).and_then(|session| session.waiting.as_ref());
        let agent = waiting.map(|waiting| waiting.agent);
        if agent.is_some_and(|agent| !self.may_enter(Some(id), agent)) {
            self.withdraw_join(fx, id, RefusalCode::SessionGone, WithdrawReason::Agent);
        }
    }

    /// Ends the wait without an answer of the visitor, in a session that goes on.
    fn withdraw_join(
        &mut self,
        fx: &mut Effects,
        id: SessionId,
        code: RefusalCode,
        reason: WithdrawReason,
    ) {
        let Some(over) = self.take_waiting(fx, id) else { return };
        let join = over.join;
        fx.counts.joins_unanswered += 1;
        fx.event(Event::JoinEnded { group: self.id.clone(), session: id, join, reason });
        self.asked_in_vain(id, over.agent, fx.policy.joins_in_vain);
        self.turn_away_from(fx, id, &over, code);
        if let Some(session) = self.sessions.get(&id) {
            let withdrawn = JoinWithdrawn { join, reason };
            let visitor = self.visitor(session.visitor);
            visitor.doings().join_over = Some(withdrawn);
            let conn = visitor.conn;
            fx.tell_visitor(conn, withdrawn);
        }
    }

    /// The visitor was asked about this agent and did not answer. After the last time that is allowed
    /// the agent is kept out of the session, so that the key is a wrong one for it.
    fn asked_in_vain(&mut self, id: SessionId, agent: Place, limit: u32) {
        let name = self.agent(agent).card.agent.clone();
        if let Some(session) = self.sessions.get_mut(&id) {
            let times = session.in_vain.entry(name.clone()).or_default();
            *times += 1;
            if *times >= limit {
                session.barred.insert(name);
            }
        }
    }

    /// Nobody waits in this session any more.
    fn take_waiting(&mut self, fx: &mut Effects, id: SessionId) -> Option<Waiting> {
        let over = self.sessions.get_mut(&id)?.waiting.take()?;
        fx.timers.cancel(Some(over.timer));
        self.agent(over.agent).joining = None;
        Some(over)
    }

    /// Answers the agent who waited, and lets the key wait for somebody else if it is still good
    /// and nobody has come yet.
    fn turn_away_from(
        &mut self,
        fx: &mut Effects,
        id: SessionId,
        over: &Waiting,
        code: RefusalCode,
    ) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.live_key().is_some()
            && !session.claimed
        {
            let due = Due::KeyUnclaimed(self.index, id);
            session.timer = Some(fx.set_timer(fx.policy.key_unclaimed, due));
        }
        self.answer_waiting(fx, over, code);
    }

    /// The session is over, and so is the wait: the end of the session says so to everybody but the
    /// agent who waited.
    pub(crate) fn session_of_waiting_gone(&mut self, fx: &mut Effects, over: &Waiting) {
        fx.timers.cancel(Some(over.timer));
        self.agent(over.agent).joining = None;
        fx.counts.joins_unanswered += 1;
        self.answer_waiting(fx, over, RefusalCode::SessionGone);
    }

    fn answer_waiting(&mut self, fx: &mut Effects, over: &Waiting, code: RefusalCode) {
        let agent = self.agent(over.agent);
        agent.heard.answer(over.re, Some(code));
        if let Some(conn) = agent.conn {
            fx.refuse(conn, over.re, No::new(code));
        }
    }

    /// Whether this request of an agent is a join that waits, so that it is not answered yet.
    pub(crate) fn is_waiting_with(&mut self, place: Place, re: RequestId) -> bool {
        let id = self.agent(place).joining;
        let session = id.and_then(|id| self.sessions.get(&id));
        session.and_then(|it| it.waiting.as_ref()).is_some_and(|waiting| waiting.re == re)
    }

    /// A waiting join as the visitor is told it.
    pub(crate) fn join_requested(&self, fx: &Effects, id: SessionId) -> Option<JoinRequested> {
        let waiting = self.sessions.get(&id)?.waiting.as_ref()?;
        Some(JoinRequested {
            session: id,
            join: waiting.join,
            agent: self.agents.get(&waiting.agent)?.card.clone(),
            expires_ms: millis(waiting.expires.since(fx.now)),
        })
    }

    /// A waiting join as the snapshot of its agent tells it.
    pub(crate) fn join_waiting(&mut self, fx: &Effects, place: Place) -> Option<JoinWaiting> {
        let id = self.agent(place).joining?;
        let waiting = self.sessions.get(&id)?.waiting.as_ref()?;
        Some(JoinWaiting { re: waiting.re, expires_ms: millis(waiting.expires.since(fx.now)) })
    }
}
