use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::RefusalCode;
use thiserror::Error;

use crate::agent::Agent;
use crate::facts::No;
use crate::link::AgentLink;
use crate::state::Request;
use crate::state::State;
use crate::state::Viewing;

/// A request the server has not answered yet: asked, but not granted.
///
/// `.await` gives `Agent<To, L>`, or a [`RequestError`] that gives the agent back as
/// `Agent<Else, L>`. While there is no connection the request waits; it is said again after the
/// reconnect and never acted on twice. Race it against a timer of your own if it should not wait
/// for ever.
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// Nothing is lost when it is raced against something else and loses: race `&mut pending`, and
/// either go on polling it or give up with [`into_agent`](Self::into_agent), which takes the
/// request back. Dropping it drops the agent, and dropping an agent means leaving.
///
/// ```
/// use coview_agent::queue;
/// use core::time::Duration;
/// use coview_wire::VisitorId;
///
/// # smol::block_on(async {
/// let (agent, _peer) = queue::agent(); // a peer that never answers
/// let mut pending = agent.ask(VisitorId::new("customer-42").unwrap());
/// let timer = smol::Timer::after(Duration::from_millis(1));
/// smol::future::or(async { drop((&mut pending).await) }, async { drop(timer.await) }).await;
/// let agent = pending.into_agent().expect("the request was not answered");
/// assert_eq!(agent.state().to_string(), "SignedIn");
/// # });
/// ```
#[must_use = "the answer arrives only while this is awaited, and dropping it drops the agent, who then leaves"]
pub struct Pending<To, Else, L> {
    agent: Option<Agent<Else, L>>,
    to: PhantomData<fn() -> To>,
}

impl<To, Else, L> Pending<To, Else, L> {
    pub(crate) const fn new(agent: Agent<Else, L>) -> Self {
        Self { agent: Some(agent), to: PhantomData }
    }

    /// Whether there is a connection just now, for a user interface to show while the request
    /// waits; `None` only if the answer was taken.
    #[must_use]
    pub fn connectivity(&self) -> Option<Connectivity> {
        self.agent.as_ref().map(Agent::connectivity)
    }

    /// Gives up: takes the request back and gives the agent as a no would have left it. `None` only
    /// if the answer was taken. If the server grants it meanwhile, what was granted is undone.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<Agent<Else, L>>
    where
        To: Request<Else>,
        L: AgentLink,
    {
        let mut agent = self.agent?;
        if agent.shared.facts.stop_waiting() {
            To::cancel(&mut agent.shared);
        }
        Some(agent)
    }
}

impl<Else, L> Pending<Viewing, Else, L> {
    /// How long the visitor has to let the agent in, in milliseconds from when the question was put
    /// or, after a reconnect, told again; `None` while nobody is asked, or if the answer was taken.
    /// Look after each time it was polled; [`Agent::knock`] has a state of its own for this.
    #[must_use]
    pub fn visitor_asked(&self) -> Option<u32> {
        self.agent.as_ref().and_then(|agent| agent.shared.facts.held())
    }
}

impl<To, Else, L> Unpin for Pending<To, Else, L> {}

impl<To: Request<Else>, Else, L: AgentLink> Future for Pending<To, Else, L> {
    type Output = Result<Agent<To, L>, RequestError<Else, L>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const DONE: &str = "a future is not polled after it is done";
        loop {
            let shared = &mut self.agent.as_mut().expect(DONE).shared;
            if let Some(answer) = shared.facts.take_answer() {
                let agent = self.agent.take().expect(DONE);
                return Poll::Ready(match answer {
                    Ok(granted) => To::grant(agent, granted),
                    Err(No { code: reason, retry_ms }) => {
                        Err(Refused { agent, reason, retry_ms }.into())
                    }
                });
            }
            if let Some(reason) = shared.facts.closed {
                self.agent = None;
                return Poll::Ready(Err(RequestError::Closed(reason)));
            }
            if shared.receive(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<To: State, Else: State + fmt::Debug, L> Pending<To, Else, L> {
    pub(crate) fn fmt_inner(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ")?;
        self.agent.as_ref().map_or(Ok(()), |agent| agent.fmt_inner(f))
    }
}

impl<To: State, Else: State, L> fmt::Debug for Pending<To, Else, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({} → {})", Else::KIND, To::KIND)
    }
}

/// The server said no; here is the agent. Nothing is lost.
///
/// Its `Debug` prints the reason and nothing of the agent.
#[derive(Error)]
#[error("{reason}")]
#[must_use = "dropping it drops the agent, who then leaves"]
pub struct Refused<S, L> {
    /// The agent, as the no left it.
    pub agent: Agent<S, L>,
    /// Why. The documentation of each code gives the remedy.
    pub reason: RefusalCode,
    /// How long to wait before it is worth trying again, in milliseconds, if the server said so: after
    /// too many wrong keys, for one.
    pub retry_ms: Option<u32>,
}

impl<S, L> Refused<S, L> {
    /// The agent, to go on with.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Agent<S, L> {
        self.agent
    }
}

impl<S, L> fmt::Debug for Refused<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("reason", &self.reason)
            .field("retry_ms", &self.retry_ms)
            .finish_non_exhaustive()
    }
}

/// Why a request was not granted.
///
/// A refusal holds the agent, also inside a boxed error: with `?` the agent stays for as long as the
/// error is kept and leaves with it. Match on it, or take [`into_agent`](Self::into_agent), to go on.
///
/// ```
/// use coview_agent::{RequestError, queue};
/// use coview_wire::{RefusalCode, SessionKey};
///
/// # smol::block_on(async {
/// let (agent, mut peer) = queue::agent();
/// peer.refuse_all(RefusalCode::NoSuchKey);
/// let agent = match agent.join(SessionKey::parse("123 456 786").unwrap()).await {
///     Ok(viewing) => viewing.leave(),
///     Err(RequestError::Refused(refused)) => {
///         assert_eq!(refused.to_string(), "no session has this key");
///         refused.into_agent()
///     }
///     Err(RequestError::Closed(reason)) => panic!("{reason}"),
/// };
/// # drop(agent);
/// # });
/// ```
#[derive(Error)]
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum RequestError<S, L> {
    /// The server said no and the agent goes on. Look at the reason, then try again or not.
    #[error("refused: {}", .0.reason)]
    Refused(Refused<S, L>),
    /// The link ended for good, and the agent with it. Connect anew to go on.
    #[error("the connection is closed: {0}")]
    Closed(LinkClosed),
}

impl<S, L> RequestError<S, L> {
    /// Why the server said no; `None` if the link ended for good.
    #[must_use]
    pub const fn reason(&self) -> Option<RefusalCode> {
        match self {
            Self::Refused(refused) => Some(refused.reason),
            Self::Closed(_) => None,
        }
    }

    /// How long to wait before it is worth trying again, in milliseconds, if the server said so.
    #[must_use]
    pub const fn retry_ms(&self) -> Option<u32> {
        match self {
            Self::Refused(refused) => refused.retry_ms,
            Self::Closed(_) => None,
        }
    }

    /// The agent, unless the link ended for good.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<Agent<S, L>> {
        match self {
            Self::Refused(refused) => Some(refused.agent),
            Self::Closed(_) => None,
        }
    }
}

impl<S, L> From<Refused<S, L>> for RequestError<S, L> {
    fn from(refused: Refused<S, L>) -> Self {
        Self::Refused(refused)
    }
}

impl<S, L> fmt::Debug for RequestError<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}
