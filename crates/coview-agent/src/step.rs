//! What the world may do to an agent: one enum for each state, each variant owning the agent as it
//! is then.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::RefusalCode;
use coview_wire::VisitorId;

use crate::agent::Agent;
use crate::debug::debug_variants;
use crate::link::AgentLink;
use crate::state::Joining;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::State;
use crate::state::Viewing;

/// Something changed that moves the agent to no other state.
///
/// Changes about the same thing are taken together: an app that does not look for a while is told
/// the latest about each visitor, not every step on the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The connection came or went.
    Connectivity(Connectivity),
    /// A visitor came online; [`roster`](Agent::roster) has the card.
    VisitorOnline(VisitorId),
    /// A visitor's card changed; [`roster`](Agent::roster) has the new one.
    VisitorChanged(VisitorId),
    /// A visitor went offline.
    VisitorOffline(VisitorId, OfflineReason),
    /// The whole [`roster`](Agent::roster) is another: read it anew.
    Roster,
    /// The request to share came a step further. Only while [`Requesting`].
    Status(AskStatus),
    /// An agent joined or left; so many watch now. Only while [`Viewing`].
    Guests(u32),
    /// The newer token was accepted: the sign-in [lasts](Agent::sign_in_lasts_ms) longer, with the
    /// [rights](Agent::rights) the newer token has.
    Renewed,
    /// The newer token was not accepted; the sign-in lasts as long as before, with the same rights.
    /// [`NoAnswer`](RefusalCode::NoAnswer) if the connection broke before the answer: show a token
    /// again.
    NotRenewed(RefusalCode),
    /// The server did not act on something that needs no answer, or refused a `watch`.
    Problem(RefusalCode),
}

/// How far a request to share has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AskStatus {
    /// It is on its way to the visitor.
    #[default]
    Sent,
    /// The terms are on the visitor's screen.
    Displayed,
    /// The visitor accepted; the session is about to start.
    Accepted,
}

impl fmt::Display for AskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sent => "sent",
            Self::Displayed => "displayed",
            Self::Accepted => "accepted",
        })
    }
}

/// What can happen to an agent who is [`SignedIn`].
///
/// ```text
/// SignedIn ──▶ SignedIn   something changed
///          ──▶ ∎          the link ended for good
/// ```
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum SignedInStep<L> {
    /// Something changed; the agent stays where it is.
    Changed(Agent<SignedIn, L>, Change),
    /// The link ended for good. Connect anew to go on.
    Closed(LinkClosed),
}

/// What can happen to an agent who is [`Requesting`].
///
/// ```text
///              accepted, and the session runs
/// Requesting ─────────────────────────────────▶ Viewing
///    │  ▲ │
///    │  └─┘ something changed: displayed, accepted
///    ▼ declined, expired, busy, lost
/// SignedIn
/// ```
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum RequestingStep<L> {
    /// The visitor accepted and the agent is in the session. If that has ended meanwhile, the next
    /// step says so.
    Accepted(Agent<Viewing, L>),
    /// The request came to nothing. [`AskOutcome::Lost`] is also the outcome if the visitor
    /// accepted and was gone before the session ran.
    Over(Agent<SignedIn, L>, AskOutcome),
    /// Something changed; the agent stays where it is.
    Changed(Agent<Requesting, L>, Change),
}

/// What can happen to an agent who is [`Joining`].
///
/// ```text
///           the visitor lets the agent in, or is not asked
/// Joining ─────────────────────────────────────────────────▶ Viewing
///    │  ▲ │
///    │  └─┘ something changed
///    ▼ declined, not answered in time, the session is over
/// SignedIn
/// ```
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum JoiningStep<L> {
    /// The agent is in the session. If that has ended meanwhile, the next step says so.
    LetIn(Agent<Viewing, L>),
    /// The agent stays out: [`JoinDeclined`](RefusalCode::JoinDeclined) if the visitor said no,
    /// [`NoAnswer`](RefusalCode::NoAnswer) if there was none in time or the link was lost,
    /// [`SessionGone`](RefusalCode::SessionGone) if the session ended meanwhile.
    KeptOut(Agent<SignedIn, L>, RefusalCode),
    /// Something changed; the agent stays where it is.
    Changed(Agent<Joining, L>, Change),
}

/// What can happen to an agent who is [`Viewing`].
///
/// ```text
/// Viewing ──▶ Viewing    something changed: who watches, the connection
///         ──▶ SignedIn   the session is over for this agent
/// ```
#[must_use = "dropping it drops the agent, who then leaves"]
pub enum ViewingStep<L> {
    /// The session is over for this agent.
    Ended(Agent<SignedIn, L>, EndReason),
    /// Something changed; the agent stays where it is.
    Changed(Agent<Viewing, L>, Change),
}

debug_variants! {
    impl[L] SignedInStep<L> { Changed(agent, change), Closed(reason) }
    impl[L] RequestingStep<L> {
        Accepted(agent),
        Over(agent, outcome),
        Changed(agent, change),
    }
    impl[L] JoiningStep<L> {
        LetIn(agent),
        KeptOut(agent, reason),
        Changed(agent, change),
    }
    impl[L] ViewingStep<L> { Ended(agent, reason), Changed(agent, change) }
}

/// Waits for the next thing the world does to an agent. Made by [`Agent::next`].
///
/// A step that is awaited and thrown away takes the agent with it, so that is a warning:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # smol::block_on(async {
/// # let (agent, _peer) = coview_agent::queue::agent();
/// agent.next().await;
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
/// go on polling it or take the agent back with [`into_agent`](Self::into_agent). Dropping it drops
/// the agent, and dropping an agent means leaving.
#[must_use = "a step happens only while this is awaited, and dropping it drops the agent, who then leaves"]
pub struct Next<S, L> {
    agent: Option<Agent<S, L>>,
}

impl<S, L> Next<S, L> {
    pub(crate) const fn new(agent: Agent<S, L>) -> Self {
        Self { agent: Some(agent) }
    }

    /// Gives the agent back without waiting any longer; `None` only if the step was taken.
    #[must_use = "dropping an agent means leaving"]
    pub fn into_agent(self) -> Option<Agent<S, L>> {
        self.agent
    }
}

impl<S, L> Unpin for Next<S, L> {}

impl<S: State, L: AgentLink> Future for Next<S, L> {
    type Output = S::Step<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut agent = self.agent.take().expect("a future is not polled after it is done");
        agent.shared.receive_all(cx);
        match S::step(agent) {
            Ok(step) => Poll::Ready(step),
            Err(agent) => {
                self.agent = Some(agent);
                Poll::Pending
            }
        }
    }
}

impl<S: State, L> fmt::Debug for Next<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Next").field(&self.agent).finish()
    }
}
