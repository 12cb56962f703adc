//! Who is who and who may what, by the papers that were shown: nothing of it is taken from what the
//! hub believes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_hub::Event;
use coview_hub::HubConfig;
use coview_hub::KeyUse;
use coview_hub::Place;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentRights;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::JoinId;
use coview_wire::Moment;
use coview_wire::PictureRelay;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::checker::Rule;
use crate::checker::Seen;
use crate::checker::SeenPicture;
use crate::checker::shown::Known;
use crate::checker::shown::Show;
use crate::client::ClientId;
use crate::proofs::Claims;
use crate::proofs::Purpose;

type Broken = (Rule, String);

/// What is known of proofs, rights and joins.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    groups: BTreeMap<GroupId, Demands>,
    /// The group each client was made for.
    group_of: BTreeMap<ClientId, GroupId>,
    /// What the wall clock said when, as the hub was told last.
    wall: Option<(Moment, UnixTime)>,
    now: Moment,
    drained: bool,
    /// Whether no record can be written.
    unrecorded: bool,
    /// The origins of the web pages that clients are on.
    pages: BTreeMap<ClientId, String>,
    /// The token each agent showed last, and whom each visitor claimed to be last.
    tokens: BTreeMap<ClientId, String>,
    claimed: BTreeMap<ClientId, (VisitorId, Option<VisitorAssertion>)>,
    /// The papers for one use that were accepted, in the hub's life.
    used: BTreeSet<(GroupId, u64)>,
    agents: BTreeMap<Place, Agent>,
    /// The place each agent has now.
    place_of: BTreeMap<ClientId, Place>,
    sessions: BTreeMap<SessionId, Session>,
    joins: BTreeMap<JoinId, Join>,
    /// Who was not let in where.
    declined: BTreeSet<(SessionId, AgentId)>,
    counts: Counts,
}

/// How often what this is about has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) identified_with_proof: u64,
    pub(super) claims_refused: u64,
    pub(super) pictures_after_confirmation: u64,
    pub(super) restricted_told: u64,
    pub(super) once_used: u64,
    pub(super) masks_recorded: u64,
    pub(super) pictures_after_expiry: u64,
}

/// What a group wants.
#[derive(Clone, Debug)]
struct Demands {
    origins: BTreeSet<Box<str>>,
    assertion: bool,
    confirm: bool,
    once: bool,
    expiry_ends: bool,
}

/// An agent, by the newest token that was accepted.
#[derive(Clone, Debug)]
struct Agent {
    id: String,
    rights: AgentRights,
    expires: UnixTime,
    /// The join that has begun to wait for a visitor in time.
    waits: Option<RequestId>,
}

#[derive(Clone, Debug)]
struct Session {
    group: GroupId,
    visitor: Option<VisitorId>,
    manual: bool,
    /// How many agents came in by its key.
    by_key: u32,
    /// Who was let in, as the rules want it, and is in it; an agent once for each of its devices.
    guests: Vec<AgentId>,
    /// What the hub noted of its masks last.
    masks: Option<coview_wire::MaskState>,
}

#[derive(Clone, Debug)]
struct Join {
    session: SessionId,
    agent: AgentId,
    asked: ClientId,
    confirmed: bool,
}

impl Trust {
    pub(super) fn new(config: &HubConfig) -> Self {
        let groups = config.groups.iter().map(|(id, group)| {
            let demands = Demands {
                origins: group.origins.clone(),
                assertion: group.assertion_needed,
                confirm: group.confirm_join,
                once: group.key_use == KeyUse::Once,
                expiry_ends: group.expiry_ends_sessions,
            };
            (id.clone(), demands)
        });
        Self { groups: groups.collect(), ..Self::default() }
    }

