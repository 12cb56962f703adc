//! One rule of the engine after the other.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

mod common;

use std::time::Duration;

use coview_lifecycle::Connectivity;
use coview_lifecycle::LinkClosed;
use coview_proto::AgentConfig;
use coview_proto::AgentEngine;
use coview_proto::AgentRole;
use coview_proto::Ended;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::OUTBOX_LIMIT;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_proto::Output;
use coview_proto::ProtocolError;
use coview_proto::VisitorConfig;
use coview_proto::VisitorEngine;
use coview_proto::VisitorRole;
use coview_proto::WINDOW;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentToken;
use coview_wire::AppState;
use coview_wire::Bye;
use coview_wire::ClientMessage;
use coview_wire::ClientToken;
use coview_wire::CloseReason;
use coview_wire::EndReason;
use coview_wire::GroupId;
use coview_wire::Leave;
use coview_wire::LogOut;
use coview_wire::Message;
use coview_wire::Moment;
use coview_wire::Picture;
use coview_wire::PictureRelay;
use coview_wire::Ping;
use coview_wire::PresenceDisconnect;
use coview_wire::RefusalCode;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::Unwatch;
use coview_wire::ViewerEvent;
use coview_wire::ViewerId;
use coview_wire::ViewerNotice;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;
use coview_wire::VisitorId;
use coview_wire::Watch;

use self::common::*;

fn closed<R: coview_proto::Role>(outputs: &[Output<R>]) -> Option<Ended> {
    outputs.iter().find_map(|output| match output {
        Output::Closed(ended) => Some(ended.clone()),
        Output::Open
        | Output::Send(_)
        | Output::SendBinary(_)
        | Output::Close
        | Output::Ready(_)
        | Output::Hear(_)
        | Output::HearBinary(_)
        | Output::Connectivity(_)
        | Output::Idle { .. } => None,
    })
}

fn heard<R: coview_proto::Role>(outputs: &[Output<R>]) -> Vec<String> {
    let mut heard = Vec::new();
    for output in outputs {
        if let Output::Hear(message) = output {
            heard.push(message.encode());
        }
    }
    heard
}

const SNAPSHOT_ONLINE: &str = r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42","presence":{"presence":7,"focused":true}}}"#;

// ---------------------------------------------------------------- before the first reply

