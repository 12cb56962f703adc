//! What the world does to a visitor in any state.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_wire::AppState;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::WithdrawReason;

use super::AnyVisitor;
use super::each;
use crate::debug::debug_variants;
use crate::link::Link;
use crate::link::LinkClosed;
use crate::state::CanStartManually;
use crate::state::Confirming;
use crate::state::Manual;
use crate::state::Sharing;
use crate::state::State;
use crate::step::AnonymousStep;
use crate::step::Change;
use crate::step::ConfirmingStep;
use crate::step::IdentifiedStep;
use crate::step::ManualStep;
use crate::step::OneClickStep;
use crate::step::PresenceStep;
use crate::step::TermsStep;
use crate::visitor::Visitor;

/// What the world did to an [`AnyVisitor`].
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum AnyStep<L> {
    /// An agent asks to share.
    TermsRequested(AnyVisitor<L>),
    /// The request went away.
    TermsWithdrawn(AnyVisitor<L>, WithdrawReason),
    /// The server took the visitor offline.
    PresenceLost(AnyVisitor<L>, Option<OfflineReason>),
    /// An agent typed the key and waits to be let in.
    JoinRequested(AnyVisitor<L>),
    /// Nobody waits to be let in any more.
    JoinWithdrawn(AnyVisitor<L>, WithdrawReason),
    /// The session was ended by somebody else.
    SessionEnded(AnyVisitor<L>, EndReason),
    /// Something changed; the visitor stays where it is.
    Changed(AnyVisitor<L>, Change),
    /// The link ended for good.
    Closed(LinkClosed),
}

impl<L> AnyStep<L> {
    /// The visitor as it is now, unless the link ended for good.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<AnyVisitor<L>> {
        match self {
            Self::TermsRequested(visitor)
            | Self::TermsWithdrawn(visitor, _)
            | Self::PresenceLost(visitor, _)
            | Self::JoinRequested(visitor)
            | Self::JoinWithdrawn(visitor, _)
            | Self::SessionEnded(visitor, _)
            | Self::Changed(visitor, _) => Some(visitor),
            Self::Closed(_) => None,
        }
    }
}

/// Waits for the next thing the world does to an [`AnyVisitor`].
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// As for [`Next`](crate::Next): race `&mut next`, take the visitor back with
/// [`into_visitor`](Self::into_visitor).
#[must_use = "a step happens only while this is awaited, and dropping it drops the visitor, who then leaves"]
pub struct AnyNext<L> {
    visitor: Option<AnyVisitor<L>>,
}

impl<L> AnyNext<L> {
    pub(super) const fn new(visitor: AnyVisitor<L>) -> Self {
        Self { visitor: Some(visitor) }
    }

    /// Tells that the app went to the background or came back, without giving the wait up.
    pub fn app_moved(&mut self, app: AppState)
    where
        L: Link,
    {
        if let Some(visitor) = &mut self.visitor {
            visitor.app_moved(app);
        }
    }

    /// Gives the visitor back without waiting any longer; `None` only if the step was taken.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<AnyVisitor<L>> {
        self.visitor
    }
}

impl<L> Unpin for AnyNext<L> {}

impl<L: Link> Future for AnyNext<L> {
    type Output = AnyStep<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AnyStep<L>> {
        let mut visitor = self.visitor.take().expect("a future is not polled after it is done");
        each!(&mut visitor, visitor => visitor.shared.receive_all(cx));
        match visitor.step() {
            Ok(step) => Poll::Ready(step),
            Err(visitor) => {
                self.visitor = Some(visitor);
                Poll::Pending
            }
        }
    }
}

