//! The transition table of an agent: the one specification of what may follow what.
//!
//! The typestates, the diagram and the table of states and verbs on [`Agent`](crate::Agent) agree
//! with [`TABLE`]. A pair that is not in it changes nothing.
//!
//! ```
//! use coview_agent::AgentStateKind;
//! use coview_agent::table::{self, Trigger};
//!
//! let edge = table::edge(AgentStateKind::SignedIn, Trigger::Ask).unwrap();
//! assert_eq!(edge.to, AgentStateKind::Requesting);
//! assert_eq!(edge.refused, Some(AgentStateKind::SignedIn));
//! assert!(table::edge(AgentStateKind::Viewing, Trigger::Ask).is_none());
//! ```

use alloc::string::String;
use core::fmt;
use core::fmt::Write;

pub use coview_lifecycle::table::Cause;

/// Which state an agent is in, as a value: for logs, user interfaces and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentStateKind {
    /// Known to the server and free.
    SignedIn,
    /// A visitor is being asked to share.
    Requesting,
    /// The key was right, and the visitor is asked whether to let the agent in.
    Joining,
    /// In a session.
    Viewing,
}

impl AgentStateKind {
    /// Every state, in the order of the story.
    pub const ALL: [Self; 4] = [Self::SignedIn, Self::Requesting, Self::Joining, Self::Viewing];

    /// The state as its type is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "SignedIn",
            Self::Requesting => "Requesting",
            Self::Joining => "Joining",
            Self::Viewing => "Viewing",
        }
    }
}

impl fmt::Display for AgentStateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! triggers {
    ($( $(#[$meta:meta])* $name:ident = $word:literal, $cause:ident; )+) => {
        /// What makes an agent go from one state to another.
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
    /// `ask`
    Ask = "ask", Request;
    /// `join`
    Join = "join", Request;
    /// `knock`
    Knock = "knock", Request;
    /// `withdraw`
    Withdraw = "withdraw", Verb;
    /// `cancel`
    Cancel = "cancel", Verb;
    /// `leave`
    Leave = "leave", Verb;
    /// `end`
    End = "end", Verb;
    /// The visitor accepts and the session runs.
    Accepted = "accepted", World;
    /// The request came to nothing: declined, expired, busy or lost.
    AskOver = "request over", World;
    /// The visitor lets the agent in, or is not asked.
    LetIn = "let in", World;
    /// The join came to nothing: declined, not answered, or the session is over.
    KeptOut = "kept out", World;
    /// The session is over for this agent.
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
    pub from: AgentStateKind,
    /// What happens.
    pub on: Trigger,
    /// The state after.
    pub to: AgentStateKind,
    /// Where a no of the server leads; only for what must be granted.
    pub refused: Option<AgentStateKind>,
}

const fn verb(from: AgentStateKind, on: Trigger, to: AgentStateKind) -> Edge {
    Edge { from, on, to, refused: None }
}

const fn request(from: AgentStateKind, on: Trigger, to: AgentStateKind) -> Edge {
    Edge { from, on, to, refused: Some(from) }
}

/// Every transition there is.
pub const TABLE: &[Edge] = {
    use AgentStateKind as S;
    use Trigger as T;
    &[
        request(S::SignedIn, T::Ask, S::Requesting),
        request(S::SignedIn, T::Join, S::Viewing),
        request(S::SignedIn, T::Knock, S::Joining),
        verb(S::Requesting, T::Withdraw, S::SignedIn),
        verb(S::Requesting, T::Accepted, S::Viewing),
        verb(S::Requesting, T::AskOver, S::SignedIn),
        verb(S::Joining, T::Cancel, S::SignedIn),
        verb(S::Joining, T::LetIn, S::Viewing),
        verb(S::Joining, T::KeptOut, S::SignedIn),
        verb(S::Viewing, T::Leave, S::SignedIn),
        verb(S::Viewing, T::End, S::SignedIn),
        verb(S::Viewing, T::SessionEnded, S::SignedIn),
    ]
};

/// The row for a state and a trigger; `None` if the trigger means nothing in that state.
#[must_use]
pub fn edge(from: AgentStateKind, on: Trigger) -> Option<&'static Edge> {
    TABLE.iter().find(|edge| edge.from == from && edge.on == on)
}

/// The table as a Mermaid state diagram.
#[must_use]
pub fn mermaid() -> String {
    let mut out = String::from("stateDiagram-v2\n    [*] --> SignedIn: sign in\n");
    for Edge { from, on, to, .. } in TABLE {
        let _ = writeln!(out, "    {from} --> {to}: {on}");
    }
    out
}

/// The table as Markdown: a row for each verb, a column for each state, and in each cell the state
/// it leads to.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("| verb or event |");
    for kind in AgentStateKind::ALL {
        let _ = write!(out, " `{kind}` |");
    }
    out.push_str("\n|---|");
    for _ in AgentStateKind::ALL {
        out.push_str("---|");
    }
    out.push('\n');
    for on in Trigger::ALL {
        let _ = match on.cause() {
            Cause::Request => write!(out, "| `{on}().await` |"),
            Cause::Verb => write!(out, "| `{on}()` |"),
            Cause::World => write!(out, "| *{on}* |"),
        };
        for from in AgentStateKind::ALL {
            let _ = match edge(from, *on) {
                Some(Edge { to, .. }) => write!(out, " → `{to}` |"),
                None => write!(out, " – |"),
            };
        }
        out.push('\n');
    }
    out
}
