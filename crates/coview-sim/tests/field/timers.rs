//! Stale timers: the deadline of something that is over cuts what came after it.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::Paper;
use coview_sim::Reach;
use coview_sim::town;

use crate::stage::LONG;
use crate::stage::SOON;
use crate::stage::ask;
use crate::stage::asks_first;
use crate::stage::finish;
use crate::stage::join;
use crate::stage::knock;
use crate::stage::manual;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::online;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;

/// Elsewhere the timer of a request for remote control is never taken back, so the request after it
/// is cut when the timer of the first one rings (openreplay/openreplay `RemoteControl.ts`). Here the
/// first request is taken back after five seconds and the next is asked at the fiftieth: at the
/// sixtieth nothing happens, and it has its own minute.
#[test]
fn the_deadline_of_a_request_does_not_cut_the_next() {
    let (mut world, anna, grace) = online(7);
    ask(&mut world, grace);
    world.run_for(SOON * 4);
    assert!(world.agent_command(grace, Click::Withdraw));
    world.run_for(SOON * 45);
    ask(&mut world, grace);
    assert!(world.command(anna, Command::TermsDisplayed));
    never(&mut world, SOON * 57, |world| {
        world.state(anna) != Some(StateKind::TermsShown)
            || state(world, grace) != Some(AgentStateKind::Requesting)
    });
    world.run_for(SOON * 3);
    assert_eq!(told(&world, "grace", "sees its request end: not answered in time"), 1);
    finish(world);
}

/// In the same file of openreplay/openreplay the request of a second agent cancels the one that
/// waits. Here the second agent is told that the visitor is busy, the question on the screen is
/// still the first agent's, and so is the yes.
#[test]
fn a_second_agents_request_leaves_the_first_alone() {
    for shown in [false, true] {
        let (mut world, anna, grace) = online(7);
        let henry = world.add_agent("henry", town::agent(town::NORTH, "henry"));
        world.run_for(SOON);
        ask(&mut world, grace);
        if shown {
            assert!(world.command(anna, Command::TermsDisplayed));
        }
        for _ in 0..3 {
            ask(&mut world, henry);
            assert_eq!(state(&world, henry), Some(AgentStateKind::SignedIn));
        }
        let agent = world.visitor(anna).and_then(|visitor| visitor.agent()).unwrap();
        assert_eq!(agent.agent.as_str(), "grace");
        if !shown {
            assert!(world.command(anna, Command::TermsDisplayed));
        }
        assert!(world.command(anna, Command::Accept));
        world.run_for(SOON);
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        assert_eq!(state(&world, henry), Some(AgentStateKind::SignedIn));
        assert_eq!(told(&world, "henry", "refused: "), 3);
        finish(world);
    }
}

/// The same for the two deadlines that a session begins with: that nobody uses the key, and that
/// nothing follows a yes. Both are over when the session is in use, also when its agent has left
/// again, and neither belongs to the next session of the same visitor.
#[test]
fn the_deadline_for_a_beginning_does_not_end_what_has_begun() {
    let (mut world, anna, grace) = two(7);
    share(&mut world, anna);
    world.run_for(SOON * 290);
    join(&mut world, grace, anna);
    assert!(world.agent_command(grace, Click::Leave));
    never(&mut world, SOON * 700, |world| world.shown_key(anna).is_none());
    assert!(world.command(anna, Command::End));
    share(&mut world, anna);
    world.run_for(SOON * 290);
    assert!(world.command(anna, Command::End));
    share(&mut world, anna);
    never(&mut world, SOON * 290, |world| world.shown_key(anna).is_none());
    world.run_for(SOON * 20);
    assert_eq!(world.state(anna), Some(StateKind::Anonymous), "it was unclaimed for five minutes");
    finish(world);

    let (mut world, anna, _) = one_click(7);
    never(&mut world, SOON * 600, |world| world.state(anna) != Some(StateKind::SharingOneClick));
    finish(world);
}

/// The same for the grace of a break: the visitor is away for twenty seconds, is back for five and
/// away for twenty again. When the grace of the first break would be over, the session goes on; so
/// it does for an agent.
#[test]
fn the_grace_of_a_break_does_not_end_what_the_next_one_interrupts() {
    for of_visitor in [true, false] {
        let (mut world, anna, grace) = manual(7);
        for _ in 0..6 {
            let client = if of_visitor { coview_sim::ClientId::from(anna) } else { grace.into() };
            world.set_reach(client, Reach::Refused);
            world.cut(client, Cut::BothNotice);
            world.run_for(SOON * 20);
            world.set_reach(client, Reach::Open);
            world.run_for(SOON * 11);
        }
        assert_eq!(world.hub_stats().unwrap().resumed, 6, "{}", world.timeline());
        assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        finish(world);
    }
}

/// The same for the question whether to let an agent in: one who knocked first and went away again
/// does not take the minute of who knocks next.
#[test]
fn the_deadline_of_one_who_knocked_does_not_turn_the_next_away() {
    let (mut world, anna, grace) = asks_first(7);
    let henry = world.add_agent_with("henry", town::NORTH, Paper::Good(LONG));
    world.run_for(SOON);
    knock(&mut world, grace, anna);
    world.run_for(SOON * 5);
    assert!(world.agent_command(grace, Click::Cancel));
    world.run_for(SOON * 44);
    knock(&mut world, henry, anna);
    never(&mut world, Duration::from_secs(57), |world| {
        state(world, henry) != Some(AgentStateKind::Joining)
            || world.state(anna) != Some(StateKind::ConfirmingAnonymous)
    });
    assert!(world.command(anna, Command::Confirm));
    world.run_for(SOON);
    assert_eq!(state(&world, henry), Some(AgentStateKind::Viewing));
    finish(world);
}
