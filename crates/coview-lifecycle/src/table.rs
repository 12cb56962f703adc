//! The transition table: the one specification of what may follow what.
//!
//! The typestates, the server's checks, the diagram in the documentation and the table of states
//! and verbs on [`Visitor`](crate::Visitor) all come from [`TABLE`]. A pair that is not in it
//! changes nothing.
//!
//! ```
//! use coview_lifecycle::StateKind;
//! use coview_lifecycle::table::{self, Trigger};
//!
//! let edge = table::edge(StateKind::Identified, Trigger::ConnectPresence).unwrap();
//! assert_eq!(edge.to, StateKind::PresenceConnected);
//! assert_eq!(edge.refused, Some(StateKind::Identified));
//! assert!(table::edge(StateKind::Anonymous, Trigger::ConnectPresence).is_none());
//! ```

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::fmt::Write;

/// Which state a visitor is in, as a value: for logs, user interfaces and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    /// Connected, not logged in.
    Anonymous,
    /// Logged in: the visitor id is known.
    Identified,
    /// Online: agents see the visitor and may ask.
    PresenceConnected,
    /// An agent asked; the terms are not on the screen yet.
    TermsRequested,
    /// The terms are on the screen.
    TermsShown,
    /// Sharing, started manually before login.
    SharingManualAnonymous,
    /// Sharing, started manually after login.
    SharingManualIdentified,
    /// Sharing, started manually while online.
    SharingManualPresence,
    /// Sharing, started manually before login; an agent who typed the key waits to be let in.
    ConfirmingAnonymous,
    /// Sharing, started manually after login; an agent who typed the key waits to be let in.
    ConfirmingIdentified,
    /// Sharing, started manually while online; an agent who typed the key waits to be let in.
    ConfirmingPresence,
    /// Sharing, started by an accepted request of an agent.
    SharingOneClick,
}

impl StateKind {
    /// Every state, in the order of the story.
    pub const ALL: [Self; 12] = [
        Self::Anonymous,
        Self::Identified,
        Self::PresenceConnected,
        Self::TermsRequested,
        Self::TermsShown,
        Self::SharingManualAnonymous,
        Self::SharingManualIdentified,
        Self::SharingManualPresence,
        Self::ConfirmingAnonymous,
        Self::ConfirmingIdentified,
        Self::ConfirmingPresence,
        Self::SharingOneClick,
    ];

    /// The state as its type is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Identified => "Identified",
            Self::PresenceConnected => "PresenceConnected",
            Self::TermsRequested => "TermsRequested",
            Self::TermsShown => "TermsShown",
            Self::SharingManualAnonymous => "Sharing<Manual, Anonymous>",
            Self::SharingManualIdentified => "Sharing<Manual, Identified>",
            Self::SharingManualPresence => "Sharing<Manual, PresenceConnected>",
            Self::ConfirmingAnonymous => "Confirming<Anonymous>",
            Self::ConfirmingIdentified => "Confirming<Identified>",
            Self::ConfirmingPresence => "Confirming<PresenceConnected>",
            Self::SharingOneClick => "Sharing<OneClick, PresenceConnected>",
        }
    }

    /// Whether the screen is shared in this state. It is while an agent waits to be let in, too:
    /// with those who have been.
    #[must_use]
    pub const fn is_sharing(self) -> bool {
        match self {
            Self::SharingManualAnonymous
            | Self::SharingManualIdentified
            | Self::SharingManualPresence
            | Self::ConfirmingAnonymous
            | Self::ConfirmingIdentified
            | Self::ConfirmingPresence
            | Self::SharingOneClick => true,
            Self::Anonymous
            | Self::Identified
            | Self::PresenceConnected
            | Self::TermsRequested
            | Self::TermsShown => false,
        }
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who causes a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The app calls a verb and waits for the server's answer.
    Request,
    /// The app calls a verb that takes effect at once.
    Verb,
    /// The world: an agent, the server, the network.
    World,
}

