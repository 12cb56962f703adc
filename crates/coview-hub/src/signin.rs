//! What an agent's token proves: how long it lasts, what it allows, what follows when it expires.

use alloc::boxed::Box;
use alloc::vec::Vec;

use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::Renew;
use coview_wire::Renewed;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::effects::Effects;
use crate::event::Departure;
use crate::event::Disbelief;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::io::ConnId;
use crate::no::No;
use crate::presence::Scope;
use crate::presence::Watchers;
use crate::presence::Watching;
use crate::proofs::AgentPass;
use crate::proofs::ProofError;
use crate::timer::Due;
use crate::timer::TimerId;

/// The sign-in of one agent's place.
#[derive(Clone)]
pub(crate) struct SignIn {
    pub(crate) rights: AgentRights,
    pub(crate) expires: UnixTime,
    /// When that is looked at. There is none once the sign-in is over.
    pub(crate) timer: Option<TimerId>,
}

impl SignIn {
    pub(crate) fn new(fx: &mut Effects, due: Due, rights: AgentRights, expires: UnixTime) -> Self {
        Self { rights, expires, timer: Some(fx.set_wall_timer(expires, due)) }
    }

    /// The token has expired and was not renewed.
    const fn is_over(&self) -> bool {
        self.timer.is_none()
    }

    pub(crate) fn take_timer(&mut self) -> Option<TimerId> {
        self.timer.take()
    }

    /// How much of what an agent wants to watch it is told about.
    pub(crate) fn scope(&self, wish: &Watching) -> Option<Scope> {
        if self.is_over() {
            return None;
        }
        match (wish, &self.rights.visitors) {
            (Watching::Everybody, None) => Some(Scope::Everybody),
            (Watching::Everybody, Some(visitors)) => {
                let mut visitors = visitors.clone();
                visitors.sort();
                visitors.dedup();
                Some(Scope::These(visitors.into()))
            }
            (Watching::One(visitor), _) => {
                self.rights.allows(visitor).then(|| Scope::These(Box::from([visitor.clone()])))
            }
        }
    }
}

/// How long something lasts from now, as messages tell it.
pub(crate) fn lasts_ms(fx: &Effects, expires: UnixTime) -> u64 {
    u64::try_from(expires.since(fx.wall()).as_millis()).unwrap_or(u64::MAX)
}

/// The answer to a token that is not believed. It tells less than the record does.
pub(crate) const fn token_code(why: Disbelief) -> RefusalCode {
    match why {
        Disbelief::Proof(ProofError::Expired) => RefusalCode::TokenExpired,
        Disbelief::UsedBefore => RefusalCode::TokenUsed,
        Disbelief::Proof(ProofError::Bad | ProofError::NotYet | ProofError::TooLong)
        | Disbelief::Missing
        | Disbelief::SomebodyElse
        | Disbelief::NotLonger => RefusalCode::BadToken,
    }
}

/// The answer to an assertion that is not believed.
pub(crate) const fn assertion_code(why: Disbelief) -> RefusalCode {
    match why {
        Disbelief::Missing => RefusalCode::AssertionNeeded,
        Disbelief::Proof(ProofError::Expired) => RefusalCode::TokenExpired,
        Disbelief::UsedBefore => RefusalCode::TokenUsed,
        Disbelief::Proof(ProofError::Bad | ProofError::NotYet | ProofError::TooLong)
        | Disbelief::SomebodyElse
        | Disbelief::NotLonger => RefusalCode::BadAssertion,
    }
}

/// Whether a client that is refused so has shown a proof that is not accepted. One who does that
/// often is cut off: each look at a signature costs more than any other message.
pub(crate) const fn is_disbelief(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::BadToken
            | RefusalCode::TokenExpired
            | RefusalCode::TokenUsed
            | RefusalCode::AssertionNeeded
            | RefusalCode::BadAssertion
    )
}

impl Group {
    /// Whom this token is of. One that may be used once is not used by this alone; see
    /// [`token_is_used`](Self::token_is_used).
    pub(crate) fn believe_agent(
        &self,
        token: &AgentToken,
        now: UnixTime,
    ) -> Result<AgentPass, Disbelief> {
        let pass = self.config.proofs.agent(&self.id, token, now).map_err(Disbelief::Proof)?;
        if pass.expires <= now {
            return Err(Disbelief::Proof(ProofError::Expired));
        }
        match pass.once {
            Some(once) if self.used_tokens.is_used(once, pass.expires) => {
                Err(Disbelief::UsedBefore)
            }
            Some(_) | None => Ok(pass),
        }
    }

    /// Something came of this token: if it may be used once, it is used up.
    pub(crate) fn token_is_used(&mut self, fx: &Effects, pass: &AgentPass) {
        if let Some(once) = pass.once {
            let most = fx.policy.one_use_tokens;
            self.used_tokens.note(once, pass.expires, fx.wall(), most);
        }
    }

