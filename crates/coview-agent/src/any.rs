//! An agent in any state, for user interfaces and foreign languages: the same verbs, checked at run
//! time.

use alloc::collections::BTreeMap;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use derive_more::From;
use thiserror::Error;

use crate::agent::Agent;
use crate::debug::debug_variants;
use crate::facts::Watching;
use crate::link::AgentLink;
use crate::pending::Pending;
use crate::pending::RequestError;
use crate::screen::ViewLink;
use crate::screen::ViewPass;
use crate::state::Request;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::State;
use crate::state::Viewing;
use crate::step::AskStatus;
use crate::step::Change;
use crate::step::RequestingStep;
use crate::step::SignedInStep;
use crate::step::ViewingStep;
use crate::table::AgentStateKind;
use crate::table::Trigger;

/// An agent in any state.
///
/// The typed [`Agent`] goes in by `From` and comes out by `TryFrom`; commands are checked when they
/// are [applied](Self::apply), and a misuse gives the agent back.
///
/// ```
/// use coview_agent::{Agent, AgentStateKind, AnyAgent, Command, SignedIn, queue};
///
/// let (agent, _peer) = queue::agent();
/// let any = AnyAgent::from(agent);
/// assert_eq!(any.state(), AgentStateKind::SignedIn);
///
/// let misuse = any.apply(Command::Leave).unwrap_err();
/// assert_eq!(misuse.to_string(), "`leave` is not possible while SignedIn");
/// let agent = Agent::<SignedIn, _>::try_from(misuse.into_agent()).expect("still signed in");
/// # drop(agent);
/// ```
#[derive(From)]
#[must_use = "dropping an agent means leaving"]
pub enum AnyAgent<L> {
    /// [`SignedIn`]
    SignedIn(Agent<SignedIn, L>),
    /// [`Requesting`]
    Requesting(Agent<Requesting, L>),
    /// [`Viewing`]
    Viewing(Agent<Viewing, L>),
}

/// A verb as a value: the run-time twin of the typed method of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// [`Agent::ask`]
    Ask(VisitorId),
    /// [`Agent::join`]
    Join(SessionKey),
    /// [`Agent::withdraw`]
    Withdraw,
    /// [`Agent::leave`]
    Leave,
    /// [`Agent::end`]
    End,
}

impl Command {
    /// The row of the transition table this command takes.
    #[must_use]
    pub const fn trigger(&self) -> Trigger {
        match self {
            Self::Ask(_) => Trigger::Ask,
            Self::Join(_) => Trigger::Join,
            Self::Withdraw => Trigger::Withdraw,
            Self::Leave => Trigger::Leave,
            Self::End => Trigger::End,
        }
    }
}

/// The command means nothing in the state the agent is in; here is the agent, unchanged. With the
/// typed [`Agent`] it would not have compiled. It is never caused by anything a peer sends.
#[derive(Error)]
#[error("`{command}` is not possible while {}", agent.state())]
#[must_use = "dropping it drops the agent, who then leaves"]
pub struct ApiMisuse<L> {
    /// The agent, unchanged.
    pub agent: AnyAgent<L>,
    /// What was asked for.
    pub command: Trigger,
}

impl<L> ApiMisuse<L> {
    /// The agent, to go on with.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> AnyAgent<L> {
        self.agent
    }
}

impl<L> fmt::Debug for ApiMisuse<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiMisuse")
            .field("state", &self.agent.state())
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// What came of a command.
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum Applied<L> {
    /// It took effect at once.
    Now(AnyAgent<L>),
    /// It must be granted by the server.
    Pending(AnyPending<L>),
}

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
            Self::Refused { reason, .. } => {
                f.debug_struct("Refused").field("reason", reason).finish_non_exhaustive()
            }
            Self::Closed(reason) => f.debug_tuple("Closed").field(reason).finish(),
        }
    }
}

