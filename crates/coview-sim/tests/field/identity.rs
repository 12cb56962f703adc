//! Identity takeover: who comes second with the same name. There are three outcomes and no fourth:
//! it resumes, it is handed over to, or it is rejected.

use coview_agent::AgentStateKind;
use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::Cut;
use coview_sim::Paper;
use coview_sim::World;
use coview_sim::town;
use coview_wire::PresenceData;

use crate::stage::LONG;
use crate::stage::SOON;
use crate::stage::card;
use crate::stage::finish;
use crate::stage::go_online;
use crate::stage::never;
use crate::stage::one_click;
use crate::stage::online;
use crate::stage::state;
use crate::stage::told;
use crate::stage::two;

/// Elsewhere whoever shows up with a name throws out the one who had it, which makes a stolen name
/// worth stealing (livekit/livekit #4620). Here somebody comes with a visitor's id and no proof, a
/// forged one, one that is over, of another group or of another visitor, while the visitor is asked
/// and at the very moment the visitor's connection is broken: nothing is taken.
#[test]
fn a_name_without_a_proof_takes_nothing() {
    for paper in
        [Paper::Missing, Paper::Forged, Paper::Expired, Paper::OtherGroup, Paper::SomebodyElses]
    {
        let mut world = World::new(town::strict(), 7);
        world.share_screens();
        let anna = world.add_visitor("anna", town::visitor(town::NORTH));
        let grace = world.add_agent_with("grace", town::NORTH, Paper::Good(LONG));
        let mallory = world.add_visitor("mallory", town::visitor(town::NORTH));
        world.run_for(SOON);
        world.watch(grace, Some(coview_agent::Watching::Group));
        go_online(&mut world, anna, "anna");
        crate::stage::ask(&mut world, grace);
        world.cut(anna, Cut::ClientNotices);
        assert!(world.identify(mallory, town::visitor_id("anna"), paper));
        world.run_for(SOON * 3);
        assert_eq!(world.state(mallory), Some(StateKind::Anonymous), "{paper:?}");
        assert!(!world.command(mallory, Command::ConnectPresence(PresenceData::new())));
        assert_eq!(told(&world, "mallory", "is asked to share"), 0);
        assert!(world.command(anna, Command::TermsDisplayed), "{}", world.timeline());
        assert!(world.command(anna, Command::Accept));
        world.run_for(SOON);
        assert_eq!(world.state(anna), Some(StateKind::SharingOneClick));
        assert_eq!(state(&world, grace), Some(AgentStateKind::Viewing));
        assert_eq!(told(&world, "anna", "notes Focus"), 0);
        assert_eq!(world.hub_stats().unwrap().hand_offs, 0);
        finish(world);
    }
}

/// Elsewhere a second device evicts the first without a word (geobrowser/geogenesis PR #2043), and
/// an app takes the takeover for a leave and ends the call (chattocorp/chatto PR #1284). Here the
/// first device shares when the second comes online with a proof of its own: the first is told that
/// it has not the focus any more, and its session goes on as if nothing had happened.
#[test]
fn a_second_device_is_a_hand_off_and_ends_nothing() {
    for breaks in [false, true] {
        let (mut world, anna, grace) = one_click(7);
        let tablet = world.add_visitor("tablet", town::visitor(town::NORTH));
        world.run_for(SOON);
        if breaks {
            world.cut(anna, Cut::ClientNotices);
        }
        go_online(&mut world, tablet, "anna");
        never(&mut world, SOON * 100, |world| {
            world.state(anna) != Some(StateKind::SharingOneClick)
                || state(world, grace) != Some(AgentStateKind::Viewing)
                || world.gone(anna).is_some()
        });
        let stats = world.hub_stats().unwrap();
        assert_eq!((stats.visitors, stats.visitors_online, stats.hand_offs), (2, 1, 1));
        assert_eq!(told(&world, "anna", "notes Focus(false)"), 1, "{}", world.timeline());
        assert!(world.command(tablet, Command::Disconnect));
        world.run_for(SOON);
        assert_eq!(told(&world, "anna", "notes Focus(true)"), 1);
        finish(world);
    }
}

/// Elsewhere two devices with one name throw each other out in turns, each coming back at once
/// (twilio/twilio-video.js #836, #977, #1130). Here the older device breaks off and comes back ten
/// times: both stay, the newer one keeps the focus whenever both are there, and it is one hand-off.
#[test]
fn two_devices_do_not_fight() {
    let (mut world, anna, grace) = online(7);
    let tablet = world.add_visitor("tablet", town::visitor(town::NORTH));
    world.run_for(SOON);
    go_online(&mut world, tablet, "anna");
    for _ in 0..10 {
        world.cut(anna, Cut::BothNotice);
        world.run_for(SOON * 3);
        assert!(card(&world, grace).is_some_and(|card| card.reachable));
    }
    let stats = world.hub_stats().unwrap();
    assert_eq!((stats.visitors, stats.visitors_arrived, stats.hand_offs), (2, 2, 1));
    assert_eq!(told(&world, "tablet", "notes "), 0, "{}", world.timeline());
    assert_eq!(told(&world, "anna", "notes Focus(false)"), 1);
    crate::stage::ask(&mut world, grace);
    assert_eq!(world.state(tablet), Some(StateKind::TermsRequested), "the newer one is asked");
    finish(world);
}

/// The third outcome: with the secret of the place it is no second device but the first on another
/// connection, also where the id is somebody's who proved it once with a paper that is over by now.
#[test]
fn who_has_the_secret_resumes_without_another_proof() {
    let (mut world, anna, _) = two(7);
    let once = Paper::Once(SOON * 30);
    assert!(world.identify(anna, town::visitor_id("anna"), once));
    world.run_for(SOON * 100);
    for cut in crate::stage::MENDS {
        world.cut(anna, cut);
        world.run_for(SOON * 100);
    }
    assert_eq!(world.state(anna), Some(StateKind::Identified), "{}", world.timeline());
    let stats = world.hub_stats().unwrap();
    assert_eq!((stats.resumed, stats.refused_assertions, stats.visitors_arrived), (3, 0, 1));
    assert!(world.command(anna, Command::ConnectPresence(PresenceData::new())));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::PresenceConnected), "the server knows, too");
    finish(world);
}
