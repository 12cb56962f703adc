//! One visitor, two agents, the hub and what is under way between them, at one moment.

use core::fmt;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use coview_agent::AgentStateKind;
use coview_hub::Caller;
use coview_hub::ConnId;
use coview_hub::Hub;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_proto::Input;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::ClientMessage;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::PresenceData;
use coview_wire::ResumeSecret;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::SessionKey;

use crate::checker::Checker;
use crate::checker::Rule;
use crate::checker::Seen;
use crate::checker::SeenPicture;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::coverage::Coverage;
use crate::device::Agents;
use crate::device::Visitors;
use crate::device::Wish;
use crate::notes::Notes;
use crate::proofs::NOON;
use crate::search::digest::Digest;
use crate::search::digest::Read;
use crate::search::digest::Whose;
use crate::search::digest::Writing;
use crate::search::explore::Limits;
use crate::search::goal::Goal;
use crate::search::mutant::Mutant;
use crate::search::mutant::Wrong;
use crate::search::person::Glance;
use crate::search::person::Person;
use crate::search::root::Bounds;
use crate::search::root::HORIZON;
use crate::search::root::Root;
use crate::timeline::Timeline;
use crate::town;

/// Who of the three clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The visitor.
    Visitor,
    /// One of the agents.
    Agent(u8),
}

/// How a connection breaks. What the side that does not notice has sent and been sent may still
/// arrive, and so may the news that it is over: soon, late or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Break {
    /// Both ends notice at once, and what was under way is lost.
    Both,
    /// The client notices first.
    Client,
    /// The hub notices first.
    Hub,
}

/// One thing that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// The visitor calls a verb.
    Visitor(Trigger),
    /// The visitor takes back a request that waits for its answer.
    VisitorGivesUp,
    /// The visitor's app sends a picture.
    Shows,
    /// An agent asks the visitor.
    Asks(u8),
    /// An agent types the key that was read out last.
    Knocks(u8),
    /// An agent calls one of the verbs that lead back.
    Agent(u8, AgentVerb),
    /// A connection is there.
    Connects(Who),
    /// The next thing that a client has sent reaches the hub; on its oldest connection if it is 0.
    Up(Who, u8),
    /// The next thing that the hub has sent reaches a client.
    Down(Who, u8),
    /// A connection breaks.
    Breaks(Who, Break),
    /// The time has come for what is due first, at a client or with `None` at the hub.
    Time(Option<Who>),
}

/// What an agent calls to get out of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentVerb {
    /// Takes back a request that waits for its answer.
    GiveUp,
    /// Takes back the question.
    Withdraw,
    /// Takes back the wish to be let in.
    Cancel,
    /// Leaves the session.
    Leave,
    /// Ends the session for everybody.
    End,
}

impl Who {
    const ALL: [Self; 3] = [Self::Visitor, Self::Agent(0), Self::Agent(1)];

    pub(super) fn client(self) -> ClientId {
        match self {
            Self::Visitor => VisitorNo(0).into(),
            Self::Agent(no) => AgentNo(no.into()).into(),
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Visitor => 0,
            Self::Agent(no) => 1 + no as usize,
        }
    }
}

impl Choice {
    /// Whether the visitor needs nobody for it but the network it is connected with.
    pub(super) const fn is_the_visitors_own(self) -> bool {
        match self {
            Self::Visitor(_) | Self::VisitorGivesUp => true,
            Self::Shows
            | Self::Asks(_)
            | Self::Knocks(_)
            | Self::Agent(..)
            | Self::Connects(_)
            | Self::Up(..)
            | Self::Down(..)
            | Self::Breaks(..)
            | Self::Time(_) => false,
        }
    }
}

/// One connection.
#[derive(Clone, Debug)]
struct Line {
    conn: ConnId,
    who: Who,
    /// Whether the handshake is done.
    open: bool,
    /// Whether the hub has not heard of its end.
    at_hub: bool,
    /// Whether the client uses it.
    at_client: bool,
    up: VecDeque<Parcel>,
    down: VecDeque<Parcel>,
}

/// Something under way, as it is sent and as it is shown in a digest.
#[derive(Clone, Debug)]
enum Parcel {
    Text(Arc<str>, Rc<Read>),
    Binary(Arc<[u8]>, Rc<Read>),
    Picture(Arc<[u8]>, Rc<Read>),
    End(Rc<Read>),
}

impl Parcel {
    fn text(text: Arc<str>, shown: &str) -> Self {
        Self::Text(text, Rc::new(Read::of(shown)))
    }

    fn binary(bytes: Arc<[u8]>, shown: &str) -> Self {
        Self::Binary(bytes, Rc::new(Read::of(shown)))
    }