/// What the world did to an [`AnyAgent`].
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum AnyStep<L> {
    /// The visitor accepted and the agent is in the session.
    Accepted(AnyAgent<L>),
    /// The request came to nothing.
    AskOver(AnyAgent<L>, AskOutcome),
    /// The session is over for this agent.
    SessionEnded(AnyAgent<L>, EndReason),
    /// Something changed; the agent stays where it is.
    Changed(AnyAgent<L>, Change),
    /// The link ended for good.
    Closed(LinkClosed),
}

impl<L> AnyStep<L> {
    /// The agent as it is now, unless the link ended for good.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<AnyAgent<L>> {
        match self {
            Self::Accepted(agent)
            | Self::AskOver(agent, _)
            | Self::SessionEnded(agent, _)
            | Self::Changed(agent, _) => Some(agent),
            Self::Closed(_) => None,
        }
    }
}

macro_rules! each {
    ($any:expr, $agent:ident => $body:expr) => {
        match $any {
            AnyAgent::SignedIn($agent) => $body,
            AnyAgent::Requesting($agent) => $body,
            AnyAgent::Viewing($agent) => $body,
        }
    };
}

impl<L> AnyAgent<L> {
    /// Which state the agent is in.
    #[must_use]
    pub const fn state(&self) -> AgentStateKind {
        each!(self, agent => agent.state())
    }

    /// The group the agent signed in to.
    #[must_use]
    pub fn group(&self) -> &GroupId {
        each!(self, agent => agent.group())
    }

    /// Who the agent is, as visitors see it.
    #[must_use]
    pub fn card(&self) -> &AgentCard {
        each!(self, agent => agent.card())
    }

    /// Whether there is a connection just now.
    #[must_use]
    pub fn connectivity(&self) -> Connectivity {
        each!(self, agent => agent.connectivity())
    }

    /// Whom the agent watches, as it said last.
    #[must_use]
    pub fn watching(&self) -> Option<&Watching> {
        each!(self, agent => agent.watching())
    }

    /// Who is online, of those the agent watches.
    #[must_use]
    pub fn roster(&self) -> &BTreeMap<VisitorId, VisitorCard> {
        each!(self, agent => agent.roster())
    }

    /// Whether the roster has everybody.
    #[must_use]
    pub fn roster_is_complete(&self) -> bool {
        each!(self, agent => agent.roster_is_complete())
    }
}

impl<L: AgentLink> AnyAgent<L> {
    /// Wants to see who is online.
    pub fn watch(&mut self, whom: Watching) {
        each!(self, agent => agent.watch(whom));
    }

    /// No longer wants to see who is online.
    pub fn unwatch(&mut self) {
        each!(self, agent => agent.unwatch());
    }

    /// Removes another agent from the session, if this one is viewing; otherwise says `false` and
    /// does nothing.
    #[must_use]
    pub fn eject(&mut self, other: AgentId) -> bool {
        match self {
            Self::Viewing(agent) => agent.eject(other),
            Self::SignedIn(_) | Self::Requesting(_) => return false,
        }
        true
    }

    /// Who is being asked, or who shares, if the visitor is known.
    #[must_use]
    pub const fn visitor(&self) -> Option<&VisitorId> {
        match self {
            Self::SignedIn(_) => None,
            Self::Requesting(agent) => Some(agent.visitor()),
            Self::Viewing(agent) => agent.visitor(),
        }
    }

