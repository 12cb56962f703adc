//! What can be done to a world, as values: a script of them is a random story.

use core::net::IpAddr;
use core::time::Duration;

use coview_agent::Watching;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_lifecycle::table;
use coview_lifecycle::table::Trigger;
use coview_wire::AppState;
use coview_wire::PresenceData;
use coview_wire::PresencePatch;
use coview_wire::SessionKey;

use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::network::Cut;
use crate::network::Direction;
use crate::network::Reach;
use crate::picture::page::PageAct;
use crate::proofs::Paper;
use crate::town;
use crate::world::LASTS;
use crate::world::Machine;
use crate::world::Tamper;
use crate::world::World;

/// One thing that is done to a world. Numbers beyond what there is are taken round again, so any
/// script fits any world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Time passes.
    Wait(Duration),
    /// A visitor's app does something.
    Visitor(usize, VisitorAct),
    /// An agent's console does something.
    Agent(usize, AgentAct),
    /// The network does something to a client.
    Network(usize, NetworkAct),
    /// Something becomes of the hub.
    Hub(HubAct),
}

/// What a visitor's app does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisitorAct {
    /// Calls the verb that leads on to a one-click session, if the visitor's state has one.
    Forward,
    /// Calls one of the verbs the visitor's state has.
    Possible(usize),
    /// Calls a verb, whether the visitor's state has it or not.
    Call(Command),
    /// Goes to the background or comes back.
    Move(AppState),
    /// Changes its presence data.
    Update(PresencePatch),
    /// Says it is one of the [people](World::set_people), with such an assertion.
    Identify(usize, Paper),
    /// Takes back the request that waits.
    GiveUp,
    /// Something becomes of the page it shares.
    Draw(PageAct),
    /// Sends its screen with a new sender.
    SendAnew,
    /// Leaves.
    Leave,
    /// Ends without a word.
    Crash(Cut),
    /// Is started again, if it is gone.
    Restart,
}

/// What an agent's console does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentAct {
    /// Asks one of those the console shows online.
    Ask(usize),
    /// Asks one of the [people](World::set_people), online or not.
    AskBlindly(usize),
    /// Types a key that some visitor shows.
    JoinByEar(usize),
    /// Types the key a visitor read out last, live or not.
    JoinLate(usize),
    /// The same, and goes on with something else while the visitor is asked.
    KnockLate(usize),
    /// Types a key.
    Join(SessionKey),
    /// Shows a newer token.
    Renew(Paper),
    /// Takes the join back that waits for the visitor.
    Cancel,
    /// Withdraws, leaves or ends, whichever is possible.
    Stop(bool),
    /// Watches everybody, one of the [people](World::set_people), or nobody.
    Watch(Option<Option<usize>>),
    /// Removes one of the [`town::AGENTS`].
    Eject(usize),
    /// Takes back the request that waits.
    GiveUp,
    /// Watches with a new viewer.
    ViewAnew,
    /// Leaves.
    Leave,
    /// Ends without a word.
    Crash(Cut),
    /// Is started again, if it is gone.
    Restart,
    /// Is started again with such a token, if it is gone.
    RestartWith(Paper),
}

/// What the network does to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAct {
    /// Cuts its connection.
    Cut(Cut),
    /// Stalls a direction of its connection.
    Stall(Direction),
    /// Lets a direction go on.
    Unstall(Direction),
    /// Changes what becomes of its tries to connect.
    Reach(Reach),
    /// Does something to the message that is the next to arrive in a direction.
    Tamper(Direction, Tamper),
    /// Its machine sleeps for so long.
    Sleep(Duration),
    /// Its next connection comes from nowhere that is known (0), a web page of the
    /// [group](town::OWN_PAGE) (1) or of [somebody else](town::FOREIGN_PAGE) (2), or one of a few
    /// addresses.
    From(u8),
}

/// What becomes of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubAct {
    /// It is gone without a word and comes up again at once.
    Crash(Cut),
    /// It is asked to stop and comes up again at once.
    Restart,
    /// It is gone without a word and stays down.
    GoDown,
    /// It comes up, if it is down or lets nothing new begin.
    ComeUp,
    /// It lets nothing new begin.
    Drain,
    /// Its wall clock is set by so many seconds.
    SetClock(i16),
    /// Its machine sleeps for so long.
    Sleep(Duration),
    /// Its records can be written, or cannot.
    Records(bool),
}

