use coview_wire::AskId;
use coview_wire::Deadline;
use coview_wire::Moment;
use coview_wire::SessionId;

use crate::dense::DenseMap;
use crate::event::Place;
use crate::io::ConnId;

/// Which group, by its place in the configuration. Timers and connections carry it instead of the
/// id to stay small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupIndex(pub(crate) u32);

/// What is due at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    FirstMessage(ConnId),
    Silence(ConnId),
    VisitorGrace(GroupIndex, Place),
    AgentGrace(GroupIndex, Place),
    KeyUnclaimed(GroupIndex, SessionId),
    StartAfterAccept(GroupIndex, SessionId),
    TermsUnanswered(GroupIndex, AskId),
    JoinUnanswered(GroupIndex, SessionId),
    MasksSettled(GroupIndex, SessionId),
    SignInOver(GroupIndex, Place),
    /// The number is the one of [`LateCards`](crate::presence::LateCards).
    LateCard(GroupIndex, u64),
}

impl Due {
    const fn why(self) -> &'static str {
        match self {
            Self::FirstMessage(_) => "the first message on a connection",
            Self::Silence(_) => "a sign of life on a connection",
            Self::VisitorGrace(..) => "the return of a visitor whose connection broke",
            Self::AgentGrace(..) => "the return of an agent whose connection broke",
            Self::KeyUnclaimed(..) => "the first use of a key",
            Self::StartAfterAccept(..) => "the start of an accepted session",
            Self::TermsUnanswered(..) => "the visitor's answer to a request",
            Self::JoinUnanswered(..) => "the visitor's word about an agent who waits",
            Self::MasksSettled(..) => "the record of what a visitor's client covers",
            Self::SignInOver(..) => "the end of an agent's token",
            Self::LateCard(..) => "the next card of a visitor who changes often",
        }
    }
}

/// A deadline that was set, to take it back.
///
/// Deadlines of the same moment are due in the order they were set, so a run repeats exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    pub(crate) at: Moment,
    number: u64,
}

/// Every deadline of the hub, earliest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    pub(crate) due: DenseMap<TimerId, Due>,
    last: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Moment, due: Due) -> TimerId {
        self.last += 1;
        let id = TimerId { at, number: self.last };
        self.due.insert(id, due);
        id
    }

    /// Forgets a deadline; nothing happens if it is over.
    pub(crate) fn cancel(&mut self, id: Option<TimerId>) {
        if let Some(id) = id {
            self.due.remove(&id);
        }
    }

    /// Takes the earliest deadline out if it has come.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Due> {
        let (first, _) = self.due.first_key_value()?;
        if first.at > now {
            return None;
        }
        self.due.pop_first().map(|(_, due)| due)
    }

    pub(crate) fn earliest(&self) -> Option<Deadline> {
        self.due.first_key_value().map(|(id, due)| Deadline { at: id.at, why: due.why() })
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