    /// The session, if the agent is viewing.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Viewing(agent) => Some(agent.session()),
            Self::SignedIn(_) | Self::Requesting(_) => None,
        }
    }

    /// The right to see the screen, if the agent is viewing; see [`ViewPass`](crate::ViewPass).
    pub fn view_pass(&mut self) -> Option<ViewPass<L::Pipe>>
    where
        L: ViewLink,
    {
        match self {
            Self::Viewing(agent) => Some(agent.view_pass()),
            Self::SignedIn(_) | Self::Requesting(_) => None,
        }
    }

    /// How far the request to share has come, while the agent is requesting.
    #[must_use]
    pub fn status(&self) -> Option<AskStatus> {
        match self {
            Self::Requesting(agent) => Some(agent.status()),
            Self::SignedIn(_) | Self::Viewing(_) => None,
        }
    }

    /// How many agents watch, this one included; none unless the agent is viewing.
    #[must_use]
    pub fn guests(&self) -> u32 {
        match self {
            Self::Viewing(agent) => agent.guests(),
            Self::SignedIn(_) | Self::Requesting(_) => 0,
        }
    }

    /// Who watches; nobody unless the agent is viewing.
    #[must_use]
    pub fn agents(&self) -> &[AgentCard] {
        match self {
            Self::Viewing(agent) => agent.agents(),
            Self::SignedIn(_) | Self::Requesting(_) => &[],
        }
    }

    /// Applies a command.
    ///
    /// # Errors
    ///
    /// [`ApiMisuse`] if the command means nothing in this state; it gives the agent back.
    pub fn apply(self, command: Command) -> Result<Applied<L>, ApiMisuse<L>> {
        let trigger = command.trigger();
        let applied = match (self, command) {
            (Self::SignedIn(agent), Command::Ask(visitor)) => {
                Applied::Pending(agent.ask(visitor).into())
            }
            (Self::SignedIn(agent), Command::Join(key)) => Applied::Pending(agent.join(key).into()),
            (Self::Requesting(agent), Command::Withdraw) => Applied::Now(agent.withdraw().into()),
            (Self::Viewing(agent), Command::Leave) => Applied::Now(agent.leave().into()),
            (Self::Viewing(agent), Command::End) => Applied::Now(agent.end().into()),
            // Every pair that is not in the table, as the exhaustive test holds it against it.
            (agent, _) => return Err(ApiMisuse { agent, command: trigger }),
        };
        Ok(applied)
    }

    /// Waits for the next thing the world does.
    ///
    /// # Cancel safety
    ///
    /// Safe to race as `&mut next`; [`AnyNext::into_agent`] gives the agent back.
    pub const fn next(self) -> AnyNext<L> {
        AnyNext { agent: Some(self) }
    }
}

impl<L> AnyPending<L> {
    /// Whether there is a connection just now; `None` only if the answer was taken.
    #[must_use]
    pub fn connectivity(&self) -> Option<Connectivity> {
        match self {
            Self::Requesting(pending) => pending.connectivity(),
            Self::Viewing(pending) => pending.connectivity(),
        }
    }
}

impl<L: AgentLink> AnyPending<L> {
    /// Gives up and takes the request back; `None` only if the answer was taken.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<AnyAgent<L>> {
        match self {
            Self::Requesting(pending) => pending.into_agent().map(Into::into),
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
        Err(RequestError::Refused(refused)) => {
            Err(AnyRequestError::Refused { agent: refused.agent.into(), reason: refused.reason })
        }
        Err(RequestError::Closed(reason)) => Err(AnyRequestError::Closed(reason)),
    })
}

impl<L: AgentLink> Future for AnyPending<L> {
    type Output = Result<AnyAgent<L>, AnyRequestError<L>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Requesting(pending) => poll_any(pending, cx),
            Self::Viewing(pending) => poll_any(pending, cx),
        }
    }
}

/// Waits for the next thing the world does to an [`AnyAgent`].
///
/// # Panics
///
/// If it is polled after it is done.
///
/// # Cancel safety
///
/// As for [`Next`](crate::Next): race `&mut next`, take the agent back with
/// [`into_agent`](Self::into_agent).
#[must_use = "a step happens only while this is awaited, and dropping it drops the agent, who then leaves"]
pub struct AnyNext<L> {
    agent: Option<AnyAgent<L>>,
}

impl<L> AnyNext<L> {
    /// Gives the agent back without waiting any longer; `None` only if the step was taken.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<AnyAgent<L>> {
        self.agent
    }
}

impl<L> Unpin for AnyNext<L> {}

