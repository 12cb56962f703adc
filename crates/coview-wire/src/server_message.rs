use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codec::messages;
use crate::codec::payload;
use crate::id::AskId;
use crate::id::JoinId;
use crate::id::PresenceId;
use crate::id::RequestId;
use crate::id::SessionId;
use crate::id::StartId;
use crate::id::VisitorId;
use crate::key::KeyLength;
use crate::key::SessionKey;
use crate::outcome::CloseReason;
use crate::outcome::EndReason;
use crate::outcome::OfflineReason;
use crate::outcome::WithdrawReason;
use crate::person::AgentCard;
use crate::refusal::RefusalCode;
use crate::secret::ResumeSecret;
use crate::terms::Terms;

messages! {
    /// What the server says to a visitor.
    #[expect(
        clippy::large_enum_variant,
        reason = "only the rare snapshot is large, and a message is moved twice in its life"
    )]
    pub enum ServerMessage {
        /// Answers `hello`.
        Welcome = "welcome",
        /// Answers `resume` with the whole truth.
        Resumed = "resumed",
        /// Answers `identify`.
        Identified = "identified",
        /// Answers `presence_connect`.
        PresenceConnected = "presence_connected",
        /// The visitor is no longer online.
        PresenceLost = "presence_lost",
        /// Another device of the same visitor id took the focus, or gave it back.
        PresenceFocus = "presence_focus",
        /// An agent asks to share.
        TermsRequested = "terms_requested",
        /// The request went away before it was answered.
        TermsWithdrawn = "terms_withdrawn",
        /// Answers `session_start`.
        SessionConnected = "session_connected",
        /// Who watches now.
        SessionGuests = "session_guests",
        /// An agent typed the key: does the visitor let this agent in?
        JoinRequested = "join_requested",
        /// The agent who typed the key went away before the visitor answered.
        JoinWithdrawn = "join_withdrawn",
        /// The session is over.
        SessionEnded = "session_ended",
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
    /// `welcome`: the visitor is initialised.
    pub struct Welcome {
        /// The `hello` this answers.
        pub re: RequestId,
        /// With this the place can be resumed on another connection.
        pub secret: ResumeSecret,
        /// What the app should offer.
        pub settings: Settings,
        /// The times the client keeps.
        pub timing: Timing,
    }
}

payload! {
    /// What a group has switched on.
    #[derive(Copy, Hash)]
    pub struct Settings {
        /// Whether the app should show a share button (manual start).
        pub share_button: bool,
        /// Whether presence (one-click start) is enabled.
        pub presence: bool,
        /// How many digits a key has.
        pub key_digits: KeyLength,
        /// Whether `identify` needs an assertion of the app's backend.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "core::ops::Not::not"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
        pub assertion_needed: bool,
    }
}

payload! {
    /// The times a client keeps, in milliseconds, set by the server's policy.
    #[derive(Copy, Hash)]
    pub struct Timing {
        /// Say something at least this often: a `ping` if there is nothing else.
        pub heartbeat_ms: u32,
        /// After this many heartbeats without any word from the other side the connection is dead.
        pub missed_heartbeats: u8,
        /// How long the first reply on a connection may take.
        pub first_reply_ms: u32,
        /// How long the place is kept after the connection broke.
        pub resume_grace_ms: u32,
        /// How long presence is kept after the connection broke while the app is in the background.
        pub background_lease_ms: u32,
    }
}

payload! {
    /// `resumed`: one snapshot of the truth. Whatever was missed, this is how things stand.
    pub struct Resumed {
        /// The `resume` this answers.
        pub re: RequestId,
        /// How things stand.
        pub snapshot: Snapshot,
    }
}

payload! {
    /// How things stand for a visitor.
    #[derive(Default)]
    pub struct Snapshot {
        /// The highest message number the server has seen from this visitor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seen: Option<RequestId>,
        /// The last request the server answered, and whether the answer was no.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub answered: Option<Answered>,
        /// Who the visitor is, if identified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub visitor: Option<VisitorId>,
        /// The presence, if online.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub presence: Option<PresenceFacts>,
        /// The request that waits for an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask: Option<TermsRequested>,
        /// The request that went away last without an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask_over: Option<TermsOver>,
        /// The session that runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub session: Option<SessionFacts>,
        /// The join that went away last without an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub join_over: Option<JoinWithdrawn>,
        /// The session that ended last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ended: Option<SessionEnded>,
    }
}

payload! {
    /// The answer to a request, as a snapshot tells it.
    #[derive(Copy, Hash)]
    pub struct Answered {
        /// The request.
        pub re: RequestId,
        /// Absent if it was granted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refused: Option<RefusalCode>,
    }
}

payload! {
    /// Presence as a snapshot tells it.
    #[derive(Copy, Hash)]
    pub struct PresenceFacts {
        /// This stay in presence.
        pub presence: PresenceId,
        /// Whether this device has the focus of its visitor id.
        pub focused: bool,
    }
}

payload! {
    /// A request that went away, as a snapshot tells it.
    #[derive(Copy, Hash)]
    pub struct TermsOver {
        /// The request.
        pub ask: AskId,
        /// Why it went away.
        pub reason: WithdrawReason,
    }
}

