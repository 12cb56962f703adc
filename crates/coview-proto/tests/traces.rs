//! Whole conversations, as snapshots: what goes in (→), what comes out (←), what is waited for (…).
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test runs on std, and stops at what it does not expect"
)]

mod common;

use coview_proto::Input;
use coview_wire::AgentMessage;
use coview_wire::AppState;
use coview_wire::Ask;
use coview_wire::VisitorId;
use coview_wire::Watch;

use self::common::*;

#[test]
fn first_connect() {
    let mut visitor = visitor();
    visitor.give(Input::Start);
    visitor.secs(1).give(Input::Opened);
    visitor.secs(1).text(&welcome("secret-1"));
    visitor.secs(1).say(identify(1, "customer-42"));
    visitor.text(r#"{"t":"identified","re":1,"visitor":"customer-42"}"#);
    visitor.wake();
    visitor.secs(1).text(r#"{"t":"pong","seen":1}"#);
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn connect_refused() {
    let mut visitor = visitor();
    visitor.give(Input::Start);
    visitor.give(Input::Opened);
    visitor.text(r#"{"t":"refused","re":0,"code":"unknown_group"}"#);
    visitor.text(r#"{"t":"closing","reason":"refused","retry":false}"#);
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn no_answer() {
    let mut visitor = visitor();
    visitor.give(Input::Start);
    visitor.secs(6).give(Input::Opened);
    visitor.wake();
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn drop_backoff_resume() {
    let mut visitor = visitor();
    visitor.share();
    visitor.secs(1).say(update(4, "page", "/pay"));
    visitor.give(Input::Dropped);
    visitor.say(update(5, "step", "1"));
    visitor.say(update(6, "step", "2"));
    visitor.wake();
    visitor.open_failed();
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(
        r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"answered":{"re":3},"visitor":"customer-42","presence":{"presence":7,"focused":true},"session":{"start":1,"session":9,"key":"123456786","count":0,"guests":[]}}}"#,
    );
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn resume_refused_then_restored() {
    let mut visitor = visitor();
    visitor.share();
    visitor.say(update(4, "page", "/pay"));
    visitor.text(r#"{"t":"pong","seen":4}"#);
    visitor.text(
        r#"{"t":"terms_requested","ask":5,"agent":{"agent":"ann","name":"Ann"},"terms":{"version":"1","text":"?"},"expires_ms":60000}"#,
    );
    visitor.give(Input::Dropped);
    visitor.say(update(5, "step", "1"));
    visitor.secs(60).give(Input::Timeout);
    visitor.give(Input::Opened);
    visitor.text(RESUME_FAILED);
    visitor.text(&welcome("secret-2"));
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    visitor.text(r#"{"t":"presence_connected","re":0,"presence":8,"focused":false}"#);
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn heartbeat_loss() {
    let mut visitor = visitor();
    visitor.connect();
    visitor.wake_for("a ping is due");
    visitor.secs(1).text(r#"{"t":"pong"}"#);
    visitor.wake_for("a ping is due");
    visitor.wake_for("a ping is due");
    visitor.wake_for("nothing was heard for too long");
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn park_and_renew() {
    let mut visitor = visitor();
    visitor.go_online();
    visitor.say(moved(3, AppState::Background));
    visitor.secs(5).give(Input::Dropped);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(
        r#"{"t":"resumed","re":0,"snapshot":{"seen":3,"visitor":"customer-42","presence":{"presence":7,"focused":true}}}"#,
    );
    visitor.secs(5).give(Input::Dropped);
    visitor.secs(20).say(update(4, "page", "/pay"));
    visitor.secs(20).say(moved(5, AppState::Active));
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn leave() {
    let mut visitor = visitor();
    visitor.share();
    visitor.give(Input::Leave);
    visitor.say(end(4, 1));
    visitor.give(Input::Dropped);
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn server_restarts() {
    let mut visitor = visitor();
    visitor.share();
    visitor.text(r#"{"t":"closing","reason":"shutdown","retry":true}"#);
    visitor.wake();
    visitor.give(Input::Opened);
    visitor.text(&welcome("secret-2"));
    visitor.text(r#"{"t":"identified","re":0,"visitor":"customer-42"}"#);
    visitor.text(r#"{"t":"refused","re":0,"code":"presence_disabled"}"#);
    insta::assert_snapshot!(visitor.trace());
}

#[test]
fn agent_is_restored() {
    let mut agent = agent();
    agent.connect();
    agent.give(Input::Say(AgentMessage::Watch(Watch { re: re(1), visitor: None })));
    agent.text(r#"{"t":"roster","re":1,"first":true,"more":false,"visitors":[]}"#);
    let visitor = VisitorId::new("customer-42").unwrap();
    agent.give(Input::Say(AgentMessage::Ask(Ask { re: re(2), visitor })));
    agent.text(r#"{"t":"asked","re":2,"ask":5,"expires_ms":60000}"#);
    agent.give(Input::Dropped);
    agent.secs(60).give(Input::Timeout);
    agent.give(Input::Opened);
    agent.text(RESUME_FAILED);
    agent.text(&signed_in("secret-2"));
    agent.text(r#"{"t":"roster","re":0,"first":true,"more":true,"visitors":[]}"#);
    agent.text(r#"{"t":"roster","re":0,"first":false,"more":false,"visitors":[]}"#);
    insta::assert_snapshot!(agent.trace());
}
