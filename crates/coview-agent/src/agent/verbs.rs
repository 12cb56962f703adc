//! The verbs and facts of the states after signing in.

use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::Eject;
use coview_wire::EndSession;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::VisitorId;
use coview_wire::Withdraw;

use crate::agent::Agent;
use crate::link::AgentLink;
use crate::pending::Refused;
use crate::sign_in::NotAllowed;
use crate::state::Joining;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::Viewing;
use crate::step::AskStatus;

/// # While requesting
impl<L: AgentLink> Agent<Requesting, L> {
    /// Who is being asked.
    #[must_use]
    pub const fn visitor(&self) -> &VisitorId {
        &self.state.visitor
    }

    /// How far the request has come.
    #[must_use]
    pub fn status(&self) -> AskStatus {
        self.shared.facts.asking().map_or_else(AskStatus::default, |asking| asking.status)
    }

    /// How long the visitor had to answer when the request was granted or, after a reconnect, taken
    /// up again, in milliseconds. No answer is a no:
    /// [`RequestingStep::Over`](crate::RequestingStep::Over) tells it.
    #[must_use]
    pub fn expires_ms(&self) -> u32 {
        self.shared.facts.asking().map_or(0, |asking| asking.expires_ms)
    }

    /// Takes the request back. It takes effect at once, with or without a connection, and cannot
    /// fail. If the visitor accepts in the same moment, the agent leaves the session unseen.
    ///
    /// ```compile_fail,E0599
    /// # use coview_agent::{Agent, AgentLink, Requesting};
    /// fn twice<L: AgentLink>(requesting: Agent<Requesting, L>) {
    ///     requesting.withdraw().withdraw(); // Agent<SignedIn>: nothing to withdraw
    /// }
    /// ```
    pub fn withdraw(mut self) -> Agent<SignedIn, L> {
        match self.shared.facts.ask_given_up() {
            Some(session) => self.shared.leave(session),
            None => {
                let re = self.shared.facts.next_request();
                let ask = Some(self.state.ask);
                self.shared.link.send(AgentMessage::Withdraw(Withdraw { re, ask }));
            }
        }
        self.map(|_| SignedIn(()))
    }
}

/// # While joining
impl<L: AgentLink> Agent<Joining, L> {
    /// How long the visitor has to let the agent in, in milliseconds from when the question was put
    /// or, after a reconnect, told again. No answer is a no. `None` if nobody is asked: the next step
    /// is the session.
    #[must_use]
    pub fn visitor_asked(&self) -> Option<u32> {
        self.shared.facts.joining().and_then(|joining| joining.expires_ms)
    }

    /// Takes the join back. It takes effect at once, with or without a connection, and cannot fail.
    /// If the visitor lets the agent in in the same moment, the agent leaves the session unseen.
    ///
    /// There is nothing to see before:
    ///
    /// ```compile_fail,E0599
    /// use coview_agent::{Agent, Joining, ViewLink};
    ///
    /// fn too_early<L: ViewLink>(mut joining: Agent<Joining, L>) {
    ///     let pass = joining.view_pass(); // Agent<Viewing> has one
    /// }
    /// ```
    pub fn cancel(mut self) -> Agent<SignedIn, L> {
        self.shared.join_given_up();
        self.map(|_| SignedIn(()))
    }
}

/// # While viewing
impl<L: AgentLink> Agent<Viewing, L> {
    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.state.session
    }

    /// Who shares, if the visitor is identified.
    #[must_use]
    pub const fn visitor(&self) -> Option<&VisitorId> {
        self.state.visitor.as_ref()
    }

    /// How many agents watch, this one included.
    #[must_use]
    pub fn guests(&self) -> u32 {
        self.shared.facts.view().map_or(0, |view| view.count)
    }

    /// Who watches; at most the first 64.
    #[must_use]
    pub fn agents(&self) -> &[AgentCard] {
        self.shared.facts.view().map_or(&[], |view| &view.guests)
    }

    /// Leaves the session, which goes on without this agent. It takes effect at once, with or
    /// without a connection, and cannot fail.
    pub fn leave(self) -> Agent<SignedIn, L> {
        let session = self.state.session;
        let mut agent = self.map(|_| SignedIn(()));
        agent.shared.facts.view_given_up();
        agent.shared.leave(session);
        agent
    }

    /// Ends the session for everybody. It takes effect at once, with or without a connection. If the
    /// right to it was taken away and the news is still on its way, the session goes on, and the
    /// agent has left it.
    ///
    /// # Errors
    ///
    /// [`Refused`] leaves the agent in the session, without the server having been asked, if the
    /// agent's [rights](Self::rights) are to view only
    /// ([`NotAllowed`](coview_wire::RefusalCode::NotAllowed)). [`leave`](Self::leave) is always
    /// possible.
    ///
    /// ```
    /// use coview_agent::{SignInFacts, queue};
    /// use coview_wire::{AgentRights, RefusalCode, SessionKey};
    ///
    /// # smol::block_on(async {
    /// let rights = AgentRights { view_only: true, ..AgentRights::default() };
    /// let (agent, mut peer) = queue::agent_with(SignInFacts { rights, ..queue::facts() });
    /// # peer.grant_all();
    /// let viewing = agent.join(SessionKey::parse("123 456 786")?).await?;
    /// let refused = viewing.end().unwrap_err();
    /// assert_eq!(refused.reason, RefusalCode::NotAllowed);
    /// let agent = refused.into_agent().leave();
    /// # drop(agent);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn end(self) -> Result<Agent<SignedIn, L>, Refused<Viewing, L>> {
        if self.rights().view_only {
            let reason = RefusalCode::NotAllowed;
            return Err(Refused { agent: self, reason, retry_ms: None });
        }
        let session = self.state.session;
        let mut agent = self.map(|_| SignedIn(()));
        agent.shared.facts.view_given_up();
        let re = agent.shared.facts.next_request();
        agent.shared.link.send(AgentMessage::EndSession(EndSession { re, session }));
        // A newer token may have taken the right away on its way: then the session goes on, without
        // this agent, who has left it here.
        agent.shared.leave(session);
        Ok(agent)
    }

    /// Removes another agent from the session. [`Change::Guests`](crate::Change::Guests) tells when
    /// it happened.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`] if the agent's [rights](Self::rights) are to view only; the server is not
    /// asked.
    ///
    /// Only while viewing:
    ///
    /// ```compile_fail,E0599
    /// # use coview_wire::AgentId;
    /// # let (mut agent, _peer) = coview_agent::queue::agent();
    /// agent.eject(AgentId::new("agent-2").unwrap());
    /// ```
    pub fn eject(&mut self, agent: AgentId) -> Result<(), NotAllowed> {
        if self.rights().view_only {
            return Err(NotAllowed);
        }
        let session = self.state.session;
        let re = self.shared.facts.next_request();
        self.shared.link.send(AgentMessage::Eject(Eject { re, session, agent }));
        Ok(())
    }
}