    fn picture(bytes: Arc<[u8]>, shown: &str) -> Self {
        Self::Picture(bytes, Rc::new(Read::of(shown)))
    }

    fn end() -> Self {
        Self::End(Rc::new(Read::of("End")))
    }

    fn shown(&self) -> &Read {
        match self {
            Self::Text(_, shown)
            | Self::Binary(_, shown)
            | Self::Picture(_, shown)
            | Self::End(shown) => shown,
        }
    }
}

/// Everything there is.
pub(super) struct Joint {
    pub(super) notes: Notes,
    root: Root,
    bounds: Rc<Bounds>,
    hub: Hub,
    hub_wake: Option<Moment>,
    pub(super) visitor: Person<Visitors>,
    pub(super) agents: [Person<Agents>; 2],
    lines: Vec<Line>,
    last_conn: u64,
    wrong: Wrong,
    /// The session of every key there was.
    keys: Rc<BTreeMap<SessionKey, SessionId>>,
    /// The key the visitor read out last.
    read_out: Option<SessionKey>,
    /// The number of the place each client has the secret of.
    holds: [Option<u64>; 3],
    starts: u8,
    asks: [u8; 2],
    joins: [u8; 2],
    cuts: u8,
    in_flight: usize,
    /// What the last step has shown to be possible.
    pub(super) reached: BTreeSet<Goal>,
}

/// # Coming to be
impl Joint {
    /// The state a search begins with: everybody connected and nothing under way.
    pub(super) fn new(root: Root, limits: Limits, mutant: Option<Mutant>) -> Self {
        let (config, bounds) = (root.config(), root.bounds());
        let north = |agent| town::agent(town::NORTH, agent);
        let notes = Notes {
            now: Moment::ZERO,
            timeline: Timeline::default(),
            checker: Checker::new(&config),
            coverage: Coverage::default(),
        };
        let mut joint = Self {
            notes,
            root,
            hub: Hub::new(config, [7; 32]),
            hub_wake: None,
            visitor: Person::new(Who::Visitor.client(), town::visitor(town::NORTH), 1),
            agents: [
                Person::new(Who::Agent(0).client(), north("grace"), 2),
                Person::new(Who::Agent(1).client(), north("henry"), 3),
            ],
            lines: Vec::new(),
            last_conn: 0,
            wrong: Wrong::with(mutant),
            keys: Rc::default(),
            read_out: None,
            holds: [None; 3],
            starts: bounds.starts,
            asks: bounds.asks,
            joins: bounds.joins,
            cuts: limits.breaks,
            in_flight: limits.in_flight,
            bounds: Rc::new(bounds),
            reached: BTreeSet::new(),
        };
        joint.notes.see(Seen::Wall { now: NOON });
        joint.hub_takes(None, coview_hub::Input::Wall { now: NOON });
        for (who, name) in Who::ALL.into_iter().zip(["anna", "grace", "henry"]) {
            let group = coview_wire::GroupId::new(town::NORTH).expect("the name is an id");
            joint.notes.timeline.name(who.client(), name);
            joint.notes.see(Seen::Came { client: who.client(), group: &group });
            joint.give(who, Given::Start);
            joint.settle();
        }
        if root.online() {
            joint.visitor_calls(Trigger::Identify);
            joint.settle();
            joint.visitor_calls(Trigger::ConnectPresence);
            joint.settle();
        }
        joint.reached.clear();
        joint
    }

    /// The same once more, but for the timeline.
    pub(super) fn fork(&self) -> Self {
        Self {
            notes: Notes {
                now: self.notes.now,
                timeline: Timeline::default(),
                checker: self.notes.checker.clone(),
                coverage: Coverage::default(),
            },
            root: self.root,
            bounds: Rc::clone(&self.bounds),
            hub: self.hub.fork(),
            hub_wake: self.hub_wake,
            visitor: self.visitor.fork(),
            agents: [self.agents[0].fork(), self.agents[1].fork()],
            lines: self.lines.clone(),
            last_conn: self.last_conn,
            wrong: self.wrong.clone(),
            keys: Rc::clone(&self.keys),
            read_out: self.read_out,
            holds: self.holds,
            starts: self.starts,
            asks: self.asks,
            joins: self.joins,
            cuts: self.cuts,
            in_flight: self.in_flight,
            reached: BTreeSet::new(),
        }
    }

    /// Delivers everything there is to deliver.
    fn settle(&mut self) {
        loop {
            let delivers = |choice: &Choice| {
                matches!(choice, Choice::Connects(_) | Choice::Up(..) | Choice::Down(..))
            };
            let Some(next) = self.choices().into_iter().find(delivers) else { break };
            self.step(next);
        }
    }
}

