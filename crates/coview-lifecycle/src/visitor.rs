mod sharing;
mod terms;

use alloc::boxed::Box;
use core::fmt;
use core::task::Context;
use core::task::Poll;

use coview_start::StartMode;
use coview_wire::AppMoved;
use coview_wire::AppState;
use coview_wire::ClientMessage;
use coview_wire::GroupId;
use coview_wire::Identify;
use coview_wire::LogOut;
use coview_wire::OfflineReason;
use coview_wire::PresenceConnect;
use coview_wire::PresenceData;
use coview_wire::PresenceDisconnect;
use coview_wire::PresencePatch;
use coview_wire::PresenceUpdate;
use coview_wire::SessionStart;
use coview_wire::Settings;
use coview_wire::StartBy;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::facts::Awaited;
use crate::facts::Facts;
use crate::facts::Presence;
use crate::identity::Identity;
use crate::link::Connectivity;
use crate::link::Link;
use crate::pending::Pending;
use crate::state::Anonymous;
use crate::state::CanStartManually;
use crate::state::Identified;
use crate::state::IsIdentified;
use crate::state::IsOnline;
use crate::state::Manual;
use crate::state::PresenceConnected;
use crate::state::Sharing;
use crate::state::State;
use crate::step::Next;
use crate::table::StateKind;

/// A visitor of an app, in state `S`, over the link `L`.
///
/// There is one value for one visitor. A verb consumes it and gives the visitor in its next state,
/// so an order that makes no sense does not compile. What the world does comes from
/// [`next`](Self::next), as an enum with exactly the outcomes the state allows.
///
/// **Dropping a visitor means leaving**: its link closes and the server ends what it was doing.
///
/// # Where do I start
///
/// An app gets its first visitor from an adapter (`coview::smol::connect`), a test from
/// [`queue::visitor`](crate::queue::visitor). Hold the state you are in as a local variable of an
/// event loop; where a field must hold any state, hold an [`AnyVisitor`](crate::AnyVisitor).
///
/// # States and verbs
///
/// Generated from the [transition table](crate::table::TABLE); a request that is refused leaves the
/// visitor where it was, a refused `accept` while online.
///
#[doc = include_str!("../docs/verbs.md")]
///
/// `next()`, `app_moved()`, `connectivity()` and `group()` are there in every state.
///
/// # Examples
///
/// ```
/// use coview_lifecycle::queue;
/// use coview_wire::VisitorId;
///
/// # smol::block_on(async {
/// let (visitor, mut peer) = queue::visitor();
/// peer.grant_all();
///
/// let sharing = visitor.start_manual().await?;
/// println!("Read this key to the agent: {}", sharing.key());
/// let visitor = sharing.end();
///
/// let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
/// let visitor = visitor.connect_presence().await?;
/// # drop(visitor);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A verb of another state does not compile:
///
/// ```compile_fail,E0599
/// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
/// visitor.connect_presence(); // Visitor<Anonymous>: identify first
/// ```
///
/// Nor does using a visitor twice:
///
/// ```compile_fail,E0382
/// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
/// let pending = visitor.start_manual();
/// let again = visitor.start_manual(); // the visitor has moved into the first request
/// ```
#[must_use = "dropping a visitor means leaving"]
pub struct Visitor<S, L> {
    // Dropped first, so that the consent is gone before the link lets anybody know.
    pub(crate) state: S,
    pub(crate) shared: Box<Shared<L>>,
}

/// What a visitor keeps whatever its state: one pointer, moved from state to state.
#[expect(missing_debug_implementations, reason = "it is never named outside this crate")]
pub struct Shared<L> {
    pub(crate) facts: Facts,
    pub(crate) link: L,
}

impl<L: Link> Shared<L> {
    pub(crate) fn app_moved(&mut self, app: AppState) {
        if self.facts.app != app {
            self.facts.app = app;
            let re = self.facts.next_request();
            self.link.send(ClientMessage::AppMoved(AppMoved { re, app }));
        }
    }

    /// Takes one thing that arrived, if there is one.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.facts.closed.is_some() {
            return Poll::Pending;
        }
        self.link.poll_recv(cx).map(|arrival| self.facts.absorb(arrival))
    }

    /// Takes everything that arrived, so that the app is told how things stand now: a request that
    /// came and went while nobody looked is no news.
    pub(crate) fn receive_all(&mut self, cx: &mut Context<'_>) {
        while self.receive(cx).is_ready() {}
    }
}

/// # Everywhere
impl<S, L> Visitor<S, L> {
    pub(crate) fn map<T>(self, to: impl FnOnce(S) -> T) -> Visitor<T, L> {
        Visitor { shared: self.shared, state: to(self.state) }
    }

    /// Which state this is, as a value.
    #[must_use]
    pub const fn state(&self) -> StateKind
    where
        S: State,
    {
        S::KIND
    }

