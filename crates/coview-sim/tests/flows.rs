use core::time::Duration;
use coview_lifecycle::Command;
use coview_sim::World;
use coview_sim::town;

#[test]
fn trial() {
    let mut world = World::new(town::config(), 7);
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    let grace = world.add_agent("grace", town::agent(town::NORTH, "grace"));
    world.run_for(Duration::from_secs(1));
    world.command(anna, Command::StartManual);
    world.run_for(Duration::from_secs(1));
    world.join_by_ear(grace, anna);
    world.run_for(Duration::from_secs(1));
    world.command(anna, Command::End);
    world.run_for(Duration::from_secs(1));
    println!("{}", world.timeline());
    world.settle();
    world.assert_settled();
    world.assert_forgets();
}
