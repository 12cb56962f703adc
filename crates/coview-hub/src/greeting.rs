//! The first message on a connection: who is it?

use alloc::boxed::Box;

use coview_wire::AgentMessage;
use coview_wire::ClientMessage;
use coview_wire::CloseReason;
use coview_wire::DecodeError;
use coview_wire::GroupId;
use coview_wire::Hello;
use coview_wire::Message;
use coview_wire::PROTOCOL_VERSION;
use coview_wire::RefusalCode;
use coview_wire::RequestId;
use coview_wire::Resume;
use coview_wire::Settings;
use coview_wire::SignIn;
use coview_wire::SignedIn;
use coview_wire::Welcome;

use crate::agent::Agent;
use crate::effects::Peer;
use crate::effects::Secret;
use crate::event::Departure;
use crate::event::Disbelief;
use crate::event::Event;
use crate::hub::Hub;
use crate::io::ConnId;
use crate::io::Origin;
use crate::no::No;
use crate::proofs::AgentPass;
use crate::signin::lasts_ms;
use crate::signin::token_code;
use crate::timer::Due;
use crate::timer::GroupIndex;
use crate::visitor::Visitor;

/// The web page at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    Own,
    Other(Box<str>),
}

impl Page {
    pub(crate) fn new(origin: Origin<'_>) -> Self {
        /// Host names end at 253 bytes, so what is longer than this is no origin of anything.
        const LONGEST: usize = 512;
        match origin {
            Origin::Own => Self::Own,
            Origin::Page(text) if text.len() <= LONGEST => Self::Other(text.into()),
            Origin::Page(_) => Self::Other("".into()),
        }
    }
}

/// What a connection wants to be.
#[derive(Clone, Copy)]
enum Role {
    Visitor,
    Agent,
}

/// What a text on a connection that has not said who it is amounts to.
enum First {
    Hello(Hello),
    SignIn(SignIn),
    Resume(Resume),
    Bye,
    /// A message that has its place later. A request is refused, a signal is a problem.
    TooEarly {
        request: Option<RequestId>,
        signal: Option<RequestId>,
    },
    Unreadable(DecodeError),
}

impl First {
    fn read(text: &str) -> Self {
        match ClientMessage::decode(text) {
            Ok(message) => Self::of_visitor(message),
            Err(DecodeError::UnknownType { .. }) => match AgentMessage::decode(text) {
                Ok(message) => Self::of_agent(message),
                Err(error) => Self::Unreadable(error),
            },
            Err(error @ (DecodeError::TooLong { .. } | DecodeError::Malformed { .. })) => {
                Self::Unreadable(error)
            }
        }
    }

    fn of_visitor(message: ClientMessage) -> Self {
        match message {
            ClientMessage::Hello(it) => Self::Hello(it),
            ClientMessage::Resume(it) => Self::Resume(it),
            ClientMessage::Bye(_) => Self::Bye,
            ClientMessage::Identify(it) => Self::request(it.re),
            ClientMessage::PresenceConnect(it) => Self::request(it.re),
            ClientMessage::SessionStart(it) => Self::request(it.re),
            ClientMessage::LogOut(it) => Self::signal(it.re),
            ClientMessage::PresenceUpdate(it) => Self::signal(it.re),
            ClientMessage::PresenceDisconnect(it) => Self::signal(it.re),
            ClientMessage::AppMoved(it) => Self::signal(it.re),
            ClientMessage::TermsDisplayed(it) => Self::signal(it.re),
            ClientMessage::TermsAccepted(it) => Self::signal(it.re),
            ClientMessage::TermsDeclined(it) => Self::signal(it.re),
            ClientMessage::JoinConfirmed(it) => Self::signal(it.re),
            ClientMessage::JoinDeclined(it) => Self::signal(it.re),
            ClientMessage::SessionEnd(it) => Self::signal(it.re),
            ClientMessage::Ping(_) => Self::TooEarly { request: None, signal: None },
        }
    }

