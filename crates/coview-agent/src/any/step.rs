//! What the world does to an agent in any state.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::LinkClosed;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::RefusalCode;

use crate::any::AnyAgent;
use crate::any::each;
use crate::debug::debug_variants;
use crate::link::AgentLink;
use crate::state::State;
use crate::step::Change;
use crate::step::JoiningStep;
use crate::step::RequestingStep;
use crate::step::SignedInStep;
use crate::step::ViewingStep;

/// What the world did to an [`AnyAgent`].
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum AnyStep<L> {
    /// The visitor accepted and the agent is in the session.
    Accepted(AnyAgent<L>),
    /// The request came to nothing.
    AskOver(AnyAgent<L>, AskOutcome),
    /// The visitor let the agent in, or was not asked, and the agent is in the session.
    LetIn(AnyAgent<L>),
    /// The join came to nothing.
    KeptOut(AnyAgent<L>, RefusalCode),
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
            | Self::LetIn(agent)
            | Self::KeptOut(agent, _)
            | Self::SessionEnded(agent, _)
            | Self::Changed(agent, _) => Some(agent),
            Self::Closed(_) => None,
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
    pub(super) agent: Option<AnyAgent<L>>,
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
            Self::Joining(agent) => match State::step(agent)? {
                JoiningStep::LetIn(agent) => Ok(AnyStep::LetIn(agent.into())),
                JoiningStep::KeptOut(agent, reason) => Ok(AnyStep::KeptOut(agent.into(), reason)),
                JoiningStep::Changed(agent, change) => Ok(AnyStep::Changed(agent.into(), change)),
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

impl<L> fmt::Debug for AnyNext<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyNext").field(&self.agent).finish()
    }
}

debug_variants! {
    impl[L] AnyStep<L> {
        Accepted(agent),
        AskOver(agent, outcome),
        LetIn(agent),
        KeptOut(agent, reason),
        SessionEnded(agent, reason),
        Changed(agent, change),
        Closed(reason),
    }
}