impl World {
    /// Does one thing.
    pub fn act(&mut self, act: &Act) {
        match act {
            Act::Wait(time) => self.run_for(*time),
            Act::Visitor(no, act) => {
                if let Some(no) = round(*no, self.visitors()) {
                    self.visitor_acts(VisitorNo(no), act);
                }
            }
            Act::Agent(no, act) => {
                if let Some(no) = round(*no, self.agents()) {
                    self.agent_acts(AgentNo(no), act);
                }
            }
            Act::Network(no, act) => {
                if let Some(no) = round(*no, self.visitors() + self.agents()) {
                    let client = match no.checked_sub(self.visitors()) {
                        None => ClientId::Visitor(VisitorNo(no)),
                        Some(no) => ClientId::Agent(AgentNo(no)),
                    };
                    match *act {
                        NetworkAct::Cut(cut) => self.cut(client, cut),
                        NetworkAct::Stall(direction) => self.stall(client, direction),
                        NetworkAct::Unstall(direction) => self.unstall(client, direction),
                        NetworkAct::Reach(reach) => self.set_reach(client, reach),
                        NetworkAct::Tamper(direction, tamper) => {
                            self.tamper(client, direction, tamper);
                        }
                        NetworkAct::Sleep(time) => self.sleep(client, time),
                        NetworkAct::From(0) => self.set_caller(client, None, None),
                        NetworkAct::From(1) => {
                            self.set_caller(client, Some(town::OWN_PAGE), None);
                        }
                        NetworkAct::From(2) => {
                            self.set_caller(client, Some(town::FOREIGN_PAGE), None);
                        }
                        NetworkAct::From(no) => {
                            let address = IpAddr::from([192, 0, 2, no % 4]);
                            self.set_caller(client, None, Some(address));
                        }
                    }
                }
            }
            Act::Hub(HubAct::Crash(cut)) => {
                self.crash_hub(*cut);
                self.start_hub();
            }
            Act::Hub(HubAct::Restart) => {
                self.stop_hub();
                self.start_hub();
            }
            Act::Hub(HubAct::GoDown) => self.crash_hub(Cut::BothNotice),
            Act::Hub(HubAct::ComeUp) => {
                self.replace_drained_hub();
                self.start_hub();
            }
            Act::Hub(HubAct::Drain) => self.drain_hub(),
            Act::Hub(HubAct::SetClock(by)) => self.set_clock((*by).into()),
            Act::Hub(HubAct::Sleep(time)) => self.sleep_hub(*time),
            Act::Hub(HubAct::Records(healthy)) => self.set_records(*healthy),
        }
    }

    /// Whoever uses a machine that sleeps wakes it.
    fn visitor_acts(&mut self, no: VisitorNo, act: &VisitorAct) {
        self.wake(Machine::Of(no.into()));
        match act {
            VisitorAct::Forward => match self.state(no) {
                Some(StateKind::Anonymous) => {
                    let id = town::visitor_id(self.person(no.0 / 2));
                    self.identify(no, id, Paper::Good(LASTS[1]));
                }
                Some(state) => {
                    if let Some(command) = forward(state, self.person(no.0 / 2)) {
                        self.command(no, command);
                    }
                }
                None => {}
            },
            VisitorAct::Possible(at) => {
                let own = self.person(no.0 / 2);
                if let Some(command) = self.state(no).and_then(|state| possible(state, *at, own)) {
                    self.command(no, command);
                }
            }
            VisitorAct::Call(command) => {
                self.command(no, command.clone());
            }
            VisitorAct::Move(app) => self.move_app(no, *app),
            VisitorAct::Update(patch) => {
                self.update_presence(no, patch.clone());
            }
            VisitorAct::Identify(at, paper) => {
                let id = town::visitor_id(self.person(*at));
                self.identify(no, id, *paper);
            }
            VisitorAct::GiveUp => {
                self.give_up(no);
            }
            VisitorAct::Draw(act) => self.draw(no, act),
            VisitorAct::SendAnew => self.send_anew(no),
            VisitorAct::Leave => self.leave(no),
            VisitorAct::Crash(cut) => self.crash(no, *cut),
            VisitorAct::Restart => {
                self.restart_visitor(no);
            }
        }
    }

