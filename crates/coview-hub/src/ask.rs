//! One-click: an agent's request, from the question to its one outcome.

use alloc::boxed::Box;

use coview_lifecycle::table::Trigger;
use coview_wire::AskEnded;
use coview_wire::AskFacts;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::Asked;
use coview_wire::Moment;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::TermsOver;
use coview_wire::TermsRequested;
use coview_wire::TermsSeen;
use coview_wire::TermsWithdrawn;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::effects::Effects;
use crate::effects::millis;
use crate::event::Departure;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::no::No;
use crate::timer::Due;
use crate::timer::TimerId;

/// A request that waits for the visitor. When it ends it is taken out of the group, so it cannot
/// end twice.
#[derive(Clone)]
pub(crate) struct Ask {
    /// The `ask` message it came from.
    pub(crate) re: RequestId,
    pub(crate) agent: Place,
    /// The device it was sent to. It stays with this device, whatever the focus does.
    pub(crate) visitor: Place,
    pub(crate) name: VisitorId,
    pub(crate) displayed: bool,
    pub(crate) expires: Moment,
    pub(crate) timer: TimerId,
}

impl Group {
    /// An agent asks a visitor to share.
    pub(crate) fn ask(
        &mut self,
        fx: &mut Effects,
        agent: Place,
        it: coview_wire::Ask,
    ) -> Result<(), No> {
        if self.agent(agent).is_busy() {
            return Err(No::new(RefusalCode::AgentBusy));
        }
        let person = self.people.get(&it.visitor);
        let Some((person, device)) = person.and_then(|it| it.focus().map(|device| (it, device)))
        else {
            return Err(No::new(RefusalCode::NotOnline));
        };
        if person.busy() {
            return Err(No::new(RefusalCode::VisitorBusy));
        }
        let in_vain = person.asked_in_vain(&self.agents[&agent].card.agent);
        if in_vain.is_some_and(|it| {
            it.count(fx.now, fx.policy.asks_in_vain_window) >= fx.policy.asks_in_vain
        }) {
            const WORDS: &str = "this visitor was asked too often without a yes";
            return Err(No::because(RefusalCode::LimitExceeded, WORDS));
        }
        let ask = AskId::new(self.next_number());
        let patience = fx.policy.terms_unanswered;
        let timer = fx.set_timer(patience, Due::TermsUnanswered(self.index, ask));
        self.asks.insert(
            ask,
            Ask {
                re: it.re,
                agent,
                visitor: device,
                name: it.visitor.clone(),
                displayed: false,
                expires: fx.now + patience,
                timer,
            },
        );
        self.visitor(device).doings().ask = Some(ask);
        let asking = self.agent(agent);
        asking.ask = Some(ask);
        let (conn, name, agent) =
            (asking.conn, Box::from(asking.card.name()), asking.card.agent.clone());
        let (terms, language) = self.terms_shown();
        fx.counts.asked += 1;
        fx.event(Event::Asked {
            group: self.id.clone(),
            ask,
            name,
            agent,
            visitor: it.visitor.clone(),
            client: device,
            terms,
            language,
        });
        fx.tell_agent(conn, Asked { re: it.re, ask, expires_ms: millis(patience) });
        if let Some(requested) = self.terms_requested(fx, ask) {
            let conn = self.visitor(device).conn;
            fx.tell_visitor(conn, requested);
        }
        self.change_person(fx, &it.visitor, |dealings| dealings.asked = Some(ask));
        Ok(())
    }

    /// An agent takes a request back; without a number, the one that waits. A request that is over
    /// is not told about again: its end was on the way already.
    pub(crate) fn withdraw(&mut self, fx: &mut Effects, agent: Place, ask: Option<AskId>) {
        if let Some(own) = self.agent(agent).ask
            && ask.is_none_or(|ask| ask == own)
        {
            self.end_ask(fx, own, AskOutcome::Withdrawn, Some(WithdrawReason::Agent));
        }
    }

    pub(crate) fn terms_displayed(
        &mut self,
        fx: &mut Effects,
        place: Place,
        ask: AskId,
    ) -> Result<(), No> {
        if !self.is_asked(place, ask) {
            return Ok(());
        }
        self.check(place, Trigger::TermsDisplayed)?;
        if let Some(waiting) = self.asks.get_mut(&ask) {
            waiting.displayed = true;
            let agent = waiting.agent;
            let conn = self.agent(agent).conn;
            let (terms, language) = self.terms_shown();
            fx.event(Event::TermsDisplayed { group: self.id.clone(), ask, terms, language });
            fx.tell_agent(conn, TermsSeen { ask });
        }
        Ok(())
    }

    pub(crate) fn terms_declined(
        &mut self,
        fx: &mut Effects,
        place: Place,
        ask: AskId,
    ) -> Result<(), No> {
        if !self.is_asked(place, ask) {
            return Ok(());
        }
        self.check(place, Trigger::Decline)?;
        self.end_ask(fx, ask, AskOutcome::Declined, None);
        Ok(())
    }

    /// The visitor accepts. The request is over with the agent's *accepted*; the session it names
    /// begins when the visitor's `session_start` comes, which follows at once.
    pub(crate) fn terms_accepted(
        &mut self,
        fx: &mut Effects,
        place: Place,
        ask: AskId,
    ) -> Result<(), No> {
        if !self.is_asked(place, ask) {
            return Ok(());
        }
        self.check(place, Trigger::Accept)?;
        if let Some(agent) = self.asks.get(&ask).map(|waiting| waiting.agent) {
            let session = self.accept_session(fx, place, ask, agent);
            self.finish_ask(fx, ask, AskOutcome::Accepted, None, Some(session));
        }
        Ok(())
    }

