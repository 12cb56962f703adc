//! A visitor in any state, for user interfaces and foreign languages: the same verbs, checked at
//! run time.

mod pending;
mod step;

use core::fmt;

use coview_start::KeyDisplay;
use coview_wire::AgentCard;
use coview_wire::AppState;
use coview_wire::GroupId;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::SessionId;
use coview_wire::Settings;
use coview_wire::Terms;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;
use derive_more::From;
use thiserror::Error;

use crate::consent::Consent;
use crate::debug::debug_variants;
use crate::identity::Identity;
use crate::link::Connectivity;
use crate::link::Link;
use crate::pending::Pending;
use crate::screen::ScreenLink;
use crate::screen::ScreenPass;
use crate::state::Anonymous;
use crate::state::Confirming;
use crate::state::Identified;
use crate::state::Manual;
use crate::state::OneClick;
use crate::state::PresenceConnected;
use crate::state::Sharing;
use crate::state::TermsRequested;
use crate::state::TermsShown;
use crate::table::StateKind;
use crate::table::Trigger;
use crate::visitor::Visitor;

pub use self::pending::AnyPending;
pub use self::pending::AnyRequestError;
pub use self::step::AnyNext;
pub use self::step::AnyStep;
/// A visitor in any state.
///
/// The typed [`Visitor`] goes in by `From` and comes out by `TryFrom`; commands are checked when
/// they are [applied](Self::apply), and a misuse gives the visitor back.
///
/// ```
/// use coview_lifecycle::{Anonymous, AnyVisitor, Applied, Command, StateKind, Visitor, queue};
///
/// let (visitor, _peer) = queue::visitor();
/// let any = AnyVisitor::from(visitor);
/// assert_eq!(any.state(), StateKind::Anonymous);
///
/// let misuse = any.apply(Command::Accept).unwrap_err();
/// assert_eq!(misuse.to_string(), "`accept` is not possible while Anonymous");
/// let visitor = Visitor::<Anonymous, _>::try_from(misuse.into_visitor()).expect("still anonymous");
/// # drop(visitor);
/// ```
///
/// In a user interface one loop moves it on, whatever its state:
///
/// ```
/// use coview_lifecycle::{AnyStep, AnyVisitor, Applied, Command, KeyDisplay, Link, LinkClosed};
///
/// async fn screen<L: Link>(mut visitor: AnyVisitor<L>) -> LinkClosed {
///     loop {
///         visitor = match visitor.next().await {
///             AnyStep::Closed(reason) => return reason,
///             AnyStep::TermsRequested(asked) => match asked.apply(Command::TermsDisplayed) {
///                 Ok(Applied::Now(shown)) => shown,
///                 Ok(Applied::Pending(_)) | Err(_) => unreachable!("it takes effect at once"),
///             },
///             step => step.into_visitor().expect("the link is not closed"),
///         };
///         println!("{}, {} watch", visitor.state(), visitor.guests());
///         if let (Some(agent), Some(terms)) = (visitor.agent(), visitor.terms()) {
///             println!("{} asks: {}", agent.name(), terms.text());
///         }
///         if let KeyDisplay::Show(key) = visitor.key_display() {
///             println!("read this key out: {key}");
///         }
///     }
/// }
/// #
/// # smol::block_on(async {
/// # let (visitor, mut peer) = coview_lifecycle::queue::visitor();
/// # peer.grant_all();
/// # let visitor = visitor.identify(coview_wire::VisitorId::new("customer-42").unwrap()).await.unwrap();
/// # let visitor = visitor.connect_presence().await.unwrap();
/// # peer.ask_to_share("Grace");
/// # let mut screen = Box::pin(screen(visitor.into()));
/// # assert!(smol::future::poll_once(&mut screen).await.is_none());
/// # peer.close(LinkClosed::Gone);
/// # assert_eq!(screen.await, LinkClosed::Gone);
/// # });
/// ```
#[derive(From)]
#[must_use = "dropping a visitor means leaving"]
pub enum AnyVisitor<L> {
    /// [`Anonymous`]
    Anonymous(Visitor<Anonymous, L>),
    /// [`Identified`]
    Identified(Visitor<Identified, L>),
    /// [`PresenceConnected`]
    PresenceConnected(Visitor<PresenceConnected, L>),
    /// [`TermsRequested`]
    TermsRequested(Visitor<TermsRequested, L>),
    /// [`TermsShown`]
    TermsShown(Visitor<TermsShown, L>),
    /// [`Sharing`], started manually before login.
    SharingManualAnonymous(Visitor<Sharing<Manual, Anonymous>, L>),
    /// [`Sharing`], started manually after login.
    SharingManualIdentified(Visitor<Sharing<Manual, Identified>, L>),
    /// [`Sharing`], started manually while online.
    SharingManualPresence(Visitor<Sharing<Manual, PresenceConnected>, L>),
    /// [`Confirming`], started manually before login.
    ConfirmingAnonymous(Visitor<Confirming<Anonymous>, L>),
    /// [`Confirming`], started manually after login.
    ConfirmingIdentified(Visitor<Confirming<Identified>, L>),
    /// [`Confirming`], started manually while online.
    ConfirmingPresence(Visitor<Confirming<PresenceConnected>, L>),
    /// [`Sharing`], started by an accepted request of an agent.
    SharingOneClick(Visitor<Sharing<OneClick, PresenceConnected>, L>),
}

