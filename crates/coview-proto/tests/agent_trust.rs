//! The token of an agent: renewed, kept for a server that has forgotten the agent, and the ends it
//! brings.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names the one output it waits for")]

mod common;

use coview_proto::AgentRole;
use coview_proto::Ended;
use coview_proto::Input;
use coview_proto::Output;
use coview_wire::AgentMessage;
use coview_wire::AgentNotice;
use coview_wire::AgentToken;
use coview_wire::Ask;
use coview_wire::CloseReason;
use coview_wire::Join;
use coview_wire::Message;
use coview_wire::RefusalCode;
use coview_wire::Renew;
use coview_wire::Renewed;
use coview_wire::SessionKey;
use coview_wire::VisitorId;
use coview_wire::Watch;

use crate::common::*;

type Agent = Driver<AgentRole>;

fn renew(number: u64, token: &str) -> Input<'static, AgentRole> {
    Input::Say(Renew { re: re(number), token: AgentToken::new(token).unwrap() }.into())
}

fn renewed(number: u64) -> String {
    format!(r#"{{"t":"renewed","re":{number},"expires_ms":60000}}"#)
}

fn refused(number: u64, code: RefusalCode) -> String {
    format!(r#"{{"t":"refused","re":{number},"code":"{}"}}"#, code.as_str())
}

fn connected() -> Agent {
    let mut agent = agent();
    agent.connect();
    agent
}

/// The connection breaks and the server has forgotten the agent; the token of the sign-in that
/// follows.
fn signs_in_again(agent: &mut Agent) -> String {
    agent.give(Input::Dropped);
    agent.wake();
    let resume = agent.give(Input::Opened);
    assert_eq!(sent(&resume), ["resume 0"]);
    let outputs = agent.text(RESUME_FAILED);
    let text = outputs.iter().find_map(|output| match output {
        Output::Send(text) => Some(text),
        _ => None,
    });
    match AgentMessage::decode(text.unwrap()).unwrap() {
        AgentMessage::SignIn(sign_in) => sign_in.token.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn heard(outputs: &[Output<AgentRole>]) -> Vec<AgentNotice> {
    let heard = outputs.iter().filter_map(|output| match output {
        Output::Hear(notice) => Some(notice.clone()),
        _ => None,
    });
    heard.collect()
}

#[test]
fn the_newest_token_goes_to_a_server_that_has_forgotten_the_agent() {
    type Happens = fn(&mut Agent);
    let table: [(&str, Happens, &str); 6] = [
        ("nothing", |_| (), "agent-token"),
        (
            "a newer one was accepted",
            |agent| {
                agent.give(renew(1, "second"));
                agent.text(&renewed(1));
            },
            "second",
        ),
        (
            "a newer one was refused",
            |agent| {
                agent.give(renew(1, "second"));
                agent.text(&refused(1, RefusalCode::BadToken));
            },
            "agent-token",
        ),
        ("a newer one is on its way", |agent| drop(agent.give(renew(1, "second"))), "second"),
        (
            "two newer ones are on their way",
            |agent| {
                agent.give(renew(1, "second"));
                agent.give(renew(2, "third"));
            },
            "third",
        ),
        (
            "one was acted on, and its answer is lost",
            |agent| {
                agent.give(renew(1, "second"));
                agent.text(r#"{"t":"pong","seen":1}"#);
            },
            "second",
        ),
    ];
    for (what, happens, expected) in table {
        let mut agent = connected();
        happens(&mut agent);
        assert_eq!(signs_in_again(&mut agent), expected, "{what}");
    }
}

#[test]
fn a_token_the_agent_signed_in_with_is_not_shown_once_more() {
    let mut agent = connected();
    agent.give(Input::Say(Watch { re: re(1), visitor: None }.into()));
    agent.text(r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#);
    agent.give(renew(2, "second"));
    assert_eq!(signs_in_again(&mut agent), "second");
    // Not everything is restored yet when the connection breaks again.
    assert_eq!(sent(&agent.text(&signed_in("secret-2"))), ["watch 0"]);
    agent.give(Input::Dropped);
    agent.wake();
    agent.give(Input::Opened);
    assert_eq!(sent(&agent.text(&signed_in("secret-3"))), ["watch 0"]);
    let outputs = agent.text(r#"{"t":"roster","re":0,"first":true,"more":false,"visitors":[]}"#);
    assert_eq!(sent(&outputs), [""; 0], "the renewal is not said again");
    let [AgentNotice::Resumed(_), AgentNotice::Roster(_), AgentNotice::Renewed(renewed)] =
        &heard(&outputs)[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!((renewed.re, renewed.expires_ms), (re(2), 3_600_000));
    // What the app says next is said, and what it said before that was acted on is not.
    assert_eq!(sent(&agent.give(renew(3, "third"))), ["renew 3"]);
    agent.text(&self::renewed(3));
    assert_eq!(signs_in_again(&mut agent), "third");
}

/// What the sign-in has answered does not wait any more, wherever it stood; and whatever a server
/// claims, it has not seen what was never said.
#[test]
fn what_the_sign_in_answers_is_taken_out_and_nothing_else() {
    // The tokens said over the connection, and those said while there is none.
    let table: [(&[&str], &[&str]); 5] = [
        (&["second"], &[]),
        (&["second", "third"], &[]),
        (&[], &["second"]),
        (&["second"], &["third", "third"]),
        (&["second", "third"], &["fourth"]),
    ];
    for ((told, untold), asks) in table.into_iter().flat_map(|row| [(row, false), (row, true)]) {
        let case = format!("{told:?}, then {untold:?}, asks {asks}");
        let mut agent = connected();
        let mut number = 0;
        if asks {
            // The sign-in does not answer it, and it stands before all the rest.
            number += 1;
            let visitor = VisitorId::new("ada").unwrap();
            agent.give(Input::Say(Ask { re: re(number), visitor }.into()));
        }
        let first = number + 1;
        let mut say = |agent: &mut Agent, token: &str| {
            number += 1;
            agent.give(renew(number, token))
        };
        for token in told {
            assert_eq!(sent(&say(&mut agent, token)).len(), 1);
        }
        agent.give(Input::Dropped);
        for token in untold {
            assert_eq!(say(&mut agent, token), []);
        }
        agent.wake();
        agent.give(Input::Opened);
        assert_eq!(sent(&agent.text(RESUME_FAILED)), ["sign_in 0"]);
        let outputs = agent.text(&signed_in("secret-2"));
        // An older token after the newest would take its place.
        let again: &[&str] = if asks { &["ask 1"] } else { &[] };
        assert_eq!(sent(&outputs), again, "{case}");
        let answers = heard(&outputs).into_iter().filter_map(|notice| match notice {
            AgentNotice::Renewed(renewed) => Some(renewed.re.get()),
            _ => None,
        });
        assert!(answers.eq(first..=number), "{case}: {outputs:?}");

        agent.give(Input::Dropped);
        number += 1;
        agent.give(Input::Say(Watch { re: re(number), visitor: None }.into()));
        agent.wake();
        agent.give(Input::Opened);
        let claim = format!(r#"{{"t":"resumed","re":0,"snapshot":{{"seen":{number}}}}}"#);
        assert_eq!(sent(&agent.text(&claim)), [format!("watch {number}")], "{case}");
    }
}

#[test]
fn a_token_that_comes_while_the_agent_signs_in_is_shown_after_it() {
    let mut agent = connected();
    agent.give(renew(1, "second"));
    assert_eq!(signs_in_again(&mut agent), "second");
    assert_eq!(agent.give(renew(2, "third")), []);
    let outputs = agent.text(&signed_in("secret-2"));
    assert_eq!(sent(&outputs), ["renew 2"]);
    let [AgentNotice::Resumed(_), AgentNotice::Renewed(answer)] = &heard(&outputs)[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(answer.re, re(1));
    agent.text(&refused(2, RefusalCode::BadToken));
    assert_eq!(signs_in_again(&mut agent), "second");
}

#[test]
fn a_renewal_is_answered_once_after_a_resume() {
    let mut agent = connected();
    agent.give(renew(1, "second"));
    agent.give(Input::Dropped);
    agent.wake();
    agent.give(Input::Opened);
    // The server has not seen it.
    let outputs = agent.text(r#"{"t":"resumed","re":0,"snapshot":{}}"#);
    assert_eq!(sent(&outputs), ["renew 1"]);
    let outputs = agent.text(&renewed(1));
    let rights = coview_wire::AgentRights::default();
    let expected = Renewed { re: re(1), expires_ms: 60_000, rights };
    assert_eq!(heard(&outputs), [expected.into()]);
}

#[test]
fn a_join_that_waits_has_been_acted_on_and_is_not_said_again() {
    let mut agent = connected();
    let key = SessionKey::parse("123456786").unwrap();
    agent.give(Input::Say(Join { re: re(1), key }.into()));
    let outputs = agent.text(r#"{"t":"join_waiting","re":1,"expires_ms":60000}"#);
    assert!(matches!(&heard(&outputs)[..], [AgentNotice::JoinWaiting(_)]), "{outputs:?}");
    assert_eq!(agent.engine.picture_session(), None, "no picture before the visitor said yes");
    assert_eq!(signs_in_again(&mut agent), "agent-token");
    let outputs = agent.text(&signed_in("secret-2"));
    assert_eq!(sent(&outputs), [""; 0], "a key is not tried twice");
    let [AgentNotice::Resumed(resumed)] = &heard(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(resumed.snapshot.joining, None);
}

/// A token is for good: what comes after the first sign-in ends the engine as well.
#[test]
fn a_token_that_is_not_accepted_closes_and_says_why() {
    for code in [
        RefusalCode::BadToken,
        RefusalCode::TokenExpired,
        RefusalCode::TokenUsed,
        RefusalCode::OriginForbidden,
        RefusalCode::SignInExpired,
    ] {
        let mut agent = connected();
        signs_in_again(&mut agent);
        let outputs = agent.text(&refused(0, code));
        assert_eq!(outputs, [Output::Close, Output::Closed(Ended::Refused(code))]);
        assert_eq!(agent.wake_at, None);
    }
}

/// A server that has forgotten the agent cannot refuse a newer token that is somebody else's. The
/// engine does: what the app holds is the agent it signed in as.
#[test]
fn a_newer_token_of_somebody_else_closes_when_it_is_used() {
    let mut agent = connected();
    agent.give(renew(1, "of-bob"));
    assert_eq!(signs_in_again(&mut agent), "of-bob");
    let outputs =
        agent.text(&signed_in("secret-2").replace("\"agent\":\"ann\"", "\"agent\":\"bob\""));
    assert_eq!(sent(&outputs), ["bye"]);
    let closed = [Output::Close, Output::Closed(Ended::Refused(RefusalCode::BadToken))];
    assert!(outputs.ends_with(&closed), "{outputs:?}");
    assert_eq!(outputs.len(), 3, "{outputs:?}");
    assert_eq!(agent.wake_at, None);
}

#[test]
fn a_server_that_cannot_take_the_agent_now_is_tried_again() {
    for code in [RefusalCode::Unavailable, RefusalCode::LimitExceeded, RefusalCode::ShuttingDown] {
        let mut agent = connected();
        signs_in_again(&mut agent);
        assert_eq!(agent.text(&refused(0, code)), [Output::Close], "{code}");
        agent.wake_for("the wait before reconnecting is over");
        assert_eq!(sent(&agent.give(Input::Opened)), ["sign_in 0"]);
    }
}

#[test]
fn an_expired_sign_in_closes_for_good_also_while_a_renewal_is_on_its_way() {
    let mut agent = connected();
    agent.give(renew(1, "second"));
    let outputs = agent.text(r#"{"t":"closing","reason":"sign_in_expired","retry":false}"#);
    let ended = Ended::Server(CloseReason::SignInExpired);
    assert_eq!(outputs, [Output::Close, Output::Closed(ended)]);
}

/// What a newer token leaves out is told as if it had been refused when the app asked for it.
#[test]
fn a_watch_that_is_not_allowed_any_more_does_not_end_the_agent() {
    for code in [RefusalCode::NotAllowed, RefusalCode::SignInExpired] {
        let mut agent = connected();
        agent.give(Input::Say(Watch { re: re(1), visitor: None }.into()));
        agent.text(r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#);
        signs_in_again(&mut agent);
        assert_eq!(sent(&agent.text(&signed_in("secret-2"))), ["watch 0"]);
        let outputs = agent.text(&refused(0, code));
        let [AgentNotice::Resumed(_), AgentNotice::Refused(told)] = &heard(&outputs)[..] else {
            panic!("{outputs:?}")
        };
        assert_eq!((told.re, told.code), (re(1), code));
        // It is not watched for once more.
        signs_in_again(&mut agent);
        assert_eq!(sent(&agent.text(&signed_in("secret-3"))), [""; 0]);
    }
}

#[test]
fn no_debug_output_holds_a_token() {
    let mut agent = connected();
    let outputs = agent.give(renew(1, "eyJ-second"));
    assert!(!format!("{:?}", agent.engine).contains("eyJ"));
    for output in outputs {
        assert!(!format!("{output:?}").contains("eyJ"));
    }
}