    fn of_agent(message: AgentMessage) -> Self {
        match message {
            AgentMessage::SignIn(it) => Self::SignIn(it),
            AgentMessage::Resume(it) => Self::Resume(it),
            AgentMessage::Bye(_) => Self::Bye,
            AgentMessage::Renew(it) => Self::request(it.re),
            AgentMessage::Watch(it) => Self::request(it.re),
            AgentMessage::Ask(it) => Self::request(it.re),
            AgentMessage::Join(it) => Self::request(it.re),
            AgentMessage::Unwatch(it) => Self::signal(it.re),
            AgentMessage::Withdraw(it) => Self::signal(it.re),
            AgentMessage::Leave(it) => Self::signal(it.re),
            AgentMessage::EndSession(it) => Self::signal(it.re),
            AgentMessage::Eject(it) => Self::signal(it.re),
            AgentMessage::Ping(_) => Self::TooEarly { request: None, signal: None },
        }
    }

    const fn request(re: RequestId) -> Self {
        Self::TooEarly { request: Some(re), signal: None }
    }

    const fn signal(re: RequestId) -> Self {
        Self::TooEarly { request: None, signal: Some(re) }
    }
}

impl Hub {
    pub(crate) fn first_message(&mut self, conn: ConnId, text: &str) {
        match First::read(text) {
            First::Hello(it) => self.hello(conn, it),
            First::SignIn(it) => self.sign_in(conn, &it),
            First::Resume(it) => self.resume(conn, &it),
            First::Bye => self.fx.close(conn, CloseReason::Left, false),
            First::TooEarly { request: Some(re), signal: _ } => {
                self.fx.refuse(conn, re, No::new(RefusalCode::HelloFirst));
                if self.fx.count_problem(conn) {
                    self.cut_off(conn, CloseReason::Protocol, false);
                }
            }
            First::TooEarly { request: None, signal } => {
                self.stranger_problem(conn, signal, No::new(RefusalCode::HelloFirst));
            }
            First::Unreadable(error) => {
                self.stranger_problem(conn, error.request(), No::malformed(&error));
            }
        }
    }

    /// Something was wrong with what a connection said that has not said who it is.
    pub(crate) fn stranger_problem(&mut self, conn: ConnId, re: Option<RequestId>, no: No) {
        if self.fx.problem(conn, re, no) {
            self.cut_off(conn, CloseReason::Protocol, false);
        }
    }

    fn hello(&mut self, conn: ConnId, it: Hello) {
        if self.fx.draining {
            return self.fx.close(conn, CloseReason::Shutdown, true);
        }
        let admitted = self.admit(conn, it.version, &it.group).and_then(|index| {
            self.check_origin(conn, index, Role::Visitor)?;
            let needed = self.group(index).config.client_token.as_ref();
            let fits = needed.is_none_or(|token| it.token.as_ref() == Some(token));
            if fits {
                self.make_room(index).map(|()| index)
            } else {
                Err(RefusalCode::BadToken.into())
            }
        });
        let index = match admitted {
            Ok(index) => index,
            Err(no) => return self.turn_away(conn, it.re, it.group, no),
        };
        let place = self.fx.new_place();
        let secret = Secret::draw(&mut self.fx);
        let group = self.group(index);
        let settings = Settings {
            share_button: group.config.share_button,
            presence: group.config.presence,
            key_digits: group.config.key_digits,
            assertion_needed: group.config.assertion_needed,
        };
        let mut visitor = Visitor::new(secret, conn, it.app, &it.profile);
        visitor.heard.note(it.re);
        group.visitors.insert(place, visitor);
        self.known(conn, Peer::Visitor(index, place));
        let timing = self.fx.timing();
        let secret = secret.to_wire(place);
        self.fx.counts.visitors_arrived += 1;
        self.fx.tell_visitor(Some(conn), Welcome { re: it.re, secret, settings, timing });
        self.fx.event(Event::VisitorArrived { group: it.group, client: place });
    }