    /// An agent shows a newer token, which takes the place of the one before with all it allows.
    /// A session that runs goes on, also with a visitor the newer token does not name; and the agent
    /// keeps the name it signed in with, which is the one that was consented to.
    pub(crate) fn renew(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        it: &Renew,
    ) -> Result<(), No> {
        let believed = self.believe_agent(&it.token, fx.wall()).and_then(|pass| {
            let agent = self.agent(place);
            if pass.card.agent != agent.card.agent {
                Err(Disbelief::SomebodyElse)
            } else if pass.expires < agent.sign_in.expires {
                Err(Disbelief::NotLonger)
            } else {
                Ok(pass)
            }
        });
        let pass = match believed {
            Ok(pass) => pass,
            Err(why) => {
                let code = token_code(why);
                fx.counts.refused_tokens += 1;
                fx.event(Event::TokenRefused {
                    conn,
                    group: self.id.clone(),
                    client: Some(place),
                    code,
                    why,
                });
                return Err(No::new(code));
            }
        };
        self.token_is_used(fx, &pass);
        let AgentPass { rights, expires, .. } = pass;
        let due = Due::SignInOver(self.index, place);
        let newer = SignIn::new(fx, due, rights.clone(), expires);
        let agent = self.agent(place);
        let mut older = core::mem::replace(&mut agent.sign_in, newer);
        let sees_others = older.is_over() || older.rights.visitors != rights.visitors;
        fx.timers.cancel(older.take_timer());
        let (id, asked) = (agent.card.agent.clone(), agent.ask);
        self.overdue.remove(&place);
        fx.counts.agents_renewed += 1;
        fx.event(Event::AgentRenewed {
            group: self.id.clone(),
            client: place,
            agent: id,
            expires,
            rights: rights.clone().into(),
        });
        let expires_ms = lasts_ms(fx, expires);
        fx.tell_agent(Some(conn), Renewed { re: it.re, expires_ms, rights });
        // Before anything ends that a card could tell about.
        self.rescope(place);
        if let Some(ask) = asked
            && !self.ask_facts(fx, ask).is_some_and(|ask| self.may_see(place, Some(&ask.visitor)))
        {
            self.withdraw(fx, place, Some(ask));
        }
        if let Some(joining) = self.agent(place).joining {
            self.remove_waiting(fx, joining);
        }
        if sees_others {
            self.send_roster(fx, place, None);
        }
        Ok(())
    }

    /// The wall clock has come to where an agent's token expires, or was thought to come there.
    pub(crate) fn sign_in_over(&mut self, fx: &mut Effects, place: Place) {
        let agent = self.agent(place);
        let expires = agent.sign_in.expires;
        if fx.wall() < expires {
            let due = Due::SignInOver(self.index, place);
            self.agent(place).sign_in.timer = Some(fx.set_wall_timer(expires, due));
            return;
        }
        fx.timers.cancel(agent.sign_in.take_timer());
        let name = agent.card.agent.clone();
        fx.counts.sign_ins_expired += 1;
        let group = self.id.clone();
        fx.event(Event::SignInExpired { group, client: place, agent: name });
        // Who is online is no business of somebody who only finishes a session.
        self.rescope(place);
        if self.config.expiry_ends_sessions || !self.agent(place).is_busy() {
            self.agent_departs(fx, place, Departure::SignInExpired);
        } else {
            self.overdue.insert(place);
            self.send_roster(fx, place, None);
        }
    }

    /// The wall clock was set: what expires by it is due at other moments.
    pub(crate) fn clock_set(&mut self, fx: &mut Effects) {
        let places: Vec<Place> = self.agents.keys().copied().collect();
        for place in places {
            let index = self.index;
            let agent = self.agent(place);
            let before = agent.sign_in.take_timer();
            let expires = agent.sign_in.expires;
            if fx.wall() < expires {
                let timer = fx.set_wall_timer(expires, Due::SignInOver(index, place));
                self.agent(place).sign_in.timer = Some(timer);
                if before.is_none() {
                    self.overdue.remove(&place);
                    self.rescope(place);
                    self.send_roster(fx, place, None);
                }
            } else if before.is_some() {
                self.sign_in_over(fx, place);
            }
            fx.timers.cancel(before);
        }
    }

    /// Sends away who stayed only to finish something, and has finished it.
    pub(crate) fn send_idle_away(&mut self, fx: &mut Effects) {
        let overdue: Vec<Place> = self.overdue.iter().copied().collect();
        for place in overdue {
            if !self.agent(place).is_busy() {
                self.agent_departs(fx, place, Departure::SignInExpired);
            }
        }
        if !fx.draining {
            return;
        }
        let idle = self.agents.iter().filter(|(_, agent)| !agent.is_busy());
        let idle: Vec<Place> = idle.map(|(place, _)| *place).collect();
        for place in idle {
            self.agent_departs(fx, place, Departure::Shutdown);
        }
        let idle = self.visitors.iter().filter(|(_, visitor)| visitor.session().is_none());
        let idle: Vec<Place> = idle.map(|(place, _)| *place).collect();
        for place in idle {
            self.visitor_departs(fx, place, Departure::Shutdown);
        }
    }

