//! Coming back: a page that is reloaded or left for another, a connection that only one side
//! believes to be there, and a grace that is too short or has no end.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_lifecycle::StateKind;
use coview_sim::Area;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Direction;
use coview_sim::Gone;
use coview_sim::PageAct;
use coview_sim::Paper;
use coview_sim::Reach;
use coview_sim::World;
use coview_sim::town;
use coview_wire::RefusalCode;

use crate::stage::ALL;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::go_online;
use crate::stage::join;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;
use crate::stage::watching;

// Reload and navigation.

/// Elsewhere the agent is thrown out, or stuck, when the page it looks at is left for another
/// (openreplay/openreplay #261 and PR #4529, Koredotcom/web-kore-sdk PR #245). Here the connection
/// breaks while the page changes its size, its masks and all it shows: nobody leaves the session,
/// and afterwards the agent sees the page as it is.
#[test]
fn an_agent_stays_when_the_page_becomes_another() {
    for cut in MENDS {
        for of_visitor in [true, false] {
            let (mut world, anna, grace) = manual(7);
            let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
            world.cut(client, cut);
            for act in [
                PageAct::Resize(90, 40),
                PageAct::Letters(ALL, 5),
                PageAct::Mask(vec![(Area { x: 0, y: 0, width: 100, height: 100 }, 1)]),
            ] {
                world.draw(anna, &act);
                world.run_for(Duration::from_millis(150));
            }
            never(&mut world, SOON * 60, |world| {
                state(world, grace) != Some(AgentStateKind::Viewing)
            });
            assert_eq!(world.disagreements(), [], "{cut:?}");
            assert_eq!(watching(&world, anna), 1);
            finish(world);
        }
    }
}

