//! Everything there is to reach. A new variant of any of these enums does not compile until it is
//! listed here, or stands in the `ALL` its own crate makes of it.

use core::fmt;

use coview_agent::AgentStateKind;
use coview_hub::Departure;
use coview_lifecycle::StateKind;
use coview_lifecycle::table::Trigger;
use coview_proto::Ended;
use coview_wire::AskOutcome;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::OfflineReason;
use coview_wire::RefusalCode;
use coview_wire::WithdrawReason;

use crate::network::Cut;
use crate::network::Direction;
use crate::network::Reach;
use crate::world::Tamper;

/// One thing a simulation can get to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A row of the transition table: a visitor took it.
    Row(StateKind, Trigger),
    /// The no of a row: the server refused it.
    RefusedRow(StateKind, Trigger),
    /// A row of the agents' table.
    AgentRow(AgentStateKind, coview_agent::table::Trigger),
    /// The no of a row of the agents' table.
    RefusedAgentRow(AgentStateKind, coview_agent::table::Trigger),
    /// Why a session ended, for all or for one agent.
    End(EndReason),
    /// What came of an agent's request.
    Ask(AskOutcome),
    /// Why terms went away.
    Withdrawn(WithdrawReason),
    /// What came of a join with a key.
    Join(JoinEnd),
    /// Why a visitor went offline.
    Offline(OfflineReason),
    /// Why the place of a client is gone.
    Departed(Departure),
    /// Why the hub closed a connection.
    Closed(CloseReason),
    /// Why the hub said no.
    Refused(RefusalCode),
    /// How a client's engine ended.
    Ended(EndedKind),
    /// A deadline of the hub came.
    HubDeadline(coview_hub::DeadlineKind),
    /// A deadline of a client's engine came.
    EngineDeadline(coview_proto::DeadlineKind),
    /// Something bad that was done to the world.
    Fault(FaultKind),
}

/// What came of a join with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JoinEnd {
    /// The agent is in the session at once.
    Direct,
    /// The visitor let the agent in.
    Confirmed,
    /// The visitor did not let the agent in.
    Declined,
    /// The session ended before an answer.
    SessionOver,
    /// It ended otherwise.
    Ended(WithdrawReason),
}

/// How a client's engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the variant of `Ended` with its name")]
pub enum EndedKind {
    Left,
    Refused,
    Server,
    Unreachable,
    NoAnswer,
    Protocol,
    Backlog,
}

/// Something bad that is done to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A connection is cut.
    Cut(Cut),
    /// A direction of a connection is stalled.
    Stall(Direction),
    /// Somebody tries to connect who cannot.
    Reach(Reach),
    /// A message is lost, doubled or changed. Which bytes are is not told apart.
    Tamper(Direction, Tamper),
    /// A client's process ends without a word.
    ClientCrashes,
    /// A client is started again.
    ClientReturns,
    /// A client's machine sleeps.
    ClientSleeps,
    /// The hub is gone without a word.
    HubCrashes,
    /// The hub is asked to stop.
    HubStops,
    /// The hub lets nothing new begin.
    HubDrains,
    /// The hub's machine sleeps.
    HubSleeps,
    /// The hub's records cannot be written.
    RecordsLost,
    /// The wall clock is set forward.
    ClockForward,
    /// The wall clock is set back.
    ClockBack,
}

impl From<&Ended> for EndedKind {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::Left => Self::Left,
            Ended::Refused(_) => Self::Refused,
            Ended::Server(_) => Self::Server,
            Ended::Unreachable(_) => Self::Unreachable,
            Ended::NoAnswer => Self::NoAnswer,
            Ended::Protocol(_) => Self::Protocol,
            Ended::Backlog => Self::Backlog,
        }
    }
}

impl EndedKind {
    /// The next variant: a list that the compiler keeps whole.
    const fn next(self) -> Option<Self> {
        match self {
            Self::Left => Some(Self::Refused),
            Self::Refused => Some(Self::Server),
            Self::Server => Some(Self::Unreachable),
            Self::Unreachable => Some(Self::NoAnswer),
            Self::NoAnswer => Some(Self::Protocol),
            Self::Protocol => Some(Self::Backlog),
            Self::Backlog => None,
        }
    }
}

/// The next variant.
const fn next_departure(departure: Departure) -> Option<Departure> {
    match departure {
        Departure::Left => Some(Departure::Lost),
        Departure::Lost => Some(Departure::Policy),
        Departure::Policy => Some(Departure::SignInExpired),
        Departure::SignInExpired => Some(Departure::Shutdown),
        Departure::Shutdown => None,
    }
}

const fn next_cut(cut: Cut) -> Option<Cut> {
    match cut {
        Cut::BothNotice => Some(Cut::ClientNotices),
        Cut::ClientNotices => Some(Cut::HubNotices),
        Cut::HubNotices => Some(Cut::Silent),
        Cut::Silent => None,
    }
}

