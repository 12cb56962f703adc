//! Ghosts in presence: somebody is shown who is not there, or twice, or as something they are not
//! any more.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::Reach;
use coview_sim::VisitorNo;
use coview_sim::World;
use coview_sim::town;
use coview_wire::AppState;

use crate::stage::CUTS;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::ask;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::go_online;
use crate::stage::join;
use crate::stage::manual;
use crate::stage::online;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::watching;

/// Elsewhere whoever is gone is shown for ten minutes or more (twilio/twilio-video.js #1361,
/// livekit/client-sdk-js #1120), and a laptop that sleeps is present for days, because
/// nobody asks it (amiantos/lurker PR #255). Here a device goes to sleep without a word to anybody:
/// agents see it out of reach when it has been silent for a minute, and offline after the grace.
#[test]
fn a_device_that_sleeps_is_gone_in_a_minute_and_a_half() {
    for seed in 0..5 {
        let (mut world, anna, grace) = online(seed);
        let slept = world.now();
        world.crash(anna, Cut::Silent);
        let out_of_reach = |world: &World| !card(world, grace).unwrap().reachable;
        assert!(world.run_until(SOON * 62, out_of_reach), "{}", world.timeline());
        let offline = |world: &World| card(world, grace).is_none();
        assert!(world.run_until(SOON * 31, offline), "{}", world.timeline());
        assert!(world.now().since(slept) < SOON * 92);
        assert_eq!(told(&world, "grace", "← visitor_offline"), 1);
        finish(world);
    }
}

/// Elsewhere somebody is stuck as visible (vjt/grappa-irc #224), because what was said once holds
/// until the opposite is. Here an app in the background has to renew what it said: it is online for
/// as long as it does, and when its system has ended it, no longer than one lease.
#[test]
fn an_app_in_the_background_is_online_while_it_says_so_and_no_longer() {
    let (mut world, anna, grace) = online(7);
    world.move_app(anna, AppState::Background);
    world.run_for(SOON);
    world.cut(anna, Cut::BothNotice);
    // The system cuts each connection that the app makes to renew its lease.
    for _ in 0..5 {
        let connected = |world: &World| card(world, grace).is_some_and(|card| card.reachable);
        assert!(world.run_until(SOON * 200, connected), "{}", world.timeline());
        world.cut(anna, Cut::BothNotice);
        world.run_for(SOON);
    }
    assert_eq!(told(&world, "grace", "← visitor_offline"), 0);
    let ended = world.now();
    world.crash(anna, Cut::BothNotice);
    let offline = |world: &World| card(world, grace).is_none();
    assert!(world.run_until(SOON * 310, offline), "{}", world.timeline());
    assert!(world.now().since(ended) > SOON * 200, "the lease is longer than the grace");
    finish(world);
}

/// Elsewhere who comes back is there twice (livekit/components-js #630). Here an app crashes and is started again five times within the grace of the
/// one before, in every way a connection can break: agents see one card, and the device that is
/// really there is the one they ask.
#[test]
fn who_comes_back_is_there_once() {
    for cut in CUTS {
        let (mut world, mut anna, grace) = online(7);
        for _ in 0..5 {
            world.crash(anna, cut);
            anna = world.restart_visitor(anna).unwrap();
            world.run_for(SOON);
            go_online(&mut world, anna, "anna");
            assert!(card(&world, grace).is_some_and(|card| card.reachable), "{cut:?}");
            ask(&mut world, grace);
            assert_eq!(world.state(anna), Some(StateKind::TermsRequested), "{cut:?}");
            assert!(world.command(anna, Command::Decline));
            world.run_for(SOON * 2);
        }
        world.run_for(SOON * 95);
        let stats = world.hub_stats().unwrap();
        assert_eq!((stats.visitors, stats.visitors_online), (1, 1), "{}", world.timeline());
        assert_eq!(told(&world, "grace", "← visitor_online"), 1, "it was online all the time");
        finish(world);
    }
}

/// The same for agents: a console crashes and is started again in the middle of a session, and the
/// visitor sees the agent who is really there, and after the grace nobody else
/// (livekit/components-js #630).
#[test]
fn a_guest_whose_console_crashed_leaves_the_list() {
    for cut in CUTS {
        let (mut world, anna, grace) = manual(7);
        world.crash(grace, cut);
        let grace = world.restart_agent(grace).unwrap();
        world.run_for(SOON);
        join(&mut world, grace, anna);
        world.run_for(SOON * 95);
        assert_eq!(watching(&world, anna), 1, "{cut:?}\n{}", world.timeline());
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        finish(world);
    }
}

