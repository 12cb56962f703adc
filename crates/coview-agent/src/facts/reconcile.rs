//! After a reconnect one snapshot tells the truth, whatever was missed.

use coview_wire::AgentSnapshot;
use coview_wire::Answered;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::Joined;
use coview_wire::RefusalCode;

use crate::facts::Awaited;
use crate::facts::Facts;
use crate::facts::Waiting;
use crate::step::AskStatus;

impl Facts {
    /// Makes the facts agree with one snapshot of the truth, whatever was missed. What this side
    /// has given up meanwhile stays given up: the engine says so again to the server.
    pub(super) fn reconcile(&mut self, snapshot: AgentSnapshot) {
        self.reconcile_renewal(&snapshot);
        self.reconcile_watch(&snapshot);
        self.reconcile_answer(&snapshot);
        self.reconcile_joining(&snapshot);
        self.reconcile_ask(&snapshot);
        self.reconcile_view(snapshot);
    }

    /// A renewal whose answer was missed. What it granted does not stand in the snapshot, so a yes
    /// counts as unanswered: the app shows a token once more.
    fn reconcile_renewal(&mut self, snapshot: &AgentSnapshot) {
        let Some(re) = self.renewing else { return };
        match snapshot.answered.filter(|answered| answered.re == re) {
            Some(Answered { refused: Some(code), .. }) => self.refused(re, code.into()),
            Some(Answered { refused: None, .. }) => self.refused(re, RefusalCode::NoAnswer.into()),
            None if snapshot.seen.is_some_and(|seen| seen >= re) => {
                self.refused(re, RefusalCode::NoAnswer.into());
            }
            None => {}
        }
    }

    /// A watch whose answer was missed: it was refused, or only saying it again tells.
    fn reconcile_watch(&mut self, snapshot: &AgentSnapshot) {
        let Some(re) = self.watch.as_ref().filter(|watch| !watch.granted).map(|watch| watch.re)
        else {
            return;
        };
        match snapshot.answered.filter(|answered| answered.re == re) {
            Some(Answered { refused: Some(code), .. }) => self.refused(re, code.into()),
            Some(Answered { refused: None, .. }) | None => {
                self.rewatch = snapshot.seen.is_some_and(|seen| seen >= re);
            }
        }
    }

    fn reconcile_answer(&mut self, snapshot: &AgentSnapshot) {
        let Some(Waiting { re, answer: None, .. }) = self.waiting else { return };
        if let Some(held) = snapshot.joining.filter(|held| held.re == re) {
            return self.join_waits(held);
        }
        match snapshot.answered.filter(|answered| answered.re == re) {
            Some(Answered { refused: Some(code), .. }) => self.refused(re, code.into()),
            Some(Answered { refused: None, .. }) => self.granted_in(snapshot),
            // What was seen was answered, whatever the snapshot names as the last answer.
            None if snapshot.seen.is_some_and(|seen| seen >= re) => self.granted_in(snapshot),
            None => {}
        }
    }

    /// The request that is waited for was granted while nobody listened: what it was granted stands
    /// in the snapshot, or has ended since.
    fn granted_in(&mut self, snapshot: &AgentSnapshot) {
        let Some(Waiting { re, what, .. }) = &self.waiting else { return };
        let re = *re;
        match what {
            Awaited::Ask(_) => {
                let new = |ask: &AskId| self.last_ask != Some(*ask);
                let running = snapshot.ask.as_ref().filter(|facts| facts.re == re);
                let begun = snapshot.view.as_ref().and_then(|view| view.ask).filter(new);
                let ended = snapshot.ask_ended.map(|ended| ended.ask).filter(new);
                match (running, begun.or(ended)) {
                    (Some(facts), _) => self.asked(re, facts.ask, facts.expires_ms),
                    // It is over already; what became of it is told as the agent's next step.
                    (None, Some(ask)) => self.asked(re, ask, 0),
                    (None, None) => self.refused(re, RefusalCode::NoAnswer.into()),
                }
            }
            Awaited::View | Awaited::Knock => match &snapshot.view {
                Some(view) if view.ask.is_none() => {
                    self.joined(Joined { re: Some(re), view: view.clone() });
                }
                Some(_) | None => self.refused(re, RefusalCode::SessionGone.into()),
            },
        }
    }

    /// The join that waited for the visitor when the connection broke.
    fn reconcile_joining(&mut self, snapshot: &AgentSnapshot) {
        let Some(joining) = self.joining.as_ref().filter(|it| it.result.is_none()) else { return };
        let re = joining.re;
        let refused = snapshot.answered.filter(|it| it.re == re).and_then(|it| it.refused);
        match (snapshot.joining.filter(|held| held.re == re), refused, &snapshot.view) {
            (Some(held), _, _) => self.join_waits(held),
            (None, Some(code), _) => self.kept_out(code),
            (None, None, Some(view)) if view.ask.is_none() => self.let_in(re, view.clone()),
            // Let in, and over since; or the server has forgotten the agent.
            (None, None, _) => self.kept_out(match snapshot.view_ended {
                Some(_) => RefusalCode::SessionGone,
                None => RefusalCode::NoAnswer,
            }),
        }
    }

    fn reconcile_ask(&mut self, snapshot: &AgentSnapshot) {
        let Some(asking) = self.ask.as_mut().filter(|asking| asking.over.is_none()) else { return };
        let ask = asking.ask;
        if let Some(facts) = snapshot.ask.as_ref().filter(|facts| facts.ask == ask) {
            asking.expires_ms = facts.expires_ms;
            if facts.displayed {
                self.changed.status |= asking.comes_to(AskStatus::Displayed);
            }
            return;
        }
        if let Some(view) = snapshot.view.as_ref().filter(|view| view.ask == Some(ask)) {
            self.ask_ended(ask, AskOutcome::Accepted, Some(view.session));
            return;
        }
        match snapshot.ask_ended.filter(|ended| ended.ask == ask) {
            Some(ended) => {
                self.ask_ended(ask, ended.outcome, ended.session);
                if let Some(view) = snapshot.view_ended {
                    self.end_view(Some(view.session), view.reason);
                }
            }
            // A session that was joined already ends as a session.
            None if self.is_accepted() && self.view.is_some() => {}
            None => self.end_ask(Some(ask), AskOutcome::Lost),
        }
    }

    fn reconcile_view(&mut self, snapshot: AgentSnapshot) {
        match (&self.view, snapshot.view) {
            (Some(view), Some(facts)) if view.session == facts.session => {
                self.guests_are(facts.session, facts.count, facts.guests);
            }
            (Some(view), other) => {
                let session = view.session;
                let reason = snapshot
                    .view_ended
                    .filter(|ended| ended.session == session)
                    .map_or(EndReason::AgentLost, |ended| ended.reason);
                self.end_view(Some(session), reason);
                if let Some(facts) = other {
                    self.joined(Joined { re: None, view: facts });
                }
            }
            (None, Some(facts)) => self.joined(Joined { re: None, view: facts }),
            (None, None) => {}
        }
    }
}