#[test]
fn before_ready_every_failure_is_final_and_typed() {
    let greeted = |text: &str| {
        let mut visitor = visitor();
        visitor.give(Input::Start);
        visitor.give(Input::Opened);
        closed(&visitor.text(text))
    };
    let table = [
        (r#"{"t":"refused","re":0,"code":"bad_token"}"#, Ended::Refused(RefusalCode::BadToken)),
        (
            r#"{"t":"refused","re":0,"code":"version_unsupported"}"#,
            Ended::Refused(RefusalCode::VersionUnsupported),
        ),
        (
            r#"{"t":"refused","re":0,"code":"shutting_down"}"#,
            Ended::Refused(RefusalCode::ShuttingDown),
        ),
        (r#"{"t":"problem","code":"malformed"}"#, Ended::Refused(RefusalCode::Malformed)),
        (
            r#"{"t":"closing","reason":"shutdown","retry":true}"#,
            Ended::Server(CloseReason::Shutdown),
        ),
        (r#"{"t":"closing","reason":"policy","retry":false}"#, Ended::Server(CloseReason::Policy)),
        (
            r#"{"t":"session_ended","start":1,"session":1,"reason":"agent"}"#,
            Ended::Protocol(ProtocolError::Unexpected("session_ended")),
        ),
    ];
    for (text, ended) in table {
        assert_eq!(greeted(text), Some(ended), "{text}");
    }
    let ended = greeted("220 mail.example.org ESMTP").unwrap();
    assert!(matches!(ended, Ended::Protocol(ProtocolError::Undecodable(_))), "{ended:?}");
    assert_eq!(greeted(r#"{"t":"of a later version"}"#), None);
}

#[test]
fn before_ready_a_transport_that_fails_is_unreachable() {
    let error = OpenError::new(OpenErrorKind::Name, "no such host");
    let mut other = visitor();
    other.give(Input::Start);
    let outputs = other.give(Input::OpenFailed(error.clone()));
    assert_eq!(outputs, [Output::Closed(Ended::Unreachable(error))]);

    let dropped = [Output::Closed(Ended::Unreachable(OpenError::new(OpenErrorKind::Dropped, "")))];
    let mut other = visitor();
    other.give(Input::Start);
    other.give(Input::Opened);
    assert_eq!(other.give(Input::Dropped), dropped);
}

#[test]
fn connect_never_hangs() {
    for opened in [false, true] {
        let mut visitor = visitor();
        visitor.give(Input::Start);
        visitor.secs(9);
        if opened {
            visitor.give(Input::Opened);
            visitor.give(Input::Binary(&[1]));
        }
        let outputs = visitor.wake_for("the first reply is due");
        assert_eq!(outputs, [Output::Close, Output::Closed(Ended::NoAnswer)]);
        assert_eq!(visitor.now, Moment::new(Duration::from_secs(10)));
    }
}

#[test]
fn what_is_said_before_ready_is_said_after_it() {
    let mut visitor = visitor();
    visitor.say(identify(1, "customer-42"));
    visitor.give(Input::Start);
    visitor.say(connect(2, "/cart"));
    assert_eq!(sent(&visitor.give(Input::Opened)), ["hello 0"]);
    assert_eq!(sent(&visitor.text(&welcome("s"))), ["identify 1", "presence_connect 2"]);
}

// ---------------------------------------------------------------- signs of life

#[test]
fn a_ping_is_said_when_nothing_else_was() {
    let mut visitor = visitor();
    visitor.go_online();
    assert_eq!(sent(&visitor.wake_for("a ping is due")), ["ping"]);
    visitor.secs(15).text(r#"{"t":"pong","seen":2}"#);
    assert_eq!(visitor.wake_at.unwrap().at, Moment::new(Duration::from_secs(40)));
    visitor.say(update(3, "page", "/pay"));
    assert_eq!(
        visitor.wake_at.unwrap().at,
        Moment::new(Duration::from_secs(40)),
        "what is not acknowledged does not put off the ping",
    );
    visitor.wake();
    visitor.secs(1).text(r#"{"t":"pong","seen":3}"#);
    visitor.secs(9).text(r#"{"t":"presence_focus","presence":7,"focused":false}"#);
    assert_eq!(visitor.wake_at.unwrap().at, Moment::new(Duration::from_secs(60)));
}

#[test]
fn an_app_that_never_stops_talking_still_notices_silence() {
    let mut visitor = visitor();
    visitor.go_online();
    for number in 3..40 {
        visitor.secs(1);
        let outputs = visitor.say(update(number, "page", "/pay"));
        assert_eq!(closed(&outputs), None);
        visitor.give(Input::Timeout);
    }
    let outputs = visitor.wake_for("nothing was heard for too long");
    assert_eq!(outputs, [Output::Close, Output::Connectivity(Connectivity::Reconnecting)]);
    assert_eq!(visitor.now, Moment::new(Duration::from_secs(40)));
}

#[test]
fn every_message_is_a_sign_of_life_even_one_that_cannot_be_read() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.secs(39).text(r#"{"t":"of a later version"}"#);
    visitor.give(Input::Timeout);
    visitor.secs(39).text("{");
    visitor.give(Input::Timeout);
    visitor.secs(39).give(Input::Binary(&[0, 1]));
    let outputs = visitor.give(Input::Timeout);
    assert_eq!(sent(&outputs), ["ping"]);
    assert_eq!(visitor.engine.stats().undecodable, 2);
}

#[test]
fn a_policy_of_nothing_is_no_busy_loop() {
    let mut visitor = visitor();
    visitor.give(Input::Start);
    visitor.give(Input::Opened);
    let nothing = r#"{"heartbeat_ms":0,"missed_heartbeats":0,"first_reply_ms":0,"resume_grace_ms":0,"background_lease_ms":0}"#;
    visitor.text(&welcome("s").replace(TIMING, nothing));
    for _ in 0..100 {
        // The driver checks that a deadline that was met is followed by a later one.
        visitor.wake();
    }
}

// ---------------------------------------------------------------- coming back

#[test]
fn waits_double_and_a_lasting_connection_earns_a_fresh_start() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.secs(1).give(Input::Dropped);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let before = visitor.now;
        visitor.wake_for("the wait before reconnecting is over");
        waits.push(visitor.now.since(before).as_millis());
        visitor.open_failed();
    }
    let grace = 30_000;
    let ceilings = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000];
    let mut over = 0;
    for (wait, ceiling) in waits.iter().zip(ceilings) {
        let left = u128::saturating_sub(grace, over);
        let ceiling = if left == 0 { ceiling } else { ceiling.min(u128::max(1000, left / 2)) };
        assert!((ceiling / 2..=ceiling).contains(wait), "{waits:?}");
        over += wait;
    }

    let mut resumed = |lived: u64| {
        visitor.wake();
        visitor.give(Input::Opened);
        visitor.text(r#"{"t":"resumed","re":0,"snapshot":{}}"#);
        visitor.secs(lived).give(Input::Dropped);
        visitor.wake_at.unwrap().at.since(visitor.now)
    };
    let quarter_of_grace = Duration::from_millis(7500);
    assert!(resumed(1) >= quarter_of_grace, "a connection that breaks at once");
    assert!(resumed(31) <= Duration::from_millis(500), "a connection that lasted");
}

#[test]
fn a_network_that_is_back_within_the_grace_is_noticed_within_it() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.secs(1).give(Input::Dropped);
    let lost_at = visitor.now;
    let grace = Duration::from_secs(30);
    let mut gap = Duration::ZERO;
    while visitor.now.since(lost_at) < grace {
        let before = visitor.now;
        visitor.wake_for("the wait before reconnecting is over");
        visitor.open_failed();
        gap = visitor.now.since(before);
    }
    assert!(gap <= Duration::from_secs(1), "the last try within the grace came too early: {gap:?}");
}

#[test]
fn a_reconnect_that_is_not_answered_is_tried_again() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    assert_eq!(visitor.wake_for("the first reply is due"), [Output::Close]);
    visitor.wake_for("the wait before reconnecting is over");
    visitor.give(Input::Opened);
    let outputs = visitor.text(r#"{"t":"refused","re":0,"code":"shutting_down"}"#);
    assert_eq!(outputs, [Output::Close]);
    visitor.wake_for("the wait before reconnecting is over");
}

#[test]
fn a_server_that_is_full_is_tried_again_by_a_client_that_was_there_before() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(r#"{"t":"refused","re":0,"code":"resume_failed"}"#);
    let outputs = visitor.text(r#"{"t":"refused","re":0,"code":"limit_exceeded"}"#);
    assert_eq!(outputs, [Output::Close]);
    visitor.wake_for("the wait before reconnecting is over");
}

#[test]
fn what_the_server_says_for_good_is_final() {
    let table = [
        (
            r#"{"t":"closing","reason":"superseded","retry":false}"#,
            Ended::Server(CloseReason::Superseded),
        ),
        (r#"{"t":"refused","re":0,"code":"bad_token"}"#, Ended::Refused(RefusalCode::BadToken)),
    ];
    for (text, ended) in table {
        let mut visitor = visitor();
        visitor.connect();
        visitor.give(Input::Dropped);
        visitor.wake();
        visitor.give(Input::Opened);
        assert_eq!(visitor.text(text), [Output::Close, Output::Closed(ended)]);
    }
}

#[test]
fn a_closing_that_invites_back_is_a_break() {
    let mut visitor = visitor();
    visitor.connect();
    let outputs = visitor.text(r#"{"t":"closing","reason":"too_slow","retry":true}"#);
    assert_eq!(outputs, [Output::Close, Output::Connectivity(Connectivity::Reconnecting)]);
    visitor.wake();
    assert_eq!(sent(&visitor.give(Input::Opened)), ["resume 0"]);
}

#[test]
fn a_server_that_shut_down_is_not_asked_to_resume() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    visitor.wake();
    assert_eq!(sent(&visitor.give(Input::Opened)), ["hello 0"]);
}

/// A place that was left behind half restored would be online without anybody in it.
#[test]
fn a_break_while_restoring_resumes_the_new_place_and_goes_on() {
    let mut visitor = visitor();
    visitor.share();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    assert_eq!(sent(&visitor.text(&welcome("secret-2"))), ["identify 0"]);
    visitor.give(Input::Dropped);
    visitor.wake();
    let resume = r#"{"t":"resume","re":0,"version":1,"group":"12345","secret":"secret-2"}"#;
    assert_eq!(visitor.give(Input::Opened), [Output::Send(resume.to_owned())]);
    let identified = r#"{"t":"resumed","re":0,"snapshot":{"visitor":"customer-42"}}"#;
    assert_eq!(sent(&visitor.text(identified)), ["identify 0"], "to say it twice does no harm");
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    assert_eq!(visitor.wake_for("the reply to what is restored is due"), [Output::Close]);
    visitor.wake();
    visitor.give(Input::Opened);
    let outputs = visitor.text(
        r#"{"t":"resumed","re":0,"snapshot":{"visitor":"customer-42","presence":{"presence":8,"focused":true},"ask":{"ask":5,"agent":{"agent":"grace","name":"Grace"},"terms":{"version":"1","text":"You are seen."},"expires_ms":60000}}}"#,
    );
    assert_eq!(
        heard(&outputs),
        [
            r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42","presence":{"presence":8,"focused":true},"ended":{"start":1,"session":9,"reason":"visitor_lost"}}}"#,
            r#"{"t":"terms_requested","ask":5,"agent":{"agent":"grace","name":"Grace"},"terms":{"version":"1","text":"You are seen."},"expires_ms":60000}"#,
        ],
    );
    let stats = visitor.engine.stats();
    assert_eq!((stats.opened, stats.resumed, stats.restored), (4, 0, 1));
}

/// The half restored place may be gone as well.
#[test]
fn a_half_restored_place_that_is_gone_is_begun_anew() {
    let mut visitor = visitor();
    visitor.share();
    visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    visitor.wake();
    assert_eq!(sent(&visitor.give(Input::Opened)), ["hello 0"]);
    visitor.text(&welcome("secret-2"));
    visitor.give(Input::Dropped);
    visitor.wake();
    assert_eq!(sent(&visitor.give(Input::Opened)), ["resume 0"]);
    assert_eq!(sent(&visitor.text(RESUME_FAILED)), ["hello 0"]);
    visitor.text(&welcome("secret-3"));
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    let outputs = visitor.text(r#"{"t":"presence_connected","re":0,"presence":8,"focused":true}"#);
    let told = heard(&outputs).concat();
    assert!(told.contains(r#""reason":"shutdown""#), "the first cause is told: {told}");
}

#[test]
fn once_restored_the_new_place_is_resumed() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    visitor.text(&welcome("secret-2"));
    visitor.give(Input::Dropped);
    visitor.wake();
    let outputs = visitor.give(Input::Opened);
    let resume = r#"{"t":"resume","re":0,"version":1,"group":"12345","secret":"secret-2"}"#;
    assert_eq!(outputs, [Output::Send(resume.to_owned())]);
    let stats = visitor.engine.stats();
    assert_eq!((stats.opened, stats.resumed, stats.restored), (3, 0, 1));
}

#[test]
fn what_the_visitor_ended_is_not_told_as_lost() {
    let mut visitor = visitor();
    visitor.share();
    visitor.say(end(4, 1));
    visitor.text(r#"{"t":"pong","seen":4}"#);
    visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(&welcome("secret-2"));
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    let outputs = visitor.text(r#"{"t":"presence_connected","re":0,"presence":8,"focused":true}"#);
    assert_eq!(
        heard(&outputs),
        [
            r#"{"t":"resumed","re":0,"snapshot":{"seen":4,"visitor":"customer-42","presence":{"presence":8,"focused":true}}}"#
        ],
    );
}

#[test]
fn a_visitor_who_may_not_be_known_again_is_closed() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    visitor.text(&welcome("secret-2"));
    let outputs = visitor.text(r#"{"t":"refused","re":0,"code":"limit_exceeded"}"#);
    let ended = Ended::Refused(RefusalCode::LimitExceeded);
    assert_eq!(outputs, [Output::Close, Output::Closed(ended)]);
}

/// What a server that has forgotten the visitor is told, after these messages and their answers.
fn restored(exchange: &[(ClientMessage, Option<&str>)]) -> Vec<String> {
    restored_of(visitor(), exchange)
}

fn restored_of(
    mut visitor: Driver<VisitorRole>,
    exchange: &[(ClientMessage, Option<&str>)],
) -> Vec<String> {
    visitor.go_online();
    let mut last = 2;
    for (message, answer) in exchange {
        last += 1;
        visitor.say(message.clone());
        if let Some(answer) = answer {
            visitor.text(answer);
        }
    }
    visitor.text(&format!(r#"{{"t":"pong","seen":{last}}}"#));
    visitor.give(Input::Dropped);
    visitor.secs(300).give(Input::Timeout);
    visitor.give(Input::Opened);
    let mut told = Vec::new();
    for text in [
        RESUME_FAILED,
        &welcome("secret-2"),
        r#"{"t":"identified","re":0,"visitor":"customer-42"}"#,
        r#"{"t":"presence_connected","re":0,"presence":8,"focused":true}"#,
    ] {
        for output in visitor.text(text) {
            if let Output::Send(text) = output {
                told.push(text);
            }
        }
    }
    told
}

#[test]
fn the_base_follows_what_was_acted_on() {
    const HELLO: &str = r#"{"t":"hello","re":0,"version":1,"group":"12345","app":"active"}"#;
    const IDENTIFY: &str = r#"{"t":"identify","re":0,"visitor":"customer-42"}"#;
    const CART: &str = r#"{"t":"presence_connect","re":0,"data":{"page":"/cart"}}"#;
    let problem = r#"{"t":"problem","re":3,"code":"limit_exceeded"}"#;
    let lost = r#"{"t":"presence_lost","presence":7,"reason":"policy"}"#;
    let stale = r#"{"t":"presence_lost","presence":6,"reason":"policy"}"#;
    let already = r#"{"t":"refused","re":3,"code":"already_identified"}"#;
    let offline = || ClientMessage::from(PresenceDisconnect { re: re(3) });

    assert_eq!(restored(&[]), [HELLO, IDENTIFY, CART]);
    assert_eq!(
        restored(&[(update(3, "step", "1"), None), (update(4, "page", "/pay"), None)]),
        [HELLO, IDENTIFY, r#"{"t":"presence_connect","re":0,"data":{"page":"/pay","step":"1"}}"#],
    );
    assert_eq!(restored(&[(update(3, "step", "1"), Some(problem))]), [HELLO, IDENTIFY, CART]);
    assert_eq!(restored(&[(identify(3, "other"), Some(already))]), [HELLO, IDENTIFY, CART]);
    assert_eq!(restored(&[(update(3, "page", "/cart"), Some(stale))]), [HELLO, IDENTIFY, CART]);
    assert_eq!(restored(&[(update(3, "page", "/pay"), Some(lost))]), [HELLO, IDENTIFY]);
    assert_eq!(restored(&[(offline(), None)]), [HELLO, IDENTIFY]);
    assert_eq!(restored(&[(offline(), None), (LogOut { re: re(4) }.into(), None)]), [HELLO]);
}

/// A server that takes a withdrawal for an illegal order has something else in mind than the app;
/// what the app is past never comes back by itself.
#[test]
fn what_was_taken_back_is_not_restored_though_the_server_refused() {
    let no = |number: u64| format!(r#"{{"t":"problem","re":{number},"code":"illegal_order"}}"#);
    let offline = || ClientMessage::from(PresenceDisconnect { re: re(3) });
    let told = restored(&[(offline(), Some(&no(3)))]);
    assert_eq!(told.len(), 2, "hello and identify: {told:?}");
    let log_out = LogOut { re: re(4) }.into();
    let told = restored(&[(offline(), Some(&no(3))), (log_out, Some(&no(4)))]);
    assert_eq!(told.len(), 1, "hello: {told:?}");

    let mut agent = agent();
    agent.connect();
    agent.give(Input::Say(watch(1, None)));
    agent.text(r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#);
    agent.give(Input::Say(Unwatch { re: re(2) }.into()));
    agent.text(&no(2));
    agent.give(Input::Dropped);
    assert!(agent_restored(&mut agent).0.last().unwrap().contains("sign_in"));

    let mut left = viewing();
    left.give(Input::Say(Leave { re: re(2), session: Some(SESSION) }.into()));
    left.text(&no(2));
    left.give(Input::Dropped);
    assert_eq!(view_ended(&agent_restored(&mut left).1), None);

    let mut stays = viewing();
    stays.give(Input::Say(coview_wire::EndSession { re: re(2), session: SESSION }.into()));
    stays.text(r#"{"t":"problem","re":2,"code":"not_allowed"}"#);
    stays.give(Input::Dropped);
    assert_eq!(view_ended(&agent_restored(&mut stays).1), Some(EndReason::AgentLost));
}

/// TCP brings nothing twice; something between that makes one message of another does.
#[test]
fn an_answer_that_comes_twice_changes_nothing_of_what_came_after_it() {
    let offline = |number| ClientMessage::from(PresenceDisconnect { re: re(number) });
    let log_out = |number| ClientMessage::from(LogOut { re: re(number) });
    let identified = r#"{"t":"identified","re":1,"visitor":"customer-42"}"#;
    let online = r#"{"t":"presence_connected","re":2,"presence":7,"focused":true}"#;
    let told = restored(&[(offline(3), None), (log_out(4), Some(identified))]);
    assert_eq!(told.len(), 1, "hello: {told:?}");
    let told = restored(&[(offline(3), Some(online))]);
    assert_eq!(told.len(), 2, "hello and identify: {told:?}");

    let mut visitor = visitor();
    visitor.share();
    assert!(visitor_passes(&mut visitor));
    visitor.say(end(4, 1));
    visitor.text(r#"{"t":"pong","seen":4}"#);
    visitor.text(r#"{"t":"session_connected","re":3,"start":1,"session":9}"#);
    assert!(!visitor_passes(&mut visitor), "the session is over");
}

#[test]
fn whoever_logs_out_takes_the_profile_along() {
    let visitor = || {
        let mut config = VisitorConfig::new(GroupId::new("12345").unwrap());
        config.profile = coview_wire::Profile::new().with_name("Ada").unwrap();
        Driver::new(VisitorEngine::new(config, 1))
    };
    let offline = || ClientMessage::from(PresenceDisconnect { re: re(3) });
    assert!(restored_of(visitor(), &[(offline(), None)])[0].contains("Ada"));
    let log_out = LogOut { re: re(4) }.into();
    let told = restored_of(visitor(), &[(offline(), None), (log_out, None)]);
    assert!(!told[0].contains("Ada"), "{told:?}");
}

#[test]
fn the_app_state_of_the_base_is_in_hello() {
    let mut visitor = visitor();
    visitor.share();
    visitor.say(moved(4, AppState::Background));
    visitor.text(r#"{"t":"pong","seen":4}"#);
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    let outputs = visitor.text(RESUME_FAILED);
    let Output::Send(hello) = &outputs[0] else { panic!("{outputs:?}") };
    assert!(hello.contains(r#""app":"background""#), "{hello}");
}

#[test]
fn a_resumed_snapshot_corrects_the_base() {
    let mut visitor = visitor();
    visitor.share();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42"}}"#);
    visitor.give(Input::Dropped);
    visitor.secs(60).give(Input::Timeout);
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    visitor.text(&welcome("secret-2"));
    let outputs = visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    assert_eq!(
        heard(&outputs),
        [r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42"}}"#],
        "presence and session had ended before",
    );
}

#[test]
fn a_request_refused_while_away_leaves_no_trace_in_the_base() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.say(identify(1, "customer-42"));
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    let outputs = visitor.text(
        r#"{"t":"resumed","re":0,"snapshot":{"seen":1,"answered":{"re":1,"refused":"limit_exceeded"}}}"#,
    );
    assert_eq!(sent(&outputs), [""; 0]);
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    let outputs = visitor.text(&welcome("secret-2"));
    assert_eq!(heard(&outputs), [r#"{"t":"resumed","re":0,"snapshot":{"seen":1}}"#]);
}

#[test]
fn replies_to_the_engine_itself_are_not_passed_up() {
    let mut visitor = visitor();
    visitor.go_online();
    for text in [
        r#"{"t":"identified","re":0,"visitor":"customer-42"}"#,
        r#"{"t":"refused","re":0,"code":"illegal_order"}"#,
        r#"{"t":"problem","re":0,"code":"illegal_order"}"#,
        r#"{"t":"pong","seen":2}"#,
        &welcome("again"),
    ] {
        assert_eq!(visitor.text(text), [], "{text}");
    }
    assert_eq!(heard(&visitor.text(r#"{"t":"problem","code":"malformed"}"#)).len(), 1);
}

// ---------------------------------------------------------------- the outbox

#[test]
fn what_waits_is_taken_together() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.give(Input::Dropped);
    visitor.say(update(3, "page", "/a"));
    visitor.say(moved(4, AppState::Background));
    visitor.say(start(5, 1));
    visitor.say(update(6, "step", "1"));
    visitor.say(moved(7, AppState::Active));
    visitor.say(PresenceDisconnect { re: re(8) });
    visitor.say(connect(9, "/b"));
    visitor.say(update(10, "page", "/c"));
    visitor.wake();
    visitor.give(Input::Opened);
    let outputs = visitor.text(SNAPSHOT_ONLINE.replace(r#""seen":3"#, r#""seen":2"#).as_str());
    assert_eq!(
        sent(&outputs),
        [
            "session_start 5",
            "presence_update 6",
            "app_moved 7",
            "presence_disconnect 8",
            "presence_connect 9",
            "presence_update 10",
        ],
    );
}

#[test]
fn what_was_said_once_is_not_changed_any_more() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.say(update(3, "page", "/a"));
    visitor.say(moved(4, AppState::Background));
    visitor.say(moved(5, AppState::Active));
    visitor.give(Input::Dropped);
    visitor.say(update(6, "page", "/b"));
    visitor.say(moved(7, AppState::Background));
    visitor.wake();
    visitor.give(Input::Opened);
    assert_eq!(
        sent(&visitor.text(SNAPSHOT_ONLINE)),
        ["app_moved 4", "app_moved 5", "presence_update 6", "app_moved 7"],
    );
}

#[test]
fn a_burst_waits_for_the_window() {
    let mut visitor = visitor();
    visitor.go_online();
    let mut said = Vec::new();
    for number in 0..100 {
        said.extend(sent(&visitor.say(update(3 + number, "page", &number.to_string()))));
    }
    assert_eq!(said.len(), WINDOW + 1);
    assert_eq!(said.last().unwrap(), "ping");
    let outputs = visitor.text(&format!(r#"{{"t":"pong","seen":{}}}"#, WINDOW + 2));
    assert_eq!(sent(&outputs), ["presence_update 102"], "the others were taken up by the last");
}

#[test]
fn the_outbox_is_bounded() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.give(Input::Dropped);
    let limit = u64::try_from(OUTBOX_LIMIT).unwrap();
    for number in 1..=limit {
        assert_eq!(closed(&visitor.say(end(number, number))), None);
    }
    let outputs = visitor.say(end(limit + 1, 1));
    assert_eq!(outputs, [Output::Closed(Ended::Backlog)]);
}

#[test]
fn a_server_cannot_have_seen_what_was_never_said() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.give(Input::Dropped);
    visitor.say(start(3, 1));
    visitor.wake();
    visitor.give(Input::Opened);
    assert_eq!(sent(&visitor.text(SNAPSHOT_ONLINE)), ["session_start 3"]);
}

#[test]
fn misuse_is_counted_and_not_said() {
    let mut visitor = visitor();
    visitor.go_online();
    assert_eq!(visitor.say(Ping {}), []);
    assert_eq!(visitor.say(identify(2, "again")), []);
    assert_eq!(visitor.say(identify(0, "none")), []);
    assert_eq!(visitor.engine.stats().misused, 3);
}

// ---------------------------------------------------------------- background

fn online_in_background() -> Driver<VisitorRole> {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.say(moved(3, AppState::Background));
    visitor
}

const LEASE: &str = "the presence lease is to be renewed";
const BACKOFF: &str = "the wait before reconnecting is over";

#[test]
fn rests_only_in_the_background_with_nothing_shared() {
    let mut active = visitor();
    active.go_online();
    active.give(Input::Dropped);
    active.wake_for(BACKOFF);

    let mut background = online_in_background();
    let outputs = background.give(Input::Dropped);
    assert_eq!(outputs, [Output::Connectivity(Connectivity::Parked)]);
    background.wake_for(LEASE);

    let mut sharing = visitor();
    sharing.share();
    sharing.say(moved(4, AppState::Background));
    sharing.give(Input::Dropped);
    sharing.wake_for(BACKOFF);

    let mut starting = online_in_background();
    starting.say(start(4, 1));
    starting.give(Input::Dropped);
    starting.wake_for(BACKOFF);

    let mut ended = visitor();
    ended.share();
    ended.say(moved(4, AppState::Background));
    ended.say(end(5, 1));
    ended.give(Input::Dropped);
    ended.wake_for(LEASE);
}

#[test]
fn a_server_that_does_not_know_of_the_background_is_told_first() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.give(Input::Dropped);
    visitor.say(moved(3, AppState::Background));
    let grace_over = Moment::new(Duration::from_secs(30));
    while visitor.now < grace_over {
        visitor.wake_for(BACKOFF);
        visitor.open_failed();
    }
    visitor.wake_for(LEASE);
}

#[test]
fn the_foreground_or_a_start_ends_the_rest() {
    for message in [moved(5, AppState::Active), start(5, 1)] {
        let mut visitor = online_in_background();
        visitor.give(Input::Dropped);
        visitor.secs(1);
        assert_eq!(visitor.say(update(4, "page", "/pay")), []);
        visitor.give(Input::Timeout);
        assert_eq!(
            visitor.say(message),
            [Output::Connectivity(Connectivity::Reconnecting), Output::Open],
        );
    }
}

#[test]
fn a_renewal_that_fails_is_tried_again_before_the_lease_is_over() {
    let mut visitor = online_in_background();
    visitor.give(Input::Dropped);
    let mut tries = Vec::new();
    for _ in 0..6 {
        visitor.wake_for(LEASE);
        tries.push(visitor.now.since(Moment::ZERO).as_secs());
        visitor.open_failed();
    }
    assert_eq!(tries, [150, 225, 262, 292, 322, 472]);
}

// ---------------------------------------------------------------- the end

#[test]
fn leaving_says_goodbye_where_there_is_someone_to_hear_it() {
    let bye = |outputs: Vec<Output<VisitorRole>>| {
        outputs
            .iter()
            .map(|output| match output {
                Output::Send(text) => text.clone(),
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let said = [r#"{"t":"bye"}"#, "Close", "Closed(Left)"];

    assert_eq!(bye(visitor().give(Input::Leave)), ["Closed(Left)"]);

    let mut opening = visitor();
    opening.give(Input::Start);
    assert_eq!(bye(opening.give(Input::Leave)), ["Close", "Closed(Left)"]);

    let mut greeting = visitor();
    greeting.give(Input::Start);
    greeting.give(Input::Opened);
    assert_eq!(bye(greeting.give(Input::Leave)), said);

    let mut live = visitor();
    live.share();
    assert_eq!(bye(live.say(Bye {})), said);

    let mut waiting = visitor();
    waiting.share();
    waiting.give(Input::Dropped);
    assert_eq!(bye(waiting.give(Input::Leave)), ["Closed(Left)"]);

    let mut parked = online_in_background();
    parked.give(Input::Dropped);
    assert_eq!(bye(parked.give(Input::Leave)), ["Closed(Left)"]);
}

#[test]
fn nothing_follows_the_end() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.give(Input::Leave);
    for input in [
        Input::Start,
        Input::Opened,
        Input::Text(SNAPSHOT_ONLINE),
        Input::Binary(&[]),
        Input::Dropped,
        Input::Say(start(3, 1)),
        Input::Leave,
        Input::Timeout,
    ] {
        assert_eq!(visitor.give(input), []);
        assert_eq!(visitor.wake_at, None);
    }
}

#[test]
fn what_a_link_is_told() {
    let table = [
        (Ended::Left, LinkClosed::Left),
        (Ended::Refused(RefusalCode::BadToken), LinkClosed::Refused(RefusalCode::BadToken)),
        (Ended::Server(CloseReason::Policy), LinkClosed::Server(CloseReason::Policy)),
        (Ended::Backlog, LinkClosed::Refused(RefusalCode::LimitExceeded)),
        (Ended::NoAnswer, LinkClosed::Gone),
    ];
    for (ended, closed) in table {
        assert_eq!(LinkClosed::from(ended), closed);
    }
}

// ---------------------------------------------------------------- agents

fn watch(number: u64, visitor: Option<&str>) -> AgentMessage {
    let visitor = visitor.map(|visitor| VisitorId::new(visitor).unwrap());
    Watch { re: re(number), visitor }.into()
}

/// What an agent is told and tells when the server has forgotten it.
fn agent_restored(agent: &mut Driver<AgentRole>) -> (Vec<String>, Vec<AgentNotice>) {
    agent.secs(60).give(Input::Timeout);
    let mut outputs = agent.give(Input::Opened);
    if sent(&outputs) == ["resume 0"] {
        outputs.extend(agent.text(RESUME_FAILED));
    }
    outputs.extend(agent.text(&signed_in("secret-2")));
    outputs.extend(agent.text(r#"{"t":"roster","re":0,"first":true,"more":false,"visitors":[]}"#));
    let (mut told, mut heard) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Send(text) => told.push(text),
            Output::Hear(message) => heard.push(message),
            Output::Open
            | Output::SendBinary(_)
            | Output::Close
            | Output::Ready(_)
            | Output::HearBinary(_)
            | Output::Connectivity(_)
            | Output::Closed(_)
            | Output::Idle { .. } => {}
        }
    }
    (told, heard)
}

fn view_ended(heard: &[AgentNotice]) -> Option<EndReason> {
    let AgentNotice::Resumed(resumed) = &heard[0] else { panic!("{heard:?}") };
    resumed.snapshot.view_ended.map(|ended| ended.reason)
}

#[test]
fn an_agent_watches_again_what_it_watched() {
    let roster = r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#;
    let again = |messages: &[AgentMessage]| {
        let mut agent = agent();
        agent.connect();
        for message in messages {
            agent.give(Input::Say(message.clone()));
        }
        agent.text(roster);
        agent.text(r#"{"t":"pong","seen":9}"#);
        agent.give(Input::Dropped);
        let (told, heard) = agent_restored(&mut agent);
        assert!(matches!(heard[0], AgentNotice::Resumed(_)), "{heard:?}");
        told.last().unwrap().clone()
    };
    let unwatch = || AgentMessage::from(Unwatch { re: re(2) });
    assert_eq!(again(&[watch(1, None)]), r#"{"t":"watch","re":0}"#);
    assert_eq!(again(&[watch(1, Some("a"))]), r#"{"t":"watch","re":0,"visitor":"a"}"#);
    assert!(again(&[watch(1, None), unwatch()]).contains("sign_in"));
    assert!(again(&[]).contains("sign_in"));
}

#[test]
fn an_agent_that_may_not_watch_again_is_closed() {
    let mut agent = agent();
    agent.connect();
    agent.give(Input::Say(watch(1, None)));
    agent.text(r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#);
    agent.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    agent.wake();
    agent.give(Input::Opened);
    agent.text(&signed_in("secret-2"));
    let outputs = agent.text(r#"{"t":"refused","re":0,"code":"limit_exceeded"}"#);
    assert_eq!(closed(&outputs), Some(Ended::Refused(RefusalCode::LimitExceeded)));
}

#[test]
fn an_agent_is_told_that_its_view_ended() {
    let joined = r#"{"t":"joined","re":1,"session":9,"count":1,"guests":[]}"#;
    let viewing = || {
        let mut agent = agent();
        agent.connect();
        let key = coview_wire::SessionKey::parse("123456786").unwrap();
        agent.give(Input::Say(coview_wire::Join { re: re(1), key }.into()));
        agent.text(joined);
        agent
    };

    let mut lost = viewing();
    lost.give(Input::Dropped);
    assert_eq!(view_ended(&agent_restored(&mut lost).1), Some(EndReason::AgentLost));

    let mut shut_down = viewing();
    shut_down.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    assert_eq!(view_ended(&agent_restored(&mut shut_down).1), Some(EndReason::Shutdown));

    let mut told = viewing();
    told.text(r#"{"t":"session_ended","session":9,"reason":"visitor"}"#);
    told.give(Input::Dropped);
    assert_eq!(view_ended(&agent_restored(&mut told).1), None);

    let mut left = viewing();
    left.give(Input::Say(Leave { re: re(2), session: Some(SessionId::new(9)) }.into()));
    left.text(r#"{"t":"pong","seen":2}"#);
    left.give(Input::Dropped);
    assert_eq!(view_ended(&agent_restored(&mut left).1), None);

    let mut accepted = agent();
    accepted.connect();
    let visitor = VisitorId::new("a").unwrap();
    accepted.give(Input::Say(coview_wire::Ask { re: re(1), visitor }.into()));
    accepted.text(r#"{"t":"asked","re":1,"ask":5,"expires_ms":60000}"#);
    accepted.text(r#"{"t":"ask_ended","ask":5,"outcome":"accepted","session":9}"#);
    accepted.give(Input::Dropped);
    let (_, heard) = agent_restored(&mut accepted);
    assert_eq!(view_ended(&heard), Some(EndReason::AgentLost), "the session to come never came");
}

// ---------------------------------------------------------------- the picture

const SESSION: SessionId = SessionId::new(9);
const VIEWER: ViewerId = ViewerId::new(4);

fn picture(session: SessionId) -> Vec<u8> {
    Picture::encode(session, &[VIEWER], b"body")
}

fn notice(session: SessionId) -> Vec<u8> {
    ViewerNotice { session, viewer: VIEWER, event: ViewerEvent::Joined }.encode()
}

fn signal(session: SessionId) -> Vec<u8> {
    ViewerSignal { session, says: ViewerSays::Refresh }.encode()
}

fn relay(session: SessionId) -> Vec<u8> {
    PictureRelay::encode(session, b"body")
}

/// Whether what is said and what is heard of the picture passes; what does not is counted.
#[track_caller]
fn passes<R: coview_proto::Role>(
    driver: &mut Driver<R>,
    said: &[u8],
    heard: &[u8],
) -> (bool, bool) {
    let before = driver.engine.stats();
    let up = driver.give(Input::SayBinary(said.to_vec()));
    let dropped = driver.engine.stats().dropped - before.dropped;
    let down = driver.give(Input::Binary(heard));
    let unexpected = driver.engine.stats().unexpected - before.unexpected;
    let (up_passes, down_passes) = (!up.is_empty(), !down.is_empty());
    assert_eq!((up_passes, down_passes), (dropped == 0, unexpected == 0));
    if up_passes {
        assert_eq!(up, [Output::SendBinary(said.to_vec())]);
    }
    if down_passes {
        assert_eq!(down, [Output::HearBinary(heard.to_vec())]);
    }
    (up_passes, down_passes)
}

#[track_caller]
fn visitor_passes(visitor: &mut Driver<VisitorRole>) -> bool {
    let both = passes(visitor, &picture(SESSION), &notice(SESSION));
    assert_eq!(visitor.engine.picture_session().is_some() && live(visitor), both.0);
    assert_eq!(both.0, both.1);
    both.0
}

fn live<R: coview_proto::Role>(driver: &Driver<R>) -> bool {
    driver.engine.connectivity() == Connectivity::Connected
}

const ENDED: &str = r#"{"t":"session_ended","start":1,"session":9,"reason":"agent"}"#;

#[test]
fn pictures_pass_while_the_session_runs_and_no_longer() {
    let mut visitor = visitor();
    visitor.go_online();
    assert!(!visitor_passes(&mut visitor), "nothing is shared");
    visitor.say(start(3, 1));
    assert!(!visitor_passes(&mut visitor), "nothing is granted");
    visitor.text(r#"{"t":"session_connected","re":3,"start":1,"session":9,"key":"123456786"}"#);
    assert!(visitor_passes(&mut visitor));
    visitor.text(r#"{"t":"session_ended","start":1,"session":8,"reason":"agent"}"#);
    assert!(visitor_passes(&mut visitor), "another session ended");
    visitor.text(ENDED);
    assert!(!visitor_passes(&mut visitor));
}

#[test]
fn what_the_visitor_ends_is_over_as_soon_as_it_is_said() {
    for said in [end(4, 1), LogOut { re: re(4) }.into()] {
        let mut visitor = visitor();
        visitor.share();
        assert!(visitor_passes(&mut visitor));
        visitor.say(said);
        assert!(!visitor_passes(&mut visitor), "said, and not acted on");
        visitor.text(r#"{"t":"pong","seen":4}"#);
        assert!(!visitor_passes(&mut visitor), "acted on");
    }
    let mut other = visitor();
    other.share();
    other.say(end(4, 2));
    assert!(visitor_passes(&mut other), "another start was ended");
    other.say(update(5, "page", "/pay"));
    assert!(visitor_passes(&mut other));
    other.give(Input::Leave);
    assert_eq!(other.engine.picture_session(), None);
    assert_eq!(other.give(Input::SayBinary(picture(SESSION))), []);
}

#[test]
fn a_picture_is_never_kept_for_a_later_connection() {
    let mut visitor = visitor();
    visitor.share();
    visitor.give(Input::Dropped);
    for dropped in 1..=2 {
        assert_eq!(visitor.give(Input::SayBinary(picture(SESSION))), []);
        assert_eq!(visitor.engine.stats().dropped, dropped);
        if dropped == 1 {
            visitor.wake();
        }
    }
    visitor.give(Input::Opened);
    assert_eq!(passes(&mut visitor, &picture(SESSION), &notice(SESSION)), (false, false));
    let resumed = r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42","presence":{"presence":7,"focused":true},"session":{"start":1,"session":9,"key":"123456786","count":0,"guests":[]}}}"#;
    let outputs = visitor.text(resumed);
    assert!(outputs.iter().all(|output| !matches!(output, Output::SendBinary(_))));
    assert!(visitor_passes(&mut visitor));

    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(SNAPSHOT_ONLINE);
    assert!(!visitor_passes(&mut visitor), "it ended meanwhile");
}

#[test]
fn a_server_that_has_forgotten_the_session_gets_no_picture_of_it() {
    let mut visitor = visitor();
    visitor.share();
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    visitor.text(&welcome("secret-2"));
    assert_eq!(passes(&mut visitor, &picture(SESSION), &notice(SESSION)), (false, false));
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    visitor.text(r#"{"t":"presence_connected","re":0,"presence":8,"focused":true}"#);
    assert!(live(&visitor));
    assert!(!visitor_passes(&mut visitor));
}

#[test]
fn each_side_says_and_hears_its_own_messages_of_its_own_session() {
    let other = SessionId::new(8);
    let nonsense = vec![9; 40];
    let mut visitor = visitor();
    visitor.share();
    for said in [signal(SESSION), relay(SESSION), notice(SESSION), picture(other), nonsense.clone()]
    {
        assert_eq!(passes(&mut visitor, &said, &notice(SESSION)), (false, true), "{said:?}");
    }
    for heard in [relay(SESSION), picture(SESSION), signal(SESSION), notice(other), vec![]] {
        assert_eq!(passes(&mut visitor, &picture(SESSION), &heard), (true, false), "{heard:?}");
    }
    let mut agent = viewing();
    for said in [picture(SESSION), relay(SESSION), notice(SESSION), signal(other), nonsense] {
        assert_eq!(passes(&mut agent, &said, &relay(SESSION)), (false, true), "{said:?}");
    }
    for heard in [notice(SESSION), picture(SESSION), signal(SESSION), relay(other), vec![]] {
        assert_eq!(passes(&mut agent, &signal(SESSION), &heard), (true, false), "{heard:?}");
    }
}

/// An agent in session 9.
fn viewing() -> Driver<AgentRole> {
    let mut agent = agent();
    agent.connect();
    let key = coview_wire::SessionKey::parse("123456786").unwrap();
    agent.give(Input::Say(coview_wire::Join { re: re(1), key }.into()));
    agent.text(r#"{"t":"joined","re":1,"session":9,"count":1,"guests":[]}"#);
    agent
}

#[test]
fn an_agent_sees_what_it_is_in_and_nothing_it_has_left() {
    let both = |agent: &mut Driver<AgentRole>| passes(agent, &signal(SESSION), &relay(SESSION));
    let leave = |session| AgentMessage::from(Leave { re: re(2), session });
    let end = coview_wire::EndSession { re: re(2), session: SESSION };
    for said in [leave(Some(SESSION)), leave(None), end.into()] {
        let mut agent = viewing();
        assert_eq!(both(&mut agent), (true, true));
        agent.give(Input::Say(said));
        assert_eq!(both(&mut agent), (false, false));
        agent.text(r#"{"t":"pong","seen":2}"#);
        assert_eq!(both(&mut agent), (false, false));
    }
    let mut elsewhere = viewing();
    elsewhere.give(Input::Say(leave(Some(SessionId::new(8)))));
    assert_eq!(both(&mut elsewhere), (true, true));
    elsewhere.text(r#"{"t":"session_ended","session":9,"reason":"visitor"}"#);
    assert_eq!(both(&mut elsewhere), (false, false));

    let mut asking = agent();
    asking.connect();
    assert_eq!(both(&mut asking), (false, false));
}

#[test]
fn pictures_do_not_stand_for_signs_of_life_of_the_other_side() {
    let mut visitor = visitor();
    visitor.share();
    let ping_at = visitor.wake_at.unwrap().at;
    visitor.secs(15).give(Input::SayBinary(picture(SESSION)));
    assert_eq!(visitor.wake_at.unwrap().at, ping_at, "what is said does not put off the ping");
    assert_eq!(sent(&visitor.wake_for("a ping is due")), ["ping"]);
    visitor.secs(15).give(Input::Binary(&notice(SESSION)));
    assert_eq!(sent(&visitor.wake_for("a ping is due")), ["ping"]);
    assert!(live(&visitor), "what is heard is a sign of life");
}

#[test]
fn no_pixel_is_shown_by_debug() {
    for shown in [
        format!("{:?}", Input::<VisitorRole>::SayBinary(b"pixels".to_vec())),
        format!("{:?}", Input::<VisitorRole>::Binary(b"pixels")),
        format!("{:?}", Output::<VisitorRole>::SendBinary(b"pixels".to_vec())),
        format!("{:?}", Output::<VisitorRole>::HearBinary(b"pixels".to_vec())),
    ] {
        assert!(shown.ends_with("Binary(6 bytes)"), "{shown}");
    }
}

// ---------------------------------------------------------------- secrets and types

#[test]
fn no_debug_output_holds_a_secret() {
    let mut config = VisitorConfig::new(GroupId::new("12345").unwrap());
    config.token = Some(ClientToken::new("client-token").unwrap());
    config.profile = coview_wire::Profile::new().with_email("ada@example.org").unwrap();
    let mut shown = format!("{config:?}");
    let mut engine = VisitorEngine::new(config, 1);
    let mut give = |input: Input<'_, VisitorRole>| {
        shown += &format!("{input:?}");
        engine.handle_input(Moment::ZERO, input);
        loop {
            let output = engine.poll_output();
            shown += &format!("{output:?} {engine:?}");
            if matches!(output, Output::Idle { .. }) {
                break;
            }
        }
    };
    give(Input::Start);
    give(Input::Opened);
    give(Input::Text(&welcome("resume-secret")));
    give(Input::Say(start(1, 1)));
    let connected = r#"{"t":"session_connected","re":1,"start":1,"session":9,"key":"123456786"}"#;
    give(Input::Text(connected));
    give(Input::Dropped);
    for secret in ["client-token", "ada@", "resume-secret", "123456786"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }

    let config =
        AgentConfig::new(GroupId::new("12345").unwrap(), AgentToken::new("agent-token").unwrap());
    assert!(
        !format!("{config:?} {:?}", AgentEngine::new(config.clone(), 1)).contains("agent-token")
    );
}

#[test]
fn engines_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<Engine<VisitorRole>>();
    anywhere::<Engine<AgentRole>>();
    anywhere::<Output<VisitorRole>>();
    anywhere::<Output<AgentRole>>();
    anywhere::<Input<'static, VisitorRole>>();
    anywhere::<Ended>();
    // Every message there is can be put in.
    assert_eq!(ServerMessage::KINDS.len(), 17);
}
