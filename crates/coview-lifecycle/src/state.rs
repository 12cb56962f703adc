//! The states a visitor is in. Each carries what is true only there.

use alloc::boxed::Box;

use coview_start::DisplayKey;
use coview_start::KeyDisplay;
use coview_wire::ClientMessage;
use coview_wire::LogOut;
use coview_wire::PresenceDisconnect;
use coview_wire::SessionEnd;
use coview_wire::SessionId;
use coview_wire::StartId;
use coview_wire::VisitorId;

use crate::consent;
use crate::consent::Consent;
use crate::facts::Granted;
use crate::facts::Presence;
use crate::joins::Joins;
use crate::link::Link;
use crate::pending::RequestError;
use crate::step::AnonymousStep;
use crate::step::ConfirmingStep;
use crate::step::IdentifiedStep;
use crate::step::ManualStep;
use crate::step::OneClickStep;
use crate::step::PresenceStep;
use crate::step::TermsStep;
use crate::table;
use crate::table::StateKind;
use crate::table::Trigger;
use crate::visitor::Shared;
use crate::visitor::Visitor;

/// Connected, not logged in: the visitor may start manually.
#[derive(Debug)]
pub struct Anonymous(pub(crate) ());

/// Logged in: the visitor id is known.
#[derive(Debug)]
pub struct Identified {
    pub(crate) visitor: VisitorId,
}

/// Online: agents of the group see the visitor and may ask.
#[derive(Debug)]
pub struct PresenceConnected {
    pub(crate) identified: Identified,
}

/// An agent asked to share; the terms are not on the screen yet.
#[derive(Debug)]
pub struct TermsRequested {
    pub(crate) online: PresenceConnected,
    pub(crate) asked: Box<coview_wire::TermsRequested>,
}

/// The terms are on the screen; the visitor may accept or decline.
#[derive(Debug)]
pub struct TermsShown {
    pub(crate) online: PresenceConnected,
    pub(crate) asked: Box<coview_wire::TermsRequested>,
}

/// Sharing. `M` is how it began ([`Manual`] or [`OneClick`]), `H` is the state it goes back to.
#[derive(Debug)]
pub struct Sharing<M, H> {
    pub(crate) mode: M,
    pub(crate) home: H,
    pub(crate) start: StartId,
    pub(crate) session: SessionId,
    pub(crate) consent: Consent,
}

/// Sharing after a manual start, while an agent who typed the key waits to be let in. `H` is where
/// the session goes back to. Those who were let in before go on seeing the screen; the one who waits
/// sees nothing.
#[derive(Debug)]
pub struct Confirming<H> {
    pub(crate) sharing: Sharing<Manual, H>,
    pub(crate) asked: Box<coview_wire::JoinRequested>,
}

/// Began manually: there is a key to show.
#[derive(Debug)]
pub struct Manual {
    pub(crate) key: DisplayKey,
}

/// Began by an accepted request of an agent: there is no key.
#[derive(Debug)]
pub struct OneClick(pub(crate) ());

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A state a visitor can be in: [`Anonymous`], [`Identified`], [`PresenceConnected`],
/// [`TermsRequested`], [`TermsShown`], one of the four kinds of [`Sharing`] or one of the three of
/// [`Confirming`]. Sealed: there are no others.
///
/// ```compile_fail,E0277
/// struct Paused;
/// impl coview_lifecycle::CanStartManually for Paused {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state of a visitor",
    label = "there is no such state",
    note = "the states are Anonymous, Identified, PresenceConnected, TermsRequested, TermsShown, Sharing<Manual, _>, Confirming<_> and Sharing<OneClick, PresenceConnected>"
)]
pub trait State: Sealed + Sized {
    /// The state as a value.
    const KIND: StateKind;

    /// What the world can do to a visitor in this state.
    type Step<L>;

    /// The step that is due, or the visitor if none is.
    #[doc(hidden)]
    fn step<L>(visitor: Visitor<Self, L>) -> Result<Self::Step<L>, Visitor<Self, L>>;
}

/// A state in which a manual session may be started: [`Anonymous`], [`Identified`] or
/// [`PresenceConnected`]. It is also where the session goes back to. Sealed.
#[diagnostic::on_unimplemented(
    message = "a visitor who is `{Self}` cannot start a manual session",
    label = "a manual session is not possible in this state",
    note = "it is possible while Anonymous, Identified or PresenceConnected: `end()` a running session, or `decline()` the terms on the screen, first"
)]
pub trait CanStartManually: State {}

