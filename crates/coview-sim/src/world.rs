//! Visitors, agents, a hub and the network between them, in virtual time.

mod faults;
mod pictures;
mod trust;

use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use coview_agent::Watching;
use coview_hub::ConnId;
use coview_hub::Hub;
use coview_hub::HubConfig;
use coview_hub::Stats;
use coview_lifecycle::Command;
use coview_lifecycle::KeyDisplay;
use coview_lifecycle::StateKind;
use coview_proto::AgentConfig;
use coview_proto::Input;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_proto::Role;
use coview_proto::VisitorConfig;
use coview_wire::AgentId;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentToken;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::Deadline;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::ServerMessage;
use coview_wire::SessionKey;
use coview_wire::VisitorAssertion;

use crate::checker::Checker;
use crate::checker::Rule;
use crate::checker::Seen;
use crate::checker::Violation;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::coverage::Coverage;
use crate::coverage::FaultKind;
use crate::coverage::Item;
use crate::device::Agents;
use crate::device::Device;
use crate::device::Gone;
use crate::device::Hand;
use crate::device::Party;
use crate::device::SimAgent;
use crate::device::SimVisitor;
use crate::device::VisitorNow;
use crate::device::Visitors;
use crate::device::Wish;
use crate::network::Cut;
use crate::network::Delivery;
use crate::network::Direction;
use crate::network::Network;
use crate::network::Parcel;
use crate::network::Reach;
use crate::network::WRITE_QUEUE;
use crate::notes::Notes;
use crate::queue::Queue;
use crate::queue::Ticket;
use crate::search::Mutant;
use crate::search::Wrong;
use crate::timeline::Timeline;
use crate::town;
use crate::world::faults::Excused;
use crate::world::faults::From as CallerFrom;
use crate::world::faults::Harm;
pub(crate) use crate::world::faults::Machine;
pub use crate::world::faults::Tamper;
pub use crate::world::pictures::Fault;
pub use crate::world::trust::LASTS;

/// Everything there is, at one moment of virtual time.
///
/// Nothing happens by itself: [`step`](Self::step) lets the earliest thing happen, and
/// [`run_for`](Self::run_for) all that happens in a time. What apps and people do is a method. The
/// same seed and the same calls give the same run to the last byte.
///
/// ```
/// use core::time::Duration;
/// use coview_lifecycle::{Command, StateKind};
/// use coview_sim::{World, town};
///
/// let mut world = World::new(town::config(), 7);
/// let anna = world.add_visitor("anna", town::visitor(town::NORTH));
/// world.run_for(Duration::from_secs(1));
/// world.command(anna, Command::StartManual);
/// world.run_for(Duration::from_secs(1));
/// assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
/// assert!(world.shown_key(anna).is_some());
/// world.assert_holds();
/// ```
pub struct World {
    config: HubConfig,
    seed: u64,
    queue: Queue<Due>,
    network: Network,
    notes: Notes,
    /// `None` while it is down.
    hub: Option<Hub>,
    hub_wake: Option<Ticket>,
    /// The deadline it waits for.
    hub_due: Option<Deadline>,
    /// How many hubs there have been.
    lives: u64,
    pub(crate) visitors: Vec<Device<Visitors>>,
    pub(crate) agents: Vec<Device<Agents>>,
    reach: BTreeMap<ClientId, Reach>,
    /// What each visitor's app means its presence data to be.
    pub(crate) data: BTreeMap<VisitorNo, PresenceData>,
    /// The key each visitor read out last.
    keys: BTreeMap<VisitorNo, SessionKey>,
    /// The papers that were shown last, to show them again.
    tokens: BTreeMap<AgentNo, AgentToken>,
    assertions: BTreeMap<VisitorNo, VisitorAssertion>,
    /// How many papers there have been.
    issued: u64,
    /// By how many seconds the wall clock was set.
    skew: i64,
    /// Whether the hub lets nothing new begin.
    drains: bool,
    /// Who has been started again, and as whom.
    replaced: BTreeMap<ClientId, usize>,
    /// Whether the hub's owner can write its records.
    recorded: bool,
    /// Where clients come from, if that is known.
    callers: BTreeMap<ClientId, CallerFrom>,
    /// The machines that sleep, and what waits for them.
    asleep: BTreeMap<Machine, Vec<Due>>,
    /// The connections on which a message was lost or changed.
    harmed: BTreeMap<ConnId, Harm>,
    /// What each client was given that is nobody's fault; and how much the hub was.
    excused: BTreeMap<ClientId, Excused>,
    excused_hub: u64,
    /// How many things happened at this very moment.
    at_once: u32,
    /// Whether clients share and watch their screens.
    shares: bool,
    /// The visitor ids there are.
    people: Vec<String>,
    /// What is wrong with the relay, on purpose.
    fault: Option<Fault>,
    /// What was shown last on each connection, for a fault.
    last_shown: BTreeMap<ConnId, Arc<[u8]>>,
    /// What else is wrong on purpose.
    wrong: Wrong,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// From whom if it goes up, to whom if it goes down.
    pub client: ClientId,
    /// Where it goes.
    pub direction: Direction,
    /// What kind of message it is: the word that stands in its `t`.
    pub kind: String,
}

/// The word in `t`, which every message begins with.
fn kind_of(text: &str) -> &str {
    text.strip_prefix("{\"t\":\"").and_then(|rest| rest.split('"').next()).unwrap_or("?")
}

/// What is going to happen.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Network(Delivery),
    HubWakes,
    ClientWakes(ClientId),
    /// A machine that sleeps wakes.
    Awakes(Machine),
}

