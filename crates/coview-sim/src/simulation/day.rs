//! One simulated day: who sits where, and what is done next.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_lifecycle::StateKind;
use coview_wire::Moment;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::act::Act;
use crate::act::AgentAct;
use crate::act::NetworkAct;
use crate::act::VisitorAct;
use crate::checker::Violation;
use crate::client::AgentNo;
use crate::client::ClientId;
use crate::client::VisitorNo;
use crate::proofs::Paper;
use crate::simulation::moments;
use crate::simulation::options::Options;
use crate::simulation::options::Profile;
use crate::simulation::scenes;
use crate::simulation::scenes::Cast;
use crate::simulation::scenes::Plan;
use crate::simulation::town;
use crate::strategy;
use crate::town::AGENTS;
use crate::world::LASTS;
use crate::world::World;

/// How long people live before the world is left alone until it has settled.
const SPELL: Duration = Duration::from_secs(30 * 60);

pub(super) struct Day {
    pub(super) world: World,
    pub(super) violations: Vec<Violation>,
    pub(super) acts: u64,
    pub(super) agreed: u64,
    profile: Profile,
    dice: Dice,
    acts_drawn: Drawn,
    /// What is played just now.
    plan: Plan,
    /// Who sits where now.
    visitors: Vec<VisitorNo>,
    agents: Vec<AgentNo>,
}

impl Day {
    pub(super) fn new(seed: u64, options: &Options) -> Self {
        let profile = options.profile;
        let mut world = World::new(town::config(), seed);
        world.set_delay(profile.delay());
        world.set_people((0..options.visitors.max(3)).map(person).collect());
        if !seed.is_multiple_of(4) {
            world.share_screens();
        }
        let mut day = Self {
            world,
            violations: Vec::new(),
            acts: 0,
            agreed: 0,
            profile,
            dice: Dice::new(seed),
            acts_drawn: Drawn::new(seed, profile),
            plan: Plan::new(),
            visitors: Vec::new(),
            agents: Vec::new(),
        };
        for no in 0..options.visitors {
            let group = town::VISITORS[no % town::VISITORS.len()];
            let config = town::visitor(group, no);
            day.visitors.push(day.world.add_visitor(&format!("visitor{no}"), config));
        }
        for no in 0..options.agents {
            let group = town::AGENTS[no % town::AGENTS.len()];
            let lasts = LASTS[1 + no % 2];
            day.agents.push(day.world.add_agent_with(&agent(no), group, Paper::Good(lasts)));
        }
        day
    }

    /// Whether no rule was broken so far.
    pub(super) fn holds(&mut self) -> bool {
        if self.violations.is_empty() {
            self.violations.extend_from_slice(self.world.violations());
        }
        self.violations.is_empty()
    }

    pub(super) fn live(&mut self, time: Duration) {
        let end = self.world.now() + time;
        let mut settles = self.world.now() + SPELL;
        while self.world.now() < end && self.holds() {
            if self.plan.is_empty() && self.dice.one_in(self.profile.scenes()) {
                self.plan = self.scene();
            }
            let (gap, planned) = match self.plan.pop_front() {
                Some((gap, act)) => (gap, Some(act)),
                None => (self.dice.about(self.profile.pace()), None),
            };
            self.pass(gap, end);
            if self.holds() {
                let act = match planned {
                    Some(act) => self.seated(act),
                    None => self.next_act(),
                };
                self.acts += 1;
                self.world.act(&act);
                self.seat();
            }
            if self.world.now() >= settles {
                self.plan.clear();
                self.settle();
                settles = self.world.now() + SPELL;
            }
        }
    }

    /// Lets everybody agree, and then go.
    pub(super) fn end(&mut self) {
        self.settle();
        if self.holds() {
            self.world.all_leave();
            self.violations.extend(self.world.leftovers());
        }
        self.holds();
    }

    fn settle(&mut self) {
        if self.holds() {
            self.world.settle();
            if self.holds() {
                self.violations.extend(self.world.disagreements());
            }
            self.agreed += u64::from(self.violations.is_empty());
        }
    }

    /// Lets time pass, one thing after the other. In between somebody does what hurts most.
    fn pass(&mut self, gap: Duration, end: Moment) {
        let until = end.min(self.world.now() + gap);
        while self.world.next_at().is_some_and(|at| at <= until) {
            if self.dice.one_in(self.profile.worst_moments()) {
                self.at_the_worst_moment();
            }
            self.world.step();
            if !self.world.violations().is_empty() {
                return;
            }
        }
        let rest = until.since(self.world.now());
        self.world.run_for(rest);
    }