    fn sign_in(&mut self, conn: ConnId, it: &SignIn) {
        if self.fx.draining {
            return self.fx.close(conn, CloseReason::Shutdown, true);
        }
        let admitted = self.admit(conn, it.version, &it.group).and_then(|index| {
            self.check_origin(conn, index, Role::Agent)?;
            let wall = self.fx.wall();
            let pass = self.group(index).believe_agent(&it.token, wall);
            let pass = pass.map_err(|why| self.disbelieved(conn, &it.group, why))?;
            self.make_room(index)?;
            Ok((index, pass))
        });
        let (index, pass) = match admitted {
            Ok(admitted) => admitted,
            Err(no) => return self.turn_away(conn, it.re, it.group.clone(), no),
        };
        let (group, fx) = self.group_and_effects(index);
        group.token_is_used(fx, &pass);
        let AgentPass { card, rights, expires, once: _ } = pass;
        let place = self.fx.new_place();
        let secret = Secret::draw(&mut self.fx);
        let due = Due::SignInOver(index, place);
        let sign_in = crate::signin::SignIn::new(&mut self.fx, due, rights.clone(), expires);
        let mut agent = Agent::new(secret, conn, card.clone(), sign_in);
        agent.heard.note(it.re);
        self.group(index).agents.insert(place, agent.into());
        self.known(conn, Peer::Agent(index, place));
        let timing = self.fx.timing();
        let secret = secret.to_wire(place);
        self.fx.counts.agents_signed_in += 1;
        let event = Event::AgentSignedIn {
            group: it.group.clone(),
            client: place,
            agent: card.agent.clone(),
            name: card.name().into(),
            expires,
            rights: rights.clone().into(),
        };
        let key_digits = self.group(index).config.key_digits;
        let expires_ms = lasts_ms(&self.fx, expires);
        let signed_in =
            SignedIn { re: it.re, secret, agent: card, timing, expires_ms, rights, key_digits };
        self.fx.tell_agent(Some(conn), signed_in);
        self.fx.event(event);
    }

    /// A client that was there before. The secret finds its place, of a visitor or of an agent, in
    /// the named group only.
    fn resume(&mut self, conn: ConnId, it: &Resume) {
        let index = match self.admit(conn, it.version, &it.group) {
            Ok(index) => index,
            Err(no) => return self.turn_away(conn, it.re, it.group.clone(), no),
        };
        let group = self.group(index);
        let peer = Secret::claimed_place(&it.secret).and_then(|place| {
            let visitor = group.visitors.get(&place).map(|visitor| visitor.secret);
            let agent = group.agents.get(&place).map(|agent| agent.secret);
            if visitor.is_some_and(|secret| secret.opens(place, &it.secret)) {
                Some(Peer::Visitor(index, place))
            } else if agent.is_some_and(|secret| secret.opens(place, &it.secret)) {
                Some(Peer::Agent(index, place))
            } else {
                None
            }
        });
        let Some(peer) = peer else {
            self.fx.counts.resume_failed += 1;
            if self.fx.draining {
                return self.fx.close(conn, CloseReason::Shutdown, true);
            }
            // The connection stays: the client says hello next.
            let (group, code) = (it.group.clone(), RefusalCode::ResumeFailed);
            self.fx.event(Event::Refused { conn, group, code });
            self.fx.refuse(conn, it.re, No::new(code));
            if self.fx.count_problem(conn) {
                self.cut_off(conn, CloseReason::Protocol, false);
            }
            return;
        };
        let role = match peer {
            Peer::Agent(..) => Role::Agent,
            Peer::Visitor(..) | Peer::Unknown => Role::Visitor,
        };
        if let Err(no) = self.check_origin(conn, index, role) {
            return self.turn_away(conn, it.re, it.group.clone(), no);
        }
        self.fx.counts.resumed += 1;
        self.known(conn, peer);
        let (group, fx) = self.group_and_effects(index);
        match peer {
            Peer::Visitor(_, place) => group.visitor_resumes(fx, conn, place, it.re),
            Peer::Agent(_, place) => group.agent_resumes(fx, conn, place, it.re),
            // Not made above.
            Peer::Unknown => {}
        }
    }

