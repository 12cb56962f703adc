//! Random stories in a hostile world, held against the rules at every step.

use core::time::Duration;

use coview_agent::Watching;
use coview_sim::World;
use coview_sim::act::Act;
use coview_sim::strategy;
use coview_sim::town;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Four devices and three agents in the north, of whom two devices share an id; the same ids in the
/// south.
fn crowd(seed: u64) -> World {
    let mut world = World::new(town::config(), seed);
    for (name, group) in [
        ("anna", town::NORTH),
        ("anna'", town::NORTH),
        ("ben", town::NORTH),
        ("anna-s", town::SOUTH),
    ] {
        world.add_visitor(name, town::visitor(group));
    }
    for (name, group) in [("grace", town::NORTH), ("henry", town::NORTH), ("grace", town::SOUTH)] {
        let no = world.add_agent(name, town::agent(group, name));
        world.run_for(Duration::from_millis(500));
        world.watch(no, Some(Watching::Group));
    }
    world
}

fn play(seed: u64, script: &[Act]) {
    let mut world = crowd(seed);
    for act in script {
        world.act(act);
        world.assert_holds();
    }
    world.settle();
    world.assert_settled();
    world.assert_forgets();
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
    fn every_rule_holds_in_every_story(seed: u64, script in strategy::script(100)) {
        play(seed, &script);
    }
}