    fn at_the_worst_moment(&mut self) {
        let under_way = self.world.under_way();
        if under_way.is_empty() {
            return;
        }
        let at = &under_way[self.dice.below(under_way.len())];
        let others = (
            self.dice.of(&self.visitors).map_or(0, |no| no.0),
            self.dice.of(&self.agents).map_or(0, |no| no.0),
        );
        let act = moments::worst(
            &mut self.dice,
            at,
            others,
            self.world.visitors(),
            self.profile.tampers(),
        );
        self.acts += 1;
        self.world.act(&act);
        self.seat();
    }

    /// A play with people of one group.
    fn scene(&mut self) -> Plan {
        let groups = town::AGENTS.len();
        let seats = 0..self.agents.len();
        // Where visitors let agents in there is most to play.
        let doors: Vec<usize> =
            seats.clone().filter(|seat| town::AGENTS[seat % groups] == town::EAST).collect();
        let at = if self.dice.one_in(2) { self.dice.of(&doors) } else { None };
        let Some(at) = at.or_else(|| self.dice.of(&seats.collect::<Vec<_>>())) else {
            return Plan::new();
        };
        let group = town::AGENTS[at % groups];
        let of_group = |no: &usize| town::VISITORS[no % town::VISITORS.len()] == group;
        let visitors: Vec<usize> = (0..self.visitors.len()).filter(of_group).collect();
        let agents = (0..self.agents.len()).filter(|seat| town::AGENTS[seat % groups] == group);
        let agents: Vec<usize> = agents.collect();
        let Some(visitor) = self.dice.of(&visitors) else { return Plan::new() };
        let seats = self.visitors.len();
        let cast = Cast { visitor, agent: at, visitors, agents, seats };
        scenes::scene(&mut self.dice, &cast)
    }

    /// An act of a play, done by whoever sits in the seats it names.
    fn seated(&self, act: Act) -> Act {
        let visitor = |seat: usize| self.visitors.get(seat).map_or(0, |no| no.0);
        let agent = |seat: usize| self.agents.get(seat).map_or(0, |no| no.0);
        match act {
            Act::Visitor(seat, act) => Act::Visitor(visitor(seat), act),
            Act::Agent(seat, AgentAct::JoinLate(from)) => {
                Act::Agent(agent(seat), AgentAct::JoinLate(visitor(from)))
            }
            Act::Agent(seat, AgentAct::KnockLate(from)) => {
                Act::Agent(agent(seat), AgentAct::KnockLate(visitor(from)))
            }
            Act::Agent(seat, act) => Act::Agent(agent(seat), act),
            Act::Network(seat, act) => {
                let no = match seat.checked_sub(self.visitors.len()) {
                    None => visitor(seat),
                    Some(seat) => self.world.visitors() + agent(seat),
                };
                Act::Network(no, act)
            }
            act @ (Act::Wait(_) | Act::Hub(_)) => act,
        }
    }

    /// What somebody does next: who is waited for often answers, and who is gone comes back.
    fn next_act(&mut self) -> Act {
        if self.dice.one_in(3)
            && let Some(act) = self.answer()
        {
            return act;
        }
        match self.acts_drawn.next() {
            Act::Visitor(at, act) => match self.dice_seat(at, true) {
                Some(no) if self.world.gone(VisitorNo(no)).is_some() => {
                    Act::Visitor(no, VisitorAct::Restart)
                }
                Some(no) => Act::Visitor(no, act),
                None => Act::Wait(Duration::ZERO),
            },
            Act::Agent(at, act) => match self.dice_seat(at, false) {
                Some(no) if self.world.gone(AgentNo(no)).is_some() => {
                    let paper = if let AgentAct::RestartWith(paper) = act {
                        paper
                    } else {
                        Paper::Good(LASTS[2])
                    };
                    Act::Agent(no, AgentAct::RestartWith(paper))
                }
                Some(no) => Act::Agent(no, act),
                None => Act::Wait(Duration::ZERO),
            },
            Act::Network(_, NetworkAct::Tamper(_, tamper)) => {
                let under_way = self.world.under_way();
                let Some(at) = under_way.get(self.dice.below(under_way.len())) else {
                    return Act::Wait(Duration::ZERO);
                };
                let no = match at.client {
                    ClientId::Visitor(no) => no.0,
                    ClientId::Agent(no) => self.world.visitors() + no.0,
                };
                Act::Network(no, NetworkAct::Tamper(at.direction, tamper))
            }
            Act::Network(at, act) => {
                let seats = self.visitors.len() + self.agents.len();
                let at = at.checked_rem(seats).unwrap_or_default();
                let no = match self.visitors.get(at) {
                    Some(no) => no.0,
                    None => {
                        let agent = self.agents.get(at - self.visitors.len());
                        self.world.visitors() + agent.map_or(0, |no| no.0)
                    }
                };
                Act::Network(no, act)
            }
            act @ (Act::Wait(_) | Act::Hub(_)) => act,
        }
    }

