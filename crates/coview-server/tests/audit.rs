//! What real clients do on real sockets is on record, each step in its words.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::File;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;

use coview_audit::Report;
use coview_audit::story;
use coview_audit::verify;
use coview_server::AuditConfig;
use coview_server::BindError;
use coview_server::Retention;
use coview_server::Server;
use coview_server::ServerConfig;
use coview_wire::GroupId;
use coview_wire::MaskNotice;
use coview_wire::MaskState;
use coview_wire::SessionId;
use coview_wire::Terms;
use support::HELLO;
use support::SIGN_IN;
use support::client;
use support::config;
use support::hear;
use support::say;
use support::with_server;
use tungstenite::Message;
use tungstenite::WebSocket;

/// A server that keeps its logs here, and asks its visitors about everybody with a key.
fn kept(folder: &Path) -> ServerConfig {
    let mut config = config();
    config.data = Some(folder.to_owned());
    let group = config.hub.groups.get_mut(&GroupId::new("12345").unwrap()).unwrap();
    group.confirm_join = true;
    group.terms =
        Terms::new("2026-11", "The agent will see.").unwrap().with_language("en").unwrap();
    config
}

fn log(folder: &Path) -> PathBuf {
    folder.join("audit").join("12345.jsonl")
}

fn check(folder: &Path) -> Report {
    verify(BufReader::new(File::open(log(folder)).unwrap()), None).unwrap()
}

/// The next text of this type.
fn until(socket: &mut WebSocket<TcpStream>, kind: &str) -> String {
    loop {
        let text = hear(socket);
        if text.contains(&format!("\"t\":\"{kind}\"")) {
            return text;
        }
    }
}

/// The value of a field: a number, or a text without its quotation marks.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}']).next().unwrap().trim_matches('"')
}

/// What is told of a session, without days and times.
fn told(folder: &Path, session: &str) -> String {
    let session = SessionId::new(session.parse().unwrap());
    let open = || Ok(BufReader::new(File::open(log(folder))?));
    let story = story(open, session).unwrap();
    assert_eq!(story.fault, None);
    let lines = story.lines.iter().map(|line| line.told().to_string()[25..].to_owned() + "\n");
    lines.collect()
}

#[test]
fn both_ways_to_share_are_on_record_from_the_first_word_to_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one_click, mut manual) = (String::new(), String::new());
    with_server(kept(folder.path()), |address, _| {
        let (mut visitor, mut agent) = (client(address, &[]), client(address, &[]));
        say(&mut visitor, HELLO);
        say(&mut visitor, r#"{"t":"identify","re":1,"visitor":"customer-42"}"#);
        say(&mut visitor, r#"{"t":"presence_connect","re":2}"#);
        until(&mut visitor, "presence_connected");
        say(&mut agent, SIGN_IN);
        say(&mut agent, r#"{"t":"ask","re":1,"visitor":"customer-42"}"#);
        let asked = until(&mut visitor, "terms_requested");
        let ask = field(&asked, "ask");
        say(&mut visitor, &format!(r#"{{"t":"terms_displayed","re":3,"ask":{ask}}}"#));
        say(&mut visitor, &format!(r#"{{"t":"terms_accepted","re":4,"ask":{ask}}}"#));
        let start =
            format!(r#"{{"t":"session_start","re":5,"start":1,"by":"visitor_id","ask":{ask}}}"#);
        say(&mut visitor, &start);
        let connected = until(&mut visitor, "session_connected");
        one_click = field(&connected, "session").to_owned();
        until(&mut agent, "joined");
        let session = SessionId::new(one_click.parse().unwrap());
        let masks = MaskNotice { session, state: MaskState::Known { areas: 2 } };
        visitor.send(Message::Binary(masks.encode().into())).unwrap();
        say(&mut visitor, r#"{"t":"session_end","re":6,"start":1}"#);
        until(&mut agent, "session_ended");

        // By a key, with a wrong one before, and with a visitor who says no and then yes.
        say(&mut visitor, r#"{"t":"session_start","re":7,"start":2,"by":"random_key"}"#);
        let connected = until(&mut visitor, "session_connected");
        manual = field(&connected, "session").to_owned();
        let key = field(&connected, "key");
        let wrong = if key == "123456786" { "482047198" } else { "123456786" };
        say(&mut agent, &format!(r#"{{"t":"join","re":2,"key":"{wrong}"}}"#));
        until(&mut agent, "refused");
        say(&mut agent, &format!(r#"{{"t":"join","re":3,"key":"{key}"}}"#));
        let request = until(&mut visitor, "join_requested");
        let join = field(&request, "join");
        say(&mut visitor, &format!(r#"{{"t":"join_confirmed","re":8,"join":{join}}}"#));
        until(&mut agent, "joined");
        say(&mut agent, &format!(r#"{{"t":"leave","re":4,"session":{manual}}}"#));
        // Two sockets: that the agent has left is certain when the visitor has been told.
        while !hear(&mut visitor).contains(r#""count":0"#) {}
        say(&mut visitor, r#"{"t":"session_end","re":9,"start":2}"#);
        say(&mut visitor, r#"{"t":"bye","re":10}"#);
        support::to_the_end(&mut visitor);
    });
    let report = check(folder.path());
    assert_eq!((report.fault, report.closed), (None, true));
    let text = std::fs::read_to_string(log(folder.path())).unwrap();
    for kind in ["identified", "agent_signed_in", "wrong_key"] {
        assert_eq!(text.matches(&format!("\"kind\":\"{kind}\"")).count(), 1, "{kind}");
    }
    insta::assert_snapshot!("one_click", told(folder.path(), &one_click));
    insta::assert_snapshot!("manual", told(folder.path(), &manual));
}

#[test]
fn retention_is_applied_when_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let record =
        coview_audit::Record::new(coview_audit::Kind::Identified, coview_wire::UnixTime::new(1))
            .personal(coview_audit::Personal::Visitor, "customer-42");
    let options = coview_audit::Options::new(|| coview_wire::UnixTime::new(1));
    let group = GroupId::new("12345").unwrap();
    let journal =
        coview_audit::Journal::open(&folder.path().join("audit"), [group.clone()], options)
            .unwrap();
    journal.append(&group, record);
    journal.close().unwrap();

    let retention = Retention { visitor_days: Some(30), ..Retention::default() };
    let audit = AuditConfig { retention, ..AuditConfig::default() };
    with_server(ServerConfig { audit, ..kept(folder.path()) }, |_, _| {});
    let report = check(folder.path());
    assert_eq!((report.fault, report.erased), (None, 1));
    assert!(!std::fs::read_to_string(log(folder.path())).unwrap().contains("customer-42"));
}

#[test]
fn a_server_does_not_start_on_a_broken_log_or_on_another_servers() {
    let folder = tempfile::tempdir().unwrap();
    with_server(kept(folder.path()), |_, _| {
        let second = smol::block_on(Server::bind(kept(folder.path())));
        let Err(BindError::Audit(error)) = second else { panic!("two servers write one log") };
        assert!(error.to_string().contains("another server writes the logs in"), "{error}");
    });
    let text = std::fs::read_to_string(log(folder.path())).unwrap();
    std::fs::write(log(folder.path()), text.replace("\"format\":1", "\"format\":2")).unwrap();
    let broken = smol::block_on(Server::bind(kept(folder.path())));
    let Err(BindError::Audit(error)) = broken else { panic!("it starts on a broken log") };
    assert!(error.to_string().contains("12345.jsonl: line 1: "), "{error}");
    assert!(error.to_string().contains("a new log begins in its place"), "{error}");
}
