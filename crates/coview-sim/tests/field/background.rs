//! Background and mobile: an app that is out of sight and goes on showing what it shows.
//!
//! That a platform wants to be told of a capture before it lets one run (flutter_background #92,
//! livekit/client-sdk-flutter #542) is between the app and the platform; nothing here captures a
//! phone's screen.

use coview_agent::AgentStateKind;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::PageAct;
use coview_sim::World;
use coview_wire::AppState;

use crate::stage::ALL;
use crate::stage::SOON;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::one_click;
use crate::stage::state;
use crate::stage::told;

/// Elsewhere the recording goes on for an hour in the background (openreplay/openreplay #2438). Here
/// an app that goes to the background pauses first: for an hour the page below changes every few
/// minutes and no part of it is sent, agents see why, and when the app is back so is the picture.
#[test]
fn nothing_is_shown_of_an_app_in_the_background_however_long_it_is_there() {
    let (mut world, anna, grace) = one_click(7);
    world.draw(anna, &PageAct::Pause(true));
    world.move_app(anna, AppState::Background);
    world.run_for(SOON * 2);
    assert_eq!(card(&world, grace).map(|card| card.app), Some(AppState::Background));
    assert_eq!(world.disagreements(), [], "the viewer sees that it is paused");
    let (drawn, sent) = (world.updates_drawn(grace), world.hub_stats().unwrap().pictures_in);
    for minute in 0..12 {
        world.draw(anna, &PageAct::Noise(ALL, minute));
        world.run_for(SOON * 300);
    }
    assert_eq!(world.updates_drawn(grace), drawn, "{}", world.timeline());
    let beats = world.hub_stats().unwrap().pictures_in - sent;
    assert!(beats <= 3600 / 3 + 12, "{beats} signs of life");
    assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing), "it is a pause, not an end");
    world.draw(anna, &PageAct::Pause(false));
    world.move_app(anna, AppState::Active);
    world.run_for(SOON * 3);
    assert!(world.updates_drawn(grace) > drawn);
    finish(world);
}

/// Elsewhere no end is ever told when the system stops an app in the background or a phone is locked
/// (livekit/client-sdk-android #174, #595, Ant-Media-Server #2604). Here the session of such
/// an app has the short grace and not the long lease of one that only waits: the agent is told within
/// a minute and a half, and the app, if it wakes up, once.
#[test]
fn a_session_does_not_outlive_an_app_that_was_stopped_in_the_background() {
    for wakes in [true, false] {
        let (mut world, anna, grace) = one_click(7);
        world.draw(anna, &PageAct::Pause(true));
        world.move_app(anna, AppState::Background);
        world.run_for(SOON);
        if wakes {
            world.set_reach(anna, coview_sim::Reach::Nowhere);
            world.cut(anna, Cut::Silent);
        } else {
            world.crash(anna, Cut::Silent);
        }
        let ended = |world: &World| state(world, grace) == Some(AgentStateKind::SignedIn);
        assert!(world.run_until(SOON * 92, ended), "{}", world.timeline());
        assert_eq!(told(&world, "grace", "sees the session end"), 1);
        world.set_reach(anna, coview_sim::Reach::Open);
        world.run_for(SOON * 400);
        if wakes {
            assert_eq!(world.state(anna), Some(StateKind::PresenceConnected));
            assert_eq!(told(&world, "anna", "sees the session end"), 1);
        } else {
            assert_eq!(card(&world, grace), None);
        }
        finish(world);
    }
}