/// A state in which the visitor id is known. Sealed.
#[diagnostic::on_unimplemented(
    message = "a visitor who is `{Self}` has no visitor id",
    label = "there is no visitor id in this state",
    note = "call `identify(id).await` after the login"
)]
pub trait IsIdentified: State {
    /// The visitor id.
    #[doc(hidden)]
    fn id(&self) -> &VisitorId;
}

/// A state in which the visitor is online. Sealed.
#[diagnostic::on_unimplemented(
    message = "a visitor who is `{Self}` is not online",
    label = "there is no presence in this state",
    note = "call `connect_presence().await` after `identify(id).await`"
)]
pub trait IsOnline: IsIdentified {}

/// A state in which the screen is shared: [`Sharing`], however it began, and [`Confirming`]. Sealed.
///
/// What both have to show can be shown by one function:
///
/// ```
/// use coview_lifecycle::{IsSharing, Visitor};
///
/// fn banner<S: IsSharing, L>(visitor: &Visitor<S, L>) -> String {
///     format!("{} of them see your screen", visitor.guests())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a visitor who is `{Self}` shares nothing",
    label = "there is no session in this state",
    note = "call `start_manual().await`, or `accept().await` the terms of an agent who asks, first"
)]
pub trait IsSharing: State {
    /// Where the visitor is after the session.
    type Home;

    #[doc(hidden)]
    fn running(&self) -> Running<'_>;

    #[doc(hidden)]
    fn consent_mut(&mut self) -> &mut Consent;

    #[doc(hidden)]
    fn into_home(self) -> Self::Home;
}

/// The session of a state, as [`IsSharing`] shows it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Running<'a> {
    pub(crate) start: StartId,
    pub(crate) session: SessionId,
    pub(crate) consent: &'a Consent,
}

/// A state that a request leads to. Sealed; it is how [`Pending`](crate::Pending) knows what a yes
/// means.
#[doc(hidden)]
pub trait Request<Else>: State {
    fn grant<L: Link>(
        visitor: Visitor<Else, L>,
        granted: Granted,
    ) -> Result<Visitor<Self, L>, RequestError<Else, L>>;

    fn cancel<L: Link>(shared: &mut Shared<L>);
}

impl Sealed for Anonymous {}
impl Sealed for Identified {}
impl Sealed for PresenceConnected {}
impl Sealed for TermsRequested {}
impl Sealed for TermsShown {}
impl<H: CanStartManually> Sealed for Sharing<Manual, H> {}
impl Sealed for Sharing<OneClick, PresenceConnected> {}
impl<H: CanStartManually> Sealed for Confirming<H> {}

impl CanStartManually for Anonymous {}
impl CanStartManually for Identified {}
impl CanStartManually for PresenceConnected {}

impl State for Anonymous {
    const KIND: StateKind = StateKind::Anonymous;
    type Step<L> = AnonymousStep<L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<AnonymousStep<L>, Visitor<Self, L>> {
        match (visitor.shared.facts.closed, visitor.shared.facts.take_change()) {
            (Some(reason), _) => Ok(AnonymousStep::Closed(reason)),
            (None, Some(change)) => Ok(AnonymousStep::Changed(visitor, change)),
            (None, None) => Err(visitor),
        }
    }
}

impl State for Identified {
    const KIND: StateKind = StateKind::Identified;
    type Step<L> = IdentifiedStep<L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<IdentifiedStep<L>, Visitor<Self, L>> {
        match (visitor.shared.facts.closed, visitor.shared.facts.take_change()) {
            (Some(reason), _) => Ok(IdentifiedStep::Closed(reason)),
            (None, Some(change)) => Ok(IdentifiedStep::Changed(visitor, change)),
            (None, None) => Err(visitor),
        }
    }
}

impl State for PresenceConnected {
    const KIND: StateKind = StateKind::PresenceConnected;
    type Step<L> = PresenceStep<L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<PresenceStep<L>, Visitor<Self, L>> {
        let facts = &mut visitor.shared.facts;
        if facts.presence == Presence::Lost {
            facts.presence_given_up();
            return Ok(PresenceStep::Lost(visitor.map(|online| online.identified)));
        }
        if let Some(asked) = facts.let_in() {
            return Ok(PresenceStep::TermsRequested(
                visitor.map(|online| TermsRequested { online, asked }),
            ));
        }
        match facts.take_change() {
            Some(change) => Ok(PresenceStep::Changed(visitor, change)),
            None => Err(visitor),
        }
    }
}

