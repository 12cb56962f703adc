//! The states an agent is in. Each carries what is true only there.

use coview_lifecycle::Tether;
use coview_wire::AgentMessage;
use coview_wire::AskId;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::VisitorId;
use coview_wire::Withdraw;

use crate::agent::Agent;
use crate::agent::Shared;
use crate::facts::AskResult;
use crate::facts::Granted;
use crate::facts::JoinResult;
use crate::link::AgentLink;
use crate::pending::Refused;
use crate::pending::RequestError;
use crate::step::JoiningStep;
use crate::step::RequestingStep;
use crate::step::SignedInStep;
use crate::step::ViewingStep;
use crate::table::AgentStateKind;

/// Known to the server and free: the agent may ask a visitor or join with a key.
#[derive(Debug)]
pub struct SignedIn(pub(crate) ());

/// A visitor is being asked to share; the agent waits for the answer.
#[derive(Debug)]
pub struct Requesting {
    pub(crate) ask: AskId,
    pub(crate) visitor: VisitorId,
}

/// The key was right. If the group wants it, the visitor is shown the agent's name and asked; the
/// agent is no guest yet and sees nothing.
#[derive(Debug)]
pub struct Joining(pub(crate) ());

/// In a session: the agent sees the visitor's screen.
#[derive(Debug)]
pub struct Viewing {
    pub(crate) session: SessionId,
    pub(crate) visitor: Option<VisitorId>,
    /// A pass to see the screen is tied to it.
    pub(crate) tether: Tether,
}

impl Viewing {
    pub(crate) fn new(session: SessionId, visitor: Option<VisitorId>) -> Self {
        Self { session, visitor, tether: Tether::default() }
    }
}

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A state an agent can be in: [`SignedIn`], [`Requesting`], [`Joining`] or [`Viewing`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state of an agent",
    note = "the states are SignedIn, Requesting, Joining and Viewing"
)]
pub trait State: Sealed + Sized {
    /// The state as a value.
    const KIND: AgentStateKind;

    /// What the world can do to an agent in this state.
    type Step<L>;

    /// The step that is due, or the agent if none is.
    #[doc(hidden)]
    fn step<L>(agent: Agent<Self, L>) -> Result<Self::Step<L>, Agent<Self, L>>;
}

/// A state in which the agent has nothing to wait for and nobody to watch: [`SignedIn`]. Sealed.
#[diagnostic::on_unimplemented(
    message = "an agent who is `{Self}` can neither ask a visitor nor join a session",
    label = "the agent has a request or a session already",
    note = "it is possible while SignedIn: `withdraw()` the request, `cancel()` the join, or `leave()` the session, first"
)]
pub trait IsFree: State {}

/// A state that a request leads to. Sealed; it is how [`Pending`](crate::Pending) knows what a yes
/// means.
#[doc(hidden)]
pub trait Request<Else>: State {
    fn grant<L: AgentLink>(
        agent: Agent<Else, L>,
        granted: Granted,
    ) -> Result<Agent<Self, L>, RequestError<Else, L>>;

    fn cancel<L: AgentLink>(shared: &mut Shared<L>);
}

impl Sealed for SignedIn {}
impl Sealed for Requesting {}
impl Sealed for Joining {}
impl Sealed for Viewing {}

impl IsFree for SignedIn {}

impl State for SignedIn {
    const KIND: AgentStateKind = AgentStateKind::SignedIn;
    type Step<L> = SignedInStep<L>;

    fn step<L>(mut agent: Agent<Self, L>) -> Result<SignedInStep<L>, Agent<Self, L>> {
        match (agent.shared.facts.closed, agent.shared.facts.take_change()) {
            (Some(reason), _) => Ok(SignedInStep::Closed(reason)),
            (None, Some(change)) => Ok(SignedInStep::Changed(agent, change)),
            (None, None) => Err(agent),
        }
    }
}

impl State for Requesting {
    const KIND: AgentStateKind = AgentStateKind::Requesting;
    type Step<L> = RequestingStep<L>;

