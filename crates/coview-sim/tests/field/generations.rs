//! Old object hits new session: what belongs to something that is over changes what came after it.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::Connectivity;
use coview_lifecycle::StateKind;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Reach;
use coview_sim::World;

use crate::stage::CUTS;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::breaks_late_at_hub;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;
use crate::stage::watching;

/// Elsewhere the late disconnect of the first connection marks the second one closed (novnc/noVNC
/// #452, mended by PR #458). Here either side comes back on a second connection, and only then the
/// server learns that the first has broken, or that nothing was heard on it for a minute.
#[test]
fn the_late_end_of_a_connection_is_not_the_end_of_the_next() {
    for of_visitor in [true, false] {
        for seed in 0..5 {
            let (mut world, anna, grace) = one_click(seed);
            let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
            breaks_late_at_hub(&mut world, client, Duration::from_secs(8));
            let back = |world: &World| world.hub_stats().unwrap().resumed == 1;
            assert!(world.run_until(SOON * 3, back), "{}", world.timeline());
            world.run_for(SOON);
            never(&mut world, SOON * 90, |world| {
                let visitor = world.visitor(anna).unwrap();
                visitor.state() != StateKind::SharingOneClick
                    || visitor.connectivity() != Connectivity::Connected
                    || visitor.agents().len() != 1
                    || state(world, grace) != Some(AgentStateKind::Viewing)
                    || !card(world, grace).is_some_and(|card| card.reachable)
            });
            assert_eq!(told(&world, "hub", " dropped "), 0, "{}", world.timeline());
            let drawn = world.updates_drawn(grace);
            world.draw(anna, &coview_sim::PageAct::Noise(crate::stage::ALL, 3));
            world.run_for(SOON);
            assert!(world.updates_drawn(grace) > drawn);
            finish(world);
        }
    }
}

/// The agent ends the session, the visitor ends it too and shares again at once: the end that is
/// told for the first session arrives when the second has begun, whatever falls between, also a
/// break after which everything is said again. It is the very race of novnc/noVNC #452, between
/// sessions instead of connections.
#[test]
fn the_late_end_of_a_session_is_not_the_end_of_the_next() {
    for gap in (0..200).step_by(20) {
        for cut in [None, Some(Cut::BothNotice), Some(Cut::ClientNotices)] {
            let (mut world, anna, grace) = manual(gap);
            assert!(world.agent_command(grace, Click::End));
            world.run_for(Duration::from_millis(gap));
            let told_before = !world.command(anna, Command::End);
            assert!(world.command(anna, Command::StartManual));
            if let Some(cut) = cut {
                world.run_for(Duration::from_millis(gap / 2));
                world.cut(anna, cut);
            }
            world.run_for(SOON * 5);
            never(&mut world, SOON * 60, |world| world.shown_key(anna).is_none());
            assert_eq!(watching(&world, anna), 0, "who was in the first is not in the second");
            let stats = world.hub_stats().unwrap();
            assert_eq!((stats.sessions_manual, stats.sessions_ended), (2, 1));
            let ends = told(&world, "anna", "sees the session end");
            assert_eq!(ends, usize::from(told_before), "{}", world.timeline());
            finish(world);
        }
    }
}

/// Elsewhere a session that was ended is resumed, and start and end flicker
/// (salesforce/AgentforceMobileSDK-ReactNative #156). Here the visitor ends it while the connection
/// is broken, and the server, which has not heard of it, says after the break that it still runs.
/// It does not come back for a moment, and no picture of it is sent.
///
/// That the ended session cannot be used by the app is a compile error: `Visitor::end` takes the
/// visitor, see the examples at `Visitor` in `coview-lifecycle`.
#[test]
fn a_session_that_was_ended_does_not_come_back() {
    for cut in CUTS {
        for away in [0, 5, 20, 50] {
            let (mut world, anna, grace) = one_click(7);
            world.set_reach(anna, Reach::Refused);
            world.cut(anna, cut);
            world.run_for(Duration::from_millis(300));
            let drawn = world.updates_drawn(grace);
            assert!(world.command(anna, Command::End));
            assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
            world.draw(anna, &coview_sim::PageAct::Noise(crate::stage::ALL, 3));
            world.run_for(SOON * away);
            world.set_reach(anna, Reach::Open);
            never(&mut world, SOON * 100, |world| {
                world.state(anna) != Some(StateKind::PresenceConnected)
                    || world.updates_drawn(grace) > drawn
            });
            assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn));
            assert_eq!(told(&world, "grace", "sees the session end"), 1);
            finish(world);
        }
    }
}

/// Elsewhere a callback fires twice and crashes the app (opentok-react-native #175), or a disconnect
/// follows a disconnect (react-vnc #56). Here the end is told by a message and by what the server
/// says after a break, and the break falls on any moment around it: each side is told once, and has
/// nothing left to end.
///
/// A terminal state consumes the visitor, so there is nothing to end twice: see the example of
/// `Visitor::confirm` and of `Visitor` in `coview-lifecycle`.
#[test]
fn each_end_is_told_once() {
    for at in (0..300).step_by(30) {
        for cut in MENDS {
            for (by_visitor, of_visitor) in
                [(true, true), (true, false), (false, true), (false, false)]
            {
                let (mut world, anna, grace) = manual(at);
                let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
                if by_visitor {
                    assert!(world.command(anna, Command::End));
                } else {
                    assert!(world.agent_command(grace, Click::End));
                }
                world.run_for(Duration::from_millis(at));
                world.cut(client, cut);
                world.run_for(SOON * 100);
                // Who ended it knows.
                let ends = |who| told(&world, who, "sees the session end");
                let (anna_told, grace_told) = if by_visitor { (0, 1) } else { (1, 0) };
                let all = (ends("anna"), ends("grace"));
                assert_eq!(all, (anna_told, grace_told), "{}", world.timeline());
                assert_eq!(world.hub_stats().unwrap().sessions_ended, 1);
                assert!(!world.command(anna, Command::End), "there is nothing left to end");
                assert!(!world.agent_command(grace, Click::End));
                world.settle();
                world.assert_settled();
            }
        }
    }
}

/// Elsewhere a state change from within the callback of a state change recurses (novnc/noVNC PR
/// #651). Here an app ends and shares again as often as it likes without a moment between, and takes
/// a start back before it is answered: each start has its one end and the last one stands.
#[test]
fn changes_within_changes_come_to_rest() {
    let (mut world, anna, _) = two(7);
    world.set_delay(Duration::ZERO..=Duration::ZERO);
    for round in 0..20 {
        assert!(world.command(anna, Command::StartManual));
        if round % 2 == 0 {
            world.run_until_quiet();
            assert!(world.command(anna, Command::End), "{}", world.timeline());
        } else {
            assert!(world.give_up(anna));
        }
    }
    assert!(world.command(anna, Command::StartManual));
    world.run_for(SOON);
    assert!(world.shown_key(anna).is_some());
    let stats = world.hub_stats().unwrap();
    assert_eq!((stats.sessions_manual, stats.sessions_ended, stats.sessions), (21, 20, 1));
    finish(world);
}
