use alloc::boxed::Box;
use core::fmt;
use core::num::NonZeroU64;

use coview_wire::AgentId;
use coview_wire::AgentRights;
use coview_wire::AskId;
use coview_wire::AskOutcome;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::JoinId;
use coview_wire::MaskState;
use coview_wire::OfflineReason;
use coview_wire::PresenceId;
use coview_wire::RefusalCode;
use coview_wire::ScreenError;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use coview_wire::VisitorId;
use coview_wire::WithdrawReason;

use crate::io::ConnId;
use crate::proofs::ProofError;

/// The place of one client, kept over its reconnects. It names a client in the audit log, also
/// one that never said who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(NonZeroU64);

impl Place {
    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN);

    /// The place with this number. No place has the number 0.
    pub(crate) fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of the place; no two clients of a hub have the same.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
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
    /// The agent's token expired, was not renewed, and the agent is in no session.
    SignInExpired,
    /// The server shut down.
    Shutdown,
}

impl Departure {
    pub(crate) const fn offline(self) -> OfflineReason {
        match self {
            Self::Left => OfflineReason::Left,
            Self::Lost => OfflineReason::Lost,
            Self::Policy | Self::SignInExpired => OfflineReason::Policy,
            Self::Shutdown => OfflineReason::Shutdown,
        }
    }

    /// Why the session of a visitor who departs ends.
    pub(crate) const fn session_end(self) -> EndReason {
        match self {
            Self::Left => EndReason::VisitorLeft,
            Self::Lost => EndReason::VisitorLost,
            Self::Policy | Self::SignInExpired => EndReason::Policy,
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
            Self::SignInExpired => "sign_in_expired",
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

/// Why nobody is believed to be who they say they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disbelief {
    /// There is no proof where one is needed.
    Missing,
    /// The proof is not accepted.
    Proof(ProofError),
    /// The proof may be used once and was used before, or it may have been: see
    /// [`Policy::one_use_tokens`](crate::Policy::one_use_tokens).
    UsedBefore,
    /// The proof is good, and about somebody else.
    SomebodyElse,
    /// The newer token ends before the one it should take the place of.
    NotLonger,
}

impl fmt::Display for Disbelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Proof(error) => fmt::Display::fmt(error, f),
            Self::UsedBefore => f.write_str("used before"),
            Self::SomebodyElse => f.write_str("about somebody else"),
            Self::NotLonger => f.write_str("ends before the one it would replace"),
        }
    }
}

/// One fact worth a line in the audit log.
///
/// `Display` is that line: words first, then `name=value` pairs. No variant holds a key, a token, a
/// resume secret or anything of a profile, so nothing secret can be logged by mistake.
///
/// What is told of an agent, id and name, is what the agent's token proved. What is told of a
/// visitor is proved if the [`Identified`](Self::Identified) before says so. The text of terms is
/// told by their version, which stands for one text in one language.
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
    /// A visitor said who it is: with or without a proof. So many devices have this id now; more
    /// than one is a hand-off, which the next [`HandedOff`](Self::HandedOff) completes.
    Identified { group: GroupId, client: Place, visitor: VisitorId, proven: bool, devices: u32 },
    /// A newer device of a visitor went online and has the focus now; the older one was told.
    HandedOff { group: GroupId, visitor: VisitorId, from: Place, client: Place },
    /// A visitor was not believed to be this one.
    AssertionRefused {
        group: GroupId,
        client: Place,
        claimed: VisitorId,
        code: RefusalCode,
        why: Disbelief,
    },
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
    /// An agent signed in with a token that is good until `expires`.
    AgentSignedIn {
        group: GroupId,
        client: Place,
        agent: AgentId,
        name: Box<str>,
        expires: UnixTime,
        rights: Box<AgentRights>,
    },
    /// An agent showed a newer token.
    AgentRenewed {
        group: GroupId,
        client: Place,
        agent: AgentId,
        expires: UnixTime,
        rights: Box<AgentRights>,
    },
    /// The token of an agent expired, who may finish what was begun, if anything was.
    SignInExpired { group: GroupId, client: Place, agent: AgentId },
    /// A token was not accepted: of a connection that wants to sign in, or of the agent at this
    /// place who wants to renew.
    TokenRefused {
        conn: ConnId,
        group: GroupId,
        client: Option<Place>,
        code: RefusalCode,
        why: Disbelief,
    },
    /// An agent wanted to do what its token does not allow.
    NotAllowed { group: GroupId, client: Place, agent: AgentId, verb: &'static str },
    /// An agent took up its place again on another connection.
    AgentResumed { group: GroupId, client: Place, agent: AgentId },
    /// An agent's connection broke; its place is kept for a while.
    AgentDropped { group: GroupId, client: Place, agent: AgentId },
    /// An agent's place is gone for good.
    AgentLeft { group: GroupId, client: Place, agent: AgentId, reason: Departure },
    /// An agent asked a visitor to share.
    Asked {
        group: GroupId,
        ask: AskId,
        agent: AgentId,
        name: Box<str>,
        visitor: VisitorId,
        client: Place,
        terms: Box<str>,
        language: Option<Box<str>>,
    },
    /// The terms of a request are on the visitor's screen.
    TermsDisplayed { group: GroupId, ask: AskId, terms: Box<str>, language: Option<Box<str>> },
    /// The visitor accepted; `terms` is the label of the version that was shown.
    Accepted {
        group: GroupId,
        ask: AskId,
        session: SessionId,
        terms: Box<str>,
        language: Option<Box<str>>,
    },
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
    /// An agent who knew the key waits until the visitor lets it in.
    JoinRequested {
        group: GroupId,
        session: SessionId,
        join: JoinId,
        agent: AgentId,
        name: Box<str>,
    },
    /// The visitor let the agent in.
    JoinConfirmed { group: GroupId, session: SessionId, join: JoinId },
    /// The visitor did not let the agent in.
    JoinDeclined { group: GroupId, session: SessionId, join: JoinId },
    /// An agent does not wait any more to be let in, and the visitor had not answered.
    JoinEnded { group: GroupId, session: SessionId, join: JoinId, reason: WithdrawReason },
    /// The key of a session is of no use any more; the session goes on.
    KeyBurned { group: GroupId, session: SessionId },
    /// An agent is in a session; `count` agents are now.
    GuestJoined { group: GroupId, session: SessionId, agent: AgentId, name: Box<str>, count: u32 },
    /// What the visitor's client says it covers before anything leaves.
    MasksChanged { group: GroupId, session: SessionId, state: MaskState },
    /// An agent is no longer in a session that goes on; `count` agents still are.
    GuestLeft { group: GroupId, session: SessionId, agent: AgentId, count: u32, reason: EndReason },
    /// A session ended, or an accepted request did not become one.
    SessionEnded { group: GroupId, session: SessionId, reason: EndReason },
    /// An agent tried a key no session has.
    WrongKey { group: GroupId, agent: AgentId },
    /// So many keys were guessed in a group that one of them is too likely to have hit: until the
    /// guesses are forgotten, visitors are asked about every agent who comes with a key.
    StepUp { group: GroupId },
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

impl Event {
    /// Whether something ended that kept a client from being sent away: the client may be idle now.
    pub(crate) const fn ends_something(&self) -> bool {
        matches!(
            self,
            Self::Declined { .. }
                | Self::AskEnded { .. }
                | Self::JoinDeclined { .. }
                | Self::JoinEnded { .. }
                | Self::GuestLeft { .. }
                | Self::SessionEnded { .. }
        )
    }
}
