//! What must be possible: each good ending, and each way back from a broken connection.

use core::fmt;

use coview_hub::Event;
use coview_wire::AskOutcome;
use coview_wire::EndReason;

/// Something that must happen on some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Goal {
    /// A request was accepted.
    Accepted,
    /// A session began by an accepted request.
    OneClick,
    /// A request was declined.
    Declined,
    /// A request was taken back.
    Withdrawn,
    /// A request was not answered in time.
    Expired,
    /// A request ended because the visitor began something else.
    Busy,
    /// A request was lost with its agent or its visitor.
    Lost,
    /// A session began with a key.
    Manual,
    /// An agent joined with a key.
    Joined,
    /// Two agents are in one session.
    Two,
    /// An agent who waited was let in.
    LetIn,
    /// An agent who waited was kept out.
    KeptOut,
    /// A key was not used in time.
    Unclaimed,
    /// A key was tried that opens nothing.
    WrongKey,
    /// The visitor ended a session.
    EndedByVisitor,
    /// An agent ended a session.
    EndedByAgent,
    /// An agent left a session.
    AgentLeft,
    /// A session ended because its visitor was gone for too long, or never came.
    EndedByLoss,
    /// A visitor took its place up again.
    VisitorResumed,
    /// An agent took its place up again.
    AgentResumed,
    /// The place of a visitor was given up.
    VisitorGone,
    /// The place of an agent was given up.
    AgentGone,
    /// An agent's machine got a picture.
    PictureSeen,
}

impl Goal {
    /// What a line of the hub's log shows to be possible.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Accepted { .. } => Self::Accepted,
            Event::Declined { .. } => Self::Declined,
            Event::AskEnded { outcome, .. } => match outcome {
                AskOutcome::Withdrawn => Self::Withdrawn,
                AskOutcome::Expired => Self::Expired,
                AskOutcome::Busy => Self::Busy,
                AskOutcome::Lost => Self::Lost,
                AskOutcome::Accepted | AskOutcome::Declined | AskOutcome::Unknown => return None,
            },
            Event::SessionStarted { ask: Some(_), .. } => Self::OneClick,
            Event::SessionStarted { ask: None, .. } => Self::Manual,
            Event::GuestJoined { count: 2, .. } => Self::Two,
            Event::GuestJoined { .. } => Self::Joined,
            Event::JoinConfirmed { .. } => Self::LetIn,
            Event::JoinDeclined { .. } => Self::KeptOut,
            Event::WrongKey { .. } => Self::WrongKey,
            Event::GuestLeft { reason: EndReason::Left, .. } => Self::AgentLeft,
            Event::SessionEnded { reason, .. } => match reason {
                EndReason::Visitor => Self::EndedByVisitor,
                EndReason::Agent => Self::EndedByAgent,
                EndReason::Unclaimed => Self::Unclaimed,
                EndReason::VisitorLost => Self::EndedByLoss,
                EndReason::KeyBurned
                | EndReason::VisitorLeft
                | EndReason::LoggedOut
                | EndReason::Superseded
                | EndReason::Ejected
                | EndReason::Left
                | EndReason::AgentLost
                | EndReason::Shutdown
                | EndReason::Policy
                | EndReason::Unknown => return None,
            },
            Event::VisitorResumed { .. } => Self::VisitorResumed,
            Event::AgentResumed { .. } => Self::AgentResumed,
            Event::VisitorGone { .. } => Self::VisitorGone,
            Event::AgentLeft { .. } => Self::AgentGone,
            Event::VisitorArrived { .. }
            | Event::VisitorDropped { .. }
            | Event::Identified { .. }
            | Event::HandedOff { .. }
            | Event::AssertionRefused { .. }
            | Event::LoggedOut { .. }
            | Event::Online { .. }
            | Event::Offline { .. }
            | Event::AgentSignedIn { .. }
            | Event::AgentRenewed { .. }
            | Event::SignInExpired { .. }
            | Event::TokenRefused { .. }
            | Event::NotAllowed { .. }
            | Event::AgentDropped { .. }
            | Event::Asked { .. }
            | Event::TermsDisplayed { .. }
            | Event::JoinRequested { .. }
            | Event::JoinEnded { .. }
            | Event::KeyBurned { .. }
            | Event::MasksChanged { .. }
            | Event::GuestLeft { .. }
            | Event::StepUp { .. }
            | Event::TooManyTries { .. }
            | Event::Refused { .. }
            | Event::PictureRefused { .. }
            | Event::CutOff { .. }
            // The log may grow lines that are no goal.
            | _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::OneClick => "one-click session",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Busy => "overtaken by a manual start",
            Self::Lost => "request lost",
            Self::Manual => "manual session",
            Self::Joined => "agent joined",
            Self::Two => "two agents in one session",
            Self::LetIn => "let in",
            Self::KeptOut => "kept out",
            Self::Unclaimed => "key unclaimed",
            Self::WrongKey => "key over",
            Self::EndedByVisitor => "ended by the visitor",
            Self::EndedByAgent => "ended by an agent",
            Self::AgentLeft => "agent left",
            Self::EndedByLoss => "ended by loss",
            Self::VisitorResumed => "visitor resumed",
            Self::AgentResumed => "agent resumed",
            Self::VisitorGone => "visitor's grace over",
            Self::AgentGone => "agent's grace over",
            Self::PictureSeen => "picture seen",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
