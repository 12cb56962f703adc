//! What happens too rarely by chance: short plays that lead there.

use core::time::Duration;
use std::collections::VecDeque;

use coview_lifecycle::Command;
use coview_wire::KeyLength;
use coview_wire::PresencePatch;
use coview_wire::SessionKey;

use crate::act::Act;
use crate::act::AgentAct;
use crate::act::HubAct;
use crate::act::NetworkAct;
use crate::act::VisitorAct;
use crate::network::Cut;
use crate::network::Direction;
use crate::network::Reach;
use crate::picture::page::Area;
use crate::picture::page::PageAct;
use crate::proofs::Paper;
use crate::simulation::day::Dice;
use crate::world::LASTS;
use crate::world::Tamper;

/// Acts that are done one after the other, each after a time. Visitors and agents stand in them by
/// their seats, so that whoever is started again goes on with the play.
pub(super) type Plan = VecDeque<(Duration, Act)>;

/// Who plays, by their seats: a visitor and an agent of the same group, and all visitors and agents
/// of it.
pub(super) struct Cast {
    pub(super) visitor: usize,
    pub(super) agent: usize,
    pub(super) visitors: Vec<usize>,
    pub(super) agents: Vec<usize>,
    /// How many seats of visitors there are: in acts of the network agents are counted after them.
    pub(super) seats: usize,
}

impl Cast {
    fn other(&self, dice: &mut Dice) -> usize {
        self.agents[dice.below(self.agents.len())]
    }
}

/// One of the plays.
pub(super) fn scene(dice: &mut Dice, cast: &Cast) -> Plan {
    let mut plan = come_in(cast);
    plan.extend(match dice.below(42) {
        0..2 => guesser(dice, cast),
        2 => crowd(cast),
        3 => tapper(cast),
        4..6 => slow_reader(cast),
        6 => backlog(cast),
        7..9 => asked_and_gone(cast),
        9..11 => asked_again(cast),
        11..13 => web_page(dice, cast),
        13..16 => spoiled(dice, cast),
        16..18 => second_thoughts(cast),
        18..20 => overtaken(dice, cast),
        20..23 => spoiled_greeting(dice, cast),
        23 => too_late(cast),
        24..26 => hasty(cast),
        26..32 => last_orders(cast),
        _ => door(dice, cast),
    });
    plan
}

/// Whoever plays is there, with a good line and a token that lets it do everything.
fn come_in(cast: &Cast) -> Plan {
    let good = Paper::Good(LASTS[2]);
    let mut plan =
        Plan::from([(SHORT, Act::Hub(HubAct::ComeUp)), (SHORT, Act::Hub(HubAct::Records(true)))]);
    for agent in &cast.agents {
        plan.push_back((SHORT / 10, Act::Agent(*agent, AgentAct::RestartWith(good))));
        plan.push_back((SHORT / 10, Act::Agent(*agent, AgentAct::Renew(good))));
    }
    for no in [cast.visitor, cast.seats + cast.agent] {
        for act in [
            NetworkAct::From(0),
            NetworkAct::Reach(Reach::Open),
            NetworkAct::Unstall(Direction::Up),
            NetworkAct::Unstall(Direction::Down),
        ] {
            plan.push_back((Duration::ZERO, Act::Network(no, act)));
        }
    }
    plan.push_back((SHORT, visitor(cast.visitor, VisitorAct::Restart)));
    plan.push_back((LONG, Act::Wait(SHORT)));
    plan
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(4);

fn visitor(no: usize, act: VisitorAct) -> Act {
    Act::Visitor(no, act)
}

fn call(no: usize, command: Command) -> Act {
    Act::Visitor(no, VisitorAct::Call(command))
}

fn forward(cast: &Cast) -> impl Iterator<Item = (Duration, Act)> {
    let no = cast.visitor;
    (0..3).map(move |_| (LONG, visitor(no, VisitorAct::Forward)))
}

/// An agent tries keys.
fn guesser(dice: &mut Dice, cast: &Cast) -> Plan {
    let mut plan = Plan::from([(SHORT, call(cast.visitor, Command::StartManual))]);
    for _ in 0..8 {
        let key = SessionKey::random(KeyLength::default(), || {
            u8::try_from(dice.below(10)).unwrap_or_default()
        });
        plan.push_back((LONG / 4, Act::Agent(cast.agent, AgentAct::Join(key))));
    }
    plan
}

/// Everybody comes to one session.
fn crowd(cast: &Cast) -> Plan {
    let mut plan = Plan::from([
        (SHORT, call(cast.visitor, Command::End)),
        (LONG, call(cast.visitor, Command::StartManual)),
    ]);
    for agent in &cast.agents {
        plan.push_back((LONG, Act::Agent(*agent, AgentAct::Stop(false))));
        plan.push_back((LONG, Act::Agent(*agent, AgentAct::JoinLate(cast.visitor))));
    }
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Eject(0))));
    plan
}

