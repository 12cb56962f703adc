//! Integrator confusion: two things that look alike, of which one is right.
//!
//! Most of it is gone by type: a session that is over is no visitor who shares, a key of a one-click
//! session cannot be had, and a start that shows a key is another method than one that does not. See
//! `DisplayKey` in `coview-start` and `Sharing` in `coview-lifecycle` for what does not compile.

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::Reach;
use coview_sim::World;
use coview_wire::SessionKey;

use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::join;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::online;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;

/// In Zoom's SDK a session has two codes, and the wrong one is easily shown. Here there is one for a
/// session, and it is the server's: the key the app shows is the one that opens, before and after a
/// break in the middle of its giving out, and there is never another.
#[test]
fn the_key_that_is_shown_is_the_key_that_opens() {
    for cut in MENDS {
        for at in (0..200).step_by(20) {
            let (mut world, anna, grace) = online(at);
            assert!(world.command(anna, Command::StartManual));
            world.run_for(core::time::Duration::from_millis(at));
            world.cut(anna, cut);
            let shown = |world: &World| world.shown_key(anna).is_some();
            assert!(world.run_until(SOON * 50, shown), "{cut:?}\n{}", world.timeline());
            let key: SessionKey = world.shown_key(anna).unwrap();
            assert_eq!(world.hub_stats().unwrap().keys, 1);
            never(&mut world, SOON * 50, |world| world.shown_key(anna) != Some(key));
            assert!(world.agent_command(grace, Click::Join(key)));
            world.run_for(SOON);
            assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "{cut:?} {at}");
            finish(world);
        }
    }
}

/// The other half of that trap: one event answers both ways to start, and an app that forgets which
/// one it called shows the customer's id as if it were a code. Here a session that an agent asked for
/// has no key anywhere, however often it is resumed, and a session by key after it has one.
#[test]
fn a_session_that_was_asked_for_has_no_key_to_show() {
    let (mut world, anna, _) = one_click(7);
    for cut in MENDS {
        world.cut(anna, cut);
        never(&mut world, SOON * 70, |world| {
            world.shown_key(anna).is_some() || world.hub_stats().unwrap().keys > 0
        });
        assert_eq!(world.state(anna), Some(StateKind::SharingOneClick), "{}", world.timeline());
    }
    assert!(world.command(anna, Command::End));
    share(&mut world, anna);
    assert_eq!(world.hub_stats().unwrap().keys, 1);
    finish(world);
}

/// Elsewhere a session that is stored is opened as one that is live (openreplay/openreplay #150), and
/// the list of those that are is hard to find (#2592). Here an agent's connection is broken when the
/// session it watches ends and the same visitor begins another. It comes back into neither: it is
/// told that its session is over, its list says that the visitor is busy, and nothing of the newer
/// session reaches it.
#[test]
fn who_comes_back_to_a_session_that_is_over_is_in_no_other() {
    for away in [1, 20, 50] {
        let (mut world, anna, grace) = one_click(7);
        world.set_reach(grace, Reach::Refused);
        world.cut(grace, Cut::BothNotice);
        world.run_for(SOON);
        assert!(world.command(anna, Command::End));
        share(&mut world, anna);
        let drawn = world.updates_drawn(grace);
        world.run_for(SOON * away);
        world.set_reach(grace, Reach::Open);
        let back = |world: &World| state(world, grace) == Some(AgentStateKind::SignedIn);
        assert!(world.run_until(SOON * 50, back), "{}", world.timeline());
        never(&mut world, SOON * 10, |world| {
            state(world, grace) != Some(AgentStateKind::SignedIn)
                || world.updates_drawn(grace) > drawn
        });
        assert_eq!(told(&world, "grace", "sees the session end"), 1);
        assert!(card(&world, grace).is_some_and(|card| card.busy));
        join(&mut world, grace, anna);
        finish(world);
    }
    let (world, _, grace) = manual(7);
    assert!(world.agent(grace).unwrap().session().is_some(), "and who is in one has its number");
    finish(world);
}
