//! Sessions left open: somebody wanted to end it and could not, or nobody was left to.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::Direction;
use coview_sim::PageAct;
use coview_sim::Reach;
use coview_sim::World;
use coview_sim::town;
use coview_wire::AppState;

use crate::stage::ALL;
use crate::stage::CUTS;
use crate::stage::SOON;
use crate::stage::asked;
use crate::stage::asks_first;
use crate::stage::finish;
use crate::stage::join;
use crate::stage::knock;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;

/// Elsewhere the button to disconnect leaves the link standing (rustdesk/rustdesk #553), or a session
/// cannot be ended while the app is minimised (forcedotcom/ServiceSDK-Android #106). Here the visitor
/// ends it with no connection, with one that nothing comes through, and from the background: it is
/// over on this side at once, not one more picture is sent, and the agent is told when it can be.
#[test]
fn an_end_needs_nobodys_leave() {
    for how in 0..6 {
        let (mut world, anna, grace) = one_click(7);
        match how {
            0 => world.move_app(anna, AppState::Background),
            1 => world.stall(anna, Direction::Up),
            of => {
                world.set_reach(anna, Reach::Nowhere);
                world.cut(anna, CUTS[of - 2]);
            }
        }
        world.run_for(SOON);
        world.draw(anna, &PageAct::Noise(ALL, 1));
        assert!(world.command(anna, Command::End));
        assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
        let sent = told(&world, "hub", "session ended");
        let drawn = world.updates_drawn(grace);
        world.draw(anna, &PageAct::Noise(ALL, 2));
        world.run_for(SOON * 3);
        // What was under way before the end may still be drawn, and nothing after it.
        assert!(sent > 0 || world.updates_drawn(grace) <= drawn + 1);
        world.unstall(anna, Direction::Up);
        world.set_reach(anna, Reach::Open);
        let ended = |world: &World| state(world, grace) == Some(AgentStateKind::SignedIn);
        assert!(world.run_until(SOON * 92, ended), "{how}\n{}", world.timeline());
        assert_eq!(told(&world, "grace", "sees the session end"), 1);
        finish(world);
    }
}

/// Elsewhere somebody shares without knowing it and finds no button to stop it, or is not told when
/// it is over (Ylianst/MeshCentral #4999). Here the app names everybody who is in at every moment,
/// the end is for all of them, and an end by an agent or by the server is told to the visitor.
#[test]
fn everybody_in_a_session_is_named_and_told_of_its_end() {
    for by in 0..3 {
        let (mut world, anna, grace) = manual(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        world.run_for(SOON);
        join(&mut world, henry, anna);
        let named = world.visitor(anna).unwrap().agents().to_vec();
        assert_eq!(named, ["grace", "henry"].map(|agent| town::card(town::NORTH, agent)));
        match by {
            0 => assert!(world.command(anna, Command::End)),
            1 => assert!(world.agent_command(grace, coview_agent::Command::End)),
            _ => {
                world.stop_hub();
                world.start_hub();
            }
        }
        world.run_for(SOON * 10);
        assert_eq!(world.state(anna), Some(StateKind::Anonymous));
        assert_eq!(told(&world, "anna", "sees the session end"), usize::from(by > 0), "{by}");
        assert_eq!(told(&world, "grace", "sees the session end"), usize::from(by != 1), "{by}");
        assert_eq!(told(&world, "henry", "sees the session end"), 1, "{by}");
        finish(world);
    }
}

/// Elsewhere sessions stay open when their visitor has long gone (RocketChat/Rocket.Chat #16602,
/// 2930134478/AI-CS #3). Here the visitor vanishes without a word in every state that a session can
/// be in: nobody uses the key, an agent waits to be let in, the yes is said and the start is not, a
/// session runs. Each has a deadline of its own, and none is open after it.
#[test]
fn no_session_outlives_its_visitor() {
    let shared = |world: &mut World| {
        let anna = coview_sim::VisitorNo(0);
        share(world, anna);
        anna
    };
    let (mut unclaimed, ..) = two(7);
    let mut worlds = vec![(shared(&mut unclaimed), unclaimed)];
    let (mut waiting, anna, grace) = asks_first(7);
    knock(&mut waiting, grace, anna);
    worlds.push((anna, waiting));
    let (by_key, anna, _) = manual(7);
    worlds.push((anna, by_key));
    let (by_ask, anna, _) = one_click(7);
    worlds.push((anna, by_ask));
    // The connection breaks between the yes and the start, which are said in one breath.
    let mut between = false;
    for seed in 0..40 {
        let (mut accepted, anna, _) = asked(seed);
        assert!(accepted.command(anna, Command::Accept));
        let heard = |world: &World| world.hub_stats().unwrap().asks_accepted == 1;
        assert!(accepted.run_until(SOON, heard));
        let started = accepted.hub_stats().unwrap().sessions_one_click == 1;
        between |= !started;
        worlds.push((anna, accepted));
    }
    assert!(between, "none broke between the yes and the start");
    for (anna, mut world) in worlds {
        assert_eq!(world.hub_stats().unwrap().sessions, 1, "{}", world.timeline());
        world.crash(anna, Cut::Silent);
        let over = |world: &World| world.hub_stats().unwrap().sessions == 0;
        assert!(world.run_until(Duration::from_secs(92), over), "{}", world.timeline());
        world.run_for(SOON);
        for agent in 0..world.agents() {
            let state = state(&world, coview_sim::AgentNo(agent));
            assert_eq!(state, Some(AgentStateKind::SignedIn), "{}", world.timeline());
        }
        finish(world);
    }
}

/// The same with a visitor who is there and silent: a key that nobody uses is good for five minutes,
/// also if the visitor's app is connected all the time, and is worth nothing after them.
#[test]
fn a_key_that_nobody_uses_does_not_lie_about() {
    let (mut world, anna, grace) = two(7);
    share(&mut world, anna);
    never(&mut world, SOON * 298, |world| world.shown_key(anna).is_none());
    world.run_for(SOON * 2);
    assert_eq!(world.state(anna), Some(StateKind::Anonymous), "{}", world.timeline());
    let stats = world.hub_stats().unwrap();
    assert_eq!((stats.sessions, stats.keys), (0, 0));
    assert!(world.join_by_ear(grace, anna));
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
    finish(world);
}
