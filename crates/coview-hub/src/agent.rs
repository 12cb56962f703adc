//! What an agent may say.

use alloc::boxed::Box;

use coview_wire::AgentCard;
use coview_wire::AgentMessage;
use coview_wire::AgentResumed;
use coview_wire::AgentSnapshot;
use coview_wire::AskEnded;
use coview_wire::AskId;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::Pong;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::ViewEnded;
use coview_wire::ViewerId;

use crate::effects::Effects;
use crate::effects::Heard;
use crate::effects::Peer;
use crate::effects::Secret;
use crate::event::Departure;
use crate::event::Event;
use crate::event::Place;
use crate::group::Group;
use crate::io::ConnId;
use crate::kept::Worth;
use crate::no::No;
use crate::presence::Scope;
use crate::presence::Watching;
use crate::signin::SignIn;
use crate::signin::is_disbelief;

/// The place of one signed-in agent. One agent id may have several, such as two browser tabs.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) secret: Secret,
    pub(crate) conn: Option<ConnId>,
    pub(crate) card: AgentCard,
    pub(crate) heard: Heard,
    pub(crate) sign_in: SignIn,
    /// What the agent wants to watch.
    pub(crate) watching: Option<Watching>,
    /// What it is told of that.
    pub(crate) scope: Option<Scope>,
    pub(crate) ask: Option<AskId>,
    /// The session the agent waits to be let into.
    pub(crate) joining: Option<SessionId>,
    /// The session the agent is in, or waits for after *accepted*.
    pub(crate) view: Option<SessionId>,
    /// The number under which its connection sees that session.
    pub(crate) viewer: Option<ViewerId>,
    pub(crate) past: Option<Box<Past>>,
}

/// What ended last, for the snapshot of a resume.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) ask_ended: Option<AskEnded>,
    pub(crate) view_ended: Option<ViewEnded>,
}

impl Agent {
    pub(crate) fn new(secret: Secret, conn: ConnId, card: AgentCard, sign_in: SignIn) -> Self {
        Self {
            secret,
            conn: Some(conn),
            card,
            heard: Heard::default(),
            sign_in,
            watching: None,
            scope: None,
            ask: None,
            joining: None,
            view: None,
            viewer: None,
            past: None,
        }
    }

    /// An agent has one request, one join or one session at a time.
    pub(crate) const fn is_busy(&self) -> bool {
        self.ask.is_some() || self.joining.is_some() || self.view.is_some()
    }

    /// How the session ended that it was in last.
    pub(crate) fn view_ended(&self) -> Option<ViewEnded> {
        self.past.as_ref().and_then(|past| past.view_ended)
    }

    pub(crate) fn past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }
}

/// Whether a message waits for an answer, and the number it has.
enum Numbered {
    Request(RequestId),
    Signal(RequestId),
}

impl Group {
    /// Handles one message of an agent.
    pub(crate) fn agent_says(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        message: AgentMessage,
    ) {
        const SIGNED_IN: No = No::because(RefusalCode::IllegalOrder, "already signed in");
        let numbered = match &message {
            AgentMessage::SignIn(it) => Numbered::Request(it.re),
            AgentMessage::Resume(it) => Numbered::Request(it.re),
            AgentMessage::Renew(it) => Numbered::Request(it.re),
            AgentMessage::Watch(it) => Numbered::Request(it.re),
            AgentMessage::Ask(it) => Numbered::Request(it.re),
            AgentMessage::Join(it) => Numbered::Request(it.re),
            AgentMessage::Unwatch(it) => Numbered::Signal(it.re),
            AgentMessage::Withdraw(it) => Numbered::Signal(it.re),
            AgentMessage::Leave(it) => Numbered::Signal(it.re),
            AgentMessage::EndSession(it) => Numbered::Signal(it.re),
            AgentMessage::Eject(it) => Numbered::Signal(it.re),
            AgentMessage::Ping(_) => {
                let seen = self.agent(place).heard.seen();
                return fx.tell_agent(Some(conn), Pong { seen });
            }
            AgentMessage::Bye(_) => return self.agent_departs(fx, place, Departure::Left),
        };
        let (Numbered::Request(re) | Numbered::Signal(re)) = numbered;
        if !self.agent(place).heard.note(re) {
            return;
        }
        let verdict = match message {
            AgentMessage::SignIn(_) | AgentMessage::Resume(_) => Err(SIGNED_IN),
            AgentMessage::Renew(it) => self.renew(fx, conn, place, &it),
            AgentMessage::Watch(it) => self.may_watch(fx, place, it.visitor.as_ref()).map(|()| {
                let what = it.visitor.map_or(Watching::Everybody, Watching::One);
                self.watch(place, Some(what));
                self.send_roster(fx, place, Some(it.re));
            }),
            AgentMessage::Unwatch(_) => {
                self.watch(place, None);
                Ok(())
            }
            AgentMessage::Ask(it) => self
                .may_ask(fx, place, &it.visitor)
                .and_then(|()| fx.may_begin(conn))
                .and_then(|()| self.ask(fx, place, it)),
            AgentMessage::Withdraw(it) => {
                self.withdraw(fx, place, it.ask);
                Ok(())
            }
            AgentMessage::Join(it) => {
                self.may_try_key(fx, place).and_then(|()| self.join(fx, place, &it))
            }
            AgentMessage::Leave(it) => {
                self.leave(fx, place, it.session);
                Ok(())
            }
            AgentMessage::EndSession(it) => {
                self.may_act(fx, place, "end").map(|()| self.agent_ends(fx, place, it.session))
            }
            AgentMessage::Eject(it) => self
                .may_act(fx, place, "eject")
                .map(|()| self.eject(fx, place, it.session, &it.agent)),
            // Both have returned above.
            AgentMessage::Ping(_) | AgentMessage::Bye(_) => Ok(()),
        };
        match (numbered, verdict) {
            // Answered when the visitor has.
            (Numbered::Request(re), Ok(())) if self.is_waiting_with(place, re) => {}
            (Numbered::Request(re), Ok(())) => self.agent(place).heard.answer(re, None),
            (Numbered::Request(re), Err(no)) => {
                self.agent(place).heard.answer(re, Some(no.code));
                let disbelieved = is_disbelief(no.code);
                fx.refuse(conn, re, no);
                if disbelieved && fx.count_problem(conn) {
                    self.agent_departs(fx, place, Departure::Policy);
                }
            }
            (Numbered::Signal(_), Ok(())) => {}
            (Numbered::Signal(re), Err(no)) => self.agent_problem(fx, conn, place, Some(re), no),
        }
    }

