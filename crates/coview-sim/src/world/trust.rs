//! Papers, the wall clock, and a hub that drains.

use core::time::Duration;

use coview_lifecycle::Command;
use coview_lifecycle::Identity;
use coview_wire::AgentToken;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::checker::Seen;
use crate::client::AgentNo;
use crate::client::VisitorNo;
use crate::coverage::FaultKind;
use crate::coverage::Item;
use crate::device::Hand;
use crate::proofs::Claims;
use crate::proofs::NOON;
use crate::proofs::Paper;
use crate::proofs::Purpose;
use crate::world::Given;
use crate::world::World;

/// # Proofs
impl World {
    /// What the wall clock says, by which papers expire.
    #[must_use]
    pub fn wall(&self) -> UnixTime {
        let passed = self.now().since(coview_wire::Moment::ZERO);
        let at = NOON + passed;
        UnixTime::new(at.get().saturating_add_signed(self.skew))
    }

    /// Somebody sets the wall clock by so many seconds.
    pub fn set_clock(&mut self, by: i64) {
        self.skew = self.skew.saturating_add(by);
        let fault = if by < 0 { FaultKind::ClockBack } else { FaultKind::ClockForward };
        self.notes.reached(Item::Fault(fault));
        self.notes.network(format!("has its clock set by {by} s"));
        self.tell_wall();
    }

    pub(super) fn tell_wall(&mut self) {
        let now = self.wall();
        self.notes.see(Seen::Wall { now });
        self.hub_takes(None, coview_hub::Input::Wall { now });
    }

    /// An agent's console shows a newer token; false if the agent is not in its hands.
    pub fn renew(&mut self, no: AgentNo, paper: Paper) -> bool {
        let token = self.agent_token(no, paper);
        let Hand::Free(agent) = &mut self.agents[no.0].hand else { return false };
        agent.renew(token);
        self.notes.client(no.into(), format!("shows a newer token: {paper:?}"));
        self.give(no.into(), Given::Nothing);
        true
    }

    /// Starts the console of an agent who is gone again, once, with a token of its own.
    pub fn restart_agent_with(&mut self, no: AgentNo, paper: Paper) -> Option<AgentNo> {
        let token = self.agent_token(no, paper);
        let before = core::mem::replace(&mut self.agents[no.0].config.token, token);
        let came = self.restart_agent(no);
        self.agents[no.0].config.token = before;
        came
    }

    /// An agent's console is started and signs in with such a token.
    pub fn add_agent_with(&mut self, name: &str, group: &str, paper: Paper) -> AgentNo {
        let mut config = crate::town::agent(group, name);
        config.token = self.token(group, name, paper);
        self.add_agent(name, config)
    }

    /// Such a token of an agent, as of now.
    pub fn token(&mut self, group: &str, agent: &str, paper: Paper) -> AgentToken {
        agent_token(&self.claims(paper, Purpose::Agent, group, agent), paper)
    }

    /// Such an assertion of a visitor, as of now.
    ///
    /// # Panics
    ///
    /// If the ids are so long that no assertion holds them.
    pub fn proof(&mut self, group: &str, visitor: &str, paper: Paper) -> VisitorAssertion {
        let claims = self.claims(paper, Purpose::Visitor, group, visitor);
        let text = claims.text(paper == Paper::Forged);
        VisitorAssertion::new(text).expect("an assertion keeps the limits")
    }

    fn agent_token(&mut self, no: AgentNo, paper: Paper) -> AgentToken {
        if paper == Paper::Again
            && let Some(token) = self.tokens.get(&no)
        {
            return token.clone();
        }
        let group = self.agents[no.0].config.group.to_string();
        let name = self.notes.timeline.name_of(no.into()).to_owned();
        let token = self.token(&group, &name, paper);
        self.tokens.insert(no, token.clone());
        token
    }

    /// A visitor's app says who the visitor is, with such an assertion; false if that is not possible
    /// in the visitor's state.
    pub fn identify(&mut self, no: VisitorNo, id: VisitorId, paper: Paper) -> bool {
        let proof = self.assertion(no, &id, paper);
        let mut identity = Identity::new(id);
        if let Some(proof) = proof {
            identity = identity.with_assertion(proof);
        }
        self.command(no, Command::Identify(identity))
    }

    fn assertion(
        &mut self,
        no: VisitorNo,
        id: &VisitorId,
        paper: Paper,
    ) -> Option<VisitorAssertion> {
        match paper {
            Paper::Missing => return None,
            Paper::Again if self.assertions.contains_key(&no) => {
                return self.assertions.get(&no).cloned();
            }
            Paper::Again
            | Paper::Good(_)
            | Paper::Once(_)
            | Paper::ViewOnly(_)
            | Paper::OnlyOne(..)
            | Paper::NoKeys(_)
            | Paper::Alone(_)
            | Paper::Expired
            | Paper::Forged
            | Paper::OtherGroup
            | Paper::SomebodyElses
            | Paper::OtherPurpose => {}
        }
        let group = self.visitors[no.0].config.group.to_string();
        let proof = self.proof(&group, id.as_str(), paper);
        self.assertions.insert(no, proof.clone());
        Some(proof)
    }

    fn claims(&mut self, paper: Paper, purpose: Purpose, group: &str, who: &str) -> Claims {
        self.issued += 1;
        Claims::of(paper, purpose, group, who, self.wall(), self.issued)
    }

    /// How often what the rules of trust are about has happened, by name.
    #[must_use]
    pub fn trust_counts(&self) -> [(&'static str, u64); 7] {
        self.checker().trust_counts()
    }
}

/// # A hub that drains
impl World {
    /// The hub lets nothing new begin from now on, until it is started anew.
    pub fn drain_hub(&mut self) {
        if self.hub.is_some() && !self.drains {
            self.drains = true;
            self.notes.reached(Item::Fault(FaultKind::HubDrains));
            self.notes.hub("drains");
            self.hub_takes(None, coview_hub::Input::Drain);
            self.notes.see(Seen::Drained);
        }
    }

    /// A hub that drains is stopped, and another one takes its place.
    pub(crate) fn replace_drained_hub(&mut self) {
        if self.drains {
            self.stop_hub();
            self.start_hub();
        }
    }
}

/// A token for an agent who has none is one nobody made.
fn agent_token(claims: &Claims, paper: Paper) -> AgentToken {
    let forged = matches!(paper, Paper::Forged | Paper::Missing);
    AgentToken::new(claims.text(forged)).expect("a token keeps the limits")
}

/// Times for which papers are good in random stories: shorter than a story, or longer.
pub const LASTS: [Duration; 3] =
    [Duration::from_secs(20), Duration::from_secs(150), Duration::from_secs(100_000)];
