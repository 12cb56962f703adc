use coview_wire::AskId;
use coview_wire::Deadline;
use coview_wire::Moment;
use coview_wire::SessionId;

use crate::deadline::DeadlineKind;
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
    const fn kind(self) -> DeadlineKind {
        match self {
            Self::FirstMessage(_) => DeadlineKind::FirstMessage,
            Self::Silence(_) => DeadlineKind::Silence,
            Self::VisitorGrace(..) => DeadlineKind::VisitorGrace,
            Self::AgentGrace(..) => DeadlineKind::AgentGrace,
            Self::KeyUnclaimed(..) => DeadlineKind::KeyUnclaimed,
            Self::StartAfterAccept(..) => DeadlineKind::StartAfterAccept,
            Self::TermsUnanswered(..) => DeadlineKind::TermsUnanswered,
            Self::JoinUnanswered(..) => DeadlineKind::JoinUnanswered,
            Self::MasksSettled(..) => DeadlineKind::MasksSettled,
            Self::SignInOver(..) => DeadlineKind::SignInOver,
            Self::LateCard(..) => DeadlineKind::LateCard,
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
        self.due.first_key_value().map(|(id, due)| Deadline { at: id.at, why: due.kind().why() })
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
