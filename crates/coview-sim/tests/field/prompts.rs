//! Prompt lifecycle: a question that outlives who asked, an answer that nobody hears.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::AgentNo;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Direction;
use coview_sim::Reach;
use coview_sim::World;
use coview_sim::town;

use crate::stage::CUTS;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::ask;
use crate::stage::asked;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::never;
use crate::stage::online;
use crate::stage::state;
use crate::stage::told;

/// Elsewhere the caller hangs up first, and the callee's dialog never goes away
/// (ConnectyCube releases #10). Here the question goes with who asked, however
/// that one went, and before its time is over.
#[test]
fn a_question_goes_when_whoever_asked_goes() {
    type Goes = fn(&mut World, AgentNo);
    let ways: [(&str, u64, Goes); 4] = [
        ("withdraws", 1, |world, grace| assert!(world.agent_command(grace, Click::Withdraw))),
        ("leaves", 1, |world, grace| world.leave(grace)),
        ("crashes", 31, |world, grace| world.crash(grace, Cut::BothNotice)),
        ("does not come back", 31, |world, grace| {
            world.set_reach(grace, Reach::Refused);
            world.cut(grace, Cut::BothNotice);
        }),
    ];
    for (way, within, goes) in ways {
        let (mut world, anna, grace) = asked(7);
        goes(&mut world, grace);
        let gone = |world: &World| world.state(anna) == Some(StateKind::PresenceConnected);
        assert!(world.run_until(SOON * u32::try_from(within).unwrap(), gone), "{way}");
        assert_eq!(told(&world, "anna", "sees the terms go"), 1, "{way}");
        assert!(!world.command(anna, Command::Accept), "there is nothing to accept");
        finish(world);
    }
}

/// The same thread from the other side: the news that nobody asks any more is still on its way when
/// the visitor says yes. The yes is refused with a reason, and leads to no session that nobody is
/// in.
#[test]
fn a_yes_to_somebody_who_has_gone_is_no_session() {
    for leaves in [false, true] {
        let (mut world, anna, grace) = asked(7);
        world.stall(anna, Direction::Down);
        if leaves {
            world.leave(grace);
        } else {
            assert!(world.agent_command(grace, Click::Withdraw));
        }
        world.run_for(SOON);
        assert!(world.command(anna, Command::Accept), "the visitor does not know yet");
        world.run_for(SOON);
        world.unstall(anna, Direction::Down);
        world.run_for(SOON);
        assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
        assert_eq!(told(&world, "anna", "refused: "), 1, "{}", world.timeline());
        let stats = world.hub_stats().unwrap();
        assert_eq!((stats.sessions_one_click, stats.asks_accepted), (0, 0));
        finish(world);
    }
}

/// Elsewhere the agent's screen goes on dialling after the other side has said no
/// (Koredotcom/web-kore-sdk PR #170). Here a no that falls into a break of the agent's connection is
/// told after it, once, as a no.
#[test]
fn a_no_reaches_whoever_asked() {
    for cut in MENDS {
        let (mut world, anna, grace) = asked(7);
        world.set_reach(grace, Reach::Refused);
        world.cut(grace, cut);
        world.run_for(Duration::from_millis(100));
        assert!(world.command(anna, Command::Decline));
        world.run_for(SOON * 10);
        world.set_reach(grace, Reach::Open);
        let free = |world: &World| state(world, grace) == Some(AgentStateKind::SignedIn);
        assert!(world.run_until(SOON * 50, free), "{cut:?}\n{}", world.timeline());
        assert_eq!(told(&world, "grace", "sees its request end: declined"), 1, "{cut:?}");
        finish(world);
    }
}