/// A verb as a value: the run-time twin of the typed method of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// [`Visitor::identify`]
    Identify(Identity),
    /// [`Visitor::connect_presence_with`]
    ConnectPresence(PresenceData),
    /// [`Visitor::start_manual`]
    StartManual,
    /// [`Visitor::terms_displayed`]
    TermsDisplayed,
    /// [`Visitor::accept`]
    Accept,
    /// [`Visitor::decline`]
    Decline,
    /// [`Visitor::confirm`]
    Confirm,
    /// [`Visitor::refuse`]
    Refuse,
    /// [`Visitor::end`]
    End,
    /// [`Visitor::disconnect`]
    Disconnect,
    /// [`Visitor::log_out`]
    LogOut,
}

impl Command {
    /// The row of the transition table this command takes.
    #[must_use]
    pub const fn trigger(&self) -> Trigger {
        match self {
            Self::Identify(_) => Trigger::Identify,
            Self::ConnectPresence(_) => Trigger::ConnectPresence,
            Self::StartManual => Trigger::StartManual,
            Self::TermsDisplayed => Trigger::TermsDisplayed,
            Self::Accept => Trigger::Accept,
            Self::Decline => Trigger::Decline,
            Self::Confirm => Trigger::Confirm,
            Self::Refuse => Trigger::Refuse,
            Self::End => Trigger::End,
            Self::Disconnect => Trigger::Disconnect,
            Self::LogOut => Trigger::LogOut,
        }
    }
}

/// The command means nothing in the state the visitor is in; here is the visitor, unchanged. With
/// the typed [`Visitor`] it would not have compiled. It is never caused by anything a peer sends.
#[derive(Error)]
#[error("`{command}` is not possible while {}", visitor.state())]
#[must_use = "dropping it drops the visitor, who then leaves"]
pub struct ApiMisuse<L> {
    /// The visitor, unchanged.
    pub visitor: AnyVisitor<L>,
    /// What was asked for.
    pub command: Trigger,
}

impl<L> ApiMisuse<L> {
    /// The visitor, to go on with.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> AnyVisitor<L> {
        self.visitor
    }
}

impl<L> fmt::Debug for ApiMisuse<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiMisuse")
            .field("state", &self.visitor.state())
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// What came of a command.
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum Applied<L> {
    /// It took effect at once.
    Now(AnyVisitor<L>),
    /// It must be granted by the server.
    Pending(AnyPending<L>),
}

macro_rules! each {
    ($any:expr, $visitor:ident => $body:expr) => {
        match $any {
            AnyVisitor::Anonymous($visitor) => $body,
            AnyVisitor::Identified($visitor) => $body,
            AnyVisitor::PresenceConnected($visitor) => $body,
            AnyVisitor::TermsRequested($visitor) => $body,
            AnyVisitor::TermsShown($visitor) => $body,
            AnyVisitor::SharingManualAnonymous($visitor) => $body,
            AnyVisitor::SharingManualIdentified($visitor) => $body,
            AnyVisitor::SharingManualPresence($visitor) => $body,
            AnyVisitor::ConfirmingAnonymous($visitor) => $body,
            AnyVisitor::ConfirmingIdentified($visitor) => $body,
            AnyVisitor::ConfirmingPresence($visitor) => $body,
            AnyVisitor::SharingOneClick($visitor) => $body,
        }
    };
}
use each;

