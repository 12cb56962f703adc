//! An agent in any state, for user interfaces and foreign languages: the same verbs, checked at run
//! time.

mod pending;
mod step;

use alloc::collections::BTreeMap;
use core::fmt;

use coview_lifecycle::Connectivity;
use coview_wire::AgentCard;
use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AgentToken;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::SessionKey;
use coview_wire::VisitorCard;
use coview_wire::VisitorId;
use derive_more::From;
use thiserror::Error;

use crate::agent::Agent;
pub use crate::any::pending::AnyPending;
pub use crate::any::pending::AnyRequestError;
pub use crate::any::step::AnyNext;
pub use crate::any::step::AnyStep;
use crate::debug::debug_variants;
use crate::facts::Watching;
use crate::link::AgentLink;
use crate::pending::Refused;
use crate::screen::ViewLink;
use crate::screen::ViewPass;
use crate::sign_in::MistypedKey;
use crate::sign_in::NotAllowed;
use crate::state::Joining;
use crate::state::Requesting;
use crate::state::SignedIn;
use crate::state::Viewing;
use crate::step::AskStatus;
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
    /// [`Joining`]
    Joining(Agent<Joining, L>),
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
    /// [`Agent::knock`]
    Knock(SessionKey),
    /// [`Agent::withdraw`]
    Withdraw,
    /// [`Agent::cancel`]
    Cancel,
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
            Self::Knock(_) => Trigger::Knock,
            Self::Withdraw => Trigger::Withdraw,
            Self::Cancel => Trigger::Cancel,
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
    /// The agent's token does not allow it; the server was not asked and nothing changed.
    Refused(AnyAgent<L>, RefusalCode),
}

macro_rules! each {
    ($any:expr, $agent:ident => $body:expr) => {
        match $any {
            AnyAgent::SignedIn($agent) => $body,
            AnyAgent::Requesting($agent) => $body,
            AnyAgent::Joining($agent) => $body,
            AnyAgent::Viewing($agent) => $body,
        }
    };
}
use each;

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

    /// What the agent's token lets it do.
    #[must_use]
    pub fn rights(&self) -> &AgentRights {
        each!(self, agent => agent.rights())
    }

    /// How many digits the keys of the group have.
    #[must_use]
    pub fn key_digits(&self) -> KeyLength {
        each!(self, agent => agent.key_digits())
    }

    /// Reads a key as a person types it.
    ///
    /// # Errors
    ///
    /// [`MistypedKey`] if it cannot be a key of the group: the server need not be asked.
    pub fn read_key(&self, typed: &str) -> Result<SessionKey, MistypedKey> {
        each!(self, agent => agent.read_key(typed))
    }

    /// How long the sign-in lasts from when it was told, in milliseconds; see
    /// [`Agent::sign_in_lasts_ms`].
    #[must_use]
    pub fn sign_in_lasts_ms(&self) -> u64 {
        each!(self, agent => agent.sign_in_lasts_ms())
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

    /// Shows a newer token of the same agent; see [`Agent::renew`].
    pub fn renew(&mut self, token: AgentToken) {
        each!(self, agent => agent.renew(token));
    }

    /// Removes another agent from the session.
    ///
    /// # Errors
    ///
    /// [`IllegalOrder`](RefusalCode::IllegalOrder) if this agent is in no session,
    /// [`NotAllowed`](RefusalCode::NotAllowed) if its token does not allow it. The server is not
    /// asked then.
    pub fn eject(&mut self, other: AgentId) -> Result<(), RefusalCode> {
        match self {
            Self::Viewing(agent) => {
                agent.eject(other).map_err(|NotAllowed| RefusalCode::NotAllowed)
            }
            Self::SignedIn(_) | Self::Requesting(_) | Self::Joining(_) => {
                Err(RefusalCode::IllegalOrder)
            }
        }
    }

    /// Who is being asked, or who shares, if the visitor is known.
    #[must_use]
    pub const fn visitor(&self) -> Option<&VisitorId> {
        match self {
            Self::SignedIn(_) | Self::Joining(_) => None,
            Self::Requesting(agent) => Some(agent.visitor()),
            Self::Viewing(agent) => agent.visitor(),
        }
    }

    /// The session, if the agent is viewing.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Viewing(agent) => Some(agent.session()),
            Self::SignedIn(_) | Self::Requesting(_) | Self::Joining(_) => None,
        }
    }

    /// The right to see the screen, if the agent is viewing; see [`ViewPass`](crate::ViewPass).
    pub fn view_pass(&mut self) -> Option<ViewPass<L::Pipe>>
    where
        L: ViewLink,
    {
        match self {
            Self::Viewing(agent) => Some(agent.view_pass()),
            Self::SignedIn(_) | Self::Requesting(_) | Self::Joining(_) => None,
        }
    }

    /// How far the request to share has come, while the agent is requesting.
    #[must_use]
    pub fn status(&self) -> Option<AskStatus> {
        match self {
            Self::Requesting(agent) => Some(agent.status()),
            Self::SignedIn(_) | Self::Joining(_) | Self::Viewing(_) => None,
        }
    }

    /// How long the visitor has to let the agent in, in milliseconds, while the agent is joining and
    /// the visitor is asked; see [`Agent::visitor_asked`].
    #[must_use]
    pub fn visitor_asked(&self) -> Option<u32> {
        match self {
            Self::Joining(agent) => agent.visitor_asked(),
            Self::SignedIn(_) | Self::Requesting(_) | Self::Viewing(_) => None,
        }
    }

    /// How many agents watch, this one included; none unless the agent is viewing.
    #[must_use]
    pub fn guests(&self) -> u32 {
        match self {
            Self::Viewing(agent) => agent.guests(),
            Self::SignedIn(_) | Self::Requesting(_) | Self::Joining(_) => 0,
        }
    }

    /// Who watches; nobody unless the agent is viewing.
    #[must_use]
    pub fn agents(&self) -> &[AgentCard] {
        match self {
            Self::Viewing(agent) => agent.agents(),
            Self::SignedIn(_) | Self::Requesting(_) | Self::Joining(_) => &[],
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
            (Self::SignedIn(agent), Command::Knock(key)) => {
                Applied::Pending(agent.knock(key).into())
            }
            (Self::Joining(agent), Command::Cancel) => Applied::Now(agent.cancel().into()),
            (Self::Requesting(agent), Command::Withdraw) => Applied::Now(agent.withdraw().into()),
            (Self::Viewing(agent), Command::Leave) => Applied::Now(agent.leave().into()),
            (Self::Viewing(agent), Command::End) => match agent.end() {
                Ok(agent) => Applied::Now(agent.into()),
                Err(Refused { agent, reason, .. }) => Applied::Refused(agent.into(), reason),
            },
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

impl<L> AnyAgent<L> {
    /// Everything this side knows and is, whatever the app can see of it, without secrets and keys:
    /// for a search of all states.
    #[doc(hidden)]
    pub fn inner(&self) -> impl fmt::Debug {
        fmt::from_fn(|f| each!(self, agent => agent.fmt_inner(f)))
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

try_from_any! { SignedIn, Requesting, Joining, Viewing, }

impl<L> fmt::Debug for AnyAgent<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, agent => agent.fmt(f))
    }
}

debug_variants! {
    impl[L] Applied<L> { Now(agent), Pending(pending), Refused(agent, reason) }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::queue;

    #[test]
    fn a_console_sees_how_far_its_request_has_come_and_who_watches() {
        smol::future::block_on(async {
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