/// A visitor taps share and stop, again and again.
fn tapper(cast: &Cast) -> Plan {
    let taps = [Command::StartManual, Command::End];
    let taps = taps.iter().cycle().take(140);
    taps.map(|command| (SHORT, call(cast.visitor, command.clone()))).collect()
}

/// Visitors tell all the time where they are, and an agent who watches does not read.
fn slow_reader(cast: &Cast) -> Plan {
    let no = cast.seats + cast.agent;
    let mut plan = Plan::new();
    for _ in 0..3 {
        for no in &cast.visitors {
            plan.push_back((LONG / 2, visitor(*no, VisitorAct::Forward)));
        }
    }
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Watch(Some(None)))));
    plan.push_back((LONG, Act::Network(no, NetworkAct::Stall(Direction::Down))));
    for at in 0..110 {
        let patch = PresencePatch::new().set("at", &at.to_string());
        let patch = patch.expect("a short entry keeps the limits");
        for visitor in &cast.visitors {
            let act = VisitorAct::Update(patch.clone());
            plan.push_back((Duration::from_millis(80), Act::Visitor(*visitor, act)));
        }
    }
    plan
}

/// An agent without a connection goes on as if there were one.
fn backlog(cast: &Cast) -> Plan {
    let no = cast.seats + cast.agent;
    let mut plan = Plan::from([
        (SHORT, Act::Agent(cast.agent, AgentAct::Stop(false))),
        (SHORT, call(cast.visitor, Command::StartManual)),
        (LONG, Act::Agent(cast.agent, AgentAct::JoinLate(cast.visitor))),
        (LONG, visitor(cast.visitor, VisitorAct::Forward)),
        (LONG, Act::Network(no, NetworkAct::Reach(Reach::Nowhere))),
        (SHORT, Act::Network(no, NetworkAct::Cut(Cut::BothNotice))),
        (SHORT, Act::Wait(SHORT)),
    ]);
    for _ in 0..260 {
        plan.push_back((Duration::from_millis(5), Act::Agent(cast.agent, AgentAct::Eject(1))));
    }
    plan.push_back((SHORT, Act::Network(no, NetworkAct::Reach(Reach::Open))));
    plan
}

/// An agent asks, and the visitor is shown the terms.
fn asked(cast: &Cast) -> Plan {
    let mut plan: Plan = forward(cast).collect();
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Stop(false))));
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Watch(Some(None)))));
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Ask(0))));
    plan.push_back((LONG, visitor(cast.visitor, VisitorAct::Forward)));
    plan
}

/// A visitor is asked and says yes, and the start that follows may be held up on its way.
fn asked_and_gone(cast: &Cast) -> Plan {
    let no = cast.visitor;
    let mut plan = asked(cast);
    plan.push_back((LONG, visitor(no, VisitorAct::Forward)));
    let stall = Act::Network(no, NetworkAct::Stall(Direction::Up));
    plan.push_back((Duration::from_millis(30), stall));
    plan.push_back((LONG * 4, Act::Network(no, NetworkAct::Unstall(Direction::Up))));
    plan
}

