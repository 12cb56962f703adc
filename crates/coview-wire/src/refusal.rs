use crate::word::from_word;
use crate::word::word_enum;

word_enum! {
    /// Why the server said no. The words after each are what a person is told; the remedy is in the
    /// documentation of the variant.
    ///
    /// ```
    /// use coview_wire::RefusalCode;
    ///
    /// assert_eq!(RefusalCode::NoSuchKey.as_str(), "no_such_key");
    /// assert_eq!(RefusalCode::NoSuchKey.to_string(), "no session has this key");
    /// ```
    pub enum RefusalCode {
        /// The server speaks another protocol version. Update the older side.
        VersionUnsupported = "version_unsupported" => "this protocol version is not supported",
        /// The server knows no such group. Check the group id.
        UnknownGroup = "unknown_group" => "unknown group",
        /// The token was not accepted. Get a new one from the operator's backend.
        BadToken = "bad_token" => "the token was not accepted",
        /// The token was good once; its time is over. Get a new one from the operator's backend.
        TokenExpired = "token_expired" => "the token has expired",
        /// The token, or the assertion, may be used once and was used before. Get a new one.
        TokenUsed = "token_used" => "the token was used before",
        /// A page of this origin may not talk to this group. Add it to the group's origins.
        OriginForbidden = "origin_forbidden" => "pages of this origin are not allowed here",
        /// The group wants to see an assertion of the app's backend with a visitor id.
        AssertionNeeded = "assertion_needed" => "this group needs an assertion to identify a visitor",
        /// The assertion was not accepted: forged, expired, or for somebody else.
        BadAssertion = "bad_assertion" => "the assertion was not accepted",
        /// The agent's token does not allow this.
        NotAllowed = "not_allowed" => "your token does not allow this",
        /// The agent's token has expired since the sign-in. Renew it.
        SignInExpired = "sign_in_expired" => "your sign-in has expired",
        /// The place to resume is gone: the grace is over or the server restarted. Say hello again.
        ResumeFailed = "resume_failed" => "there is nothing to resume",
        /// The first message must be hello, sign_in or resume.
        HelloFirst = "hello_first" => "say hello first",
        /// The message is not legal in the state the sender is in.
        IllegalOrder = "illegal_order" => "not possible in this state",
        /// The message could not be read.
        Malformed = "malformed" => "the message could not be read",
        /// The message type is not known.
        UnknownType = "unknown_type" => "unknown message type",
        /// Presence is not enabled for the group.
        PresenceDisabled = "presence_disabled" => "presence is not enabled for this group",
        /// The visitor has already been identified under another id. Log out first.
        AlreadyIdentified = "already_identified" => "already identified under another id; log out first",
        /// The visitor is not online.
        NotOnline = "not_online" => "the visitor is not online",
        /// The visitor is being asked or is sharing already.
        VisitorBusy = "visitor_busy" => "the visitor is busy",
        /// This agent has a request or a session already. Withdraw or leave first.
        AgentBusy = "agent_busy" => "you have a request or a session already",
        /// The terms no longer stand: they were withdrawn, expired or answered.
        TermsOver = "terms_over" => "the request no longer stands",
        /// The start was cancelled before it was answered.
        Cancelled = "cancelled" => "cancelled",
        /// No session has this key now: it is wrong, used or too old; which of them is not told.
        NoSuchKey = "no_such_key" => "no session has this key",
        /// Too many wrong keys. Wait before the next try.
        TooManyTries = "too_many_tries" => "too many wrong keys; wait before the next try",
        /// The visitor did not let the agent in.
        JoinDeclined = "join_declined" => "the visitor did not let you in",
        /// The session is gone.
        SessionGone = "session_gone" => "the session is over",
        /// The session has as many guests as it may have.
        SessionFull = "session_full" => "the session has as many guests as it may have",
        /// A limit on size or number was exceeded.
        LimitExceeded = "limit_exceeded" => "a limit was exceeded",
        /// The server is shutting down. Try again later.
        ShuttingDown = "shutting_down" => "the server is shutting down",
        /// The server cannot keep the record that consent needs. Try again later.
        Unavailable = "unavailable" => "not possible now; try again later",
        /// No answer came in time.
        NoAnswer = "no_answer" => "no answer came in time",
        /// A code a newer server knows.
        Unknown = "unknown" => "refused for a reason this version does not know",
    }
}
from_word!(RefusalCode, unknown => Unknown);
