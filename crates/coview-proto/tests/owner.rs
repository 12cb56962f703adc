//! What the owner of an engine sets and can ask for: times, counts and reasons.
#![allow(
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

mod common;

use std::time::Duration;

use coview_proto::AgentConfig;
use coview_proto::AgentRole;
use coview_proto::Backoff;
use coview_proto::Ended;
use coview_proto::Engine;
use coview_proto::Input;
use coview_proto::OpenError;
use coview_proto::OpenErrorKind;
use coview_proto::Output;
use coview_proto::ProtocolError;
use coview_proto::Role;
use coview_proto::Stats;
use coview_proto::VisitorConfig;
use coview_proto::VisitorRole;
use coview_wire::AgentToken;
use coview_wire::AskId;
use coview_wire::GroupId;
use coview_wire::ServerMessage;
use coview_wire::SessionId;
use coview_wire::TermsDeclined;
use coview_wire::TermsOver;
use coview_wire::ViewerSays;
use coview_wire::ViewerSignal;
use coview_wire::WithdrawReason;

use crate::common::*;

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(3), max: Duration::from_secs(5) };
const FIRST_REPLY: Duration = Duration::from_secs(4);

fn group() -> GroupId {
    GroupId::new("12345").unwrap()
}

/// A client with the times above keeps them: before the first reply and after a break.
#[track_caller]
fn keeps_its_times<R: Role>(engine: impl Fn() -> Engine<R>, greeting: &str) {
    let mut slow = Driver::new(engine());
    slow.give(Input::Start);
    let deadline = slow.wake_at.expect("opening takes so long at most");
    assert_eq!(deadline.at.since(slow.now), FIRST_REPLY);
    let outputs = slow.wake();
    assert!(outputs.contains(&Output::Closed(Ended::NoAnswer)), "{outputs:?}");

    let mut broken = Driver::new(engine());
    broken.give(Input::Start);
    broken.give(Input::Opened);
    broken.text(greeting);
    broken.give(Input::Dropped);
    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(broken.wake_at.expect("it comes back").at.since(broken.now));
        broken.wake();
        broken.open_failed();
    }
    assert!((BACKOFF.first / 2..=BACKOFF.first).contains(&waits[0]), "{waits:?}");
    assert!(
        waits[1..].iter().all(|wait| (BACKOFF.max / 2..=BACKOFF.max).contains(wait)),
        "{waits:?}"
    );
}

#[test]
fn a_visitor_keeps_the_times_it_was_made_with() {
    let config = || {
        let mut config = VisitorConfig::new(group());
        (config.backoff, config.first_reply) = (BACKOFF, FIRST_REPLY);
        config
    };
    keeps_its_times::<VisitorRole>(|| Engine::new(config(), 1), &welcome("secret-1"));
}

#[test]
fn an_agent_keeps_the_times_it_was_made_with() {
    let config = || {
        let mut config = AgentConfig::new(group(), AgentToken::new("agent-token").unwrap());
        (config.backoff, config.first_reply) = (BACKOFF, FIRST_REPLY);
        config
    };
    keeps_its_times::<AgentRole>(|| Engine::new(config(), 1), &signed_in("secret-1"));
}

