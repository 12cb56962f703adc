//! Waiting until something is so. The whole demo has a deadline, so none of these has its own.

use coview_agent::RequestingStep;
use coview_agent::SignedIn;
use coview_agent::SignedInStep;
use coview_agent::Viewing;
use coview_agent::ViewingStep;
use coview_lifecycle::CanStartManually;
use coview_lifecycle::Change;
use coview_lifecycle::IsSharing;
use coview_lifecycle::Manual;
use coview_lifecycle::ManualStep;
use coview_lifecycle::OneClick;
use coview_lifecycle::OneClickStep;
use coview_lifecycle::PresenceConnected;
use coview_lifecycle::PresenceStep;
use coview_lifecycle::Sharing;
use coview_lifecycle::TermsRequested;
use coview_lifecycle::TermsShown;
use coview_lifecycle::TermsStep;
use coview_proto::VisitorRole;
use coview_smol::Agent;
use coview_smol::ChannelLink;
use coview_smol::ScreenViewer;
use coview_smol::ViewerStep;
use coview_smol::Visitor;
use coview_wire::AgentCard;
use coview_wire::AskOutcome;
use coview_wire::EndReason;
use coview_wire::WithdrawReason;

use super::page::Page;
use super::story::Told;

type Link = ChannelLink<VisitorRole>;

/// An agent who is free, as soon as this is so.
pub(super) async fn free(
    mut agent: Agent<SignedIn>,
    is_so: impl Fn(&Agent<SignedIn>) -> bool,
) -> Told<Agent<SignedIn>> {
    while !is_so(&agent) {
        agent = match agent.next().await {
            SignedInStep::Changed(agent, _) => agent,
            SignedInStep::Closed(reason) => return Err(reason.into()),
        };
    }
    Ok(agent)
}

/// An agent who asks, as soon as this is so.
pub(super) async fn requesting(
    mut agent: Agent<coview_agent::Requesting>,
    is_so: impl Fn(&Agent<coview_agent::Requesting>) -> bool,
) -> Told<Agent<coview_agent::Requesting>> {
    while !is_so(&agent) {
        agent = match agent.next().await {
            RequestingStep::Changed(agent, _) => agent,
            RequestingStep::Accepted(_) => return Err("it was accepted too early".into()),
            RequestingStep::Over(_, outcome) => return Err(format!("it was {outcome}").into()),
        };
    }
    Ok(agent)
}

/// The agent whose request was accepted, in the session.
pub(super) async fn accepted(mut agent: Agent<coview_agent::Requesting>) -> Told<Agent<Viewing>> {
    loop {
        agent = match agent.next().await {
            RequestingStep::Changed(agent, _) => agent,
            RequestingStep::Accepted(viewing) => return Ok(viewing),
            RequestingStep::Over(_, outcome) => return Err(format!("it was {outcome}").into()),
        };
    }
}

/// The agent whose request came to nothing, and how.
pub(super) async fn over(
    mut agent: Agent<coview_agent::Requesting>,
) -> Told<(Agent<SignedIn>, AskOutcome)> {
    loop {
        agent = match agent.next().await {
            RequestingStep::Changed(agent, _) => agent,
            RequestingStep::Accepted(_) => return Err("it was accepted".into()),
            RequestingStep::Over(agent, outcome) => return Ok((agent, outcome)),
        };
    }
}

/// An agent in a session, as soon as this is so.
pub(super) async fn viewing(
    mut agent: Agent<Viewing>,
    is_so: impl Fn(&Agent<Viewing>) -> bool,
) -> Told<Agent<Viewing>> {
    while !is_so(&agent) {
        agent = match agent.next().await {
            ViewingStep::Changed(agent, _) => agent,
            ViewingStep::Ended(_, reason) => return Err(reason.to_string().into()),
        };
    }
    Ok(agent)
}

/// The agent whose session is over, and why.
pub(super) async fn ended(mut agent: Agent<Viewing>) -> Told<(Agent<SignedIn>, EndReason)> {
    loop {
        agent = match agent.next().await {
            ViewingStep::Changed(agent, _) => agent,
            ViewingStep::Ended(agent, reason) => return Ok((agent, reason)),
        };
    }
}

/// What the world did to a visitor who shares, however the session began.
pub(super) enum Went<S: IsSharing> {
    On(Visitor<S>, Change),
    /// An agent typed the key and was let in: whoever reads a key out to an agent means it.
    LetIn(Visitor<S>, AgentCard),
    Ended(Visitor<S::Home>, EndReason),
}

