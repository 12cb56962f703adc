//! Whose pictures are relayed to whom, and what becomes of everything else.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::collections::BTreeSet;

use coview_hub::*;
use coview_wire::*;
use harness::*;

/// A visitor who shares with one agent by a key, and what they know.
struct Shared {
    visitor: ConnId,
    agent: ConnId,
    start: StartId,
    session: SessionId,
    key: SessionKey,
    viewer: ViewerId,
}

fn shared(w: &mut World) -> Shared {
    let (visitor, agent) = (w.anonymous(), w.agent("grace"));
    let (start, session, key) = w.share(visitor);
    w.joined(agent, key);
    w.hear_all(visitor);
    let viewer = w.viewer(visitor, session);
    Shared { visitor, agent, start, session, key, viewer }
}

/// The sender lost its connection and its place, and the audit log and the counters say so.
fn was_cut_off(w: &mut World, conn: ConnId, why: PictureFault, refused: u64) {
    assert_eq!(w.closed.get(&conn), Some(&CloseReason::Protocol));
    let told = w.events.iter().rev().find_map(|event| match event {
        Event::PictureRefused { conn: of, why, .. } if *of == conn => Some(*why),
        _ => None,
    });
    assert_eq!(told, Some(why));
    assert_eq!(w.hub.stats().pictures_refused, refused);
    let texts: Vec<_> = w.texts.iter().filter(|(to, _)| *to == conn).collect();
    let closing = Closing { reason: CloseReason::Protocol, retry: false };
    assert_eq!(texts.last().unwrap().1, ServerMessage::from(closing).encode());
}

// Who sees what.

#[test]
fn a_picture_goes_to_the_viewers_it_names_and_to_nobody_else() {
    let mut w = World::new();
    let s = shared(&mut w);
    let (joan, kay) = (w.agent("joan"), w.agent("kay"));
    w.joined(joan, s.key);
    let second = w.viewer(s.visitor, s.session);
    w.joined(kay, s.key);
    let third = w.viewer(s.visitor, s.session);
    let numbers = BTreeSet::from([s.viewer, second, third]);
    assert_eq!(numbers.len(), 3, "each viewer has a number of its own");

    w.show(s.visitor, s.session, &[s.viewer, third], b"one");
    w.show(s.visitor, s.session, &[second], b"two");
    assert_eq!(w.seen(s.agent, s.session), [b"one"]);
    assert_eq!(w.seen(joan, s.session), [b"two"]);
    assert_eq!(w.seen(kay, s.session), [b"one"]);
    let stats = w.hub.stats();
    assert_eq!((stats.pictures_in, stats.pictures_out, stats.viewers), (2, 3, 3));
    assert_eq!(stats.picture_bytes_in, (10 + 8 + 3) + (10 + 4 + 3));
    assert_eq!(stats.picture_bytes_out, 3 * (9 + 3));
    assert_eq!((stats.pictures_late, stats.pictures_refused), (0, 0));
}

#[test]
fn a_body_is_passed_on_as_it_is_up_to_the_longest() {
    let mut w = World::new();
    let s = shared(&mut w);
    let long: Vec<u8> = (0..Picture::longest_body(1)).map(|at| (at % 251) as u8).collect();
    for body in [&[][..], &[0], &long] {
        w.show(s.visitor, s.session, &[s.viewer], body);
        assert!(w.seen(s.agent, s.session) == [body], "{} bytes", body.len());
    }
}

#[test]
fn a_viewer_who_is_named_twice_gets_it_once() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.show(s.visitor, s.session, &[s.viewer; limits::VIEWERS], b"once");
    w.show(s.visitor, s.session, &[s.viewer], b"again");
    assert_eq!(w.seen(s.agent, s.session), [&b"once"[..], b"again"]);
}