/// Elsewhere who is online depends on which server one asks (stoatchat/stoatchat #12; here there is
/// one hub and nothing beside it that could be of another mind), and every break is a coming and a
/// going. Here ten short breaks are neither a going nor a coming: agents
/// see the same stay, out of reach for a moment.
#[test]
fn a_short_break_is_no_going_and_no_coming() {
    let (mut world, anna, grace) = online(7);
    for round in 0..10 {
        world.set_reach(anna, Reach::Refused);
        world.cut(anna, CUTS[round % 2]);
        world.run_for(SOON * 10);
        world.set_reach(anna, Reach::Open);
        world.run_for(SOON * 20);
        assert!(card(&world, grace).unwrap().reachable);
    }
    assert_eq!(told(&world, "grace", "← visitor_offline"), 0, "{}", world.timeline());
    assert_eq!(told(&world, "grace", "← visitor_online"), 1);
    assert_eq!(told(&world, "anna", "is offline"), 0);
    assert!(card(&world, grace).unwrap().online_ms > 250_000, "{}", world.timeline());
    finish(world);
}

/// Elsewhere who leaves while somebody else's connection is broken is seen by that one for ever
/// (livekit/client-sdk-js #561), and who closes the page stays in the table (dstpierre/lcsk #45).
/// Here visitors go and come, and an agent leaves a session, while the others are away: when they
/// are back they see who is there, and who leaves by itself is gone at once.
#[test]
fn what_happened_during_a_break_is_seen_after_it() {
    for cut in MENDS {
        let (mut world, anna, grace) = online(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        let [ben, cleo] = ["ben", "cleo"].map(|name| {
            let no = world.add_visitor(name, town::visitor(town::NORTH));
            world.run_for(SOON);
            no
        });
        go_online(&mut world, ben, "ben");
        share(&mut world, anna);
        join(&mut world, henry, anna);
        for client in [coview_sim::ClientId::from(anna), grace.into()] {
            world.set_reach(client, Reach::Refused);
            world.cut(client, cut);
        }
        world.run_for(SOON);
        world.leave(ben);
        world.leave(henry);
        go_online(&mut world, cleo, "cleo");
        world.set_reach(anna, Reach::Open);
        world.set_reach(grace, Reach::Open);
        world.run_for(SOON * 50);
        let roster = world.agent(grace).unwrap().roster();
        let seen: Vec<&str> = roster.keys().map(|id| id.as_str()).collect();
        assert_eq!(seen, ["anna", "cleo"], "{cut:?}");
        assert_eq!(watching(&world, anna), 0, "{cut:?}");
        world.leave(cleo);
        world.run_for(SOON);
        assert_eq!(world.agent(grace).unwrap().roster().len(), 1);
        finish(world);
    }
}

/// Elsewhere a flag that was set is never cleared (get-convex/convex-presence #2). Here a visitor is busy
/// for as long as a question waits or a session runs: however either ends, agents see the visitor
/// free again and can ask.
#[test]
fn busy_ends_with_what_made_the_visitor_busy() {
    type Ends = fn(&mut World, VisitorNo, coview_sim::AgentNo);
    let of_a_question: [Ends; 4] = [
        |world, anna, _| assert!(world.command(anna, Command::Decline)),
        |world, _, grace| assert!(world.agent_command(grace, Click::Withdraw)),
        |world, _, grace| world.crash(grace, Cut::Silent),
        |world, _, _| world.run_for(SOON * 60),
    ];
    let of_a_session: [Ends; 4] = [
        |world, anna, _| assert!(world.command(anna, Command::End)),
        |world, _, grace| assert!(world.agent_command(grace, Click::End)),
        |world, anna, _| {
            world.set_reach(anna, Reach::Refused);
            world.cut(anna, Cut::BothNotice);
            world.run_for(SOON * 35);
            world.set_reach(anna, Reach::Open);
        },
        |world, anna, _| {
            world.set_reach(anna, Reach::Nowhere);
            world.cut(anna, Cut::Silent);
            world.run_for(SOON * 100);
            world.set_reach(anna, Reach::Open);
        },
    ];
    for shares in [None, Some(true), Some(false)] {
        for ends in if shares.is_some() { of_a_session } else { of_a_question } {
            let (mut world, anna, grace) = online(7);
            let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
            world.run_for(SOON);
            world.watch(henry, Some(coview_agent::Watching::Group));
            if shares == Some(false) {
                share(&mut world, anna);
                join(&mut world, grace, anna);
            } else {
                ask(&mut world, grace);
                assert!(world.command(anna, Command::TermsDisplayed));
                if shares.is_some() {
                    assert!(world.command(anna, Command::Accept));
                }
            }
            world.run_for(SOON);
            assert!(card(&world, henry).unwrap().busy);
            ends(&mut world, anna, grace);
            let free = |world: &World| card(world, henry).is_some_and(|card| !card.busy);
            assert!(world.run_until(Duration::from_secs(120), free), "{}", world.timeline());
            world.run_for(SOON * 5);
            ask(&mut world, henry);
            assert_eq!(
                state(&world, henry),
                Some(AgentStateKind::Requesting),
                "{}",
                world.timeline()
            );
            finish(world);
        }
    }
}