/// A visitor says yes, and the agent, who has not heard of it, takes its request back and asks again.
fn asked_again(cast: &Cast) -> Plan {
    let no = cast.seats + cast.agent;
    let mut plan = asked(cast);
    plan.push_back((LONG, Act::Network(no, NetworkAct::Stall(Direction::Down))));
    plan.push_back((SHORT, visitor(cast.visitor, VisitorAct::Forward)));
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Stop(false))));
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Ask(0))));
    plan.push_back((LONG, Act::Network(no, NetworkAct::Unstall(Direction::Down))));
    plan
}

/// Something about a picture is spoiled on its way.
fn spoiled(dice: &mut Dice, cast: &Cast) -> Plan {
    let tamper = Tamper::ALL[dice.below(Tamper::ALL.len())];
    let mut plan: Plan = forward(cast).collect();
    plan.push_back((LONG, call(cast.visitor, Command::StartManual)));
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::JoinLate(cast.visitor))));
    plan.push_back((LONG, visitor(cast.visitor, VisitorAct::Forward)));
    for at in 0..12 {
        let area = Area { x: 10 * at, y: 0, width: 90, height: 90 };
        let draw = VisitorAct::Draw(PageAct::Noise(area, at.into()));
        plan.push_back((SHORT, visitor(cast.visitor, draw)));
        let up = NetworkAct::Tamper(Direction::Up, tamper);
        plan.push_back((Duration::from_millis(1), Act::Network(cast.visitor, up)));
    }
    plan
}

/// A visitor says who it is, takes that back, and says it is somebody else.
fn second_thoughts(cast: &Cast) -> Plan {
    let no = cast.visitor;
    let soon = Duration::from_millis(1);
    let lasts = Paper::Good(LASTS[1]);
    Plan::from([
        (SHORT, call(no, Command::End)),
        (LONG, call(no, Command::Disconnect)),
        (LONG, call(no, Command::LogOut)),
        (LONG, visitor(no, VisitorAct::Identify(0, lasts))),
        (soon, visitor(no, VisitorAct::GiveUp)),
        (soon, visitor(no, VisitorAct::Identify(1, lasts))),
    ])
}

/// A visitor who is asked does something else at the same time.
fn overtaken(dice: &mut Dice, cast: &Cast) -> Plan {
    let no = cast.visitor;
    let mut plan: Plan = forward(cast).collect();
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Stop(false))));
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Watch(Some(None)))));
    let at = dice.below(8);
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Ask(at))));
    let act = [Command::StartManual, Command::Disconnect][dice.below(2)].clone();
    plan.push_back((Duration::from_millis(1), call(no, act)));
    plan
}

/// What somebody says first is spoiled on its way, or what the hub says first.
fn spoiled_greeting(dice: &mut Dice, cast: &Cast) -> Plan {
    let no = [cast.visitor, cast.seats + cast.agent][dice.below(2)];
    let direction = [Direction::Up, Direction::Up, Direction::Down][dice.below(3)];
    let tamper = Tamper::ALL[dice.below(Tamper::ALL.len())];
    let begin = match no.checked_sub(cast.seats) {
        None => [visitor(no, VisitorAct::Leave), visitor(no, VisitorAct::Restart)],
        Some(no) => {
            let again = AgentAct::RestartWith(Paper::Good(LASTS[2]));
            [Act::Agent(no, AgentAct::Leave), Act::Agent(no, again)]
        }
    };
    let mut plan: Plan = begin.map(|act| (SHORT, act)).into();
    for _ in 0..8 {
        let act = NetworkAct::Tamper(direction, tamper);
        plan.push_back((Duration::from_millis(19), Act::Network(no, act)));
    }
    plan
}

/// An agent's token is over while it is in a session.
fn too_late(cast: &Cast) -> Plan {
    let agent = |act| Act::Agent(cast.agent, act);
    Plan::from([
        (SHORT, agent(AgentAct::Leave)),
        (SHORT, call(cast.visitor, Command::StartManual)),
        (LONG, agent(AgentAct::RestartWith(Paper::Good(LASTS[0])))),
        (LONG, agent(AgentAct::JoinLate(cast.visitor))),
        (LONG, visitor(cast.visitor, VisitorAct::Call(Command::Confirm))),
        (LASTS[0], agent(AgentAct::Watch(None))),
        (SHORT, agent(AgentAct::Watch(Some(None)))),
    ])
}