impl<L> AnyVisitor<L> {
    /// Which state the visitor is in.
    #[must_use]
    pub const fn state(&self) -> StateKind {
        each!(self, visitor => visitor.state())
    }

    /// The group, given once when connecting; it never changes.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        each!(self, visitor => visitor.group())
    }

    /// What the group has switched on.
    #[must_use]
    pub fn settings(&self) -> Settings {
        each!(self, visitor => visitor.settings())
    }

    /// Whether there is a connection just now.
    #[must_use]
    pub fn connectivity(&self) -> Connectivity {
        each!(self, visitor => visitor.connectivity())
    }

    /// Where the app is, as it said last.
    #[must_use]
    pub fn app(&self) -> AppState {
        each!(self, visitor => visitor.app())
    }

    /// Who the visitor is, if identified.
    #[must_use]
    pub fn visitor_id(&self) -> Option<&VisitorId> {
        match self {
            Self::Anonymous(_) | Self::SharingManualAnonymous(_) | Self::ConfirmingAnonymous(_) => {
                None
            }
            Self::Identified(visitor) => Some(visitor.visitor_id()),
            Self::PresenceConnected(visitor) => Some(visitor.visitor_id()),
            Self::TermsRequested(visitor) => Some(visitor.visitor_id()),
            Self::TermsShown(visitor) => Some(visitor.visitor_id()),
            Self::SharingManualIdentified(visitor) => Some(visitor.visitor_id()),
            Self::SharingManualPresence(visitor) => Some(visitor.visitor_id()),
            Self::ConfirmingIdentified(visitor) => Some(visitor.visitor_id()),
            Self::ConfirmingPresence(visitor) => Some(visitor.visitor_id()),
            Self::SharingOneClick(visitor) => Some(visitor.visitor_id()),
        }
    }

    /// The key to show, or that none is to be shown.
    #[must_use]
    pub const fn key_display(&self) -> KeyDisplay<'_> {
        match self {
            Self::SharingManualAnonymous(visitor) => KeyDisplay::Show(visitor.key()),
            Self::SharingManualIdentified(visitor) => KeyDisplay::Show(visitor.key()),
            Self::SharingManualPresence(visitor) => KeyDisplay::Show(visitor.key()),
            Self::ConfirmingAnonymous(visitor) => KeyDisplay::Show(visitor.key()),
            Self::ConfirmingIdentified(visitor) => KeyDisplay::Show(visitor.key()),
            Self::ConfirmingPresence(visitor) => KeyDisplay::Show(visitor.key()),
            Self::Anonymous(_)
            | Self::Identified(_)
            | Self::PresenceConnected(_)
            | Self::TermsRequested(_)
            | Self::TermsShown(_)
            | Self::SharingOneClick(_) => KeyDisplay::Hidden,
        }
    }
}

impl<L> AnyVisitor<L> {
    /// Everything this side knows and is, whatever the app can see of it, without secrets and keys:
    /// for a search of all states.
    #[doc(hidden)]
    pub fn inner(&self) -> impl fmt::Debug {
        fmt::from_fn(|f| each!(self, visitor => visitor.fmt_inner(f)))
    }
}

macro_rules! while_sharing {
    ($any:expr, $visitor:ident => $body:expr) => {
        match $any {
            AnyVisitor::SharingManualAnonymous($visitor) => Some($body),
            AnyVisitor::SharingManualIdentified($visitor) => Some($body),
            AnyVisitor::SharingManualPresence($visitor) => Some($body),
            AnyVisitor::ConfirmingAnonymous($visitor) => Some($body),
            AnyVisitor::ConfirmingIdentified($visitor) => Some($body),
            AnyVisitor::ConfirmingPresence($visitor) => Some($body),
            AnyVisitor::SharingOneClick($visitor) => Some($body),
            AnyVisitor::Anonymous(_)
            | AnyVisitor::Identified(_)
            | AnyVisitor::PresenceConnected(_)
            | AnyVisitor::TermsRequested(_)
            | AnyVisitor::TermsShown(_) => None,
        }
    };
}

