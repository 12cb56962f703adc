//! A request of an agent in any state.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::RefusalCode;
use derive_more::From;
use thiserror::Error;

use crate::agent::Agent;
use crate::any::AnyAgent;
use crate::debug::debug_variants;
use crate::link::AgentLink;
use crate::pending::Pending;
use crate::pending::Refused;
use crate::pending::RequestError;
use crate::state::Joining;
use crate::state::Request;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::Viewing;

/// A request the server has not answered yet: [`Pending`] for any state.
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// As for [`Pending`]: race `&mut pending`, take the request back with
/// [`into_agent`](Self::into_agent).
#[derive(From)]
#[must_use = "the answer arrives only while this is awaited, and dropping it drops the agent, who then leaves"]
pub enum AnyPending<L> {
    /// Waits for `ask`.
    Requesting(Pending<Requesting, SignedIn, L>),
    /// Waits for `knock`.
    Joining(Pending<Joining, SignedIn, L>),
    /// Waits for `join`.
    Viewing(Pending<Viewing, SignedIn, L>),
}

/// Why a request of an [`AnyAgent`] was not granted.
#[derive(Error)]
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum AnyRequestError<L> {
    /// The server said no and the agent goes on.
    #[error("refused: {reason}")]
    Refused {
        /// The agent, as the no left it.
        agent: AnyAgent<L>,
        /// Why.
        reason: RefusalCode,
        /// How long to wait before it is worth trying again, in milliseconds, if the server said so.
        retry_ms: Option<u32>,
    },
    /// The link ended for good, and the agent with it.
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

    /// The agent, unless the link ended for good.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<AnyAgent<L>> {
        match self {
            Self::Refused { agent, .. } => Some(agent),
            Self::Closed(_) => None,
        }
    }
}

impl<L> fmt::Debug for AnyRequestError<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { agent: _, reason, retry_ms } => f
                .debug_struct("Refused")
                .field("reason", reason)
                .field("retry_ms", retry_ms)
                .finish_non_exhaustive(),
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}

impl<L> AnyPending<L> {
    /// Whether there is a connection just now; `None` only if the answer was taken.
    #[must_use]
    pub fn connectivity(&self) -> Option<Connectivity> {
        match self {
            Self::Requesting(pending) => pending.connectivity(),
            Self::Joining(pending) => pending.connectivity(),
            Self::Viewing(pending) => pending.connectivity(),
        }
    }
}

impl<L> AnyPending<L> {
    /// Everything this side knows and is, whatever the app can see of it, without secrets and keys:
    /// for a search of all states.
    #[doc(hidden)]
    pub fn inner(&self) -> impl fmt::Debug {
        fmt::from_fn(|f| match self {
            Self::Requesting(pending) => pending.fmt_inner(f),
            Self::Joining(pending) => pending.fmt_inner(f),
            Self::Viewing(pending) => pending.fmt_inner(f),
        })
    }
}

impl<L: AgentLink> AnyPending<L> {
    /// Gives up and takes the request back; `None` only if the answer was taken.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<AnyAgent<L>> {
        match self {
            Self::Requesting(pending) => pending.into_agent().map(Into::into),
            Self::Joining(pending) => pending.into_agent().map(Into::into),
            Self::Viewing(pending) => pending.into_agent().map(Into::into),
        }
    }
}

fn poll_any<T, E, L: AgentLink>(
    pending: &mut Pending<T, E, L>,
    cx: &mut Context<'_>,
) -> Poll<Result<AnyAgent<L>, AnyRequestError<L>>>
where
    T: Request<E>,
    AnyAgent<L>: From<Agent<T, L>> + From<Agent<E, L>>,
{
    Pin::new(pending).poll(cx).map(|answer| match answer {
        Ok(agent) => Ok(agent.into()),
        Err(RequestError::Refused(Refused { agent, reason, retry_ms })) => {
            Err(AnyRequestError::Refused { agent: agent.into(), reason, retry_ms })
        }
        Err(RequestError::Closed(reason)) => Err(AnyRequestError::Closed(reason)),
    })
}

impl<L: AgentLink> Future for AnyPending<L> {
    type Output = Result<AnyAgent<L>, AnyRequestError<L>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Requesting(pending) => poll_any(pending, cx),
            Self::Joining(pending) => poll_any(pending, cx),
            Self::Viewing(pending) => poll_any(pending, cx),
        }
    }
}

debug_variants! {
    impl[L] AnyPending<L> { Requesting(pending), Joining(pending), Viewing(pending) }
}
