//! What proves who a client is, kept for a server that has forgotten it; and which refusals are for
//! good.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one output it waits for")]

mod common;

use std::time::Duration;

use coview_proto::Ended;
use coview_proto::Input;
use coview_proto::Output;
use coview_proto::VisitorRole;
use coview_wire::ClientMessage;
use coview_wire::Identify;
use coview_wire::LogOut;
use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::PresenceDisconnect;
use coview_wire::Profile;
use coview_wire::RefusalCode;
use coview_wire::SessionId;
use coview_wire::VisitorAssertion;
use coview_wire::VisitorId;

use crate::common::*;

type Visitor = Driver<VisitorRole>;

fn proven(number: u64, visitor: &str, assertion: &str) -> ClientMessage {
    let assertion = Some(VisitorAssertion::new(assertion).unwrap());
    let visitor = VisitorId::new(visitor).unwrap();
    Identify { re: re(number), visitor, assertion, profile: None }.into()
}

/// A visitor who identified with the assertion `first` in message 1.
fn identified() -> Visitor {
    let mut visitor = visitor();
    visitor.connect();
    let ada = Profile::new().with_name("Ada").unwrap();
    let ClientMessage::Identify(first) = proven(1, "customer-42", "first") else { panic!() };
    visitor.say(Identify { profile: Some(ada), ..first });
    visitor.text(r#"{"t":"identified","re":1,"visitor":"customer-42"}"#);
    visitor
}

/// The server restarts and has forgotten the visitor; what `identify` says to it.
fn identifies_again(visitor: &mut Visitor) -> Option<Identify> {
    visitor.give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    let outputs = visitor.text(&welcome("secret-2"));
    said(&outputs)
}

fn said(outputs: &[Output<VisitorRole>]) -> Option<Identify> {
    use coview_wire::Message;
    outputs.iter().find_map(|output| match output {
        Output::Send(text) => match ClientMessage::decode(text).unwrap() {
            ClientMessage::Identify(identify) if identify.re == re(0) => Some(identify),
            _ => None,
        },
        _ => None,
    })
}

fn assertion_of(identify: Option<Identify>) -> Option<String> {
    Some(identify?.assertion?.expose_secret().to_owned())
}

#[test]
fn the_newest_assertion_goes_to_a_server_that_has_forgotten_the_visitor() {
    type Happens = fn(&mut Visitor);
    let table: [(&str, Happens, Option<&str>); 8] = [
        ("nothing", |_| (), Some("first")),
        (
            "a newer one was accepted",
            |v| {
                v.say(proven(2, "customer-42", "second"));
                v.text(r#"{"t":"identified","re":2,"visitor":"customer-42"}"#);
            },
            Some("second"),
        ),
        (
            "a newer one was refused",
            |v| {
                v.say(proven(2, "customer-42", "second"));
                v.text(r#"{"t":"refused","re":2,"code":"bad_assertion"}"#);
            },
            Some("first"),
        ),
        (
            "a newer one is on its way",
            |v| drop(v.say(proven(2, "customer-42", "second"))),
            Some("second"),
        ),
        (
            "two newer ones are on their way",
            |v| {
                v.say(proven(2, "customer-42", "second"));
                v.say(proven(3, "customer-42", "third"));
            },
            Some("third"),
        ),
        (
            "one of somebody else is on its way",
            |v| drop(v.say(proven(2, "customer-43", "foreign"))),
            Some("first"),
        ),
        (
            "the id was said again without one",
            |v| drop(v.say(identify(2, "customer-42"))),
            Some("first"),
        ),
        (
            "the visitor has logged out",
            |v| {
                v.say(LogOut { re: re(2) });
                v.text(r#"{"t":"pong","seen":2}"#);
            },
            None,
        ),
    ];
    for (what, happens, expected) in table {
        let mut visitor = identified();
        happens(&mut visitor);
        let told = assertion_of(identifies_again(&mut visitor));
        assert_eq!(told.as_deref(), expected, "{what}");
    }
}

#[test]
fn an_assertion_handed_over_while_away_is_in_time_for_the_restart() {
    let mut visitor = identified();
    visitor.give(Input::Dropped);
    visitor.say(proven(2, "customer-42", "fresh"));
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    let outputs = visitor.text(&welcome("secret-2"));
    assert_eq!(assertion_of(said(&outputs)).as_deref(), Some("fresh"));
    // It is also said as the message it is, and its answer goes up.
    let outputs = visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    assert_eq!(sent(&outputs), ["identify 2"]);
}

#[test]
fn a_newer_assertion_takes_no_profile_away() {
    let mut visitor = identified();
    visitor.say(proven(2, "customer-42", "second"));
    visitor.text(r#"{"t":"identified","re":2,"visitor":"customer-42"}"#);
    let identify = identifies_again(&mut visitor).unwrap();
    assert_eq!(identify.profile.unwrap().name(), Some("Ada"));
}

#[test]
fn another_visitor_inherits_no_assertion() {
    let mut visitor = identified();
    visitor.say(LogOut { re: re(2) });
    visitor.say(identify(3, "customer-43"));
    visitor.text(r#"{"t":"identified","re":3,"visitor":"customer-43"}"#);
    let identify = identifies_again(&mut visitor).unwrap();
    assert_eq!((identify.assertion, identify.profile), (None, None));
}

#[test]
fn a_proof_that_is_not_accepted_at_the_restart_closes_and_says_why() {
    for code in [
        RefusalCode::TokenExpired,
        RefusalCode::BadAssertion,
        RefusalCode::TokenUsed,
        RefusalCode::AssertionNeeded,
    ] {
        let mut visitor = identified();
        identifies_again(&mut visitor).unwrap();
        let outputs = visitor.text(&refused(code));
        assert_eq!(outputs, [Output::Close, Output::Closed(Ended::Refused(code))]);
    }
}

#[test]
fn a_server_that_can_keep_no_record_is_told_again_later() {
    for code in [RefusalCode::Unavailable, RefusalCode::ShuttingDown] {
        let mut visitor = identified();
        identifies_again(&mut visitor).unwrap();
        assert_eq!(visitor.text(&refused(code)), [Output::Close]);
        visitor.wake_for("the wait before reconnecting is over");
        // The place it has begun is taken up, and what is missing in it is said.
        assert_eq!(sent(&visitor.give(Input::Opened)), ["resume 0"]);
        let outputs = visitor.text(r#"{"t":"resumed","re":0,"snapshot":{}}"#);
        assert_eq!(assertion_of(said(&outputs)).as_deref(), Some("first"));
    }
}

fn refused(code: RefusalCode) -> String {
    format!(r#"{{"t":"refused","re":0,"code":"{}"}}"#, code.as_str())
}

/// Every code there is, as the answer to the first message of a later connection.
#[test]
fn refusals_that_no_waiting_cures_end_the_retries() {
    for code in RefusalCode::ALL.iter().copied() {
        for resumes in [true, false] {
            let mut visitor = visitor();
            visitor.connect();
            visitor.give(Input::Dropped);
            visitor.wake();
            visitor.give(Input::Opened);
            if !resumes {
                visitor.text(RESUME_FAILED);
            } else if code == RefusalCode::ResumeFailed {
                continue;
            }
            let outputs = visitor.text(&refused(code));
            let passes = matches!(
                code,
                RefusalCode::LimitExceeded | RefusalCode::ShuttingDown | RefusalCode::Unavailable
            );
            if passes {
                assert_eq!(outputs, [Output::Close], "{code}");
                visitor.wake_for("the wait before reconnecting is over");
            } else {
                let ended = Output::Closed(Ended::Refused(code));
                assert_eq!(outputs, [Output::Close, ended], "{code}");
                assert_eq!(visitor.wake_at, None, "{code}");
            }
        }
    }
}

#[test]
fn the_first_connection_is_refused_at_once_whatever_the_code() {
    for code in RefusalCode::ALL.iter().copied() {
        let mut visitor = visitor();
        visitor.give(Input::Start);
        visitor.give(Input::Opened);
        let ended = Output::Closed(Ended::Refused(code));
        assert_eq!(visitor.text(&refused(code)), [Output::Close, ended]);
    }
}

/// A server that drains sends its clients elsewhere, and who comes back to it is sent away until it
/// is gone or there is another one at the same address.
#[test]
fn a_draining_server_is_left_and_tried_again_ever_more_slowly() {
    let mut visitor = identified();
    visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    let mut longest = Duration::ZERO;
    for _ in 0..12 {
        let begun = visitor.now;
        visitor.wake_for("the wait before reconnecting is over");
        longest = longest.max(visitor.now.since(begun));
        assert_eq!(sent(&visitor.give(Input::Opened)), ["hello 0"]);
        assert_eq!(visitor.text(&refused(RefusalCode::ShuttingDown)), [Output::Close]);
    }
    assert!(longest > Duration::from_secs(5), "the waits do not grow: {longest:?}");
    visitor.wake();
    visitor.give(Input::Opened);
    let outputs = visitor.text(&welcome("secret-2"));
    assert_eq!(assertion_of(said(&outputs)).as_deref(), Some("first"), "it is known again");
}

#[test]
fn an_agent_whose_sign_in_has_expired_does_not_come_back() {
    let mut agent = agent();
    agent.connect();
    let outputs = agent.text(r#"{"t":"closing","reason":"sign_in_expired","retry":false}"#);
    let ended = Ended::Server(coview_wire::CloseReason::SignInExpired);
    assert_eq!(outputs, [Output::Close, Output::Closed(ended)]);
}

#[test]
fn a_mask_notice_passes_while_its_session_runs_and_no_longer() {
    const SESSION: SessionId = SessionId::new(9);
    let notice = |session| MaskNotice { session, state: MaskState::Known { areas: 2 } }.encode();
    let passes = |visitor: &mut Visitor, bytes: Vec<u8>| {
        let outputs = visitor.give(Input::SayBinary(bytes.clone()));
        let passed = outputs == [Output::SendBinary(bytes)];
        assert!(passed || outputs.is_empty(), "{outputs:?}");
        passed
    };

    let mut visitor = visitor();
    visitor.go_online();
    assert!(!passes(&mut visitor, notice(SESSION)), "before there is a session");
    let mut visitor = self::visitor();
    visitor.share();
    assert!(passes(&mut visitor, notice(SESSION)));
    assert!(!passes(&mut visitor, notice(SessionId::new(8))), "of another session");
    let mut cut = notice(SESSION);
    cut.pop();
    assert!(!passes(&mut visitor, cut), "one that cannot be read");
    // A server says none.
    let before = visitor.engine.stats().unexpected;
    assert_eq!(visitor.give(Input::Binary(&notice(SESSION))), []);
    assert_eq!(visitor.engine.stats().unexpected, before + 1);

    visitor.give(Input::Dropped);
    assert!(!passes(&mut visitor, notice(SESSION)), "while there is no connection");
    let mut visitor = self::visitor();
    visitor.share();
    visitor.say(end(4, 1));
    assert!(!passes(&mut visitor, notice(SESSION)), "after the visitor has ended the session");
    let mut visitor = self::visitor();
    visitor.share();
    visitor.say(PresenceDisconnect { re: re(4) });
    visitor.text(r#"{"t":"session_ended","start":1,"session":9,"reason":"agent"}"#);
    assert!(!passes(&mut visitor, notice(SESSION)), "after an agent has ended it");
}

#[test]
fn no_debug_output_holds_an_assertion() {
    let mut visitor = identified();
    let outputs = visitor.say(proven(2, "customer-42", "eyJ-second"));
    let said = format!("{:?} {:?}", visitor.engine, proven(3, "customer-42", "eyJ-third"));
    assert!(!said.contains("first") && !said.contains("eyJ"), "{said}");
    for output in outputs {
        let text = format!("{output:?}");
        assert!(!text.contains("eyJ"), "{text}");
    }
}

/// What proved one visitor proves nothing about another, whoever says that it is another.
#[test]
fn what_is_known_of_one_visitor_is_not_said_of_another() {
    type Becomes = fn(&mut Visitor);
    let table: [(&str, Becomes); 2] = [
        ("the app says so, and the server agrees", |v| {
            v.say(identify(2, "customer-43"));
            v.text(r#"{"t":"identified","re":2,"visitor":"customer-43"}"#);
        }),
        ("the server says so after a break", |v| {
            v.give(Input::Dropped);
            v.wake();
            v.give(Input::Opened);
            v.text(r#"{"t":"resumed","re":0,"snapshot":{"seen":1,"visitor":"customer-43"}}"#);
        }),
    ];
    for (how, becomes) in table {
        let mut visitor = identified();
        becomes(&mut visitor);
        let again = identifies_again(&mut visitor).expect("the visitor is identified");
        assert_eq!(again.visitor.as_str(), "customer-43", "{how}");
        assert_eq!((again.assertion, again.profile), (None, None), "{how}");
    }
    // An answer to nothing that waits is none.
    let mut visitor = identified();
    visitor.text(r#"{"t":"identified","re":1,"visitor":"customer-43"}"#);
    let again = identifies_again(&mut visitor).expect("the visitor is identified");
    assert_eq!(again.visitor.as_str(), "customer-42");
    assert_eq!(assertion_of(Some(again)).as_deref(), Some("first"));
}