    /// A no to an agent who may begin nothing new: the sign-in is over, or nobody may.
    pub(crate) fn may_begin(&mut self, fx: &mut Effects, place: Place) -> Result<(), No> {
        if self.agent(place).sign_in.is_over() {
            return Err(No::new(RefusalCode::SignInExpired));
        }
        may_record(fx)
    }

    /// A no to an agent whose token does not allow this verb.
    fn not_allowed(&mut self, fx: &mut Effects, place: Place, verb: &'static str) -> No {
        fx.counts.not_allowed += 1;
        let agent = self.agent(place).card.agent.clone();
        fx.event(Event::NotAllowed { group: self.id.clone(), client: place, agent, verb });
        No::new(RefusalCode::NotAllowed)
    }

    /// Whether an agent's token lets it see this visitor; one without an id only if it names none.
    pub(crate) fn may_see(&mut self, place: Place, visitor: Option<&VisitorId>) -> bool {
        let rights = &self.agent(place).sign_in.rights;
        match visitor {
            Some(visitor) => rights.allows(visitor),
            None => rights.visitors.is_none(),
        }
    }

    /// A no to an agent who may not watch this.
    pub(crate) fn may_watch(
        &mut self,
        fx: &mut Effects,
        place: Place,
        visitor: Option<&VisitorId>,
    ) -> Result<(), No> {
        if self.agent(place).sign_in.is_over() {
            return Err(No::new(RefusalCode::SignInExpired));
        }
        match visitor {
            Some(visitor) if !self.may_see(place, Some(visitor)) => {
                Err(self.not_allowed(fx, place, "watch"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A no to an agent who may not ask this visitor now. Whether the visitor is online is looked at
    /// later, so it tells nothing about that.
    pub(crate) fn may_ask(
        &mut self,
        fx: &mut Effects,
        place: Place,
        visitor: &VisitorId,
    ) -> Result<(), No> {
        self.may_begin(fx, place)?;
        if self.may_see(place, Some(visitor)) {
            Ok(())
        } else {
            Err(self.not_allowed(fx, place, "ask"))
        }
    }

    /// A no to an agent who may not try a key at all. Whose key it is comes later, with
    /// [`may_see`](Self::may_see).
    pub(crate) fn may_try_key(&mut self, fx: &mut Effects, place: Place) -> Result<(), No> {
        self.may_begin(fx, place)?;
        if self.agent(place).sign_in.rights.manual_keys {
            Ok(())
        } else {
            Err(self.not_allowed(fx, place, "join"))
        }
    }

    /// A no to an agent who may see and nothing else.
    pub(crate) fn may_act(
        &mut self,
        fx: &mut Effects,
        place: Place,
        verb: &'static str,
    ) -> Result<(), No> {
        if self.agent(place).sign_in.rights.view_only {
            Err(self.not_allowed(fx, place, verb))
        } else {
            Ok(())
        }
    }

    /// How many agents may be in a session of these: the least that the policy and any of their
    /// tokens allow, and one at least.
    pub(crate) fn most_guests(&self, fx: &Effects, agents: impl IntoIterator<Item = Place>) -> u32 {
        let agents = agents.into_iter().filter_map(|place| self.agents.get(&place));
        let told = agents.filter_map(|agent| agent.sign_in.rights.max_guests);
        told.fold(fx.policy.max_guests, u32::min).max(1)
    }

    /// Nothing new begins any more. Requests end, and whoever is in no session goes.
    pub(crate) fn drain(&mut self, fx: &mut Effects) {
        // Nobody can be asked any more, so nobody needs to hear who goes offline.
        for agent in self.agents.values_mut() {
            agent.scope = None;
        }
        self.watchers = Watchers::default();
        while let Some((&ask, _)) = self.asks.first_key_value() {
            self.end_ask(fx, ask, AskOutcome::Lost, Some(WithdrawReason::Shutdown));
        }
        self.drain_joins(fx);
        let unstarted = self.sessions.iter().filter(|(_, session)| session.consent.is_none());
        let unstarted: Vec<SessionId> = unstarted.map(|(id, _)| *id).collect();
        for session in unstarted {
            self.end_session(fx, session, EndReason::Shutdown, true);
        }
        self.send_idle_away(fx);
    }
}

/// A no while nothing may begin that needs a record, or nothing at all.
pub(crate) fn may_record(fx: &mut Effects) -> Result<(), No> {
    if fx.draining {
        Err(No::new(RefusalCode::ShuttingDown))
    } else if fx.recorded {
        Ok(())
    } else {
        fx.counts.refused_unrecorded += 1;
        Err(No::new(RefusalCode::Unavailable))
    }
}