#[test]
fn more_viewers_than_one_message_may_name_get_it_by_two() {
    let mut w = World::with_policy(Policy { max_guests: 100, ..Policy::default() });
    let visitor = w.anonymous();
    let (_, session, key) = w.share(visitor);
    let agents: Vec<_> = (0..70).map(|_| w.agent("grace")).collect();
    for agent in &agents {
        w.joined(*agent, key);
        w.notices(*agent);
    }
    let words = w.words(visitor, session);
    let viewers: Vec<_> = words.iter().map(|(viewer, _)| *viewer).collect();
    assert!(words.iter().all(|(_, event)| *event == ViewerEvent::Joined));
    assert_eq!(viewers.iter().collect::<BTreeSet<_>>().len(), 70);
    for some in viewers.chunks(limits::VIEWERS) {
        w.show(visitor, session, some, b"all");
    }
    assert!(agents.iter().all(|agent| w.seen(*agent, session) == [b"all"]));
    assert_eq!(w.hub.stats().pictures_out, 70);
    w.show(visitor, session, &viewers, b"too many in one");
    was_cut_off(&mut w, visitor, ScreenError::BadViewers { found: 70 }.into(), 1);
}

#[test]
fn a_one_click_session_has_its_viewer_from_the_start() {
    let mut w = World::new();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let (_, session) = w.one_click(agent, visitor, "ada");
    let viewer = w.viewer(visitor, session);
    w.show(visitor, session, &[viewer], b"one");
    assert_eq!(w.seen(agent, session), [b"one"]);
    assert_eq!(w.hub.stats().viewers, 1);
}

#[test]
fn what_a_viewer_says_reaches_the_visitor_with_its_number() {
    let mut w = World::new();
    let s = shared(&mut w);
    let joan = w.agent("joan");
    w.joined(joan, s.key);
    let second = w.viewer(s.visitor, s.session);
    w.signal(joan, s.session, ViewerSays::Acknowledged(7));
    w.signal(s.agent, s.session, ViewerSays::Refresh);
    let expected = [(second, ViewerEvent::Acknowledged(7)), (s.viewer, ViewerEvent::Refresh)];
    assert_eq!(w.words(s.visitor, s.session), expected);
}

#[test]
fn a_viewer_says_no_more_than_it_was_sent() {
    let mut w = World::new();
    let s = shared(&mut w);
    for _ in 0..1000 {
        w.signal(s.agent, s.session, ViewerSays::Refresh);
    }
    assert_eq!(w.words(s.visitor, s.session).len(), 64);
    assert_eq!(w.hub.stats().pictures_late, 1000 - 64);
    // One word for each picture, and the agent is not cut off.
    w.show(s.visitor, s.session, &[s.viewer], b"body");
    for number in 1..=3 {
        w.signal(s.agent, s.session, ViewerSays::Acknowledged(number));
    }
    assert_eq!(w.words(s.visitor, s.session), [(s.viewer, ViewerEvent::Acknowledged(1))]);
    assert_eq!(w.closed.get(&s.agent), None);
}

#[test]
fn pictures_that_were_thrown_away_make_the_visitor_send_a_whole_one() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.input(Input::PicturesDropped { conn: s.agent });
    assert_eq!(w.words(s.visitor, s.session), [(s.viewer, ViewerEvent::Refresh)]);
    assert_eq!(w.hub.stats().viewers_behind, 1);
    // Of anybody else it means nothing, also not after the end.
    w.input(Input::PicturesDropped { conn: s.visitor });
    w.end_start(s.visitor, s.start);
    w.input(Input::PicturesDropped { conn: s.agent });
    assert_eq!(w.words(s.visitor, s.session), []);
    assert_eq!(w.hub.stats().viewers_behind, 1);
}

// Coming and going.

