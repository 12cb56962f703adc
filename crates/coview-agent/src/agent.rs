mod verbs;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::fmt;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_wire::AgentCard;
use coview_wire::AgentMessage;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::Ask;
use coview_wire::GroupId;
use coview_wire::Join;
use coview_wire::KeyLength;
use coview_wire::Leave;
use coview_wire::RefusalCode;
use coview_wire::Renew;
use coview_wire::RequestId;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::Unwatch;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use coview_wire::Watch;

use crate::facts::Awaited;
use crate::facts::Facts;
use crate::facts::Watching;
use crate::link::AgentLink;
use crate::pending::Pending;
use crate::sign_in::MistypedKey;
use crate::sign_in::SignInFacts;
use crate::sign_in::read_key;
use crate::state::IsFree;
use crate::state::Joining;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::State;
use crate::state::Viewing;
use crate::step::Next;
use crate::table::AgentStateKind;

/// A support agent, in state `S`, over the link `L`.
///
/// There is one value for one agent. A verb consumes it and gives the agent in its next state, so
/// an order that makes no sense does not compile. What the world does comes from
/// [`next`](Self::next), as an enum with exactly the outcomes the state allows.
///
/// **Dropping an agent means leaving**: its link closes, its request is withdrawn and it leaves its
/// session.
///
/// # Where do I start
///
/// A console gets its agent from an adapter (`coview::smol::sign_in`), a test from
/// [`queue::agent`](crate::queue::agent). Hold the state you are in as a local variable of an event
/// loop; where a field must hold any state, hold an [`AnyAgent`](crate::AnyAgent).
///
/// # States and verbs
///
/// Generated from the [transition table](crate::table::TABLE); a request that is refused leaves the
/// agent where it was.
///
#[doc = include_str!("../docs/verbs.md")]
///
/// `next()`, `watch()`, `unwatch()`, `roster()`, `renew()`, `rights()`, `card()`, `group()` and
/// `connectivity()` are there in every state.
///
/// # Examples
///
/// ```
/// use coview_agent::{RequestingStep, queue};
/// use coview_wire::VisitorId;
///
/// # smol::block_on(async {
/// let (agent, mut peer) = queue::agent();
/// peer.grant_all();
///
/// let mut requesting = agent.ask(VisitorId::new("customer-42")?).await?;
/// # peer.accept(peer.last_ask().unwrap());
/// let viewing = loop {
///     requesting = match requesting.next().await {
///         RequestingStep::Accepted(viewing) => break viewing,
///         RequestingStep::Changed(requesting, _change) => requesting,
///         RequestingStep::Over(_agent, outcome) => panic!("{outcome}"),
///     };
/// };
/// assert_eq!(viewing.visitor().unwrap().as_str(), "customer-42");
/// let agent = viewing.leave(); // SignedIn again, at once
/// # drop(agent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A verb of another state does not compile:
///
/// ```compile_fail,E0599
/// # let (agent, _peer) = coview_agent::queue::agent();
/// agent.leave(); // Agent<SignedIn>: there is nothing to leave
/// ```
///
/// Nor does using an agent twice:
///
/// ```compile_fail,E0382
/// # use coview_wire::VisitorId;
/// # let (agent, _peer) = coview_agent::queue::agent();
/// let pending = agent.ask(VisitorId::new("customer-42").unwrap());
/// let again = agent.ask(VisitorId::new("customer-43").unwrap()); // it has moved into the first
/// ```
#[must_use = "dropping an agent means leaving"]
pub struct Agent<S, L> {
    // Dropped first, so that a pass to see is over before the link lets anybody know.
    pub(crate) state: S,
    pub(crate) shared: Box<Shared<L>>,
}

/// What an agent keeps whatever its state: one pointer, moved from state to state.
#[expect(missing_debug_implementations, reason = "it is never named outside this crate")]
pub struct Shared<L> {
    pub(crate) facts: Facts,
    pub(crate) link: L,
}