impl From<Delivery> for Due {
    fn from(delivery: Delivery) -> Self {
        Self::Network(delivery)
    }
}

/// What a client's engine is given.
enum Given<'a> {
    /// Nothing: its typed value was moved by the app.
    Nothing,
    Start,
    Opened,
    OpenFailed(OpenError),
    Text(&'a str),
    Binary(&'a [u8]),
    Dropped,
    Timeout,
}

/// More things than this at one moment are a loop.
const AT_ONCE: u32 = 100_000;

impl World {
    /// A hub and nobody else.
    #[must_use]
    pub fn new(config: HubConfig, seed: u64) -> Self {
        let notes = Notes {
            now: Moment::ZERO,
            timeline: Timeline::default(),
            checker: Checker::new(&config),
            coverage: Coverage::default(),
        };
        let mut world = Self {
            config,
            seed,
            queue: Queue::new(),
            network: Network::new(seed),
            notes,
            hub: None,
            hub_wake: None,
            hub_due: None,
            lives: 0,
            visitors: Vec::new(),
            agents: Vec::new(),
            reach: BTreeMap::new(),
            data: BTreeMap::new(),
            keys: BTreeMap::new(),
            tokens: BTreeMap::new(),
            assertions: BTreeMap::new(),
            issued: 0,
            skew: 0,
            drains: false,
            replaced: BTreeMap::new(),
            recorded: true,
            callers: BTreeMap::new(),
            asleep: BTreeMap::new(),
            harmed: BTreeMap::new(),
            excused: BTreeMap::new(),
            excused_hub: 0,
            at_once: 0,
            shares: false,
            people: town::VISITORS.map(str::to_owned).into(),
            fault: None,
            last_shown: BTreeMap::new(),
            wrong: Wrong::default(),
        };
        world.start_hub();
        world
    }

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Moment {
        self.notes.now
    }

    /// What happened so far.
    #[must_use]
    pub const fn timeline(&self) -> &Timeline {
        &self.notes.timeline
    }

    /// What was reached so far, of all there is to reach.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.notes.coverage
    }

    /// The rules that were broken so far.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.notes.checker.violations()
    }

    /// Makes something wrong on purpose, from now on.
    pub fn mutate(&mut self, mutant: Mutant) {
        self.wrong = Wrong::with(Some(mutant));
    }

    /// What the hub counts; nothing while it is down.
    #[must_use]
    pub fn hub_stats(&self) -> Option<Stats> {
        self.hub.as_ref().map(Hub::stats)
    }

    pub(crate) const fn checker(&self) -> &Checker {
        &self.notes.checker
    }

    /// # Panics
    ///
    /// If a rule was broken; with the timeline.
    pub fn assert_holds(&self) {
        self.assert_none(self.violations());
    }

    pub(crate) fn assert_none(&self, violations: &[Violation]) {
        let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}\n{}", told.join("\n"), self.timeline());
    }
}

/// # Time
impl World {
    /// Lets the earliest thing happen; false if nothing is going to.
    pub fn step(&mut self) -> bool {
        let Some((at, due)) = self.queue.take() else { return false };
        if at > self.notes.now {
            self.notes.now = at;
            self.at_once = 0;
        }
        self.at_once += 1;
        if self.at_once == AT_ONCE {
            self.notes.checker.broken(Rule::IdleAgain, "time does not go on");
        }
        match self.sleeper(&due) {
            Some(machine) => self.asleep.entry(machine).or_default().push(due),
            None => self.happens(due),
        }
        true
    }

    fn happens(&mut self, due: Due) {
        match due {
            Due::Awakes(machine) => self.wake(machine),
            Due::HubWakes => {
                self.hub_wake = None;
                // A machine that has slept may have got to it already.
                let due = self.hub_due.filter(|deadline| deadline.at <= self.notes.now);
                self.notes.coverage.hub_wakes(due.map(|deadline| deadline.why));
                self.hub_takes(None, coview_hub::Input::Timeout);
            }
            Due::ClientWakes(client) => {
                let due = match client {
                    ClientId::Visitor(VisitorNo(no)) => self.visitors[no].due,
                    ClientId::Agent(AgentNo(no)) => self.agents[no].due,
                };
                // Its picture may be what wakes it.
                let due = due.filter(|deadline| deadline.at <= self.notes.now);
                self.notes.coverage.engine_wakes(due.map(|deadline| deadline.why));
                self.give(client, Given::Timeout);
            }
            Due::Network(Delivery::Parcel(conn, direction, parcel)) => {
                if let Some(parcel) = self.network.arrives(conn, direction, parcel) {
                    self.deliver(conn, direction, parcel);
                } else if self.network.waiting(conn) > WRITE_QUEUE {
                    self.hub_takes(Some(conn), coview_hub::Input::TooSlow { conn });
                }
            }
            Due::Network(Delivery::Broken(conn, Direction::Up)) => self.ends_at_hub(conn),
            Due::Network(Delivery::Broken(conn, Direction::Down)) => self.ends_at_client(conn),
            Due::Network(Delivery::Refused(conn)) => self.open_failed(conn),
        }
    }

