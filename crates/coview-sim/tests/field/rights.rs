//! Privilege creep: what was allowed once is possible for ever.

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Paper;
use coview_sim::World;
use coview_sim::town;

use crate::stage::LONG;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::asks_first;
use crate::stage::finish;
use crate::stage::join;
use crate::stage::knock;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;
use crate::stage::watching;

/// Elsewhere an agent who was thrown out comes back with the same password
/// (rustdesk/rustdesk #1867). Here one who was removed types the same key on the same console, on
/// another one, after a reconnect and with a newer token, also while the visitor shares on with
/// others: the key is a wrong one for this agent, for as long as the session lasts.
#[test]
fn an_agent_who_was_removed_does_not_come_back_with_the_same_key() {
    let (mut world, anna, grace) = manual(7);
    let henry = world.add_agent_with("henry", town::NORTH, Paper::Good(SOON * 600));
    world.run_for(SOON);
    join(&mut world, henry, anna);
    assert!(world.eject(grace, town::agent_id("henry")));
    world.run_for(SOON);
    assert_eq!(state(&world, henry), Some(AgentStateKind::SignedIn));
    let kept_out = |world: &mut World, henry| {
        assert!(world.join_by_ear(henry, anna));
        world.run_for(SOON);
        assert_eq!(state(world, henry), Some(AgentStateKind::SignedIn), "{}", world.timeline());
    };
    kept_out(&mut world, henry);
    world.cut(henry, coview_sim::Cut::ClientNotices);
    world.run_for(SOON * 2);
    kept_out(&mut world, henry);
    assert!(world.renew(henry, Paper::Good(LONG)));
    world.run_for(SOON);
    assert_eq!(told(&world, "hub", "agent renewed"), 1);
    world.crash(henry, coview_sim::Cut::BothNotice);
    let other = world.restart_agent(henry).unwrap();
    world.run_for(SOON);
    kept_out(&mut world, other);
    assert_eq!(watching(&world, anna), 1);
    assert_eq!(world.updates_drawn(other), 0);
    assert!(world.command(anna, Command::End));
    share(&mut world, anna);
    join(&mut world, other, anna);
    finish(world);
}

/// Elsewhere who was thrown out stays in the list of who threw them out (jitsi/jitsi-meet #7304).
/// Here one is removed, also while the connection of any of the three is broken: the visitor, who
/// removed and who was removed see the same list, without that one.
#[test]
fn who_was_removed_is_in_no_list() {
    for away in 0..4 {
        for cut in MENDS {
            let (mut world, anna, grace) = manual(7);
            let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
            world.run_for(SOON);
            join(&mut world, henry, anna);
            match away {
                0 => world.cut(anna, cut),
                1 => world.cut(grace, cut),
                2 => world.cut(henry, cut),
                _ => {}
            }
            assert!(world.eject(grace, town::agent_id("henry")));
            world.run_for(SOON * 70);
            let only = [town::card(town::NORTH, "grace")];
            assert_eq!(world.visitor(anna).unwrap().agents(), only, "{away} {cut:?}");
            assert_eq!(world.agent(grace).unwrap().agents(), only, "{away} {cut:?}");
            assert_eq!(state(&world, henry), Some(AgentStateKind::SignedIn), "{away} {cut:?}");
            finish(world);
        }
    }
}

/// Elsewhere what one may do is decided when the connection begins and stands (rustdesk/rustdesk
/// #5780 is of the family). Here an agent waits to be let in when a newer token takes
/// the right to keys away, and the visitor says yes in the same moment: whichever is heard first, an
/// agent who may not come in with a key does not wait for a yes any more.
#[test]
fn a_right_that_is_taken_away_is_gone_in_the_middle_of_its_use() {
    let (mut kept_out, mut let_in) = (0, 0);
    for seed in 0..20 {
        let (mut world, anna, grace) = asks_first(seed);
        knock(&mut world, grace, anna);
        assert_eq!(state(&world, grace), Some(AgentStateKind::Joining));
        assert!(world.renew(grace, Paper::NoKeys(LONG)));
        assert!(world.command(anna, Command::Confirm));
        world.run_for(SOON * 2);
        // By the record of the server, which is in the order in which it heard.
        let story = world.timeline().story();
        let at = |words: &str| story.find(words);
        let renewed_first = at("agent renewed") < at("join confirmed").or(Some(usize::MAX));
        if renewed_first {
            kept_out += 1;
            assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn), "{story}");
            assert_eq!((watching(&world, anna), world.updates_drawn(grace)), (0, 0));
        } else {
            let_in += 1;
            assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "{story}");
            assert!(world.agent_command(grace, Click::Leave));
            world.run_for(SOON);
        }
        assert!(world.join_by_ear(grace, anna));
        world.run_for(SOON);
        assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn), "no key any more");
        finish(world);
    }
    assert!(kept_out > 3 && let_in > 3, "{kept_out} {let_in}");
}