#[test]
fn whoever_leaves_is_ejected_or_lost_sees_nothing_more_and_the_visitor_is_told() {
    type Going = fn(&mut World, &Shared, ConnId);
    let ways: [Going; 5] = [
        |w, s, joan| w.leave(joan, Some(s.session)),
        |w, s, _| w.eject(s.agent, s.session, "joan"),
        |w, _, joan| w.drop_conn(joan),
        |w, _, joan| w.bye(joan),
        |w, _, joan| w.input(Input::TooSlow { conn: joan }),
    ];
    for (at, goes) in ways.into_iter().enumerate() {
        let mut w = World::new();
        let s = shared(&mut w);
        let joan = w.agent("joan");
        w.joined(joan, s.key);
        let second = w.viewer(s.visitor, s.session);
        w.show(s.visitor, s.session, &[s.viewer, second], b"before");
        assert_eq!(w.seen(joan, s.session), [b"before"]);
        goes(&mut w, &s, joan);
        assert_eq!(w.words(s.visitor, s.session), [(second, ViewerEvent::Left)], "way {at}");
        // The visitor has not read it yet.
        w.show(s.visitor, s.session, &[s.viewer, second], b"after");
        assert!(w.seen(joan, s.session).is_empty(), "way {at}");
        assert_eq!(w.seen(s.agent, s.session), [&b"before"[..], b"after"]);
        let stats = w.hub.stats();
        assert_eq!((stats.pictures_late, stats.pictures_refused, stats.viewers), (1, 0, 1));
    }
}

#[test]
fn what_waits_for_a_viewer_is_taken_back_when_it_may_not_be_seen_any_more() {
    let forgotten = |w: &World, conn| w.sent.contains(&(conn, Sent::Forget));
    let mut w = World::new();
    let s = shared(&mut w);
    let joan = w.agent("joan");
    w.joined(joan, s.key);
    assert!(!forgotten(&w, joan) && !forgotten(&w, s.agent));
    w.eject(s.agent, s.session, "joan");
    assert!(forgotten(&w, joan) && !forgotten(&w, s.agent));
    w.end_start(s.visitor, s.start);
    assert!(forgotten(&w, s.agent));
}

#[test]
fn an_agent_who_comes_back_is_a_new_viewer_after_it_was_told_where_it_is() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.drop_conn(s.agent);
    assert_eq!(w.words(s.visitor, s.session), [(s.viewer, ViewerEvent::Left)]);
    assert_eq!(w.hub.stats().viewers, 0);
    let (again, snapshot) = w.resume_agent(s.agent);
    assert_eq!(snapshot.view.unwrap().session, s.session);
    let viewer = w.viewer(s.visitor, s.session);
    assert_ne!(viewer, s.viewer, "a number is used once");
    w.show(s.visitor, s.session, &[s.viewer], b"old");
    w.show(s.visitor, s.session, &[viewer], b"new");
    assert_eq!(w.seen(again, s.session), [b"new"]);
    let to_agent: Vec<_> = w.sent.iter().filter(|(to, _)| *to == again).collect();
    assert!(matches!(&to_agent[0].1, Sent::Text(text) if text.contains("resumed")));
}

#[test]
fn an_agent_on_a_second_connection_is_one_viewer_not_two() {
    let mut w = World::new();
    let s = shared(&mut w);
    let (again, _) = w.resume_agent(s.agent);
    assert_eq!(w.closed.get(&s.agent), Some(&CloseReason::Superseded));
    let words = w.words(s.visitor, s.session);
    let [(left, ViewerEvent::Left), (viewer, ViewerEvent::Joined)] = words[..] else {
        panic!("{words:?}")
    };
    assert_eq!(left, s.viewer);
    w.show(s.visitor, s.session, &[left, viewer], b"one");
    assert_eq!(w.seen(again, s.session), [b"one"]);
    assert!(w.seen(s.agent, s.session).is_empty());
    assert_eq!(w.hub.stats().viewers, 1);
}

