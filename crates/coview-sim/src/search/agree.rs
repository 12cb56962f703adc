//! What must be so whenever nothing is under way: visitor, hub and agents know the same.

use std::collections::BTreeSet;

use coview_lifecycle::StateKind;
use coview_wire::AgentId;

use crate::checker::Rule;
use crate::search::joint::Joint;
use crate::search::joint::Who;
use crate::search::person::Glance;
use crate::town;

impl Joint {
    /// Holds a quiet state against rule 5.
    pub(super) fn agrees(&mut self) {
        if !self.is_quiet() {
            return;
        }
        let mut found = Vec::new();
        self.nobody_waits_for_nothing(&mut found);
        self.sessions_agree(&mut found);
        for (rule, how) in found {
            self.notes.checker.broken(rule, format!("when nothing is under way, {how}"));
        }
    }

    fn nobody_waits_for_nothing(&self, found: &mut Vec<(Rule, String)>) {
        if self.visitor.glance == Glance::Waiting {
            found.push((Rule::NotStuck, "the visitor waits for an answer".to_owned()));
        }
        for agent in &self.agents {
            if agent.glance == Glance::Waiting {
                found.push((Rule::NotStuck, format!("{} waits for an answer", agent.id)));
            }
        }
        let asked = matches!(
            self.visitor.glance,
            Glance::Visitor { state: StateKind::TermsRequested | StateKind::TermsShown, .. }
        );
        let waits = self.notes.checker.waiting_asks().count();
        if waits != usize::from(asked) {
            found.push((Rule::Agreement, format!("{waits} requests wait, asked {asked}")));
        }
    }

    fn sessions_agree(&self, found: &mut Vec<(Rule, String)>) {
        let live: Vec<_> = self.notes.checker.live_sessions().collect();
        let mut differs = |how: String| found.push((Rule::Agreement, how));
        if live.len() > 1 {
            differs(format!("{} sessions live", live.len()));
        }
        let hubs = live.first().map(|(session, facts)| (*session, sorted(&facts.guests)));
        match &self.visitor.glance {
            Glance::Visitor { state, session, agents, .. } => {
                let own = session.map(|session| (session, sorted(agents)));
                if own != hubs {
                    differs(format!("the visitor is {state} with {own:?}, the hub has {hubs:?}"));
                }
            }
            Glance::Gone => {
                if hubs.is_some() {
                    differs(format!("the visitor is gone, the hub has {hubs:?}"));
                }
            }
            Glance::Connecting | Glance::Agent { .. } | Glance::Waiting => {}
        }
        for (at, agent) in self.agents.iter().enumerate() {
            let Glance::Agent { session, agents, state } = &agent.glance else { continue };
            let own = town::agent_id(town::AGENTS[at]);
            let guest = hubs.as_ref().filter(|(_, guests)| guests.contains(&own)).cloned();
            let view = session.map(|session| (session, sorted(agents)));
            if view != guest {
                differs(format!("{} is {state} with {view:?}, the hub has {guest:?}", agent.id));
            }
        }
    }

    /// Whether nothing is under way and everybody is connected.
    fn is_quiet(&self) -> bool {
        [Who::Visitor, Who::Agent(0), Who::Agent(1)].into_iter().all(|who| self.is_settled(who))
    }
}

fn sorted(agents: &[AgentId]) -> BTreeSet<AgentId> {
    agents.iter().cloned().collect()
}
