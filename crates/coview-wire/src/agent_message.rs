use crate::client_message::Bye;
use crate::client_message::Ping;
use crate::client_message::Resume;
use crate::codec::messages;
use crate::codec::payload;
use crate::id::AgentId;
use crate::id::AskId;
use crate::id::GroupId;
use crate::id::RequestId;
use crate::id::SessionId;
use crate::id::VisitorId;
use crate::key::SessionKey;
use crate::secret::AgentToken;

messages! {
    /// What an agent says to the server. Numbered like [`ClientMessage`](crate::ClientMessage).
    pub enum AgentMessage {
        /// Begins: the agent is known by a token.
        SignIn = "sign_in",
        /// Shows a newer token, so that the sign-in lasts longer.
        Renew = "renew",
        /// Takes up the place it had before the connection broke.
        Resume = "resume",
        /// Wants to see who is online.
        Watch = "watch",
        /// No longer wants to see who is online.
        Unwatch = "unwatch",
        /// Asks a visitor who is online to share (one-click).
        Ask = "ask",
        /// Takes a request back.
        Withdraw = "withdraw",
        /// Joins the session with this key.
        Join = "join",
        /// Leaves a session, which goes on.
        Leave = "leave",
        /// Ends a session for everybody.
        EndSession = "end",
        /// Removes another agent from a session.
        Eject = "eject",
        /// Asks for a sign of life.
        Ping = "ping",
        /// Leaves for good.
        Bye = "bye",
    }
}

payload! {
    /// `sign_in`: the first message of an agent. Answered by `signed_in` or `refused`.
    pub struct SignIn {
        /// The number of this message.
        pub re: RequestId,
        /// The protocol version, 1.
        pub version: u16,
        /// The group.
        pub group: GroupId,
        /// What the agent is known by.
        pub token: AgentToken,
    }
}

payload! {
    /// `renew`: answered by `renewed` or `refused`. The token must be for the same group and agent.
    pub struct Renew {
        /// The number of this message.
        pub re: RequestId,
        /// A token that lasts longer than the one before.
        pub token: AgentToken,
    }
}

payload! {
    /// `watch`: answered by `roster`, then by a notice at every change. A second `watch` replaces
    /// the first.
    pub struct Watch {
        /// The number of this message.
        pub re: RequestId,
        /// Watch this visitor only; absent: everybody of the group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub visitor: Option<VisitorId>,
    }
}

payload! {
    /// `unwatch`: not answered.
    pub struct Unwatch {
        /// The number of this message.
        pub re: RequestId,
    }
}

payload! {
    /// `ask`: answered by `asked` or `refused`.
    pub struct Ask {
        /// The number of this message.
        pub re: RequestId,
        /// Whom to ask.
        pub visitor: VisitorId,
    }
}

payload! {
    /// `withdraw`: answered by `ask_ended`, unless the request had ended already.
    pub struct Withdraw {
        /// The number of this message.
        pub re: RequestId,
        /// The request; absent: the one this agent asked for last, answered yet or not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ask: Option<AskId>,
    }
}

payload! {
    /// `join`: answered by `joined` or `refused`; before that comes `join_waiting` if the visitor
    /// has to let the agent in. `leave` takes it back.
    pub struct Join {
        /// The number of this message.
        pub re: RequestId,
        /// The key the visitor read out.
        pub key: SessionKey,
    }
}

payload! {
    /// `leave`: not answered.
    pub struct Leave {
        /// The number of this message.
        pub re: RequestId,
        /// The session; absent: the one this agent joined last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub session: Option<SessionId>,
    }
}

payload! {
    /// `end`: not answered but by `session_ended`.
    pub struct EndSession {
        /// The number of this message.
        pub re: RequestId,
        /// The session.
        pub session: SessionId,
    }
}

payload! {
    /// `eject`: not answered but by `session_guests`. The key of the session is of no more use to
    /// the removed agent.
    pub struct Eject {
        /// The number of this message.
        pub re: RequestId,
        /// The session.
        pub session: SessionId,
        /// Whom to remove.
        pub agent: AgentId,
    }
}