impl<L: AgentLink> Future for AnyNext<L> {
    type Output = AnyStep<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AnyStep<L>> {
        let mut agent = self.agent.take().expect("a future is not polled after it is done");
        each!(&mut agent, agent => agent.shared.receive_all(cx));
        match agent.step() {
            Ok(step) => Poll::Ready(step),
            Err(agent) => {
                self.agent = Some(agent);
                Poll::Pending
            }
        }
    }
}

impl<L> AnyAgent<L> {
    fn step(self) -> Result<AnyStep<L>, Self> {
        match self {
            Self::SignedIn(agent) => match State::step(agent)? {
                SignedInStep::Changed(agent, change) => Ok(AnyStep::Changed(agent.into(), change)),
                SignedInStep::Closed(reason) => Ok(AnyStep::Closed(reason)),
            },
            Self::Requesting(agent) => match State::step(agent)? {
                RequestingStep::Accepted(agent) => Ok(AnyStep::Accepted(agent.into())),
                RequestingStep::Over(agent, outcome) => Ok(AnyStep::AskOver(agent.into(), outcome)),
                RequestingStep::Changed(agent, change) => {
                    Ok(AnyStep::Changed(agent.into(), change))
                }
            },
            Self::Viewing(agent) => match State::step(agent)? {
                ViewingStep::Ended(agent, reason) => {
                    Ok(AnyStep::SessionEnded(agent.into(), reason))
                }
                ViewingStep::Changed(agent, change) => Ok(AnyStep::Changed(agent.into(), change)),
            },
        }
    }
}

macro_rules! try_from_any {
    ($($state:ident,)+) => {$(
        /// The typed agent, if it is in this state; otherwise the same [`AnyAgent`] back.
        impl<L> TryFrom<AnyAgent<L>> for Agent<$state, L> {
            type Error = AnyAgent<L>;

            fn try_from(any: AnyAgent<L>) -> Result<Self, AnyAgent<L>> {
                if let AnyAgent::$state(agent) = any { Ok(agent) } else { Err(any) }
            }
        }
    )+};
}

try_from_any! { SignedIn, Requesting, Viewing, }

impl<L> fmt::Debug for AnyAgent<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, agent => agent.fmt(f))
    }
}

impl<L> fmt::Debug for AnyNext<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyNext").field(&self.agent).finish()
    }
}

debug_variants! {
    impl[L] Applied<L> { Now(agent), Pending(pending) }
    impl[L] AnyPending<L> { Requesting(pending), Viewing(pending) }
    impl[L] AnyStep<L> {
        Accepted(agent),
        AskOver(agent, outcome),
        SessionEnded(agent, reason),
        Changed(agent, change),
        Closed(reason),
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::queue;

    #[test]
    fn a_console_sees_how_far_its_request_has_come_and_who_watches() {
        smol::block_on(async {
            let (agent, mut peer) = queue::agent();
            peer.grant_all();
            let agent = AnyAgent::from(agent);
            assert_eq!((agent.status(), agent.guests()), (None, 0));

            let visitor = VisitorId::new("customer-42").expect("the text is a visitor id");
            let Ok(Applied::Pending(pending)) = agent.apply(Command::Ask(visitor)) else {
                panic!("the server grants a request")
            };
            let agent = pending.await.expect("the peer grants all");
            assert_eq!((agent.status(), agent.guests()), (Some(AskStatus::Sent), 0));

            peer.accept(peer.last_ask().expect("the agent asked"));
            let agent = agent.next().await.into_agent().expect("the link is not closed");
            assert_eq!((agent.status(), agent.guests()), (None, 1));

            let Ok(Applied::Now(agent)) = agent.apply(Command::Leave) else {
                panic!("leaving takes effect at once")
            };
            peer.refuse_all(RefusalCode::NoSuchKey);
            let key = SessionKey::parse("123 456 786").expect("the text is a key");
            let Ok(Applied::Pending(pending)) = agent.apply(Command::Join(key)) else {
                panic!("the server grants a request")
            };
            let refused = pending.await.expect_err("the peer refuses all");
            let agent = refused.into_agent().expect("only refused");
            drop(peer);
            assert!(agent.next().await.into_agent().is_none(), "closed");
        });
    }
}