    /// When the next thing happens, if anything is going to.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        self.queue.next_at()
    }

    /// The messages that are on their way, earliest first. What is held in a stalled direction is
    /// not.
    #[must_use]
    pub fn under_way(&self) -> Vec<UnderWay> {
        let message = |due: &Due| {
            let Due::Network(Delivery::Parcel(conn, direction, Parcel::Text(text))) = due else {
                return None;
            };
            let client = self.network.client(*conn)?;
            Some(UnderWay { client, direction: *direction, kind: kind_of(text).to_owned() })
        };
        self.queue.iter().filter_map(message).collect()
    }

    /// Lets everything happen that happens in this time.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.notes.now + time;
        while self.queue.next_at().is_some_and(|at| at <= until) && self.at_once < AT_ONCE {
            self.step();
        }
        self.notes.now = until;
        self.at_once = 0;
    }

    /// Lets things happen until nothing but pictures is under way in the network, so that everybody
    /// has been told what the others have done. Of a picture there is always a sign of life.
    pub fn run_until_quiet(&mut self) {
        let under_way = |due: &Due| match due {
            Due::Network(Delivery::Parcel(
                _,
                _,
                Parcel::Binary(_)
                | Parcel::Picture(_)
                | Parcel::SpoiledBinary(_)
                | Parcel::AgainBinary(_),
            ))
            | Due::HubWakes
            | Due::ClientWakes(_)
            | Due::Awakes(_) => false,
            Due::Network(_) => true,
        };
        while self.queue.iter().any(under_way) && self.at_once < AT_ONCE {
            self.step();
        }
    }

    /// Lets things happen until a condition holds, for at most this time; says whether it does.
    pub fn run_until(&mut self, time: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let until = self.notes.now + time;
        while !holds(self) {
            if self.queue.next_at().is_none_or(|at| at > until) || self.at_once >= AT_ONCE {
                return false;
            }
            self.step();
        }
        true
    }
}

/// # Clients
impl World {
    /// A visitor's app is started and connects.
    pub fn add_visitor(&mut self, name: &str, config: VisitorConfig) -> VisitorNo {
        let no = VisitorNo(self.visitors.len());
        let group = config.group.clone();
        let seed = self.seed_for(ClientId::Visitor(no));
        self.visitors.push(Device::new(no.into(), config, seed));
        self.visitors[no.0].screen.shares = self.shares;
        self.came(no.into(), name, &group);
        no
    }

    /// An agent's console is started and signs in.
    pub fn add_agent(&mut self, name: &str, config: AgentConfig) -> AgentNo {
        let no = AgentNo(self.agents.len());
        let group = config.group.clone();
        let seed = self.seed_for(ClientId::Agent(no));
        self.agents.push(Device::new(no.into(), config, seed));
        self.agents[no.0].screen.watches = self.shares;
        self.came(no.into(), name, &group);
        no
    }

    /// Starts the app of a visitor who is gone again, once: a new visitor with the same name.
    pub fn restart_visitor(&mut self, no: VisitorNo) -> Option<VisitorNo> {
        self.may_return(no.into()).then(|| {
            let config = self.visitors[no.0].config.clone();
            let name = self.notes.timeline.name_of(no.into()).to_owned();
            self.replaced.insert(no.into(), self.visitors.len());
            let came = self.add_visitor(&name, config);
            self.comes_from_where(no.into(), came.into());
            came
        })
    }

    /// Starts the console of an agent who is gone again, once: a new agent with the same name.
    pub fn restart_agent(&mut self, no: AgentNo) -> Option<AgentNo> {
        self.may_return(no.into()).then(|| {
            let config = self.agents[no.0].config.clone();
            let name = self.notes.timeline.name_of(no.into()).to_owned();
            self.replaced.insert(no.into(), self.agents.len());
            let came = self.add_agent(&name, config);
            self.comes_from_where(no.into(), came.into());
            came
        })
    }

    fn comes_from_where(&mut self, before: ClientId, came: ClientId) {
        self.notes.reached(Item::Fault(FaultKind::ClientReturns));
        if let Some(from) = self.callers.get(&before).cloned() {
            self.set_caller(came, from.page.as_deref(), from.address);
        }
    }

    fn may_return(&self, client: ClientId) -> bool {
        self.gone(client).is_some() && !self.replaced.contains_key(&client)
    }

    /// The number of whoever was started in the place of a client who is gone.
    pub(crate) fn successor(&self, client: ClientId) -> Option<usize> {
        self.replaced.get(&client).copied()
    }

