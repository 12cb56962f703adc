//! The rules that hold at every step of every run, checked from outside: by what apps say and are
//! told, what goes over the wire, what typed values show, and what the hub logs.
//!
//! The checker knows nothing of how the hub or the engines do it. It is fed observations
//! ([`Seen`]), and what breaks a rule is a [`Violation`].
//!
//! The ten invariants of the design, and when each is checked:
//!
//! | | invariant | [`Rule`] | after each step | when the world has settled |
//! |---|---|---|---|---|
//! | 1 | a key is displayed ⇒ this session was started manually | [`KeyOnlyIfManual`](Rule::KeyOnlyIfManual) | what the hub gives, what a typed visitor shows | |
//! | 2 | *accepted* never before *displayed*, never twice | [`AcceptedAfterDisplayed`](Rule::AcceptedAfterDisplayed) | at the app, on the wire, in the log, at the agent | |
//! | 3 | no one-click start after a no | [`NoStartAfterNo`](Rule::NoStartAfterNo) | at the app, in the log, in the typed state | |
//! | 4 | no tile without consent that stands | [`NoPictureWithoutConsent`](Rule::NoPictureWithoutConsent) | each picture as it is sent, relayed, delivered and drawn | |
//! | 5 | visitor, hub and agents agree | [`Agreement`](Rule::Agreement), [`SamePicture`](Rule::SamePicture), [`MasksRecorded`](Rule::MasksRecorded) | the log agrees with itself | everything: it is true then only |
//! | 6 | the group never changes, no message crosses groups | [`GroupsApart`](Rule::GroupsApart) | each message, each typed value | |
//! | 7 | every request ends in exactly one way | [`OneOutcome`](Rule::OneOutcome) | never two, never another one told | none without an end |
//! | 8 | nothing past its grace after the last socket | [`NothingLeft`](Rule::NothingLeft) | no place outlasts its grace without a connection | every gauge of the hub is zero |
//! | 9 | no secret in any `Debug`, log line or error text | [`NoSecret`](Rule::NoSecret) | each message, event, engine, typed value and line of the timeline | |
//! | 10 | idle again within a bounded number of outputs | [`IdleAgain`](Rule::IdleAgain) | each input of each engine, of the hub and of each encoder | |
//!
//! The other rules hold after each step, but for [`NotStuck`](Rule::NotStuck) and
//! [`Understood`](Rule::Understood), of which a part can be seen only in a world that has settled.

mod pictures;
mod secrets;
pub(crate) mod shown;
mod trust;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use coview_hub::Event;
use coview_hub::HubConfig;
use coview_hub::Place;
use coview_lifecycle::StateKind;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::MaskState;
use coview_wire::Moment;
use coview_wire::PresenceId;
use coview_wire::RequestId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::TermsRequested;
use coview_wire::UnixTime;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;

use crate::checker::pictures::Pictures;
pub use crate::checker::pictures::SeenPicture;
use crate::checker::secrets::Secrets;
use crate::checker::trust::Trust;
use crate::client::ClientId;
use crate::town;

/// A rule that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 1: a key is displayed ⇒ this session was started manually.
    KeyOnlyIfManual,
    /// 2: *accepted* is never said before *displayed*, and never twice for one request.
    AcceptedAfterDisplayed,
    /// 3: after *declined*, *withdrawn* or *expired* no one-click start follows without a new
    /// request.
    NoStartAfterNo,
    /// 4: no picture reaches an agent unless consent of that session stands and the agent is its
    /// guest.
    NoPictureWithoutConsent,
    /// 5: visitor, hub and agents agree once messages have settled.
    Agreement,
    /// 6: the group never changes; no message crosses groups.
    GroupsApart,
    /// 7: every request of an agent ends in exactly one way, and its agent is told no other.
    OneOutcome,
    /// 8: after the last socket closes the hub holds nothing past its grace times.
    NothingLeft,
    /// 9: no secret can be read in any `Debug`, log line or error text.
    NoSecret,
    /// 10: every engine is idle again within a bounded number of outputs after one input.
    IdleAgain,
    /// A command is possible in a state exactly if the transition table says so.
    Table,
    /// Once all is settled, every viewer sees what is shared.
    SamePicture,
    /// What is masked is never seen.
    MaskedUnseen,
    /// Nobody is signed in or identified without a proof that is good then, where one is needed or
    /// shown.
    ProvenIdentity,
    /// An agent is told of, asks and joins only visitors its token allows, and is told the rights it
    /// has.
    RightsKept,
    /// No agent begins anything, or is told who is online, after its sign-in is over.
    NotAfterExpiry,
    /// Where the visitor has to let agents in, none is a guest before that visitor said yes, and none
    /// after a no.
    ConfirmedFirst,
    /// A token, an assertion and a key for one use are used once.
    UsedOnce,
    /// A hub that drains lets nothing new begin.
    NothingNew,
    /// Nothing that needs a record begins while none can be written.
    Recorded,
    /// Nobody is let in from a web page that does not belong to the group.
    OwnPages,
    /// A request is taken back by its own agent, who names it or names none, or shows a token that is
    /// not for that visitor.
    WithdrawnByItsAgent,
    /// The record of a session has what is covered now.
    MasksRecorded,
    /// Nobody is stuck: a client is connected, or closed with a reason.
    NotStuck,
    /// Hub and engines understand each other: nothing is undecodable or out of place.
    Understood,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KeyOnlyIfManual => "1, a key is shown only if the start was manual",
            Self::AcceptedAfterDisplayed => "2, accepted once and after displayed",
            Self::NoStartAfterNo => "3, no start after a no",
            Self::NoPictureWithoutConsent => "4, no picture without consent",
            Self::Agreement => "5, everybody agrees",
            Self::GroupsApart => "6, groups stay apart",
            Self::OneOutcome => "7, one outcome",
            Self::NothingLeft => "8, nothing is left",
            Self::NoSecret => "9, no secret is told",
            Self::IdleAgain => "10, idle again",
            Self::Table => "the transition table",
            Self::SamePicture => "viewers see what is shared",
            Self::MaskedUnseen => "what is masked is unseen",
            Self::ProvenIdentity => "everybody has proved who they are",
            Self::RightsKept => "agents see whom they may",
            Self::NotAfterExpiry => "nothing after a sign-in is over",
            Self::ConfirmedFirst => "visitors let agents in",
            Self::UsedOnce => "what is for one use is used once",
            Self::NothingNew => "nothing new while the hub drains",
            Self::Recorded => "nothing without a record",
            Self::OwnPages => "pages of the group only",
            Self::WithdrawnByItsAgent => "a request is withdrawn by its agent",
            Self::MasksRecorded => "what is covered is on record",
            Self::NotStuck => "nobody is stuck",
            Self::Understood => "everything is understood",
        })
    }
}