#[test]
fn a_visitor_who_comes_back_is_told_all_viewers_anew_under_other_numbers() {
    let mut w = World::new();
    let s = shared(&mut w);
    let (joan, kay) = (w.agent("joan"), w.agent("kay"));
    w.joined(joan, s.key);
    w.joined(kay, s.key);
    let before: Vec<_> = w.words(s.visitor, s.session).into_iter().map(|it| it.0).collect();
    w.drop_conn(s.visitor);
    w.drop_conn(kay);
    assert_eq!(w.hub.stats().viewers, 2);
    let (again, _) = w.resume_visitor(s.visitor);
    let to_visitor: Vec<_> = w.sent.iter().filter(|(to, _)| *to == again).collect();
    assert!(matches!(&to_visitor[0].1, Sent::Text(text) if text.contains("resumed")));

    let words = w.words(again, s.session);
    let [(first, ViewerEvent::Joined), (second, ViewerEvent::Joined)] = words[..] else {
        panic!("kay has no connection: {words:?}")
    };
    assert_ne!(first, second);
    for old in before.iter().chain([&s.viewer]) {
        assert!(*old != first && *old != second, "a number is used once");
    }
    w.show(again, s.session, &[first], b"one");
    w.show(again, s.session, &[second], b"two");
    w.show(again, s.session, &[s.viewer], b"late");
    let (grace, joan) = (w.seen(s.agent, s.session), w.seen(joan, s.session));
    assert_eq!((grace, joan), (vec![b"one".to_vec()], vec![b"two".to_vec()]));
    assert_eq!(w.hub.stats().pictures_late, 1);

    // Both sides again, the agent while the visitor is away.
    w.drop_conn(again);
    let (kay, _) = w.resume_agent(kay);
    let (again, _) = w.resume_visitor(again);
    let words = w.words(again, s.session);
    assert_eq!(words.len(), 3);
    w.show(again, s.session, &words.iter().map(|it| it.0).collect::<Vec<_>>(), b"all");
    assert_eq!(w.seen(kay, s.session), [b"all"]);
    assert_eq!(w.hub.stats().viewers, 3);
}

#[test]
fn a_visitor_on_a_second_connection_is_told_all_viewers_there() {
    let mut w = World::new();
    let s = shared(&mut w);
    let (again, _) = w.resume_visitor(s.visitor);
    assert_eq!(w.closed.get(&s.visitor), Some(&CloseReason::Superseded));
    assert_eq!(w.words(s.visitor, s.session), []);
    let viewer = w.viewer(again, s.session);
    assert_ne!(viewer, s.viewer);
    w.show(s.visitor, s.session, &[viewer], b"from the old connection");
    w.show(again, s.session, &[viewer], b"from the new one");
    assert_eq!(w.seen(s.agent, s.session), [b"from the new one"]);
}

#[test]
fn the_number_of_viewers_is_right_after_every_way_to_end() {
    type End = fn(&mut World, &Shared);
    let ways: [End; 5] = [
        |w, s| w.end_start(s.visitor, s.start),
        |w, s| w.end(s.agent, s.session),
        |w, s| w.bye(s.visitor),
        |w, s| w.input(Input::Binary { conn: s.visitor, bytes: b"" }),
        |w, _| w.input(Input::Shutdown),
    ];
    for (at, end) in ways.into_iter().enumerate() {
        let mut w = World::new();
        let s = shared(&mut w);
        assert_eq!(w.hub.stats().viewers, 1);
        end(&mut w, &s);
        assert_eq!((w.hub.stats().viewers, w.hub.stats().sessions), (0, 0), "way {at}");
    }
}

// What is late.