    fn seed_for(&self, client: ClientId) -> u64 {
        let number = match client {
            ClientId::Visitor(VisitorNo(no)) => 2 * no,
            ClientId::Agent(AgentNo(no)) => 2 * no + 1,
        };
        self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number as u64)
    }

    fn came(&mut self, client: ClientId, name: &str, group: &coview_wire::GroupId) {
        self.notes.timeline.name(client, name);
        self.notes.see(Seen::Came { client, group });
        self.notes.client(client, "starts");
        self.give(client, Given::Start);
    }

    /// Sets who visitors say they are: their visitor ids. Two visitors after each other have the
    /// same. The [`town::VISITORS`] if nothing else is said.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn set_people(&mut self, people: Vec<String>) {
        assert!(!people.is_empty(), "somebody must be there");
        self.people = people;
    }

    /// One of the visitor ids there are; numbers beyond them are taken round again.
    pub(crate) fn person(&self, at: usize) -> &str {
        &self.people[at % self.people.len()]
    }

    /// How many visitors there have been.
    #[must_use]
    pub const fn visitors(&self) -> usize {
        self.visitors.len()
    }

    /// How many agents there have been.
    #[must_use]
    pub const fn agents(&self) -> usize {
        self.agents.len()
    }

    /// The typed visitor, while it is in the app's hands: connected, and no request waits.
    #[must_use]
    pub fn visitor(&self, no: VisitorNo) -> Option<&SimVisitor> {
        match &self.visitors[no.0].hand {
            Hand::Free(visitor) => Some(visitor),
            Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => None,
        }
    }

    /// The typed agent, while it is in the console's hands: signed in, and no request waits.
    #[must_use]
    pub fn agent(&self, no: AgentNo) -> Option<&SimAgent> {
        match &self.agents[no.0].hand {
            Hand::Free(agent) => Some(agent),
            Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => None,
        }
    }

    /// The state of a visitor, while it is in the app's hands.
    #[must_use]
    pub fn state(&self, no: VisitorNo) -> Option<StateKind> {
        self.visitor(no).map(SimVisitor::state)
    }

    /// What the world can know of a visitor at a glance.
    #[must_use]
    pub fn visitor_now(&self, no: VisitorNo) -> VisitorNow {
        match &self.visitors[no.0].hand {
            Hand::Connecting => VisitorNow::Connecting,
            Hand::Free(visitor) => VisitorNow::In(visitor.state(), visitor.connectivity()),
            Hand::Waiting(_) => VisitorNow::Waiting,
            Hand::Gone(_) => VisitorNow::Gone,
        }
    }

    /// How a client ended, if it did.
    #[must_use]
    pub fn gone(&self, client: impl Into<ClientId>) -> Option<&Gone> {
        match client.into() {
            ClientId::Visitor(VisitorNo(no)) => self.visitors[no].gone(),
            ClientId::Agent(AgentNo(no)) => self.agents[no].gone(),
        }
    }

    /// The key a visitor's app shows now.
    #[must_use]
    pub fn shown_key(&self, no: VisitorNo) -> Option<SessionKey> {
        match self.visitor(no)?.key_display() {
            KeyDisplay::Show(key) => SessionKey::parse(&key.to_string()).ok(),
            KeyDisplay::Hidden => None,
        }
    }

    /// The key a visitor read out last; it may be over.
    #[must_use]
    pub fn last_key(&self, no: VisitorNo) -> Option<SessionKey> {
        self.keys.get(&no).copied()
    }
}

/// # What people do
impl World {
    /// A visitor's app calls a verb; false if it is not possible in the visitor's state, or the
    /// visitor is not in the app's hands.
    pub fn command(&mut self, no: VisitorNo, command: Command) -> bool {
        use coview_lifecycle::Applied;
        let Some((state, visitor)) = self.take_visitor(no) else { return false };
        let trigger = command.trigger();
        let data = match &command {
            Command::ConnectPresence(data) => Some(data.clone()),
            Command::Identify(..)
            | Command::StartManual
            | Command::TermsDisplayed
            | Command::Accept
            | Command::Decline
            | Command::Confirm
            | Command::Refuse
            | Command::End
            | Command::Disconnect
            | Command::LogOut => None,
        };
        let (hand, possible) = match visitor.apply(command) {
            Ok(Applied::Now(visitor)) => {
                self.notes.moved(no.into(), (state, trigger), visitor.state(), false);
                (Hand::Free(visitor), true)
            }
            Ok(Applied::Pending(pending)) => {
                self.visitors[no.0].asked = Some((state, trigger));
                (Hand::Waiting(pending), true)
            }
            Err(misuse) => (Hand::Free(misuse.into_visitor()), false),
        };
        self.notes.see(Seen::Command { state, trigger, possible });
        self.visitors[no.0].hand = hand;
        if possible {
            self.notes.client(no.into(), format!("calls {trigger}"));
            self.data.extend(data.map(|data| (no, data)));
            self.give(no.into(), Given::Nothing);
        }
        possible
    }

