//! The first message, the numbers of messages, resume, signs of life, and bad manners.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use coview_hub::*;
use coview_wire::*;
use harness::*;

#[test]
fn hello_is_welcomed_with_settings_timing_and_a_secret() {
    let mut w = World::new();
    let conn = w.open();
    w.say(conn, w.hello(GROUP));
    let ServerMessage::Welcome(it) = w.hear(conn) else { panic!() };
    assert_eq!(
        it.settings,
        Settings {
            share_button: true,
            presence: true,
            key_digits: KeyLength::default(),
            assertion_needed: false
        }
    );
    assert_eq!(
        it.timing,
        Timing {
            heartbeat_ms: 20_000,
            missed_heartbeats: 2,
            first_reply_ms: 10_000,
            resume_grace_ms: 30_000,
            background_lease_ms: 300_000,
        }
    );
    assert!(it.secret.expose_secret().len() >= 32, "at least 128 bits in hexadecimal");
    assert_eq!(w.hub.stats().visitors, 1);
}

#[test]
fn a_wrong_version_an_unknown_group_and_a_bad_token_are_refused_and_closed() {
    let mut groups = config();
    let mine = groups.groups.get_mut(&group(GROUP)).unwrap();
    mine.client_token = Some(ClientToken::new("right").unwrap());
    let mut w = World::with(groups);
    let version = Hello { version: 2, ..w.hello(GROUP) };
    let unknown = w.hello("nobody");
    let missing = w.hello(GROUP);
    let wrong = Hello { token: Some(ClientToken::new("wrong").unwrap()), ..w.hello(GROUP) };
    for (hello, code) in [
        (version, RefusalCode::VersionUnsupported),
        (unknown, RefusalCode::UnknownGroup),
        (missing, RefusalCode::BadToken),
        (wrong, RefusalCode::BadToken),
    ] {
        let conn = w.open();
        w.say(conn, hello);
        assert_eq!(w.refused(conn), code);
        w.closing(conn, CloseReason::Refused, false);
    }
    let conn = w.open();
    let right = Hello { token: Some(ClientToken::new("right").unwrap()), ..w.hello(GROUP) };
    w.say(conn, right);
    let ServerMessage::Welcome(_) = w.hear(conn) else { panic!() };
    assert_eq!(w.hub.stats().connections, 1);
}

#[test]
fn an_agent_with_a_wrong_token_is_refused_and_closed() {
    let mut w = World::new();
    for (name, token) in [(GROUP, "nonsense"), (OTHER_GROUP, "token-grace@12345")] {
        let conn = w.open();
        let token = AgentToken::new(token).unwrap();
        w.call(conn, SignIn { re: RequestId::new(0), version: 1, group: group(name), token });
        assert_eq!(w.refused(conn), RefusalCode::BadToken);
        w.closing(conn, CloseReason::Refused, false);
    }
    assert_eq!(w.hub.stats().agents, 0);
}