/// Elsewhere the visitor accepts and stays at "starting" for ever (Comm100/Cobrowse #4), or nothing
/// happens at all (vayuz-botter issue-tracker #28). Here the connection of either side breaks at any
/// moment around the yes, for a moment or for longer than the grace: in the end both see the same
/// session, or neither does and each has been told.
#[test]
fn a_yes_is_a_session_for_both_or_for_neither() {
    let (mut sessions, mut none) = (0, 0);
    for at in (0..160).step_by(20) {
        for cut in CUTS {
            for (of_visitor, away) in [(true, 0), (true, 70), (false, 0), (false, 70)] {
                let (mut world, anna, grace) = asked(at);
                let client = if of_visitor { ClientId::from(anna) } else { grace.into() };
                assert!(world.command(anna, Command::Accept));
                world.run_for(Duration::from_millis(at));
                world.set_reach(client, if away > 0 { Reach::Nowhere } else { Reach::Open });
                world.cut(client, cut);
                world.run_for(SOON * away);
                world.set_reach(client, Reach::Open);
                world.run_for(SOON * 100);
                match (world.state(anna), state(&world, grace)) {
                    (Some(StateKind::SharingOneClick), Some(AgentStateKind::Viewing)) => {
                        sessions += 1;
                    }
                    (Some(StateKind::PresenceConnected), Some(AgentStateKind::SignedIn)) => {
                        none += 1;
                        let ends = told(&world, "anna", "sees the session end")
                            + told(&world, "anna", "refused: ");
                        assert_eq!(ends, 1, "{}", world.timeline());
                    }
                    // An agent who was away for too long is gone from a session that goes on.
                    (Some(StateKind::SharingOneClick), Some(AgentStateKind::SignedIn)) => {
                        none += 1;
                        let gone = away > 0 || cut == Cut::HubNotices;
                        assert!(!of_visitor && gone, "{}", world.timeline());
                        let ends = told(&world, "grace", "sees the session end")
                            + told(&world, "grace", "sees its request end: lost");
                        assert_eq!(ends, 1, "{}", world.timeline());
                    }
                    other => panic!("{at} {cut:?} {other:?}\n{}", world.timeline()),
                }
                world.assert_settled();
            }
        }
    }
    assert!(sessions > 10 && none > 10, "{sessions} {none}");
}

/// The yes of the same threads is heard, and the start that follows it in one breath is stuck in the
/// network while everybody is connected: the agent does not look at "starting" for longer than ten
/// seconds, and the start that comes through in the end begins nothing that nobody waits for.
#[test]
fn a_yes_whose_start_is_stuck_is_over_in_ten_seconds() {
    let mut stuck = 0;
    for seed in 0..40 {
        let (mut world, anna, grace) = asked(seed);
        assert!(world.command(anna, Command::Accept));
        let heard = |world: &World| world.hub_stats().unwrap().asks_accepted == 1;
        assert!(world.run_until(SOON, heard));
        if world.hub_stats().unwrap().sessions_one_click == 1 {
            continue;
        }
        stuck += 1;
        world.stall(anna, Direction::Up);
        world.run_for(SOON * 11);
        assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn), "{}", world.timeline());
        assert_eq!(told(&world, "grace", "sees its request end: "), 1, "{}", world.timeline());
        world.unstall(anna, Direction::Up);
        world.run_for(SOON);
        assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
        assert_eq!(told(&world, "anna", "refused: "), 1, "{}", world.timeline());
        finish(world);
    }
    assert!(stuck > 2, "{stuck}");
}

/// Elsewhere a warning that was answered comes back (rustdesk/rustdesk #10639). Here the visitor
/// says no while the connection is broken, and what the server says after it still names the
/// question: it is not asked again.
#[test]
fn a_question_that_was_answered_is_not_asked_again() {
    for cut in CUTS {
        let (mut world, anna, _) = asked(7);
        world.set_reach(anna, Reach::Refused);
        world.cut(anna, cut);
        world.run_for(Duration::from_millis(200));
        assert!(world.command(anna, Command::Decline));
        world.run_for(SOON * 3);
        world.set_reach(anna, Reach::Open);
        never(&mut world, SOON * 100, |world| {
            world.state(anna) != Some(StateKind::PresenceConnected)
        });
        assert_eq!(told(&world, "anna", "is asked to share by"), 1, "{cut:?}");
        assert_eq!(told(&world, "grace", "sees its request end: "), 1, "{cut:?}");
        finish(world);
    }
}

/// Elsewhere a prompt at a machine with nobody there blocks it, or whoever asked waits without an
/// end (Ylianst/MeshCentral #2100, #4154). Here no answer in a minute is a no that the agent is told,
/// and the visitor is free for the next who asks.
#[test]
fn a_question_to_nobody_is_over_in_time_and_keeps_nobody_else_out() {
    let (mut world, anna, grace) = online(7);
    let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
    world.run_for(SOON);
    ask(&mut world, grace);
    never(&mut world, SOON * 58, |world| state(world, grace) != Some(AgentStateKind::Requesting));
    world.run_for(SOON * 2);
    assert_eq!(told(&world, "grace", "sees its request end: not answered in time"), 1);
    assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
    assert!(!card(&world, grace).unwrap().busy);
    ask(&mut world, henry);
    assert_eq!(state(&world, henry), Some(AgentStateKind::Requesting));
    assert_eq!(world.state(anna), Some(StateKind::TermsRequested));
    finish(world);
}