    fn take_visitor(&mut self, no: VisitorNo) -> Option<(StateKind, SimVisitor)> {
        let hand = &mut self.visitors[no.0].hand;
        match core::mem::replace(hand, Hand::Connecting) {
            Hand::Free(visitor) => Some((visitor.state(), visitor)),
            other @ (Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_)) => {
                *hand = other;
                None
            }
        }
    }

    /// A visitor's app takes a request back that waits for its answer.
    pub fn give_up(&mut self, no: VisitorNo) -> bool {
        let hand = &mut self.visitors[no.0].hand;
        match core::mem::replace(hand, Hand::Connecting) {
            Hand::Waiting(pending) => {
                let visitor = pending.into_visitor().expect("the answer was not taken");
                *hand = Hand::Free(visitor);
                self.notes.client(no.into(), "takes its request back");
                self.give(no.into(), Given::Nothing);
                true
            }
            other @ (Hand::Connecting | Hand::Free(_) | Hand::Gone(_)) => {
                *hand = other;
                false
            }
        }
    }

    /// A visitor's app goes to the background or comes back.
    pub fn move_app(&mut self, no: VisitorNo, app: AppState) {
        match &mut self.visitors[no.0].hand {
            Hand::Free(visitor) => visitor.app_moved(app),
            Hand::Waiting(pending) => pending.app_moved(app),
            Hand::Connecting | Hand::Gone(_) => return,
        }
        self.notes.client(no.into(), format!("has its app {app}"));
        self.give(no.into(), Given::Nothing);
    }

    /// A visitor's app changes its presence data; false if the visitor is not online.
    pub fn update_presence(&mut self, no: VisitorNo, patch: PresencePatch) -> bool {
        let updated = match &mut self.visitors[no.0].hand {
            Hand::Free(visitor) => visitor.update_presence(patch.clone()),
            Hand::Waiting(_) | Hand::Connecting | Hand::Gone(_) => false,
        };
        if updated {
            // With too many entries both sides keep what they had.
            let _ = self.data.entry(no).or_default().merge(&patch);
            self.notes.client(no.into(), "updates its presence data");
            self.give(no.into(), Given::Nothing);
        }
        updated
    }

    /// An agent's console calls a verb; false if it is not possible in the agent's state, or the
    /// agent is not in the console's hands.
    pub fn agent_command(&mut self, no: AgentNo, command: coview_agent::Command) -> bool {
        use coview_agent::Applied;
        let hand = &mut self.agents[no.0].hand;
        let agent = match core::mem::replace(hand, Hand::Connecting) {
            Hand::Free(agent) => agent,
            other @ (Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_)) => {
                *hand = other;
                return false;
            }
        };
        let (state, trigger) = (agent.state(), command.trigger());
        let (new, possible) = match agent.apply(command) {
            Ok(Applied::Now(agent)) => {
                self.notes.agent_moved(no.into(), (state, trigger), agent.state(), false);
                (Hand::Free(agent), true)
            }
            Ok(Applied::Refused(agent, _)) => (Hand::Free(agent), true),
            Ok(Applied::Pending(pending)) => {
                self.agents[no.0].asked = Some((state, trigger));
                (Hand::Waiting(pending), true)
            }
            Err(misuse) => (Hand::Free(misuse.into_agent()), false),
        };
        self.agents[no.0].hand = new;
        let expected = coview_agent::table::edge(state, trigger).is_some();
        if possible != expected {
            let how = format!("`{trigger}` in {state}: possible {possible}");
            self.notes.checker.broken(Rule::Table, how);
        }
        if possible {
            self.notes.client(no.into(), format!("calls {trigger}"));
            self.give(no.into(), Given::Nothing);
        }
        possible
    }

    /// An agent types the key a visitor read out last; false if there is none.
    pub fn join_by_ear(&mut self, no: AgentNo, from: VisitorNo) -> bool {
        let key = self.last_key(from);
        key.is_some_and(|key| self.agent_command(no, coview_agent::Command::Join(key)))
    }

    /// An agent takes a request back that waits for its answer.
    pub fn agent_gives_up(&mut self, no: AgentNo) -> bool {
        let hand = &mut self.agents[no.0].hand;
        match core::mem::replace(hand, Hand::Connecting) {
            Hand::Waiting(pending) => {
                let agent = pending.into_agent().expect("the answer was not taken");
                *hand = Hand::Free(agent);
                self.notes.client(no.into(), "takes its request back");
                self.give(no.into(), Given::Nothing);
                true
            }
            other @ (Hand::Connecting | Hand::Free(_) | Hand::Gone(_)) => {
                *hand = other;
                false
            }
        }
    }

    /// An agent watches, or with `None` no longer does.
    pub fn watch(&mut self, no: AgentNo, whom: Option<Watching>) {
        if let Hand::Free(agent) = &mut self.agents[no.0].hand {
            match whom {
                Some(whom) => agent.watch(whom),
                None => agent.unwatch(),
            }
            self.give(no.into(), Given::Nothing);
        }
    }

    /// An agent removes another from the session it views; false if it views none.
    pub fn eject(&mut self, no: AgentNo, other: AgentId) -> bool {
        let ejected = match &mut self.agents[no.0].hand {
            Hand::Free(agent) => agent.eject(other).is_ok(),
            Hand::Connecting | Hand::Waiting(_) | Hand::Gone(_) => false,
        };
        if ejected {
            self.notes.client(no.into(), "ejects another agent");
            self.give(no.into(), Given::Nothing);
        }
        ejected
    }

    /// An app drops its typed value, whatever it was doing: it leaves.
    pub fn leave(&mut self, client: impl Into<ClientId>) {
        fn leave<P: Party>(device: &mut Device<P>) -> bool {
            let holds = matches!(device.hand, Hand::Free(_) | Hand::Waiting(_));
            if holds {
                device.hand = Hand::Gone(Gone::Left);
            }
            holds
        }
        let client = client.into();
        let left = match client {
            ClientId::Visitor(VisitorNo(no)) => leave(&mut self.visitors[no]),
            ClientId::Agent(AgentNo(no)) => leave(&mut self.agents[no]),
        };
        if left {
            self.notes.see(Seen::Left { client });
            self.notes.client(client, "leaves");
            self.give(client, Given::Nothing);
        }
    }

    /// A client's process ends without a word. Its connection is closed by its system, or with
    /// [`Cut::Silent`] by nobody.
    pub fn crash(&mut self, client: impl Into<ClientId>, cut: Cut) {
        fn crash<P: Party>(device: &mut Device<P>) -> (Option<ConnId>, Option<Ticket>) {
            device.crash();
            (device.conn.take(), device.wake.take())
        }
        let client = client.into();
        if self.gone(client).is_some() {
            return;
        }
        self.notes.see(Seen::Left { client });
        self.notes.reached(Item::Fault(FaultKind::ClientCrashes));
        self.notes.client(client, "crashes");
        let (conn, wake) = match client {
            ClientId::Visitor(VisitorNo(no)) => crash(&mut self.visitors[no]),
            ClientId::Agent(AgentNo(no)) => crash(&mut self.agents[no]),
        };
        self.asleep.remove(&Machine::Of(client));
        if let Some(wake) = wake {
            self.queue.cancel(wake);
        }
        if let Some(conn) = conn {
            self.network.cut(&mut self.queue, self.notes.now, conn, cut);
            self.network.stop_listening(conn, Direction::Down);
        }
    }
}