    /// What every first message must fulfil: the version, a group there is, and for a page of another
    /// site that it may talk to the group at all.
    fn admit(&mut self, conn: ConnId, version: u16, group: &GroupId) -> Result<GroupIndex, No> {
        if version != PROTOCOL_VERSION {
            return Err(RefusalCode::VersionUnsupported.into());
        }
        let index = self.names.get(group).copied().ok_or(RefusalCode::UnknownGroup)?;
        // Before the secret of a resume is looked at, so a foreign page learns nothing about it.
        self.check_origin(conn, index, Role::Agent)?;
        Ok(index)
    }

    /// A no to a page that may not be what it wants to be in this group. What is no browser is no
    /// page; a page cannot pretend that.
    fn check_origin(&mut self, conn: ConnId, index: GroupIndex, role: Role) -> Result<(), No> {
        let page = self.fx.conns.get(&conn).and_then(|open| open.rare.as_ref()?.page.as_ref());
        let allowed = match (page, role) {
            (None, Role::Visitor | Role::Agent) | (Some(Page::Own), Role::Agent) => true,
            (Some(Page::Own), Role::Visitor) => false,
            (Some(Page::Other(origin)), Role::Visitor | Role::Agent) => {
                self.groups[index.0 as usize].config.origins.contains(origin)
            }
        };
        if allowed {
            return Ok(());
        }
        self.fx.counts.refused_origins += 1;
        Err(RefusalCode::OriginForbidden.into())
    }

    fn disbelieved(&mut self, conn: ConnId, group: &GroupId, why: Disbelief) -> No {
        let code = token_code(why);
        self.fx.counts.refused_tokens += 1;
        let group = group.clone();
        self.fx.event(Event::TokenRefused { conn, group, client: None, code, why });
        code.into()
    }

    /// A no to a newcomer for whom there is no room. For one for whom there is some, the place goes
    /// that is worth least of those without a connection, as if its grace were over; a place that is
    /// connected never does.
    fn make_room(&mut self, index: GroupIndex) -> Result<(), No> {
        while self.group(index).is_full() {
            if !self.let_one_go(Some(index)) {
                return Err(No::because(RefusalCode::LimitExceeded, "the group is full"));
            }
        }
        while self.fx.is_full() {
            if !self.let_one_go(None) {
                return Err(No::because(RefusalCode::LimitExceeded, "the server is full"));
            }
        }
        Ok(())
    }

    /// Ends the place that goes first; false if there is none without a connection.
    fn let_one_go(&mut self, of: Option<GroupIndex>) -> bool {
        while let Some((place, kept)) = self.fx.kept().first(of) {
            match kept.peer {
                Peer::Visitor(index, _) => {
                    let (group, fx) = self.group_and_effects(index);
                    let worth = group.worth(place);
                    if worth > kept.worth {
                        fx.kept().raise(place, worth);
                        continue;
                    }
                    group.visitor_departs(fx, place, Departure::Lost);
                }
                Peer::Agent(index, _) => {
                    let (group, fx) = self.group_and_effects(index);
                    group.agent_departs(fx, place, Departure::Lost);
                }
                // Nobody who has not said who it is has a place.
                Peer::Unknown => return false,
            }
            return true;
        }
        false
    }

    /// Refuses a first message and closes the connection. Only where there is no room now, coming
    /// back may help.
    fn turn_away(&mut self, conn: ConnId, re: RequestId, group: GroupId, no: No) {
        let full = no.code == RefusalCode::LimitExceeded;
        self.fx.event(Event::Refused { conn, group, code: no.code });
        self.fx.refuse(conn, re, no);
        self.fx.close(conn, CloseReason::Refused, full);
    }

    /// From now on the connection belongs to a place, and must give signs of life.
    fn known(&mut self, conn: ConnId, peer: Peer) {
        let timer = self.fx.set_timer(self.fx.policy.silence(), Due::Silence(conn));
        if let Some(open) = self.fx.conns.get_mut(&conn) {
            open.known(peer);
            let before = core::mem::replace(&mut open.timer, timer);
            self.fx.timers.cancel(Some(before));
        }
    }
}
