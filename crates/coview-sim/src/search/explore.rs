//! The search itself: breadth first, each state once.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::checker::Violation;
use crate::search::digest::Digest;
use crate::search::goal::Goal;
use crate::search::joint::Choice;
use crate::search::joint::Joint;
use crate::search::mutant::Mutant;
use crate::search::root::Root;

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many things happen one after the other at most.
    pub depth: u32,
    /// How many states are visited at most.
    pub states: usize,
    /// How many connections may break.
    pub breaks: u8,
    /// How many messages are under way in each direction of a connection when somebody acts on what
    /// it knows: whoever has said so many waits until one has arrived. What one act makes the hub or
    /// a client say goes in order behind each other.
    pub in_flight: usize,
}

/// What a search has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it began.
    pub root: Root,
    /// How many states were visited.
    pub states: usize,
    /// How many ways lead from one of them to another.
    pub edges: u64,
    /// The depth down to which every state was gone on from.
    pub depth: u32,
    /// How many states were left that nobody went on from; none at a fixed point.
    pub frontier: usize,
    /// How many states there are at each depth.
    pub layers: Vec<usize>,
    /// The first way to each goal that is reached.
    pub goals: BTreeMap<Goal, Vec<Choice>>,
    /// The first way to a rule that is broken; the search stops there.
    pub broken: Option<(Vec<Choice>, Vec<Violation>)>,
    /// A way to a state from which the visitor cannot get out by itself.
    pub dead_end: Option<Vec<Choice>>,
    /// Of how many states that were gone on from it is known that the visitor can. At a fixed point
    /// without a dead end these are all.
    pub ways_out: usize,
}

impl Report {
    /// Whether every state there is was visited.
    #[must_use]
    pub const fn is_fixed_point(&self) -> bool {
        self.frontier == 0 && self.broken.is_none()
    }
}

struct Node {
    parent: u32,
    choice: Option<Choice>,
    depth: u32,
    out: bool,
    /// Whether it was gone on from.
    expanded: bool,
}

/// Every state that was visited, and how they hang together.
struct Graph {
    nodes: Vec<Node>,
    at: BTreeMap<Digest, u32>,
    /// Where the visitor's own choices lead.
    own: Vec<(u32, u32)>,
}

impl Graph {
    fn way_to(&self, mut at: u32) -> Vec<Choice> {
        let mut way = Vec::new();
        while let Some(choice) = self.nodes[at as usize].choice {
            way.push(choice);
            at = self.nodes[at as usize].parent;
        }
        way.reverse();
        way
    }

    /// A state from which no choices of the visitor's own lead out, and of how many states that were
    /// gone on from it is known that some do.
    ///
    /// Neither is known where such choices lead to a state that was not gone on from.
    fn dead_end(&self) -> (Option<u32>, usize) {
        let mut ways: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        for (from, to) in &self.own {
            ways[*to as usize].push(*from);
        }
        let out = self.leads_to(&ways, |node| node.out);
        let fine = self.leads_to(&ways, |node| node.out || !node.expanded);
        let known = out.iter().zip(&self.nodes).filter(|(out, node)| **out && node.expanded);
        let dead_end = fine.iter().position(|fine| !fine);
        (dead_end.and_then(|at| u32::try_from(at).ok()), known.count())
    }

    /// Which states are such, or lead to such by the ways there are to each.
    fn leads_to(&self, ways: &[Vec<u32>], such: impl Fn(&Node) -> bool) -> Vec<bool> {
        let mut leads: Vec<bool> = self.nodes.iter().map(such).collect();
        let mut next: VecDeque<u32> =
            (0..).zip(&leads).filter(|(_, leads)| **leads).map(|(at, _)| at).collect();
        while let Some(at) = next.pop_front() {
            for from in &ways[at as usize] {
                if !core::mem::replace(&mut leads[*from as usize], true) {
                    next.push_back(*from);
                }
            }
        }
        leads
    }
}

/// Visits every state that can be reached from a root within the limits.
///
/// # Panics
///
/// If there are more than four billion states.
#[must_use]
pub fn search(root: Root, limits: Limits, mutant: Option<Mutant>) -> Report {
    let first = Joint::new(root, limits, mutant);
    let mut graph = Graph { nodes: Vec::new(), at: BTreeMap::new(), own: Vec::new() };
    let out = first.is_out();
    graph.nodes.push(Node { parent: 0, choice: None, depth: 0, out, expanded: false });
    graph.at.insert(first.digest(), 0);
    let mut report = Report {
        root,
        states: 1,
        edges: 0,
        depth: 0,
        frontier: 0,
        layers: vec![1],
        goals: BTreeMap::new(),
        broken: None,
        dead_end: None,
        ways_out: 0,
    };
    let mut frontier: VecDeque<(u32, Joint)> = VecDeque::from([(0, first)]);
    'all: while let Some((at, joint)) = frontier.pop_front() {
        let depth = graph.nodes[at as usize].depth;
        if depth >= limits.depth || graph.nodes.len() >= limits.states {
            frontier.push_front((at, joint));
            break;
        }
        report.depth = depth;
        graph.nodes[at as usize].expanded = true;
        for choice in joint.choices() {
            let mut next = joint.fork();
            next.step(choice);
            report.edges += 1;
            let violations = next.notes.checker.violations();
            for goal in &next.reached {
                report.goals.entry(*goal).or_insert_with(|| {
                    let mut way = graph.way_to(at);
                    way.push(choice);
                    way
                });
            }
            if !violations.is_empty() {
                let mut way = graph.way_to(at);
                way.push(choice);
                report.broken = Some((way, violations.to_vec()));
                break 'all;
            }
            let new = u32::try_from(graph.nodes.len()).expect("fewer states than that");
            let to = *graph.at.entry(next.digest()).or_insert(new);
            if choice.is_the_visitors_own() {
                graph.own.push((at, to));
            }
            if to == new {
                let (depth, out) = (depth + 1, next.is_out());
                let node = Node { parent: at, choice: Some(choice), depth, out, expanded: false };
                graph.nodes.push(node);
                report.layers.resize(depth as usize + 1, 0);
                report.layers[depth as usize] += 1;
                frontier.push_back((new, next));
            }
        }
    }
    report.states = graph.nodes.len();
    report.frontier = frontier.len();
    drop(frontier);
    let (dead_end, ways_out) = graph.dead_end();
    report.dead_end = dead_end.map(|at| graph.way_to(at));
    report.ways_out = ways_out;
    report
}