/// # What the network does
impl World {
    /// Sets how long a message is under way.
    pub fn set_delay(&mut self, delay: RangeInclusive<Duration>) {
        self.network.set_delay(delay);
    }

    /// Cuts a client's connection, if it has one.
    pub fn cut(&mut self, client: impl Into<ClientId>, cut: Cut) {
        let client = client.into();
        if let Some(conn) = self.conn(client)
            && self.network.cut(&mut self.queue, self.notes.now, conn, cut)
        {
            self.notes.reached(Item::Fault(FaultKind::Cut(cut)));
            self.notes.client(client, format!("has its connection cut: {cut:?}"));
        }
    }

    /// Stalls one direction of a client's connection: what is under way is late, not lost.
    pub fn stall(&mut self, client: impl Into<ClientId>, direction: Direction) {
        let client = client.into();
        if let Some(conn) = self.conn(client) {
            self.network.stall(conn, direction);
            self.notes.reached(Item::Fault(FaultKind::Stall(direction)));
            self.notes.client(client, format!("has its connection stalled: {direction:?}"));
        }
    }

    /// Lets a stalled direction go on.
    pub fn unstall(&mut self, client: impl Into<ClientId>, direction: Direction) {
        if let Some(conn) = self.conn(client.into()) {
            self.flow(conn, direction);
        }
    }

    fn flow(&mut self, conn: ConnId, direction: Direction) {
        for parcel in self.network.unstall(conn, direction) {
            if self.network.listens(conn, direction) {
                self.deliver(conn, direction, parcel);
            }
        }
    }

    /// Sets what becomes of a client's tries to connect from now on.
    pub fn set_reach(&mut self, client: impl Into<ClientId>, reach: Reach) {
        let client = client.into();
        if self.reach.insert(client, reach).unwrap_or_default() != reach {
            self.notes.client(client, format!("has the way to the hub: {reach:?}"));
        }
    }

    /// Nothing is stalled or unreachable any more, and the hub is up. What is cut stays cut.
    pub fn heal(&mut self) {
        self.notes.network("is healed");
        self.wake_all();
        self.reach.clear();
        self.replace_drained_hub();
        self.start_hub();
        self.set_records(true);
        self.cut_harmed();
        for conn in self.network.all() {
            self.flow(conn, Direction::Up);
            self.flow(conn, Direction::Down);
        }
    }

    fn conn(&self, client: ClientId) -> Option<ConnId> {
        match client {
            ClientId::Visitor(VisitorNo(no)) => self.visitors[no].conn,
            ClientId::Agent(AgentNo(no)) => self.agents[no].conn,
        }
    }
}

/// # What becomes of the hub
impl World {
    /// A hub that was down comes up and knows nothing; nothing happens if it is up.
    pub fn start_hub(&mut self) {
        if self.hub.is_none() {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&self.seed.to_le_bytes());
            seed[8..16].copy_from_slice(&self.lives.to_le_bytes());
            self.lives += 1;
            self.hub = Some(Hub::new(self.config.clone(), seed));
            self.notes.hub("is up");
            self.tell_wall();
        }
    }

    /// The hub is gone without a word, with everything it knew. Connections are closed by its
    /// system, or with [`Cut::Silent`] by nobody.
    pub fn crash_hub(&mut self, cut: Cut) {
        if self.hub.is_some() {
            self.notes.reached(Item::Fault(FaultKind::HubCrashes));
            self.notes.hub("crashes");
            self.hub_down(Some(cut));
        }
    }

    /// The hub is asked to stop: it takes leave of everybody and is down.
    pub fn stop_hub(&mut self) {
        if self.hub.is_some() {
            self.notes.reached(Item::Fault(FaultKind::HubStops));
            self.notes.hub("stops");
            self.hub_takes(None, coview_hub::Input::Shutdown);
            self.hub_down(None);
        }
    }

    fn hub_down(&mut self, cut: Option<Cut>) {
        self.hub = None;
        self.drains = false;
        self.recorded = true;
        self.excused_hub = 0;
        // What the machine had not seen yet is gone with the connections.
        self.asleep.remove(&Machine::Hub);
        self.notes.see(Seen::HubGone);
        if let Some(wake) = self.hub_wake.take() {
            self.queue.cancel(wake);
        }
        for conn in self.network.all() {
            if let Some(cut) = cut {
                self.network.cut(&mut self.queue, self.notes.now, conn, cut);
            }
            self.network.stop_listening(conn, Direction::Up);
        }
    }
}

/// How things go from one to the other.
impl World {
    fn give(&mut self, client: ClientId, given: Given<'_>) {
        let mut wishes = Vec::new();
        let notes = &mut self.notes;
        let queue = &mut self.queue;
        match client {
            ClientId::Visitor(no) => {
                let device = &mut self.visitors[no.0];
                give(device, given, notes, queue, &mut wishes);
            }
            ClientId::Agent(AgentNo(no)) => {
                give(&mut self.agents[no], given, notes, queue, &mut wishes);
            }
        }
        if let ClientId::Visitor(no) = client
            && let Some(key) = self.shown_key(no)
        {
            self.keys.insert(no, key);
        }
        for wish in wishes {
            self.fulfil(client, wish);
        }
    }