    fn agent_acts(&mut self, no: AgentNo, act: &AgentAct) {
        use coview_agent::Command;
        self.wake(Machine::Of(no.into()));
        match act {
            AgentAct::Ask(at) => {
                let whom = self.agent(no).and_then(|agent| {
                    let at = round(*at, agent.roster().len())?;
                    agent.roster().keys().nth(at).cloned()
                });
                if let Some(whom) = whom {
                    self.agent_command(no, Command::Ask(whom));
                }
            }
            AgentAct::AskBlindly(whom) => {
                let whom = town::visitor_id(self.person(*whom));
                self.agent_command(no, Command::Ask(whom));
            }
            AgentAct::JoinByEar(at) => {
                let group = self.agent(no).map(|agent| agent.group().clone());
                let shown: Vec<SessionKey> = (0..self.visitors())
                    .map(VisitorNo)
                    .filter(|from| self.visitor(*from).map(|it| it.group()) == group.as_ref())
                    .filter_map(|from| self.shown_key(from))
                    .collect();
                if let Some(at) = round(*at, shown.len()) {
                    self.agent_command(no, Command::Knock(shown[at]));
                }
            }
            AgentAct::JoinLate(from) => {
                if let Some(from) = round(*from, self.visitors()) {
                    self.join_by_ear(no, VisitorNo(from));
                }
            }
            AgentAct::KnockLate(from) => {
                let key = round(*from, self.visitors()).and_then(|no| self.last_key(VisitorNo(no)));
                if let Some(key) = key {
                    self.agent_command(no, Command::Knock(key));
                }
            }
            AgentAct::Join(key) => {
                self.agent_command(no, Command::Join(*key));
            }
            AgentAct::Stop(for_everybody) => {
                let stop = if *for_everybody { Command::End } else { Command::Leave };
                if !self.agent_command(no, stop) {
                    self.agent_command(no, Command::Withdraw);
                }
            }
            AgentAct::Watch(whom) => {
                let whom = whom.map(|one| match one {
                    None => Watching::Group,
                    Some(one) => Watching::Visitor(town::visitor_id(self.person(one))),
                });
                self.watch(no, whom);
            }
            AgentAct::Eject(whom) => {
                self.eject(no, town::agent_id(town::AGENTS[whom % town::AGENTS.len()]));
            }
            AgentAct::GiveUp => {
                self.agent_gives_up(no);
            }
            AgentAct::ViewAnew => self.view_anew(no),
            AgentAct::Leave => self.leave(no),
            AgentAct::Crash(cut) => self.crash(no, *cut),
            AgentAct::Restart => {
                self.restart_agent(no);
            }
            AgentAct::RestartWith(paper) => {
                self.restart_agent_with(no, *paper);
            }
            AgentAct::Renew(paper) => {
                self.renew(no, *paper);
            }
            AgentAct::Cancel => {
                self.agent_command(no, Command::Cancel);
            }
        }
    }
}

fn round(no: usize, count: usize) -> Option<usize> {
    no.checked_rem(count)
}

/// The verb that leads on to a one-click session.
fn forward(state: StateKind, own: &str) -> Option<Command> {
    match state {
        StateKind::Anonymous => Some(identify(own)),
        StateKind::Identified => Some(Command::ConnectPresence(PresenceData::new())),
        StateKind::TermsRequested => Some(Command::TermsDisplayed),
        StateKind::TermsShown => Some(Command::Accept),
        StateKind::ConfirmingAnonymous
        | StateKind::ConfirmingIdentified
        | StateKind::ConfirmingPresence => Some(Command::Confirm),
        StateKind::PresenceConnected
        | StateKind::SharingManualAnonymous
        | StateKind::SharingManualIdentified
        | StateKind::SharingManualPresence
        | StateKind::SharingOneClick => None,
    }
}

fn identify(own: &str) -> Command {
    Command::Identify(town::visitor_id(own).into())
}

/// One of the verbs of a state.
fn possible(state: StateKind, at: usize, own: &str) -> Option<Command> {
    let commands = [
        identify(own),
        Command::ConnectPresence(PresenceData::new()),
        Command::StartManual,
        Command::TermsDisplayed,
        Command::Accept,
        Command::Decline,
        Command::Confirm,
        Command::Refuse,
        Command::End,
        Command::Disconnect,
        Command::LogOut,
    ];
    let fits = |trigger: Trigger| table::edge(state, trigger).is_some();
    let possible: Vec<Command> =
        commands.into_iter().filter(|command| fits(command.trigger())).collect();
    round(at, possible.len()).and_then(|at| possible.into_iter().nth(at))
}