/// The same for what one may do in a session: with a newer token that allows to view only, an agent
/// ends nothing and removes nobody, in the session that runs already. The agent's own side does not
/// know yet when it tries first, so it is the server that says no; and when it does know, it does not
/// even ask.
#[test]
fn a_newer_token_with_fewer_rights_holds_in_the_session_that_runs() {
    for ends in [false, true] {
        let (mut world, anna, grace) = manual(7);
        let iris = world.add_agent_with("iris", town::NORTH, Paper::Good(SOON * 600));
        world.run_for(SOON);
        join(&mut world, iris, anna);
        assert!(world.renew(iris, Paper::ViewOnly(LONG)));
        if ends {
            assert!(world.agent_command(iris, Click::End));
        } else {
            assert!(world.eject(iris, town::agent_id("grace")));
        }
        world.run_for(SOON * 2);
        assert_eq!(told(&world, "hub", "agent renewed"), 1, "{}", world.timeline());
        assert_eq!(told(&world, "hub", "not allowed"), 1, "{}", world.timeline());
        assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        assert!(!world.eject(iris, town::agent_id("grace")), "its own side knows");
        finish(world);
    }
}

/// Elsewhere a link that was given out cannot be taken back (koush/vysor.io #6), and nobody sees
/// which ones still work (Ylianst/MeshCentral #1932); that a key dies with what it opened, whatever
/// races with it, took a change of its own (apache/guacamole-client PR #33). Here there is one key, it is on the visitor's
/// screen, and the end of the session is the end of the key: in every way a session can end, for who
/// had used it before and for who types it in the very moment of the end.
#[test]
fn a_key_opens_nothing_after_its_session() {
    for gap in (0..100).step_by(10) {
        let (mut world, anna, grace) = two(gap);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        share(&mut world, anna);
        join(&mut world, grace, anna);
        assert!(world.agent_command(grace, Click::Leave));
        world.run_for(SOON);
        assert!(world.command(anna, Command::End));
        world.run_for(core::time::Duration::from_millis(gap));
        assert!(world.join_by_ear(henry, anna));
        let drawn = world.updates_drawn(henry);
        never(&mut world, SOON * 3, |world| world.updates_drawn(henry) > drawn);
        for agent in [grace, henry] {
            world.join_by_ear(agent, anna);
            world.run_for(SOON);
            assert_eq!(state(&world, agent), Some(AgentStateKind::SignedIn));
        }
        let stats = world.hub_stats().unwrap();
        assert_eq!((stats.keys, stats.sessions), (0, 0), "{}", world.timeline());
        share(&mut world, anna);
        assert_eq!(world.hub_stats().unwrap().keys, 1, "one session, one key");
        finish(world);
    }
}

/// Elsewhere an agent does something that the visitor is shown nothing of (rustdesk/rustdesk #1401),
/// or an administrator joins a session that runs without its owner's link (apache/guacamole-client PR
/// #438). Here who sees the screen is named on it first: whatever the network does to either side, when the
/// first picture reaches an agent the visitor's app has that agent's name.
#[test]
fn nobody_sees_before_being_named() {
    for seed in 0..20 {
        let (mut world, anna, _) = manual(seed);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        world.run_for(SOON);
        world.set_delay(core::time::Duration::ZERO..=SOON);
        assert!(world.join_by_ear(henry, anna));
        let sees = |world: &World| world.updates_drawn(henry) > 0;
        assert!(world.run_until(SOON * 20, sees), "{}", world.timeline());
        let named = world.visitor(anna).unwrap().agents().to_vec();
        assert!(named.contains(&town::card(town::NORTH, "henry")), "{}", world.timeline());
        assert_eq!(told(&world, "anna", "notes Guests(2)"), 1);
        finish(world);
    }
}