    fn fulfil(&mut self, client: ClientId, wish: Wish) {
        let now = self.notes.now;
        let conn = self.conn(client);
        match wish {
            Wish::Open => {
                let reach = self.reach.get(&client).copied().unwrap_or_default();
                if reach != Reach::Open {
                    self.notes.reached(Item::Fault(FaultKind::Reach(reach)));
                }
                let conn = self.network.open(&mut self.queue, now, client, reach);
                self.set_conn(client, Some(conn));
            }
            Wish::Send(text) => {
                for text in self.wrong.client_says(client, text.into()) {
                    self.notes.says(client, Arc::clone(&text));
                    if let Some(conn) = conn {
                        let parcel = Parcel::Text(text);
                        self.network.send(&mut self.queue, now, conn, Direction::Up, parcel);
                    }
                }
            }
            Wish::SendBinary(bytes) => self.client_shows(client, bytes.into()),
            Wish::Close => {
                if let Some(conn) = conn {
                    self.network.send(&mut self.queue, now, conn, Direction::Up, Parcel::End);
                    self.network.stop_listening(conn, Direction::Down);
                }
                self.set_conn(client, None);
            }
        }
    }

    fn set_conn(&mut self, client: ClientId, conn: Option<ConnId>) {
        match client {
            ClientId::Visitor(VisitorNo(no)) => self.visitors[no].conn = conn,
            ClientId::Agent(AgentNo(no)) => self.agents[no].conn = conn,
        }
    }

    fn deliver(&mut self, conn: ConnId, direction: Direction, parcel: Parcel) {
        match (direction, parcel) {
            (Direction::Up, Parcel::Handshake) => {
                if self.hub.is_some() {
                    let (now, queue) = (self.notes.now, &mut self.queue);
                    self.network.send(queue, now, conn, Direction::Down, Parcel::Handshake);
                    let client = self.network.client(conn);
                    let from = client.and_then(|it| self.callers.get(&it));
                    let from = from.cloned().unwrap_or_default();
                    if let Some(client) = client {
                        self.notes.see(Seen::Page { client, origin: from.page.as_deref() });
                    }
                    let origin = from.page.as_deref().map(coview_hub::Origin::Page);
                    let caller = coview_hub::Caller { origin, address: from.address };
                    self.hub_takes(Some(conn), coview_hub::Input::Opened { conn, caller });
                } else {
                    self.network.stop_listening(conn, Direction::Up);
                    self.open_failed(conn);
                }
            }
            (_, Parcel::Spoiled(text)) => self.deliver_spoiled(conn, direction, &text),
            (_, Parcel::SpoiledBinary(bytes)) => {
                self.deliver_spoiled_binary(conn, direction, &bytes);
            }
            (_, Parcel::Again(text)) => {
                // What an engine itself says twice is answered twice.
                if direction == Direction::Down || faults::is_of_engine(&text) {
                    self.excuse(conn, true);
                }
                self.deliver(conn, direction, Parcel::Text(text));
            }
            (_, Parcel::AgainBinary(bytes)) => {
                if direction == Direction::Down {
                    self.excuse(conn, true);
                }
                self.deliver(conn, direction, Parcel::Binary(bytes));
            }
            (Direction::Up, Parcel::Text(text)) => {
                self.hub_hears(conn, &text);
                let (to, text) = self.wrong.hub_takes(conn, self.network.client(conn), &text);
                let text = coview_hub::Input::Text { conn: to, text: &text };
                self.hub_takes(Some(conn), text);
            }
            (Direction::Up, Parcel::Binary(bytes) | Parcel::Picture(bytes)) => {
                self.hub_takes(Some(conn), coview_hub::Input::Binary { conn, bytes: &bytes });
                for (to, bytes) in self.wrong.hub_shows_too(&bytes) {
                    self.hub_shows(to, bytes);
                }
            }
            (Direction::Up, Parcel::End) => self.ends_at_hub(conn),
            (Direction::Down, Parcel::Handshake) => {
                if let Some(client) = self.listener(conn) {
                    self.give(client, Given::Opened);
                }
            }
            (Direction::Down, Parcel::Text(text)) => {
                self.excuse(conn, false);
                if let Some(client) = self.listener(conn) {
                    self.notes.hears(client, Arc::clone(&text));
                    self.give(client, Given::Text(&text));
                }
            }
            (Direction::Down, Parcel::Binary(bytes)) => self.client_hears(conn, &bytes),
            (Direction::Down, Parcel::Picture(bytes)) => self.client_sees(conn, &bytes),
            (Direction::Down, Parcel::End) => self.ends_at_client(conn),
        }
    }

    /// The client at the other end, if it still uses this connection.
    fn listener(&self, conn: ConnId) -> Option<ClientId> {
        self.network.client(conn).filter(|client| self.conn(*client) == Some(conn))
    }

    fn ends_at_hub(&mut self, conn: ConnId) {
        if self.network.listens(conn, Direction::Up) {
            self.hub_takes(Some(conn), coview_hub::Input::Closed { conn });
            self.hub_hears_no_more(conn);
        }
    }

    fn hub_hears_no_more(&mut self, conn: ConnId) {
        let client = self.network.client(conn);
        self.network.stop_listening(conn, Direction::Up);
        if let Some(client) = client.filter(|client| !self.network.hub_hears(*client)) {
            self.notes.see(Seen::HubLost { client });
        }
    }

    fn ends_at_client(&mut self, conn: ConnId) {
        let listener = self.listener(conn);
        self.network.stop_listening(conn, Direction::Down);
        if let Some(client) = listener {
            self.set_conn(client, None);
            self.give(client, Given::Dropped);
        }
    }

    fn open_failed(&mut self, conn: ConnId) {
        let listener = self.listener(conn);
        self.network.stop_listening(conn, Direction::Down);
        if let Some(client) = listener {
            self.set_conn(client, None);
            let error = OpenError::new(OpenErrorKind::Connect, "connection refused");
            self.give(client, Given::OpenFailed(error));
        }
    }