#[test]
fn what_is_said_about_a_session_that_has_just_ended_is_late_on_both_sides() {
    type End = fn(&mut World, &Shared);
    let ways: [End; 3] = [
        |w, s| w.end_start(s.visitor, s.start),
        |w, s| w.end(s.agent, s.session),
        |w, s| {
            w.drop_conn(s.agent);
            w.drop_conn(s.visitor);
        },
    ];
    for (at, end) in ways.into_iter().enumerate() {
        let mut w = World::new();
        let mut s = shared(&mut w);
        end(&mut w, &s);
        if w.hub.stats().connections == 0 {
            (s.visitor, _) = w.resume_visitor(s.visitor);
            (s.agent, _) = w.resume_agent(s.agent);
            w.end(s.agent, s.session);
        }
        w.show(s.visitor, s.session, &[s.viewer], b"late");
        w.signal(s.agent, s.session, ViewerSays::Acknowledged(1));
        assert!(w.seen(s.agent, s.session).is_empty(), "way {at}");
        let stats = w.hub.stats();
        assert_eq!((stats.pictures_late, stats.pictures_refused), (2, 0), "way {at}");
        assert!(w.closed.is_empty());
        // The next session of both is not disturbed.
        w.hear_all(s.visitor);
        w.words(s.visitor, s.session);
        let (_, session, key) = w.share(s.visitor);
        w.show(s.visitor, s.session, &[s.viewer], b"late");
        w.notices(s.agent);
        w.joined(s.agent, key);
        w.signal(s.agent, s.session, ViewerSays::Refresh);
        assert_eq!(w.words(s.visitor, session).len(), 1, "joined, and no refresh");
        assert_eq!(w.hub.stats().pictures_late, 4);
    }
}

#[test]
fn an_agent_who_left_or_was_ejected_may_still_be_heard_for_a_moment() {
    let mut w = World::new();
    let s = shared(&mut w);
    let joan = w.agent("joan");
    w.joined(joan, s.key);
    w.leave(s.agent, Some(s.session));
    w.signal(s.agent, s.session, ViewerSays::Acknowledged(3));
    w.notices(s.agent);
    w.joined(s.agent, s.key);
    w.eject(joan, s.session, "grace");
    w.words(s.visitor, s.session);
    w.signal(s.agent, s.session, ViewerSays::Acknowledged(4));
    assert_eq!(w.words(s.visitor, s.session), []);
    assert_eq!((w.hub.stats().pictures_late, w.closed.len()), (2, 0));
}

#[test]
fn words_for_a_visitor_who_is_away_are_not_kept() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.drop_conn(s.visitor);
    w.signal(s.agent, s.session, ViewerSays::Refresh);
    w.input(Input::PicturesDropped { conn: s.agent });
    let (again, _) = w.resume_visitor(s.visitor);
    w.viewer(again, s.session);
    assert!(w.closed.is_empty());
}

// What is cut off.

#[test]
fn a_stranger_who_sends_pictures_is_cut_off() {
    let mut w = World::new();
    let s = shared(&mut w);
    let stranger = w.open();
    w.show(stranger, s.session, &[s.viewer], b"peep");
    was_cut_off(&mut w, stranger, PictureFault::HelloFirst, 1);
    assert!(w.seen(s.agent, s.session).is_empty());
    assert_eq!((w.hub.stats().closed_protocol, w.hub.stats().connections), (1, 2));
}

#[test]
fn a_visitor_without_a_session_who_sends_pictures_is_cut_off_and_loses_its_place() {
    let mut w = World::new();
    let visitor = w.online("ada");
    w.show(visitor, SessionId::new(1), &[ViewerId::new(1)], b"unasked");
    was_cut_off(&mut w, visitor, PictureFault::NotInSession, 1);
    assert_eq!((w.hub.stats().visitors, w.hub.stats().visitors_online), (0, 0));
    w.resume_refused(visitor);
}

#[test]
fn accepted_is_not_yet_consent_to_this_session() {
    let mut w = World::new();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let AgentNotice::AskEnded(AskEnded { session: Some(session), .. }) = w.notice(agent) else {
        panic!("not accepted")
    };
    w.show(visitor, session, &[ViewerId::new(1)], b"early");
    was_cut_off(&mut w, visitor, PictureFault::NoConsent, 1);
    assert!(w.seen(agent, session).is_empty());
    assert_eq!(w.hub.stats().sessions, 0, "the session ended with it");
    let AgentNotice::ViewEnded(it) = w.notice(agent) else { panic!("not ended") };
    assert_eq!(it.reason, EndReason::Policy);
}

