use alloc::borrow::Cow;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;

use crate::codec::messages;
use crate::codec::payload;
use crate::id::AskId;
use crate::id::GroupId;
use crate::id::JoinId;
use crate::id::RequestId;
use crate::id::StartId;
use crate::id::VisitorId;
use crate::outcome::AppState;
use crate::person::PresenceData;
use crate::person::PresencePatch;
use crate::person::Profile;
use crate::secret::ClientToken;
use crate::secret::ResumeSecret;
use crate::secret::VisitorAssertion;

messages! {
    /// What a visitor says to the server.
    ///
    /// Every message but `ping` and `bye` carries a number `re` that grows by one, whatever the
    /// connection. After a reconnect the server names the highest it has seen, and the visitor says
    /// again what came after it: nothing is lost and nothing happens twice.
    pub enum ClientMessage {
        /// Begins: the visitor is anonymous in a group.
        Hello = "hello",
        /// Takes up the place it had before the connection broke.
        Resume = "resume",
        /// Says who the visitor is, after login.
        Identify = "identify",
        /// Forgets who the visitor is; the visitor is anonymous again.
        LogOut = "log_out",
        /// Goes online: agents who watch see the visitor.
        PresenceConnect = "presence_connect",
        /// Changes the presence data.
        PresenceUpdate = "presence_update",
        /// Goes offline.
        PresenceDisconnect = "presence_disconnect",
        /// The app went to the background or came back.
        AppMoved = "app_moved",
        /// The terms are on the visitor's screen.
        TermsDisplayed = "terms_displayed",
        /// The visitor accepted the terms; `session_start` follows.
        TermsAccepted = "terms_accepted",
        /// The visitor declined the terms.
        TermsDeclined = "terms_declined",
        /// The visitor lets the agent in who typed the key.
        JoinConfirmed = "join_confirmed",
        /// The visitor keeps the agent out who typed the key.
        JoinDeclined = "join_declined",
        /// Starts a session: by a random key, or under the visitor id after accepted terms.
        SessionStart = "session_start",
        /// Ends the session of a start, or cancels the start.
        SessionEnd = "session_end",
        /// Asks for a sign of life.
        Ping = "ping",
        /// Leaves: everything of this visitor ends at once.
        Bye = "bye",
    }
}

payload! {
    /// `hello`: the first message of a visitor. Answered by `welcome` or `refused`.
    pub struct Hello {
        /// The number of this message.
        pub re: RequestId,
        /// The protocol version, 1.
        pub version: u16,
        /// The group; it cannot be changed later.
        pub group: GroupId,
        /// The group's client token, if the group has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub token: Option<ClientToken>,
        /// What is known about the person.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "Profile::is_empty"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<Profile>"))]
        pub profile: Profile,
        /// Where the app is.
        pub app: AppState,
    }
}

payload! {
    /// `resume`: the first message on a new connection of a client that was there before. Answered
    /// by `resumed` or `refused`.
    pub struct Resume {
        /// The number of this message.
        pub re: RequestId,
        /// The protocol version, 1.
        pub version: u16,
        /// The group.
        pub group: GroupId,
        /// The secret from `welcome` or `signed_in`.
        pub secret: ResumeSecret,
    }
}

payload! {
    /// `identify`: answered by `identified` or `refused`.
    pub struct Identify {
        /// The number of this message.
        pub re: RequestId,
        /// Who the visitor is.
        pub visitor: VisitorId,
        /// What the app's backend signed to say that this is the visitor, if the group asks for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub assertion: Option<VisitorAssertion>,
        /// What is known about the person now; replaces the profile of `hello`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub profile: Option<Profile>,
    }
}

payload! {
    /// `log_out`: not answered.
    pub struct LogOut {
        /// The number of this message.
        pub re: RequestId,
    }
}

payload! {
    /// `presence_connect`: answered by `presence_connected` or `refused`.
    pub struct PresenceConnect {
        /// The number of this message.
        pub re: RequestId,
        /// What agents are told about where the visitor is.
        #[serde(
            default,
            deserialize_with = "crate::codec::or_default",
            skip_serializing_if = "PresenceData::is_empty"
        )]
        #[cfg_attr(feature = "schema", schemars(with = "Option<PresenceData>"))]
        pub data: PresenceData,
    }
}