    /// Whether this request waits for this device. If not, whatever the visitor says about it is
    /// late and means nothing.
    fn is_asked(&self, place: Place, ask: AskId) -> bool {
        self.asks.get(&ask).is_some_and(|waiting| waiting.visitor == place)
    }

    /// No answer came in time: that is a no.
    pub(crate) fn ask_expired(&mut self, fx: &mut Effects, ask: AskId) {
        self.end_ask(fx, ask, AskOutcome::Expired, Some(WithdrawReason::Expired));
    }

    /// The visitor is gone or offline: a request that waits for it is lost.
    pub(crate) fn lose_ask_of_visitor(&mut self, fx: &mut Effects, place: Place, why: Departure) {
        if let Some(ask) = self.visitor(place).ask() {
            let reason = match why {
                Departure::Shutdown => WithdrawReason::Shutdown,
                Departure::Left
                | Departure::Lost
                | Departure::Policy
                | Departure::SignInExpired => WithdrawReason::PresenceOver,
            };
            self.end_ask(fx, ask, AskOutcome::Lost, Some(reason));
        }
    }

    /// The agent is gone: a request of it is lost.
    pub(crate) fn lose_ask_of_agent(&mut self, fx: &mut Effects, place: Place, why: Departure) {
        if let Some(ask) = self.agent(place).ask {
            let reason = match why {
                Departure::Shutdown => WithdrawReason::Shutdown,
                Departure::Left
                | Departure::Lost
                | Departure::Policy
                | Departure::SignInExpired => WithdrawReason::AgentLost,
            };
            self.end_ask(fx, ask, AskOutcome::Lost, Some(reason));
        }
    }

    /// Ends a request in any way but *accepted*.
    pub(crate) fn end_ask(
        &mut self,
        fx: &mut Effects,
        ask: AskId,
        outcome: AskOutcome,
        withdrawn: Option<WithdrawReason>,
    ) {
        self.finish_ask(fx, ask, outcome, withdrawn, None);
    }

    fn finish_ask(
        &mut self,
        fx: &mut Effects,
        ask: AskId,
        outcome: AskOutcome,
        withdrawn: Option<WithdrawReason>,
        session: Option<SessionId>,
    ) {
        let Some(over) = self.asks.remove(&ask) else { return };
        fx.timers.cancel(Some(over.timer));
        let group = self.id.clone();
        let counts = &mut fx.counts;
        let (counter, event) = match (outcome, session) {
            (AskOutcome::Accepted, Some(session)) => {
                let (terms, language) = self.terms_shown();
                (
                    &mut counts.asks_accepted,
                    Event::Accepted { group, ask, session, terms, language },
                )
            }
            (AskOutcome::Declined, _) => {
                (&mut counts.asks_declined, Event::Declined { group, ask })
            }
            (AskOutcome::Withdrawn, _) => {
                (&mut counts.asks_withdrawn, Event::AskEnded { group, ask, outcome })
            }
            (AskOutcome::Expired, _) => {
                (&mut counts.asks_expired, Event::AskEnded { group, ask, outcome })
            }
            (AskOutcome::Busy, _) => {
                (&mut counts.asks_busy, Event::AskEnded { group, ask, outcome })
            }
            (AskOutcome::Lost | AskOutcome::Unknown | AskOutcome::Accepted, _) => {
                (&mut counts.asks_lost, Event::AskEnded { group, ask, outcome })
            }
        };
        *counter += 1;
        fx.event(event);

        let agent = self.agent(over.agent);
        let asking = agent.card.agent.clone();
        agent.ask = None;
        let ended = AskEnded { ask, outcome, session };
        agent.past().ask_ended = Some(ended);
        let conn = agent.conn;
        fx.tell_agent(conn, ended);

        let visitor = self.visitor(over.visitor);
        visitor.doings().ask = None;
        if let Some(reason) = withdrawn {
            visitor.doings().ask_over = Some(TermsOver { ask, reason });
            let conn = visitor.conn;
            fx.tell_visitor(conn, TermsWithdrawn { ask, reason });
        }
        visitor.tidy();
        let (now, window) = (fx.now, fx.policy.asks_in_vain_window);
        self.change_person(fx, &over.name, |dealings| {
            dealings.asked = None;
            if outcome == AskOutcome::Accepted {
                dealings.asked_in_vain.remove(&asking);
            } else {
                dealings.asked_in_vain.retain(|_, it| it.count(now, window) > 0);
                dealings.asked_in_vain.entry(asking).or_default().add(now, window);
            }
        });
    }

    /// What the record says about the terms: the version, which stands for one text, and the
    /// language.
    fn terms_shown(&self) -> (Box<str>, Option<Box<str>>) {
        let terms = &self.config.terms;
        (Box::from(terms.version()), terms.language().map(Box::from))
    }

    /// A waiting request as the visitor is told it.
    pub(crate) fn terms_requested(&mut self, fx: &Effects, ask: AskId) -> Option<TermsRequested> {
        let waiting = self.asks.get(&ask)?;
        Some(TermsRequested {
            ask,
            agent: self.agents.get(&waiting.agent)?.card.clone(),
            terms: self.config.terms.clone(),
            expires_ms: millis(waiting.expires.since(fx.now)),
        })
    }

    /// A waiting request as the snapshot of its agent tells it.
    pub(crate) fn ask_facts(&self, fx: &Effects, ask: AskId) -> Option<AskFacts> {
        let waiting = self.asks.get(&ask)?;
        Some(AskFacts {
            re: waiting.re,
            ask,
            visitor: waiting.name.clone(),
            displayed: waiting.displayed,
            expires_ms: millis(waiting.expires.since(fx.now)),
        })
    }
}
