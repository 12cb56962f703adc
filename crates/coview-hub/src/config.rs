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
    /// many as the server takes. Those whose connection broke and whose place is kept are counted,
    /// too, but make room for a newcomer. Default `None`.
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
    /// The key is burned with the first agent who joins. When that agent is gone for good, nobody
    /// can come any more, and the session ends.
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
    /// How long a key that is over is not drawn again in its group. Default 24 hours, after section
    /// 3.3 of the field notes this was built from: a key on a slip of paper, in a chat or in a
    /// recorded call is worth nothing the same day.
    pub key_reuse: Duration,
    /// How many keys that are over one group remembers for [`key_reuse`](Self::key_reuse); beyond
    /// that the oldest are forgotten early. Never more than a tenth of all keys of the group's
    /// length, so that new ones are found quickly and what a guesser could rule out changes the odds
    /// by less than that. Default 100,000: one start a second for a day, about 6 MB.
    pub keys_remembered: u32,
    /// How many wrong keys one agent may try within [`key_tries_window`](Self::key_tries_window),
    /// whatever connections the agent has; after that, each costs a [wait](Self::key_wait). Default
    /// 5, as in RFC 8628, section 5.1: keys of nine digits have 10^8 values, so five tries against
    /// 100 live keys hit one with 5 · 100 / 10^8 = 5 · 10^-6, and [`key_odds`](Self::key_odds) asks
    /// the visitor before that.
    pub key_tries: u32,
    /// How many wrong keys may come from one network of a group within the same window, whatever the
    /// agents; after that, each costs a wait. Default 60: a call centre behind one address, a dozen
    /// agents who use all their tries. A network is an IPv4 address or the first 64 bits of an IPv6
    /// address; the 256 such networks that share 56 bits may do twice as much together, the 65,536
    /// that share 48 bits four times as much, because a whole such range is given to one customer.
    pub key_tries_network: u32,
    /// How many wrong keys all agents of a group may try within the same window; after that, each
    /// costs the whole group a wait. Default 1,000: two hundred agents who use all their tries. Long
    /// before, see [`key_odds`](Self::key_odds), nobody comes in whom the visitor has not seen by
    /// name, so this bounds only how often a guesser makes a question appear somewhere: with 100 live
    /// keys of nine digits, in one window out of 1,000.
    pub key_tries_group: u32,
    /// The window in which wrong keys are counted. For an agent and a network it begins with the
    /// first wrong key; for a group it is what lies back less than this at any moment. Default 10
    /// minutes.
    pub key_tries_window: Duration,
    /// What the wrong keys of a group in one window may add up to before every further key needs the
    /// visitor's word: a chance of one in this many to have hit any live key. Default 1,000,000.
    ///
    /// A try hits with *live keys* / 10^(*digits* − 1), because the last digit is a check digit. The
    /// chances of all wrong keys in the window and of the try to come are added up; while the sum is
    /// at most one in this many, a key opens its session as the group is configured, beyond that the
    /// visitor confirms the agent's name first. So before anybody was asked, all guessers together
    /// get into a session with at most this chance in a window, however many agents and networks
    /// they have. How many guesses in a window go without a question:
    ///
    /// | live keys | 8 digits | 9 digits | 10 digits | 12 digits |
    /// |---|---|---|---|---|
    /// | 1 | 10 | 100 | 1,000 | 100,000 |
    /// | 10 | 1 | 10 | 100 | 10,000 |
    /// | 100 | always asked | 1 | 10 | 1,000 |
    /// | 1,000 | always asked | always asked | 1 | 100 |
    ///
    /// A group that is busier than its keys are long is always asked; give it longer keys.
    pub key_odds: u32,
    /// How long to wait after the first wrong key too many; each further one doubles it. Default 30
    /// seconds, the first wait in NIST SP 800-63B (its draft of revision 4).
    pub key_wait: Duration,
    /// The longest such wait. Default 1 hour, the longest in NIST SP 800-63B: the eighth wait, and
    /// 24 tries a day from then on.
    pub key_wait_max: Duration,
    /// How long after the end of a wait it is forgotten, if no other wrong key comes, so that the
    /// next begins at [`key_wait`](Self::key_wait) again. A right key forgets nothing: a guesser may
    /// have one. Default 1 hour: whoever waits for it gets five tries an hour, 120 a day.
    pub key_wait_forgotten: Duration,
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
    /// How soon after a record of what a visitor's client covers the next one is made; of what changed
    /// meanwhile the last is recorded. Default 1 second: more would fill the record with the flicker
    /// of a page that is built up, and a session cannot write more than that.
    pub mask_pace: Duration,
    /// How many tokens and how many assertions that may be used once each group remembers until they
    /// expire. Beyond that those are forgotten that expire first, and whatever may be used once and
    /// expires no later than one that was forgotten is refused as used: nothing is ever good twice.
    /// Default 100,000, which take 5 megabytes; with assertions of 15 minutes that is a hundred new
    /// visitors in each second.
    pub one_use_tokens: u32,
    /// How many messages in one minute may be malformed, of an unknown type, illegal or with a proof
    /// that is not accepted; at the next one the connection is closed for good. Going online counts
    /// as one, too: agents are told of it at once, so nobody shall do it all the time. Default 60.
    pub problems_per_minute: u32,
    /// How many sessions a visitor may start in one minute, and how many visitors an agent may ask;
    /// the next one is refused with *limit exceeded*. Each is a record that is kept for long, and an
    /// agent's is a question on somebody's screen. Default 60: nobody taps as often.
    pub begins_per_minute: u32,
    /// How often an agent may ask one visitor within [`asks_in_vain_window`](Self::asks_in_vain_window)
    /// without a yes; then the visitor is left in peace by this agent, on whatever connection. Somebody
    /// could else make the question appear until the visitor says yes to be rid of it. Default 5: room
    /// for a visitor who was away and for a no by mistake.
    pub asks_in_vain: u32,
    /// The window in which they are counted. It begins with the first of them. Default 10 minutes.
    pub asks_in_vain_window: Duration,
    /// How often the visitor is asked in one session whether to let an agent in who typed the key, and
    /// does not answer, because the agent takes it back or the time is over; then the key is a wrong
    /// one for this agent. Default 3.
    pub joins_in_vain: u32,
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
            key_reuse: Duration::from_secs(24 * 60 * 60),
            keys_remembered: 100_000,
            key_tries: 5,
            key_tries_network: 60,
            key_tries_group: 1_000,
            key_tries_window: Duration::from_secs(10 * 60),
            key_odds: 1_000_000,
            key_wait: Duration::from_secs(30),
            key_wait_max: Duration::from_secs(60 * 60),
            key_wait_forgotten: Duration::from_secs(60 * 60),
            max_guests: 16,
            max_devices: 64,
            max_places: 50_000,
            presence_pace: Duration::from_millis(250),
            mask_pace: Duration::from_secs(1),
            one_use_tokens: 100_000,
            problems_per_minute: 60,
            begins_per_minute: 60,
            asks_in_vain: 5,
            asks_in_vain_window: Duration::from_secs(10 * 60),
            joins_in_vain: 3,
        }
    }
}