#[test]
fn whatever_comes_before_hello_is_refused_or_a_problem_and_hello_may_follow() {
    let mut w = World::new();
    let conn = w.open();
    w.identify(conn, "ada");
    assert_eq!(w.refused(conn), RefusalCode::HelloFirst);
    w.ask(conn, "ada");
    assert_eq!(w.refused(conn), RefusalCode::HelloFirst);
    w.log_out(conn);
    assert_eq!(w.problem(conn), RefusalCode::HelloFirst);
    w.withdraw(conn, None);
    assert_eq!(w.problem(conn), RefusalCode::HelloFirst);
    w.text(conn, r#"{"t":"ping"}"#);
    assert_eq!(w.problem(conn), RefusalCode::HelloFirst);
    w.say(conn, w.hello(GROUP));
    let ServerMessage::Welcome(_) = w.hear(conn) else { panic!() };
}

#[test]
fn bye_before_hello_closes() {
    let mut w = World::new();
    let conn = w.open();
    w.bye(conn);
    w.closing(conn, CloseReason::Left, false);
}

#[test]
fn a_connection_that_says_nothing_is_closed_after_the_time_for_the_first_message() {
    let mut w = World::new();
    let conn = w.open();
    assert_eq!(w.wake_at.unwrap().why, "the first message on a connection");
    w.pass_in_silence(secs(10));
    w.closing(conn, CloseReason::Silent, true);
    assert_eq!(w.hub.stats().deadlines, 0);
}

#[test]
fn a_second_hello_and_a_second_sign_in_are_illegal() {
    let mut w = World::new();
    let visitor = w.anonymous();
    w.say(visitor, w.hello(GROUP));
    assert_eq!(w.refused(visitor), RefusalCode::IllegalOrder);
    let agent = w.agent("grace");
    let token = AgentToken::new("token-grace@12345").unwrap();
    w.call(agent, SignIn { re: RequestId::new(0), version: 1, group: group(GROUP), token });
    assert_eq!(w.refused(agent), RefusalCode::IllegalOrder);
}

#[test]
fn malformed_and_unknown_messages_are_problems_that_name_the_message() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.text(conn, "not json");
    assert_eq!(w.problem(conn), RefusalCode::Malformed);
    w.text(conn, r#"{"t":"dance","re":1}"#);
    let ServerMessage::Problem(it) = w.hear(conn) else { panic!() };
    assert_eq!((it.re, it.code), (Some(RequestId::new(1)), RefusalCode::UnknownType));
    w.text(conn, r#"{"t":"identify","re":2,"visitor":"a b"}"#);
    let ServerMessage::Problem(it) = w.hear(conn) else { panic!() };
    assert_eq!((it.re, it.code), (Some(RequestId::new(2)), RefusalCode::Malformed));
    assert!(it.explanation.unwrap().contains("position 1"));
    w.text(conn, &"x".repeat(limits::MESSAGE_BYTES + 1));
    assert_eq!(w.problem(conn), RefusalCode::Malformed);
    w.text(conn, r#"{"t":"ping"}"#);
    assert_eq!(w.hear(conn), Pong { seen: Some(RequestId::new(2)) }.into());
    w.text(conn, r#"{"t":"watch","re":3}"#);
    assert_eq!(w.problem(conn), RefusalCode::UnknownType, "a visitor has no agent's verbs");
}

#[test]
fn too_many_problems_in_a_minute_close_the_connection_for_good() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.watcher("grace");
    // Going online was the first of what may not be done all the time.
    for _ in 1..60 {
        w.text(visitor, "?");
        assert_eq!(w.problem(visitor), RefusalCode::Malformed);
    }
    w.pass(secs(60));
    for _ in 0..60 {
        w.text(visitor, "?");
        assert_eq!(w.problem(visitor), RefusalCode::Malformed, "the minute is over");
    }
    w.text(visitor, "?");
    assert_eq!(w.problem(visitor), RefusalCode::Malformed);
    w.closing(visitor, CloseReason::Protocol, false);
    let ada = visitor_id("ada");
    let offline = VisitorOffline { visitor: ada, reason: OfflineReason::Policy };
    assert_eq!(w.notice(agent), offline.into());
    assert_eq!(w.hub.stats().visitors, 0);
    for _ in 0..61 {
        w.text(agent, "?");
    }
    assert_eq!(w.closed.get(&agent), Some(&CloseReason::Protocol));
    assert_eq!(w.hub.stats().agents, 0);
    assert_eq!(w.hub.stats().closed_protocol, 2);
    let stranger = w.open();
    for _ in 0..61 {
        w.identify(stranger, "ada");
    }
    assert_eq!(w.closed.get(&stranger), Some(&CloseReason::Protocol));
}

#[test]
fn pong_tells_the_highest_number_seen() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.text(conn, r#"{"t":"ping"}"#);
    assert_eq!(w.hear(conn), Pong { seen: None }.into());
    w.text(conn, r#"{"t":"app_moved","re":7,"app":"background"}"#);
    w.text(conn, r#"{"t":"ping"}"#);
    assert_eq!(w.hear(conn), Pong { seen: Some(RequestId::new(7)) }.into());
}

#[test]
fn a_message_said_again_is_not_done_again() {
    let mut w = World::new();
    let conn = w.identified("ada");
    let start = r#"{"t":"session_start","re":5,"start":1,"by":"random_key"}"#;
    w.text(conn, start);
    let ServerMessage::SessionConnected(_) = w.hear(conn) else { panic!() };
    w.text(conn, start);
    w.text(conn, r#"{"t":"session_end","re":4,"start":1}"#);
    assert!(w.is_quiet(conn));
    assert_eq!(w.hub.stats().sessions, 1, "an old number is a duplicate, whatever it says");
    w.text(conn, r#"{"t":"session_end","re":6,"start":1}"#);
    assert_eq!(w.hub.stats().sessions, 0);
}

#[test]
fn messages_of_the_engine_itself_have_number_zero_and_are_never_duplicates() {
    let mut w = World::new();
    let conn = w.anonymous();
    let identify = r#"{"t":"identify","re":0,"visitor":"ada"}"#;
    for _ in 0..2 {
        w.text(conn, identify);
        let ServerMessage::Identified(it) = w.hear(conn) else { panic!() };
        assert_eq!(it.re, RequestId::new(0));
    }
    w.text(conn, r#"{"t":"ping"}"#);
    assert_eq!(w.hear(conn), Pong { seen: None }.into());
}

#[test]
fn a_silent_connection_is_closed_and_its_place_is_kept() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.watcher("grace");
    w.pass_in_silence(secs(59));
    w.text(agent, r#"{"t":"ping"}"#);
    assert!(w.closed.is_empty());
    w.pass_in_silence(secs(1));
    w.closing(visitor, CloseReason::Silent, true);
    assert!(!w.closed.contains_key(&agent));
    w.notice(agent);
    let AgentNotice::VisitorChanged(it) = w.notice(agent) else { panic!() };
    assert!(!it.card.reachable);
    let (_, snapshot) = w.resume_visitor(visitor);
    assert_eq!(snapshot.visitor, Some(visitor_id("ada")));
}

#[test]
fn what_is_heard_at_the_very_deadline_is_a_sign_of_life() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.now = w.now + secs(60);
    w.text(conn, r#"{"t":"ping"}"#);
    let ServerMessage::Pong(_) = w.hear(conn) else { panic!() };
    assert!(w.closed.is_empty());
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_may_come_back() {
    let mut w = World::new();
    let conn = w.identified("ada");
    w.input(Input::TooSlow { conn });
    w.closing(conn, CloseReason::TooSlow, true);
    let (_, snapshot) = w.resume_visitor(conn);
    assert_eq!(snapshot.visitor, Some(visitor_id("ada")));
    w.input(Input::TooSlow { conn });
    w.input(Input::Closed { conn });
    assert_eq!(w.hub.stats().connections, 1, "inputs about a forgotten connection change nothing");
}

#[test]
fn resume_with_the_secret_takes_up_the_place_and_tells_how_things_stand() {
    let mut w = World::new();
    let visitor = w.online("ada");
    w.drop_conn(visitor);
    let (visitor, snapshot) = w.resume_visitor(visitor);
    let presence = snapshot.presence.unwrap();
    assert!(presence.focused);
    assert_eq!(
        snapshot,
        Snapshot {
            seen: Some(RequestId::new(2)),
            answered: Some(Answered { re: RequestId::new(2), refused: None }),
            visitor: Some(visitor_id("ada")),
            presence: Some(presence),
            ..Snapshot::default()
        }
    );
    w.connect_presence(visitor);
    assert_eq!(w.refused(visitor), RefusalCode::IllegalOrder);
    let (_, snapshot) = w.resume_visitor(visitor);
    let refused = Some(RefusalCode::IllegalOrder);
    assert_eq!(snapshot.answered, Some(Answered { re: RequestId::new(3), refused }));
}

#[test]
fn resume_without_the_secret_is_refused_and_hello_may_follow() {
    let mut w = World::new();
    let visitor = w.identified("ada");
    let other = w.identified("eve");
    let secret = w.secret(visitor);
    let others = w.secret(other);
    // The place of one with the secret of another.
    let (place, _) = secret.expose_secret().split_once('.').unwrap();
    let (_, drawn) = others.expose_secret().split_once('.').unwrap();
    for guess in [format!("{place}.{drawn}"), place.to_owned(), "x".to_owned(), "1.2.3".to_owned()]
    {
        let conn = w.open();
        let secret = ResumeSecret::new(guess).unwrap();
        w.say(conn, Resume { re: RequestId::new(0), version: 1, group: group(GROUP), secret });
        assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
        assert!(!w.closed.contains_key(&conn));
        w.say(conn, w.hello(GROUP));
        let ServerMessage::Welcome(_) = w.hear(conn) else { panic!() };
    }
    assert!(!w.closed.contains_key(&visitor), "nobody was superseded");
}

#[test]
fn resume_in_another_group_is_refused_whatever_the_secret() {
    let mut w = World::new();
    let visitor = w.anonymous();
    let agent = w.agent("grace");
    for secret in [w.secret(visitor), w.secret(agent)] {
        let conn = w.open();
        let re = RequestId::new(0);
        w.say(conn, Resume { re, version: 1, group: group(OTHER_GROUP), secret });
        assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
    }
}

#[test]
fn a_resume_closes_the_connection_that_had_the_place() {
    let mut w = World::new();
    let old = w.anonymous();
    let (new, _) = w.resume_visitor(old);
    w.closing(old, CloseReason::Superseded, false);
    w.input(Input::Closed { conn: old });
    w.identify(new, "ada");
    let ServerMessage::Identified(_) = w.hear(new) else { panic!() };
    let old = w.agent("grace");
    let (new, _) = w.resume_agent(old);
    w.closing(old, CloseReason::Superseded, false);
    w.watch(new, None);
    let AgentNotice::Roster(_) = w.notice(new) else { panic!() };
}

#[test]
fn a_place_is_gone_when_the_grace_is_over() {
    let mut w = World::new();
    let visitor = w.identified("ada");
    w.drop_conn(visitor);
    w.pass(secs(29));
    let (visitor, _) = w.resume_visitor(visitor);
    w.drop_conn(visitor);
    w.pass(secs(30));
    let conn = w.open();
    let secret = w.secret(visitor);
    w.say(conn, Resume { re: RequestId::new(0), version: 1, group: group(GROUP), secret });
    assert_eq!(w.refused(conn), RefusalCode::ResumeFailed);
    assert_eq!(w.hub.stats().visitors, 0);
}

#[test]
fn an_agent_who_resumes_is_told_how_things_stand_and_who_is_online() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let agent = w.watcher("grace");
    let ask = w.shown(agent, visitor, "ada");
    w.notices(agent);
    w.drop_conn(agent);
    w.pass(secs(20));
    let (agent, snapshot) = w.resume_agent(agent);
    let facts = snapshot.ask.unwrap();
    assert_eq!((facts.ask, facts.displayed, facts.expires_ms), (ask, true, 40_000));
    assert_eq!(snapshot.seen, Some(RequestId::new(2)));
    let answered = Answered { re: RequestId::new(2), refused: None };
    assert_eq!(snapshot.answered, Some(answered));
    let AgentNotice::Roster(roster) = w.notice(agent) else { panic!() };
    assert_eq!((roster.re, roster.first, roster.more), (None, true, false));
    assert!(roster.visitors[0].busy);
}

#[test]
fn nothing_is_left_after_the_last_grace() {
    let mut w = World::new();
    let visitor = w.online("ada");
    let busy = w.online("bob");
    let shared = w.online("cy");
    let (agent, joiner) = (w.watcher("grace"), w.watcher("joan"));
    w.asked(agent, busy, "bob");
    let (_, _, key) = w.share(shared);
    w.join(joiner, key);
    w.move_app(visitor, AppState::Background);
    for conn in [visitor, busy, shared, agent, joiner] {
        w.drop_conn(conn);
    }
    let stats = w.hub.stats();
    assert_eq!((stats.connections, stats.visitors, stats.agents), (0, 3, 2));
    w.pass(secs(30));
    let stats = w.hub.stats();
    assert_eq!((stats.visitors, stats.agents, stats.asks, stats.sessions), (1, 0, 0, 0));
    w.pass(secs(270));
    let stats = w.hub.stats();
    let gauges = [stats.visitors, stats.visitors_online, stats.keys, stats.deadlines];
    assert_eq!(gauges, [0; 4]);
    assert_eq!(w.wake_at, None);
}

#[test]
fn a_connection_opened_twice_is_one_connection() {
    let mut w = World::new();
    let conn = w.anonymous();
    w.input(Input::Opened { conn, caller: Caller::default() });
    w.identify(conn, "ada");
    let ServerMessage::Identified(_) = w.hear(conn) else { panic!() };
}