    /// Shows all facts about what is known.
    pub(super) fn show(&self, known: &Known, show: &mut Show<'_>) {
        let Self {
            // They never change.
            groups: _,
            group_of: _,
            // It goes on with the time, and all that expires does so later than anything else.
            wall: _,
            now: _,
            drained,
            tokens: _,
            claimed,
            used,
            agents,
            place_of,
            sessions,
            joins,
            declined,
            // Counters decide nothing.
            counts: _,
            unrecorded,
            pages,
        } = self;
        show(None, format_args!("{unrecorded} {pages:?}"));
        show(None, format_args!("{drained} {claimed:?} {} {place_of:?}", used.len()));
        for (client, place) in place_of {
            if let Some(agent) = agents.get(place) {
                // Papers are the same all the time.
                let Agent { id: _, rights: _, expires: _, waits } = agent;
                show(Some(*client), format_args!("{waits:?}"));
            }
        }
        for (id, session) in sessions.iter().filter(|(id, _)| known.sessions.contains(id)) {
            let Session { group: _, visitor, manual, by_key, guests, masks } = session;
            // Only whether there was one matters, where a key is for one use.
            let by_key = (*by_key).min(1);
            show(None, format_args!("{id:?} {visitor:?} {manual} {by_key} {guests:?} {masks:?}"));
        }
        for (id, join) in joins.iter().filter(|(id, _)| known.joins.contains(id)) {
            show(None, format_args!("{id:?} {join:?}"));
        }
        let declined: BTreeSet<_> =
            declined.iter().filter(|(session, _)| known.sessions.contains(session)).collect();
        show(None, format_args!("{declined:?}"));
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) const fn at(&mut self, now: Moment) {
        self.now = now;
    }

    /// What the hub noted last of the masks of a session.
    pub(super) fn masks(&self, session: SessionId) -> Option<coview_wire::MaskState> {
        self.sessions.get(&session)?.masks
    }

    /// Whether an agent may be told of this visitor now.
    pub(super) fn sees(&self, client: ClientId, visitor: &VisitorId) -> bool {
        self.agent_of(client)
            .is_none_or(|agent| agent.rights.allows(visitor) && self.wall() < agent.expires)
    }

    /// Whether the rights of an agent are for this visitor, whether it is signed in still or not.
    pub(super) fn allows(&self, client: ClientId, visitor: &VisitorId) -> bool {
        self.agent_of(client).is_none_or(|agent| agent.rights.allows(visitor))
    }

    fn wall(&self) -> UnixTime {
        self.wall.map_or(UnixTime::new(0), |(at, said)| {
            // The hub counts whole seconds from its own zero.
            let whole = self.now.since(Moment::ZERO).as_secs() - at.since(Moment::ZERO).as_secs();
            said + core::time::Duration::from_secs(whole)
        })
    }

    fn agent_of(&self, client: ClientId) -> Option<&Agent> {
        self.agents.get(self.place_of.get(&client)?)
    }

    fn agent_mut(&mut self, client: ClientId) -> Option<&mut Agent> {
        self.agents.get_mut(self.place_of.get(&client)?)
    }

    /// Holds what was seen against the rules.
    pub(super) fn see(&mut self, seen: &Seen<'_>) -> Result<(), Broken> {
        match *seen {
            Seen::Came { client, group } => {
                self.group_of.insert(client, group.clone());
                Ok(())
            }
            Seen::Wall { now } => {
                self.wall = Some((self.now, now));
                Ok(())
            }
            Seen::Drained => {
                self.drained = true;
                Ok(())
            }
            Seen::Records { healthy } => {
                self.unrecorded = !healthy;
                Ok(())
            }
            Seen::Page { client, origin } => {
                match origin {
                    Some(origin) => self.pages.insert(client, origin.to_owned()),
                    None => self.pages.remove(&client),
                };
                Ok(())
            }
            Seen::HubGone => {
                self.drained = false;
                self.unrecorded = false;
                self.used.clear();
                self.agents.clear();
                self.place_of.clear();
                self.sessions.clear();
                self.joins.clear();
                Ok(())
            }
            Seen::HubHeardVisitor { client, message } => {
                self.hub_heard_visitor(client, message);
                Ok(())
            }
            Seen::HubHeardAgent { client, message } => {
                self.hub_heard_agent(client, message);
                Ok(())
            }
            Seen::HubSaidVisitor { client, message } => {
                self.hub_said_visitor(client, message);
                Ok(())
            }
            Seen::HubSaidAgent { client, message } => self.hub_said_agent(client, message),
            Seen::Hub { event, client } => self.hub_wrote(event, client),
            Seen::Picture(SeenPicture::Relayed { client, message }) => {
                self.relayed(client, message)
            }
            Seen::VisitorSaid { .. }
            | Seen::VisitorTold { .. }
            | Seen::AgentSaid { .. }
            | Seen::AgentTold { .. }
            | Seen::Visitor { .. }
            | Seen::Agent { .. }
            | Seen::AgentOutcome { .. }
            | Seen::Command { .. }
            | Seen::Left { .. }
            | Seen::Lost { .. }
            | Seen::HubLost { .. }
            | Seen::Text { .. }
            | Seen::Picture(_)
            | Seen::Outputs { .. } => Ok(()),
        }
    }