#[test]
fn terms_that_are_only_shown_or_declined_give_no_right() {
    for declined in [false, true] {
        let mut w = World::new();
        let (visitor, agent) = (w.online("ada"), w.agent("grace"));
        let ask = w.shown(agent, visitor, "ada");
        if declined {
            w.decline(visitor, ask);
        }
        w.show(visitor, SessionId::new(ask.get() + 1), &[ViewerId::new(1)], b"early");
        was_cut_off(&mut w, visitor, PictureFault::NotInSession, 1);
    }
}

#[test]
fn nobody_shows_anything_in_the_session_of_another_visitor_or_another_group() {
    let mut w = World::new();
    let s = shared(&mut w);
    let (beside, elsewhere) = (w.anonymous(), w.visitor_in(OTHER_GROUP));
    let (_, own, _) = w.share(elsewhere);
    w.show(beside, s.session, &[s.viewer], b"not mine");
    was_cut_off(&mut w, beside, PictureFault::NotInSession, 1);
    w.show(elsewhere, s.session, &[s.viewer], b"not mine");
    was_cut_off(&mut w, elsewhere, PictureFault::NotInSession, 2);
    assert!(w.seen(s.agent, s.session).is_empty());
    assert_ne!(own, s.session);
    // The session whose id was misused goes on.
    w.show(s.visitor, s.session, &[s.viewer], b"mine");
    assert_eq!(w.seen(s.agent, s.session), [b"mine"]);
    assert_eq!(w.hub.stats().sessions, 1, "the one of the intruder ended with it");
}

#[test]
fn the_session_of_a_visitor_who_breaks_the_rules_ends_with_policy() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.show(s.visitor, SessionId::new(s.session.get() + 1), &[s.viewer], b"which");
    was_cut_off(&mut w, s.visitor, PictureFault::NotInSession, 1);
    let ended = w.notices(s.agent).pop().unwrap();
    let reason = EndReason::Policy;
    assert_eq!(ended, AgentNotice::from(ViewEnded { session: s.session, reason }));
    assert_eq!((w.hub.stats().sessions, w.hub.stats().visitors), (0, 0));
}

#[test]
fn an_agent_who_sends_a_picture_is_cut_off_and_the_session_goes_on() {
    let mut w = World::new();
    let s = shared(&mut w);
    let joan = w.agent("joan");
    w.joined(joan, s.key);
    let second = w.viewer(s.visitor, s.session);
    w.show(joan, s.session, &[s.viewer], b"painted");
    let why = ScreenError::WrongKind { found: 1, expected: 3 };
    was_cut_off(&mut w, joan, why.into(), 1);
    assert!(w.seen(s.agent, s.session).is_empty());
    assert_eq!(w.words(s.visitor, s.session), [(second, ViewerEvent::Left)]);
    assert_eq!((w.hub.stats().sessions, w.hub.stats().agents), (1, 1));
}

#[test]
fn an_agent_who_speaks_about_a_session_it_is_not_in_is_cut_off() {
    let mut w = World::new();
    let s = shared(&mut w);
    let elsewhere = w.agent_in(OTHER_GROUP, "grace");
    for (at, agent) in [(1, w.agent("joan")), (2, elsewhere)] {
        w.signal(agent, s.session, ViewerSays::Refresh);
        was_cut_off(&mut w, agent, PictureFault::NotInSession, at);
    }
    assert_eq!(w.words(s.visitor, s.session), []);
}