impl<L> AnyVisitor<L> {
    fn step(self) -> Result<AnyStep<L>, Self> {
        match self {
            Self::Anonymous(visitor) => match State::step(visitor) {
                Ok(AnonymousStep::Changed(visitor, change)) => changed(visitor, change),
                Ok(AnonymousStep::Closed(reason)) => Ok(AnyStep::Closed(reason)),
                Err(visitor) => Err(visitor.into()),
            },
            Self::Identified(visitor) => match State::step(visitor) {
                Ok(IdentifiedStep::Changed(visitor, change)) => changed(visitor, change),
                Ok(IdentifiedStep::Closed(reason)) => Ok(AnyStep::Closed(reason)),
                Err(visitor) => Err(visitor.into()),
            },
            Self::PresenceConnected(visitor) => match State::step(visitor) {
                Ok(PresenceStep::TermsRequested(visitor)) => {
                    Ok(AnyStep::TermsRequested(visitor.into()))
                }
                Ok(PresenceStep::Changed(visitor, change)) => changed(visitor, change),
                Ok(PresenceStep::Lost(visitor)) => {
                    let reason = visitor.shared.facts.last_offline;
                    Ok(AnyStep::PresenceLost(visitor.into(), reason))
                }
                Err(visitor) => Err(visitor.into()),
            },
            Self::TermsRequested(visitor) => terms(visitor),
            Self::TermsShown(visitor) => terms(visitor),
            Self::SharingManualAnonymous(visitor) => manual(visitor),
            Self::SharingManualIdentified(visitor) => manual(visitor),
            Self::SharingManualPresence(visitor) => manual(visitor),
            Self::ConfirmingAnonymous(visitor) => confirming(visitor),
            Self::ConfirmingIdentified(visitor) => confirming(visitor),
            Self::ConfirmingPresence(visitor) => confirming(visitor),
            Self::SharingOneClick(visitor) => match State::step(visitor) {
                Ok(OneClickStep::Ended(visitor, reason)) => {
                    Ok(AnyStep::SessionEnded(visitor.into(), reason))
                }
                Ok(OneClickStep::Changed(visitor, change)) => changed(visitor, change),
                Err(visitor) => Err(visitor.into()),
            },
        }
    }
}

fn changed<S, L>(visitor: Visitor<S, L>, change: Change) -> Result<AnyStep<L>, AnyVisitor<L>>
where
    AnyVisitor<L>: From<Visitor<S, L>>,
{
    Ok(AnyStep::Changed(visitor.into(), change))
}

fn terms<S, L>(visitor: Visitor<S, L>) -> Result<AnyStep<L>, AnyVisitor<L>>
where
    S: State<Step<L> = TermsStep<S, L>>,
    AnyVisitor<L>: From<Visitor<S, L>>,
{
    match S::step(visitor) {
        Ok(TermsStep::Withdrawn(visitor, reason)) => {
            Ok(AnyStep::TermsWithdrawn(visitor.into(), reason))
        }
        Ok(TermsStep::Changed(visitor, change)) => changed(visitor, change),
        Err(visitor) => Err(visitor.into()),
    }
}

fn manual<H, L>(visitor: Visitor<Sharing<Manual, H>, L>) -> Result<AnyStep<L>, AnyVisitor<L>>
where
    H: CanStartManually,
    AnyVisitor<L>: From<Visitor<H, L>>
        + From<Visitor<Sharing<Manual, H>, L>>
        + From<Visitor<Confirming<H>, L>>,
{
    match State::step(visitor) {
        Ok(ManualStep::JoinRequested(visitor)) => Ok(AnyStep::JoinRequested(visitor.into())),
        Ok(ManualStep::Ended(visitor, reason)) => Ok(AnyStep::SessionEnded(visitor.into(), reason)),
        Ok(ManualStep::Changed(visitor, change)) => changed(visitor, change),
        Err(visitor) => Err(visitor.into()),
    }
}

fn confirming<H, L>(visitor: Visitor<Confirming<H>, L>) -> Result<AnyStep<L>, AnyVisitor<L>>
where
    H: CanStartManually,
    AnyVisitor<L>: From<Visitor<H, L>>
        + From<Visitor<Sharing<Manual, H>, L>>
        + From<Visitor<Confirming<H>, L>>,
{
    match State::step(visitor) {
        Ok(ConfirmingStep::Withdrawn(visitor, reason)) => {
            Ok(AnyStep::JoinWithdrawn(visitor.into(), reason))
        }
        Ok(ConfirmingStep::Ended(visitor, reason)) => {
            Ok(AnyStep::SessionEnded(visitor.into(), reason))
        }
        Ok(ConfirmingStep::Changed(visitor, change)) => changed(visitor, change),
        Err(visitor) => Err(visitor.into()),
    }
}

impl<L> fmt::Debug for AnyNext<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyNext").field(&self.visitor).finish()
    }
}

debug_variants! {
    impl[L] AnyStep<L> {
        TermsRequested(visitor),
        TermsWithdrawn(visitor, reason),
        PresenceLost(visitor, reason),
        JoinRequested(visitor),
        JoinWithdrawn(visitor, reason),
        SessionEnded(visitor, reason),
        Changed(visitor, change),
        Closed(reason),
    }
}