macro_rules! triggers {
    ($( $(#[$meta:meta])* $name:ident = $word:literal, $cause:ident; )+) => {
        /// What makes a visitor go from one state to another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Trigger {
            $( $(#[$meta])* $name, )+
        }

        impl Trigger {
            /// Every trigger: first what the app calls, then what the world does.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The verb as the method is named, or the event in words.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Who causes it.
            #[must_use]
            pub const fn cause(self) -> Cause {
                match self { $(Self::$name => Cause::$cause,)+ }
            }
        }
    };
}

triggers! {
    /// `identify`
    Identify = "identify", Request;
    /// `connect_presence`
    ConnectPresence = "connect_presence", Request;
    /// `start_manual`
    StartManual = "start_manual", Request;
    /// `terms_displayed`
    TermsDisplayed = "terms_displayed", Verb;
    /// `accept`
    Accept = "accept", Request;
    /// `decline`
    Decline = "decline", Verb;
    /// `confirm`
    Confirm = "confirm", Verb;
    /// `refuse`
    Refuse = "refuse", Verb;
    /// `end`
    End = "end", Verb;
    /// `disconnect`
    Disconnect = "disconnect", Verb;
    /// `log_out`
    LogOut = "log_out", Verb;
    /// An agent asks to share.
    AgentAsks = "agent asks", World;
    /// The request goes away: withdrawn, expired or overtaken.
    TermsWithdrawn = "terms withdrawn", World;
    /// The server takes the visitor offline.
    PresenceLost = "presence lost", World;
    /// An agent typed the key and waits to be let in.
    JoinRequested = "join requested", World;
    /// The agent who waited to be let in went away, or waited too long.
    JoinWithdrawn = "join withdrawn", World;
    /// The session is ended by someone else than the visitor.
    SessionEnded = "session ended", World;
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The state before.
    pub from: StateKind,
    /// What happens.
    pub on: Trigger,
    /// The state after.
    pub to: StateKind,
    /// Where a no of the server leads; only for what must be granted.
    pub refused: Option<StateKind>,
}

const fn verb(from: StateKind, on: Trigger, to: StateKind) -> Edge {
    Edge { from, on, to, refused: None }
}

const fn request(from: StateKind, on: Trigger, to: StateKind, refused: StateKind) -> Edge {
    Edge { from, on, to, refused: Some(refused) }
}

/// Every transition there is.
pub const TABLE: &[Edge] = {
    use StateKind as S;
    use Trigger as T;
    &[
        request(S::Anonymous, T::Identify, S::Identified, S::Anonymous),
        request(S::Anonymous, T::StartManual, S::SharingManualAnonymous, S::Anonymous),
        request(S::Identified, T::ConnectPresence, S::PresenceConnected, S::Identified),
        request(S::Identified, T::StartManual, S::SharingManualIdentified, S::Identified),
        verb(S::Identified, T::LogOut, S::Anonymous),
        request(
            S::PresenceConnected,
            T::StartManual,
            S::SharingManualPresence,
            S::PresenceConnected,
        ),
        verb(S::PresenceConnected, T::Disconnect, S::Identified),
        verb(S::PresenceConnected, T::AgentAsks, S::TermsRequested),
        verb(S::PresenceConnected, T::PresenceLost, S::Identified),
        verb(S::TermsRequested, T::TermsDisplayed, S::TermsShown),
        verb(S::TermsRequested, T::Decline, S::PresenceConnected),
        verb(S::TermsRequested, T::TermsWithdrawn, S::PresenceConnected),
        request(S::TermsShown, T::Accept, S::SharingOneClick, S::PresenceConnected),
        verb(S::TermsShown, T::Decline, S::PresenceConnected),
        verb(S::TermsShown, T::TermsWithdrawn, S::PresenceConnected),
        verb(S::SharingManualAnonymous, T::End, S::Anonymous),
        verb(S::SharingManualAnonymous, T::JoinRequested, S::ConfirmingAnonymous),
        verb(S::SharingManualAnonymous, T::SessionEnded, S::Anonymous),
        verb(S::SharingManualIdentified, T::End, S::Identified),
        verb(S::SharingManualIdentified, T::JoinRequested, S::ConfirmingIdentified),
        verb(S::SharingManualIdentified, T::SessionEnded, S::Identified),
        verb(S::SharingManualPresence, T::End, S::PresenceConnected),
        verb(S::SharingManualPresence, T::JoinRequested, S::ConfirmingPresence),
        verb(S::SharingManualPresence, T::SessionEnded, S::PresenceConnected),
        verb(S::ConfirmingAnonymous, T::Confirm, S::SharingManualAnonymous),
        verb(S::ConfirmingAnonymous, T::Refuse, S::SharingManualAnonymous),
        verb(S::ConfirmingAnonymous, T::JoinWithdrawn, S::SharingManualAnonymous),
        verb(S::ConfirmingAnonymous, T::End, S::Anonymous),
        verb(S::ConfirmingAnonymous, T::SessionEnded, S::Anonymous),
        verb(S::ConfirmingIdentified, T::Confirm, S::SharingManualIdentified),
        verb(S::ConfirmingIdentified, T::Refuse, S::SharingManualIdentified),
        verb(S::ConfirmingIdentified, T::JoinWithdrawn, S::SharingManualIdentified),
        verb(S::ConfirmingIdentified, T::End, S::Identified),
        verb(S::ConfirmingIdentified, T::SessionEnded, S::Identified),
        verb(S::ConfirmingPresence, T::Confirm, S::SharingManualPresence),
        verb(S::ConfirmingPresence, T::Refuse, S::SharingManualPresence),
        verb(S::ConfirmingPresence, T::JoinWithdrawn, S::SharingManualPresence),
        verb(S::ConfirmingPresence, T::End, S::PresenceConnected),
        verb(S::ConfirmingPresence, T::SessionEnded, S::PresenceConnected),
        verb(S::SharingOneClick, T::End, S::PresenceConnected),
        verb(S::SharingOneClick, T::SessionEnded, S::PresenceConnected),
    ]
};

/// The row for a state and a trigger; `None` if the trigger means nothing in that state.
#[must_use]
pub fn edge(from: StateKind, on: Trigger) -> Option<&'static Edge> {
    TABLE.iter().find(|edge| edge.from == from && edge.on == on)
}

/// Where a pair that is in the table leads, so that a type can have its kind from the table.
pub(crate) const fn after(from: StateKind, on: Trigger) -> StateKind {
    let mut row = 0;
    while row < TABLE.len() {
        // Comparing by number, because a derived `==` cannot be called in a constant.
        if TABLE[row].from as u8 == from as u8 && TABLE[row].on as u8 == on as u8 {
            return TABLE[row].to;
        }
        row += 1;
    }
    panic!("the pair is in the table");
}

/// The table as a Mermaid state diagram, as it stands in the README and in `docs/lifecycle.md`.
#[must_use]
pub fn mermaid() -> String {
    let mut out = String::from("stateDiagram-v2\n    [*] --> Anonymous: connect\n");
    for kind in StateKind::ALL {
        // A label is read as HTML, so angle brackets are written as entity codes.
        let label = kind.as_str().replace('<', "#lt;").replace('>', "#gt;");
        let _ = writeln!(out, "    state \"{label}\" as {kind:?}");
    }
    for Edge { from, on, to, .. } in TABLE {
        let _ = writeln!(out, "    {from:?} --> {to:?}: {on}");
    }
    for Edge { from, on, refused, .. } in TABLE {
        if let Some(back) = refused.filter(|back| back != from) {
            let _ = writeln!(out, "    {from:?} --> {back:?}: {on} refused");
        }
    }
    out
}

/// The table as Markdown: a row for each state, with what the app can call there and what the world
/// can do, each with the state it leads to. A column for each state or verb would not fit a page.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "| while the visitor is | the app can call | the world can do |\n|---|---|---|\n",
    );
    for from in StateKind::ALL {
        let _ = writeln!(out, "| `{from}` |{}|{}|", cell(from, false), cell(from, true));
    }
    out
}

fn cell(from: StateKind, world: bool) -> String {
    let mut out = String::new();
    for Edge { on, to, .. } in TABLE.iter().filter(|edge| edge.from == from) {
        let what = match on.cause() {
            Cause::Request if !world => format!("`{on}().await`"),
            Cause::Verb if !world => format!("`{on}()`"),
            Cause::World if world => format!("*{on}*"),
            Cause::Request | Cause::Verb | Cause::World => continue,
        };
        let _ = write!(out, "{} {what} → `{to}`", if out.is_empty() { "" } else { "<br>" });
    }
    out.push_str(if out.is_empty() { " – " } else { " " });
    out
}
