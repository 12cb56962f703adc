use core::fmt;
use std::collections::BTreeMap;

use coview_wire::AskId;
use coview_wire::SessionId;
use coview_wire::UnixTime;
use serde::Deserialize;
use serde::Serialize;

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident = $word:literal, )+) => {
        /// What a line of the log is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $( $(#[$meta])* $variant, )+
        }

        impl Kind {
            /// Every kind, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it stands in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

kinds! {
    /// The first line: the group, the version of the format and the public key of the signatures.
    Genesis = "genesis",
    /// The log was opened again; `cut` bytes of an unfinished line were cut off.
    Opened = "opened",
    /// A signature over everything before.
    Head = "head",
    /// An agent signed in with a token.
    AgentSignedIn = "agent_signed_in",
    /// An agent showed a newer token.
    SignInRenewed = "sign_in_renewed",
    /// An agent's token expired.
    SignInExpired = "sign_in_expired",
    /// A token or an assertion was not accepted.
    ProofRefused = "proof_refused",
    /// An agent wanted to do what its token does not allow.
    NotAllowed = "not_allowed",
    /// A visitor said who it is.
    Identified = "identified",
    /// A newer device of a visitor took over from an older one.
    HandedOff = "handed_off",
    /// An agent asked a visitor to share.
    Asked = "asked",
    /// The terms of a request were on the visitor's screen.
    TermsDisplayed = "terms_displayed",
    /// The visitor accepted them.
    Accepted = "accepted",
    /// The visitor declined.
    Declined = "declined",
    /// A request ended in any other way.
    AskEnded = "ask_ended",
    /// A session runs.
    SessionStarted = "session_started",
    /// An agent with the key waits for the visitor's word.
    JoinRequested = "join_requested",
    /// The visitor let it in.
    JoinConfirmed = "join_confirmed",
    /// The visitor did not.
    JoinDeclined = "join_declined",
    /// It does not wait any more, and there was no word.
    JoinEnded = "join_ended",
    /// An agent sees the screen from now on.
    GuestJoined = "guest_joined",
    /// An agent does not see it any more; the session goes on.
    GuestLeft = "guest_left",
    /// What the visitor's client covers from now on.
    MasksChanged = "masks_changed",
    /// The key of a session is of no use any more.
    KeyBurned = "key_burned",
    /// A session ended.
    SessionEnded = "session_ended",
    /// An agent tried a key that no session has.
    WrongKey = "wrong_key",
    /// A key was not looked at, after too many wrong ones.
    TooManyTries = "too_many_tries",
    /// After many wrong keys visitors are asked about every agent who comes with one.
    StepUp = "step_up",
    /// Personal fields of one visitor were removed on request.
    Erased = "erased",
    /// Personal fields that were kept long enough were removed.
    RetentionApplied = "retention_applied",
    /// So many records could not be kept while the log could not be written. None is of a kind that
    /// [begins](Kind::begins) anything.
    Lost = "lost",
}

impl Kind {
    /// The kind with this word.
    ///
    /// ```
    /// use coview_audit::Kind;
    ///
    /// assert_eq!(Kind::from_word("guest_joined"), Some(Kind::GuestJoined));
    /// assert_eq!(Kind::from_word("of a newer version"), None);
    /// ```
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Whether something begins with it that needs a record first: nothing that follows from it may
    /// be told before the record is on disk.
    ///
    /// What ends something is not among them. A visitor who stops, or says no, is obeyed at once,
    /// also while the log cannot be written.
    #[must_use]
    pub const fn begins(self) -> bool {
        matches!(
            self,
            Self::Asked
                | Self::TermsDisplayed
                | Self::Accepted
                | Self::SessionStarted
                | Self::JoinRequested
                | Self::JoinConfirmed
                | Self::GuestJoined
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A field that tells of a person. It can be removed from the log without breaking the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Personal {
    /// The network address of a client.
    Address,
    /// An agent's id.
    Agent,
    /// An agent's name, as its token proved it.
    AgentName,
    /// A visitor's id.
    Visitor,
}

impl Personal {
    /// Every personal field, in the order in which they stand on a line.
    pub const ALL: [Self; 4] = [Self::Address, Self::Agent, Self::AgentName, Self::Visitor];

    /// The name as it stands in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Agent => "agent",
            Self::AgentName => "agent_name",
            Self::Visitor => "visitor",
        }
    }
}

impl fmt::Display for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A text.
    Text(Box<str>),
    /// Several texts.
    List(Vec<Box<str>>),
}

impl From<bool> for Fact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Fact {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<const N: usize> From<[&str; N]> for Fact {
    fn from(texts: [&str; N]) -> Self {
        Self::List(texts.into_iter().map(Box::from).collect())
    }
}

/// One thing that happened, as it is handed to the log.
///
/// Facts are for ever; what tells of a person is a [`Personal`] field and can be erased.
///
/// ```
/// use coview_audit::{Kind, Personal, Record};
/// use coview_wire::{SessionId, UnixTime};
///
/// let record = Record::new(Kind::GuestJoined, UnixTime::new(1_795_396_800))
///     .session(SessionId::new(7))
///     .personal(Personal::Agent, "grace")
///     .personal(Personal::AgentName, "Grace Hopper")
///     .fact("agents", 1_u32);
/// assert_eq!(record.kind(), Kind::GuestJoined);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(crate) kind: Kind,
    pub(crate) time: UnixTime,
    pub(crate) session: Option<SessionId>,
    pub(crate) ask: Option<AskId>,
    pub(crate) facts: BTreeMap<Box<str>, Fact>,
    pub(crate) personal: BTreeMap<Personal, Box<str>>,
}

impl Record {
    /// A record of this kind.
    #[must_use]
    pub const fn new(kind: Kind, time: UnixTime) -> Self {
        Self {
            kind,
            time,
            session: None,
            ask: None,
            facts: BTreeMap::new(),
            personal: BTreeMap::new(),
        }
    }

    /// Which session it is about.
    #[must_use]
    pub fn session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// Which request it is about.
    #[must_use]
    pub fn ask(self, ask: AskId) -> Self {
        Self { ask: Some(ask), ..self }
    }

    /// With a fact. The same name again replaces it.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<Fact>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }

    /// With a fact, if there is a value.
    #[must_use]
    pub fn fact_if(self, name: &'static str, value: Option<impl Into<Fact>>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    /// With a personal field. The same field again replaces it.
    #[must_use]
    pub fn personal(mut self, field: Personal, value: impl AsRef<str>) -> Self {
        self.personal.insert(field, value.as_ref().into());
        self
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}