    fn hub_heard_visitor(&mut self, client: ClientId, message: &ClientMessage) {
        match message {
            ClientMessage::Identify(it) => {
                self.claimed.insert(client, (it.visitor.clone(), it.assertion.clone()));
            }
            ClientMessage::JoinConfirmed(it) => {
                if let Some(join) = self.joins.get_mut(&it.join) {
                    // Nobody else can say it.
                    join.confirmed |= join.asked == client;
                }
            }
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::LogOut(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDisplayed(_)
            | ClientMessage::TermsAccepted(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionStart(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => {}
        }
    }

    fn hub_heard_agent(&mut self, client: ClientId, message: &AgentMessage) {
        match message {
            AgentMessage::SignIn(it) => {
                self.tokens.insert(client, it.token.expose_secret().to_owned());
            }
            AgentMessage::Renew(it) => {
                self.tokens.insert(client, it.token.expose_secret().to_owned());
            }
            AgentMessage::Resume(_)
            | AgentMessage::Watch(_)
            | AgentMessage::Unwatch(_)
            | AgentMessage::Ask(_)
            | AgentMessage::Withdraw(_)
            | AgentMessage::Join(_)
            | AgentMessage::Leave(_)
            | AgentMessage::EndSession(_)
            | AgentMessage::Eject(_)
            | AgentMessage::Ping(_)
            | AgentMessage::Bye(_) => {}
        }
    }

    fn hub_said_visitor(&mut self, client: ClientId, message: &ServerMessage) {
        let asked = match message {
            ServerMessage::JoinRequested(it) => it,
            ServerMessage::Resumed(it) => {
                match it.snapshot.session.as_ref().and_then(|session| session.join.as_ref()) {
                    Some(asked) => asked,
                    None => return,
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsRequested(_)
            | ServerMessage::TermsWithdrawn(_)
            | ServerMessage::SessionConnected(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::SessionEnded(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => return,
        };
        let (session, agent) = (asked.session, asked.agent.agent.clone());
        let join = Join { session, agent, asked: client, confirmed: false };
        self.joins.entry(asked.join).or_insert(join);
    }

    fn hub_said_agent(&mut self, client: ClientId, message: &AgentNotice) -> Result<(), Broken> {
        match message {
            AgentNotice::Roster(it) => {
                it.visitors.iter().try_for_each(|card| self.may_be_told(client, &card.visitor))
            }
            AgentNotice::VisitorOnline(it) => self.may_be_told(client, &it.card.visitor),
            AgentNotice::VisitorChanged(it) => self.may_be_told(client, &it.card.visitor),
            AgentNotice::VisitorOffline(it) => self.may_be_told(client, &it.visitor),
            AgentNotice::Asked(_) => self.in_time(client, "asks"),
            AgentNotice::JoinWaiting(it) => {
                if let Some(agent) = self.agent_mut(client) {
                    agent.waits = Some(it.re);
                }
                self.in_time(client, "waits for a visitor")
            }
            AgentNotice::Joined(it) => {
                let by_key = it.re.is_some();
                let session = it.view.session;
                let waited = self.agent_mut(client).and_then(|agent| agent.waits.take()).is_some();
                if by_key && !waited {
                    self.in_time(client, "joins")?;
                }
                let started = self.sessions.get(&session).and_then(|it| it.visitor.clone());
                let visitor = it.view.visitor.clone().or(started);
                let allowed = self.agent_of(client).is_none_or(|agent| match &visitor {
                    Some(visitor) => agent.rights.allows(visitor),
                    None => agent.rights.visitors.is_none(),
                });
                let allowed = allowed || !by_key;
                holds(Rule::RightsKept, allowed, || {
                    format!("{client} is let in to {visitor:?}, whom its token leaves out")
                })
            }
            AgentNotice::SignedIn(it) => self.told_rights(client, &it.rights),
            AgentNotice::Renewed(it) => self.told_rights(client, &it.rights),
            AgentNotice::Refused(it) => {
                // Something else may be refused while the join waits.
                if let Some(agent) = self.agent_mut(client)
                    && agent.waits == Some(it.re)
                {
                    agent.waits = None;
                }
                Ok(())
            }
            AgentNotice::Resumed(_)
            | AgentNotice::TermsSeen(_)
            | AgentNotice::AskEnded(_)
            | AgentNotice::ViewGuests(_)
            | AgentNotice::ViewEnded(_)
            | AgentNotice::Problem(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => Ok(()),
        }
    }

    /// What an agent is told of its rights is what its token says.
    fn told_rights(&self, client: ClientId, told: &AgentRights) -> Result<(), Broken> {
        let claims = self.tokens.get(&client).and_then(|token| Claims::read(token));
        let same = claims.is_some_and(|claims| claims.rights == *told);
        holds(Rule::RightsKept, same, || format!("{client} is told rights its token does not have"))
    }

    fn may_be_told(&mut self, client: ClientId, visitor: &VisitorId) -> Result<(), Broken> {
        let Some(agent) = self.agent_of(client) else { return Ok(()) };
        let (allowed, restricted) = (agent.rights.allows(visitor), agent.rights.visitors.is_some());
        self.counts.restricted_told += u64::from(restricted);
        holds(Rule::RightsKept, allowed, || {
            format!("{client} is told of {visitor}, whom its token leaves out")
        })?;
        self.in_time(client, "sees who is online")
    }

    fn in_time(&self, client: ClientId, what: &str) -> Result<(), Broken> {
        let wall = self.wall();
        let expires = self.agent_of(client).map(|agent| agent.expires);
        holds(Rule::NotAfterExpiry, expires.is_none_or(|expires| wall < expires), || {
            format!("{client} {what} at {wall:?}, signed in until {expires:?}")
        })
    }

    fn relayed(&mut self, client: ClientId, message: &[u8]) -> Result<(), Broken> {
        let Ok(picture) = PictureRelay::decode(message) else { return Ok(()) };
        let Some(session) = self.sessions.get(&picture.session()) else { return Ok(()) };
        let demands = self.groups.get(&session.group);
        let confirms = session.manual && demands.is_some_and(|demands| demands.confirm);
        self.counts.pictures_after_confirmation += u64::from(confirms);
        let Some(agent) = self.agent_of(client) else { return Ok(()) };
        let in_it = session.guests.iter().any(|guest| guest.as_str() == agent.id);
        let expired = agent.expires <= self.wall();
        let ends = expired && demands.is_some_and(|demands| demands.expiry_ends);
        self.counts.pictures_after_expiry += u64::from(expired);
        holds(Rule::ConfirmedFirst, in_it || !confirms, || {
            format!("{client} is sent a picture and was not let in")
        })?;
        holds(Rule::NotAfterExpiry, !ends, || {
            format!("{client} is sent a picture after its sign-in was over")
        })
    }

    fn hub_wrote(&mut self, event: &Event, client: Option<ClientId>) -> Result<(), Broken> {
        match event {
            Event::AgentSignedIn { group, client: place, .. } => {
                self.begins_nothing("an agent signs in")?;
                let Some(client) = client else { return Ok(()) };
                self.own_page(client, group)?;
                let agent = self.believed(client, group)?;
                self.place_of.insert(client, *place);
                self.agents.insert(*place, agent);
            }
            Event::AgentRenewed { group, client: place, .. } => {
                let Some(client) = client else { return Ok(()) };
                let newer = self.believed(client, group)?;
                let Some(agent) = self.agents.get_mut(place) else { return Ok(()) };
                let same = agent.id == newer.id;
                (agent.rights, agent.expires) = (newer.rights, newer.expires);
                return holds(Rule::ProvenIdentity, same, || {
                    format!("{client} renewed with the token of somebody else")
                });
            }
            Event::AgentResumed { client: place, .. } => {
                if let Some(client) = client {
                    self.place_of.insert(client, *place);
                }
            }
            Event::AgentLeft { client: place, .. } => {
                self.agents.remove(place);
            }
            Event::VisitorArrived { group, .. } => {
                self.begins_nothing("a visitor arrives")?;
                return client.map_or(Ok(()), |client| self.own_page(client, group));
            }
            Event::Identified { group, visitor, .. } => {
                return client.map_or(Ok(()), |client| self.identified(client, group, visitor));
            }
            Event::AssertionRefused { .. } => self.counts.claims_refused += 1,
            Event::Asked { visitor, .. } => {
                self.begins_nothing("a visitor is asked")?;
                self.is_recorded("a visitor is asked")?;
                if let Some(client) = client {
                    let allowed =
                        self.agent_of(client).is_none_or(|agent| agent.rights.allows(visitor));
                    return holds(Rule::RightsKept, allowed, || {
                        format!("{client} asks {visitor}, whom its token leaves out")
                    });
                }
            }
            Event::SessionStarted { group, session, visitor, ask, .. } => {
                self.begins_nothing("a session starts")?;
                self.is_recorded("a session starts")?;
                let session_facts = Session {
                    group: group.clone(),
                    visitor: visitor.clone(),
                    manual: ask.is_none(),
                    by_key: 0,
                    guests: Vec::new(),
                    masks: None,
                };
                self.sessions.insert(*session, session_facts);
            }
            Event::JoinRequested { .. } => {
                self.begins_nothing("a join waits")?;
                self.is_recorded("a join waits")?;
            }
            Event::Accepted { .. } => self.is_recorded("a visitor accepts")?,
            Event::JoinDeclined { session, join, .. } => {
                if let Some(join) = self.joins.get(join) {
                    self.declined.insert((*session, join.agent.clone()));
                }
            }
            Event::GuestJoined { session, agent, .. } => {
                self.begins_nothing("an agent joins")?;
                self.is_recorded("an agent joins")?;
                return self.guest_joined(*session, agent);
            }
            Event::GuestLeft { session, agent, .. } => {
                if let Some(session) = self.sessions.get_mut(session)
                    && let Some(at) = session.guests.iter().position(|guest| guest == agent)
                {
                    session.guests.remove(at);
                }
            }
            Event::MasksChanged { session, state, .. } => {
                self.counts.masks_recorded += 1;
                if let Some(session) = self.sessions.get_mut(session) {
                    session.masks = Some(*state);
                }
            }
            Event::SessionEnded { session, .. } => {
                self.sessions.remove(session);
                self.joins.retain(|_, join| join.session != *session);
            }
            // These begin nothing and tell of no rights.
            Event::VisitorResumed { .. }
            | Event::VisitorDropped { .. }
            | Event::VisitorGone { .. }
            | Event::HandedOff { .. }
            | Event::LoggedOut { .. }
            | Event::Online { .. }
            | Event::Offline { .. }
            | Event::SignInExpired { .. }
            | Event::TokenRefused { .. }
            | Event::NotAllowed { .. }
            | Event::AgentDropped { .. }
            | Event::TermsDisplayed { .. }
            | Event::Declined { .. }
            | Event::AskEnded { .. }
            | Event::JoinConfirmed { .. }
            | Event::JoinEnded { .. }
            | Event::KeyBurned { .. }
            | Event::WrongKey { .. }
            | Event::StepUp { .. }
            | Event::TooManyTries { .. }
            | Event::Refused { .. }
            | Event::PictureRefused { .. }
            | Event::CutOff { .. }
            | _ => {}
        }
        Ok(())
    }

    /// Whom the token an agent showed last is of, if the hub may believe it now.
    fn believed(&mut self, client: ClientId, group: &GroupId) -> Result<Agent, Broken> {
        let wall = self.wall();
        let claims = self.tokens.get(&client).and_then(|token| Claims::read(token));
        let Some(claims) = claims.filter(|it| it.prove(Purpose::Agent, group, wall)) else {
            return Err((
                Rule::ProvenIdentity,
                format!("{client} is signed in with a token that proves nothing"),
            ));
        };
        self.used_once(client, group, claims.once)?;
        let Claims { who, expires, rights, .. } = claims;
        Ok(Agent { id: who, rights, expires, waits: None })
    }

    fn identified(
        &mut self,
        client: ClientId,
        group: &GroupId,
        visitor: &VisitorId,
    ) -> Result<(), Broken> {
        let needed = self.groups.get(group).is_some_and(|demands| demands.assertion);
        let (claimed, assertion) = self.claimed.get(&client).cloned().unzip();
        let proof = assertion.flatten();
        let wall = self.wall();
        let claims = proof.as_ref().and_then(|proof| Claims::read(proof.expose_secret()));
        let proves = claims.as_ref().is_some_and(|claims| {
            claims.prove(Purpose::Visitor, group, wall) && claims.who == visitor.as_str()
        });
        let fits = proves || (proof.is_none() && !needed);
        holds(Rule::ProvenIdentity, fits && claimed.as_ref() == Some(visitor), || {
            format!("{client} is {visitor}, proof {}, needed {needed}", proof.is_some())
        })?;
        self.counts.identified_with_proof += u64::from(proves);
        match claims {
            Some(claims) => self.used_once(client, group, claims.once),
            None => Ok(()),
        }
    }

    fn used_once(
        &mut self,
        client: ClientId,
        group: &GroupId,
        once: Option<u64>,
    ) -> Result<(), Broken> {
        let Some(once) = once else { return Ok(()) };
        self.counts.once_used += 1;
        let first = self.used.insert((group.clone(), once));
        holds(Rule::UsedOnce, first, || format!("{client} used a paper for one use once more"))
    }

    fn guest_joined(&mut self, id: SessionId, agent: &AgentId) -> Result<(), Broken> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        session.guests.push(agent.clone());
        if !session.manual {
            return Ok(());
        }
        session.by_key += 1;
        let by_key = session.by_key;
        let demands = self.groups.get(&session.group);
        let (confirm, once) =
            demands.map_or((false, false), |demands| (demands.confirm, demands.once));
        holds(Rule::UsedOnce, by_key == 1 || !once, || {
            format!("{agent} is number {by_key} to join {id:?} with a key for one")
        })?;
        let declined = self.declined.contains(&(id, agent.clone()));
        holds(Rule::ConfirmedFirst, !declined, || {
            format!("{agent} is in {id:?}, whose visitor declined")
        })?;
        let confirmed = self
            .joins
            .iter()
            .find(|(_, join)| join.confirmed && join.session == id && join.agent == *agent)
            .map(|(join, _)| *join);
        if let Some(join) = confirmed {
            self.joins.remove(&join);
        }
        holds(Rule::ConfirmedFirst, confirmed.is_some() || !confirm, || {
            format!("{agent} is in {id:?}, and its visitor was not asked or has not answered")
        })
    }

    fn is_recorded(&self, what: &str) -> Result<(), Broken> {
        holds(Rule::Recorded, !self.unrecorded, || format!("{what} while there are no records"))
    }

    /// What is no browser names no origin.
    fn own_page(&self, client: ClientId, group: &GroupId) -> Result<(), Broken> {
        let page = self.pages.get(&client);
        let origins = self.groups.get(group).map(|demands| &demands.origins);
        let own = page.is_none_or(|page| origins.is_some_and(|it| it.contains(page.as_str())));
        holds(Rule::OwnPages, own, || format!("{client} comes into {group} from {page:?}"))
    }

    fn begins_nothing(&self, what: &str) -> Result<(), Broken> {
        holds(Rule::NothingNew, !self.drained, || format!("{what} while the hub drains"))
    }
}

fn holds(rule: Rule, holds: bool, how: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err((rule, how())) }
}