/// # What can happen
impl Joint {
    /// Everything that can happen next, in the same order in equal states.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let mut all = Vec::new();
        let hub_may_act = self.hub_may_act();
        self.visitors_choices(&mut all);
        for no in [0, 1] {
            self.agents_choices(no, &mut all);
        }
        for who in Who::ALL {
            for (at, line) in (0..).zip(self.lines_of(who)) {
                if !line.open {
                    all.push(Choice::Connects(who));
                    continue;
                }
                if !line.up.is_empty() && hub_may_act {
                    all.push(Choice::Up(who, at));
                }
                if !line.down.is_empty() {
                    all.push(Choice::Down(who, at));
                }
                if self.cuts > 0 && line.at_hub && line.at_client {
                    let how = [Break::Both, Break::Client, Break::Hub];
                    all.extend(how.map(|how| Choice::Breaks(who, how)));
                }
            }
        }
        let wakes = self.wakes();
        let first = wakes.iter().filter_map(|(at, _)| *at).min();
        if let Some(first) = first.filter(|first| first.since(self.notes.now) <= HORIZON) {
            let due = wakes.into_iter().filter(|(at, _)| *at == Some(first));
            all.extend(due.map(|(_, who)| Choice::Time(who)));
        }
        all
    }

    fn wakes(&self) -> [(Option<Moment>, Option<Who>); 4] {
        [
            (self.hub_wake, None),
            (self.visitor.wake, Some(Who::Visitor)),
            (self.agents[0].wake, Some(Who::Agent(0))),
            (self.agents[1].wake, Some(Who::Agent(1))),
        ]
    }

    /// Whether a person may say something more.
    fn may_act(&self, who: Who) -> bool {
        self.lines_of(who).all(|line| !line.at_client || line.up.len() < self.in_flight)
    }

    /// Whether the hub may say something more.
    fn hub_may_act(&self) -> bool {
        self.lines.iter().all(|line| !line.at_hub || line.down.len() < self.in_flight)
    }

    fn visitors_choices(&self, all: &mut Vec<Choice>) {
        match &self.visitor.glance {
            Glance::Visitor { state, .. } => {
                let verbs = self.bounds.verbs.iter().copied();
                let fits = verbs
                    .filter(|verb| table::edge(*state, *verb).is_some())
                    .filter(|verb| *verb != Trigger::StartManual || self.starts > 0);
                let free = self.may_act(Who::Visitor);
                // What leads out of something can always be called.
                let can = fits.filter(|verb| free || leads_out(*verb));
                all.extend(can.map(Choice::Visitor));
            }
            Glance::Waiting => all.push(Choice::VisitorGivesUp),
            Glance::Connecting | Glance::Agent { .. } | Glance::Gone => {}
        }
        let (session, viewers) = &self.visitor.viewers;
        if self.bounds.pictures
            && session.is_some()
            && !viewers.is_empty()
            && !self.shows()
            && self.may_act(Who::Visitor)
            && self.lines_of(Who::Visitor).any(|line| line.open && line.at_client)
        {
            all.push(Choice::Shows);
        }
    }

    /// Whether a picture is under way anywhere.
    fn shows(&self) -> bool {
        let picture = |parcel: &Parcel| match parcel {
            Parcel::Picture(..) => true,
            Parcel::Binary(..) | Parcel::Text(..) | Parcel::End(_) => false,
        };
        self.lines.iter().any(|line| line.up.iter().chain(&line.down).any(picture))
    }

    fn agents_choices(&self, no: u8, all: &mut Vec<Choice>) {
        let at = usize::from(no);
        let free = self.may_act(Who::Agent(no));
        match &self.agents[at].glance {
            Glance::Agent { state: AgentStateKind::SignedIn, .. } => {
                if self.asks[at] > 0 && free {
                    all.push(Choice::Asks(no));
                }
                if self.joins[at] > 0 && self.read_out.is_some() && free {
                    all.push(Choice::Knocks(no));
                }
            }
            Glance::Agent { state: AgentStateKind::Requesting, .. } => {
                all.push(Choice::Agent(no, AgentVerb::Withdraw));
            }
            Glance::Agent { state: AgentStateKind::Joining, .. } => {
                all.push(Choice::Agent(no, AgentVerb::Cancel));
            }
            Glance::Agent { state: AgentStateKind::Viewing, .. } => {
                all.push(Choice::Agent(no, AgentVerb::Leave));
                all.push(Choice::Agent(no, AgentVerb::End));
            }
            Glance::Waiting => all.push(Choice::Agent(no, AgentVerb::GiveUp)),
            Glance::Connecting | Glance::Visitor { .. } | Glance::Gone => {}
        }
    }

    fn lines_of(&self, who: Who) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.who == who)
    }

    fn line(&mut self, conn: ConnId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.conn == conn)
    }

    fn nth_line(&mut self, who: Who, at: u8) -> Option<&mut Line> {
        self.lines.iter_mut().filter(|line| line.who == who).nth(at.into())
    }

    /// The line a client uses.
    fn own_line(&mut self, who: Who) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.who == who && line.at_client)
    }
}