/// An agent takes a request back and asks again at once.
fn hasty(cast: &Cast) -> Plan {
    let soon = Duration::from_millis(1);
    let agent = |act| Act::Agent(cast.agent, act);
    let mut plan: Plan = forward(cast).collect();
    plan.push_back((SHORT, agent(AgentAct::Stop(false))));
    plan.push_back((SHORT, agent(AgentAct::Watch(Some(None)))));
    for _ in 0..3 {
        plan.push_back((LONG, agent(AgentAct::Ask(0))));
        plan.push_back((soon, agent(AgentAct::GiveUp)));
        plan.push_back((soon, agent(AgentAct::Ask(0))));
    }
    plan
}

/// The hub lets nothing new begin, and somebody tries.
fn last_orders(cast: &Cast) -> Plan {
    let no = cast.visitor;
    Plan::from([
        (SHORT, call(no, Command::End)),
        (LONG, call(no, Command::StartManual)),
        (SHORT, Act::Agent(cast.agent, AgentAct::Stop(false))),
        (LONG, Act::Agent(cast.agent, AgentAct::Cancel)),
        (LONG, Act::Agent(cast.agent, AgentAct::KnockLate(no))),
        (LONG, call(no, Command::Confirm)),
        (LONG, Act::Hub(HubAct::Drain)),
        (SHORT, Act::Agent(cast.agent, AgentAct::Watch(Some(None)))),
        (SHORT, visitor(no, VisitorAct::Forward)),
        (LONG, Act::Hub(HubAct::ComeUp)),
    ])
}

/// An agent comes to a visitor's door, and then something becomes of it.
fn door(dice: &mut Dice, cast: &Cast) -> Plan {
    let no = cast.visitor;
    let mut plan = Plan::from([
        (SHORT, call(no, Command::End)),
        (LONG, call(no, Command::Disconnect)),
        (LONG, call(no, Command::LogOut)),
    ]);
    for _ in 0..dice.below(3) {
        plan.push_back((LONG, visitor(no, VisitorAct::Forward)));
    }
    plan.push_back((LONG, call(no, Command::StartManual)));
    let other = cast.other(dice);
    let ends = dice.below(9);
    if ends >= 7 {
        // Somebody is in already, and ends it.
        plan.push_back((LONG, Act::Agent(other, AgentAct::Stop(false))));
        plan.push_back((LONG, Act::Agent(other, AgentAct::JoinLate(no))));
        plan.push_back((LONG, call(no, Command::Confirm)));
    }
    plan.push_back((SHORT, Act::Agent(cast.agent, AgentAct::Stop(false))));
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::Cancel)));
    plan.push_back((LONG, Act::Agent(cast.agent, AgentAct::KnockLate(no))));
    let (after, act) = match ends {
        0 => (LONG, call(no, Command::Confirm)),
        1 => (LONG, call(no, Command::Refuse)),
        2 => (LONG, call(no, Command::End)),
        3 => (LONG, Act::Agent(cast.agent, AgentAct::Cancel)),
        4 => (LONG, Act::Agent(cast.agent, AgentAct::Leave)),
        5 => (LONG, Act::Agent(cast.agent, AgentAct::Crash(Cut::BothNotice))),
        6 => (Duration::from_secs(70), Act::Wait(SHORT)),
        7 => (LONG, Act::Agent(other, AgentAct::Stop(true))),
        _ => (LONG, Act::Hub(HubAct::Restart)),
    };
    plan.push_back((after, act));
    plan
}

/// An app is opened in a web page: the group's own, or somebody else's.
fn web_page(dice: &mut Dice, cast: &Cast) -> Plan {
    let page = u8::try_from(dice.below(3)).unwrap_or_default();
    Plan::from([
        (SHORT, Act::Network(cast.visitor, NetworkAct::From(page))),
        (SHORT, Act::Network(cast.visitor, NetworkAct::Cut(Cut::BothNotice))),
        (LONG, Act::Network(cast.seats + cast.agent, NetworkAct::From(page + 3))),
        (LONG, Act::Network(cast.seats + cast.agent, NetworkAct::Cut(Cut::BothNotice))),
    ])
}