    /// The group the visitor connected to. It never changes: no verb takes one.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        &self.shared.facts.group
    }

    /// What the group has switched on: whether to show a share button, whether there is presence.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared.facts.settings
    }

    /// Whether there is a connection, as of the last step or answer; for a user interface to show.
    #[must_use]
    pub fn connectivity(&self) -> Connectivity {
        self.shared.facts.connectivity
    }

    /// Where the app is, as it said last.
    #[must_use]
    pub fn app(&self) -> AppState {
        self.shared.facts.app
    }

    /// Waits for the next thing the world does: the type of the answer says what that can be.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut next`; [`Next::into_visitor`] gives the visitor back.
    ///
    /// ```
    /// use coview_lifecycle::{AnonymousStep, LinkClosed, queue};
    /// use coview_wire::CloseReason;
    ///
    /// # smol::block_on(async {
    /// let (visitor, mut peer) = queue::visitor();
    /// peer.close(LinkClosed::Server(CloseReason::Policy));
    /// match visitor.next().await {
    ///     AnonymousStep::Changed(_visitor, change) => println!("{change:?}"),
    ///     AnonymousStep::Closed(reason) => println!("closed: {reason}"),
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
impl<S, L: Link> Visitor<S, L> {
    /// Tells that the app went to the background or came back. It is an input, not a step: agents
    /// see it, the presence is kept by its lease, and the app never disconnects for it.
    ///
    /// ```
    /// use coview_wire::AppState;
    ///
    /// # let (mut visitor, _peer) = coview_lifecycle::queue::visitor();
    /// visitor.app_moved(AppState::Background);
    /// assert_eq!(visitor.app(), AppState::Background);
    /// ```
    pub fn app_moved(&mut self, app: AppState) {
        self.shared.app_moved(app);
    }

    /// Starts a session with a random key, which is shown and read out to an agent.
    ///
    /// It is possible before login, after login, and while online as the fallback when the agent
    /// is on the wrong customer record. If an agent's request is on its way at the same time, the
    /// manual start wins and the agent is told *busy*.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the visitor in the state it was in.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_visitor`] takes the start back.
    ///
    /// ```
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
    /// # peer.grant_all();
    /// let sharing = visitor.start_manual().await?;
    /// assert_eq!(sharing.key().to_string(), "123 456 786");
    /// # drop(sharing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// Not while a session runs:
    ///
    /// ```compile_fail,E0277
    /// # smol::block_on(async {
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// let sharing = visitor.start_manual().await.unwrap();
    /// let second = sharing.start_manual(); // `end()` the first one
    /// # });
    /// ```
    ///
    /// Nor while an agent waits for an answer:
    ///
    /// ```compile_fail,E0277
    /// use coview_lifecycle::{Link, TermsShown, Visitor};
    ///
    /// fn instead<L: Link>(shown: Visitor<TermsShown, L>) {
    ///     let pending = shown.start_manual(); // `decline()` first
    /// }
    /// ```
    pub fn start_manual(mut self) -> Pending<Sharing<Manual, S>, S, L>
    where
        S: CanStartManually,
    {
        self.start(StartMode::Manual, StartBy::RandomKey);
        Pending::new(self)
    }

    fn start(&mut self, mode: StartMode, by: StartBy) {
        let facts = &mut self.shared.facts;
        let start = facts.next_start(mode);
        let re = facts.next_request();
        facts.wait_for(re, Awaited::Session(start));
        self.shared.link.send(ClientMessage::SessionStart(SessionStart { re, start, by }));
    }
}

/// # While anonymous
impl<L: Link> Visitor<Anonymous, L> {
    /// The visitor at the beginning of the story, over a link whose other half has been welcomed.
    /// Adapters call it; apps get the visitor from an adapter.
    pub fn initialized(link: L, group: GroupId, settings: Settings, app: AppState) -> Self {
        let facts = Facts::new(group, settings, app);
        Self { shared: Box::new(Shared { facts, link }), state: Anonymous(()) }
    }

