//! What is shared, over a network that breaks: who sees it, what they see, and that the checker
//! notices if it is wrong.
#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use core::time::Duration;

use coview_agent::Command as Click;
use coview_lifecycle::Command;
use coview_sim::AgentNo;
use coview_sim::Area;
use coview_sim::Checker;
use coview_sim::Cut;
use coview_sim::Direction;
use coview_sim::Fault;
use coview_sim::PageAct;
use coview_sim::Rule;
use coview_sim::Seen;
use coview_sim::SeenPicture;
use coview_sim::VisitorNo;
use coview_sim::World;
use coview_sim::strategy;
use coview_sim::town;
use coview_wire::AgentMessage;
use coview_wire::AskId;
use coview_wire::ClientMessage;
use coview_wire::EndSession;
use coview_wire::Joined;
use coview_wire::Leave;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::RequestId;
use coview_wire::SessionConnected;
use coview_wire::SessionEnd;
use coview_wire::SessionId;
use coview_wire::SessionStart;
use coview_wire::StartBy;
use coview_wire::StartId;
use coview_wire::ViewFacts;
use coview_wire::ViewerId;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::FileFailurePersistence;
use proptest::test_runner::TestRunner;

const SOON: Duration = Duration::from_secs(1);
const ANNA: VisitorNo = VisitorNo(0);
const BEN: VisitorNo = VisitorNo(1);
const GRACE: AgentNo = AgentNo(0);
const HENRY: AgentNo = AgentNo(1);
const IRIS: AgentNo = AgentNo(2);
const ALL: Area = Area { x: 0, y: 0, width: 255, height: 255 };
const MIDDLE: Area = Area { x: 80, y: 80, width: 90, height: 90 };

/// Two visitors share: one is seen by two agents, the other by one.
fn watched(seed: u64) -> World {
    let mut world = World::new(town::config(), seed);
    world.share_screens();
    for name in ["anna", "ben"] {
        world.add_visitor(name, town::visitor(town::NORTH));
    }
    for name in town::AGENTS {
        world.add_agent(name, town::agent(town::NORTH, name));
    }
    world.run_for(SOON);
    for visitor in [ANNA, BEN] {
        assert!(world.command(visitor, Command::StartManual));
        world.run_for(SOON);
    }
    for (agent, from) in [(GRACE, ANNA), (HENRY, ANNA), (IRIS, BEN)] {
        assert!(world.join_by_ear(agent, from));
        world.run_for(SOON);
        assert!(world.updates_drawn(agent) > 0, "{}", world.timeline());
    }
    world
}

fn finish(mut world: World) {
    world.settle();
    world.assert_settled();
    world.assert_forgets();
}

fn broken(world: &World) -> Vec<Rule> {
    let mut rules: Vec<Rule> = world.violations().iter().map(|it| it.rule).collect();
    rules.extend(world.disagreements().iter().map(|it| it.rule));
    rules.sort();
    rules.dedup();
    rules
}

#[test]
fn who_joins_late_sees_all_of_it() {
    let mut world = watched(7);
    assert!(world.agent_command(HENRY, Click::Leave));
    world.draw(ANNA, &PageAct::Noise(ALL, 3));
    world.draw(ANNA, &PageAct::Mask(vec![(MIDDLE, 1)]));
    world.run_for(SOON);
    assert!(world.join_by_ear(HENRY, ANNA));
    world.run_for(SOON);
    assert_eq!(world.disagreements(), []);
    finish(world);
}

#[test]
fn who_comes_back_sees_what_changed_meanwhile() {
    for cut in [Cut::BothNotice, Cut::ClientNotices, Cut::HubNotices, Cut::Silent] {
        for client in [0, 1] {
            let mut world = watched(7);
            world.draw(ANNA, &PageAct::Letters(ALL, 1));
            match client {
                0 => world.cut(ANNA, cut),
                _ => world.cut(GRACE, cut),
            }
            for seed in 0..5 {
                world.draw(ANNA, &PageAct::Noise(MIDDLE, seed));
                world.run_for(Duration::from_millis(300));
            }
            finish(world);
        }
    }
}