const fn next_tamper(tamper: Tamper) -> Option<Tamper> {
    match tamper {
        Tamper::Lose => Some(Tamper::Double),
        Tamper::Double => Some(Tamper::Garble(0)),
        Tamper::Garble(_) => Some(Tamper::Truncate),
        Tamper::Truncate => Some(Tamper::Replace),
        Tamper::Replace => Some(Tamper::Misdirect),
        Tamper::Misdirect => Some(Tamper::Misplace),
        Tamper::Misplace => None,
    }
}

impl JoinEnd {
    fn next(self) -> Option<Self> {
        let reasons = WithdrawReason::ALL;
        match self {
            Self::Direct => Some(Self::Confirmed),
            Self::Confirmed => Some(Self::Declined),
            Self::Declined => Some(Self::SessionOver),
            Self::SessionOver => reasons.first().copied().map(Self::Ended),
            Self::Ended(reason) => {
                let at = reasons.iter().position(|it| *it == reason)?;
                reasons.get(at + 1).copied().map(Self::Ended)
            }
        }
    }
}

impl FaultKind {
    /// A fault of this kind.
    pub(crate) const fn tamper(direction: Direction, tamper: Tamper) -> Self {
        Self::Tamper(
            direction,
            match tamper {
                Tamper::Garble(_) => Tamper::Garble(0),
                Tamper::Lose
                | Tamper::Double
                | Tamper::Truncate
                | Tamper::Replace
                | Tamper::Misdirect
                | Tamper::Misplace => tamper,
            },
        )
    }

    fn next(self) -> Option<Self> {
        use Direction::Down;
        use Direction::Up;
        match self {
            Self::Cut(cut) => Some(next_cut(cut).map_or(Self::Stall(Up), Self::Cut)),
            Self::Stall(Up) => Some(Self::Stall(Down)),
            Self::Stall(Down) => Some(Self::Reach(Reach::Refused)),
            // The way that is open is no fault.
            Self::Reach(Reach::Open | Reach::Refused) => Some(Self::Reach(Reach::Nowhere)),
            Self::Reach(Reach::Nowhere) => Some(Self::Tamper(Up, Tamper::Lose)),
            Self::Tamper(Up, tamper) => Some(
                next_tamper(tamper)
                    .map_or(Self::Tamper(Down, Tamper::Lose), |next| Self::Tamper(Up, next)),
            ),
            Self::Tamper(Down, tamper) => Some(
                next_tamper(tamper).map_or(Self::ClientCrashes, |next| Self::Tamper(Down, next)),
            ),
            Self::ClientCrashes => Some(Self::ClientReturns),
            Self::ClientReturns => Some(Self::ClientSleeps),
            Self::ClientSleeps => Some(Self::HubCrashes),
            Self::HubCrashes => Some(Self::HubStops),
            Self::HubStops => Some(Self::HubDrains),
            Self::HubDrains => Some(Self::HubSleeps),
            Self::HubSleeps => Some(Self::RecordsLost),
            Self::RecordsLost => Some(Self::ClockForward),
            Self::ClockForward => Some(Self::ClockBack),
            Self::ClockBack => None,
        }
    }
}

fn chain<T: Copy>(first: T, next: fn(T) -> Option<T>) -> impl Iterator<Item = T> {
    core::iter::successors(Some(first), move |it| next(*it))
}

