use alloc::vec::Vec;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

use crate::codec::list;
use crate::codec::messages;
use crate::codec::payload;
use crate::id::AskId;
use crate::id::RequestId;
use crate::id::SessionId;
use crate::id::VisitorId;
use crate::key::KeyLength;
use crate::limits;
use crate::outcome::AppState;
use crate::outcome::AskOutcome;
use crate::outcome::EndReason;
use crate::outcome::OfflineReason;
use crate::person::AgentCard;
use crate::person::PresenceData;
use crate::person::Profile;
use crate::rights::AgentRights;
use crate::secret::ResumeSecret;
use crate::server_message::Answered;
use crate::server_message::Closing;
use crate::server_message::Pong;
use crate::server_message::Problem;
use crate::server_message::Refused;
use crate::server_message::Timing;

/// `resumed` as an agent gets it.
type Resumed = AgentResumed;

messages! {
    /// What the server says to an agent.
    pub enum AgentNotice {
        /// Answers `sign_in`.
        SignedIn = "signed_in",
        /// Answers `renew`.
        Renewed = "renewed",
        /// Answers `resume` with the whole truth; the roster follows if the agent watches.
        Resumed = "resumed",
        /// Answers `watch`: who is online, in one or more messages.
        Roster = "roster",
        /// A visitor came online.
        VisitorOnline = "visitor_online",
        /// What is known about a visitor changed.
        VisitorChanged = "visitor_changed",
        /// A visitor went offline.
        VisitorOffline = "visitor_offline",
        /// Answers `ask`: the visitor is being asked.
        Asked = "asked",
        /// The terms are on the visitor's screen.
        TermsSeen = "terms_displayed",
        /// The request is over.
        AskEnded = "ask_ended",
        /// The key is right, and the visitor is asked whether to let the agent in.
        JoinWaiting = "join_waiting",
        /// The agent is in a session: by `join`, or after an accepted request without any key.
        Joined = "joined",
        /// Who watches the session now.
        ViewGuests = "session_guests",
        /// The session is over for this agent.
        ViewEnded = "session_ended",
        /// Answers a request with no.
        Refused = "refused",
        /// Something that needs no answer was wrong with a message.
        Problem = "problem",
        /// Answers `ping`.
        Pong = "pong",
        /// The server is about to close this connection.
        Closing = "closing",
    }
}

payload! {
    /// `signed_in`: the agent is known.
    pub struct SignedIn {
        /// The `sign_in` this answers.
        pub re: RequestId,
        /// With this the place can be resumed on another connection.
        pub secret: ResumeSecret,
        /// Who the agent is, as visitors see it.
        pub agent: AgentCard,
        /// The times the client keeps.
        pub timing: Timing,
        /// How long the sign-in lasts from now, in milliseconds, unless it is renewed.
        pub expires_ms: u64,
        /// What the token lets the agent do.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "AgentRights::is_default"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<AgentRights>"))]
        pub rights: AgentRights,
        /// How many digits the group's keys have.
        pub key_digits: KeyLength,
    }
}

payload! {
    /// `renewed`: the sign-in lasts longer.
    pub struct Renewed {
        /// The `renew` this answers.
        pub re: RequestId,
        /// How long the sign-in lasts from now, in milliseconds.
        pub expires_ms: u64,
        /// What the newer token lets the agent do.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "AgentRights::is_default"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<AgentRights>"))]
        pub rights: AgentRights,
    }
}

payload! {
    /// `resumed`: one snapshot of the truth.
    pub struct AgentResumed {
        /// The `resume` this answers.
        pub re: RequestId,
        /// How things stand.
        pub snapshot: AgentSnapshot,
    }
}

payload! {
    /// How things stand for an agent. Who is online comes in `roster` messages of its own.
    #[derive(Default)]
    pub struct AgentSnapshot {
        /// The highest message number the server has seen from this agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seen: Option<RequestId>,
        /// The last request the server answered, and whether the answer was no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub answered: Option<Answered>,
        /// The request that waits for the visitor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask: Option<AskFacts>,
        /// The request that ended last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask_ended: Option<AskEnded>,
        /// The join that waits for the visitor to let the agent in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub joining: Option<JoinWaiting>,
        /// The session the agent is in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub view: Option<ViewFacts>,
        /// The session that ended last for this agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub view_ended: Option<ViewEnded>,
    }
}

payload! {
    /// A request that waits for the visitor, as a snapshot tells it.
    pub struct AskFacts {
        /// The `ask` message it came from.
        pub re: RequestId,
        /// The request.
        pub ask: AskId,
        /// Who is asked.
        pub visitor: VisitorId,
        /// Whether the terms are on the visitor's screen.
        pub displayed: bool,
        /// How long the visitor has to answer from now, in milliseconds.
        pub expires_ms: u32,
    }
}

payload! {
    /// A session the agent is in, as a snapshot tells it.
    pub struct ViewFacts {
        /// The session.
        pub session: SessionId,
        /// The accepted request it came from; absent if the agent joined with a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask: Option<AskId>,
        /// Who shares, if the visitor is identified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub visitor: Option<VisitorId>,
        /// How many agents watch.
        pub count: u32,
        /// Who watches: at most 64.
        #[serde(deserialize_with = "crate::codec::guests")]
        #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::GUESTS)))]
        pub guests: Vec<AgentCard>,
    }
}