    fn step<L>(mut agent: Agent<Self, L>) -> Result<RequestingStep<L>, Agent<Self, L>> {
        match agent.shared.facts.take_ask_result() {
            Some(AskResult::Accepted(session, visitor)) => {
                let visitor = Some(visitor);
                return Ok(RequestingStep::Accepted(agent.map(|_| Viewing::new(session, visitor))));
            }
            Some(AskResult::Over(outcome)) => {
                return Ok(RequestingStep::Over(agent.map(|_| SignedIn(())), outcome));
            }
            None => {}
        }
        match agent.shared.facts.take_change() {
            Some(change) => Ok(RequestingStep::Changed(agent, change)),
            None => Err(agent),
        }
    }
}

impl State for Joining {
    const KIND: AgentStateKind = AgentStateKind::Joining;
    type Step<L> = JoiningStep<L>;

    fn step<L>(mut agent: Agent<Self, L>) -> Result<JoiningStep<L>, Agent<Self, L>> {
        match agent.shared.facts.take_join_result() {
            Some(JoinResult::LetIn(session, visitor)) => {
                return Ok(JoiningStep::LetIn(agent.map(|_| Viewing::new(session, visitor))));
            }
            Some(JoinResult::KeptOut(code)) => {
                return Ok(JoiningStep::KeptOut(agent.map(|_| SignedIn(())), code));
            }
            None => {}
        }
        match agent.shared.facts.take_change() {
            Some(change) => Ok(JoiningStep::Changed(agent, change)),
            None => Err(agent),
        }
    }
}

impl State for Viewing {
    const KIND: AgentStateKind = AgentStateKind::Viewing;
    type Step<L> = ViewingStep<L>;

    fn step<L>(mut agent: Agent<Self, L>) -> Result<ViewingStep<L>, Agent<Self, L>> {
        if let Some(reason) = agent.shared.facts.take_view_over() {
            return Ok(ViewingStep::Ended(agent.map(|_| SignedIn(())), reason));
        }
        match agent.shared.facts.take_change() {
            Some(change) => Ok(ViewingStep::Changed(agent, change)),
            None => Err(agent),
        }
    }
}

/// The answer does not fit the request; the server broke the protocol and the request counts as
/// refused.
fn misfit<S, L>(agent: Agent<S, L>) -> RequestError<S, L> {
    Refused { agent, reason: RefusalCode::Malformed, retry_ms: None }.into()
}

impl Request<SignedIn> for Requesting {
    fn grant<L: AgentLink>(
        agent: Agent<SignedIn, L>,
        granted: Granted,
    ) -> Result<Agent<Self, L>, RequestError<SignedIn, L>> {
        match granted {
            Granted::Ask(ask, visitor) => Ok(agent.map(|SignedIn(())| Self { ask, visitor })),
            Granted::View(..) | Granted::Knock => Err(misfit(agent)),
        }
    }

    fn cancel<L: AgentLink>(shared: &mut Shared<L>) {
        shared.facts.ask_given_up();
        let re = shared.facts.next_request();
        shared.link.send(AgentMessage::Withdraw(Withdraw { re, ask: None }));
    }
}

impl Request<SignedIn> for Joining {
    fn grant<L: AgentLink>(
        agent: Agent<SignedIn, L>,
        granted: Granted,
    ) -> Result<Agent<Self, L>, RequestError<SignedIn, L>> {
        match granted {
            Granted::Knock => Ok(agent.map(|SignedIn(())| Self(()))),
            Granted::Ask(..) | Granted::View(..) => Err(misfit(agent)),
        }
    }

    fn cancel<L: AgentLink>(shared: &mut Shared<L>) {
        shared.join_given_up();
    }
}

impl Request<SignedIn> for Viewing {
    fn grant<L: AgentLink>(
        agent: Agent<SignedIn, L>,
        granted: Granted,
    ) -> Result<Agent<Self, L>, RequestError<SignedIn, L>> {
        match granted {
            Granted::View(session, visitor) => {
                Ok(agent.map(|SignedIn(())| Self::new(session, visitor)))
            }
            Granted::Ask(..) | Granted::Knock => Err(misfit(agent)),
        }
    }

    fn cancel<L: AgentLink>(shared: &mut Shared<L>) {
        shared.join_given_up();
    }
}