macro_rules! while_somebody_waits {
    ($any:expr, $visitor:ident => $body:expr) => {
        match $any {
            AnyVisitor::TermsRequested($visitor) => Some($body),
            AnyVisitor::TermsShown($visitor) => Some($body),
            AnyVisitor::ConfirmingAnonymous($visitor) => Some($body),
            AnyVisitor::ConfirmingIdentified($visitor) => Some($body),
            AnyVisitor::ConfirmingPresence($visitor) => Some($body),
            AnyVisitor::Anonymous(_)
            | AnyVisitor::Identified(_)
            | AnyVisitor::PresenceConnected(_)
            | AnyVisitor::SharingManualAnonymous(_)
            | AnyVisitor::SharingManualIdentified(_)
            | AnyVisitor::SharingManualPresence(_)
            | AnyVisitor::SharingOneClick(_) => None,
        }
    };
}

impl<L: Link> AnyVisitor<L> {
    /// Tells that the app went to the background or came back.
    pub fn app_moved(&mut self, app: AppState) {
        each!(self, visitor => visitor.app_moved(app));
    }

    /// Changes the presence data, if the visitor is online; otherwise says `false` and does nothing.
    #[must_use]
    pub fn update_presence(&mut self, data: PresencePatch) -> bool {
        match self {
            Self::PresenceConnected(visitor) => visitor.update_presence(data),
            Self::TermsRequested(visitor) => visitor.update_presence(data),
            Self::TermsShown(visitor) => visitor.update_presence(data),
            Self::SharingManualPresence(visitor) => visitor.update_presence(data),
            Self::ConfirmingPresence(visitor) => visitor.update_presence(data),
            Self::SharingOneClick(visitor) => visitor.update_presence(data),
            Self::Anonymous(_)
            | Self::Identified(_)
            | Self::SharingManualAnonymous(_)
            | Self::SharingManualIdentified(_)
            | Self::ConfirmingAnonymous(_)
            | Self::ConfirmingIdentified(_) => return false,
        }
        true
    }

    /// Hands over a newer assertion, if the visitor is identified; otherwise says `false` and does
    /// nothing. See [`Visitor::refresh_assertion`].
    #[must_use]
    pub fn refresh_assertion(&mut self, assertion: VisitorAssertion) -> bool {
        match self {
            Self::Identified(visitor) => visitor.refresh_assertion(assertion),
            Self::PresenceConnected(visitor) => visitor.refresh_assertion(assertion),
            Self::TermsRequested(visitor) => visitor.refresh_assertion(assertion),
            Self::TermsShown(visitor) => visitor.refresh_assertion(assertion),
            Self::SharingManualIdentified(visitor) => visitor.refresh_assertion(assertion),
            Self::SharingManualPresence(visitor) => visitor.refresh_assertion(assertion),
            Self::ConfirmingIdentified(visitor) => visitor.refresh_assertion(assertion),
            Self::ConfirmingPresence(visitor) => visitor.refresh_assertion(assertion),
            Self::SharingOneClick(visitor) => visitor.refresh_assertion(assertion),
            Self::Anonymous(_) | Self::SharingManualAnonymous(_) | Self::ConfirmingAnonymous(_) => {
                return false;
            }
        }
        true
    }

