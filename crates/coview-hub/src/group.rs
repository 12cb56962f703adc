use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;

use coview_wire::AskId;
use coview_wire::CloseReason;
use coview_wire::GroupId;
use coview_wire::SessionId;
use coview_wire::VisitorId;

use crate::agent::Agent;
use crate::ask::Ask;
use crate::config::GroupConfig;
use crate::dense::DenseMap;
use crate::effects::Effects;
use crate::event::Departure;
use crate::event::Place;
use crate::kept::Worth;
use crate::keys::Keys;
use crate::once::Once;
use crate::person::Person;
use crate::presence::LateCards;
use crate::presence::Watchers;
use crate::session::Session;
use crate::timer::GroupIndex;
use crate::tries::WrongKeys;
use crate::visitor::Visitor;

/// One group with everything that happens in it.
///
/// All state of visitors, agents, requests and sessions is in here and nowhere else, and every rule
/// is a method that gets this one group: nothing can cross groups because no rule ever holds two.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) index: GroupIndex,
    pub(crate) config: GroupConfig,
    pub(crate) visitors: DenseMap<Place, Visitor>,
    pub(crate) agents: BTreeMap<Place, Box<Agent>>,
    /// Who is identified, with how many devices and what they do.
    pub(crate) people: DenseMap<VisitorId, Person>,
    /// The requests that wait. A request that is over is not in here: that is how it ends once.
    pub(crate) asks: BTreeMap<AskId, Ask>,
    /// The sessions that run, and accepted ones the visitor has not started yet.
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) keys: Keys,
    pub(crate) watchers: Watchers,
    pub(crate) late_cards: LateCards,
    /// The tokens of agents, and the assertions of visitors, that may be used once and were.
    pub(crate) used_tokens: Once,
    pub(crate) used_assertions: Once,
    /// The agents whose token has expired and who finish what they began before.
    pub(crate) overdue: BTreeSet<Place>,
    pub(crate) wrong_keys: WrongKeys,
    /// How many visitor ids are online.
    pub(crate) online: u64,
    /// How many connections of agents see a session.
    pub(crate) viewing: u64,
    pub(crate) last_number: u64,
}

impl Group {
    pub(crate) fn new(
        id: GroupId,
        index: GroupIndex,
        config: GroupConfig,
        fx: &mut Effects,
    ) -> Self {
        Self {
            id,
            index,
            visitors: DenseMap::default(),
            agents: BTreeMap::new(),
            people: DenseMap::default(),
            asks: BTreeMap::new(),
            sessions: BTreeMap::new(),
            keys: Keys::new(fx, config.key_digits),
            watchers: Watchers::default(),
            late_cards: LateCards::default(),
            used_tokens: Once::default(),
            used_assertions: Once::default(),
            overdue: BTreeSet::new(),
            wrong_keys: WrongKeys::default(),
            online: 0,
            viewing: 0,
            last_number: fx.random_base(),
            config,
        }
    }

    /// A number no request, session or presence of this group has had in this hub's life.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Whether there are as many places as may be.
    pub(crate) fn is_full(&self) -> bool {
        let places = self.visitors.len() + self.agents.len();
        self.config.max_connections.is_some_and(|most| places >= most as usize)
    }

    /// What is lost with the place of a visitor.
    pub(crate) fn worth(&self, place: Place) -> Worth {
        let Some(visitor) = self.visitors.get(&place) else { return Worth::Idle };
        let session = visitor.session().and_then(|session| self.sessions.get(&session));
        match (session, &visitor.id) {
            (Some(session), _) if session.count() > 0 => Worth::Met,
            (_, Some(_)) => Worth::Named,
            (Some(_), None) => Worth::Begun,
            (None, None) => Worth::Idle,
        }
    }

    /// Ends everything in the group because the server stops.
    pub(crate) fn shut_down(&mut self, fx: &mut Effects) {
        // Nobody needs to hear that everybody else goes offline too.
        self.watchers = Watchers::default();
        while let Some((&place, _)) = self.visitors.first_key_value() {
            self.visitor_departs(fx, place, Departure::Shutdown);
        }
        while let Some((&place, _)) = self.agents.first_key_value() {
            self.agent_departs(fx, place, Departure::Shutdown);
        }
    }
}

impl Departure {
    /// What a client that departs is told in `closing`, if it has a connection: why, and whether
    /// it may come back.
    pub(crate) const fn closing(self) -> (CloseReason, bool) {
        match self {
            Self::Left => (CloseReason::Left, false),
            Self::Lost => (CloseReason::Silent, true),
            Self::Policy => (CloseReason::Protocol, false),
            Self::SignInExpired => (CloseReason::SignInExpired, false),
            Self::Shutdown => (CloseReason::Shutdown, true),
        }
    }
}