impl<L: AgentLink> Shared<L> {
    /// Takes one thing that arrived, if there is one.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.facts.closed.is_some() {
            return Poll::Pending;
        }
        self.link.poll_recv(cx).map(|arrival| {
            self.facts.absorb(arrival);
            if let Some(session) = self.facts.take_unwanted()
                && self.facts.closed.is_none()
            {
                self.leave(session);
            }
            if self.facts.closed.is_none()
                && let Some(whom) = self.facts.take_rewatch()
            {
                let re = self.facts.next_request();
                self.facts.watch_again(re);
                self.say_watch(re, whom);
            }
            if self.facts.take_watchless() && self.facts.closed.is_none() {
                self.say_unwatch();
            }
        })
    }

    /// Takes everything that arrived, so that the app is told how things stand now: what came and
    /// went while nobody looked is no news.
    pub(crate) fn receive_all(&mut self, cx: &mut Context<'_>) {
        while self.receive(cx).is_ready() {}
    }

    fn say_watch(&mut self, re: RequestId, whom: Watching) {
        let visitor = match whom {
            Watching::Group => None,
            Watching::Visitor(visitor) => Some(visitor),
        };
        self.link.send(AgentMessage::Watch(Watch { re, visitor }));
    }

    fn say_unwatch(&mut self) {
        let re = self.facts.next_request();
        self.link.send(AgentMessage::Unwatch(Unwatch { re }));
    }

    fn leave(&mut self, session: SessionId) {
        self.say_leave(Some(session));
    }

    /// Takes a join back, answered yet or not.
    pub(crate) fn join_given_up(&mut self) {
        self.facts.join_given_up();
        self.say_leave(None);
    }

    fn say_leave(&mut self, session: Option<SessionId>) {
        let re = self.facts.next_request();
        self.link.send(AgentMessage::Leave(Leave { re, session }));
    }
}

/// # Everywhere
impl<S, L> Agent<S, L> {
    pub(crate) fn map<T>(self, to: impl FnOnce(S) -> T) -> Agent<T, L> {
        Agent { shared: self.shared, state: to(self.state) }
    }

    /// Which state this is, as a value.
    #[must_use]
    pub const fn state(&self) -> AgentStateKind
    where
        S: State,
    {
        S::KIND
    }