    /// Who asks to share, or who typed the key and asks to be let in, while that agent waits for
    /// the answer.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentCard> {
        while_somebody_waits!(self, visitor => visitor.agent())
    }

    /// What the visitor is asked to agree to, while an agent asks to share.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::TermsRequested(visitor) => Some(visitor.terms()),
            Self::TermsShown(visitor) => Some(visitor.terms()),
            Self::Anonymous(_)
            | Self::Identified(_)
            | Self::PresenceConnected(_)
            | Self::SharingManualAnonymous(_)
            | Self::SharingManualIdentified(_)
            | Self::SharingManualPresence(_)
            | Self::ConfirmingAnonymous(_)
            | Self::ConfirmingIdentified(_)
            | Self::ConfirmingPresence(_)
            | Self::SharingOneClick(_) => None,
        }
    }

    /// How long the visitor had to answer the agent who waits, in milliseconds, when that agent
    /// began to wait.
    #[must_use]
    pub fn expires_ms(&self) -> Option<u32> {
        while_somebody_waits!(self, visitor => visitor.expires_ms())
    }

    /// How many agents watch, as of the last step; none unless the visitor is sharing.
    #[must_use]
    pub fn guests(&self) -> u32 {
        while_sharing!(self, visitor => visitor.guests()).unwrap_or(0)
    }

    /// Who watches, as of the last step; nobody unless the visitor is sharing.
    #[must_use]
    pub fn agents(&self) -> &[AgentCard] {
        while_sharing!(self, visitor => visitor.agents()).unwrap_or(&[])
    }

    /// The session, while the visitor is sharing.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        while_sharing!(self, visitor => visitor.session())
    }

    /// The visitor's consent, while the visitor is sharing.
    #[must_use]
    pub fn consent(&self) -> Option<&Consent> {
        while_sharing!(self, visitor => visitor.consent())
    }

    /// The right to send the screen, while the visitor is sharing; see
    /// [`ScreenPass`](crate::ScreenPass).
    pub fn screen_pass(&mut self) -> Option<ScreenPass<L::Pipe>>
    where
        L: ScreenLink,
    {
        while_sharing!(self, visitor => visitor.screen_pass())
    }

    /// Applies a command.
    ///
    /// # Errors
    ///
    /// [`ApiMisuse`] if the command means nothing in this state; it gives the visitor back.
    pub fn apply(self, command: Command) -> Result<Applied<L>, ApiMisuse<L>> {
        let trigger = command.trigger();
        let applied = match (self, command) {
            (Self::Anonymous(visitor), Command::Identify(who)) => pending(visitor.identify(who)),
            (Self::Identified(visitor), Command::ConnectPresence(data)) => {
                pending(visitor.connect_presence_with(data))
            }
            (Self::Anonymous(visitor), Command::StartManual) => pending(visitor.start_manual()),
            (Self::Identified(visitor), Command::StartManual) => pending(visitor.start_manual()),
            (Self::PresenceConnected(visitor), Command::StartManual) => {
                pending(visitor.start_manual())
            }
            (Self::TermsRequested(visitor), Command::TermsDisplayed) => {
                now(visitor.terms_displayed())
            }
            (Self::TermsShown(visitor), Command::Accept) => pending(visitor.accept()),
            (Self::TermsRequested(visitor), Command::Decline) => now(visitor.decline()),
            (Self::TermsShown(visitor), Command::Decline) => now(visitor.decline()),
            (Self::SharingManualAnonymous(visitor), Command::End) => now(visitor.end()),
            (Self::SharingManualIdentified(visitor), Command::End) => now(visitor.end()),
            (Self::SharingManualPresence(visitor), Command::End) => now(visitor.end()),
            (Self::ConfirmingAnonymous(visitor), Command::End) => now(visitor.end()),
            (Self::ConfirmingIdentified(visitor), Command::End) => now(visitor.end()),
            (Self::ConfirmingPresence(visitor), Command::End) => now(visitor.end()),
            (Self::SharingOneClick(visitor), Command::End) => now(visitor.end()),
            (Self::ConfirmingAnonymous(visitor), Command::Confirm) => now(visitor.confirm()),
            (Self::ConfirmingIdentified(visitor), Command::Confirm) => now(visitor.confirm()),
            (Self::ConfirmingPresence(visitor), Command::Confirm) => now(visitor.confirm()),
            (Self::ConfirmingAnonymous(visitor), Command::Refuse) => now(visitor.refuse()),
            (Self::ConfirmingIdentified(visitor), Command::Refuse) => now(visitor.refuse()),
            (Self::ConfirmingPresence(visitor), Command::Refuse) => now(visitor.refuse()),
            (Self::PresenceConnected(visitor), Command::Disconnect) => now(visitor.disconnect()),
            (Self::Identified(visitor), Command::LogOut) => now(visitor.log_out()),
            // Every pair that is not in the table, as the exhaustive test holds it against it.
            (visitor, _) => return Err(ApiMisuse { visitor, command: trigger }),
        };
        Ok(applied)
    }

    /// Waits for the next thing the world does.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut next`; [`AnyNext::into_visitor`] gives the visitor back.
    pub const fn next(self) -> AnyNext<L> {
        AnyNext::new(self)
    }
}

