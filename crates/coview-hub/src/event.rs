use alloc::boxed::Box;
use core::fmt;

use coview_wire::AgentId;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::OfflineReason;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::ScreenError;
use coview_wire::SessionId;
use coview_wire::VisitorId;

use crate::io::ConnId;

/// The place of one client, kept over its reconnects. It names a client in the audit log, also
/// one that never said who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the place; no two clients of a hub have the same.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why the place of a client is gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Departure {
    /// The client said goodbye.
    Left,
    /// The client's connection was gone for longer than the grace or the lease.
    Lost,
    /// The client broke the protocol too often, or sent a picture where it may not.
    Policy,
    /// The server shut down.
    Shutdown,
}

impl Departure {
    pub(crate) const fn offline(self) -> OfflineReason {
        match self {
            Self::Left => OfflineReason::Left,
            Self::Lost => OfflineReason::Lost,
            Self::Policy => OfflineReason::Policy,
            Self::Shutdown => OfflineReason::Shutdown,
        }
    }

    /// Why the session of a visitor who departs ends.
    pub(crate) const fn session_end(self) -> EndReason {
        match self {
            Self::Left => EndReason::VisitorLeft,
            Self::Lost => EndReason::VisitorLost,
            Self::Policy => EndReason::Policy,
            Self::Shutdown => EndReason::Shutdown,
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Policy => "policy",
            Self::Shutdown => "shutdown",
        })
    }
}

/// Why a binary message was not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PictureFault {
    /// Nobody has said hello on this connection.
    HelloFirst,
    /// The sender is not in the session it names, and was not in it last.
    NotInSession,
    /// The visitor has not consented to be seen in this session: it accepted, but its start has
    /// not come.
    NoConsent,
    /// It is no message that this side may send.
    Unreadable(ScreenError),
}

