//! Consent bypass: somebody sees a screen whose owner has not said yes.

use core::time::Duration;

use coview_agent::AgentStateKind;
use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::AgentNo;
use coview_sim::Cut;
use coview_sim::Paper;
use coview_sim::Reach;
use coview_sim::VisitorNo;
use coview_sim::World;
use coview_sim::town;

use crate::stage::LONG;
use crate::stage::MENDS;
use crate::stage::SOON;
use crate::stage::asked;
use crate::stage::asks_first;
use crate::stage::finish;
use crate::stage::go_online;
use crate::stage::knock;
use crate::stage::never;
use crate::stage::online;
use crate::stage::share;
use crate::stage::state;
use crate::stage::told;
use crate::stage::watching;

/// Elsewhere the question vanishes from the screen after a while, and whoever asked is in, with
/// nobody in front of the machine (rustdesk/rustdesk #4956, rustdesk/doc.rustdesk.com #220). Here no
/// way in which a question can vanish is a yes: that no answer comes, that the app, its connection
/// or the whole server goes away under it.
///
/// That an app cannot start what was not accepted is a compile error: see `Visitor<TermsShown>` and
/// `Consent` in `coview-lifecycle`.
#[test]
fn a_question_that_vanishes_is_no_yes() {
    type Vanishes = fn(&mut World, VisitorNo, AgentNo);
    let ways: [(&str, Vanishes); 5] = [
        ("nobody answers", |_, _, _| {}),
        ("the connection is gone", |world, anna, _| {
            world.set_reach(anna, Reach::Nowhere);
            world.cut(anna, Cut::Silent);
        }),
        ("the app crashes", |world, anna, _| world.crash(anna, Cut::BothNotice)),
        ("the app leaves", |world, anna, _| world.leave(anna)),
        ("the server crashes", |world, _, _| {
            world.crash_hub(Cut::BothNotice);
            world.start_hub();
        }),
    ];
    for (way, vanishes) in ways {
        let (mut world, anna, grace) = asked(7);
        vanishes(&mut world, anna, grace);
        never(&mut world, Duration::from_secs(150), |world| {
            let viewing = state(world, grace) == Some(AgentStateKind::Viewing);
            let sessions = world.hub_stats().is_some_and(|it| it.sessions_one_click > 0);
            viewing || sessions || world.updates_drawn(grace) > 0
        });
        assert_eq!(state(&world, grace), Some(AgentStateKind::SignedIn), "{way}");
        assert_eq!(told(&world, "grace", "sees its request end"), 1, "{way}");
        finish(world);
    }
}

/// Elsewhere a mode that wants both, the password and a click, lets the password in alone
/// (rustdesk/rustdesk #9603). Here the right key of a group that asks is a question and nothing
/// more: for as long as nobody answers nobody is in, a second agent with the same key neither, and
/// in the end the key has opened nothing.
#[test]
fn a_key_alone_lets_nobody_in_where_the_visitor_is_to_be_asked() {
    let (mut world, anna, grace) = asks_first(7);
    let henry = world.add_agent_with("henry", town::NORTH, Paper::Good(LONG));
    world.run_for(SOON);
    knock(&mut world, grace, anna);
    assert_eq!(world.state(anna), Some(StateKind::ConfirmingAnonymous));
    knock(&mut world, henry, anna);
    assert_eq!(
        state(&world, henry),
        Some(AgentStateKind::SignedIn),
        "one is asked about at a time"
    );
    never(&mut world, Duration::from_secs(90), |world| {
        watching(world, anna) > 0 || world.updates_drawn(grace) + world.updates_drawn(henry) > 0
    });
    assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
    assert_eq!(told(&world, "grace", "is kept out"), 1);
    finish(world);
}

/// Elsewhere the prompt sometimes is not shown at all (rustdesk/rustdesk #914, #4257). Here a
/// question that is asked while the visitor's connection is broken is on the screen as soon as it is
/// back, and until then it is no yes.
#[test]
fn a_question_asked_into_a_broken_connection_is_shown_after_it() {
    for cut in MENDS {
        let (mut world, anna, grace) = online(7);
        world.set_reach(anna, Reach::Refused);
        world.cut(anna, cut);
        world.run_for(SOON * 2);
        assert!(world.agent_command(grace, Click::Ask(town::visitor_id("anna"))));
        world.run_for(SOON * 5);
        world.set_reach(anna, Reach::Open);
        let shown = |world: &World| world.state(anna) == Some(StateKind::TermsRequested);
        assert!(world.run_until(SOON * 50, shown), "{cut:?}\n{}", world.timeline());
        assert_eq!(state(&world, grace), Some(AgentStateKind::Requesting));
        finish(world);

        let (mut world, anna, grace) = asks_first(7);
        world.set_reach(anna, Reach::Refused);
        world.cut(anna, cut);
        world.run_for(SOON * 2);
        knock(&mut world, grace, anna);
        world.run_for(SOON * 5);
        world.set_reach(anna, Reach::Open);
        let shown = |world: &World| world.state(anna) == Some(StateKind::ConfirmingAnonymous);
        assert!(world.run_until(SOON * 50, shown), "{cut:?}\n{}", world.timeline());
        assert_eq!(world.updates_drawn(grace), 0);
        assert!(world.command(anna, Command::Confirm));
        world.run_for(SOON);
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        finish(world);
    }
}

/// Elsewhere the operator turns the prompt on for a whole domain, and it is ignored without a word
/// (Ylianst/MeshCentral #7680, and #88 for why somebody needs it). Here a group that asks does so at
/// every door: before login, after it, online, for whoever asks in either way, and for one who had
/// been let in before. A setting that cannot take effect is an error of the configuration, which
/// `an_unknown_key_is_an_error_that_names_the_line` of `coview-server` shows.
#[test]
fn a_group_that_asks_does_so_at_every_door() {
    for home in [StateKind::Anonymous, StateKind::Identified, StateKind::PresenceConnected] {
        let mut world = World::new(town::strict(), 7);
        world.share_screens();
        let anna = world.add_visitor("anna", town::visitor(town::NORTH));
        let agents =
            ["grace", "henry"].map(|id| world.add_agent_with(id, town::NORTH, Paper::Good(LONG)));
        let [grace, henry] = agents;
        world.run_for(SOON);
        if home == StateKind::PresenceConnected {
            go_online(&mut world, anna, "anna");
        } else if home == StateKind::Identified {
            assert!(world.identify(anna, town::visitor_id("anna"), Paper::Good(LONG)));
            world.run_for(SOON);
        }
        share(&mut world, anna);
        let sharing = world.state(anna);
        for (agent, join) in [(grace, false), (henry, true), (grace, true), (henry, false)] {
            let key = world.last_key(anna).unwrap();
            let click = if join { Click::Join(key) } else { Click::Knock(key) };
            assert!(world.agent_command(agent, click));
            let before = world.updates_drawn(agent);
            never(&mut world, SOON * 10, |world| world.updates_drawn(agent) > before);
            assert_ne!(world.state(anna), sharing, "nobody was asked about\n{}", world.timeline());
            assert!(world.command(anna, Command::Confirm));
            world.run_for(SOON);
            assert!(world.updates_drawn(agent) > before);
            assert!(world.agent_command(agent, Click::Leave));
            world.run_for(SOON);
        }
        finish(world);
    }
}