    /// The group the agent signed in to. It never changes: no verb takes one.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.shared.facts.group
    }

    /// Who the agent is, as visitors see it.
    #[must_use]
    pub fn card(&self) -> &AgentCard {
        &self.shared.facts.sign_in.card
    }

    /// What the agent's token lets it do. The server holds the agent to it; this is for a user
    /// interface that offers no more than that.
    ///
    /// ```
    /// use coview_agent::{SignInFacts, queue};
    /// use coview_wire::AgentRights;
    ///
    /// let rights = AgentRights { manual_keys: false, ..AgentRights::default() };
    /// let (agent, _peer) = queue::agent_with(SignInFacts { rights, ..queue::facts() });
    /// assert!(!agent.rights().manual_keys);
    /// ```
    #[must_use]
    pub fn rights(&self) -> &AgentRights {
        &self.shared.facts.sign_in.rights
    }

    /// How many digits the keys of the group have.
    #[must_use]
    pub fn key_digits(&self) -> KeyLength {
        self.shared.facts.sign_in.key_digits
    }

    /// Reads a key as a person types it, with spaces or hyphens anywhere between the digits.
    ///
    /// # Errors
    ///
    /// [`MistypedKey`] if it cannot be a key of the group: the server need not be asked.
    ///
    /// ```
    /// use coview_agent::queue;
    ///
    /// let (agent, _peer) = queue::agent();
    /// assert!(agent.read_key("123 456 786").is_ok());
    /// let error = agent.read_key("123 45").unwrap_err();
    /// assert_eq!(error.to_string(), "a key of this group has 9 digits, this has 5");
    /// ```
    pub fn read_key(&self, typed: &str) -> Result<SessionKey, MistypedKey> {
        read_key(typed, self.key_digits())
    }

    /// How long the sign-in lasts, in milliseconds, counted from when that was told: when the agent
    /// signed in, or by [`Change::Renewed`](crate::Change::Renewed). [`renew`](Self::renew) prolongs
    /// it; without that the agent can begin nothing new when the time is over, and the link closes
    /// with [`SignInExpired`](coview_wire::CloseReason::SignInExpired) once the agent has nothing
    /// going on.
    #[must_use]
    pub fn sign_in_lasts_ms(&self) -> u64 {
        self.shared.facts.sign_in.lasts_ms
    }

    /// Whether there is a connection just now; for a user interface to show.
    #[must_use]
    pub fn connectivity(&self) -> Connectivity {
        self.shared.facts.connectivity
    }

    /// Whom the agent watches, as it said last.
    #[must_use]
    pub fn watching(&self) -> Option<&Watching> {
        self.shared.facts.watching()
    }

    /// Who is online, of those the agent [watches](Self::watch): at most
    /// [`ROSTER_MAX`](crate::ROSTER_MAX).
    #[must_use]
    pub fn roster(&self) -> &BTreeMap<VisitorId, VisitorCard> {
        self.shared.facts.online.cards()
    }

    /// Whether the [roster](Self::roster) has everybody: `false` while it is still arriving, and if
    /// there are more visitors than it can hold.
    #[must_use]
    pub fn roster_is_complete(&self) -> bool {
        self.shared.facts.online.is_complete()
    }

    /// Waits for the next thing the world does: the type of the answer says what that can be.
    ///
    /// Everything that has arrived is taken first, so the answer is about how things stand now.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut next`; [`Next::into_agent`] gives the agent back.
    ///
    /// ```
    /// use coview_agent::{SignedInStep, queue};
    /// use coview_lifecycle::LinkClosed;
    /// use coview_wire::CloseReason;
    ///
    /// # smol::block_on(async {
    /// let (agent, mut peer) = queue::agent();
    /// peer.close(LinkClosed::Server(CloseReason::Policy));
    /// match agent.next().await {
    ///     SignedInStep::Changed(_agent, change) => println!("{change:?}"),
    ///     SignedInStep::Closed(reason) => println!("closed: {reason}"),
    /// }
    /// # });
    /// ```
    pub const fn next(self) -> Next<S, L>
    where
        S: State,
    {
        Next::new(self)
    }
}

/// # Everywhere, said to the server
impl<S, L: AgentLink> Agent<S, L> {
    /// Wants to see who is online. The answer arrives as [`Change::Roster`](crate::Change::Roster),
    /// then there is a change for each visitor who comes, changes or goes. A second `watch` replaces
    /// the first; what was known stays in the [roster](Self::roster) until the new one arrives.
    ///
    /// A watch that is refused, such as of a visitor whom the agent's [rights](Self::rights) leave
    /// out, is told as [`Change::Problem`](crate::Change::Problem), and the one before it stands.
    ///
    /// ```
    /// use coview_agent::{Change, SignedInStep, Watching, queue};
    ///
    /// # smol::block_on(async {
    /// let (mut agent, mut peer) = queue::agent();
    /// # peer.grant_all();
    /// # peer.bring_online(&"customer-42".parse().unwrap());
    /// agent.watch(Watching::Group);
    /// let SignedInStep::Changed(agent, Change::Roster) = agent.next().await else { panic!() };
    /// assert_eq!(agent.roster().keys().next().unwrap().as_str(), "customer-42");
    /// # });
    /// ```
    pub fn watch(&mut self, whom: Watching) {
        let re = self.shared.facts.next_request();
        self.shared.facts.watch(re, whom.clone());
        self.shared.say_watch(re, whom);
    }

    /// No longer wants to see who is online. It takes effect at once: the roster is empty.
    pub fn unwatch(&mut self) {
        if self.shared.facts.watching().is_some() {
            self.shared.facts.unwatch();
            self.shared.say_unwatch();
        }
    }