macro_rules! terms_step {
    ($state:ident) => {
        impl State for $state {
            const KIND: StateKind = StateKind::$state;
            type Step<L> = TermsStep<Self, L>;

            fn step<L>(
                mut visitor: Visitor<Self, L>,
            ) -> Result<TermsStep<Self, L>, Visitor<Self, L>> {
                if let Some(reason) = visitor.shared.facts.take_withdrawn() {
                    return Ok(TermsStep::Withdrawn(visitor.map(|terms| terms.online), reason));
                }
                match visitor.shared.facts.take_change() {
                    Some(change) => Ok(TermsStep::Changed(visitor, change)),
                    None => Err(visitor),
                }
            }
        }
    };
}
terms_step!(TermsRequested);
terms_step!(TermsShown);

impl<H: CanStartManually> State for Sharing<Manual, H> {
    const KIND: StateKind = table::after(H::KIND, Trigger::StartManual);
    type Step<L> = ManualStep<H, L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<ManualStep<H, L>, Visitor<Self, L>> {
        let facts = &mut visitor.shared.facts;
        if let Some(reason) = facts.session_over(visitor.state.start) {
            return Ok(ManualStep::Ended(visitor.map(Self::into_home), reason));
        }
        if let Some(asked) = facts.joins().and_then(Joins::let_in) {
            return Ok(ManualStep::JoinRequested(
                visitor.map(|sharing| Confirming { sharing, asked }),
            ));
        }
        match facts.take_change() {
            Some(change) => Ok(ManualStep::Changed(visitor, change)),
            None => Err(visitor),
        }
    }
}

impl<H: CanStartManually> State for Confirming<H> {
    const KIND: StateKind = table::after(<Sharing<Manual, H>>::KIND, Trigger::JoinRequested);
    type Step<L> = ConfirmingStep<H, L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<ConfirmingStep<H, L>, Visitor<Self, L>> {
        let facts = &mut visitor.shared.facts;
        if let Some(reason) = facts.session_over(visitor.state.sharing.start) {
            return Ok(ConfirmingStep::Ended(visitor.map(Self::into_home), reason));
        }
        if let Some(reason) = facts.joins().and_then(Joins::take_withdrawn) {
            let visitor = visitor.map(|confirming| confirming.sharing);
            return Ok(ConfirmingStep::Withdrawn(visitor, reason));
        }
        match facts.take_change() {
            Some(change) => Ok(ConfirmingStep::Changed(visitor, change)),
            None => Err(visitor),
        }
    }
}

impl State for Sharing<OneClick, PresenceConnected> {
    const KIND: StateKind = StateKind::SharingOneClick;
    type Step<L> = OneClickStep<L>;

    fn step<L>(mut visitor: Visitor<Self, L>) -> Result<OneClickStep<L>, Visitor<Self, L>> {
        let facts = &mut visitor.shared.facts;
        if let Some(reason) = facts.session_over(visitor.state.start) {
            return Ok(OneClickStep::Ended(visitor.map(Self::into_home), reason));
        }
        match facts.take_change() {
            Some(change) => Ok(OneClickStep::Changed(visitor, change)),
            None => Err(visitor),
        }
    }
}

impl<M, H> IsSharing for Sharing<M, H>
where
    Self: State,
{
    type Home = H;

    fn running(&self) -> Running<'_> {
        Running { start: self.start, session: self.session, consent: &self.consent }
    }

    fn consent_mut(&mut self) -> &mut Consent {
        &mut self.consent
    }

    fn into_home(self) -> H {
        self.home
    }
}

impl<H: CanStartManually> IsSharing for Confirming<H> {
    type Home = H;

    fn running(&self) -> Running<'_> {
        self.sharing.running()
    }

    fn consent_mut(&mut self) -> &mut Consent {
        &mut self.sharing.consent
    }

    fn into_home(self) -> H {
        self.sharing.home
    }
}

impl IsIdentified for Identified {
    fn id(&self) -> &VisitorId {
        &self.visitor
    }
}

impl IsIdentified for PresenceConnected {
    fn id(&self) -> &VisitorId {
        &self.identified.visitor
    }
}

impl IsIdentified for TermsRequested {
    fn id(&self) -> &VisitorId {
        self.online.id()
    }
}

impl IsIdentified for TermsShown {
    fn id(&self) -> &VisitorId {
        self.online.id()
    }
}