#[test]
fn who_reads_slowly_gets_the_newest_picture_in_the_end() {
    let mut world = watched(7);
    let before = world.updates_drawn(GRACE);
    world.stall(GRACE, Direction::Down);
    for seed in 0..40 {
        world.draw(ANNA, &PageAct::Noise(ALL, seed));
        world.run_for(Duration::from_millis(150));
    }
    assert_eq!(world.updates_drawn(GRACE), before);
    assert!(world.updates_drawn(HENRY) > 30, "nobody waits for her");
    world.unstall(GRACE, Direction::Down);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.disagreements(), []);
    assert!(world.updates_drawn(GRACE) < before + 20, "she gets no backlog");
    finish(world);
}

/// The owner's queue for pictures is full.
#[test]
fn what_was_thrown_away_is_sent_whole() {
    let mut world = watched(7);
    world.set_delay(Duration::from_millis(1500)..=Duration::from_millis(2500));
    for seed in 0..30 {
        world.draw(ANNA, &PageAct::Noise(ALL, seed));
        world.run_for(Duration::from_millis(if seed % 5 == 4 { 4000 } else { 110 }));
    }
    assert!(world.hub_stats().unwrap().viewers_behind > 0);
    finish(world);
}

#[test]
fn a_new_sender_and_a_new_viewer_begin_anew() {
    let mut world = watched(7);
    world.draw(ANNA, &PageAct::Letters(ALL, 1));
    world.run_for(SOON);
    world.send_anew(ANNA);
    // What is covered is noted once a second at most.
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.disagreements(), []);
    world.view_anew(GRACE);
    world.run_for(SOON);
    assert_eq!(world.disagreements(), []);
    finish(world);
}

#[test]
fn what_is_unknown_paused_or_gone_is_told() {
    let mut world = watched(7);
    for act in [
        PageAct::ForgetMasks,
        PageAct::Resize(30, 70),
        PageAct::Mask(vec![(MIDDLE, 1)]),
        PageAct::Pause(true),
        PageAct::Pause(false),
        PageAct::Close,
    ] {
        world.draw(ANNA, &act);
        world.run_for(Duration::from_secs(2));
        assert_eq!(world.disagreements(), [], "{act:?}");
    }
    finish(world);
}

#[test]
fn a_picture_for_another_agent_is_noticed() {
    let mut world = watched(7);
    world.break_pictures(Fault::ToEverybody);
    world.draw(BEN, &PageAct::Fill(ALL, 3));
    world.run_for(SOON);
    assert!(broken(&world).contains(&Rule::NoPictureWithoutConsent));
}

#[test]
fn a_picture_after_the_end_is_noticed() {
    for end in 0..3 {
        let mut world = watched(7);
        world.break_pictures(Fault::AfterTheEnd);
        world.draw(ANNA, &PageAct::Fill(ALL, 3));
        world.run_for(SOON);
        assert_eq!(broken(&world), []);
        match end {
            0 => assert!(world.command(ANNA, Command::End)),
            1 => assert!(world.agent_command(HENRY, Click::Leave)),
            _ => assert!(world.agent_command(GRACE, Click::End)),
        }
        world.run_for(SOON);
        assert!(broken(&world).contains(&Rule::NoPictureWithoutConsent), "{end}");
    }
}

/// An agent that may only watch is refused the end, and sees on until it leaves.
#[test]
fn a_picture_between_an_end_that_is_refused_and_the_leave_is_none_too_many() {
    let (session, start, re) = (SessionId::new(7), StartId::new(1), RequestId::new(1));
    let mut checker = Checker::new(&town::config());
    let mut sees = |seen: Seen<'_>| {
        checker.see(seen);
        checker.violations().iter().any(|it| it.rule == Rule::NoPictureWithoutConsent)
    };
    let begins = SessionStart { re, start, by: StartBy::RandomKey }.into();
    let client = ANNA.into();
    sees(Seen::VisitorSaid { client, message: &begins });
    sees(Seen::HubHeardVisitor { client, message: &begins });
    let connected = SessionConnected { re, start, session, key: None }.into();
    sees(Seen::HubSaidVisitor { client, message: &connected });
    sees(Seen::VisitorTold { client, message: &connected });
    let view = ViewFacts { session, ask: None, visitor: None, count: 1, guests: Vec::new() };
    let joined = Joined { re: None, view }.into();
    sees(Seen::HubSaidAgent { client: GRACE.into(), message: &joined });
    let shown = Picture::encode(session, &[ViewerId::new(1)], b"a picture");
    sees(Seen::Picture(SeenPicture::Shown { client, message: &shown }));
    let sent = PictureRelay::encode(session, b"a picture");
    let mut hears = |message: AgentMessage| {
        sees(Seen::HubHeardAgent { client: GRACE.into(), message: &message });
        sees(Seen::Picture(SeenPicture::Relayed { client: GRACE.into(), message: &sent }))
    };
    assert!(!hears(EndSession { re, session }.into()));
    assert!(hears(Leave { re, session: Some(session) }.into()));
}