fn now<L, S>(visitor: Visitor<S, L>) -> Applied<L>
where
    AnyVisitor<L>: From<Visitor<S, L>>,
{
    Applied::Now(visitor.into())
}

fn pending<L, T, E>(pending: Pending<T, E, L>) -> Applied<L>
where
    AnyPending<L>: From<Pending<T, E, L>>,
{
    Applied::Pending(pending.into())
}

macro_rules! try_from_any {
    ($($variant:ident => $state:ty,)+) => {$(
        /// The typed visitor, if it is in this state; otherwise the same [`AnyVisitor`] back.
        impl<L> TryFrom<AnyVisitor<L>> for Visitor<$state, L> {
            type Error = AnyVisitor<L>;

            fn try_from(any: AnyVisitor<L>) -> Result<Self, AnyVisitor<L>> {
                if let AnyVisitor::$variant(visitor) = any { Ok(visitor) } else { Err(any) }
            }
        }
    )+};
}

try_from_any! {
    Anonymous => Anonymous,
    Identified => Identified,
    PresenceConnected => PresenceConnected,
    TermsRequested => TermsRequested,
    TermsShown => TermsShown,
    SharingManualAnonymous => Sharing<Manual, Anonymous>,
    SharingManualIdentified => Sharing<Manual, Identified>,
    SharingManualPresence => Sharing<Manual, PresenceConnected>,
    ConfirmingAnonymous => Confirming<Anonymous>,
    ConfirmingIdentified => Confirming<Identified>,
    ConfirmingPresence => Confirming<PresenceConnected>,
    SharingOneClick => Sharing<OneClick, PresenceConnected>,
}

impl<L> fmt::Debug for AnyVisitor<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, visitor => visitor.fmt(f))
    }
}

debug_variants! {
    impl[L] Applied<L> { Now(visitor), Pending(pending) }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use coview_wire::RefusalCode;

    use super::*;
    use crate::queue;

    async fn applied<L: Link>(visitor: AnyVisitor<L>, command: Command) -> AnyVisitor<L> {
        match visitor.apply(command).expect("the command fits the state") {
            Applied::Now(visitor) => visitor,
            Applied::Pending(pending) => pending.await.expect("the peer grants all"),
        }
    }

    #[test]
    fn what_is_there_to_see_is_there_in_its_states_only() {
        smol::future::block_on(async {
            let (visitor, mut peer) = queue::visitor();
            peer.grant_all();
            let visitor = visitor.identify(VisitorId::new("customer-42").unwrap()).await.unwrap();
            let visitor = AnyVisitor::from(visitor.connect_presence().await.unwrap());
            assert_eq!(
                (visitor.agent(), visitor.terms(), visitor.expires_ms()),
                (None, None, None)
            );

            peer.ask_to_share("Grace");
            let asked = visitor.next().await.into_visitor().unwrap();
            assert_eq!(asked.agent().unwrap().name(), "Grace");
            let shown = applied(asked, Command::TermsDisplayed).await;
            assert_eq!(shown.agent().unwrap().name(), "Grace");
            assert_eq!(shown.terms().unwrap().version(), "1");
            assert_eq!(shown.expires_ms(), Some(60_000));
            assert_eq!((shown.guests(), shown.session(), shown.consent()), (0, None, None));

            let sharing = applied(shown, Command::Accept).await;
            assert_eq!(
                (sharing.agent(), sharing.terms(), sharing.expires_ms()),
                (None, None, None)
            );
            assert_eq!(sharing.consent().map(Consent::session), sharing.session());
            assert!(sharing.session().is_some());
            assert_eq!(sharing.key_display(), KeyDisplay::Hidden);

            let online = applied(sharing, Command::End).await;
            peer.refuse_all(RefusalCode::ShuttingDown);
            let Applied::Pending(pending) = online.apply(Command::StartManual).unwrap() else {
                panic!("a start is granted by the server")
            };
            let visitor = pending.await.unwrap_err().into_visitor().expect("only refused");
            assert_eq!(visitor.state(), StateKind::PresenceConnected);
            drop(peer);
            let visitor = visitor.next().await.into_visitor().expect("offline, and told so first");
            assert!(visitor.next().await.into_visitor().is_none(), "closed");
        });
    }
}
