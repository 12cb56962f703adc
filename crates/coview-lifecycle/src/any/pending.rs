//! A request of a visitor in any state.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_wire::AppState;
use coview_wire::RefusalCode;
use derive_more::From;
use thiserror::Error;

use super::AnyVisitor;
use crate::debug::debug_variants;
use crate::link::Connectivity;
use crate::link::Link;
use crate::link::LinkClosed;
use crate::pending::Pending;
use crate::pending::RequestError;
use crate::state::Anonymous;
use crate::state::Identified;
use crate::state::Manual;
use crate::state::OneClick;
use crate::state::PresenceConnected;
use crate::state::Request;
use crate::state::Sharing;
use crate::visitor::Visitor;

/// A request the server has not answered yet: [`Pending`] for any state.
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// As for [`Pending`]: race `&mut pending`, take the request back with
/// [`into_visitor`](Self::into_visitor).
#[derive(From)]
#[must_use = "the answer arrives only while this is awaited, and dropping it drops the visitor, who then leaves"]
pub enum AnyPending<L> {
    /// Waits for `identify`.
    Identified(Pending<Identified, Anonymous, L>),
    /// Waits for `connect_presence`.
    PresenceConnected(Pending<PresenceConnected, Identified, L>),
    /// Waits for `start_manual` before login.
    SharingManualAnonymous(Pending<Sharing<Manual, Anonymous>, Anonymous, L>),
    /// Waits for `start_manual` after login.
    SharingManualIdentified(Pending<Sharing<Manual, Identified>, Identified, L>),
    /// Waits for `start_manual` while online.
    SharingManualPresence(Pending<Sharing<Manual, PresenceConnected>, PresenceConnected, L>),
    /// Waits for `accept`.
    SharingOneClick(Pending<Sharing<OneClick, PresenceConnected>, PresenceConnected, L>),
}

/// Why a request of an [`AnyVisitor`] was not granted.
#[derive(Error)]
#[must_use = "dropping it drops the visitor, who then leaves"]
pub enum AnyRequestError<L> {
    /// The server said no and the visitor goes on.
    #[error("refused: {reason}")]
    Refused {
        /// The visitor, as the no left it.
        visitor: AnyVisitor<L>,
        /// Why.
        reason: RefusalCode,
    },
    /// The link ended for good, and the visitor with it.
    #[error("the connection is closed: {0}")]
    Closed(LinkClosed),
}

impl<L> AnyRequestError<L> {
    /// Why the server said no; `None` if the link ended for good.
    #[must_use]
    pub const fn reason(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused { reason, .. } => Some(*reason),
            Self::Closed(_) => None,
        }
    }

    /// The visitor, unless the link ended for good.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<AnyVisitor<L>> {
        match self {
            Self::Refused { visitor, .. } => Some(visitor),
            Self::Closed(_) => None,
        }
    }
}

impl<L> fmt::Debug for AnyRequestError<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { reason, .. } => {
                f.debug_struct("Refused").field("reason", reason).finish_non_exhaustive()
            }
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}

macro_rules! each_pending {
    ($any:expr, $pending:ident => $body:expr) => {
        match $any {
            AnyPending::Identified($pending) => $body,
            AnyPending::PresenceConnected($pending) => $body,
            AnyPending::SharingManualAnonymous($pending) => $body,
            AnyPending::SharingManualIdentified($pending) => $body,
            AnyPending::SharingManualPresence($pending) => $body,
            AnyPending::SharingOneClick($pending) => $body,
        }
    };
}

impl<L> AnyPending<L> {
    /// Whether there is a connection just now; `None` only if the answer was taken.
    #[must_use]
    pub fn connectivity(&self) -> Option<Connectivity> {
        each_pending!(self, pending => pending.connectivity())
    }
}

impl<L> AnyPending<L> {
    /// Everything this side knows and is, whatever the app can see of it, without secrets and keys:
    /// for a search of all states.
    #[doc(hidden)]
    pub fn inner(&self) -> impl fmt::Debug {
        fmt::from_fn(|f| each_pending!(self, pending => pending.fmt_inner(f)))
    }
}

impl<L: Link> AnyPending<L> {
    /// Tells that the app went to the background or came back, without giving the request up.
    pub fn app_moved(&mut self, app: AppState) {
        each_pending!(self, pending => pending.app_moved(app));
    }

    /// Gives up and takes the request back; `None` only if the answer was taken.
    #[must_use = "dropping a visitor means leaving"]
    pub fn into_visitor(self) -> Option<AnyVisitor<L>> {
        each_pending!(self, pending => pending.into_visitor().map(Into::into))
    }
}

fn poll_any<T, E, L: Link>(
    pending: &mut Pending<T, E, L>,
    cx: &mut Context<'_>,
) -> Poll<Result<AnyVisitor<L>, AnyRequestError<L>>>
where
    T: Request<E>,
    AnyVisitor<L>: From<Visitor<T, L>> + From<Visitor<E, L>>,
{
    Pin::new(pending).poll(cx).map(|answer| match answer {
        Ok(visitor) => Ok(visitor.into()),
        Err(RequestError::Refused(refused)) => Err(AnyRequestError::Refused {
            visitor: refused.visitor.into(),
            reason: refused.reason,
        }),
        Err(RequestError::Closed(reason)) => Err(AnyRequestError::Closed(reason)),
    })
}

impl<L: Link> Future for AnyPending<L> {
    type Output = Result<AnyVisitor<L>, AnyRequestError<L>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        each_pending!(&mut *self, pending => poll_any(pending, cx))
    }
}

debug_variants! {
    impl[L] AnyPending<L> {
        Identified(pending),
        PresenceConnected(pending),
        SharingManualAnonymous(pending),
        SharingManualIdentified(pending),
        SharingManualPresence(pending),
        SharingOneClick(pending),
    }
}
