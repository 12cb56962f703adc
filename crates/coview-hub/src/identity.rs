//! Who a visitor is, and what proves it.

use alloc::boxed::Box;

use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::Identify;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::effects::Effects;
use crate::event::Disbelief;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::proofs::VisitorPass;

impl Group {
    /// Whether the visitor is who it says; what proves it, if anything does. Nobody needs a proof
    /// to be believed, unless the group demands it or another device has proved the same id.
    pub(crate) fn believe_visitor(
        &mut self,
        fx: &Effects,
        place: Place,
        it: &Identify,
    ) -> Result<Option<VisitorPass>, Disbelief> {
        let Some(assertion) = &it.assertion else {
            let person = self.people.get(&it.visitor);
            let proven = person.is_some_and(|person| person.proven > 0);
            let needed = self.config.assertion_needed || (proven && !self.visitor(place).proven);
            return if needed { Err(Disbelief::Missing) } else { Ok(None) };
        };
        let pass = self.config.proofs.visitor(&self.id, assertion, fx.wall());
        let pass = pass.map_err(Disbelief::Proof)?;
        if pass.visitor != it.visitor {
            return Err(Disbelief::SomebodyElse);
        }
        match pass.once {
            // Said again by the device that said it first, it proves what it proved then.
            Some(once)
                if self.used_assertions.is_used(once, pass.expires)
                    && self.visitor(place).proof.as_deref() != Some(&once) =>
            {
                Err(Disbelief::UsedBefore)
            }
            Some(_) | None => Ok(Some(pass)),
        }
    }

    /// A visitor is who it says, or says so again. A newer proof takes the place of the one before;
    /// without one, what was proved stays proved.
    pub(crate) fn take_on(
        &mut self,
        fx: &mut Effects,
        place: Place,
        name: &VisitorId,
        proof: Option<VisitorPass>,
    ) {
        if let Some(VisitorPass { once: Some(once), expires, .. }) = proof {
            let most = fx.policy.one_use_tokens;
            self.used_assertions.note(once, expires, fx.wall(), most);
        }
        let visitor = self.visitor(place);
        let new = visitor.id.replace(name.clone()).is_none();
        let newly_proven = proof.is_some() && !visitor.proven;
        visitor.proven |= newly_proven;
        if let Some(proof) = &proof {
            fx.counts.assertions_accepted += 1;
            visitor.proof = proof.once.map(Box::new);
        }
        let proven = visitor.proven;
        let person = self.people.get_or_insert_default(name);
        person.devices += u32::from(new);
        person.proven += u32::from(newly_proven);
        if new || newly_proven {
            fx.event(Event::Identified {
                group: self.id.clone(),
                client: place,
                visitor: name.clone(),
                proven,
                devices: person.devices,
            });
        }
    }

    /// A yes that cannot be recorded is none: the request is over, and the agent may ask again.
    pub(crate) fn accept_unrecorded(&mut self, fx: &mut Effects, place: Place, ask: AskId) {
        if self.visitor(place).ask() == Some(ask) {
            self.end_ask(fx, ask, AskOutcome::Lost, Some(WithdrawReason::Shutdown));
        }
    }

    /// The start of an accepted session cannot be recorded, so the session never begins.
    pub(crate) fn start_unrecorded(&mut self, fx: &mut Effects, place: Place) {
        if let Some(id) = self.visitor(place).session()
            && self.sessions.get(&id).is_some_and(|session| session.consent.is_none())
        {
            self.end_session(fx, id, EndReason::Policy, true);
        }
    }
}