    fn dice_seat(&self, at: usize, visitors: bool) -> Option<usize> {
        if visitors {
            self.visitors.get(at.checked_rem(self.visitors.len())?).map(|no| no.0)
        } else {
            self.agents.get(at.checked_rem(self.agents.len())?).map(|no| no.0)
        }
    }

    /// An answer of somebody who is waited for, or who has something to do.
    fn answer(&mut self) -> Option<Act> {
        let asked: Vec<usize> = self
            .visitors
            .iter()
            .filter(|no| {
                matches!(
                    self.world.state(**no),
                    Some(
                        StateKind::TermsRequested
                            | StateKind::TermsShown
                            | StateKind::ConfirmingAnonymous
                            | StateKind::ConfirmingIdentified
                            | StateKind::ConfirmingPresence
                    )
                )
            })
            .map(|no| no.0)
            .collect();
        if let Some(no) = self.dice.of(&asked) {
            let possible = self.dice.below(4);
            let act = match self.dice.below(4) {
                0 => VisitorAct::Possible(possible),
                _ => VisitorAct::Forward,
            };
            return Some(Act::Visitor(no, act));
        }
        let free: Vec<usize> = self
            .agents
            .iter()
            .filter(|no| {
                self.world.agent(**no).is_some_and(|it| it.state() == AgentStateKind::SignedIn)
            })
            .map(|no| no.0)
            .collect();
        let no = self.dice.of(&free)?;
        let any = self.dice.below(64);
        let act = match self.dice.below(4) {
            0 => AgentAct::JoinByEar(any),
            1 => AgentAct::Watch(Some(None)),
            _ => AgentAct::Ask(any),
        };
        Some(Act::Agent(no, act))
    }

    /// Whoever came last took the seat of somebody who is gone.
    fn seat(&mut self) {
        for at in 0..self.visitors.len() {
            if let Some(no) = self.world.successor(self.visitors[at].into()) {
                self.visitors[at] = VisitorNo(no);
            }
        }
        for at in 0..self.agents.len() {
            if let Some(no) = self.world.successor(self.agents[at].into()) {
                self.agents[at] = AgentNo(no);
            }
        }
    }
}

fn person(no: usize) -> String {
    crate::town::VISITORS.get(no).map_or_else(|| format!("person{no}"), |id| (*id).to_owned())
}

fn agent(no: usize) -> String {
    AGENTS.get(no).map_or_else(|| format!("agent{no}"), |id| (*id).to_owned())
}

/// What is drawn apart from what the strategies draw.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_d1ce))
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0.next_u64() % end).unwrap_or_default()
    }

    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.0.next_u64().is_multiple_of(times.max(1))
    }

    fn of<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        let at = self.below(things.len());
        things.get(at).copied()
    }

    /// A time around this one: mostly shorter, sometimes several times as long.
    fn about(&mut self, mean: Duration) -> Duration {
        let most = u64::try_from(mean.as_millis()).unwrap_or(u64::MAX).saturating_mul(2);
        let drawn = Duration::from_millis(self.0.next_u64() % most.max(1));
        if self.one_in(16) { drawn * 4 } else { drawn }
    }
}

/// Acts from strategies, from a seed.
struct Drawn {
    runner: TestRunner,
    acts: BoxedStrategy<Act>,
}

impl Drawn {
    fn new(seed: u64, profile: Profile) -> Self {
        let mut bytes = [0x5e; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self {
            runner: TestRunner::new_with_rng(Config::default(), rng),
            acts: strategy::acts_of(profile).boxed(),
        }
    }

    fn next(&mut self) -> Act {
        self.acts.new_tree(&mut self.runner).expect("nothing is filtered out").current()
    }
}