const fn leads_out(verb: Trigger) -> bool {
    match verb {
        Trigger::Decline
        | Trigger::Refuse
        | Trigger::End
        | Trigger::Disconnect
        | Trigger::LogOut => true,
        Trigger::Identify
        | Trigger::ConnectPresence
        | Trigger::StartManual
        | Trigger::TermsDisplayed
        | Trigger::Accept
        | Trigger::Confirm
        | Trigger::AgentAsks
        | Trigger::TermsWithdrawn
        | Trigger::PresenceLost
        | Trigger::JoinRequested
        | Trigger::JoinWithdrawn
        | Trigger::SessionEnded => false,
    }
}

/// What a client's engine is given.
enum Given<'a> {
    Nothing,
    Start,
    Opened,
    Text(&'a str),
    Binary(&'a [u8]),
    SayBinary(Vec<u8>),
    Dropped,
    Timeout,
}

impl<'a> Given<'a> {
    fn input<R: coview_proto::Role>(self) -> Option<Input<'a, R>> {
        match self {
            Self::Nothing => None,
            Self::Start => Some(Input::Start),
            Self::Opened => Some(Input::Opened),
            Self::Text(text) => Some(Input::Text(text)),
            Self::Binary(bytes) => Some(Input::Binary(bytes)),
            Self::SayBinary(bytes) => Some(Input::SayBinary(bytes)),
            Self::Dropped => Some(Input::Dropped),
            Self::Timeout => Some(Input::Timeout),
        }
    }
}

/// # What happens
impl Joint {
    /// Lets one thing happen that can happen.
    pub(super) fn step(&mut self, choice: Choice) {
        match choice {
            Choice::Visitor(verb) => self.visitor_calls(verb),
            Choice::VisitorGivesUp => {
                self.notes.client(self.visitor.id, "takes its request back");
                self.visitor.gives_up();
                self.give(Who::Visitor, Given::Nothing);
            }
            Choice::Shows => self.shows_a_picture(),
            Choice::Asks(no) => {
                self.asks[usize::from(no)] -= 1;
                self.agent_calls(no, coview_agent::Command::Ask(town::visitor_id("anna")));
            }
            Choice::Knocks(no) => {
                if let Some(key) = self.read_out {
                    self.joins[usize::from(no)] -= 1;
                    self.agent_calls(no, coview_agent::Command::Knock(key));
                }
            }
            Choice::Agent(no, verb) => {
                let command = match verb {
                    AgentVerb::GiveUp => {
                        self.notes.client(Who::Agent(no).client(), "takes its request back");
                        self.agents[usize::from(no)].gives_up();
                        return self.give(Who::Agent(no), Given::Nothing);
                    }
                    AgentVerb::Withdraw => coview_agent::Command::Withdraw,
                    AgentVerb::Cancel => coview_agent::Command::Cancel,
                    AgentVerb::Leave => coview_agent::Command::Leave,
                    AgentVerb::End => coview_agent::Command::End,
                };
                self.agent_calls(no, command);
            }
            Choice::Connects(who) => self.connects(who),
            Choice::Up(who, at) => self.goes_up(who, at),
            Choice::Down(who, at) => self.goes_down(who, at),
            Choice::Breaks(who, how) => self.breaks(who, how),
            Choice::Time(whose) => {
                let wake = self.wakes().into_iter().find(|(_, who)| *who == whose);
                if let Some((Some(at), _)) = wake {
                    self.notes.now = self.notes.now.max(at);
                }
                match whose {
                    None => self.hub_takes(None, coview_hub::Input::Timeout),
                    Some(who) => self.give(who, Given::Timeout),
                }
            }
        }
        self.lines.retain(|line| {
            line.at_client || line.at_hub || !line.up.is_empty() || !line.down.is_empty()
        });
        self.agrees();
    }

    fn visitor_calls(&mut self, verb: Trigger) {
        let Some(command) = command(verb) else { return };
        let Glance::Visitor { state, .. } = self.visitor.glance else { return };
        self.starts -= u8::from(verb == Trigger::StartManual);
        let possible = self.visitor.calls(command);
        self.notes.client(self.visitor.id, format!("calls {verb}"));
        self.notes.see(Seen::Command { state, trigger: verb, possible });
        self.give(Who::Visitor, Given::Nothing);
    }

