//! A day of a hundred visitors and ten agents who do nothing but live, to see how fast virtual time
//! passes: `cargo run --release -p coview-sim --example day`
#![expect(clippy::print_stdout, reason = "an example prints what it saw")]

use core::time::Duration;

use coview_lifecycle::Command;
use coview_sim::World;
use coview_sim::town;
use coview_wire::PresenceData;

const SOON: Duration = Duration::from_secs(1);

fn main() {
    let mut world = World::new(town::config(), 7);
    for no in 0..100 {
        let name = format!("v{no}");
        let visitor = world.add_visitor(&name, town::visitor(town::NORTH));
        world.run_for(SOON);
        for command in [
            Command::Identify(town::visitor_id(&name).into()),
            Command::ConnectPresence(PresenceData::new()),
        ] {
            assert!(world.command(visitor, command), "{name} can do it in this state");
            world.run_for(SOON);
        }
    }
    for _ in 0..10 {
        world.add_agent("grace", town::agent(town::NORTH, "grace"));
    }
    world.run_for(Duration::from_secs(24 * 60 * 60));
    world.assert_holds();
    println!("{} things happened in {}", world.timeline().len(), world.now());
}
