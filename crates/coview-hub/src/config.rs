use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::time::Duration;

use coview_wire::ClientToken;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::Terms;

use crate::proofs::Accounts;
use crate::proofs::Proofs;

/// What a [`Hub`](crate::Hub) serves and by which rules. It does not change while the hub lives.
#[derive(Clone, Debug, Default)]
pub struct HubConfig {
    /// The groups. A visitor or an agent of any other group is refused.
    pub groups: BTreeMap<GroupId, GroupConfig>,
    /// The numbers that hold for all groups.
    pub policy: Policy,
}

impl HubConfig {
    /// A configuration with one group and the default policy; more groups can be put in.
    ///
    /// ```
    /// use coview_hub::{GroupConfig, HubConfig};
    /// use coview_wire::{GroupId, Terms};
    ///
    /// let terms = Terms::new("2026-11", "The agent will see this app's screen until you stop.")?;
    /// let config = HubConfig::one_group(GroupId::new("12345")?, GroupConfig::new(terms));
    /// assert_eq!(config.groups.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn one_group(id: GroupId, group: GroupConfig) -> Self {
        Self { groups: BTreeMap::from([(id, group)]), policy: Policy::default() }
    }
}

/// One group: one customer of the operator. Nothing crosses groups.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// What the group's apps must show in `hello`. `None`: any app may come.
    pub client_token: Option<ClientToken>,
    /// Whether apps should show a share button. It is passed on and not enforced: a manual start
    /// is always possible.
    pub share_button: bool,
    /// Whether visitors may go online, which one-click starts need.
    pub presence: bool,
    /// How many digits the keys of this group have.
    pub key_digits: KeyLength,
    /// What a visitor is asked to agree to before a one-click start.
    pub terms: Terms,
    /// Who may sign in as an agent, and what proves who a visitor is.
    pub proofs: Arc<dyn Proofs>,
    /// Whether a visitor needs an assertion of the app's backend to identify. Without this anybody
    /// with the client token may be any visitor id: for demonstrations only.
    pub assertion_needed: bool,
    /// Which web pages may connect: their origins, as browsers write them
    /// (`https://app.example.org`). What is no browser names no origin and is not held to this.
    pub origins: BTreeSet<Box<str>>,
    /// Whether the visitor is asked about every agent who joins with a key, before that agent sees
    /// anything.
    pub confirm_join: bool,
    /// How many agents may join with one key.
    pub key_use: KeyUse,
    /// Whether an agent leaves its session when its token expires. If not, the session goes on to
    /// its end, and the agent can begin nothing new.
    pub expiry_ends_sessions: bool,
    /// How many visitors and agents of this group may be connected at the same time; `None`: as
    /// many as the server takes.
    pub max_connections: Option<u32>,
}

impl GroupConfig {
    /// A group with these terms, no client token, the share button and presence on, keys of nine
    /// digits, which several agents may join with unconfirmed, assertions needed, no web pages and
    /// nobody who could sign in yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            client_token: None,
            share_button: true,
            presence: true,
            key_digits: KeyLength::default(),
            terms,
            proofs: Arc::new(Accounts::default()),
            assertion_needed: true,
            origins: BTreeSet::new(),
            confirm_join: false,
            key_use: KeyUse::Session,
            expiry_ends_sessions: false,
            max_connections: None,
        }
    }
}

/// How many agents may join with one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// The key is good for its session, for as many agents as the session takes.
    #[default]
    Session,
    /// The key is burned with the first agent who joins.
    Once,
}

/// Every number the hub keeps to. The operator may set each; the defaults are the protocol's.
///
/// ```
/// use core::time::Duration;
/// use coview_hub::Policy;
///
/// let policy = Policy { terms_unanswered: Duration::from_secs(90), ..Policy::default() };
/// assert_eq!(policy.silence(), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How long a key waits for the first agent who joins with it; then the session ends as
    /// *unclaimed*. Default 5 minutes, as in the source page's successors.
    pub key_unclaimed: Duration,
    /// How long a visitor has to answer an agent's request; no answer is a no. Default 60 seconds.
    pub terms_unanswered: Duration,
    /// How long the place of a client is kept after its connection broke, with its session,
    /// presence and request. Default 30 seconds.
    pub resume_grace: Duration,
    /// How long the place of a visitor is kept instead while the app is in the background, the
    /// visitor is online and nothing is shared. Default 5 minutes.
    pub background_lease: Duration,
    /// How often a client says something. Told to the clients. Default 20 seconds.
    pub heartbeat: Duration,
    /// How many heartbeats may be missed; the connection counts as broken at the next one, see
    /// [`silence`](Self::silence). Default 2.
    pub missed_heartbeats: u8,
    /// How long a new connection may take to its first message, and how long a visitor who accepted
    /// may take to its `session_start`. Default 10 seconds.
    pub first_reply: Duration,
    /// How many wrong keys one agent may try within [`key_tries_window`](Self::key_tries_window),
    /// whatever connections the agent has. Default 5: with 8 random digits and a thousand live
    /// keys, a hit in a day of trying stays below 1 in 100.
    pub key_tries: u32,
    /// How many wrong keys all agents of a group may try within the same window. Default 100.
    pub key_tries_group: u32,
    /// The window in which wrong keys are counted. It begins with the first wrong key. Default 10
    /// minutes.
    pub key_tries_window: Duration,
    /// How many agents may be in one session. Default 16.
    pub max_guests: u32,
    /// How many devices of one visitor id may be online. Default 64: more than anybody has, also
    /// while broken connections of a web page wait for their grace to be over.
    pub max_devices: u32,
    /// How many places visitors and agents may have together in all groups, connected or kept for
    /// those whose connection broke. For a newcomer beyond that, the place that lost its
    /// connection longest ago is ended as if its grace were over; if every place is connected, the
    /// newcomer is refused. Default 50,000.
    pub max_places: u32,
    /// How soon after a card of a visitor agents are sent the next one: what changes meanwhile
    /// they are told at once, by the newest card. That a visitor comes online or goes offline is
    /// never delayed. Default 250 milliseconds.
    pub presence_pace: Duration,
    /// How many messages in one minute may be malformed, of an unknown type or illegal; at the next
    /// one the connection is closed for good. Default 60.
    pub problems_per_minute: u32,
}

impl Policy {
    /// After this long without a word a connection counts as broken: the heartbeat, times one more
    /// than may be missed.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.heartbeat.saturating_mul(u32::from(self.missed_heartbeats) + 1)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            key_unclaimed: Duration::from_secs(5 * 60),
            terms_unanswered: Duration::from_secs(60),
            resume_grace: Duration::from_secs(30),
            background_lease: Duration::from_secs(5 * 60),
            heartbeat: Duration::from_secs(20),
            missed_heartbeats: 2,
            first_reply: Duration::from_secs(10),
            key_tries: 5,
            key_tries_group: 100,
            key_tries_window: Duration::from_secs(10 * 60),
            max_guests: 16,
            max_devices: 64,
            max_places: 50_000,
            presence_pace: Duration::from_millis(250),
            problems_per_minute: 60,
        }
    }
}