    fn agent_calls(&mut self, no: u8, command: coview_agent::Command) {
        let trigger = command.trigger();
        let agent = &mut self.agents[usize::from(no)];
        if let Glance::Agent { state, .. } = agent.glance {
            let expected = coview_agent::table::edge(state, trigger).is_some();
            let possible = agent.calls(command);
            self.notes.client(agent.id, format!("calls {trigger}"));
            if possible != expected {
                let how = format!("`{trigger}` in {state}: possible {possible}");
                self.notes.checker.broken(Rule::Table, how);
            }
            self.give(Who::Agent(no), Given::Nothing);
        }
    }

    fn shows_a_picture(&mut self) {
        let (Some(session), viewers) = &self.visitor.viewers else { return };
        let viewers: Vec<_> = viewers.iter().copied().collect();
        let bytes = Picture::encode(*session, &viewers, b"a picture");
        self.notes.client(self.visitor.id, "sends a picture");
        self.give(Who::Visitor, Given::SayBinary(bytes));
    }

    fn connects(&mut self, who: Who) {
        let Some(line) = self.own_line(who) else { return };
        line.open = true;
        line.at_hub = true;
        let conn = line.conn;
        self.notes.client(who.client(), "is connected");
        let opened = coview_hub::Input::Opened { conn, caller: Caller::default() };
        self.hub_takes(Some((conn, who)), opened);
        self.give(who, Given::Opened);
    }

    fn goes_up(&mut self, who: Who, at: u8) {
        let Some(line) = self.nth_line(who, at) else { return };
        let (conn, at_hub) = (line.conn, line.at_hub);
        let Some(parcel) = line.up.pop_front() else { return };
        // What the hub has closed it does not read.
        if !at_hub {
            return;
        }
        match parcel {
            Parcel::Text(text, _) => {
                self.hub_hears(who, &text);
                let (conn, text) = self.wrong.hub_takes(conn, Some(who.client()), &text);
                let text = coview_hub::Input::Text { conn, text: &text };
                self.hub_takes(Some((conn, who)), text);
            }
            Parcel::Binary(bytes, _) | Parcel::Picture(bytes, _) => {
                let binary = coview_hub::Input::Binary { conn, bytes: &bytes };
                self.hub_takes(Some((conn, who)), binary);
                if who == Who::Visitor {
                    for (conn, relayed) in self.wrong.hub_shows_too(&bytes) {
                        self.hub_shows(conn, relayed);
                    }
                }
            }
            Parcel::End(_) => {
                if let Some(line) = self.line(conn) {
                    line.at_hub = false;
                }
                self.hub_takes(Some((conn, who)), coview_hub::Input::Closed { conn });
            }
        }
    }

    fn goes_down(&mut self, who: Who, at: u8) {
        let Some(line) = self.nth_line(who, at) else { return };
        let at_client = line.at_client;
        let Some(parcel) = line.down.pop_front() else { return };
        if !at_client {
            return;
        }
        match parcel {
            Parcel::Text(text, _) => {
                self.notes.hears(who.client(), Arc::clone(&text));
                self.note_secret(who, &text);
                self.give(who, Given::Text(&text));
            }
            Parcel::Binary(bytes, _) => self.give(who, Given::Binary(&bytes)),
            Parcel::Picture(bytes, _) => {
                let client = who.client();
                self.notes.see(Seen::Picture(SeenPicture::Arrived { client, message: &bytes }));
                self.reached.insert(Goal::PictureSeen);
                self.give(who, Given::Binary(&bytes));
            }
            Parcel::End(_) => {
                line_ends_at_client(self.own_line(who));
                self.give(who, Given::Dropped);
            }
        }
    }

    fn breaks(&mut self, who: Who, how: Break) {
        self.cuts -= 1;
        let Some(line) = self.own_line(who) else { return };
        let conn = line.conn;
        self.notes.client(who.client(), format!("has its connection broken: {how:?}"));
        let Some(line) = self.own_line(who) else { return };
        match how {
            Break::Both => {
                line.up.clear();
                line.down.clear();
                line.at_hub = false;
                line_ends_at_client(Some(line));
                self.hub_takes(Some((conn, who)), coview_hub::Input::Closed { conn });
                self.give(who, Given::Dropped);
            }
            Break::Client => {
                line.up.push_back(Parcel::end());
                line_ends_at_client(Some(line));
                self.give(who, Given::Dropped);
            }
            Break::Hub => {
                line.up.clear();
                line.down.push_back(Parcel::end());
                line.at_hub = false;
                self.hub_takes(Some((conn, who)), coview_hub::Input::Closed { conn });
            }
        }
    }
}

