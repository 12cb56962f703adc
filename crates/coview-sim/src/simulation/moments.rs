//! What somebody does just when it hurts most: while a certain message is under way.

use core::time::Duration;

use coview_lifecycle::Command;
use coview_wire::AppState;

use crate::act::Act;
use crate::act::AgentAct;
use crate::act::HubAct;
use crate::act::NetworkAct;
use crate::act::VisitorAct;
use crate::client::ClientId;
use crate::network::Cut;
use crate::network::Direction;
use crate::simulation::day::Dice;
use crate::world::Tamper;
use crate::world::UnderWay;

/// Something to do while a message is under way to or from a client. `others` are a visitor and an
/// agent who may have nothing to do with it.
pub(super) fn worst(
    dice: &mut Dice,
    at: &UnderWay,
    others: (usize, usize),
    seats: usize,
    tampers: bool,
) -> Act {
    let (visitor, agent) = match at.client {
        ClientId::Visitor(no) => (no.0, others.1),
        ClientId::Agent(no) => (others.0, no.0),
    };
    let of_network = match at.client {
        ClientId::Visitor(no) => no.0,
        ClientId::Agent(no) => seats + no.0,
    };
    if dice.one_in(3) {
        return Act::Network(of_network, broken(dice, at.direction, tampers));
    }
    let visitors = |act| Act::Visitor(visitor, act);
    let agents = |act| Act::Agent(agent, act);
    let possible = dice.below(6);
    let own = match at.client {
        ClientId::Visitor(_) => visitors(VisitorAct::Possible(possible)),
        ClientId::Agent(_) => agents(AgentAct::Stop(possible.is_multiple_of(2))),
    };
    let choices = match at.kind.as_str() {
        // Who is asked does something else, or the agent does not want any more.
        "ask" | "asked" | "terms_requested" | "terms_displayed" => vec![
            agents(AgentAct::Stop(false)),
            agents(AgentAct::Crash(Cut::BothNotice)),
            visitors(VisitorAct::Call(Command::Disconnect)),
            visitors(VisitorAct::Call(Command::StartManual)),
            visitors(VisitorAct::Move(AppState::Background)),
            visitors(VisitorAct::Forward),
        ],
        "terms_accepted" | "session_start" | "session_connected" => vec![
            agents(AgentAct::Stop(true)),
            agents(AgentAct::JoinLate(visitor)),
            visitors(VisitorAct::Call(Command::End)),
            visitors(VisitorAct::GiveUp),
            visitors(VisitorAct::Move(AppState::Background)),
            visitors(VisitorAct::Crash(Cut::BothNotice)),
            visitors(VisitorAct::Crash(Cut::Silent)),
            Act::Hub(HubAct::Crash(Cut::BothNotice)),
        ],
        "terms_withdrawn" | "withdraw" | "ask_ended" => vec![
            visitors(VisitorAct::Call(Command::Accept)),
            visitors(VisitorAct::Call(Command::Decline)),
            visitors(VisitorAct::Call(Command::TermsDisplayed)),
            agents(AgentAct::Ask(possible)),
        ],
        "join" | "join_waiting" | "join_requested" | "joined" | "join_confirmed" => vec![
            agents(AgentAct::Cancel),
            agents(AgentAct::Stop(false)),
            agents(AgentAct::Crash(Cut::ClientNotices)),
            visitors(VisitorAct::Call(Command::End)),
            visitors(VisitorAct::Call(Command::Confirm)),
            visitors(VisitorAct::Call(Command::Refuse)),
        ],
        "session_end" | "session_ended" | "end" | "leave" | "session_guests" => vec![
            agents(AgentAct::JoinLate(visitor)),
            agents(AgentAct::Stop(true)),
            visitors(VisitorAct::Call(Command::StartManual)),
            visitors(VisitorAct::Call(Command::End)),
        ],
        "hello" | "sign_in" | "resume" | "welcome" | "signed_in" | "resumed" => vec![
            visitors(VisitorAct::Move(AppState::Background)),
            visitors(VisitorAct::Leave),
            agents(AgentAct::Leave),
            Act::Hub(HubAct::Crash(Cut::ClientNotices)),
            Act::Hub(HubAct::Restart),
        ],
        "identify" | "identified" | "presence_connect" | "presence_connected" => vec![
            visitors(VisitorAct::GiveUp),
            visitors(VisitorAct::Call(Command::LogOut)),
            visitors(VisitorAct::Move(AppState::Background)),
            visitors(VisitorAct::Crash(Cut::Silent)),
        ],
        "closing" | "bye" => vec![own.clone(), Act::Hub(HubAct::Restart)],
        _ => vec![own.clone()],
    };
    if dice.one_in(4) { own } else { choices[dice.below(choices.len())].clone() }
}

/// What the network does to whoever the message is from or to.
fn broken(dice: &mut Dice, direction: Direction, tampers: bool) -> NetworkAct {
    match dice.below(if tampers { 14 } else { 6 }) {
        0 => NetworkAct::Cut(Cut::BothNotice),
        1 => NetworkAct::Cut(Cut::ClientNotices),
        2 => NetworkAct::Cut(Cut::HubNotices),
        3 => NetworkAct::Cut(Cut::Silent),
        4 => NetworkAct::Stall(direction),
        5 => NetworkAct::Unstall(direction),
        6 => NetworkAct::Sleep(Duration::from_secs(40)),
        other => NetworkAct::Tamper(direction, Tamper::ALL[other % Tamper::ALL.len()]),
    }
}
