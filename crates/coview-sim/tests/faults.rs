//! What a broken middlebox does to single messages, and what a machine does that sleeps.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use core::time::Duration;

use coview_lifecycle::Command;
use coview_lifecycle::StateKind;
use coview_sim::AgentNo;
use coview_sim::Area;
use coview_sim::ClientId;
use coview_sim::Cut;
use coview_sim::Direction;
use coview_sim::Gone;
use coview_sim::PageAct;
use coview_sim::Tamper;
use coview_sim::VisitorNo;
use coview_sim::VisitorNow;
use coview_sim::World;
use coview_sim::town;
use coview_wire::CloseReason;
use coview_wire::RefusalCode;

const SOON: Duration = Duration::from_secs(1);

/// Anna in the north, whose messages take a tenth of a second.
fn world() -> (World, VisitorNo) {
    let mut world = World::new(town::config(), 7);
    let tenth = Duration::from_millis(100);
    world.set_delay(tenth..=tenth);
    let anna = world.add_visitor("anna", town::visitor(town::NORTH));
    world.run_for(SOON);
    (world, anna)
}

/// Anna shares, and Grace is in the session.
fn session() -> (World, VisitorNo, AgentNo) {
    let (mut world, anna) = world();
    world.share_screens();
    let grace = world.add_agent("grace", town::agent(town::NORTH, "grace"));
    world.command(anna, Command::StartManual);
    world.run_for(SOON);
    assert!(world.join_by_ear(grace, anna));
    world.run_for(SOON);
    assert!(world.agent(grace).unwrap().session().is_some());
    (world, anna, grace)
}

fn settles(mut world: World) {
    world.assert_holds();
    world.settle();
    world.assert_settled();
    world.assert_forgets();
}

fn told(world: &World, words: &str) -> usize {
    world.timeline().to_string().matches(words).count()
}

#[test]
fn a_message_that_comes_twice_is_acted_on_once() {
    let (mut world, anna) = world();
    assert!(world.command(anna, Command::StartManual));
    assert!(world.tamper(anna, Direction::Up, Tamper::Double));
    assert!(world.run_until(SOON, |it| it.state(anna).is_some_and(StateKind::is_sharing)));
    world.run_until_quiet();
    assert_eq!(told(&world, "session started"), 1);
    // And in the other direction.
    assert!(world.command(anna, Command::End));
    world.run_until_quiet();
    assert!(world.command(anna, Command::StartManual));
    world.run_for(Duration::from_millis(150));
    assert!(world.tamper(anna, Direction::Down, Tamper::Double));
    world.run_until_quiet();
    assert_eq!(told(&world, "← session_connected"), 3);
    assert_eq!(world.state(anna), Some(StateKind::SharingManualAnonymous));
    settles(world);
}

/// What an engine says to get back to where it was is said twice, and answered twice.
#[test]
fn a_claim_that_is_restored_twice_is_answered_twice() {
    let (mut world, anna) = world();
    world.command(anna, Command::Identify(town::visitor_id("anna").into()));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::Identified));
    world.crash_hub(Cut::BothNotice);
    world.start_hub();
    let restores = |world: &World| world.under_way().iter().any(|it| it.kind == "identify");
    assert!(world.run_until(10 * SOON, restores));
    assert!(world.tamper(anna, Direction::Up, Tamper::Double));
    world.run_for(SOON);
    assert_eq!(told(&world, "← identified"), 3);
    settles(world);
}

/// A lost start is a start that nobody answers: after the next connection it is said again.
#[test]
fn a_request_that_is_lost_is_said_again_on_the_next_connection() {
    let (mut world, anna) = world();
    assert!(world.command(anna, Command::StartManual));
    assert!(world.tamper(anna, Direction::Up, Tamper::Lose));
    world.run_for(SOON);
    assert_eq!(world.visitor_now(anna), VisitorNow::Waiting);
    world.heal();
    assert!(world.run_until(5 * SOON, |it| it.shown_key(anna).is_some()));
    settles(world);
}

#[test]
fn a_request_of_a_type_nobody_knows_is_refused() {
    let (mut world, anna) = world();
    assert!(world.command(anna, Command::StartManual));
    assert!(world.tamper(anna, Direction::Up, Tamper::Replace));
    world.run_for(SOON);
    assert_eq!(world.state(anna), Some(StateKind::Anonymous));
    assert_eq!(told(&world, "refused: unknown message type"), 1);
    settles(world);
}