    /// Says who the visitor is, after the login. The group stays the one of the connection.
    ///
    /// ```
    /// use coview_wire::VisitorId;
    ///
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
    /// # peer.grant_all();
    /// let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
    /// assert_eq!(visitor.visitor_id().as_str(), "customer-42");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the visitor anonymous: with
    /// [`AssertionNeeded`](coview_wire::RefusalCode::AssertionNeeded) the group asks for proof, with
    /// [`BadAssertion`](coview_wire::RefusalCode::BadAssertion),
    /// [`TokenExpired`](coview_wire::RefusalCode::TokenExpired) or
    /// [`TokenUsed`](coview_wire::RefusalCode::TokenUsed) the app gets a new one from its backend and
    /// tries again.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_visitor`] takes the request back.
    ///
    /// Another id needs a [`log_out`](Visitor::log_out) first:
    ///
    /// ```compile_fail,E0599
    /// # use coview_wire::VisitorId;
    /// # smol::block_on(async {
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// let visitor = visitor.identify(VisitorId::new("customer-42").unwrap()).await.unwrap();
    /// visitor.identify(VisitorId::new("customer-43").unwrap());
    /// # });
    /// ```
    ///
    /// And the group cannot differ:
    ///
    /// ```compile_fail,E0061
    /// # use coview_wire::{GroupId, VisitorId};
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// visitor.identify(VisitorId::new("customer-42").unwrap(), GroupId::new("another").unwrap());
    /// ```
    ///
    /// Where the group asks for proof, an assertion of the app's backend comes along; the profile
    /// may be told anew at the same time:
    ///
    /// ```
    /// use coview_lifecycle::Identity;
    /// use coview_wire::{Profile, VisitorAssertion, VisitorId};
    ///
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
    /// # peer.grant_all();
    /// # let from_my_backend = "header.claims.signature";
    /// let who = Identity::new(VisitorId::new("customer-42")?)
    ///     .with_assertion(VisitorAssertion::new(from_my_backend)?)
    ///     .with_profile(Profile::new().with_name("Ada")?);
    /// let visitor = visitor.identify(who).await?;
    /// # drop(visitor);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn identify(mut self, who: impl Into<Identity>) -> Pending<Identified, Anonymous, L> {
        let Identity { visitor, assertion, profile } = who.into();
        let re = self.shared.facts.next_request();
        self.shared.facts.wait_for(re, Awaited::Identity);
        let identify = Identify { re, visitor, assertion, profile };
        self.shared.link.send(ClientMessage::Identify(identify));
        Pending::new(self)
    }
}

/// # Wherever the visitor is known
impl<S, L> Visitor<S, L> {
    /// Who the visitor is. Nobody knows before [`identify`](Visitor::identify):
    ///
    /// ```compile_fail,E0277
    /// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
    /// let id = visitor.visitor_id();
    /// ```
    #[must_use]
    pub fn visitor_id(&self) -> &VisitorId
    where
        S: IsIdentified,
    {
        self.state.id()
    }

    /// Hands over a newer assertion of who the visitor is, from the app's backend. Nothing changes
    /// by it: it is for the time after a restart of the server, which has forgotten the visitor and
    /// is told anew who it is. With an assertion that is no longer good then, that would be refused
    /// and the link [closed](crate::LinkClosed::Refused); so an app that stays for long refreshes it
    /// a little before it expires.
    ///
    /// If the server does not accept it, [`Change::Problem`](crate::Change::Problem) says why, and the
    /// one before stays.
    ///
    /// ```
    /// use coview_lifecycle::{IsIdentified, Link, Visitor};
    /// use coview_wire::VisitorAssertion;
    ///
    /// fn refreshed<S: IsIdentified, L: Link>(
    ///     visitor: &mut Visitor<S, L>,
    ///     from_my_backend: VisitorAssertion,
    /// ) {
    ///     visitor.refresh_assertion(from_my_backend);
    /// }
    /// ```
    ///
    /// Who has not said who it is has nothing to prove:
    ///
    /// ```compile_fail,E0277
    /// # let (mut visitor, _peer) = coview_lifecycle::queue::visitor();
    /// visitor.refresh_assertion(coview_wire::VisitorAssertion::new("a.b.c").unwrap());
    /// ```
    pub fn refresh_assertion(&mut self, assertion: VisitorAssertion)
    where
        S: IsIdentified,
        L: Link,
    {
        let re = self.shared.facts.next_request();
        self.shared.facts.refresh(re);
        let (visitor, assertion) = (self.state.id().clone(), Some(assertion));
        let identify = Identify { re, visitor, assertion, profile: None };
        self.shared.link.send(ClientMessage::Identify(identify));
    }

    /// Whether this device has the focus of its visitor id: agents' requests go to the device that
    /// was online last.
    #[must_use]
    pub fn has_focus(&self) -> bool
    where
        S: IsOnline,
    {
        matches!(self.shared.facts.presence, Presence::On { focused: true, .. })
    }
}