    fn hub_hears(&mut self, conn: ConnId, text: &str) {
        match self.network.client(conn) {
            Some(client @ ClientId::Visitor(_)) => match ClientMessage::decode(text) {
                Ok(message) => {
                    self.notes.see(Seen::HubHeardVisitor { client, message: &message });
                }
                Err(error) => self.not_understood(client, &error.to_string()),
            },
            Some(client @ ClientId::Agent(_)) => match AgentMessage::decode(text) {
                Ok(message) => {
                    self.notes.see(Seen::HubHeardAgent { client, message: &message });
                }
                Err(error) => self.not_understood(client, &error.to_string()),
            },
            None => {}
        }
    }

    fn not_understood(&mut self, client: ClientId, error: &str) {
        self.notes.checker.broken(Rule::Understood, format!("{client} and the hub: {error}"));
    }

    fn hub_takes(&mut self, of: Option<ConnId>, input: coview_hub::Input<'_>) {
        use coview_hub::Output;
        let Some(hub) = &mut self.hub else { return };
        let from = of.and_then(|conn| self.network.client(conn));
        hub.handle_input(self.notes.now, input);
        let mut count = 0;
        let mut dropped = Vec::new();
        loop {
            let Some(hub) = &mut self.hub else { return };
            let output = hub.poll_output();
            count += 1;
            match output {
                Output::Send { conn, text } => {
                    let text = self.wrong.hub_says(conn, self.network.client(conn), text);
                    self.hub_says(conn, &text);
                    let (now, queue) = (self.notes.now, &mut self.queue);
                    self.network.send(queue, now, conn, Direction::Down, Parcel::Text(text));
                }
                Output::SendBinary { conn, bytes } => {
                    let (now, queue) = (self.notes.now, &mut self.queue);
                    self.network.send(queue, now, conn, Direction::Down, Parcel::Binary(bytes));
                }
                Output::SendPicture { conn, bytes } => {
                    self.wrong.hub_shows(conn);
                    if !self.hub_shows(conn, bytes) {
                        dropped.push(conn);
                    }
                }
                Output::ForgetPictures { conn } => self.hub_forgets(conn),
                Output::Close { conn, reason } => {
                    self.notes.reached(Item::Closed(reason));
                    let (now, queue) = (self.notes.now, &mut self.queue);
                    self.network.forget_pictures(conn);
                    self.network.send(queue, now, conn, Direction::Down, Parcel::End);
                    self.hub_hears_no_more(conn);
                }
                Output::Event(event) => {
                    self.notes.hub(event.to_string());
                    self.notes.see(Seen::Hub { event: &event, client: from });
                }
                Output::Idle { wake_at } => {
                    let hub = format!("{hub:?}");
                    self.notes.text("the hub", &hub);
                    self.hub_sleeps(wake_at);
                    break;
                }
            }
        }
        // Everybody there is may be told something, and what ends with one client is bounded by
        // what one client can have.
        let limit = 64 + 32 * (self.visitors.len() + self.agents.len());
        self.notes.see(Seen::Outputs { of: None, count, limit });
        for conn in dropped {
            self.hub_takes(Some(conn), coview_hub::Input::PicturesDropped { conn });
        }
    }

    fn hub_sleeps(&mut self, wake_at: Option<Deadline>) {
        if let Some(wake) = self.hub_wake.take() {
            self.queue.cancel(wake);
        }
        self.hub_due = wake_at;
        let at = wake_at.map(|deadline| deadline.at.max(self.notes.now));
        self.hub_wake = at.map(|at| self.queue.put(at, Due::HubWakes));
    }

    fn hub_says(&mut self, conn: ConnId, text: &str) {
        match self.network.client(conn) {
            Some(client @ ClientId::Visitor(_)) => match ServerMessage::decode(text) {
                Ok(message) => self.notes.see(Seen::HubSaidVisitor { client, message: &message }),
                Err(error) => self.not_understood(client, &error.to_string()),
            },
            Some(client @ ClientId::Agent(_)) => match AgentNotice::decode(text) {
                Ok(message) => self.notes.see(Seen::HubSaidAgent { client, message: &message }),
                Err(error) => self.not_understood(client, &error.to_string()),
            },
            None => {}
        }
    }
}

fn give<P: Party>(
    device: &mut Device<P>,
    given: Given<'_>,
    notes: &mut Notes,
    queue: &mut Queue<Due>,
    wishes: &mut Vec<Wish>,
) where
    P::Role: Role,
{
    let input = match given {
        Given::Nothing => None,
        Given::Start => Some(Input::Start),
        Given::Opened => Some(Input::Opened),
        Given::OpenFailed(error) => Some(Input::OpenFailed(error)),
        Given::Text(text) => Some(Input::Text(text)),
        Given::Binary(bytes) => Some(Input::Binary(bytes)),
        Given::Dropped => Some(Input::Dropped),
        Given::Timeout => Some(Input::Timeout),
    };
    let wake_at = device.handle(notes.now, input, notes, wishes);
    if let Some(wake) = device.wake.take() {
        queue.cancel(wake);
    }
    let at = wake_at.map(|deadline| deadline.at.max(notes.now));
    device.wake = at.map(|at| queue.put(at, Due::ClientWakes(device.id)));
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.notes.now)
            .field("hub", &self.hub)
            .field("visitors", &self.visitors.len())
            .field("agents", &self.agents.len())
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}