impl Item {
    /// Everything there is to reach, with what is exempt.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for edge in coview_lifecycle::table::TABLE {
            all.push(Self::Row(edge.from, edge.on));
            all.extend(edge.refused.map(|_| Self::RefusedRow(edge.from, edge.on)));
        }
        for edge in coview_agent::table::TABLE {
            all.push(Self::AgentRow(edge.from, edge.on));
            all.extend(edge.refused.map(|_| Self::RefusedAgentRow(edge.from, edge.on)));
        }
        all.extend(EndReason::ALL.iter().copied().map(Self::End));
        all.extend(AskOutcome::ALL.iter().copied().map(Self::Ask));
        all.extend(WithdrawReason::ALL.iter().copied().map(Self::Withdrawn));
        all.extend(chain(JoinEnd::Direct, JoinEnd::next).map(Self::Join));
        all.extend(OfflineReason::ALL.iter().copied().map(Self::Offline));
        all.extend(chain(Departure::Left, next_departure).map(Self::Departed));
        all.extend(CloseReason::ALL.iter().copied().map(Self::Closed));
        all.extend(RefusalCode::ALL.iter().copied().map(Self::Refused));
        all.extend(chain(EndedKind::Left, EndedKind::next).map(Self::Ended));
        all.extend(coview_hub::DeadlineKind::ALL.iter().copied().map(Self::HubDeadline));
        all.extend(coview_proto::DeadlineKind::ALL.iter().copied().map(Self::EngineDeadline));
        all.extend(chain(FaultKind::Cut(Cut::BothNotice), FaultKind::next).map(Self::Fault));
        all
    }

    /// What kind of item it is.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Row(..) => "rows of the transition table",
            Self::RefusedRow(..) => "rows of the transition table, refused",
            Self::AgentRow(..) => "rows of the agents' table",
            Self::RefusedAgentRow(..) => "rows of the agents' table, refused",
            Self::End(_) => "ends of sessions",
            Self::Ask(_) => "outcomes of requests",
            Self::Withdrawn(_) => "reasons terms went away",
            Self::Join(_) => "outcomes of joins with a key",
            Self::Offline(_) => "reasons to be offline",
            Self::Departed(_) => "departures of places",
            Self::Closed(_) => "reasons the hub closes",
            Self::Refused(_) => "codes of a no",
            Self::Ended(_) => "ends of engines",
            Self::HubDeadline(_) => "deadlines of the hub",
            Self::EngineDeadline(_) => "deadlines of engines",
            Self::Fault(_) => "faults",
        }
    }

    /// Why a simulation cannot get to it; `None` if it must.
    #[must_use]
    pub const fn exempt(self) -> Option<&'static str> {
        const NEWER: Option<&str> = Some("for what a newer peer says");
        match self {
            Self::End(EndReason::Unknown)
            | Self::Ask(AskOutcome::Unknown)
            | Self::Withdrawn(WithdrawReason::Unknown)
            | Self::Join(JoinEnd::Ended(WithdrawReason::Unknown))
            | Self::Offline(OfflineReason::Unknown)
            | Self::Closed(CloseReason::Unknown)
            | Self::Refused(RefusalCode::Unknown) => NEWER,
            Self::End(EndReason::LoggedOut) | Self::Offline(OfflineReason::LoggedOut) => {
                Some("who is online or shares cannot log out: the table has no such row")
            }
            Self::End(EndReason::Superseded) => Some("no start takes the place of another"),
            Self::Closed(CloseReason::Policy) => Some("no policy of the hub closes a connection"),
            Self::Join(JoinEnd::Ended(WithdrawReason::Busy | WithdrawReason::PresenceOver)) => {
                Some("it is said of terms only")
            }
            Self::Refused(RefusalCode::AlreadyIdentified) => Some(
                "whoever says it is somebody else has logged out before, on the same connection",
            ),
            Self::Row(..)
            | Self::RefusedRow(..)
            | Self::AgentRow(..)
            | Self::RefusedAgentRow(..)
            | Self::End(_)
            | Self::Ask(_)
            | Self::Withdrawn(_)
            | Self::Join(_)
            | Self::Offline(_)
            | Self::Departed(_)
            | Self::Closed(_)
            | Self::Refused(_)
            | Self::Ended(_)
            | Self::HubDeadline(_)
            | Self::EngineDeadline(_)
            | Self::Fault(_) => None,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind())?;
        match self {
            Self::Row(from, on) | Self::RefusedRow(from, on) => write!(f, "{from}, {on}"),
            Self::AgentRow(from, on) | Self::RefusedAgentRow(from, on) => write!(f, "{from}, {on}"),
            Self::End(reason) => f.write_str(reason.as_str()),
            Self::Ask(outcome) => f.write_str(outcome.as_str()),
            Self::Withdrawn(reason) => f.write_str(reason.as_str()),
            Self::Join(JoinEnd::Direct) => f.write_str("direct"),
            Self::Join(JoinEnd::Confirmed) => f.write_str("confirmed"),
            Self::Join(JoinEnd::Declined) => f.write_str("declined"),
            Self::Join(JoinEnd::SessionOver) => f.write_str("session over"),
            Self::Join(JoinEnd::Ended(reason)) => write!(f, "ended, {}", reason.as_str()),
            Self::Offline(reason) => f.write_str(reason.as_str()),
            Self::Departed(departure) => write!(f, "{departure}"),
            Self::Closed(reason) => f.write_str(reason.as_str()),
            Self::Refused(code) => f.write_str(code.as_str()),
            Self::Ended(ended) => write!(f, "{ended:?}"),
            Self::HubDeadline(kind) => f.write_str(kind.why()),
            Self::EngineDeadline(kind) => f.write_str(kind.why()),
            Self::Fault(FaultKind::Tamper(direction, Tamper::Garble(_))) => {
                write!(f, "Tamper({direction:?}, Garble)")
            }
            Self::Fault(fault) => write!(f, "{fault:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_item_stands_in_the_list_once() {
        let all = Item::all();
        let set: BTreeSet<Item> = all.iter().copied().collect();
        assert_eq!(set.len(), all.len());
    }
}