/// The client does not read it any more.
fn line_ends_at_client(line: Option<&mut Line>) {
    if let Some(line) = line {
        line.at_client = false;
        line.down.clear();
    }
}

fn command(verb: Trigger) -> Option<Command> {
    Some(match verb {
        Trigger::Identify => Command::Identify(town::visitor_id("anna").into()),
        Trigger::ConnectPresence => Command::ConnectPresence(PresenceData::new()),
        Trigger::StartManual => Command::StartManual,
        Trigger::TermsDisplayed => Command::TermsDisplayed,
        Trigger::Accept => Command::Accept,
        Trigger::Decline => Command::Decline,
        Trigger::Confirm => Command::Confirm,
        Trigger::Refuse => Command::Refuse,
        Trigger::End => Command::End,
        Trigger::Disconnect => Command::Disconnect,
        Trigger::LogOut => Command::LogOut,
        Trigger::AgentAsks
        | Trigger::TermsWithdrawn
        | Trigger::PresenceLost
        | Trigger::JoinRequested
        | Trigger::JoinWithdrawn
        | Trigger::SessionEnded => return None,
    })
}

/// How things go from one to the other.
impl Joint {
    fn give(&mut self, who: Who, given: Given<'_>) {
        let mut wishes = Vec::new();
        let notes = &mut self.notes;
        match who {
            Who::Visitor => self.visitor.handle(given.input(), notes, &mut wishes),
            Who::Agent(no) => {
                self.agents[usize::from(no)].handle(given.input(), notes, &mut wishes);
            }
        }
        if let Glance::Visitor { key: Some(key), .. } = &self.visitor.glance {
            self.read_out = Some(*key);
        }
        for wish in wishes {
            self.fulfil(who, wish);
        }
    }

    fn fulfil(&mut self, who: Who, wish: Wish) {
        match wish {
            Wish::Open => {
                self.last_conn += 1;
                self.lines.push(Line {
                    conn: ConnId::new(self.last_conn),
                    who,
                    open: false,
                    at_hub: false,
                    at_client: true,
                    up: VecDeque::new(),
                    down: VecDeque::new(),
                });
            }
            Wish::Send(text) => {
                for text in self.wrong.client_says(who.client(), text.into()) {
                    self.notes.says(who.client(), Arc::clone(&text));
                    let shown = self.shown_up(who, &text);
                    self.sends(who, Parcel::text(text, &shown));
                }
            }
            Wish::SendBinary(bytes) => {
                let bytes: Arc<[u8]> = bytes.into();
                let client = who.client();
                self.notes.see(Seen::Picture(SeenPicture::Shown { client, message: &bytes }));
                let shown = match Picture::decode(&bytes) {
                    Ok(picture) => {
                        let viewers: Vec<_> = picture.viewers().collect();
                        format!("shows {:?} {viewers:?}", picture.session())
                    }
                    Err(error) => error.to_string(),
                };
                self.sends(who, Parcel::picture(bytes, &shown));
            }
            Wish::Close => {
                if let Some(line) = self.own_line(who) {
                    if line.at_hub {
                        line.up.push_back(Parcel::end());
                    }
                    line_ends_at_client(Some(line));
                }
            }
        }
    }

    fn sends(&mut self, who: Who, parcel: Parcel) {
        if let Some(line) = self.own_line(who)
            && line.at_hub
        {
            line.up.push_back(parcel);
        }
    }

    fn hub_hears(&mut self, who: Who, text: &str) {
        let client = who.client();
        let error = match who {
            Who::Visitor => match ClientMessage::decode(text) {
                Ok(message) => {
                    return self.notes.see(Seen::HubHeardVisitor { client, message: &message });
                }
                Err(error) => error,
            },
            Who::Agent(_) => match AgentMessage::decode(text) {
                Ok(message) => {
                    return self.notes.see(Seen::HubHeardAgent { client, message: &message });
                }
                Err(error) => error,
            },
        };
        self.notes.checker.broken(Rule::Understood, format!("{client} and the hub: {error}"));
    }