impl<M, H: IsIdentified> IsIdentified for Sharing<M, H>
where
    Self: State,
{
    fn id(&self) -> &VisitorId {
        self.home.id()
    }
}

impl<H: CanStartManually + IsIdentified> IsIdentified for Confirming<H> {
    fn id(&self) -> &VisitorId {
        self.sharing.home.id()
    }
}

impl IsOnline for PresenceConnected {}
impl IsOnline for TermsRequested {}
impl IsOnline for TermsShown {}
impl<M> IsOnline for Sharing<M, PresenceConnected> where Self: State {}
impl IsOnline for Confirming<PresenceConnected> {}

/// The answer does not fit the request; the server broke the protocol and the request counts as
/// refused.
fn misfit<S, L>(visitor: Visitor<S, L>) -> RequestError<S, L> {
    let reason = coview_wire::RefusalCode::Malformed;
    crate::pending::Refused { visitor, reason }.into()
}

impl Request<Anonymous> for Identified {
    fn grant<L: Link>(
        visitor: Visitor<Anonymous, L>,
        granted: Granted,
    ) -> Result<Visitor<Self, L>, RequestError<Anonymous, L>> {
        match granted {
            Granted::Identity(id) => Ok(visitor.map(|Anonymous(())| Self { visitor: id })),
            Granted::Presence | Granted::Session(..) => Err(misfit(visitor)),
        }
    }

    fn cancel<L: Link>(shared: &mut Shared<L>) {
        let re = shared.facts.next_request();
        shared.link.send(ClientMessage::LogOut(LogOut { re }));
    }
}

impl Request<Identified> for PresenceConnected {
    fn grant<L: Link>(
        visitor: Visitor<Identified, L>,
        granted: Granted,
    ) -> Result<Visitor<Self, L>, RequestError<Identified, L>> {
        match granted {
            Granted::Presence => Ok(visitor.map(|identified| Self { identified })),
            Granted::Identity(_) | Granted::Session(..) => Err(misfit(visitor)),
        }
    }

    fn cancel<L: Link>(shared: &mut Shared<L>) {
        shared.facts.presence_given_up();
        let re = shared.facts.next_request();
        shared.link.send(ClientMessage::PresenceDisconnect(PresenceDisconnect { re }));
    }
}

impl<H: CanStartManually> Request<H> for Sharing<Manual, H> {
    fn grant<L: Link>(
        mut visitor: Visitor<H, L>,
        granted: Granted,
    ) -> Result<Visitor<Self, L>, RequestError<H, L>> {
        let (start, session) = match granted {
            Granted::Session(start, session) => (start, session),
            Granted::Identity(_) | Granted::Presence => return Err(misfit(visitor)),
        };
        let key = match visitor.shared.facts.tracker.display_of(start) {
            KeyDisplay::Show(key) => Some(key.clone()),
            KeyDisplay::Hidden => None,
        };
        let Some(key) = key else {
            // The session ended in the same breath it began, or the server gave no key: there is
            // nothing to read out, so there is no manual session.
            visitor.shared.end_session(start);
            return Err(misfit(visitor));
        };
        let consent = consent::to_view(session);
        Ok(visitor.map(|home| Self { mode: Manual { key }, home, start, session, consent }))
    }

    fn cancel<L: Link>(shared: &mut Shared<L>) {
        shared.cancel_start();
    }
}

impl Request<PresenceConnected> for Sharing<OneClick, PresenceConnected> {
    fn grant<L: Link>(
        visitor: Visitor<PresenceConnected, L>,
        granted: Granted,
    ) -> Result<Visitor<Self, L>, RequestError<PresenceConnected, L>> {
        let (start, session) = match granted {
            Granted::Session(start, session) => (start, session),
            Granted::Identity(_) | Granted::Presence => return Err(misfit(visitor)),
        };
        let consent = consent::to_view(session);
        Ok(visitor.map(|home| Self { mode: OneClick(()), home, start, session, consent }))
    }

    fn cancel<L: Link>(shared: &mut Shared<L>) {
        shared.cancel_start();
    }
}

impl<L: Link> Shared<L> {
    fn cancel_start(&mut self) {
        let start = self.facts.last_start();
        self.end_session(start);
    }

    pub(crate) fn end_session(&mut self, start: StartId) {
        self.facts.session_given_up(start);
        let re = self.facts.next_request();
        self.link.send(ClientMessage::SessionEnd(SessionEnd { re, start }));
    }
}
