//! Random stories in a hostile world, held against the rules at every step.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::BTreeMap;

use coview_agent::Watching;
use coview_hub::Stats;
use coview_lifecycle::Command;
use coview_sim::LASTS;
use coview_sim::Paper;
use coview_sim::World;
use coview_sim::act::Act;
use coview_sim::act::AgentAct;
use coview_sim::act::VisitorAct;
use coview_sim::strategy;
use coview_sim::town;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::FileFailurePersistence;
use proptest::test_runner::TestRunner;

/// A world; in one of three screens are shared, and in one of two strangers are kept out.
fn world(seed: u64) -> World {
    let config = match seed % 4 {
        0 | 1 => town::config(),
        2 => town::strict(),
        _ => town::strictest(),
    };
    let mut world = World::new(config, seed);
    if seed.is_multiple_of(3) {
        world.share_screens();
    }
    world
}

/// Three devices in the north, of whom two share an id, and one with an id of the north in the south;
/// and agents who watch in both.
fn crowd(seed: u64) -> World {
    let mut world = world(seed);
    for (name, group) in [
        ("anna", town::NORTH),
        ("anna'", town::NORTH),
        ("ben", town::NORTH),
        ("ben-s", town::SOUTH),
    ] {
        world.add_visitor(name, town::visitor(group));
    }
    let papers = match seed % 3 {
        0 => [Paper::Good(LASTS[2]); 3],
        1 => [Paper::Good(LASTS[1]), Paper::OnlyOne(0, LASTS[2]), Paper::Good(LASTS[1])],
        _ => [Paper::ViewOnly(LASTS[2]), Paper::Good(LASTS[2]), Paper::Once(LASTS[1])],
    };
    let agents = [("grace", town::NORTH), ("henry", town::NORTH), ("grace", town::SOUTH)];
    for ((name, group), paper) in agents.into_iter().zip(papers) {
        let no = world.add_agent_with(name, group, paper);
        world.run_for(Duration::from_millis(500));
        world.watch(no, Some(Watching::Group));
    }
    world
}

/// Two devices of one visitor, both online, and two agents who may ask.
fn few(seed: u64) -> World {
    let mut world = world(seed);
    for name in ["anna", "anna'"] {
        world.add_visitor(name, town::visitor(town::NORTH));
    }
    for name in ["grace", "henry"] {
        world.add_agent(name, town::agent(town::NORTH, name));
    }
    for _ in 0..3 {
        world.run_for(Duration::from_secs(1));
        for no in 0..2 {
            world.act(&Act::Visitor(no, VisitorAct::Forward));
            world.act(&Act::Agent(no, AgentAct::Watch(Some(None))));
        }
    }
    world
}

/// Three visitors who read out their keys, and agents of every kind who type them. Screens are
/// shared.
fn door(seed: u64) -> World {
    let config = if seed.is_multiple_of(2) { town::strict() } else { town::strictest() };
    let mut world = World::new(config, seed);
    world.share_screens();
    for (name, group) in [("anna", town::NORTH), ("ben", town::NORTH), ("cleo", town::SOUTH)] {
        world.add_visitor(name, town::visitor(group));
    }
    for (name, group, paper) in [
        ("grace", town::NORTH, Paper::ViewOnly(LASTS[2])),
        ("henry", town::NORTH, Paper::Good(LASTS[0])),
        ("iris", town::NORTH, Paper::OnlyOne(0, LASTS[2])),
        ("grace", town::SOUTH, Paper::Good(LASTS[1])),
    ] {
        world.add_agent_with(name, group, paper);
    }
    world.run_for(Duration::from_secs(1));
    for no in 0..2 {
        world.act(&Act::Visitor(no, VisitorAct::Call(Command::StartManual)));
    }
    world.run_for(Duration::from_secs(1));
    world
}

/// How long messages are under way: at once, as usual, or so long that everything crosses.
fn delay() -> impl Strategy<Value = RangeInclusive<Duration>> {
    let millis = |from, to| Duration::from_millis(from)..=Duration::from_millis(to);
    prop_oneof![
        1 => Just(millis(0, 0)),
        4 => Just(millis(5, 80)),
        2 => Just(millis(50, 2500)),
    ]
}

/// What a hub counted, and what the checker did.
type Counted = (Stats, [(&'static str, u64); 7]);

fn play(mut world: World, delay: RangeInclusive<Duration>, script: &[Act]) -> Counted {
    world.set_delay(delay);
    for act in script {
        world.act(act);
        world.assert_holds();
    }
    world.settle();
    world.assert_settled();
    world.assert_forgets();
    (world.hub_stats().unwrap_or_default(), world.trust_counts())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/sim.txt"
        )))),
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_rule_holds_in_every_story(
        seed: u64,
        delay in delay(),
        script in strategy::script(100),
    ) {
        play(crowd(seed), delay, &script);
    }

    #[test]
    fn every_rule_holds_in_every_story_of_few(
        seed: u64,
        delay in delay(),
        script in strategy::script(60),
    ) {
        play(few(seed), delay, &script);
    }

    #[test]
    fn every_rule_holds_in_every_story_at_the_door(
        seed: u64,
        delay in delay(),
        script in strategy::trust_script(80),
    ) {
        play(door(seed), delay, &script);
    }
}

/// Rules that hold because nothing happens are worth nothing: the stories get to everything there
/// is to tell.
#[test]
fn stories_reach_what_they_are_about() {
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..400 {
        let script = match seed % 4 {
            0..3 => strategy::script(100).boxed(),
            _ => strategy::trust_script(80).boxed(),
        };
        let (delay, script) = (delay(), script).new_tree(&mut runner).unwrap().current();
        let world = match seed % 4 {
            0 | 2 => crowd(seed),
            1 => few(seed),
            _ => door(seed / 4),
        };
        let (stats, trust) = play(world, delay, &script);
        for (what, count) in [
            ("accepted", stats.asks_accepted),
            ("busy", stats.asks_busy),
            ("closed silent", stats.closed_silent),
            ("declined", stats.asks_declined),
            ("expired", stats.asks_expired),
            ("lost", stats.asks_lost),
            ("manual", stats.sessions_manual),
            ("one-click", stats.sessions_one_click),
            ("pictures", stats.pictures_out),
            ("resume failed", stats.resume_failed),
            ("resumed", stats.resumed),
            ("withdrawn", stats.asks_withdrawn),
            ("wrong key", stats.wrong_keys),
            ("renewed", stats.agents_renewed),
            ("sign-in expired", stats.sign_ins_expired),
            ("token refused", stats.refused_tokens),
            ("not allowed", stats.not_allowed),
            ("let in", stats.joins_confirmed),
            ("kept out", stats.joins_declined),
            ("key burned", stats.keys_burned),
        ]
        .into_iter()
        .chain(trust)
        {
            *reached.entry(what).or_default() += count;
        }
    }
    println!("in 400 stories: {reached:#?}");
    let rarely: Vec<_> = reached.into_iter().filter(|(_, count)| *count < 5).collect();
    assert_eq!(rarely, []);
}