/// # While identified
impl<L: Link> Visitor<Identified, L> {
    /// Goes online: agents of the group who watch see the visitor and may ask.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::Refused) leaves the visitor identified, for example with
    /// [`PresenceDisabled`](coview_wire::RefusalCode::PresenceDisabled).
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_visitor`] takes the request back.
    pub fn connect_presence(self) -> Pending<PresenceConnected, Identified, L> {
        self.connect_presence_with(PresenceData::new())
    }

    /// Like [`connect_presence`](Self::connect_presence), with what agents are told about where the
    /// visitor is.
    ///
    /// ```
    /// use coview_lifecycle::{Identified, Link, PresenceConnected, RequestError, Visitor};
    /// use coview_wire::PresenceData;
    ///
    /// async fn at_checkout<L: Link>(
    ///     visitor: Visitor<Identified, L>,
    /// ) -> Result<Visitor<PresenceConnected, L>, RequestError<Identified, L>> {
    ///     let data = PresenceData::new().with("page", "/checkout").expect("the entry is short");
    ///     visitor.connect_presence_with(data).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`connect_presence`](Self::connect_presence).
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut pending`; [`Pending::into_visitor`] takes the request back.
    pub fn connect_presence_with(
        mut self,
        data: PresenceData,
    ) -> Pending<PresenceConnected, Identified, L> {
        let re = self.shared.facts.next_request();
        self.shared.facts.wait_for(re, Awaited::Presence);
        self.shared.link.send(ClientMessage::PresenceConnect(PresenceConnect { re, data }));
        Pending::new(self)
    }

    /// Forgets who the visitor is. It takes effect at once and cannot fail.
    ///
    /// Not while online; go offline first:
    ///
    /// ```compile_fail,E0599
    /// use coview_lifecycle::{Link, PresenceConnected, Visitor};
    ///
    /// fn leave<L: Link>(visitor: Visitor<PresenceConnected, L>) {
    ///     visitor.log_out();
    /// }
    /// ```
    ///
    /// ```
    /// use coview_lifecycle::{Anonymous, Link, PresenceConnected, Visitor};
    ///
    /// fn leave<L: Link>(visitor: Visitor<PresenceConnected, L>) -> Visitor<Anonymous, L> {
    ///     visitor.disconnect().log_out()
    /// }
    /// ```
    pub fn log_out(mut self) -> Visitor<Anonymous, L> {
        let re = self.shared.facts.next_request();
        self.shared.link.send(ClientMessage::LogOut(LogOut { re }));
        self.shared.facts.logged_out();
        self.map(|_| Anonymous(()))
    }

    /// Why the server took the visitor offline, if it did since the login.
    #[must_use]
    pub fn last_offline(&self) -> Option<OfflineReason> {
        self.shared.facts.last_offline
    }
}

/// # While online
impl<L: Link> Visitor<PresenceConnected, L> {
    /// Goes offline. It takes effect at once and cannot fail. An agent's request that is on its way
    /// ends.
    ///
    /// Not while sharing; [`end`](Visitor::end) the session first:
    ///
    /// ```compile_fail,E0599
    /// use coview_lifecycle::{Link, OneClick, PresenceConnected, Sharing, Visitor};
    ///
    /// fn leave<L: Link>(visitor: Visitor<Sharing<OneClick, PresenceConnected>, L>) {
    ///     visitor.disconnect();
    /// }
    /// ```
    pub fn disconnect(mut self) -> Visitor<Identified, L> {
        self.shared.facts.presence_given_up();
        let re = self.shared.facts.next_request();
        self.shared.link.send(ClientMessage::PresenceDisconnect(PresenceDisconnect { re }));
        self.map(|online| online.identified)
    }
}

/// # Wherever the visitor is online
impl<S, L: Link> Visitor<S, L> {
    /// Changes what agents are told about where the visitor is: sets and removes entries, keeps the
    /// rest.
    ///
    /// ```
    /// use coview_wire::{PresencePatch, VisitorId};
    ///
    /// # smol::block_on(async {
    /// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
    /// # peer.grant_all();
    /// # let visitor = visitor.identify(VisitorId::new("customer-42")?).await?;
    /// let mut visitor = visitor.connect_presence().await?;
    /// visitor.update_presence(PresencePatch::new().set("page", "/checkout")?);
    /// # drop(visitor);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// Who is not online has no presence to change:
    ///
    /// ```compile_fail,E0277
    /// use coview_lifecycle::{Identified, Link, Visitor};
    /// use coview_wire::PresencePatch;
    ///
    /// fn too_early<L: Link>(mut visitor: Visitor<Identified, L>) {
    ///     visitor.update_presence(PresencePatch::new());
    /// }
    /// ```
    pub fn update_presence(&mut self, data: PresencePatch)
    where
        S: IsOnline,
    {
        let re = self.shared.facts.next_request();
        self.shared.link.send(ClientMessage::PresenceUpdate(PresenceUpdate { re, data }));
    }
}

impl<S: fmt::Debug, L> Visitor<S, L> {
    pub(crate) fn fmt_inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.state, self.shared.facts)
    }
}

impl<S: State, L> fmt::Debug for Visitor<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("state", &format_args!("{}", S::KIND))
            .field("connectivity", &self.shared.facts.connectivity)
            .finish_non_exhaustive()
    }
}