#[test]
fn an_agent_whose_visitor_has_not_started_yet_sees_nothing_to_speak_about() {
    let mut w = World::new();
    let (visitor, agent) = (w.online("ada"), w.agent("grace"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let AgentNotice::AskEnded(AskEnded { session: Some(session), .. }) = w.notice(agent) else {
        panic!("not accepted")
    };
    w.signal(agent, session, ViewerSays::Refresh);
    was_cut_off(&mut w, agent, PictureFault::NotInSession, 1);
}

#[test]
fn what_cannot_be_read_cuts_off_whoever_sent_it() {
    let long = Picture::encode(SessionId::new(1), &[ViewerId::new(1)], &[0; limits::PICTURE_BYTES]);
    let notice = ViewerNotice {
        session: SessionId::new(1),
        viewer: ViewerId::new(1),
        event: ViewerEvent::Left,
    };
    let signal = ViewerSignal { session: SessionId::new(1), says: ViewerSays::Refresh };
    let wrong = |found, expected| ScreenError::WrongKind { found, expected };
    let of_visitor = [
        (vec![], ScreenError::TooShort { bytes: 0 }),
        (vec![1, 0, 0], ScreenError::TooShort { bytes: 3 }),
        (signal.encode(), wrong(3, 1)),
        (notice.encode(), wrong(2, 1)),
        (PictureRelay::encode(SessionId::new(1), b""), wrong(4, 1)),
        (long.clone(), ScreenError::TooLong { bytes: long.len() }),
    ];
    for (bytes, why) in of_visitor {
        let mut w = World::new();
        let s = shared(&mut w);
        w.input(Input::Binary { conn: s.visitor, bytes: &bytes });
        was_cut_off(&mut w, s.visitor, why.into(), 1);
    }
    let of_agent = [
        (vec![3, 0], ScreenError::TooShort { bytes: 2 }),
        (notice.encode(), wrong(2, 3)),
        ([signal.encode(), vec![0]].concat(), ScreenError::TrailingBytes { bytes: 1 }),
        (vec![3, 0, 0, 0, 0, 0, 0, 0, 1, 9], ScreenError::BadEvent { found: 9 }),
    ];
    for (bytes, why) in of_agent {
        let mut w = World::new();
        let s = shared(&mut w);
        w.input(Input::Binary { conn: s.agent, bytes: &bytes });
        was_cut_off(&mut w, s.agent, why.into(), 1);
    }
}

#[test]
fn a_picture_is_a_sign_of_life() {
    let mut w = World::new();
    let s = shared(&mut w);
    for _ in 0..10 {
        w.pass_in_silence(secs(30));
        w.show(s.visitor, s.session, &[s.viewer], b"still here");
        w.signal(s.agent, s.session, ViewerSays::Acknowledged(1));
    }
    assert_eq!(w.seen(s.agent, s.session).len(), 10);
}

#[test]
fn the_owner_can_ask_who_may_send_pictures() {
    let mut w = World::new();
    let (stranger, visitor, agent) = (w.open(), w.online("ada"), w.agent("grace"));
    let ask = w.shown(agent, visitor, "ada");
    w.accept(visitor, ask);
    let may = |w: &World| [stranger, visitor, agent].map(|conn| w.hub.may_send_pictures(conn));
    assert_eq!(may(&w), [false, false, false]);
    let start = w.start(visitor, StartBy::VisitorId { ask });
    assert_eq!(may(&w), [false, true, false]);
    w.end_start(visitor, start);
    assert_eq!(may(&w), [false, false, false]);
}

#[test]
fn the_audit_log_tells_of_a_refused_picture_and_not_what_was_in_it() {
    let mut w = World::new();
    let s = shared(&mut w);
    w.show(s.visitor, SessionId::new(1), &[s.viewer], b"secret pixels");
    let line = w.events.iter().map(ToString::to_string).find(|line| line.contains("picture"));
    let line = line.unwrap();
    assert!(line.starts_with("picture refused conn=1 client="), "{line}");
    assert!(line.ends_with(r#"why="the sender is not in this session""#), "{line}");
    assert!(!line.contains("pixels"), "{line}");
}