    fn hub_takes(&mut self, of: Option<(ConnId, Who)>, input: coview_hub::Input<'_>) {
        use coview_hub::Output;
        /// More than there can be for three clients.
        const LIMIT: usize = 160;
        let from = of.map(|(_, who)| who.client());
        self.hub.handle_input(self.notes.now, input);
        let mut count = 0;
        loop {
            count += 1;
            match self.hub.poll_output() {
                Output::Send { conn, text } => self.hub_says(conn, text),
                Output::SendBinary { conn, bytes } => {
                    let shown = format!("{:?}", coview_wire::ViewerNotice::decode(&bytes));
                    self.hub_sends(conn, Parcel::binary(bytes, &shown));
                }
                Output::SendPicture { conn, bytes } => {
                    self.wrong.hub_shows(conn);
                    self.hub_shows(conn, bytes);
                }
                Output::ForgetPictures { conn } => {
                    if let Some(line) = self.line(conn) {
                        forget_pictures(line);
                    }
                }
                Output::Close { conn, reason: _ } => {
                    if let Some(line) = self.line(conn) {
                        forget_pictures(line);
                        line.up.clear();
                        line.at_hub = false;
                        if line.at_client {
                            line.down.push_back(Parcel::end());
                        }
                    }
                }
                Output::Event(event) => {
                    self.notes.hub(event.to_string());
                    self.notes.see(Seen::Hub { event: &event, client: from });
                    self.reached.extend(Goal::of(&event));
                }
                Output::Idle { wake_at } => {
                    self.hub_wake = wake_at.map(|deadline| deadline.at.max(self.notes.now));
                    break;
                }
            }
        }
        self.notes.see(Seen::Outputs { of: None, count, limit: LIMIT });
    }

    fn hub_says(&mut self, conn: ConnId, text: Arc<str>) {
        let Some(who) = self.line(conn).map(|line| line.who) else { return };
        let client = who.client();
        let text = self.wrong.hub_says(conn, Some(client), text);
        let (shown, secret) = match who {
            Who::Visitor => match ServerMessage::decode(&text) {
                Ok(message) => {
                    self.notes.see(Seen::HubSaidVisitor { client, message: &message });
                    if let ServerMessage::SessionConnected(it) = &message
                        && let Some(key) = it.key
                    {
                        Rc::make_mut(&mut self.keys).insert(key, it.session);
                    }
                    (format!("{message:?}"), given_to_visitor(&message))
                }
                Err(error) => (error.to_string(), None),
            },
            Who::Agent(_) => match AgentNotice::decode(&text) {
                Ok(message) => {
                    self.notes.see(Seen::HubSaidAgent { client, message: &message });
                    (format!("{message:?}"), given_to_agent(&message))
                }
                Err(error) => (error.to_string(), None),
            },
        };
        let shown = match secret {
            Some(place) => format!("{shown} Place({place})"),
            None => shown,
        };
        self.hub_sends(conn, Parcel::text(text, &shown));
    }

    fn hub_shows(&mut self, conn: ConnId, bytes: Arc<[u8]>) {
        let Some(client) = self.line(conn).map(|line| line.who.client()) else { return };
        self.notes.see(Seen::Picture(SeenPicture::Relayed { client, message: &bytes }));
        let shown = match PictureRelay::decode(&bytes) {
            Ok(picture) => format!("relays {:?}", picture.session()),
            Err(error) => error.to_string(),
        };
        self.hub_sends(conn, Parcel::picture(bytes, &shown));
    }

    fn hub_sends(&mut self, conn: ConnId, parcel: Parcel) {
        if let Some(line) = self.line(conn)
            && line.at_client
            && line.at_hub
        {
            line.down.push_back(parcel);
        }
    }

    /// A client has got a secret.
    fn note_secret(&mut self, who: Who, text: &str) {
        let place = match who {
            Who::Visitor => ServerMessage::decode(text).ok().as_ref().and_then(given_to_visitor),
            Who::Agent(_) => AgentNotice::decode(text).ok().as_ref().and_then(given_to_agent),
        };
        if place.is_some() {
            self.holds[who.index()] = place;
        }
    }

    /// How a client's message is shown: without its secret or key, but with what they open.
    fn shown_up(&self, who: Who, text: &str) -> String {
        match who {
            Who::Visitor => match ClientMessage::decode(text) {
                Ok(ClientMessage::Resume(it)) => {
                    format!("Resume Place({:?})", place_of(&it.secret))
                }
                Ok(message) => format!("{message:?}"),
                Err(error) => error.to_string(),
            },
            Who::Agent(_) => match AgentMessage::decode(text) {
                Ok(AgentMessage::Resume(it)) => format!("Resume Place({:?})", place_of(&it.secret)),
                Ok(message) => self.shown_of_agent(&message),
                Err(error) => error.to_string(),
            },
        }
    }

    fn shown_of_agent(&self, message: &AgentMessage) -> String {
        if let AgentMessage::Join(it) = message {
            format!("{message:?} {:?}", self.keys.get(&it.key))
        } else {
            format!("{message:?}")
        }
    }
}