    /// Tells an agent that a message was not acted on, and ends its place if that was once too
    /// often.
    pub(crate) fn agent_problem(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        re: Option<RequestId>,
        no: No,
    ) {
        if let Some(re) = re {
            self.agent(place).heard.note(re);
        }
        if fx.problem(conn, re, no) {
            self.agent_departs(fx, place, Departure::Policy);
        }
    }

    /// The record of an agent whose place is known to exist: one named by an open connection, a
    /// request or a session.
    pub(crate) fn agent(&mut self, place: Place) -> &mut Box<Agent> {
        self.agents
            .get_mut(&place)
            .expect("a place stays as long as a connection, a request or a session names it")
    }

    fn watch(&mut self, place: Place, what: Option<Watching>) {
        self.agent(place).watching = what;
        self.rescope(place);
    }

    /// What an agent wants to watch, or may, has changed.
    pub(crate) fn rescope(&mut self, place: Place) {
        let agent = self.agent(place);
        let now = agent.watching.as_ref().and_then(|wish| agent.sign_in.scope(wish));
        let before = core::mem::replace(&mut agent.scope, now.clone());
        if let Some(before) = before {
            self.watchers.remove(place, &before);
        }
        if let Some(now) = now {
            self.watchers.add(place, &now);
        }
    }

    /// The connection of an agent broke. It stays a guest, and its request stays, for the grace.
    pub(crate) fn agent_lost(&mut self, fx: &mut Effects, place: Place) {
        let keep = fx.policy.resume_grace;
        fx.place_lost(Peer::Agent(self.index, place), Worth::Met, keep);
        self.viewer_leaves(fx, place);
        let agent = self.agent(place);
        agent.conn = None;
        let name = agent.card.agent.clone();
        fx.event(Event::AgentDropped { group: self.id.clone(), client: place, agent: name });
    }

    /// An agent took up its place on another connection.
    pub(crate) fn agent_resumes(
        &mut self,
        fx: &mut Effects,
        conn: ConnId,
        place: Place,
        re: RequestId,
    ) {
        self.viewer_leaves(fx, place);
        let agent = self.agent(place);
        fx.place_found(place);
        if let Some(old) = agent.conn.replace(conn) {
            fx.close(old, CloseReason::Superseded, false);
        }
        let agent = self.agent(place);
        let name = agent.card.agent.clone();
        let (ask, view) = (agent.ask, agent.view);
        let past = agent.past.as_deref();
        let mut snapshot = AgentSnapshot {
            seen: agent.heard.seen(),
            answered: agent.heard.answered(),
            ask: None,
            ask_ended: past.and_then(|past| past.ask_ended),
            joining: None,
            view: None,
            view_ended: past.and_then(|past| past.view_ended),
        };
        snapshot.ask = ask.and_then(|ask| self.ask_facts(fx, ask));
        snapshot.joining = self.join_waiting(fx, place);
        snapshot.view = view.and_then(|view| self.view_facts(view, place));
        fx.tell_agent(Some(conn), AgentResumed { re, snapshot });
        fx.event(Event::AgentResumed { group: self.id.clone(), client: place, agent: name });
        self.send_roster(fx, place, None);
        if let Some(view) = view {
            self.viewer_joins(fx, view, place);
        }
    }

    /// The place of an agent is gone for good: its request is lost, and it is in no session.
    pub(crate) fn agent_departs(&mut self, fx: &mut Effects, place: Place, why: Departure) {
        fx.place_gone(place);
        let agent = self.agent(place);
        let conn = match why {
            Departure::Left => agent.conn.take(),
            Departure::Lost
            | Departure::Policy
            | Departure::SignInExpired
            | Departure::Shutdown => agent.conn,
        };
        let view = agent.view;
        let name = agent.card.agent.clone();
        self.lose_ask_of_agent(fx, place, why);
        self.lose_join_of_agent(fx, place, why);
        if let Some(session) = view {
            let reason = match why {
                Departure::Left | Departure::Lost | Departure::Policy | Departure::Shutdown => {
                    EndReason::Left
                }
                Departure::SignInExpired => EndReason::Policy,
            };
            self.remove_guest(fx, session, place, reason);
        }
        self.watch(place, None);
        let timer = self.agent(place).sign_in.take_timer();
        fx.timers.cancel(timer);
        self.overdue.remove(&place);
        if let Some(conn) = conn {
            let (reason, retry) = why.closing();
            fx.close(conn, reason, retry);
        }
        self.agents.remove(&place);
        fx.event(Event::AgentLeft {
            group: self.id.clone(),
            client: place,
            agent: name,
            reason: why,
        });
    }
}
