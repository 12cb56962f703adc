//! What the world may do to a visitor: one enum for each state, each variant owning the visitor as
//! it is then.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_wire::AppState;
use coview_wire::EndReason;
use coview_wire::RefusalCode;
use coview_wire::WithdrawReason;
use derive_more::From;

use crate::debug::debug_variants;
use crate::link::Connectivity;
use crate::link::Link;
use crate::link::LinkClosed;
use crate::state::Anonymous;
use crate::state::CanStartManually;
use crate::state::Confirming;
use crate::state::Identified;
use crate::state::Manual;
use crate::state::OneClick;
use crate::state::PresenceConnected;
use crate::state::Sharing;
use crate::state::State;
use crate::state::TermsRequested;
use crate::visitor::Visitor;

/// Something changed that moves the visitor to no other state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, From)]
#[non_exhaustive]
pub enum Change {
    /// The connection came or went.
    Connectivity(Connectivity),
    /// Another device of the same visitor id took the focus (`false`) or gave it back (`true`):
    /// agents' requests go to the device that has it.
    #[from(ignore)]
    Focus(bool),
    /// An agent joined or left; so many watch now.
    #[from(ignore)]
    Guests(u32),
    /// The server did not act on something that needs no answer, such as presence data beyond a
    /// limit.
    Problem(RefusalCode),
}

/// What can happen to a visitor who is [`Anonymous`].
///
/// ```text
/// Anonymous ──▶ Anonymous   something changed
///           ──▶ ∎           the link ended for good
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum AnonymousStep<L> {
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<Anonymous, L>, Change),
    /// The link ended for good. Connect anew to go on.
    Closed(LinkClosed),
}

/// What can happen to a visitor who is [`Identified`].
///
/// ```text
/// Identified ──▶ Identified   something changed
///            ──▶ ∎            the link ended for good
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum IdentifiedStep<L> {
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<Identified, L>, Change),
    /// The link ended for good. Connect anew to go on.
    Closed(LinkClosed),
}

/// What can happen to a visitor who is [`PresenceConnected`].
///
/// ```text
///                     agent asks
/// PresenceConnected ──────────────▶ TermsRequested
///        │ ▲  │
///        │ └──┘ something changed
///        ▼ presence lost
///    Identified
/// ```
///
/// Nothing of it can be forgotten:
///
/// ```compile_fail,E0004
/// use coview_lifecycle::PresenceStep;
///
/// fn told<L>(step: PresenceStep<L>) {
///     match step {
///         PresenceStep::TermsRequested(asked) => drop(asked),
///         PresenceStep::Changed(visitor, _) => drop(visitor),
///     }
/// }
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum PresenceStep<L> {
    /// An agent asks to share: show the terms, then call
    /// [`terms_displayed`](Visitor::terms_displayed).
    TermsRequested(Visitor<TermsRequested, L>),
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<PresenceConnected, L>, Change),
    /// The server took the visitor offline; [`last_offline`](Visitor::last_offline) says why.
    Lost(Visitor<Identified, L>),
}

/// What can happen while an agent waits for the visitor's answer: in
/// [`TermsRequested`] and in [`TermsShown`](crate::TermsShown).
///
/// ```text
/// TermsRequested ─┐ withdrawn, expired, overtaken
///                 ├──────────────────────────────▶ PresenceConnected
/// TermsShown ─────┘
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum TermsStep<S, L> {
    /// The request went away: take the terms off the screen and say why.
    Withdrawn(Visitor<PresenceConnected, L>, WithdrawReason),
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<S, L>, Change),
}

/// What can happen to a visitor who is [`Sharing`] after a manual start.
///
/// ```text
///                       join requested
/// Sharing<Manual, H> ──────────────────▶ Confirming<H>
///        │ ▲  │
///        │ └──┘ something changed: who watches, the connection
///        ▼ ended by somebody else
///        H
/// ```
///
/// Whether a group lets its visitors confirm who joins is the operator's choice, and the server may
/// insist on it at any time, so an app cannot do without an answer:
///
/// ```compile_fail,E0004
/// use coview_lifecycle::ManualStep;
///
/// fn told<H, L>(step: ManualStep<H, L>) {
///     match step {
///         ManualStep::Ended(visitor, _) => drop(visitor),
///         ManualStep::Changed(sharing, _) => drop(sharing),
///     }
/// }
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum ManualStep<H, L> {
    /// An agent typed the key and waits: show the agent's name, then call
    /// [`confirm`](Visitor::confirm) or [`refuse`](Visitor::refuse).
    JoinRequested(Visitor<Confirming<H>, L>),
    /// The session is over; the visitor is where it came from.
    Ended(Visitor<H, L>, EndReason),
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<Sharing<Manual, H>, L>, Change),
}