#[test]
fn every_break_is_counted_by_how_it_was_mended() {
    let mut visitor = visitor();
    visitor.connect();
    for _ in 0..3 {
        visitor.give(Input::Dropped);
        visitor.wake();
        visitor.give(Input::Opened);
        visitor.text(r#"{"t":"resumed","re":0,"snapshot":{}}"#);
    }
    for number in 0..2 {
        visitor.give(Input::Dropped);
        visitor.wake();
        visitor.give(Input::Opened);
        visitor.text(RESUME_FAILED);
        visitor.text(&welcome(&format!("secret-{number}")));
    }
    let expected = Stats { opened: 6, resumed: 3, restored: 2, ..Stats::default() };
    assert_eq!(visitor.engine.stats(), expected);
}

#[test]
fn what_means_nothing_is_counted_each_time() {
    let mut visitor = visitor();
    visitor.go_online();
    for _ in 0..2 {
        visitor.text(r#"{"t":"resumed","re":0,"snapshot":{}}"#);
        visitor.text(&welcome("secret-2"));
        visitor.text("not a message");
    }
    let expected = Stats { opened: 1, unexpected: 4, undecodable: 2, ..Stats::default() };
    assert_eq!(visitor.engine.stats(), expected);
}

#[test]
fn an_error_of_a_transport_says_where_it_failed_and_in_whose_words() {
    let error = OpenError::new(OpenErrorKind::Tls, "the certificate is of last year");
    assert_eq!(error.kind(), OpenErrorKind::Tls);
    assert_eq!(error.detail(), "the certificate is of last year");
    assert_eq!(error.to_string(), "TLS failed: the certificate is of last year");
    let words = [
        OpenErrorKind::Address,
        OpenErrorKind::Name,
        OpenErrorKind::Connect,
        OpenErrorKind::Tls,
        OpenErrorKind::Handshake,
        OpenErrorKind::Dropped,
    ]
    .map(|kind| OpenError::new(kind, "").to_string());
    let expected = [
        "the address cannot be used",
        "the name cannot be resolved",
        "no connection",
        "TLS failed",
        "the other side is not a coview server",
        "the connection broke before the first reply",
    ];
    assert_eq!(words, expected);
}

#[test]
fn what_cannot_come_first_is_named() {
    for (first, kind) in [
        (r#"{"t":"pong","seen":1}"#, "pong"),
        (r#"{"t":"resumed","re":0,"snapshot":{}}"#, "resumed"),
        (r#"{"t":"terms_withdrawn","ask":1,"reason":"agent"}"#, "terms_withdrawn"),
        (r#"{"t":"identified","re":1,"visitor":"customer-42"}"#, "identified"),
        (r#"{"t":"refused","re":7,"code":"illegal_order"}"#, "refused"),
    ] {
        let mut visitor = visitor();
        visitor.give(Input::Start);
        visitor.give(Input::Opened);
        let outputs = visitor.text(first);
        let expected = Output::Closed(Ended::Protocol(ProtocolError::Unexpected(kind)));
        assert!(outputs.contains(&expected), "{first}: {outputs:?}");
    }
}

fn signals(agent: &mut Driver<AgentRole>, session: u64) -> bool {
    let session = SessionId::new(session);
    let signal = ViewerSignal { session, says: ViewerSays::Refresh }.encode();
    matches!(&agent.give(Input::SayBinary(signal))[..], [Output::SendBinary(_)])
}

/// The end of a request the agent does not wait for says nothing of where the agent is.
#[test]
fn only_the_request_that_waits_leads_into_a_session() {
    let asked = r#"{"t":"asked","re":1,"ask":3,"expires_ms":60000}"#;
    let came_to = |ask: u64, outcome: &str| {
        format!(r#"{{"t":"ask_ended","ask":{ask},"outcome":"{outcome}","session":9}}"#)
    };
    for (ask, leads) in [(3, true), (2, false)] {
        let mut agent = agent();
        agent.connect();
        agent.text(asked);
        agent.text(&came_to(ask, "accepted"));
        assert_eq!(agent.engine.picture_session(), leads.then(|| SessionId::new(9)));
        assert_eq!(signals(&mut agent, 9), leads);
    }
    let mut agent = agent();
    agent.connect();
    agent.text(asked);
    agent.text(&came_to(3, "accepted"));
    agent.text(r#"{"t":"ask_ended","ask":4,"outcome":"declined"}"#);
    assert!(signals(&mut agent, 9), "it is still in the session it was let into");
}

#[test]
fn an_engine_shows_its_phase_and_how_much_waits() {
    let mut visitor = visitor();
    let debug = format!("{:?}", visitor.engine);
    assert!(debug.starts_with("Engine { phase: New, "), "{debug}");
    assert!(debug.contains("outbox: 0, "), "{debug}");
    visitor.go_online();
    visitor.say(update(3, "page", "/checkout"));
    let debug = format!("{:?}", visitor.engine);
    assert!(debug.starts_with("Engine { phase: Live("), "{debug}");
    assert!(debug.contains("outbox: 1, "), "{debug}");
}

/// A server that was restarted has forgotten the request; the visitor is told so exactly if the request
/// had not come to its end before.
#[test]
fn a_request_that_went_with_the_server_is_told_as_over() {
    type Happens = fn(&mut Driver<VisitorRole>);
    fn declines(visitor: &mut Driver<VisitorRole>, ask: u64) {
        visitor.say(TermsDeclined { re: re(3), ask: AskId::new(ask) });
        visitor.text(r#"{"t":"pong","seen":3}"#);
    }
    fn hears_of_withdrawal(visitor: &mut Driver<VisitorRole>, ask: u64) {
        visitor.text(&format!(r#"{{"t":"terms_withdrawn","ask":{ask},"reason":"agent"}}"#));
    }
    let cases: [(&str, Happens, bool); 5] = [
        ("it waits", |_| (), true),
        ("it was declined", |visitor| declines(visitor, 5), false),
        ("an earlier one was declined", |visitor| declines(visitor, 4), true),
        ("it was withdrawn", |visitor| hears_of_withdrawal(visitor, 5), false),
        ("an earlier one was withdrawn", |visitor| hears_of_withdrawal(visitor, 4), true),
    ];
    for (what, happens, told) in cases {
        let mut visitor = visitor();
        visitor.go_online();
        visitor.text(
            r#"{"t":"terms_requested","ask":5,"agent":{"agent":"ann","name":"Ann"},"terms":{"version":"1","text":"May we?"},"expires_ms":60000}"#,
        );
        happens(&mut visitor);
        visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
        visitor.wake();
        visitor.give(Input::Opened);
        visitor.text(&welcome("secret-2"));
        visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
        let online = r#"{"t":"presence_connected","re":0,"presence":8,"focused":true}"#;
        let outputs = visitor.text(online);
        let over = outputs.iter().find_map(|output| match output {
            Output::Hear(ServerMessage::Resumed(resumed)) => Some(resumed.snapshot.ask_over),
            _ => None,
        });
        let expected = TermsOver { ask: AskId::new(5), reason: WithdrawReason::Shutdown };
        assert_eq!(over, Some(told.then_some(expected)), "{what}");
    }
}
