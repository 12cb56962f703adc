//! Nothing secret or personal is in anything that could be logged.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test runs with std and may panic"
)]

mod harness;

use std::fmt::Write;

use coview_hub::*;
use coview_wire::*;
use harness::proof::*;
use harness::*;

#[test]
fn no_event_no_debug_and_no_error_text_holds_a_secret() {
    let mut told = config();
    let mine = told.groups.get_mut(&group(GROUP)).unwrap();
    mine.client_token = Some(ClientToken::new("client-token-s3cret").unwrap());
    let mut log = format!("{told:?}");
    let mut w = World::with(told);

    let visitor = w.open();
    let profile = Profile::new()
        .with_name("Ada Lovelace")
        .unwrap()
        .with_email("ada@example.org")
        .unwrap()
        .with_phone("+44 20 7946 0000")
        .unwrap();
    let token = Some(ClientToken::new("client-token-s3cret").unwrap());
    let hello = Hello { token, profile, ..w.hello(GROUP) };
    let text = ClientMessage::from(hello).encode();
    log.push_str(&format!("{:?}", Input::Text { conn: visitor, text: &text }));
    w.text(visitor, &text);
    let ServerMessage::Welcome(welcome) = w.hear(visitor) else { panic!() };
    let resume_secret = welcome.secret.expose_secret().to_owned();

    w.identify(visitor, "ada");
    let re = w.next_re(visitor);
    let data = PresenceData::new().with("cart", "cart-value-s3cret").unwrap();
    w.say(visitor, PresenceConnect { re, data });
    w.hear_all(visitor);
    let agent = w.watcher("grace");
    let second = w.agent("joan");
    let (_, session, key) = w.share(visitor);
    w.join(agent, key);
    w.join(second, key);
    w.join(second, wrong_key(1));
    w.eject(agent, session, "joan");
    w.join(second, key);
    for number in 2..9 {
        w.join(second, wrong_key(number));
    }
    w.end(agent, session);
    w.hear_all(visitor);
    w.notices(agent);
    w.one_click(agent, visitor, "ada");
    w.text(visitor, r#"{"t":"identify","re":90,"visitor":"ada@example.org"}"#);
    w.text(visitor, r#"{"t":"hello","re":91,"version":1,"group":["client-token-s3cret"]}"#);
    w.text(agent, r#"{"t":"join","re":92,"key":"123 456 780"}"#);
    w.text(agent, r#"{"t":"sign_in","re":93,"version":"token-grace@12345"}"#);
    let stranger = w.open();
    let secret = ResumeSecret::new(format!("{resume_secret}x")).unwrap();
    w.say(stranger, Resume { re: RequestId::new(0), version: 1, group: group(GROUP), secret });
    w.drop_conn(visitor);
    let conn = w.open();
    let secret = ResumeSecret::new(&resume_secret).unwrap();
    w.say(conn, Resume { re: RequestId::new(0), version: 1, group: group(GROUP), secret });
    log.push_str(&format!("{:?}", w.hub));
    w.hub.handle_input(w.now, Input::Shutdown);
    loop {
        let output = w.hub.poll_output();
        write!(log, "{output:?}").unwrap();
        if let Output::Idle { .. } = output {
            break;
        }
    }
    for event in &w.events {
        write!(log, "{event:?}\n{event}\n").unwrap();
    }
    // Whatever complains must not repeat what it complains about.
    for (_, text) in &w.texts {
        if text.contains("\"refused\"") || text.contains("\"problem\"") {
            log.push_str(text);
        }
    }

    let mut grouped = String::new();
    key.write_grouped(&mut grouped).unwrap();
    let digits = grouped.replace(' ', "");
    let drawn = resume_secret.split_once('.').unwrap().1;
    for secret in [
        "s3cret",
        "token-grace",
        "Lovelace",
        "example.org",
        "7946",
        "123 456 780",
        "123456780",
        &grouped,
        &digits,
        drawn,
    ] {
        assert!(!log.contains(secret), "{secret:?} is in the log");
    }
    for line in ["wrong key", "too many wrong keys", "visitor resumed", "terms=\"v7\""] {
        assert!(log.contains(line), "{line:?} is not in the log");
    }
}

#[test]
fn no_event_and_no_answer_holds_anything_of_a_token_or_an_assertion() {
    let mut w = World::strict();
    // What is in them is only in them: the group and the names are public.
    let number =
        |claims: Claims, number: u8| claims.expires(77_000 + u64::from(number)).once(number);
    let token = |at| number(Claims::agent("grace"), at);
    let assertion = |at| number(Claims::visitor("ada"), at);
    let agent = w.signed_in(&token(1));
    w.renew(agent, &token(2));
    w.renew(agent, &token(2));
    w.renew(agent, &number(Claims::agent("joan"), 3));
    w.renew(agent, &token(4).forged());
    for claims in [token(1), token(5).forged(), token(6).group(OTHER_GROUP)] {
        w.not_signed_in(GROUP, &claims);
    }
    let visitor = w.proved(&assertion(1));
    let other = w.anonymous();
    for claims in [assertion(1), assertion(2).forged(), number(Claims::visitor("eve"), 3)] {
        w.identify_as(other, "ada", Some(&claims));
    }
    let mut log = format!("{:?}", w.hub);
    for event in &w.events {
        write!(log, "{event:?}\n{event}\n").unwrap();
    }
    for (_, text) in &w.texts {
        log.push_str(text);
    }
    for claims in [token(1), token(2), token(4).forged()] {
        let secret = claims.token();
        assert!(!log.contains(secret.expose_secret()), "a token is in the log");
        assert!(!format!("{secret:?}").contains("grace"));
    }
    for claims in [assertion(1), assertion(2).forged()] {
        let secret = claims.assertion();
        assert!(!log.contains(secret.expose_secret()), "an assertion is in the log");
        assert!(!format!("{secret:?}").contains("ada"));
    }
    assert!(!log.contains("s1gned") && !log.contains("signed/") && !log.contains("/-/"));
    for line in ["token refused", "assertion refused", "agent renewed", "why=\"used before\""] {
        assert!(log.contains(line), "{line:?} is not in the log");
    }
    assert!(w.is_quiet(visitor));
}

#[test]
fn a_name_breaks_no_line_of_the_log() {
    let card = |name| AgentCard::new(AgentId::new("grace").unwrap(), name).unwrap();
    let mut forged = config();
    let mine = forged.groups.get_mut(&group(GROUP)).unwrap();
    let token = AgentToken::new("t").unwrap();
    let name = "Eve\" agent=\"root \u{2028}\u{202e}";
    mine.proofs = std::sync::Arc::new(Accounts::default().with(token.clone(), card(name)));
    let mut w = World::with(forged);
    let conn = w.open();
    w.call(conn, SignIn { re: RequestId::new(0), version: 1, group: group(GROUP), token });
    let line = w.events.last().unwrap().to_string();
    assert!(line.contains(r#"name="Eve\" agent=\"root \u{2028}\u{202e}""#), "{line}");
}

#[test]
fn every_resume_secret_is_another() {
    let mut w = World::new();
    let mut secrets: Vec<String> = (0..200)
        .map(|at| if at % 2 == 0 { w.anonymous() } else { w.agent("grace") })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|conn| w.secret(conn).expose_secret().split_once('.').unwrap().1.to_owned())
        .collect();
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 200);
}

#[test]
fn a_hub_can_be_sent_to_another_thread() {
    fn sendable<T: Send + Sync + 'static>() {}
    sendable::<Hub>();
    sendable::<Output>();
    sendable::<HubConfig>();
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut w = World::new();
        let visitor = w.online("ada");
        let agent = w.watcher("grace");
        w.one_click(agent, visitor, "ada");
        w.pass_in_silence(secs(100));
        w.texts
    };
    assert_eq!(run(), run());
}

#[test]
fn debug_of_what_goes_in_and_out_shows_whom_and_how_much() {
    let conn = ConnId::new(7);
    assert_eq!(conn.get(), 7);
    assert_eq!(format!("{conn:?} {conn}"), "ConnId(7) 7");
    assert_eq!(format!("{:?}", Input::Text { conn, text: "hello" }), "Text { conn: 7, 5 bytes }");
    assert_eq!(format!("{:?}", Input::Binary { conn, bytes: &[1] }), "Binary { conn: 7, 1 bytes }");
    assert_eq!(
        format!("{:?}", Output::Send { conn, text: "hello".into() }),
        "Send { conn: 7, 5 bytes }"
    );
    assert_eq!(format!("{:?}", Output::Idle { wake_at: None }), "Idle { wake_at: None }");
    let mut w = World::new();
    w.identified("ada");
    let Some(Event::Identified { client, .. }) = w.events.last() else { panic!("not recorded") };
    assert_eq!(format!("{client:?}"), format!("Place({client})"));
}