payload! {
    /// A visitor who is online, as agents see it.
    pub struct VisitorCard {
        /// Who it is.
        pub visitor: VisitorId,
        /// What the app tells about the person.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "Profile::is_empty"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<Profile>"))]
        pub profile: Profile,
        /// Where the visitor is, as the app tells it.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "PresenceData::is_empty"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<PresenceData>"))]
        pub data: PresenceData,
        /// Whether the app is in front of the visitor.
        pub app: AppState,
        /// Whether the visitor's connection is up; if not, the presence is kept by its lease.
        pub reachable: bool,
        /// Whether the visitor is being asked or is sharing.
        pub busy: bool,
        /// How long the visitor has been online, in milliseconds.
        pub online_ms: u64,
    }
}

payload! {
    /// `roster`: who is online; at most 32 in one message.
    pub struct Roster {
        /// The `watch` this answers; absent after a resume.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub re: Option<RequestId>,
        /// Whether this is the first message of a roster, so that what was known is forgotten.
        pub first: bool,
        /// Whether another message of this roster follows.
        pub more: bool,
        /// The visitors, in order of their ids.
        #[serde(deserialize_with = "visitors")]
        #[cfg_attr(feature = "schema", schemars(length(max = limits::ROSTER_PAGE)))]
        pub visitors: Vec<VisitorCard>,
    }
}

fn visitors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VisitorCard>, D::Error> {
    list("list of visitors", limits::ROSTER_PAGE, deserializer)
}

payload! {
    /// `visitor_online`: a visitor came online. The card's fields stand in the message itself.
    #[serde(transparent)]
    pub struct VisitorOnline {
        /// The visitor.
        pub card: VisitorCard,
    }
}

payload! {
    /// `visitor_changed`: the card as it is now, whatever changed. Its fields stand in the message
    /// itself.
    #[serde(transparent)]
    pub struct VisitorChanged {
        /// The visitor as it is now.
        pub card: VisitorCard,
    }
}

payload! {
    /// `visitor_offline`: a visitor went offline.
    pub struct VisitorOffline {
        /// Who went offline.
        pub visitor: VisitorId,
        /// Why.
        pub reason: OfflineReason,
    }
}

payload! {
    /// `asked`: the visitor is being asked.
    pub struct Asked {
        /// The `ask` this answers.
        pub re: RequestId,
        /// The request.
        pub ask: AskId,
        /// How long the visitor has to answer from now, in milliseconds.
        pub expires_ms: u32,
    }
}

payload! {
    /// `terms_displayed`: the terms are on the visitor's screen.
    #[derive(Copy, Hash)]
    pub struct TermsSeen {
        /// The request.
        pub ask: AskId,
    }
}

payload! {
    /// `ask_ended`: exactly one for every request. After *accepted* a `joined` or a `session_ended`
    /// of the named session follows.
    #[derive(Copy, Hash)]
    pub struct AskEnded {
        /// The request.
        pub ask: AskId,
        /// How it ended.
        pub outcome: AskOutcome,
        /// The session to come, if it was accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub session: Option<SessionId>,
    }
}

payload! {
    /// `join_waiting`: the key is right, and the visitor is shown the agent's name and asked. A
    /// `joined` or `refused` with the same number follows.
    #[derive(Copy, Hash)]
    pub struct JoinWaiting {
        /// The `join` that waits.
        pub re: RequestId,
        /// How long the visitor has to answer from now, in milliseconds; no answer is a no.
        pub expires_ms: u32,
    }
}

/// `joined`: the agent is in the session. The facts' fields stand in the message itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// The `join` this answers; absent after an accepted request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re: Option<RequestId>,
    /// What the agent is in.
    #[serde(flatten)]
    pub view: ViewFacts,
}

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read by hand because a derived reader keeps every unknown field for the flattened part.
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            re: Option<RequestId>,
            session: SessionId,
            #[serde(default)]
            ask: Option<AskId>,
            #[serde(default)]
            visitor: Option<VisitorId>,
            count: u32,
            #[serde(deserialize_with = "crate::codec::guests")]
            guests: Vec<AgentCard>,
        }
        let Raw { re, session, ask, visitor, count, guests } = Raw::deserialize(deserializer)?;
        Ok(Self { re, view: ViewFacts { session, ask, visitor, count, guests } })
    }
}

payload! {
    /// `session_guests`: who watches now.
    pub struct ViewGuests {
        /// The session.
        pub session: SessionId,
        /// How many agents watch.
        pub count: u32,
        /// Who watches: at most 64.
        #[serde(deserialize_with = "crate::codec::guests")]
        #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::GUESTS)))]
        pub guests: Vec<AgentCard>,
    }
}

payload! {
    /// `session_ended`: final for this agent.
    #[derive(Copy, Hash)]
    pub struct ViewEnded {
        /// The session.
        pub session: SessionId,
        /// Why.
        pub reason: EndReason,
    }
}