/// In the same threads a reload leaves a flag behind, so that nothing can be started until
/// everything is. Here the app of a visitor who shares ends in the middle of it and is started
/// again: it is the one agents see at once, it can share by key at once, and when the grace of the
/// lost one is over the agent is told so and asks anew.
#[test]
fn an_app_that_is_started_again_begins_anew_and_nothing_hangs() {
    for cut in MENDS {
        let (mut world, anna, grace) = one_click(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        world.crash(anna, cut);
        let anna = world.restart_visitor(anna).unwrap();
        world.run_for(SOON);
        go_online(&mut world, anna, "anna");
        let seen = card(&world, grace).unwrap();
        assert!(seen.reachable && seen.visitor.as_str() == "anna");
        share(&mut world, anna);
        join(&mut world, henry, anna);
        assert!(world.command(anna, Command::End));
        world.run_for(SOON * 95);
        assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
        assert_eq!(told(&world, "grace", "sees the session end"), 1);
        crate::stage::ask(&mut world, grace);
        assert_eq!(world.state(anna), Some(StateKind::TermsRequested), "{}", world.timeline());
        finish(world);
    }
}

/// Elsewhere whoever comes late sees nothing, because the picture was sent before
/// (rrweb-io/rrweb #239, #394, #478). Here the page has stood still for ten minutes, with and without
/// somebody looking, and who joins sees all of it within a second.
#[test]
fn who_comes_late_to_a_page_that_stands_still_sees_all_of_it() {
    for watched in [true, false] {
        let (mut world, anna, grace) = two(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        share(&mut world, anna);
        world.draw(anna, &PageAct::Noise(ALL, 3));
        join(&mut world, grace, anna);
        if !watched {
            assert!(world.agent_command(grace, Click::Leave));
        }
        world.run_for(SOON * 600);
        join(&mut world, henry, anna);
        assert!(world.updates_drawn(henry) > 0, "{}", world.timeline());
        assert_eq!(world.disagreements(), []);
        finish(world);
    }
}

// Half-open sockets refuse the return.

/// Elsewhere a connection that is still on the server's list keeps the very tab out that it was of
/// (openreplay/openreplay `socketHandlers.js`). Here the client alone knows that its connection is
/// broken, or nothing comes through it any more: it comes back at once, to where it was, and the
/// server is left with one connection of it.
#[test]
fn a_connection_that_only_the_server_believes_in_keeps_nobody_out() {
    for of_visitor in [true, false] {
        for stalls in [true, false] {
            let (mut world, anna, grace) = one_click(7);
            let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
            if stalls {
                world.stall(client, Direction::Up);
                world.stall(client, Direction::Down);
                world.run_for(SOON * 42);
            } else {
                world.cut(client, Cut::ClientNotices);
                world.run_for(SOON * 2);
            }
            let stats = world.hub_stats().unwrap();
            assert_eq!((stats.resumed, stats.connections), (1, 2), "{}", world.timeline());
            assert_eq!((stats.visitors_arrived, stats.agents_signed_in), (1, 1));
            assert_eq!(world.state(anna), Some(StateKind::SharingOneClick));
            assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
            finish(world);
        }
    }
}

/// Elsewhere whoever reconnects kicks itself, being a duplicate of itself
/// (livekit/client-sdk-android #778). Here a client breaks off every four seconds and comes back,
/// thirty times, while the server still believes in each connection before: it is one client all the
/// time, and nobody tells it to go.
#[test]
fn who_comes_back_again_and_again_does_not_kick_itself() {
    for of_visitor in [true, false] {
        let (mut world, anna, grace) = one_click(7);
        let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
        for round in 0..30 {
            let cut = if round % 3 == 2 { Cut::BothNotice } else { Cut::ClientNotices };
            world.cut(client, cut);
            world.run_for(SOON * 4);
        }
        world.run_for(SOON * 30);
        let stats = world.hub_stats().unwrap();
        assert_eq!((stats.visitors_arrived, stats.agents_signed_in), (1, 1));
        assert!(stats.resumed >= 10, "{}", stats.resumed);
        assert_eq!(world.gone(client), None, "{}", world.timeline());
        assert_eq!(world.state(anna), Some(StateKind::SharingOneClick));
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        finish(world);
    }
}

// Grace too short, or without an end.

/// Elsewhere each drop changes the password that was just read out (rustdesk/rustdesk #8655). Here a
/// visitor on a train has five drops, each shorter than the grace: it is the same session, and the
/// key that was read out before the first drop opens it after the last.
#[test]
fn drops_shorter_than_the_grace_keep_the_session_and_its_key() {
    let (mut world, anna, grace) = two(7);
    share(&mut world, anna);
    let key = world.shown_key(anna).unwrap();
    for drop in [3, 10, 17, 22, 25] {
        world.set_reach(anna, Reach::Refused);
        world.cut(anna, Cut::BothNotice);
        world.run_for(SOON * drop);
        world.set_reach(anna, Reach::Open);
        world.run_for(SOON * 15);
        assert_eq!(world.shown_key(anna), Some(key), "{drop}\n{}", world.timeline());
    }
    assert!(world.agent_command(grace, Click::Join(key)));
    world.run_for(SOON);
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
    finish(world);
}

/// Elsewhere a longer drop destroys the share, and the client redials the id that is gone for ever
/// (TeoSlayer/shell.online #21). Here it asks for its place once, hears that it is gone, begins anew
/// on the same connection, and the app is told once what has ended.
#[test]
fn what_is_gone_is_asked_for_once_and_told_once() {
    let (mut world, anna, grace) = one_click(7);
    world.set_reach(anna, Reach::Refused);
    world.cut(anna, Cut::BothNotice);
    world.run_for(SOON * 900);
    let tries = world.hub_stats().unwrap().connections_opened;
    world.set_reach(anna, Reach::Open);
    world.run_for(SOON * 60);
    assert_eq!(told(&world, "anna", "→ resume "), 1, "{}", world.timeline());
    assert_eq!(told(&world, "anna", "→ hello "), 2);
    assert_eq!(told(&world, "anna", "sees the session end"), 1);
    assert_eq!(told(&world, "grace", "sees the session end"), 1);
    let now = world.hub_stats().unwrap();
    assert_eq!(now.connections_opened, tries + 1);
    assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
    assert_eq!(card(&world, grace).map(|card| card.busy), Some(false));
    finish(world);
}

/// Elsewhere a client retries for ever what no retry can cure (kasmtech/noVNC PR #201). Here an agent
/// is away until its token has expired. It is told why it cannot come back, and does not try again;
/// while nothing answers it tries, ever more slowly.
#[test]
fn what_no_waiting_cures_is_not_tried_again() {
    let mut world = World::new(town::config(), 7);
    let token = Paper::Good(Duration::from_secs(300));
    let grace = world.add_agent_with("grace", town::NORTH, token);
    world.run_for(SOON);
    world.set_reach(grace, Reach::Refused);
    world.cut(grace, Cut::BothNotice);
    world.run_for(SOON * 900);
    let reconnecting = world.agent(grace).map(|agent| agent.connectivity());
    assert_eq!(reconnecting, Some(Connectivity::Reconnecting));
    world.set_reach(grace, Reach::Open);
    world.run_for(SOON * 60);
    let refused = Gone::Closed(LinkClosed::Refused(RefusalCode::TokenExpired));
    assert_eq!(world.gone(grace), Some(&refused), "{}", world.timeline());
    let opened = world.hub_stats().unwrap().connections_opened;
    world.run_for(SOON * 3600);
    assert_eq!(world.hub_stats().unwrap().connections_opened, opened);
    finish(world);
}
