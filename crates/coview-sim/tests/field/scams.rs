//! Scams: somebody gets a victim to let them in by pretending to be somebody else, or by wearing the
//! victim down.

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_proto::Ended;
use coview_sim::Gone;
use coview_sim::Paper;
use coview_sim::World;
use coview_sim::town;

use crate::stage::LONG;
use crate::stage::SOON;
use crate::stage::asks_first;
use crate::stage::finish;
use crate::stage::go_online;
use crate::stage::knock;
use crate::stage::online;
use crate::stage::state;
use crate::stage::told;
use crate::stage::watching;

/// Elsewhere anybody with the program can ask anybody, under any name, and so scammers do
/// (rustdesk/rustdesk #1675; rustdesk/uptime #55, after which a public server wants a login on both
/// sides). Here nobody asks who has not signed in with a token that the operator made, for this
/// group and not over yet.
#[test]
fn nobody_asks_whom_the_operator_does_not_vouch_for() {
    let (mut world, anna, _) = online(7);
    for paper in
        [Paper::Missing, Paper::Forged, Paper::Expired, Paper::OtherGroup, Paper::OtherPurpose]
    {
        let mallory = world.add_agent_with("mallory", town::NORTH, paper);
        world.run_for(SOON);
        assert!(!world.agent_command(mallory, Click::Ask(town::visitor_id("anna"))));
        let gone = world.gone(mallory);
        assert!(
            matches!(gone, Some(Gone::NeverConnected(Ended::Refused(_)))),
            "{paper:?} {gone:?}"
        );
    }
    assert_eq!(world.hub_stats().unwrap().refused_tokens, 5);
    assert_eq!(told(&world, "anna", "is asked to share"), 0);
    assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
    finish(world);
}

/// In the same threads the name that the victim sees is the one the scammer typed. Here the name is
/// the one in the token. An agent whose question is on the screen shows a newer token that is of
/// another agent: it is refused, and the visitor goes on seeing, and says yes to, who asked.
#[test]
fn the_name_on_the_screen_is_the_one_the_operator_vouches_for() {
    let mut world = World::new(town::config(), 7);
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    // What is shown later lasts longer, so that nothing but the name can be wrong with it.
    let grace = world.add_agent_with("grace", town::NORTH, Paper::Good(SOON * 600));
    world.run_for(SOON);
    go_online(&mut world, anna, "anna");
    crate::stage::ask(&mut world, grace);
    assert!(world.command(anna, Command::TermsDisplayed));
    world.run_for(SOON);
    let name = |world: &World| {
        let agent = world.visitor(anna).and_then(|visitor| visitor.agent());
        agent.map(|card| (card.agent.to_string(), card.name().to_owned()))
    };
    let vouched = Some(("grace".to_owned(), "grace of north".to_owned()));
    assert_eq!(name(&world), vouched);
    assert!(world.renew(grace, Paper::SomebodyElses));
    world.run_for(SOON);
    assert_eq!(name(&world), vouched);
    assert_eq!(world.hub_stats().unwrap().refused_tokens, 1, "{}", world.timeline());
    assert_eq!(told(&world, "hub", "agent renewed"), 0);
    assert!(world.command(anna, Command::Accept));
    world.run_for(SOON);
    let cards = world.visitor(anna).unwrap().agents().to_vec();
    assert_eq!(cards, [town::card(town::NORTH, "grace")]);
    finish(world);
}

/// Elsewhere a countdown was asked for, because victims are talked through the prompt by somebody
/// who does not stop (rustdesk/rustdesk PR #5664). Here an agent who was not let in five times within
/// ten minutes cannot make the question appear any more, from no console, while another agent can.
#[test]
fn who_asks_again_and_again_is_not_heard_any_more() {
    let (mut world, anna, grace) = online(7);
    let second = world.add_agent("grace", town::agent(town::NORTH, "grace"));
    let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
    world.run_for(SOON);
    for round in 0..8 {
        let console = if round % 2 == 0 { grace } else { second };
        crate::stage::ask(&mut world, console);
        if world.command(anna, Command::TermsDisplayed) {
            assert!(world.command(anna, Command::Decline));
        }
        world.run_for(SOON * 5);
    }
    assert_eq!(told(&world, "anna", "is asked to share by"), 5, "{}", world.timeline());
    crate::stage::ask(&mut world, henry);
    assert_eq!(told(&world, "anna", "is asked to share by henry"), 1);
    finish(world);
}

/// The other way in: the key was overheard, or the victim was made to read it out. Whoever types it
/// is shown to the visitor by name before anything is seen, and a no burns the key, so that nobody
/// else comes in with it either.
#[test]
fn who_uses_an_overheard_key_is_named_and_a_no_burns_it() {
    let (mut world, anna, grace) = asks_first(7);
    let iris = world.add_agent_with("iris", town::NORTH, Paper::Good(LONG));
    world.run_for(SOON);
    knock(&mut world, iris, anna);
    let agent = world.visitor(anna).and_then(|visitor| visitor.agent()).unwrap();
    assert_eq!(agent.name(), "iris of north");
    assert!(world.command(anna, Command::Refuse));
    world.run_for(SOON);
    for agent in [iris, grace] {
        knock(&mut world, agent, anna);
        assert_eq!(state(&world, agent), Some(AgentStateKind::SignedIn));
    }
    assert_eq!(watching(&world, anna), 0);
    assert_eq!(world.hub_stats().unwrap().keys, 0);
    finish(world);
}