/// A visitor of either kind of session.
pub(super) trait Shares: IsSharing {
    fn went(step: Self::Step<Link>) -> Went<Self>;
}

impl<H: CanStartManually> Shares for Sharing<Manual, H> {
    fn went(step: ManualStep<H, Link>) -> Went<Self> {
        match step {
            ManualStep::JoinRequested(confirming) => {
                let agent = confirming.agent().clone();
                Went::LetIn(confirming.confirm(), agent)
            }
            ManualStep::Ended(visitor, reason) => Went::Ended(visitor, reason),
            ManualStep::Changed(visitor, change) => Went::On(visitor, change),
        }
    }
}

impl Shares for Sharing<OneClick, PresenceConnected> {
    fn went(step: OneClickStep<Link>) -> Went<Self> {
        match step {
            OneClickStep::Ended(visitor, reason) => Went::Ended(visitor, reason),
            OneClickStep::Changed(visitor, change) => Went::On(visitor, change),
        }
    }
}

/// A visitor who shares, as soon as this is so.
pub(super) async fn sharing<S: Shares>(
    mut visitor: Visitor<S>,
    is_so: impl Fn(&Visitor<S>) -> bool,
) -> Told<Visitor<S>> {
    while !is_so(&visitor) {
        visitor = match S::went(visitor.next().await) {
            Went::On(visitor, _) | Went::LetIn(visitor, _) => visitor,
            Went::Ended(_, reason) => return Err(reason.to_string().into()),
        };
    }
    Ok(visitor)
}

/// The visitor whose session was ended by somebody else, and why.
pub(super) async fn stopped<S: Shares>(
    mut visitor: Visitor<S>,
) -> Told<(Visitor<S::Home>, EndReason)> {
    loop {
        visitor = match S::went(visitor.next().await) {
            Went::On(visitor, _) | Went::LetIn(visitor, _) => visitor,
            Went::Ended(visitor, reason) => return Ok((visitor, reason)),
        };
    }
}

/// A visitor who is online, as soon as this is so.
pub(super) async fn online(
    mut visitor: Visitor<PresenceConnected>,
    is_so: impl Fn(&Visitor<PresenceConnected>) -> bool,
) -> Told<Visitor<PresenceConnected>> {
    while !is_so(&visitor) {
        visitor = match visitor.next().await {
            PresenceStep::Changed(visitor, _) => visitor,
            PresenceStep::TermsRequested(_) => return Err("an agent asked".into()),
            PresenceStep::Lost(_) => return Err("presence was lost".into()),
        };
    }
    Ok(visitor)
}

/// The visitor whom an agent asks.
pub(super) async fn asked(
    mut visitor: Visitor<PresenceConnected>,
) -> Told<Visitor<TermsRequested>> {
    loop {
        visitor = match visitor.next().await {
            PresenceStep::TermsRequested(asked) => return Ok(asked),
            PresenceStep::Changed(visitor, _) => visitor,
            PresenceStep::Lost(_) => return Err("presence was lost".into()),
        };
    }
}

/// The visitor whose terms went away, and why.
pub(super) async fn withdrawn(
    mut visitor: Visitor<TermsShown>,
) -> Told<(Visitor<PresenceConnected>, WithdrawReason)> {
    loop {
        visitor = match visitor.next().await {
            TermsStep::Changed(visitor, _) => visitor,
            TermsStep::Withdrawn(visitor, reason) => return Ok((visitor, reason)),
        };
    }
}

/// A viewer whose picture shows the page as it is now.
pub(super) async fn seen(viewer: &mut ScreenViewer, page: &Page) -> Told<()> {
    while !page.is_seen_by(viewer) {
        match viewer.next().await {
            ViewerStep::Updated { .. }
            | ViewerStep::Status(_)
            | ViewerStep::OutOfStep
            | ViewerStep::Interrupted => {}
            ViewerStep::Over(why) => return Err(why.to_string().into()),
        }
    }
    Ok(())
}

/// A viewer that gets nothing more; how many pictures came until then.
pub(super) async fn unseen(viewer: &mut ScreenViewer) -> u32 {
    let mut pictures = 0;
    loop {
        match viewer.next().await {
            ViewerStep::Updated { .. } => pictures += 1,
            ViewerStep::Status(_) | ViewerStep::OutOfStep | ViewerStep::Interrupted => {}
            ViewerStep::Over(_) => return pictures,
        }
    }
}