fn forget_pictures(line: &mut Line) {
    line.down.retain(|parcel| match parcel {
        Parcel::Picture(..) => false,
        Parcel::Text(..) | Parcel::Binary(..) | Parcel::End(_) => true,
    });
}

/// The number of the place whose secret a visitor is given.
fn given_to_visitor(message: &ServerMessage) -> Option<u64> {
    if let ServerMessage::Welcome(it) = message { place_of(&it.secret) } else { None }
}

/// The number of the place whose secret an agent is given.
fn given_to_agent(message: &AgentNotice) -> Option<u64> {
    if let AgentNotice::SignedIn(it) = message { place_of(&it.secret) } else { None }
}

/// The number of the place a secret opens. It stands before what is secret.
fn place_of(secret: &ResumeSecret) -> Option<u64> {
    let (place, _) = secret.expose_secret().split_once('.')?;
    u64::from_str_radix(place, 16).ok()
}

/// # What a state is
impl Joint {
    /// The digest of everything that decides what can happen from here on.
    pub(super) fn digest(&self) -> Digest {
        let mut to = Writing::new();
        self.show(&mut to);
        let known = to.known();
        self.notes.checker.show(&known, &mut |client, piece| {
            to.piece(client.map_or(Whose::Nobody, Whose::from), piece);
        });
        to.digest()
    }

    fn show(&self, to: &mut Writing) {
        let now = self.notes.now;
        let places = &self.notes.checker.places;
        let owner = |place| places.get(&place).and_then(|facts| facts.client);
        self.hub.inner(now, HORIZON, &mut |place, piece| {
            to.piece(place.and_then(owner).map_or(Whose::Nobody, Whose::from), piece);
        });
        self.visitor.show(now, to);
        for message in self.visitor.engine.unacknowledged() {
            to.piece(Whose::Visitor, format_args!("{message:?}"));
        }
        for agent in &self.agents {
            agent.show(now, to);
            for message in agent.engine.unacknowledged() {
                to.piece(agent.id.into(), format_args!("{}", self.shown_of_agent(message)));
            }
        }
        for who in Who::ALL {
            let whose = Whose::from(who.client());
            for line in self.lines_of(who) {
                let Line { conn, who: _, open, at_hub, at_client, up, down } = line;
                let (ups, downs) = (up.len(), down.len());
                to.piece(whose, format_args!("{conn:?} {open} {at_hub} {at_client} {ups} {downs}"));
                for parcel in up.iter().chain(down) {
                    to.known_piece(whose, parcel.shown());
                }
            }
        }
        let read_out = self.read_out.and_then(|key| self.keys.get(&key));
        let holds = self.holds.map(|place| place.map(PlaceNumber));
        let left = (self.starts, self.asks, self.joins, self.cuts);
        to.piece(Whose::Nobody, format_args!("{read_out:?} {holds:?} {left:?} {:?}", self.wrong));
    }
}

/// The number of a place, as the hub shows places.
struct PlaceNumber(u64);

impl fmt::Debug for PlaceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.0)
    }
}

/// # What a glance tells
impl Joint {
    /// Whether a client is connected and nothing is under way between it and the hub, or it is gone.
    pub(super) fn is_settled(&self, who: Who) -> bool {
        let gone = match who {
            Who::Visitor => self.visitor.glance == Glance::Gone,
            Who::Agent(no) => self.agents[usize::from(no)].glance == Glance::Gone,
        };
        let mut lines = self.lines_of(who);
        let (first, second) = (lines.next(), lines.next());
        let connected = first.is_some_and(|line| {
            line.open && line.at_hub && line.at_client && line.up.is_empty() && line.down.is_empty()
        });
        second.is_none() && (connected || (gone && first.is_none()))
    }

    /// Whether the visitor is out: it shares nothing and is asked nothing.
    pub(super) fn is_out(&self) -> bool {
        match &self.visitor.glance {
            Glance::Visitor { state, .. } => match state {
                StateKind::Anonymous | StateKind::Identified | StateKind::PresenceConnected => true,
                StateKind::TermsRequested
                | StateKind::TermsShown
                | StateKind::SharingManualAnonymous
                | StateKind::SharingManualIdentified
                | StateKind::SharingManualPresence
                | StateKind::ConfirmingAnonymous
                | StateKind::ConfirmingIdentified
                | StateKind::ConfirmingPresence
                | StateKind::SharingOneClick => false,
            },
            Glance::Gone => true,
            Glance::Connecting | Glance::Agent { .. } | Glance::Waiting => false,
        }
    }
}