#[test]
fn a_first_message_that_is_spoiled_is_refused_with_its_reason() {
    for (tamper, code) in [
        (Tamper::Garble(3), RefusalCode::Malformed),
        (Tamper::Truncate, RefusalCode::Malformed),
        (Tamper::Replace, RefusalCode::VersionUnsupported),
        (Tamper::Misdirect, RefusalCode::UnknownGroup),
        (Tamper::Misplace, RefusalCode::HelloFirst),
    ] {
        let (mut world, _) = world();
        let ben = world.add_visitor("ben", town::visitor(town::NORTH));
        let hello = |it: &World| it.under_way().iter().any(|message| message.kind == "hello");
        assert!(world.run_until(SOON, hello));
        assert!(world.tamper(ben, Direction::Up, tamper));
        world.run_for(SOON);
        let Some(Gone::NeverConnected(ended)) = world.gone(ben) else {
            panic!("{tamper:?}: {:?}", world.gone(ben))
        };
        assert_eq!(*ended, coview_proto::Ended::Refused(code), "{tamper:?}");
        settles(world);
    }
}

/// What cannot be read in the middle of a conversation costs that message and nothing else.
#[test]
fn a_message_that_is_garbled_in_between_is_a_problem() {
    for direction in [Direction::Up, Direction::Down] {
        for tamper in [Tamper::Garble(5), Tamper::Truncate] {
            let (mut world, anna) = world();
            assert!(world.command(anna, Command::StartManual));
            if direction == Direction::Down {
                world.run_for(Duration::from_millis(150));
            }
            assert!(world.tamper(anna, direction, tamper));
            world.run_for(SOON);
            assert_eq!(world.visitor_now(anna), VisitorNow::Waiting);
            settles(world);
        }
    }
}

/// The relay passes on nothing it cannot place, and who sent it is gone: it may be a screen.
#[test]
fn a_picture_that_is_spoiled_ends_the_place_of_its_sender() {
    let (mut world, anna, grace) = session();
    let page = PageAct::Fill(Area { x: 0, y: 0, width: 90, height: 90 }, 7);
    let spoiled = (0..20).any(|_| {
        world.draw(anna, &page);
        let spoiled = world.tamper(anna, Direction::Up, Tamper::Garble(1));
        world.run_for(Duration::from_millis(30));
        spoiled
    });
    assert!(spoiled, "a page that changes is sent");
    world.run_for(SOON);
    let closed = Gone::Closed(coview_lifecycle::LinkClosed::Server(CloseReason::Protocol));
    assert_eq!(world.gone(anna), Some(&closed));
    assert_eq!(world.agent(grace).unwrap().session(), None);
    settles(world);
}

/// Whoever never heard that it is back makes nothing of pictures, or of what is said about them.
#[test]
fn what_follows_a_spoiled_answer_about_pictures_means_nothing() {
    for visitor in [true, false] {
        let (mut world, anna, grace) = session();
        let who = if visitor { ClientId::Visitor(anna) } else { ClientId::Agent(grace) };
        let resumes = |world: &World| {
            world.under_way().iter().any(|it| it.client == who && it.kind == "resumed")
        };
        world.cut(who, Cut::BothNotice);
        assert!(world.run_until(5 * SOON, resumes));
        assert!(world.tamper(who, Direction::Down, Tamper::Truncate));
        for at in 0..5 {
            world.run_for(SOON);
            world.view_anew(grace);
            world.draw(anna, &PageAct::Fill(Area { x: 0, y: 0, width: 90, height: 90 }, at));
        }
        settles(world);
    }
}

#[test]
fn a_machine_that_sleeps_comes_back_to_what_is_left() {
    for seconds in [5, 45, 100, 2_000] {
        let (mut world, anna, grace) = session();
        world.sleep(anna, seconds * SOON);
        world.run_for((seconds + 60) * SOON);
        let still = world.state(anna) == Some(StateKind::SharingManualAnonymous);
        assert_eq!(still, seconds == 5 || seconds == 45, "after {seconds} s");
        assert_eq!(world.agent(grace).unwrap().session().is_some(), still);
        settles(world);
    }
}

/// The hub's own machine wakes to many deadlines at once, and nobody is stuck.
#[test]
fn a_hub_that_sleeps_wakes_to_all_it_missed() {
    for seconds in [5, 45, 100, 2_000] {
        let (mut world, ..) = session();
        world.sleep_hub(seconds * SOON);
        world.run_for((seconds + 60) * SOON);
        settles(world);
    }
}

#[test]
fn a_page_of_somebody_else_is_kept_out() {
    let (mut world, anna) = world();
    world.set_caller(anna, Some(town::FOREIGN_PAGE), None);
    world.cut(anna, Cut::BothNotice);
    world.run_for(10 * SOON);
    let refused = coview_lifecycle::LinkClosed::Refused(RefusalCode::OriginForbidden);
    assert_eq!(world.gone(anna), Some(&Gone::Closed(refused)));
    settles(world);
}
