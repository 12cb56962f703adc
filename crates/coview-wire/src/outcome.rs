use crate::word::from_word;
use crate::word::word_enum;

word_enum! {
    /// Where the visitor's app is.
    #[derive(Default)]
    pub enum AppState {
        /// In front of the visitor.
        #[default]
        Active = "active" => "active",
        /// In the background; the presence is kept by its lease.
        Background = "background" => "in the background",
    }
}
from_word!(AppState);

word_enum! {
    /// Why a session ended. An end is final; a session has exactly one.
    pub enum EndReason {
        /// The visitor ended it.
        Visitor = "visitor" => "the visitor ended it",
        /// An agent ended it.
        Agent = "agent" => "the agent ended it",
        /// Nobody used the key in time.
        Unclaimed = "unclaimed" => "nobody used the key in time",
        /// The visitor declined an agent who knew the key, so the key was burned, and nobody was in
        /// the session.
        KeyBurned = "key_burned" => "the key was burned",
        /// The visitor's connection was gone for longer than the grace.
        VisitorLost = "visitor_lost" => "the visitor's connection was lost",
        /// The visitor left the app.
        VisitorLeft = "visitor_left" => "the visitor left",
        /// The visitor logged out.
        LoggedOut = "logged_out" => "the visitor logged out",
        /// Another session took its place.
        Superseded = "superseded" => "another session took its place",
        /// This agent was removed; the session goes on without the agent.
        Ejected = "ejected" => "the agent was removed from the session",
        /// This agent left; the session goes on without the agent.
        Left = "left" => "the agent left the session",
        /// This agent's own connection was lost for longer than the grace, or the server forgot the
        /// agent; a client tells its app so.
        AgentLost = "agent_lost" => "the agent's connection was lost",
        /// The server shut down.
        Shutdown = "shutdown" => "the server shut down",
        /// The operator's policy ended it.
        Policy = "policy" => "the operator's policy ended it",
        /// A reason a newer peer knows.
        Unknown = "unknown" => "it ended for a reason this version does not know",
    }
}
from_word!(EndReason, unknown => Unknown);

word_enum! {
    /// How a request of an agent to share ended. Every request has exactly one outcome.
    pub enum AskOutcome {
        /// The visitor accepted; the session follows.
        Accepted = "accepted" => "accepted",
        /// The visitor declined.
        Declined = "declined" => "declined",
        /// The agent withdrew it.
        Withdrawn = "withdrawn" => "withdrawn",
        /// The visitor did not answer in time; that is a no.
        Expired = "expired" => "not answered in time",
        /// The visitor began a session in another way instead.
        Busy = "busy" => "the visitor began another session",
        /// The visitor went offline, or the agent was lost, before an answer.
        Lost = "lost" => "lost before an answer",
        /// An outcome a newer peer knows.
        Unknown = "unknown" => "ended in a way this version does not know",
    }
}
from_word!(AskOutcome, unknown => Unknown);

word_enum! {
    /// Why terms went away before the visitor answered.
    pub enum WithdrawReason {
        /// The agent withdrew the request.
        Agent = "agent" => "the agent withdrew the request",
        /// The agent's connection was lost.
        AgentLost = "agent_lost" => "the agent's connection was lost",
        /// There was no answer in time; that is a no.
        Expired = "expired" => "there was no answer in time",
        /// The visitor began a session in another way.
        Busy = "busy" => "another session was started instead",
        /// The presence the request came through ended.
        PresenceOver = "presence_over" => "the visitor is no longer online",
        /// The server shut down.
        Shutdown = "shutdown" => "the server shut down",
        /// A reason a newer peer knows.
        Unknown = "unknown" => "the request was withdrawn",
    }
}
from_word!(WithdrawReason, unknown => Unknown);

word_enum! {
    /// Why a visitor is no longer in presence.
    pub enum OfflineReason {
        /// The app disconnected presence.
        Disconnected = "disconnected" => "went offline",
        /// The visitor logged out.
        LoggedOut = "logged_out" => "logged out",
        /// The app was closed.
        Left = "left" => "left",
        /// The connection was gone for longer than the lease.
        Lost = "lost" => "connection lost",
        /// The server shut down.
        Shutdown = "shutdown" => "the server shut down",
        /// The operator's policy ended it.
        Policy = "policy" => "ended by the operator's policy",
        /// A reason a newer peer knows.
        Unknown = "unknown" => "went offline for a reason this version does not know",
    }
}
from_word!(OfflineReason, unknown => Unknown);

word_enum! {
    /// Why the server closes a connection. `closing.retry` says whether coming back is welcome.
    pub enum CloseReason {
        /// The client said goodbye.
        Left = "left" => "the client left",
        /// The first message was refused.
        Refused = "refused" => "the server refused the connection",
        /// A newer connection resumed this place.
        Superseded = "superseded" => "a newer connection took this place",
        /// Nothing was heard for too long.
        Silent = "silent" => "nothing was heard for too long",
        /// The client did not read what it was sent.
        TooSlow = "too_slow" => "the client did not read fast enough",
        /// What was sent broke the protocol too often.
        Protocol = "protocol" => "the protocol was broken",
        /// The agent's token expired and was not renewed.
        SignInExpired = "sign_in_expired" => "the sign-in has expired",
        /// The server shuts down.
        Shutdown = "shutdown" => "the server is shutting down",
        /// The operator's policy closed it.
        Policy = "policy" => "closed by the operator's policy",
        /// A reason a newer peer knows.
        Unknown = "unknown" => "closed for a reason this version does not know",
    }
}
from_word!(CloseReason, unknown => Unknown);