/// Goes one way once more and tells what happens, with the command that tells it again. There is none
/// for a mutant, nor for other limits than the command has.
#[must_use]
pub fn story(root: Root, limits: Limits, mutant: Option<Mutant>, way: &[Choice]) -> String {
    let mut joint = Joint::new(root, limits, mutant);
    let mut numbers = Vec::new();
    for choice in way {
        let number = joint.choices().iter().position(|it| it == choice);
        numbers.push(number.map_or_else(|| "?".to_owned(), |number| number.to_string()));
        joint.step(*choice);
    }
    let told: Vec<String> =
        joint.notes.checker.violations().iter().map(ToString::to_string).collect();
    let mut story = format!("{}{}", joint.notes.timeline, told.join("\n"));
    if mutant.is_none() && limits.in_flight == 1 {
        let (breaks, numbers) = (limits.breaks, numbers.join("."));
        story += "\nto see it again:\n  just search ";
        story += &format!("--root {root} --breaks {breaks} --again {numbers}");
    }
    story
}

/// The way that takes the choice of each number in turn; `None` if there is none of a number.
#[must_use]
pub fn way(
    root: Root,
    limits: Limits,
    mutant: Option<Mutant>,
    numbers: &[usize],
) -> Option<Vec<Choice>> {
    let mut joint = Joint::new(root, limits, mutant);
    let mut way = Vec::new();
    for number in numbers {
        let choice = *joint.choices().get(*number)?;
        joint.step(choice);
        way.push(choice);
    }
    Some(way)
}

/// Goes random ways and, wherever two of them come to the same state by different ways, goes on from
/// both by one step. Returns how many such pairs there were.
///
/// # Panics
///
/// If anything can happen in one state that cannot in the other, or leads somewhere else: then the
/// digest has left out what matters.
#[must_use]
pub fn same_states_go_on_the_same(root: Root, limits: Limits, ways: u32, seed: u64) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut first_at: BTreeMap<Digest, Vec<Choice>> = BTreeMap::new();
    let mut pairs = 0;
    for _ in 0..ways {
        let mut joint = Joint::new(root, limits, None);
        let mut way = Vec::new();
        for _ in 0..limits.depth {
            let choices = joint.choices();
            let Some(count) = u64::try_from(choices.len()).ok().filter(|count| *count > 0) else {
                break;
            };
            let choice = choices[usize::try_from(random.next_u64() % count).unwrap_or(0)];
            joint.step(choice);
            way.push(choice);
            let digest = joint.digest();
            let before = first_at.entry(digest).or_insert_with(|| way.clone());
            if *before == way {
                continue;
            }
            let mut other = Joint::new(root, limits, None);
            before.iter().for_each(|choice| other.step(*choice));
            go_on_the_same(&joint, &other, (&way, before));
            pairs += 1;
        }
    }
    pairs
}

fn go_on_the_same(one: &Joint, other: &Joint, ways: (&[Choice], &[Choice])) {
    assert_eq!(one.digest(), other.digest(), "the same way to the same state: {ways:?}");
    assert_eq!(one.choices(), other.choices(), "the same state after {ways:?}");
    for choice in one.choices() {
        let after = |joint: &Joint| {
            let mut next = joint.fork();
            next.step(choice);
            next.digest()
        };
        assert_eq!(after(one), after(other), "{choice:?} after {ways:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States that are out and gone on from, as said of each, and the visitor's own ways.
    fn graph(states: &[(bool, bool)], own: &[(u32, u32)]) -> Graph {
        let node = |(out, expanded): &(bool, bool)| Node {
            parent: 0,
            choice: None,
            depth: 0,
            out: *out,
            expanded: *expanded,
        };
        let nodes = states.iter().map(node).collect();
        Graph { nodes, at: BTreeMap::new(), own: own.to_vec() }
    }

    const OUT: (bool, bool) = (true, true);
    const IN: (bool, bool) = (false, true);
    const UNKNOWN: (bool, bool) = (false, false);

    #[test]
    fn a_state_without_a_way_out_is_a_dead_end() {
        assert_eq!(graph(&[OUT, IN, IN], &[(1, 0), (2, 1)]).dead_end(), (None, 3));
        assert_eq!(graph(&[OUT, IN, IN], &[(1, 0)]).dead_end(), (Some(2), 2));
        let round = [(1, 2), (2, 1), (0, 1)];
        assert_eq!(graph(&[OUT, IN, IN], &round).dead_end(), (Some(1), 1), "round and round");
    }

    #[test]
    fn what_leads_to_the_unknown_is_neither_a_dead_end_nor_a_way_out() {
        assert_eq!(graph(&[OUT, IN, UNKNOWN], &[(1, 2)]).dead_end(), (None, 1));
        assert_eq!(graph(&[OUT, IN, UNKNOWN], &[(1, 2), (1, 0)]).dead_end(), (None, 2));
    }
}