/// What can happen while an agent who typed the key waits to be let in, to a visitor who is
/// [`Confirming`].
///
/// ```text
///                  withdrawn: the agent went, or waited too long
/// Confirming<H> ──────────────────────────────────────────────▶ Sharing<Manual, H>
///     │ ▲  │
///     │ └──┘ something changed: who watches, the connection
///     ▼ ended by somebody else
///     H
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum ConfirmingStep<H, L> {
    /// Nobody waits any more: take the question off the screen. The session goes on.
    Withdrawn(Visitor<Sharing<Manual, H>, L>, WithdrawReason),
    /// The session is over; the visitor is where it came from.
    Ended(Visitor<H, L>, EndReason),
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<Confirming<H>, L>, Change),
}

/// What can happen to a visitor who is [`Sharing`] after an accepted request of an agent.
///
/// ```text
/// Sharing<OneClick, _> ──▶ Sharing<OneClick, _>   something changed: who watches, the connection
///                      ──▶ PresenceConnected      the session was ended by somebody else
/// ```
///
/// There is no key, so nobody types one and waits to be let in:
///
/// ```compile_fail,E0599
/// use coview_lifecycle::OneClickStep;
///
/// fn told<L>(step: OneClickStep<L>) {
///     if let OneClickStep::JoinRequested(confirming) = step {
///         drop(confirming);
///     }
/// }
/// ```
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum OneClickStep<L> {
    /// The session is over; the visitor is where it came from.
    Ended(Visitor<PresenceConnected, L>, EndReason),
    /// Something changed; the visitor stays where it is.
    Changed(Visitor<Sharing<OneClick, PresenceConnected>, L>, Change),
}

debug_variants! {
    impl[L] AnonymousStep<L> { Changed(visitor, change), Closed(reason) }
    impl[L] IdentifiedStep<L> { Changed(visitor, change), Closed(reason) }
    impl[L] PresenceStep<L> { TermsRequested(visitor), Changed(visitor, change), Lost(visitor) }
    impl[S: State, L] TermsStep<S, L> { Withdrawn(visitor, reason), Changed(visitor, change) }
    impl[H: CanStartManually, L] ManualStep<H, L> {
        JoinRequested(visitor),
        Ended(visitor, reason),
        Changed(visitor, change),
    }
    impl[H: CanStartManually, L] ConfirmingStep<H, L> {
        Withdrawn(visitor, reason),
        Ended(visitor, reason),
        Changed(visitor, change),
    }
    impl[L] OneClickStep<L> { Ended(visitor, reason), Changed(visitor, change) }
}

/// Waits for the next thing the world does to a visitor. Made by [`Visitor::next`].
///
/// A step that is awaited and thrown away takes the visitor with it, so that is a warning:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # smol::block_on(async {
/// # let (visitor, _peer) = coview_lifecycle::queue::visitor();
/// visitor.next().await;
/// # });
/// ```
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// Nothing is lost when it is raced against something else and loses: race `&mut next`, and either
/// go on polling it or take the visitor back with [`into_visitor`](Self::into_visitor). Dropping it
/// drops the visitor, and dropping a visitor means leaving.
#[must_use = "a step happens only while this is awaited, and dropping it drops the visitor, who then leaves"]
pub struct Next<S, L> {
    visitor: Option<Visitor<S, L>>,
}

impl<S, L> Next<S, L> {
    pub(crate) const fn new(visitor: Visitor<S, L>) -> Self {
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
    pub fn into_visitor(self) -> Option<Visitor<S, L>> {
        self.visitor
    }
}

impl<S, L> Unpin for Next<S, L> {}

impl<S: State, L: Link> Future for Next<S, L> {
    type Output = S::Step<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut visitor = self.visitor.take().expect("a future is not polled after it is done");
        visitor.shared.receive_all(cx);
        match S::step(visitor) {
            Ok(step) => Poll::Ready(step),
            Err(visitor) => {
                self.visitor = Some(visitor);
                Poll::Pending
            }
        }
    }
}

impl<S: State, L> fmt::Debug for Next<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Next").field(&self.visitor).finish()
    }
}