payload! {
    /// A running session as a snapshot tells it.
    pub struct SessionFacts {
        /// The start it came from.
        pub start: StartId,
        /// The session.
        pub session: SessionId,
        /// Its key; only a manually started session has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub key: Option<SessionKey>,
        /// How many agents watch.
        pub count: u32,
        /// Who watches: at most 64.
        #[serde(deserialize_with = "crate::codec::guests")]
        #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::GUESTS)))]
        pub guests: Vec<AgentCard>,
        /// The agent who waits to be let in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub join: Option<JoinRequested>,
    }
}

payload! {
    /// `identified`: the visitor is known.
    pub struct Identified {
        /// The `identify` this answers.
        pub re: RequestId,
        /// Who the visitor is.
        pub visitor: VisitorId,
    }
}

payload! {
    /// `presence_connected`: agents see the visitor.
    pub struct PresenceConnected {
        /// The `presence_connect` this answers.
        pub re: RequestId,
        /// This stay in presence.
        pub presence: PresenceId,
        /// Whether this device has the focus of its visitor id; the newest one has.
        pub focused: bool,
    }
}

payload! {
    /// `presence_lost`: the server took the visitor offline.
    #[derive(Copy, Hash)]
    pub struct PresenceLost {
        /// The stay in presence that is over.
        pub presence: PresenceId,
        /// Why.
        pub reason: OfflineReason,
    }
}

payload! {
    /// `presence_focus`: agents' requests go to the device with the focus.
    #[derive(Copy, Hash)]
    pub struct PresenceFocus {
        /// The stay in presence this is about.
        pub presence: PresenceId,
        /// Whether this device has the focus now.
        pub focused: bool,
    }
}

payload! {
    /// `terms_requested`: show these terms and ask the visitor.
    pub struct TermsRequested {
        /// The request; the answers name it.
        pub ask: AskId,
        /// Who asks.
        pub agent: AgentCard,
        /// What the visitor agrees to.
        pub terms: Terms,
        /// How long the visitor has to answer from now, in milliseconds; no answer is a no.
        pub expires_ms: u32,
    }
}

payload! {
    /// `terms_withdrawn`: take the terms away.
    #[derive(Copy, Hash)]
    pub struct TermsWithdrawn {
        /// The request that is over.
        pub ask: AskId,
        /// Why.
        pub reason: WithdrawReason,
    }
}

payload! {
    /// `session_connected`: the session runs.
    pub struct SessionConnected {
        /// The `session_start` this answers.
        pub re: RequestId,
        /// The start it came from.
        pub start: StartId,
        /// The session.
        pub session: SessionId,
        /// The key to show and read out; only a manually started session has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub key: Option<SessionKey>,
    }
}

payload! {
    /// `session_guests`: who watches now.
    pub struct SessionGuests {
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
    /// `join_requested`: an agent typed the key. Show the name and ask; until the visitor confirms,
    /// the agent sees nothing.
    pub struct JoinRequested {
        /// The session whose key it is.
        pub session: SessionId,
        /// This join; the answer names it.
        pub join: JoinId,
        /// Who wants to come in, as the operator vouches for.
        pub agent: AgentCard,
        /// How long the visitor has to answer from now, in milliseconds; no answer is a no.
        pub expires_ms: u32,
    }
}

payload! {
    /// `join_withdrawn`: take the question away.
    #[derive(Copy, Hash)]
    pub struct JoinWithdrawn {
        /// The join that is over.
        pub join: JoinId,
        /// Why.
        pub reason: WithdrawReason,
    }
}

payload! {
    /// `session_ended`: final.
    #[derive(Copy, Hash)]
    pub struct SessionEnded {
        /// The start the session came from.
        pub start: StartId,
        /// The session.
        pub session: SessionId,
        /// Why.
        pub reason: EndReason,
    }
}

payload! {
    /// `refused`: the answer to a request is no; nothing changed.
    pub struct Refused {
        /// The request.
        pub re: RequestId,
        /// Why.
        pub code: RefusalCode,
        /// More about it in words, at most 256 characters.
        #[serde(default, deserialize_with = "crate::person::explanation", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::EXPLANATION)))]
        pub explanation: Option<Box<str>>,
        /// How long to wait before it is worth trying again, in milliseconds, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub retry_ms: Option<u32>,
    }
}

payload! {
    /// `problem`: a message was not acted on; the connection goes on.
    pub struct Problem {
        /// The message, if its number could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub re: Option<RequestId>,
        /// What was wrong.
        pub code: RefusalCode,
        /// More about it in words, at most 256 characters.
        #[serde(default, deserialize_with = "crate::person::explanation", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(length(max = crate::limits::EXPLANATION)))]
        pub explanation: Option<Box<str>>,
    }
}

payload! {
    /// `pong`: a sign of life.
    #[derive(Copy, Hash)]
    pub struct Pong {
        /// The highest message number the server has seen from this client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub seen: Option<RequestId>,
    }
}

payload! {
    /// `closing`: the last message on this connection.
    #[derive(Copy, Hash)]
    pub struct Closing {
        /// Why.
        pub reason: CloseReason,
        /// Whether the client may come back (after its back-off) or must stay away.
        pub retry: bool,
    }
}