payload! {
    /// `presence_update`: not answered, unless a limit is exceeded.
    pub struct PresenceUpdate {
        /// The number of this message.
        pub re: RequestId,
        /// Entries to set, and entries to remove (`null`).
        pub data: PresencePatch,
    }
}

payload! {
    /// `presence_disconnect`: not answered.
    pub struct PresenceDisconnect {
        /// The number of this message.
        pub re: RequestId,
    }
}

payload! {
    /// `app_moved`: not answered.
    pub struct AppMoved {
        /// The number of this message.
        pub re: RequestId,
        /// Where the app is now.
        pub app: AppState,
    }
}

payload! {
    /// `terms_displayed`: not answered.
    pub struct TermsDisplayed {
        /// The number of this message.
        pub re: RequestId,
        /// The request whose terms are on the screen.
        pub ask: AskId,
    }
}

payload! {
    /// `terms_accepted`: not answered; a `session_start` for the same request must follow.
    pub struct TermsAccepted {
        /// The number of this message.
        pub re: RequestId,
        /// The request that was accepted.
        pub ask: AskId,
    }
}

payload! {
    /// `terms_declined`: not answered.
    pub struct TermsDeclined {
        /// The number of this message.
        pub re: RequestId,
        /// The request that was declined.
        pub ask: AskId,
    }
}

payload! {
    /// `join_confirmed`: not answered. The agent is in the session from now on.
    pub struct JoinConfirmed {
        /// The number of this message.
        pub re: RequestId,
        /// The join that was asked about.
        pub join: JoinId,
    }
}

payload! {
    /// `join_declined`: not answered. The agent stays out, and the key is burned: whoever knows it
    /// should not.
    pub struct JoinDeclined {
        /// The number of this message.
        pub re: RequestId,
        /// The join that was asked about.
        pub join: JoinId,
    }
}

/// `session_start`: answered by `session_connected` or `refused`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionStart {
    /// The number of this message.
    pub re: RequestId,
    /// The visitor's own number for this start; greater than any before.
    pub start: StartId,
    /// How the session begins.
    #[serde(flatten)]
    pub by: StartBy,
}

impl<'de> Deserialize<'de> for SessionStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read by hand because a derived reader keeps every unknown field for the flattened part.
        #[derive(Deserialize)]
        struct Raw<'a> {
            re: RequestId,
            start: StartId,
            #[serde(borrow)]
            by: Cow<'a, str>,
            #[serde(default)]
            ask: Option<AskId>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let by = match &*raw.by {
            "random_key" => StartBy::RandomKey,
            "visitor_id" => StartBy::VisitorId {
                ask: raw.ask.ok_or_else(|| serde::de::Error::missing_field("ask"))?,
            },
            _ => return Err(serde::de::Error::custom("by is not random_key or visitor_id")),
        };
        Ok(Self { re: raw.re, start: raw.start, by })
    }
}

/// How a session begins. Its fields stand in the `session_start` message itself.
///
/// ```
/// use coview_wire::{AskId, ClientMessage, Message, RequestId, SessionStart, StartBy, StartId};
///
/// let by = StartBy::VisitorId { ask: AskId::new(3) };
/// let start = SessionStart { re: RequestId::new(7), start: StartId::new(2), by };
/// assert_eq!(
///     ClientMessage::from(start).encode(),
///     r#"{"t":"session_start","re":7,"start":2,"by":"visitor_id","ask":3}"#,
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum StartBy {
    /// The visitor tapped *share*: the server makes a random key, which is shown and read out.
    RandomKey,
    /// The visitor accepted an agent's request: the session runs under the visitor id, and there is
    /// no key.
    VisitorId {
        /// The accepted request.
        ask: AskId,
    },
}

payload! {
    /// `session_end`: not answered. Ends the session that came from a start; if the start has not
    /// been answered yet, nothing comes of it.
    pub struct SessionEnd {
        /// The number of this message.
        pub re: RequestId,
        /// The start whose session ends.
        pub start: StartId,
    }
}

payload! {
    /// `ping`: answered by `pong`.
    pub struct Ping {}
}

payload! {
    /// `bye`: the client leaves for good. The server closes the connection.
    pub struct Bye {}
}