    /// Shows a newer token of the same agent, so that the sign-in lasts longer, with the rights the
    /// newer token has. The answer arrives as [`Change::Renewed`](crate::Change::Renewed) or
    /// [`Change::NotRenewed`](crate::Change::NotRenewed); meanwhile everything goes on as before.
    ///
    /// The link keeps the token: if the server has forgotten the agent, it signs in with the newest
    /// one.
    ///
    /// ```
    /// use coview_agent::{Change, SignedInStep, queue};
    /// use coview_wire::AgentToken;
    ///
    /// # smol::block_on(async {
    /// let (mut agent, mut peer) = queue::agent();
    /// # peer.grant_all();
    /// agent.renew(AgentToken::new("a newer token from the operator's backend")?);
    /// let SignedInStep::Changed(agent, change) = agent.next().await else { panic!() };
    /// assert_eq!(change, Change::Renewed);
    /// println!("signed in for another {} ms", agent.sign_in_lasts_ms());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn renew(&mut self, token: AgentToken) {
        let re = self.shared.facts.next_request();
        self.shared.facts.renew(re);
        self.shared.link.send(AgentMessage::Renew(Renew { re, token }));
    }

    /// Asks a visitor who is online to share. The visitor sees the terms and accepts or declines;
    /// [`RequestingStep`](crate::RequestingStep) tells which. No key is typed.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the agent signed in: the visitor is not online
    /// ([`NotOnline`](coview_wire::RefusalCode::NotOnline)), is being asked or is sharing
    /// ([`VisitorBusy`](coview_wire::RefusalCode::VisitorBusy)). A visitor whom the agent's
    /// [rights](Self::rights) leave out is [`NotAllowed`](coview_wire::RefusalCode::NotAllowed), and
    /// the server is not asked.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_agent`] takes the request back.
    ///
    /// One request at a time:
    ///
    /// ```compile_fail,E0277
    /// # use coview_wire::VisitorId;
    /// # smol::block_on(async {
    /// # let (agent, _peer) = coview_agent::queue::agent();
    /// let requesting = agent.ask(VisitorId::new("customer-42").unwrap()).await.unwrap();
    /// let second = requesting.ask(VisitorId::new("customer-43").unwrap()); // `withdraw()` first
    /// # });
    /// ```
    pub fn ask(mut self, visitor: VisitorId) -> Pending<Requesting, S, L>
    where
        S: IsFree,
    {
        let what = Awaited::Ask(visitor.clone());
        if self.rights().allows(&visitor) {
            let re = self.shared.facts.next_request();
            self.shared.facts.wait_for(re, what);
            self.shared.link.send(AgentMessage::Ask(Ask { re, visitor }));
        } else {
            self.shared.facts.refuse_unasked(what, RefusalCode::NotAllowed);
        }
        Pending::new(self)
    }

    /// Joins the session whose key the visitor read out. A mistyped key is found by
    /// [`read_key`](Self::read_key) before the server is asked.
    ///
    /// If the group wants it, the visitor sees the agent's name and is asked first. This waits for
    /// the answer too: [`Pending::visitor_asked`] tells. Where an agent should see more than a
    /// spinner meanwhile, [`knock`](Self::knock) leads to a state of its own.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the agent signed in. A wrong, an expired and a used key
    /// get the same answer, [`NoSuchKey`](coview_wire::RefusalCode::NoSuchKey), and so does one the
    /// agent's [rights](Self::rights) leave out. After too many of them
    /// [`TooManyTries`](coview_wire::RefusalCode::TooManyTries) says when to try again. If the
    /// rights allow no keys at all, it is [`NotAllowed`](coview_wire::RefusalCode::NotAllowed), and
    /// the server is not asked. A visitor who is asked may say no
    /// ([`JoinDeclined`](coview_wire::RefusalCode::JoinDeclined)) or not answer in time
    /// ([`NoAnswer`](coview_wire::RefusalCode::NoAnswer)).
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_agent`] leaves the session if it was joined.
    ///
    /// ```
    /// use coview_wire::SessionKey;
    ///
    /// # smol::block_on(async {
    /// # let (agent, mut peer) = coview_agent::queue::agent();
    /// # peer.grant_all();
    /// let viewing = agent.join(SessionKey::parse("123 456 786")?).await?;
    /// println!("{} watch", viewing.guests());
    /// # drop(viewing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// Not while in another session:
    ///
    /// ```compile_fail,E0277
    /// # use coview_wire::SessionKey;
    /// # smol::block_on(async {
    /// # let (agent, _peer) = coview_agent::queue::agent();
    /// let key = SessionKey::parse("123 456 786").unwrap();
    /// let viewing = agent.join(key).await.unwrap();
    /// let second = viewing.join(key); // `leave()` the first one
    /// # });
    /// ```
    pub fn join(mut self, key: SessionKey) -> Pending<Viewing, S, L>
    where
        S: IsFree,
    {
        self.say_join(key, Awaited::View);
        Pending::new(self)
    }

    /// Joins like [`join`](Self::join), and is answered as soon as the key is known to be right. If
    /// the visitor has to let the agent in, that is the agent's next [step](crate::JoiningStep);
    /// otherwise that step is there at once.
    ///
    /// # Errors
    ///
    /// As for [`join`](Self::join); what the visitor says is told by
    /// [`JoiningStep::KeptOut`](crate::JoiningStep::KeptOut).
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_agent`] takes the join back.
    ///
    /// ```
    /// use coview_agent::{JoiningStep, queue};
    ///
    /// # smol::block_on(async {
    /// # let (agent, mut peer) = queue::agent();
    /// # peer.grant_all();
    /// # peer.confirm_joins();
    /// let key = agent.read_key("123 456 786")?;
    /// let mut joining = agent.knock(key).await?; // Agent<Joining>
    /// if let Some(expires_ms) = joining.visitor_asked() {
    ///     println!("the visitor has {} seconds to let you in", expires_ms / 1000);
    /// }
    /// # peer.let_in();
    /// let viewing = loop {
    ///     joining = match joining.next().await {
    ///         JoiningStep::LetIn(viewing) => break viewing,
    ///         JoiningStep::KeptOut(_agent, reason) => panic!("{reason}"),
    ///         JoiningStep::Changed(joining, _change) => joining,
    ///     };
    /// };
    /// # drop(viewing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn knock(mut self, key: SessionKey) -> Pending<Joining, S, L>
    where
        S: IsFree,
    {
        self.say_join(key, Awaited::Knock);
        Pending::new(self)
    }

    fn say_join(&mut self, key: SessionKey, what: Awaited) {
        if self.rights().manual_keys {
            let re = self.shared.facts.next_request();
            self.shared.facts.wait_for(re, what);
            self.shared.link.send(AgentMessage::Join(Join { re, key }));
        } else {
            self.shared.facts.refuse_unasked(what, RefusalCode::NotAllowed);
        }
    }
}

/// # While signed in
impl<L: AgentLink> Agent<SignedIn, L> {
    /// The agent at the beginning of the story, over a link whose other half has signed in.
    /// Adapters call it; consoles get the agent from an adapter.
    pub fn initialized(link: L, group: GroupId, facts: SignInFacts) -> Self {
        let facts = Facts::new(group, facts);
        Self { shared: Box::new(Shared { facts, link }), state: SignedIn(()) }
    }
}

impl<S: fmt::Debug, L> Agent<S, L> {
    pub(crate) fn fmt_inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.state, self.shared.facts)
    }
}

impl<S: State, L> fmt::Debug for Agent<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("state", &format_args!("{}", S::KIND))
            .field("connectivity", &self.shared.facts.connectivity)
            .finish_non_exhaustive()
    }
}