impl fmt::Display for PictureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HelloFirst => f.write_str("nobody has said hello"),
            Self::NotInSession => f.write_str("the sender is not in this session"),
            Self::NoConsent => f.write_str("there is no consent on record"),
            Self::Unreadable(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl From<ScreenError> for PictureFault {
    fn from(error: ScreenError) -> Self {
        Self::Unreadable(error)
    }
}

/// One fact worth a line in the audit log.
///
/// `Display` is that line: words first, then `name=value` pairs. No variant holds a key, a token, a
/// resume secret or anything of a profile, so nothing secret can be logged by mistake.
///
/// ```
/// use coview_hub::Event;
/// use coview_wire::{AgentId, GroupId};
///
/// let event = Event::WrongKey { group: GroupId::new("12345")?, agent: AgentId::new("grace")? };
/// assert_eq!(event.to_string(), "wrong key group=12345 agent=grace");
/// # Ok::<(), coview_wire::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are the ids and reasons the variant's line tells about"
)]
pub enum Event {
    /// A visitor said hello.
    VisitorArrived { group: GroupId, client: Place },
    /// A visitor took up its place again on another connection.
    VisitorResumed { group: GroupId, client: Place },
    /// A visitor's connection broke; its place is kept for a while.
    VisitorDropped { group: GroupId, client: Place },
    /// A visitor's place is gone for good.
    VisitorGone { group: GroupId, client: Place, reason: Departure },
    /// A visitor said who it is.
    Identified { group: GroupId, client: Place, visitor: VisitorId },
    /// A visitor logged out.
    LoggedOut { group: GroupId, client: Place, visitor: VisitorId },
    /// A device of a visitor went online.
    Online { group: GroupId, client: Place, visitor: VisitorId, presence: PresenceId },
    /// A device of a visitor went offline.
    Offline {
        group: GroupId,
        client: Place,
        visitor: VisitorId,
        presence: PresenceId,
        reason: OfflineReason,
    },
    /// An agent signed in.
    AgentSignedIn { group: GroupId, client: Place, agent: AgentId },
    /// An agent took up its place again on another connection.
    AgentResumed { group: GroupId, client: Place, agent: AgentId },
    /// An agent's connection broke; its place is kept for a while.
    AgentDropped { group: GroupId, client: Place, agent: AgentId },
    /// An agent's place is gone for good.
    AgentLeft { group: GroupId, client: Place, agent: AgentId, reason: Departure },
    /// An agent asked a visitor to share.
    Asked { group: GroupId, ask: AskId, agent: AgentId, visitor: VisitorId, client: Place },
    /// The terms of a request are on the visitor's screen.
    TermsDisplayed { group: GroupId, ask: AskId },
    /// The visitor accepted; `terms` is the label of the version that was shown.
    Accepted { group: GroupId, ask: AskId, session: SessionId, terms: Box<str> },
    /// The visitor declined.
    Declined { group: GroupId, ask: AskId },
    /// A request ended otherwise: withdrawn, expired, busy or lost.
    AskEnded { group: GroupId, ask: AskId, outcome: AskOutcome },
    /// A session runs. `ask` is the accepted request it came from; without one it began with a key.
    SessionStarted {
        group: GroupId,
        session: SessionId,
        client: Place,
        visitor: Option<VisitorId>,
        ask: Option<AskId>,
    },
    /// An agent is in a session; `count` agents are now.
    GuestJoined { group: GroupId, session: SessionId, agent: AgentId, count: u32 },
    /// An agent is no longer in a session that goes on; `count` agents still are.
    GuestLeft { group: GroupId, session: SessionId, agent: AgentId, count: u32, reason: EndReason },
    /// A session ended, or an accepted request did not become one.
    SessionEnded { group: GroupId, session: SessionId, reason: EndReason },
    /// An agent tried a key no session has.
    WrongKey { group: GroupId, agent: AgentId },
    /// An agent tried a key after too many wrong ones.
    TooManyTries { group: GroupId, agent: AgentId },
    /// A connection was refused at its first message, or a resume was.
    Refused { conn: ConnId, group: GroupId, code: RefusalCode },
    /// A binary message was not relayed, and its connection was closed for it. Whose place goes
    /// with it, `client` tells; a connection that never said who it is has none.
    PictureRefused { conn: ConnId, client: Option<Place>, why: PictureFault },
    /// The hub closed a connection that did nothing to end itself.
    CutOff { conn: ConnId, reason: CloseReason },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VisitorArrived { group, client } => {
                write!(f, "visitor arrived group={group} client={client}")
            }
            Self::VisitorResumed { group, client } => {
                write!(f, "visitor resumed group={group} client={client}")
            }
            Self::VisitorDropped { group, client } => {
                write!(f, "visitor dropped group={group} client={client}")
            }
            Self::VisitorGone { group, client, reason } => {
                write!(f, "visitor gone group={group} client={client} reason={reason}")
            }
            Self::Identified { group, client, visitor } => {
                write!(f, "visitor identified group={group} client={client} visitor={visitor}")
            }
            Self::LoggedOut { group, client, visitor } => {
                write!(f, "visitor logged out group={group} client={client} visitor={visitor}")
            }
            Self::Online { group, client, visitor, presence } => write!(
                f,
                "visitor online group={group} client={client} visitor={visitor} presence={presence}"
            ),
            Self::Offline { group, client, visitor, presence, reason } => write!(
                f,
                "visitor offline group={group} client={client} visitor={visitor} presence={presence} reason={}",
                reason.as_str()
            ),
            Self::AgentSignedIn { group, client, agent } => {
                write!(f, "agent signed in group={group} client={client} agent={agent}")
            }
            Self::AgentResumed { group, client, agent } => {
                write!(f, "agent resumed group={group} client={client} agent={agent}")
            }
            Self::AgentDropped { group, client, agent } => {
                write!(f, "agent dropped group={group} client={client} agent={agent}")
            }
            Self::AgentLeft { group, client, agent, reason } => {
                write!(f, "agent gone group={group} client={client} agent={agent} reason={reason}")
            }
            Self::Asked { group, ask, agent, visitor, client } => write!(
                f,
                "asked group={group} ask={ask} agent={agent} visitor={visitor} client={client}"
            ),
            Self::TermsDisplayed { group, ask } => {
                write!(f, "terms displayed group={group} ask={ask}")
            }
            Self::Accepted { group, ask, session, terms } => {
                write!(f, "accepted group={group} ask={ask} session={session} terms={terms:?}")
            }
            Self::Declined { group, ask } => write!(f, "declined group={group} ask={ask}"),
            Self::AskEnded { group, ask, outcome } => {
                write!(f, "ask ended group={group} ask={ask} outcome={}", outcome.as_str())
            }
            Self::SessionStarted { group, session, client, visitor, ask } => {
                write!(f, "session started group={group} session={session} client={client}")?;
                if let Some(visitor) = visitor {
                    write!(f, " visitor={visitor}")?;
                }
                match ask {
                    Some(ask) => write!(f, " by=one_click ask={ask}"),
                    None => f.write_str(" by=key"),
                }
            }
            Self::GuestJoined { group, session, agent, count } => write!(
                f,
                "guest joined group={group} session={session} agent={agent} count={count}"
            ),
            Self::GuestLeft { group, session, agent, count, reason } => write!(
                f,
                "guest left group={group} session={session} agent={agent} count={count} reason={}",
                reason.as_str()
            ),
            Self::SessionEnded { group, session, reason } => {
                write!(
                    f,
                    "session ended group={group} session={session} reason={}",
                    reason.as_str()
                )
            }
            Self::WrongKey { group, agent } => write!(f, "wrong key group={group} agent={agent}"),
            Self::TooManyTries { group, agent } => {
                write!(f, "too many wrong keys group={group} agent={agent}")
            }
            Self::Refused { conn, group, code } => {
                write!(f, "refused conn={conn} group={group} code={}", code.as_str())
            }
            Self::PictureRefused { conn, client, why } => {
                write!(f, "picture refused conn={conn}")?;
                if let Some(client) = client {
                    write!(f, " client={client}")?;
                }
                write!(f, " why=\"{why}\"")
            }
            Self::CutOff { conn, reason } => {
                write!(f, "cut off conn={conn} reason={}", reason.as_str())
            }
        }
    }
}
