//! What a visitor's client says it covers: recorded, paced, and told to nobody.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::*;

/// A visitor who shares with one agent by a key.
struct Shared {
    visitor: ConnId,
    agent: ConnId,
    start: StartId,
    session: SessionId,
}

fn shared(w: &mut World) -> Shared {
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (start, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.hear_all(visitor);
    w.viewer(visitor, session);
    Shared { visitor, agent, start, session }
}

/// The sender lost its connection and its place, and the log and the counters say so.
fn was_cut_off(w: &World, conn: ConnId, why: PictureFault, refused: u64) {
    assert_eq!(w.closed.get(&conn), Some(&CloseReason::Protocol));
    let told = w.events.iter().rev().find_map(|event| match event {
        Event::PictureRefused { conn: of, why, .. } if *of == conn => Some(*why),
        _ => None,
    });
    assert_eq!(told, Some(why));
    assert_eq!(w.hub.stats().pictures_refused, refused);
}

fn cover(w: &mut World, conn: ConnId, session: SessionId, state: MaskState) {
    let bytes = MaskNotice { session, state }.encode();
    w.input(Input::Binary { conn, bytes: &bytes });
}

/// What is on record about the masks of a session, and its end.
fn record(w: &World, session: SessionId) -> Vec<Option<MaskState>> {
    let of_this = w.events.iter().filter_map(|event| match event {
        Event::MasksChanged { session: of, state, .. } if *of == session => Some(Some(*state)),
        Event::SessionEnded { session: of, .. } if *of == session => Some(None),
        _ => None,
    });
    of_this.collect()
}

const TWO: MaskState = MaskState::Known { areas: 2 };
const THREE: MaskState = MaskState::Known { areas: 3 };

#[test]
fn what_is_covered_is_recorded_and_told_to_nobody() {
    let mut w = World::new();
    let s = shared(&mut w);
    let heard = w.sent.len();
    cover(&mut w, s.visitor, s.session, MaskState::Unknown);
    w.pass(secs(1));
    cover(&mut w, s.visitor, s.session, TWO);
    assert_eq!(record(&w, s.session), [Some(MaskState::Unknown), Some(TWO)]);
    let relayed = w.sent[heard..].iter().filter(|(_, sent)| !matches!(sent, Sent::Text(_)));
    assert_eq!(relayed.count(), 0);
    assert!(w.is_quiet(s.visitor) && w.is_quiet(s.agent));
    assert_eq!((w.hub.stats().pictures_in, w.hub.stats().pictures_refused), (0, 0));
    let lines: Vec<_> = w.events.iter().map(ToString::to_string).collect();
    let line = format!("masks changed group={GROUP} session={} masks=known areas=2", s.session);
    assert!(lines.contains(&line), "{lines:?}");
}

#[test]
fn the_same_state_is_recorded_once() {
    let mut w = World::new();
    let s = shared(&mut w);
    for _ in 0..3 {
        cover(&mut w, s.visitor, s.session, TWO);
        w.pass(secs(2));
    }
    assert_eq!(record(&w, s.session), [Some(TWO)]);
}

#[test]
fn of_many_changes_in_a_second_the_last_is_recorded_when_it_is_over() {
    let mut w = World::new();
    let s = shared(&mut w);
    cover(&mut w, s.visitor, s.session, TWO);
    for areas in 3..100 {
        cover(&mut w, s.visitor, s.session, MaskState::Known { areas });
    }
    cover(&mut w, s.visitor, s.session, MaskState::Unknown);
    assert_eq!(record(&w, s.session), [Some(TWO)]);
    let why = w.wake_at.unwrap();
    assert_eq!(why.at.since(w.now), secs(1));
    assert_eq!(why.why, "the record of what a visitor's client covers");
    w.pass(secs(1));
    assert_eq!(record(&w, s.session), [Some(TWO), Some(MaskState::Unknown)]);
    w.pass(secs(5));
    // A change and back is no change, and leaves no deadline.
    cover(&mut w, s.visitor, s.session, TWO);
    let deadlines = w.hub.stats().deadlines;
    cover(&mut w, s.visitor, s.session, THREE);
    assert_eq!(w.hub.stats().deadlines, deadlines + 1);
    cover(&mut w, s.visitor, s.session, TWO);
    assert_eq!(w.hub.stats().deadlines, deadlines);
    w.pass(secs(5));
    assert_eq!(record(&w, s.session).len(), 3);
}

#[test]
fn the_last_state_is_recorded_before_the_end_of_the_session() {
    for end in 0..3 {
        let mut w = World::new();
        let s = shared(&mut w);
        cover(&mut w, s.visitor, s.session, TWO);
        cover(&mut w, s.visitor, s.session, THREE);
        match end {
            0 => w.end_start(s.visitor, s.start),
            1 => w.bye(s.visitor),
            _ => w.input(Input::Shutdown),
        }
        assert_eq!(record(&w, s.session), [Some(TWO), Some(THREE), None]);
        w.pass_in_silence(secs(600));
        assert_eq!(record(&w, s.session).len(), 3, "nothing is recorded after the end");
    }
}

#[test]
fn a_notice_of_the_session_before_is_late_and_one_of_another_is_a_fault() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.end_start(s.visitor, s.start);
    cover(&mut w, s.visitor, s.session, TWO);
    assert_eq!(w.hub.stats().pictures_late, 1);
    assert_eq!(record(&w, s.session), [None]);

    let (other, third) = (w.anonymous(), w.anonymous());
    let (_, foreign, _) = w.share(other);
    w.share(third);
    cover(&mut w, third, foreign, MaskState::Known { areas: 0 });
    was_cut_off(&w, third, PictureFault::NotInSession, 1);
    assert!(record(&w, foreign).is_empty(), "nobody writes into another's record");
    let idle = w.anonymous();
    cover(&mut w, idle, foreign, TWO);
    was_cut_off(&w, idle, PictureFault::NotInSession, 2);
}

#[test]
fn a_notice_before_the_start_is_one_without_consent() {
    let mut w = World::new();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let AgentNotice::AskEnded(it) = w.notice(agent) else { panic!("not accepted") };
    cover(&mut w, visitor, it.session.unwrap(), TWO);
    was_cut_off(&w, visitor, PictureFault::NoConsent, 1);
}

#[test]
fn only_a_visitor_says_what_is_covered_and_says_it_well() {
    let mut w = World::new();
    let s = shared(&mut w);
    let bytes = MaskNotice { session: s.session, state: TWO }.encode();
    w.input(Input::Binary { conn: s.agent, bytes: &bytes });
    let fault = ScreenError::WrongKind { found: 5, expected: 3 };
    was_cut_off(&w, s.agent, fault.into(), 1);
    w.hear_all(s.visitor);
    w.input(Input::Binary { conn: s.visitor, bytes: &bytes[..bytes.len() - 1] });
    was_cut_off(&w, s.visitor, ScreenError::TooShort { bytes: 13 }.into(), 2);
    assert_eq!(record(&w, s.session), [None]);
}