/// A rule that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What was seen.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.rule, self.how)
    }
}

/// One thing that was seen.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A client came to be.
    Came {
        /// Who.
        client: ClientId,
        /// The group it was made for.
        group: &'a GroupId,
    },
    /// A typed visitor said this to its link.
    VisitorSaid {
        /// Who.
        client: ClientId,
        /// What.
        message: &'a ClientMessage,
    },
    /// A visitor's engine passed this up.
    VisitorTold {
        /// Who.
        client: ClientId,
        /// What.
        message: &'a ServerMessage,
    },
    /// A typed agent said this to its link.
    AgentSaid {
        /// Who.
        client: ClientId,
        /// What.
        message: &'a AgentMessage,
    },
    /// An agent's engine passed this up.
    AgentTold {
        /// Who.
        client: ClientId,
        /// What.
        message: &'a AgentNotice,
    },
    /// A typed visitor looks like this.
    Visitor {
        /// Who.
        client: ClientId,
        /// The group it names.
        group: &'a GroupId,
        /// Its state.
        state: StateKind,
        /// The key it shows, as it is read out.
        key: Option<&'a str>,
        /// The session it shares in.
        session: Option<SessionId>,
    },
    /// A typed agent looks like this.
    Agent {
        /// Who.
        client: ClientId,
        /// The group it names.
        group: &'a GroupId,
        /// The session it views.
        session: Option<SessionId>,
    },
    /// A typed agent's request came to this.
    AgentOutcome {
        /// Who.
        client: ClientId,
        /// What came of it.
        outcome: AskOutcome,
    },
    /// A command was tried on a typed visitor.
    Command {
        /// The state it was in.
        state: StateKind,
        /// What was tried.
        trigger: Trigger,
        /// Whether it was possible.
        possible: bool,
    },
    /// The hub took this from a visitor.
    HubHeardVisitor {
        /// From whom.
        client: ClientId,
        /// What.
        message: &'a ClientMessage,
    },
    /// The hub took this from an agent.
    HubHeardAgent {
        /// From whom.
        client: ClientId,
        /// What.
        message: &'a AgentMessage,
    },
    /// The hub says this to a visitor.
    HubSaidVisitor {
        /// To whom.
        client: ClientId,
        /// What.
        message: &'a ServerMessage,
    },
    /// The hub says this to an agent.
    HubSaidAgent {
        /// To whom.
        client: ClientId,
        /// What.
        message: &'a AgentNotice,
    },
    /// The hub wrote this into its audit log.
    Hub {
        /// The line.
        event: &'a Event,
        /// Whose message the hub was handling.
        client: Option<ClientId>,
    },
    /// A client's app dropped its typed value, or its process ended.
    Left {
        /// Who.
        client: ClientId,
    },
    /// A picture was seen on its way.
    Picture(SeenPicture<'a>),
    /// The hub is gone, with everything it knew.
    HubGone,
    /// The hub has no connection of a client any more.
    HubLost {
        /// Whose.
        client: ClientId,
    },
    /// Something that may be read by whoever may not know what it is about: a `Debug`, a line of a
    /// log, the text of an error.
    Text {
        /// What it is.
        of: &'static str,
        /// What can be read.
        text: &'a str,
    },
    /// The hub is told what the wall clock says.
    Wall {
        /// What it says.
        now: UnixTime,
    },
    /// The hub is told to let nothing new begin.
    Drained,
    /// The hub is told whether its owner can write records.
    Records {
        /// Whether it can.
        healthy: bool,
    },
    /// A client's connections come from a page of this origin from now on, or from none.
    Page {
        /// Whose.
        client: ClientId,
        /// The origin, as a browser writes it.
        origin: Option<&'a str>,
    },
    /// The network lost or changed what a visitor had said: the hub never hears it like this.
    Lost {
        /// Who said it.
        client: ClientId,
        /// What was said.
        message: &'a ClientMessage,
    },
    /// An engine, or the hub, was idle again after so many outputs.
    Outputs {
        /// Which engine; `None` is the hub.
        of: Option<ClientId>,
        /// How many outputs it made, the idle one included.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// What is known by what has been seen; and which rules were broken.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    /// Who may be seen by a group's visitors, and what they agree to.
    groups: BTreeMap<GroupId, GroupFacts>,
    clients: BTreeMap<ClientId, ClientFacts>,
    asks: BTreeMap<AskId, AskFacts>,
    sessions: BTreeMap<SessionId, SessionFacts>,
    /// What the hub holds now, by its own account.
    pub(crate) places: BTreeMap<Place, PlaceFacts>,
    /// Since when the hub has no connection of whoever is at these places.
    lost: BTreeMap<Place, Moment>,
    /// How long a place is kept at most without a connection.
    kept: Duration,
    now: Moment,
    pictures: Pictures,
    trust: Trust,
    secrets: Secrets,
    /// Whether what the hub is given just now is not what somebody said.
    picture_excused: bool,
    violations: Vec<Violation>,
}

#[derive(Clone, Debug, Default)]
struct GroupFacts {
    terms: Vec<coview_wire::Terms>,
    /// Everybody who ever was identified in it.
    visitors: BTreeSet<VisitorId>,
}

#[derive(Clone, Debug)]
struct ClientFacts {
    group: GroupId,
    /// The starts the hub heard of.
    starts: BTreeMap<StartId, StartBy>,
    displayed: BTreeSet<AskId>,
    heard_displayed: BTreeSet<AskId>,
    heard_accepted: BTreeMap<AskId, RequestId>,
    accepted: BTreeSet<AskId>,
    /// Requests this visitor said no to, or knows to be over.
    over: BTreeSet<AskId>,
    /// The request of an agent.
    ask: Option<AskId>,
    /// The requests the hub heard an agent take back; `None` for whichever was the last.
    withdrew: BTreeSet<Option<AskId>>,
}

#[derive(Clone, Debug)]
pub(crate) struct AskFacts {
    pub(crate) group: GroupId,
    pub(crate) visitor: VisitorId,
    displayed: bool,
    pub(crate) outcome: Option<AskOutcome>,
    started: bool,
    /// Which agent asked.
    by: Option<ClientId>,
}

#[derive(Clone, Debug)]
pub(crate) struct SessionFacts {
    group: GroupId,
    ask: Option<AskId>,
    pub(crate) place: Option<Place>,
    pub(crate) client: Option<ClientId>,
    key: Option<String>,
    pub(crate) guests: Vec<AgentId>,
    /// Whether it was accepted or started, and has not ended.
    pub(crate) lives: bool,
    pub(crate) started: bool,
}

/// A client as the hub holds it.
#[derive(Clone, Debug)]
pub(crate) struct PlaceFacts {
    pub(crate) group: GroupId,
    pub(crate) client: Option<ClientId>,
    pub(crate) visitor: Option<VisitorId>,
    pub(crate) online: Option<PresenceId>,
}

impl Checker {
    /// A checker for a hub with these groups.
    #[must_use]
    pub fn new(config: &HubConfig) -> Self {
        let groups = config.groups.iter().map(|(id, group)| {
            let terms = vec![group.terms.clone()];
            (id.clone(), GroupFacts { terms, visitors: BTreeSet::new() })
        });
        let trust = Trust::new(config);
        let kept = config.policy.resume_grace.max(config.policy.background_lease);
        Self { groups: groups.collect(), kept, trust, ..Self::default() }
    }

    /// The rules that were broken, in order.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// It is this late from now on.
    pub fn at(&mut self, now: Moment) {
        self.now = now;
        self.trust.at(now);
    }

    /// Whether an agent may be told of this visitor now, by the papers it has shown.
    pub(crate) fn sees(&self, client: ClientId, visitor: &VisitorId) -> bool {
        self.trust.sees(client, visitor)
    }

    /// What is on record of the masks of a session.
    pub(crate) fn masks(&self, session: SessionId) -> Option<MaskState> {
        self.trust.masks(session)
    }

    /// How often what the rules of trust are about has happened, by name.
    pub(crate) fn trust_counts(&self) -> [(&'static str, u64); 7] {
        let counts = self.trust.counts();
        [
            ("identified with proof", counts.identified_with_proof),
            ("claims refused", counts.claims_refused),
            ("pictures after a confirmation", counts.pictures_after_confirmation),
            ("told of visitors by restricted rights", counts.restricted_told),
            ("papers for one use", counts.once_used),
            ("masks recorded", counts.masks_recorded),
            ("pictures after expiry", counts.pictures_after_expiry),
        ]
    }

    /// Whether what the hub is given from now on is not what somebody said.
    pub(crate) const fn excuse_picture(&mut self, excused: bool) {
        self.picture_excused = excused;
    }

    pub(crate) fn broken(&mut self, rule: Rule, how: impl Into<String>) {
        self.violations.push(Violation { rule, how: how.into() });
    }

    fn check(&mut self, rule: Rule, holds: bool, how: impl FnOnce() -> String) {
        if !holds {
            self.broken(rule, how());
        }
    }

    /// Takes in what was seen.
    pub fn see(&mut self, seen: Seen<'_>) {
        self.pictures.note(&seen);
        if let Err((rule, how)) = self.trust.see(&seen) {
            self.broken(rule, how);
        }
        if let Err((rule, how)) = self.secrets.see(&seen) {
            self.broken(rule, how);
        }
        match seen {
            Seen::Text { .. }
            | Seen::Left { .. }
            | Seen::Wall { .. }
            | Seen::Drained
            | Seen::Records { .. }
            | Seen::Page { .. } => {}
            Seen::Lost { client, message } => {
                // What the hub hears of the answers that follow is right all the same.
                if let (ClientMessage::TermsDisplayed(it), Some(facts)) =
                    (message, self.clients.get_mut(&client))
                {
                    facts.heard_displayed.insert(it.ask);
                }
            }
            Seen::Picture(picture) => {
                if let Err((rule, how)) = self.pictures.see(picture) {
                    self.broken(rule, how);
                }
            }
            Seen::Came { client, group } => {
                let facts = ClientFacts {
                    group: group.clone(),
                    starts: BTreeMap::new(),
                    displayed: BTreeSet::new(),
                    heard_displayed: BTreeSet::new(),
                    heard_accepted: BTreeMap::new(),
                    accepted: BTreeSet::new(),
                    over: BTreeSet::new(),
                    ask: None,
                    withdrew: BTreeSet::new(),
                };
                self.clients.insert(client, facts);
            }
            Seen::VisitorSaid { client, message } => self.visitor_said(client, message),
            Seen::VisitorTold { client, message } => self.visitor_told(client, message),
            // What an agent says is checked where the hub hears it.
            Seen::AgentSaid { .. } => {}
            Seen::AgentTold { client, message } => self.agent_told(client, message),
            Seen::Visitor { client, group, state, key, session } => {
                self.same_group(client, group);
                self.visitor_looks(client, state, key, session);
            }
            Seen::Agent { client, group, session } => {
                self.same_group(client, group);
                if let Some(session) = session {
                    self.session_of_group(client, session);
                }
            }
            Seen::AgentOutcome { client, outcome } => self.agent_outcome(client, outcome),
            Seen::Command { state, trigger, possible } => {
                let expected = table::edge(state, trigger).is_some();
                self.check(Rule::Table, possible == expected, || {
                    format!("`{trigger}` in {state}: possible {possible}, in the table {expected}")
                });
            }
            Seen::HubHeardVisitor { client, message } => self.hub_heard_visitor(client, message),
            Seen::HubHeardAgent { client, message } => match message {
                AgentMessage::SignIn(it) => self.same_group(client, &it.group),
                AgentMessage::Resume(it) => self.same_group(client, &it.group),
                AgentMessage::Withdraw(it) => {
                    if let Some(facts) = self.clients.get_mut(&client) {
                        facts.withdrew.insert(it.ask);
                    }
                }
                AgentMessage::Renew(_)
                | AgentMessage::Watch(_)
                | AgentMessage::Unwatch(_)
                | AgentMessage::Ask(_)
                | AgentMessage::Join(_)
                | AgentMessage::Leave(_)
                | AgentMessage::EndSession(_)
                | AgentMessage::Eject(_)
                | AgentMessage::Ping(_)
                | AgentMessage::Bye(_) => {}
            },
            Seen::HubSaidVisitor { client, message } => self.hub_said_visitor(client, message),
            Seen::HubSaidAgent { client, message } => self.hub_said_agent(client, message),
            Seen::Hub { event, client } => self.hub_wrote(event, client),
            Seen::HubGone => self.hub_gone(),
            Seen::HubLost { client } => self.hub_lost(client),
            Seen::Outputs { of, count, limit } => {
                if of.is_none() {
                    self.nobody_outstays();
                }
                self.check(Rule::IdleAgain, count <= limit, || {
                    let who = of.map_or_else(|| "the hub".to_owned(), |client| client.to_string());
                    format!("{who} made {count} outputs after one input; the limit is {limit}")
                })
            }
        }
    }
}

/// What the clients say and are told.
impl Checker {
    fn visitor_said(&mut self, client: ClientId, message: &ClientMessage) {
        let Some(facts) = self.clients.get_mut(&client) else { return };
        match message {
            ClientMessage::TermsDisplayed(it) => {
                facts.displayed.insert(it.ask);
            }
            ClientMessage::TermsDeclined(it) => {
                facts.over.insert(it.ask);
            }
            ClientMessage::TermsAccepted(it) => {
                let displayed = facts.displayed.contains(&it.ask);
                let once = facts.accepted.insert(it.ask);
                let over = facts.over.contains(&it.ask);
                let ask = it.ask;
                self.check(Rule::AcceptedAfterDisplayed, displayed, || {
                    format!("{client} accepted {ask:?} before the terms were displayed")
                });
                self.check(Rule::AcceptedAfterDisplayed, once, || {
                    format!("{client} accepted {ask:?} twice")
                });
                self.check(Rule::NoStartAfterNo, !over, || {
                    format!("{client} accepted {ask:?} after it was over")
                });
            }
            ClientMessage::SessionStart(it) => {
                if let StartBy::VisitorId { ask } = it.by {
                    let accepted = facts.accepted.contains(&ask);
                    let over = facts.over.contains(&ask);
                    self.check(Rule::NoStartAfterNo, accepted && !over, || {
                        format!("{client} starts under {ask:?}, accepted {accepted}, over {over}")
                    });
                }
            }
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::Identify(_)
            | ClientMessage::LogOut(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => {}
        }
    }

    fn visitor_told(&mut self, client: ClientId, message: &ServerMessage) {
        let Some(facts) = self.clients.get_mut(&client) else { return };
        match message {
            ServerMessage::TermsWithdrawn(it) => {
                facts.over.insert(it.ask);
            }
            ServerMessage::Resumed(it) => {
                facts.over.extend(it.snapshot.ask_over.map(|over| over.ask));
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::TermsRequested(_)
            | ServerMessage::SessionConnected(_)
            | ServerMessage::SessionGuests(_)
            | ServerMessage::JoinRequested(_)
            | ServerMessage::JoinWithdrawn(_)
            | ServerMessage::SessionEnded(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn agent_told(&mut self, client: ClientId, message: &AgentNotice) {
        let Some(facts) = self.clients.get_mut(&client) else { return };
        match message {
            AgentNotice::Asked(it) => facts.ask = Some(it.ask),
            AgentNotice::Resumed(it) => {
                let snapshot = &it.snapshot;
                let ask = snapshot.ask.as_ref().map(|ask| ask.ask);
                let begun = snapshot.view.as_ref().and_then(|view| view.ask);
                let ended = snapshot.ask_ended.map(|ended| ended.ask);
                facts.ask = ask.or(begun).or(ended).or(facts.ask);
            }
            AgentNotice::SignedIn(_)
            | AgentNotice::Roster(_)
            | AgentNotice::VisitorOnline(_)
            | AgentNotice::VisitorChanged(_)
            | AgentNotice::VisitorOffline(_)
            | AgentNotice::TermsSeen(_)
            | AgentNotice::Renewed(_)
            | AgentNotice::JoinWaiting(_)
            | AgentNotice::AskEnded(_)
            | AgentNotice::Joined(_)
            | AgentNotice::ViewGuests(_)
            | AgentNotice::ViewEnded(_)
            | AgentNotice::Refused(_)
            | AgentNotice::Problem(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => {}
        }
    }

    fn visitor_looks(
        &mut self,
        client: ClientId,
        state: StateKind,
        key: Option<&str>,
        session: Option<SessionId>,
    ) {
        let facts = session.and_then(|session| self.sessions.get(&session)).cloned();
        if let Some(session) = session {
            self.session_of_group(client, session);
            self.check(Rule::KeyOnlyIfManual, facts.is_some(), || {
                format!("{client} shares in {session:?}, which never started")
            });
        }
        let manual = facts.as_ref().is_some_and(|it| it.ask.is_none() && it.client == Some(client));
        let own = facts.as_ref().and_then(|facts| facts.key.as_deref());
        self.check(Rule::KeyOnlyIfManual, key.is_none() || (manual && key == own), || {
            format!("{client} in {state} shows a key; manual {manual}, its own {}", key == own)
        });
        if state == StateKind::SharingOneClick {
            let ask = facts.and_then(|facts| facts.ask);
            let outcome = ask.and_then(|ask| self.asks.get(&ask)).and_then(|ask| ask.outcome);
            self.check(Rule::NoStartAfterNo, outcome == Some(AskOutcome::Accepted), || {
                format!("{client} is {state} after {ask:?} came to {outcome:?}")
            });
        }
    }

    fn agent_outcome(&mut self, client: ClientId, outcome: AskOutcome) {
        let ask = self.clients.get(&client).and_then(|facts| facts.ask);
        let real = ask.and_then(|ask| self.asks.get(&ask)).and_then(|ask| ask.outcome);
        let fits = match outcome {
            // A client may know less than the hub, never something else.
            AskOutcome::Lost | AskOutcome::Unknown => true,
            AskOutcome::Accepted
            | AskOutcome::Declined
            | AskOutcome::Withdrawn
            | AskOutcome::Expired
            | AskOutcome::Busy => real == Some(outcome),
        };
        self.check(Rule::OneOutcome, fits, || {
            format!("{client} sees {ask:?} come to {outcome:?}; it came to {real:?}")
        });
    }

    fn same_group(&mut self, client: ClientId, group: &GroupId) {
        let own = self.clients.get(&client).map(|facts| &facts.group);
        let same = own.is_none_or(|own| own == group);
        self.check(Rule::GroupsApart, same, || format!("{client} is in {group} now"));
    }
}

/// What goes over the wire.
impl Checker {
    fn hub_heard_visitor(&mut self, client: ClientId, message: &ClientMessage) {
        match message {
            ClientMessage::Hello(it) => return self.same_group(client, &it.group),
            ClientMessage::Resume(it) => return self.same_group(client, &it.group),
            ClientMessage::Identify(_)
            | ClientMessage::LogOut(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDisplayed(_)
            | ClientMessage::TermsAccepted(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionStart(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => {}
        }
        let Some(facts) = self.clients.get_mut(&client) else { return };
        match message {
            ClientMessage::Identify(it) => {
                if let Some(group) = self.groups.get_mut(&facts.group) {
                    group.visitors.insert(it.visitor.clone());
                }
            }
            ClientMessage::SessionStart(it) => {
                facts.starts.insert(it.start, it.by);
            }
            ClientMessage::TermsDisplayed(it) => {
                facts.heard_displayed.insert(it.ask);
            }
            ClientMessage::TermsAccepted(it) => {
                let displayed = facts.heard_displayed.contains(&it.ask);
                // The same message may be said again after a reconnect.
                let first = *facts.heard_accepted.entry(it.ask).or_insert(it.re);
                let (ask, again) = (it.ask, first != it.re);
                self.check(Rule::AcceptedAfterDisplayed, displayed && !again, || {
                    format!(
                        "{client} accepts {ask:?} on the wire, displayed {displayed}, again {again}"
                    )
                });
            }
            ClientMessage::Hello(_)
            | ClientMessage::Resume(_)
            | ClientMessage::LogOut(_)
            | ClientMessage::PresenceConnect(_)
            | ClientMessage::PresenceUpdate(_)
            | ClientMessage::PresenceDisconnect(_)
            | ClientMessage::AppMoved(_)
            | ClientMessage::TermsDeclined(_)
            | ClientMessage::JoinConfirmed(_)
            | ClientMessage::JoinDeclined(_)
            | ClientMessage::SessionEnd(_)
            | ClientMessage::Ping(_)
            | ClientMessage::Bye(_) => {}
        }
    }

    fn hub_said_visitor(&mut self, client: ClientId, message: &ServerMessage) {
        match message {
            ServerMessage::TermsRequested(it) => self.terms_of_group(client, it),
            ServerMessage::TermsWithdrawn(it) => self.ask_of_group(client, it.ask),
            ServerMessage::SessionConnected(it) => {
                self.session_of_group(client, it.session);
                self.key_given(client, it.start, it.session, it.key.as_ref());
            }
            ServerMessage::SessionGuests(it) => {
                self.session_of_group(client, it.session);
                self.cards_of_group(client, &it.guests);
            }
            ServerMessage::SessionEnded(it) => self.session_of_group(client, it.session),
            ServerMessage::JoinRequested(it) => {
                self.session_of_group(client, it.session);
                self.cards_of_group(client, core::slice::from_ref(&it.agent));
            }
            ServerMessage::JoinWithdrawn(_) => {}
            ServerMessage::Resumed(it) => {
                let snapshot = &it.snapshot;
                if let Some(asked) = &snapshot.ask {
                    self.terms_of_group(client, asked);
                }
                if let Some(session) = &snapshot.session {
                    self.session_of_group(client, session.session);
                    self.cards_of_group(client, &session.guests);
                    let (start, key) = (session.start, session.key.as_ref());
                    self.key_given(client, start, session.session, key);
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Identified(_)
            | ServerMessage::PresenceConnected(_)
            | ServerMessage::PresenceLost(_)
            | ServerMessage::PresenceFocus(_)
            | ServerMessage::Refused(_)
            | ServerMessage::Problem(_)
            | ServerMessage::Pong(_)
            | ServerMessage::Closing(_) => {}
        }
    }

    fn hub_said_agent(&mut self, client: ClientId, message: &AgentNotice) {
        match message {
            AgentNotice::Roster(it) => {
                for card in &it.visitors {
                    self.visitor_of_group(client, card);
                }
            }
            AgentNotice::VisitorOnline(it) => self.visitor_of_group(client, &it.card),
            AgentNotice::VisitorChanged(it) => self.visitor_of_group(client, &it.card),
            AgentNotice::Asked(it) => self.ask_of_group(client, it.ask),
            AgentNotice::TermsSeen(it) => self.ask_of_group(client, it.ask),
            AgentNotice::AskEnded(it) => {
                self.ask_of_group(client, it.ask);
                let facts = self.asks.get(&it.ask);
                let displayed = facts.is_some_and(|ask| ask.displayed);
                let real = facts.and_then(|ask| ask.outcome);
                let (ask, outcome) = (it.ask, it.outcome);
                self.check(
                    Rule::AcceptedAfterDisplayed,
                    outcome != AskOutcome::Accepted || displayed,
                    || format!("{client} is told accepted for {ask:?} before displayed"),
                );
                self.check(Rule::OneOutcome, real == Some(outcome), || {
                    format!("{client} is told {outcome:?} for {ask:?}; it came to {real:?}")
                });
            }
            AgentNotice::Joined(it) => {
                self.session_of_group(client, it.view.session);
                self.cards_of_group(client, &it.view.guests);
            }
            AgentNotice::ViewGuests(it) => {
                self.session_of_group(client, it.session);
                self.cards_of_group(client, &it.guests);
            }
            AgentNotice::ViewEnded(it) => self.session_of_group(client, it.session),
            AgentNotice::Resumed(it) => {
                let snapshot = &it.snapshot;
                if let Some(ask) = &snapshot.ask {
                    self.ask_of_group(client, ask.ask);
                }
                if let Some(view) = &snapshot.view {
                    self.session_of_group(client, view.session);
                    self.cards_of_group(client, &view.guests);
                }
            }
            AgentNotice::SignedIn(it) => {
                self.cards_of_group(client, core::slice::from_ref(&it.agent));
            }
            AgentNotice::VisitorOffline(_)
            | AgentNotice::Renewed(_)
            | AgentNotice::JoinWaiting(_)
            | AgentNotice::Refused(_)
            | AgentNotice::Problem(_)
            | AgentNotice::Pong(_)
            | AgentNotice::Closing(_) => {}
        }
    }

    /// A key goes out to a visitor: only for a start it asked to have one for.
    fn key_given(
        &mut self,
        client: ClientId,
        start: StartId,
        session: SessionId,
        key: Option<&SessionKey>,
    ) {
        let by = self.clients.get(&client).and_then(|facts| facts.starts.get(&start)).copied();
        let fits = match by {
            Some(StartBy::RandomKey) => key.is_some(),
            Some(StartBy::VisitorId { .. }) | None => key.is_none(),
        };
        self.check(Rule::KeyOnlyIfManual, fits, || {
            format!("{client} gets a key {} for {start:?} by {by:?}", key.is_some())
        });
        if let (Some(facts), Some(key)) = (self.sessions.get_mut(&session), key) {
            let mut text = String::new();
            key.write_grouped(&mut text).expect("writing to a String cannot fail");
            facts.key = Some(text);
        }
    }

    fn facts(&self, client: ClientId) -> Option<(&ClientFacts, &GroupFacts)> {
        let facts = self.clients.get(&client)?;
        Some((facts, self.groups.get(&facts.group)?))
    }

    fn ask_of_group(&mut self, client: ClientId, ask: AskId) {
        let own = self.clients.get(&client).map(|facts| &facts.group);
        let group = self.asks.get(&ask).map(|facts| &facts.group);
        let same = group == own;
        self.check(Rule::GroupsApart, same, || {
            format!("{client} is told of {ask:?}, which is not its group's")
        });
    }

    fn session_of_group(&mut self, client: ClientId, session: SessionId) {
        let own = self.clients.get(&client).map(|facts| &facts.group);
        let group = self.sessions.get(&session).map(|facts| &facts.group);
        let same = group == own;
        self.check(Rule::GroupsApart, same, || {
            format!("{client} is told of {session:?}, which is not its group's")
        });
    }

    fn cards_of_group(&mut self, client: ClientId, cards: &[AgentCard]) {
        let group = self.clients.get(&client).map(|facts| &facts.group);
        let own = group.is_none_or(|group| {
            cards.iter().all(|it| *it == town::card(group.as_str(), it.agent.as_str()))
        });
        self.check(Rule::GroupsApart, own, || {
            format!("{client} is shown an agent who is not its group's")
        });
    }

    fn visitor_of_group(&mut self, client: ClientId, card: &VisitorCard) {
        let known = self.facts(client);
        let own = known.is_none_or(|(_, group)| group.visitors.contains(&card.visitor));
        let visitor = &card.visitor;
        self.check(Rule::GroupsApart, own, || {
            format!("{client} is shown {visitor}, who is not its group's")
        });
    }

    fn terms_of_group(&mut self, client: ClientId, asked: &TermsRequested) {
        self.ask_of_group(client, asked.ask);
        self.cards_of_group(client, core::slice::from_ref(&asked.agent));
        let known = self.facts(client);
        let own = known.is_none_or(|(_, group)| group.terms.contains(&asked.terms));
        self.check(Rule::GroupsApart, own, || {
            format!("{client} is shown terms that are not its group's")
        });
    }
}

/// What the hub logs.
impl Checker {
    fn hub_wrote(&mut self, event: &Event, client: Option<ClientId>) {
        match event {
            Event::VisitorArrived { group, client: place }
            | Event::AgentSignedIn { group, client: place, .. } => {
                let facts =
                    PlaceFacts { group: group.clone(), client, visitor: None, online: None };
                self.places.insert(*place, facts);
                if let Some(client) = client {
                    self.same_group(client, group);
                }
            }
            Event::VisitorResumed { group, client: place }
            | Event::AgentResumed { group, client: place, .. } => {
                let before = self.places.get(place).map(|facts| facts.client);
                self.lost.remove(place);
                self.check(Rule::GroupsApart, before == Some(client), || {
                    format!("{client:?} resumed the place of {before:?}")
                });
                if let Some(client) = client {
                    self.same_group(client, group);
                }
            }
            Event::VisitorGone { client: place, .. } | Event::AgentLeft { client: place, .. } => {
                self.places.remove(place);
                self.lost.remove(place);
            }
            Event::Identified { client: place, visitor, .. } => {
                if let Some(facts) = self.places.get_mut(place) {
                    facts.visitor = Some(visitor.clone());
                }
            }
            Event::LoggedOut { client: place, .. } => {
                if let Some(facts) = self.places.get_mut(place) {
                    facts.visitor = None;
                }
            }
            Event::Online { client: place, presence, .. } => {
                if let Some(facts) = self.places.get_mut(place) {
                    facts.online = Some(*presence);
                }
            }
            Event::Offline { client: place, .. } => {
                if let Some(facts) = self.places.get_mut(place) {
                    facts.online = None;
                }
            }
            Event::Asked { group, ask, visitor, .. } => {
                let facts = AskFacts {
                    group: group.clone(),
                    visitor: visitor.clone(),
                    displayed: false,
                    outcome: None,
                    started: false,
                    by: client.filter(|client| matches!(client, ClientId::Agent(_))),
                };
                let new = self.asks.insert(*ask, facts).is_none();
                self.check(Rule::OneOutcome, new, || format!("{ask:?} was asked twice"));
            }
            Event::TermsDisplayed { ask, .. } => {
                if let Some(facts) = self.asks.get_mut(ask) {
                    facts.displayed = true;
                }
            }
            Event::Accepted { group, ask, session, .. } => {
                let displayed = self.asks.get(ask).is_some_and(|facts| facts.displayed);
                self.check(Rule::AcceptedAfterDisplayed, displayed, || {
                    format!("the hub notes {ask:?} accepted before displayed")
                });
                self.ask_came_to(*ask, AskOutcome::Accepted);
                self.session_begins(group, *session, Some(*ask));
            }
            Event::Declined { ask, .. } => self.ask_came_to(*ask, AskOutcome::Declined),
            Event::AskEnded { ask, outcome, .. } => {
                if *outcome == AskOutcome::Withdrawn {
                    self.taken_back(*ask);
                }
                self.ask_came_to(*ask, *outcome);
            }
            Event::SessionStarted { group, session, client: place, ask, .. } => {
                match ask {
                    Some(ask) => self.one_click_started(*ask, *session),
                    None => self.session_begins(group, *session, None),
                }
                let of = self.places.get(place).and_then(|facts| facts.client);
                if let Some(facts) = self.sessions.get_mut(session) {
                    facts.place = Some(*place);
                    facts.client = of;
                    facts.started = true;
                }
            }
            Event::GuestJoined { session, agent, count, .. } => {
                if let Some(facts) = self.sessions.get_mut(session) {
                    facts.guests.push(agent.clone());
                }
                self.guests_count(*session, *count);
            }
            Event::GuestLeft { session, agent, count, .. } => {
                if let Some(facts) = self.sessions.get_mut(session)
                    && let Some(at) = facts.guests.iter().position(|guest| guest == agent)
                {
                    facts.guests.remove(at);
                }
                self.guests_count(*session, *count);
            }
            Event::SessionEnded { session, .. } => {
                let lived = self.sessions.get(session).is_some_and(|facts| facts.lives);
                self.check(Rule::Agreement, lived, || {
                    format!("{session:?} ended and did not live")
                });
                if let Some(facts) = self.sessions.get_mut(session) {
                    facts.lives = false;
                }
            }
            Event::PictureRefused { .. } if self.picture_excused => {}
            Event::PictureRefused { why, .. } => {
                self.broken(Rule::Understood, format!("{client:?} sent a picture: {why}"));
            }
            Event::VisitorDropped { .. }
            | Event::AgentDropped { .. }
            | Event::WrongKey { .. }
            | Event::TooManyTries { .. }
            | Event::Refused { .. }
            | Event::CutOff { .. } => {}
            // What trust is about is checked apart; and the log may grow lines this has no rule for.
            Event::HandedOff { .. }
            | Event::AssertionRefused { .. }
            | Event::AgentRenewed { .. }
            | Event::SignInExpired { .. }
            | Event::TokenRefused { .. }
            | Event::NotAllowed { .. }
            | Event::JoinRequested { .. }
            | Event::JoinConfirmed { .. }
            | Event::JoinDeclined { .. }
            | Event::JoinEnded { .. }
            | Event::KeyBurned { .. }
            | Event::MasksChanged { .. }
            | Event::StepUp { .. }
            | _ => {}
        }
    }

    /// A request is taken back by its agent, or by a newer token of that agent which is for others.
    fn taken_back(&mut self, ask: AskId) {
        let Some(facts) = self.asks.get(&ask) else { return };
        let own = facts.by.is_none_or(|by| {
            let said = self.clients.get(&by).is_none_or(|facts| {
                facts.withdrew.contains(&Some(ask)) || facts.withdrew.contains(&None)
            });
            said || !self.trust.allows(by, &facts.visitor)
        });
        self.check(Rule::WithdrawnByItsAgent, own, || {
            format!("{ask:?} is withdrawn, and its agent did not say so")
        });
    }

    fn ask_came_to(&mut self, ask: AskId, outcome: AskOutcome) {
        let before = self.asks.get(&ask).map(|facts| facts.outcome);
        self.check(Rule::OneOutcome, before == Some(None), || {
            format!("{ask:?} came to {outcome:?} after {before:?}")
        });
        if let Some(facts) = self.asks.get_mut(&ask) {
            facts.outcome = Some(outcome);
        }
    }

    fn session_begins(&mut self, group: &GroupId, session: SessionId, ask: Option<AskId>) {
        let facts = SessionFacts {
            group: group.clone(),
            ask,
            place: None,
            client: None,
            key: None,
            guests: Vec::new(),
            lives: true,
            started: false,
        };
        let new = self.sessions.insert(session, facts).is_none();
        self.check(Rule::Agreement, new, || format!("{session:?} began twice"));
    }

    fn one_click_started(&mut self, ask: AskId, session: SessionId) {
        let accepted_as = self.sessions.get(&session).filter(|it| it.lives).and_then(|it| it.ask);
        let facts = self.asks.get_mut(&ask);
        let outcome = facts.as_ref().and_then(|facts| facts.outcome);
        let first = facts.is_some_and(|facts| !core::mem::replace(&mut facts.started, true));
        let accepted = outcome == Some(AskOutcome::Accepted) && accepted_as == Some(ask);
        self.check(Rule::NoStartAfterNo, accepted && first, || {
            format!("a one-click start for {ask:?}, which came to {outcome:?}; first {first}")
        });
    }

    fn guests_count(&mut self, session: SessionId, count: u32) {
        let guests = self.sessions.get(&session).map(|facts| facts.guests.len());
        let same = guests == usize::try_from(count).ok();
        self.check(Rule::Agreement, same, || {
            format!("{session:?} counts {count} guests; {guests:?} joined")
        });
    }

    /// Whoever has no connection keeps what it had for a while.
    fn hub_lost(&mut self, client: ClientId) {
        let now = self.now;
        for (place, _) in self.places.iter().filter(|(_, facts)| facts.client == Some(client)) {
            self.lost.entry(*place).or_insert(now);
        }
    }

    /// A place is gone when it was kept as long as places are kept.
    fn nobody_outstays(&mut self) {
        let outstays = |(_, since): &(&Place, &Moment)| **since + self.kept < self.now;
        if let Some((place, since)) = self.lost.iter().find(outstays) {
            let how = format!("place {place} is still held; its connection was gone at {since}");
            self.broken(Rule::NothingLeft, how);
            self.lost.clear();
        }
    }

    /// Nobody is left to end what the hub held. For its clients it is lost.
    fn hub_gone(&mut self) {
        self.places.clear();
        self.lost.clear();
        for facts in self.asks.values_mut() {
            facts.outcome.get_or_insert(AskOutcome::Lost);
        }
        for facts in self.sessions.values_mut() {
            facts.lives = false;
        }
    }

    /// The sessions that live, by the hub's own account.
    pub(crate) fn live_sessions(&self) -> impl Iterator<Item = (SessionId, &SessionFacts)> {
        self.sessions.iter().filter(|(_, facts)| facts.lives).map(|(id, facts)| (*id, facts))
    }

    /// The requests that wait, by the hub's own account.
    pub(crate) fn waiting_asks(&self) -> impl Iterator<Item = (AskId, &AskFacts)> {
        self.asks.iter().filter(|(_, facts)| facts.outcome.is_none()).map(|(id, it)| (*id, it))
    }
}