#[test]
fn a_frame_without_its_masks_is_noticed() {
    let mut world = watched(7);
    world.break_pictures(Fault::Unmasked);
    world.draw(ANNA, &PageAct::Mask(vec![(MIDDLE, 1)]));
    world.draw(ANNA, &PageAct::Letters(MIDDLE, 1));
    world.run_for(SOON);
    assert!(broken(&world).contains(&Rule::MaskedUnseen));
}

#[test]
fn a_picture_that_is_not_what_is_shared_is_noticed() {
    let mut world = watched(7);
    world.break_pictures(Fault::Emptied);
    world.draw(ANNA, &PageAct::Fill(MIDDLE, 3));
    world.run_for(SOON);
    assert_eq!(broken(&world), [Rule::SamePicture]);
}

#[test]
fn a_picture_without_the_visitors_consent_is_noticed() {
    let (session, start, re) = (SessionId::new(7), StartId::new(1), RequestId::new(1));
    let client = ANNA.into();
    let shown = Picture::encode(session, &[ViewerId::new(1)], b"a picture");
    let broken_after = |says: &[ClientMessage]| {
        let mut checker = Checker::new(&town::config());
        for message in says {
            checker.see(Seen::VisitorSaid { client, message });
            let message = SessionConnected { re, start, session, key: None }.into();
            checker.see(Seen::VisitorTold { client, message: &message });
        }
        checker.see(Seen::Picture(SeenPicture::Shown { client, message: &shown }));
        checker.violations().iter().any(|it| it.rule == Rule::NoPictureWithoutConsent)
    };
    let begins = || SessionStart { re, start, by: StartBy::RandomKey }.into();
    let unasked = SessionStart { re, start, by: StartBy::VisitorId { ask: AskId::new(2) } }.into();
    let ends = SessionEnd { re, start }.into();
    assert!(!broken_after(&[begins()]));
    assert!(broken_after(&[]));
    assert!(broken_after(&[unasked]), "the terms were not accepted");
    assert!(broken_after(&[begins(), ends]));
}

fn play(seed: u64, most: u64, script: &[coview_sim::act::Act]) -> World {
    let mut world = watched(seed);
    world.set_delay(Duration::from_millis(most / 10)..=Duration::from_millis(most));
    for act in script {
        world.act(act);
        world.assert_holds();
    }
    world.settle();
    world.assert_settled();
    world
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../proptest-regressions/sim-pictures.txt"
        )))),
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_rule_holds_in_every_story_of_pictures(
        seed: u64,
        most in prop_oneof![Just(0u64), Just(80), Just(2500)],
        script in strategy::picture_script(100),
    ) {
        play(seed, most, &script).assert_forgets();
    }
}

/// Rules that hold because nothing is shared are worth nothing.
#[test]
fn stories_of_pictures_reach_what_they_are_about() {
    let mut runner = TestRunner::deterministic();
    let [mut updates, mut refreshes, mut late, mut resumed] = [0; 4];
    for seed in 0..60 {
        let script = strategy::picture_script(100).new_tree(&mut runner).unwrap().current();
        let world = play(seed, if seed % 3 == 0 { 2500 } else { 80 }, &script);
        for agent in (0..world.agents()).map(AgentNo) {
            updates += world.updates_drawn(agent);
            refreshes += world.refreshes_asked(agent);
        }
        let stats = world.hub_stats().unwrap_or_default();
        late += stats.pictures_late;
        resumed += stats.resumed;
    }
    let reached = [updates / 100, refreshes, late, resumed];
    assert!(reached.iter().all(|count| *count >= 5), "{reached:?}");
}
